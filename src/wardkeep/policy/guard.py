"""Which guard terms hold for a call: the route's and the workspace's, the stricter of both, else the built-in ones.

Pure. A workspace cannot weaken what a route demands, nor a route what its workspace does.
"""

from dataclasses import fields
from typing import Final

from wardkeep.model.guard import STRICTNESS, Guard, GuardAction, GuardTerms
from wardkeep.model.registry import Registry

DEFAULT: Final = GuardTerms()
_WATCHED: Final = tuple(each.name for each in fields(GuardTerms) if each.type in {GuardAction, "GuardAction"})


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
    return GuardTerms(**{name: _strictest(getattr(one, name), getattr(other, name)) for name in _WATCHED})


def is_weaker(new: GuardTerms, old: GuardTerms) -> bool:
    """Whether anything is let through under the new terms that the old ones stop, or goes unrecorded."""
    return any(STRICTNESS[getattr(new, name)] < STRICTNESS[getattr(old, name)] for name in _WATCHED)


def in_force(guard: Guard | None) -> GuardTerms:
    """Return the terms of a record, or the built-in ones where there is none."""
    return DEFAULT if guard is None else guard.terms


def _strictest(one: GuardAction, other: GuardAction) -> GuardAction:
    return one if STRICTNESS[one] >= STRICTNESS[other] else other
