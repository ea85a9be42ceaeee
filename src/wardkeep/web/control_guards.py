"""The part of the control API for prompt security: guard terms, and approvals of held requests."""

from functools import partial
from typing import Final

import msgspec

from wardkeep.compliance import guards
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.guard_forms import GuardForm, PromptApprovalForm
from wardkeep.compliance.terms import invalid
from wardkeep.model.reasons import Reason
from wardkeep.policy.guard import DEFAULT, route_guard, workspace_guard
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route


class _Held(msgspec.Struct, frozen=True):
    """What the header of a held request's refusal says."""

    decision: str | None = None
    actor: str | None = None
    detail: dict[str, str | int | bool] | None = None


async def _list_guards(asked: Asked) -> object:
    return {
        "default": guards.terms_view(DEFAULT),
        "guards": [guards.guard_view(each) for _, each in sorted(asked.registry.guards.items())],
        "approvals": [msgspec.to_builtins(each) for _, each in sorted(asked.registry.prompt_approvals.items())],
    }


async def _set_guard(asked: Asked, filled: GuardForm) -> object:
    if (filled.route is None) == (filled.workspace is None):
        raise invalid("guard", "of one route or one workspace")
    guard = route_guard(filled.route) if filled.route is not None else workspace_guard(filled.workspace or "")
    plan = partial(guards.set_guard, guard=guard, terms=filled.terms())
    done = await change(asked, "guard.set", filled.reason, plan, id=guard)
    held = asked.app.control.registry.guards.get(guard)
    is_proposed = held is not None and held.proposed is not None
    return {**(done if isinstance(done, dict) else {}), "is_proposed": is_proposed}


async def _approve_prompt(asked: Asked, filled: PromptApprovalForm) -> object:
    index = asked.words[0]
    if not (index.isascii() and index.isdigit() and len(index) <= 15):
        raise invalid("index", "a whole number")
    found = await asked.app.reader.ledger.read(int(index))
    held = None if found is None else msgspec.json.decode(found.header, type=_Held)
    tag = "" if held is None or held.detail is None else str(held.detail.get("tag", ""))
    if held is None or held.decision != Reason.PROMPT_HELD.value or not tag:
        raise NotAllowed(
            "not_found",
            what="There is no held request at this index.",
            why="Only a refusal with the reason prompt_held can be approved.",
            fix="The refused application is told the index; `wardkeep audit list` shows the entries.",
            status=404,
        )
    key = asked.registry.keys.get((held.actor or "").removeprefix("key:"))
    plan = partial(
        guards.approve_prompt,
        entry=int(index),
        tag=tag,
        owner=None if key is None else key.owner,
        now=asked.app.clock().wall,
        hours=filled.hours,
    )
    return await change(asked, "guard.approve", filled.reason, plan, hours=filled.hours)


GUARD_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("guards", Permission.REGISTRY_READ, "guard.list", _list_guards),
    post_route("guards", Permission.AGREEMENT_ADD, "guard.set", GuardForm, _set_guard),
    post_route("guards/held/{}/approve", Permission.LEDGER_OPEN, "guard.approve", PromptApprovalForm, _approve_prompt),
)
