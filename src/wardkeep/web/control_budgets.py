"""The part of the control API for budgets: what is set, what is used of each, and by whom it may be changed."""

from decimal import Decimal
from functools import partial
from typing import Final

from wardkeep.compliance.budgets import remove_budget, set_budget
from wardkeep.compliance.forms import ReasonForm
from wardkeep.model.budget import Budget, BudgetHolder, Period
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route


class BudgetForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a holder may use in each period: `tokens`, or `cost` in `currency`, or both."""

    id: str
    kind: BudgetHolder
    holder: str
    period: Period
    tokens: int | None = None
    cost: Decimal | None = None
    currency: str | None = None


def budget_view(asked: Asked, budget: Budget) -> dict[str, object]:
    """Return a budget as it is shown, with what is used of it now."""
    standing = asked.app.budget_standing(budget)
    use, label = standing if standing is not None else (None, None)
    refusal = None if use is None else use.refusal
    state = "counting" if use is None else "near its end" if use.percent >= 80 else "open"
    return {
        "id": budget.id,
        "kind": budget.kind.value,
        "holder": budget.holder,
        "period": budget.period.value,
        "now": label,
        "tokens": budget.tokens,
        "cost": None if budget.cost is None else f"{budget.cost:f}",
        "currency": budget.currency,
        "used_tokens": None if use is None else use.tokens,
        "used_cost": None if use is None or use.cost is None else f"{use.cost:f}",
        "used_percent": None if use is None else use.percent,
        "state": state if refusal is None else refusal.value,
        "set_by": budget.set_by,
    }


async def _list(asked: Asked) -> object:
    return {"budgets": [budget_view(asked, each) for _, each in sorted(asked.registry.budgets.items())]}


async def _set(asked: Asked, filled: BudgetForm) -> object:
    budget = Budget(
        id=filled.id,
        kind=filled.kind,
        holder=filled.holder,
        period=filled.period,
        tokens=filled.tokens,
        cost=filled.cost,
        currency=filled.currency,
    )
    return await change(asked, "budget.set", filled.reason, partial(set_budget, budget=budget), id=filled.id)


async def _remove(asked: Asked, filled: ReasonForm) -> object:
    return await change(asked, "budget.remove", filled.reason, partial(remove_budget, budget=asked.words[0]))


BUDGET_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("budgets", Permission.REGISTRY_READ, "budget.list", _list),
    post_route("budgets", Permission.KEY_CHANGE, "budget.set", BudgetForm, _set),
    post_route("budgets/{}/remove", Permission.KEY_CHANGE, "budget.remove", ReasonForm, _remove),
)
