"""Budgets on record, and the mark at which each is told to be nearly used. Pure, as `people`."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from wardkeep.compliance.prices import CURRENCY
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.spending import Use
from wardkeep.compliance.terms import clean_id, invalid, require, unknown
from wardkeep.model.budget import Budget, BudgetHolder
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

MARKS: Final = (100, 80)
_MOST_TOKENS: Final = 10**15
_MOST_COST: Final = Decimal(10**12)
_LISTS: Final = MappingProxyType(
    {
        BudgetHolder.KEY: "wardkeep key list",
        BudgetHolder.APPLICATION: "wardkeep application list",
        BudgetHolder.PERSON: "wardkeep user list",
        BudgetHolder.WORKSPACE: "wardkeep workspace list",
    }
)


def set_budget(registry: Registry, by: Person, *, budget: Budget) -> tuple[Change, ...]:
    """Put a budget on record, in place of one with this id. Raises NotAllowed."""
    require(by, Permission.KEY_CHANGE)
    clean_id(budget.id, "budget id")
    if budget.holder not in _held(registry, budget.kind):
        raise unknown(budget.kind.value, _LISTS[budget.kind])
    if budget.tokens is None and budget.cost is None:
        raise invalid("budget", "a number of tokens, or a cost in a currency, or both")
    if budget.tokens is not None and not 0 <= budget.tokens <= _MOST_TOKENS:
        raise invalid("number of tokens", f"0 to {_MOST_TOKENS}")
    if (budget.cost is None) is not (budget.currency is None):
        raise invalid("cost", "given with its currency, and a currency only with a cost")
    if budget.cost is not None and not (budget.cost.is_finite() and 0 <= budget.cost <= _MOST_COST):
        raise invalid("cost", f"0 to {_MOST_COST}")
    if budget.currency is not None and CURRENCY.fullmatch(budget.currency) is None:
        raise invalid("currency", "three capital letters (ISO 4217)")
    held = registry.budgets.get(budget.id)
    if held is not None and (held.kind, held.holder) != (budget.kind, budget.holder):
        raise invalid("budget", "one holder's for good; another holder's has another id")
    return (Change(kind=Kind.BUDGETS, id=budget.id, record=replace(budget, set_by=by.id)),)


def remove_budget(registry: Registry, by: Person, *, budget: str) -> tuple[Change, ...]:
    """Take a budget away: what it held back is no longer held back by it. Raises NotAllowed."""
    require(by, Permission.KEY_CHANGE)
    if budget not in registry.budgets:
        raise unknown("budget", "wardkeep budget list")
    return (Change(kind=Kind.BUDGETS, id=budget, record=None),)


def due_marks(registry: Registry, used: Mapping[str, Use], today: date) -> tuple[Change, ...]:
    """Return the marks to tell now: each once a period."""
    changes = []
    for name, budget in sorted(registry.budgets.items()):
        label = budget.period.label(today)
        told = budget.told_percent if budget.told_for == label else 0
        mark = next((mark for mark in MARKS if name in used and used[name].percent >= mark), 0)
        if mark > told:
            record = replace(budget, told_for=label, told_percent=mark)
            changes.append(Change(kind=Kind.BUDGETS, id=name, record=record, note=f"used_{mark}_percent"))
    return tuple(changes)


def _held(registry: Registry, kind: BudgetHolder) -> Mapping[str, object]:
    match kind:
        case BudgetHolder.KEY:
            return registry.keys
        case BudgetHolder.APPLICATION:
            return registry.applications
        case BudgetHolder.PERSON:
            return registry.people
        case BudgetHolder.WORKSPACE:
            return registry.workspaces
