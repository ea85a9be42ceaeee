"""A vendor's usage report held against the ledger: what it counted that no record of ours explains.

Host operators can bypass a gateway, and a leaked key works without one; neither leaves a record here. The vendor's own
count does (DESIGN section 4). It is the vendor's word, by day and model, and names nobody.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class DifferenceKind(StrEnum):
    """How a report and the ledger differ. Values are shown and stored; never renamed."""

    REQUESTS_UNRECORDED = "requests_unrecorded"
    TOKENS_UNRECORDED = "tokens_unrecorded"
    NOT_COMPARABLE = "not_comparable"
    VENDOR_FEWER = "vendor_fewer"


UNRECORDED = frozenset({DifferenceKind.REQUESTS_UNRECORDED, DifferenceKind.TOKENS_UNRECORDED})
"""What the vendor saw and the ledger did not: somebody has to say why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLine:
    """What a vendor reports of one model on one day (UTC). `requests` is None where it counts none."""

    day: date
    model: str
    requests: int | None
    tokens_in: int
    tokens_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One day and model in which the two differ. The ledger's `metered` are calls whose tokens the vendor told."""

    day: date
    model: str
    kind: DifferenceKind
    vendor_requests: int | None
    vendor_tokens: int
    calls: int
    metered: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """One comparison. Open while it has something unrecorded that nobody has settled; `words` points at the entry."""

    id: str
    vendor: str
    first: date
    last: date
    source: str
    at: datetime
    by: str
    lines: int
    differences: tuple[Difference, ...]
    settled_by: str | None = None
    words: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody has to look."""
        return self.settled_by is None and any(each.kind in UNRECORDED for each in self.differences)
