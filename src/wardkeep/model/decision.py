"""Decisions on addressable specifications (45 CFR 164.306(d)(3)), as values."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Decision(StrEnum):
    """What was decided: implemented, an equivalent measure in its place, or not reasonable and appropriate here."""

    IMPLEMENTED = "implemented"
    EQUIVALENT = "equivalent"
    NOT_REASONABLE = "not_reasonable"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressableDecision:
    """One decision; `id` is the control's. It counts once another person approved it, through `until`.

    `reason` points at the ledger entry in which the words are sealed. `decided_under` is as in `Agreement`.
    """

    id: str
    decision: Decision
    decided_by: str
    decided_on: date
    until: date
    decided_under: frozenset[str] = frozenset()
    approved_by: str | None = None
    reason: str | None = None

    def holds(self, on: date) -> bool:
        """Whether it counts on a day."""
        return self.approved_by is not None and self.decided_on <= on <= self.until
