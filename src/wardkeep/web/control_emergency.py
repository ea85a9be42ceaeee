"""The part of the control API for emergencies: the ledger is down and care goes on (45 CFR 164.308(a)(7))."""

from typing import TYPE_CHECKING, Final

from wardkeep.compliance import emergency as rules
from wardkeep.compliance.break_glass import spent
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.forms import ReasonForm
from wardkeep.model.break_glass import GlassMethod
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, get_route, post_route

if TYPE_CHECKING:
    from wardkeep.compliance.records import Change


class DeclareForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An emergency. `code` is one of the sealed envelope; without it a second person confirms."""

    minutes: int = 60
    code: str | None = None

    def __repr__(self) -> str:
        """Show nothing: a code is a credential, and a reason may name a patient."""
        return "DeclareForm(...)"


async def _show(asked: Asked) -> object:
    return rules.view(_emergency(asked))


async def _declare(asked: Asked, filled: DeclareForm) -> object:
    emergency = _emergency(asked)
    taken: tuple[Change, ...] = ()
    if filled.code is not None:
        if asked.app.factors is None:
            raise _no_envelope()
        proof = await asked.app.factors.prove(asked.registry, asked.by, filled.code)
        if proof.method is not GlassMethod.OFFLINE_CODE or proof.spent is None:
            raise _no_envelope()
        taken = (spent(asked.registry, asked.by, proof.spent),)
    declared = await emergency.declare(asked.by, minutes=filled.minutes, reason=filled.reason, spent=taken)
    return rules.declared_view(declared, asked.app.clock().wall)


async def _confirm(asked: Asked, filled: ReasonForm) -> object:
    declared = await _emergency(asked).confirm(asked.by, name=asked.words[0], reason=filled.reason)
    return rules.declared_view(declared, asked.app.clock().wall)


async def _end(asked: Asked, filled: ReasonForm) -> object:
    declared = await _emergency(asked).end(asked.by, reason=filled.reason)
    return rules.declared_view(declared, asked.app.clock().wall)


def _emergency(asked: Asked) -> rules.Emergency:
    if asked.app.emergency is None:
        raise NotAllowed(
            "emergency_not_set_up",
            what="This face does not keep the ledger.",
            why="Only the process that keeps it can know that it is down.",
            fix="Ask the running instance.",
            status=409,
        )
    return asked.app.emergency


def _no_envelope() -> NotAllowed:
    return NotAllowed(
        "mfa_stale",
        what="That is no code of a sealed envelope.",
        why="One person alone declares an emergency only with what lay sealed until now (45 CFR 164.308(a)(7)).",
        fix="Use a code of your envelope, or leave the code out and have another officer confirm.",
    )


EMERGENCY_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("emergency", Permission.REGISTRY_READ, "emergency.show", _show),
    post_route("emergency", Permission.INCIDENT_CHANGE, "emergency.declare", DeclareForm, _declare),
    post_route("emergency/{}/confirm", Permission.INCIDENT_CHANGE, "emergency.confirm", ReasonForm, _confirm),
    post_route("emergency/end", Permission.INCIDENT_CHANGE, "emergency.end", ReasonForm, _end),
)
