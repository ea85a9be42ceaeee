"""Guard terms of routes and workspaces, and approvals of requests that were held (45 CFR 164.308(a)(1)(ii)(B)).

Pure. One officer makes terms stricter; weaker ones, or none where a record demanded more, take two people, like every
road that is opened. An approval is for one request of one key, by somebody who may open its entry and is not the key's
owner, and ends by itself.
"""

import re
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import clean_id, invalid, require, unknown
from wardkeep.compliance.two_people import second_person
from wardkeep.model.guard import Guard, GuardAction, GuardTerms, PromptApproval, Watch
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.guard import DEFAULT, in_force, is_weaker, route_guard, workspace_guard
from wardkeep.policy.roles import Permission

LONGEST_APPROVAL_HOURS: Final = 72
_HOST: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?:\.(?!-)[a-z0-9-]{1,63}){1,8}")
_PASSIVE: Final = frozenset({GuardAction.OFF, GuardAction.FLAG})
_POSSIBLE: Final = MappingProxyType(
    {
        Watch.INJECTION: frozenset(GuardAction),
        Watch.LINKS: _PASSIVE | {GuardAction.MASK, GuardAction.BLOCK},
        Watch.PAYLOADS: _PASSIVE | {GuardAction.MASK, GuardAction.BLOCK},
        # A repeated prompt cannot be taken out of a stream that has begun to repeat it.
        Watch.LEAK: _PASSIVE | {GuardAction.BLOCK},
        Watch.REVEALS: _PASSIVE | {GuardAction.MASK, GuardAction.BLOCK},
    }
)


def set_guard(registry: Registry, by: Person, *, guard: str, terms: GuardTerms) -> tuple[Change, ...]:
    """Put the terms of a route or workspace, or propose them where they are weaker than what holds.

    The same terms said again by a second person take effect. Raises NotAllowed.
    """
    require(by, Permission.AGREEMENT_ADD)
    _check_about(registry, guard)
    check_terms(terms)
    held = registry.guards.get(guard)
    if not is_weaker(terms, in_force(held)):
        record = Guard(id=guard, terms=terms, set_by=by.id)
        return (Change(kind=Kind.GUARDS, id=guard, record=record),)
    require(by, Permission.AGREEMENT_ACTIVATE)
    if held is not None and held.proposed == terms and held.proposed_by is not None:
        note = second_person(
            registry, by, held.proposed_by, under=held.proposed_under, deed="proposed the weaker terms"
        )
        record = Guard(id=guard, terms=terms, set_by=by.id)
        return (Change(kind=Kind.GUARDS, id=guard, record=record, note=note or "guard_weakened"),)
    record = replace(
        held if held is not None else Guard(id=guard, terms=DEFAULT, set_by=by.id),
        proposed=terms,
        proposed_by=by.id,
        proposed_under=by.access_by,
    )
    return (Change(kind=Kind.GUARDS, id=guard, record=record, note="weaker_guard_proposed"),)


def approve_prompt(
    registry: Registry, by: Person, *, entry: int, tag: str, owner: str | None, now: datetime, hours: int
) -> tuple[Change, ...]:
    """Let one held request be sent as it was, by the same key, for some hours.

    `tag` and `owner` (of the key) are what the refusal's entry names. Raises NotAllowed.
    """
    require(by, Permission.LEDGER_OPEN)
    if not 1 <= hours <= LONGEST_APPROVAL_HOURS:
        raise invalid("number of hours", f"from 1 to {LONGEST_APPROVAL_HOURS}")
    if owner == by.id:
        raise NotAllowed(
            "separation_of_duties",
            what="Who owns the key that asked does not approve what it asked.",
            why="A held request is looked at by somebody else (45 CFR 164.308(a)(4)).",
            fix="Ask another officer.",
        )
    until = int(now.timestamp()) + hours * 3600
    record = PromptApproval(id=clean_id(tag, "tag"), entry=entry, approved_by=by.id, until=until)
    ended = [
        Change(kind=Kind.PROMPT_APPROVALS, id=each.id, record=None)
        for each in registry.prompt_approvals.values()
        if each.until < now.timestamp() and each.id != tag
    ]
    return (Change(kind=Kind.PROMPT_APPROVALS, id=tag, record=record), *ended)


def guard_view(guard: Guard) -> dict[str, object]:
    """Return a guard as it is shown."""
    return {
        "id": guard.id,
        **terms_view(guard.terms),
        "set_by": guard.set_by,
        "proposed": None if guard.proposed is None else terms_view(guard.proposed),
        "proposed_by": guard.proposed_by,
    }


def terms_view(terms: GuardTerms) -> dict[str, object]:
    """Return terms as they are shown."""
    actions: dict[str, object] = {watch.value: terms.action(watch).value for watch in Watch}
    return {**actions, "marked": terms.marked, "hosts": sorted(terms.hosts)}


def check_terms(terms: GuardTerms) -> None:
    """Return when each action makes sense on its watch, and hosts are names. Raises NotAllowed."""
    for watch, allowed in _POSSIBLE.items():
        if terms.action(watch) not in allowed:
            names = ", ".join(each.value for each in GuardAction if each in allowed)
            raise invalid(f"action on {watch.value}", f"one of {names}")
    if not all(_HOST.fullmatch(host) for host in terms.hosts):
        raise invalid("host", "a host name in small letters, like ehr.clinic.example")


def _check_about(registry: Registry, guard: str) -> None:
    routes = {route_guard(model) for model in registry.routes}
    places = {workspace_guard(name) for name in registry.workspaces}
    if guard not in routes | places:
        raise unknown("route or workspace", "wardkeep route list")
