"""The part of the control API for evidence: the control catalogue and the statutory clocks."""

from typing import Final

from wardkeep.compliance import evidence_forms as form
from wardkeep.compliance.catalogue import Profile, load_catalogue, show
from wardkeep.compliance.terms import invalid
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, get_route, post_route, today


async def _controls(asked: Asked) -> object:
    try:
        profile = Profile(asked.query.get("profile", ""))
    except ValueError:
        raise invalid("profile", "given as ?profile=current or ?profile=nprm_strict") from None
    return show(load_catalogue(), profile)


async def _breach_clocks(asked: Asked, filled: form.BreachClocksForm) -> object:
    return {"deadlines": [form.deadline_view(each, today(asked)) for each in filled.deadlines()]}


async def _right_clock(asked: Asked, filled: form.RightClockForm) -> object:
    return {"deadlines": [form.deadline_view(filled.deadline(), today(asked))]}


EVIDENCE_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("evidence/controls", Permission.REGISTRY_READ, "evidence.controls", _controls, query=("profile",)),
    # These compute from what is sent and change nothing.
    post_route(
        "evidence/clocks/breach", Permission.REGISTRY_READ, "evidence.breach", form.BreachClocksForm, _breach_clocks
    ),
    post_route("evidence/clocks/right", Permission.REGISTRY_READ, "evidence.right", form.RightClockForm, _right_clock),
)
