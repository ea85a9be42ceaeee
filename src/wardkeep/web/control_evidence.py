"""The part of the control API for evidence: the control catalogue, live status, and the statutory clocks."""

from functools import partial
from typing import Final

from wardkeep.audit.errors import LedgerError
from wardkeep.compliance import evidence_forms as form
from wardkeep.compliance.addressable import approve_addressable, decide_addressable, register_view
from wardkeep.compliance.catalogue import Profile, load_catalogue, show
from wardkeep.compliance.status import Known, read_window, status_view, statuses
from wardkeep.compliance.status_programme import all_queries
from wardkeep.compliance.terms import invalid
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route, today


async def _controls(asked: Asked) -> object:
    try:
        profile = Profile(asked.query.get("profile", ""))
    except ValueError:
        raise invalid("profile", "given as ?profile=current or ?profile=nprm_strict") from None
    return show(load_catalogue(), profile)


async def _status(asked: Asked) -> object:
    """Compute all now: nothing is kept, so nothing goes stale unseen."""
    registry, read_at = asked.app.control.registry, asked.app.clock().wall
    try:
        window = await read_window(asked.app.reader.ledger, now=asked.app.clock().wall)
    except LedgerError:
        # A ledger that cannot be read is a finding, and the page that shows it must not fail with it.
        window = None
    known = Known(
        now=asked.app.clock().wall,
        today=today(asked),
        window=window,
        registry=registry,
        registry_read_at=read_at,
    )
    found = statuses(load_catalogue(), known, all_queries())
    return {
        "at": known.now.isoformat(),
        "window": None if window is None else {"from": window.start, "to": window.stop, "is_whole": window.is_whole},
        "controls": [status_view(each) for each in found],
    }


async def _decisions(asked: Asked) -> object:
    return {"decisions": register_view(asked.registry, load_catalogue(), today(asked))}


async def _decide(asked: Asked, filled: form.DecisionForm) -> object:
    plan = partial(
        decide_addressable,
        control=asked.words[0],
        decision=filled.decision,
        until=filled.until,
        today=today(asked),
        catalogue=load_catalogue(),
    )
    return await change(asked, "decision.make", filled.reason, plan)


async def _approve(asked: Asked, filled: form.ApprovalForm) -> object:
    plan = partial(approve_addressable, control=asked.words[0], decision=filled.decision, today=today(asked))
    return await change(asked, "decision.approve", filled.reason, plan)


async def _breach_clocks(asked: Asked, filled: form.BreachClocksForm) -> object:
    return {"deadlines": [form.deadline_view(each, today(asked)) for each in filled.deadlines()]}


async def _right_clock(asked: Asked, filled: form.RightClockForm) -> object:
    return {"deadlines": [form.deadline_view(filled.deadline(), today(asked))]}


EVIDENCE_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("evidence/controls", Permission.REGISTRY_READ, "evidence.controls", _controls, query=("profile",)),
    get_route("evidence/status", Permission.LEDGER_READ, "evidence.status", _status),
    get_route("evidence/decisions", Permission.REGISTRY_READ, "decision.list", _decisions),
    post_route("evidence/decisions/{}/decide", Permission.CONTROL_DECIDE, "decision.make", form.DecisionForm, _decide),
    post_route(
        "evidence/decisions/{}/approve", Permission.CONTROL_DECIDE, "decision.approve", form.ApprovalForm, _approve
    ),
    # These compute from what is sent and change nothing.
    post_route(
        "evidence/clocks/breach", Permission.REGISTRY_READ, "evidence.breach", form.BreachClocksForm, _breach_clocks
    ),
    post_route("evidence/clocks/right", Permission.REGISTRY_READ, "evidence.right", form.RightClockForm, _right_clock),
)
