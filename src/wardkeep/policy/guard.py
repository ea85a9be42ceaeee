"""Which guard terms hold for a call: the route's and the workspace's, the stricter of both, else the built-in ones.

Pure. A workspace cannot weaken what a route demands, nor a route what its workspace does.
"""

from typing import Final

from wardkeep.model.guard import STRICTNESS, Guard, GuardAction, GuardTerms, Watch
from wardkeep.model.registry import Registry

DEFAULT: Final = GuardTerms()


def terms_for(registry: Registry, *, workspace: str, model: str) -> GuardTerms:
    """Return the terms in force for a route in a workspace."""
    if not registry.guards:
        return DEFAULT
    held = (registry.guards.get(route_guard(model)), registry.guards.get(workspace_guard(workspace)))
    found = [guard.terms for guard in held if guard is not None]
    if not found:
        return DEFAULT
    return found[0] if len(found) == 1 else stricter(*found)


def route_guard(model: str) -> str:
    """Return the id of a route's guard."""
    return f"route/{model}"


def workspace_guard(workspace: str) -> str:
    """Return the id of a workspace's guard."""
    return f"workspace/{workspace}"


def stricter(one: GuardTerms, other: GuardTerms) -> GuardTerms:
    """Return terms that are as strict as either in everything."""
    return GuardTerms(
        injection=_strictest(one.injection, other.injection),
        links=_strictest(one.links, other.links),
        payloads=_strictest(one.payloads, other.payloads),
        leak=_strictest(one.leak, other.leak),
        reveals=_strictest(one.reveals, other.reveals),
        marked=one.marked or other.marked,
        hosts=one.hosts & other.hosts,
    )


def is_weaker(new: GuardTerms, old: GuardTerms) -> bool:
    """Whether anything is let through under the new terms that the old ones stop, or goes unrecorded."""
    if not new.hosts <= old.hosts or (old.marked and not new.marked):
        return True
    return any(STRICTNESS[new.action(watch)] < STRICTNESS[old.action(watch)] for watch in Watch)


def in_force(guard: Guard | None) -> GuardTerms:
    """Return the terms of a record, or the built-in ones where there is none."""
    return DEFAULT if guard is None else guard.terms


def _strictest(one: GuardAction, other: GuardAction) -> GuardAction:
    return one if STRICTNESS[one] >= STRICTNESS[other] else other
