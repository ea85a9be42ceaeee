"""Budgets as values: how many tokens, or how much money, somebody may use on a day or in a month."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class BudgetHolder(StrEnum):
    """Whose calls a budget counts. A key's are also its successors', so that rotating it begins nothing anew."""

    KEY = "key"
    APPLICATION = "application"
    PERSON = "person"
    WORKSPACE = "workspace"


class Period(StrEnum):
    """For how long it is: a calendar day, or a calendar month, of the organisation's zone."""

    DAY = "day"
    MONTH = "month"

    def label(self, day: date) -> str:
        """Return the name of the period that a day is in, such as 2026-11 or 2026-11-23."""
        return day.isoformat() if self is Period.DAY else f"{day:%Y-%m}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one holder may use in each period: `tokens`, sent and answered together, or `cost` in `currency`, or both.

    `told_for` and `told_percent` say in which period how much of it was last told to be used.
    """

    id: str
    kind: BudgetHolder
    holder: str
    period: Period
    tokens: int | None = None
    cost: Decimal | None = None
    currency: str | None = None
    set_by: str = ""
    told_for: str = ""
    told_percent: int = 0
