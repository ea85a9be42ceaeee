"""What budgets ask of the registry again and again, worked out once for each state of it. Pure: no clock, no store.

Whose calls a budget counts, which budgets a call counts for, which price holds on a day: each is one look-up here,
since every admission asks, on the one event loop that orders all calls.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from wardkeep.compliance.prices import price_on
from wardkeep.model.budget import Budget, BudgetHolder
from wardkeep.model.price import Price
from wardkeep.model.registry import ApiKey, Registry

Whose = tuple[str, str]
"""Kind and id: `("key", ...)`, `("person", ...)` or `("workspace", ...)`; an application's are its keys'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetIndex:
    """Made by `index_budgets`. It holds for registries of which `is_of` says so."""

    keys: Mapping[str, ApiKey]
    budgets: Mapping[str, Budget]
    prices: Mapping[str, Price]
    by_holder: Mapping[Whose, tuple[Budget, ...]]
    keys_of: Mapping[Whose, frozenset[Whose]]
    by_deployment: Mapping[str, tuple[Price, ...]]

    def is_of(self, registry: Registry) -> bool:
        """Whether nothing that it was made of has changed: what no change is about stays the same object."""
        is_same = self.keys is registry.keys and self.budgets is registry.budgets
        return is_same and self.prices is registry.prices

    def applying(self, *, key: str, person: str, workspace: str) -> list[Budget]:
        """Return the budgets that a call counts for."""
        found = self.keys.get(key)
        holders = [(BudgetHolder.KEY.value, each) for each in _line_of(self.keys, key)]
        if found is not None and found.application is not None:
            holders.append((BudgetHolder.APPLICATION.value, found.application))
        holders += [(BudgetHolder.PERSON.value, person), (BudgetHolder.WORKSPACE.value, workspace)]
        return sorted((each for holder in holders for each in self.by_holder.get(holder, ())), key=lambda each: each.id)

    def holders(self, budget: Budget) -> frozenset[Whose]:
        """Return under whose names in the ledger a budget's use stands."""
        holder = (budget.kind.value, budget.holder)
        if budget.kind in {BudgetHolder.KEY, BudgetHolder.APPLICATION}:
            return self.keys_of.get(holder, frozenset())
        return frozenset({holder})

    def price_on(self, deployment: str, day: date) -> Price | None:
        """Return the price that holds for a deployment on a day."""
        return price_on(self.by_deployment.get(deployment, ()), deployment, day)


def index_budgets(registry: Registry) -> BudgetIndex:
    """Return the index of a registry."""
    by_holder: dict[Whose, list[Budget]] = {}
    for budget in registry.budgets.values():
        by_holder.setdefault((budget.kind.value, budget.holder), []).append(budget)
    keys_of: dict[Whose, set[Whose]] = {}
    for name, key in registry.keys.items():
        holders = [(BudgetHolder.KEY.value, each) for each in _line_of(registry.keys, name)]
        if key.application is not None:
            holders.append((BudgetHolder.APPLICATION.value, key.application))
        for holder in holders:
            keys_of.setdefault(holder, set()).add(("key", name))
    by_deployment: dict[str, list[Price]] = {}
    for price in registry.prices.values():
        by_deployment.setdefault(price.deployment, []).append(price)
    return BudgetIndex(
        keys=registry.keys,
        budgets=registry.budgets,
        prices=registry.prices,
        by_holder={holder: tuple(each) for holder, each in by_holder.items()},
        keys_of={holder: frozenset(each) for holder, each in keys_of.items()},
        by_deployment={name: tuple(each) for name, each in by_deployment.items()},
    )


def _line_of(keys: Mapping[str, ApiKey], key: str) -> frozenset[str]:
    """Return a key and those that it succeeded."""
    line = {key}
    found = keys.get(key)
    while found is not None and found.replaces is not None and found.replaces not in line:
        line.add(found.replaces)
        found = keys.get(found.replaces)
    return frozenset(line)
