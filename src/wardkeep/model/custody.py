"""Holds, shreds, and what happens to keys, as values: what must be kept, and what two people decided.

A subject is named by its tag, a blind index; no handle and no name stands here. Words that people write are sealed in
the entry of their change.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final


class HoldCause(StrEnum):
    """Why something must be kept. Values are shown and never renamed."""

    LITIGATION = "litigation"
    LEGAL_PROCESS = "legal_process"
    RIGHTS_REQUEST = "rights_request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One hold, on a subject's tag or, with None, on everybody. It stands until another person releases it."""

    id: str
    cause: HoldCause
    subject: str | None
    placed_by: str
    placed_at: datetime
    released_by: str | None = None
    released_at: datetime | None = None

    def holds(self, subject: str) -> bool:
        """Whether the subject must be kept because of it."""
        return self.released_by is None and self.subject in {None, subject}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shred:
    """A decision to destroy a subject's keys. `proposed_under` is the first person's `Person.access_by` then.

    `kept_until` is the last day on which its records had to be kept, as the first person stated State and age.
    """

    id: str
    subject: str
    kept_until: date
    proposed_by: str
    proposed_at: datetime
    proposed_under: frozenset[str] = frozenset()
    approved_by: str | None = None
    approved_at: datetime | None = None
    withdrawn_by: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it still awaits the second person."""
        return self.approved_by is None and self.withdrawn_by is None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEpoch:
    """The epoch that is current, by decision; its name is in `epoch`. One record, `CURRENT_EPOCH`."""

    id: str
    epoch: str
    began_by: str
    began_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RootMove:
    """A decision to move the keys under another root. `line` names its place, as `model/roots.py` has it.

    From the approval on both roots open the keys; the first start under the new one finishes it (`finished_at`) and
    leaves the old one. `root_id` is the new root's public name, known once it has wrapped.
    """

    id: str
    line: str
    proposed_by: str
    proposed_at: datetime
    proposed_under: frozenset[str] = frozenset()
    approved_by: str | None = None
    approved_at: datetime | None = None
    root_id: str | None = None
    withdrawn_by: str | None = None
    finished_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it still awaits the second person."""
        return self.approved_by is None and self.withdrawn_by is None

    @property
    def is_under_way(self) -> bool:
        """Whether it was approved and the old root is not left yet."""
        return self.approved_by is not None and self.withdrawn_by is None and self.finished_at is None


CURRENT_EPOCH: Final = "current"
