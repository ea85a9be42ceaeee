"""Reviews of activity as values (45 CFR 164.308(a)(1)(ii)(D)): what was picked, by which rule, and who judged it.

Nothing here names a patient: entries by index, people and keys by id. What the reviewer wrote is sealed.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class Signal(StrEnum):
    """Why something is looked at. Values stand in records and are never renamed."""

    SAMPLE = "sample"
    VOLUME = "volume"
    HOURS = "hours"
    NEW_SUBJECTS = "new_subjects"
    MANY_SUBJECTS = "many_subjects"


class Verdict(StrEnum):
    """What a reviewer found."""

    EXPECTED = "expected"
    INCIDENT = "incident"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From where on something is unusual, recorded with each review.

    `volume`: calls a day, and `times` their usual day. `new_subjects`: subjects of a period whom somebody with a
    history never called about. `many_subjects`: different subjects a day. People work from `first_hour` to `last_hour`.
    """

    volume: int = 20
    times: int = 3
    new_subjects: int = 20
    many_subjects: int = 50
    first_hour: int = 6
    last_hour: int = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityItem:
    """One thing to look at: `entry` is the sampled entry, or the first one of what is unusual.

    `measure` is how much was found, `usual` what is usual for them. `words` says where the reviewer's are sealed.
    """

    number: int
    signal: Signal
    entry: int
    who: str
    measure: int = 1
    usual: int = 0
    verdict: Verdict | None = None
    incident: str | None = None
    signed_by: str | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityReview:
    """One review of the entries start <= index < stop. `seed` is the tree's root at `stop`: nobody chooses it."""

    id: str
    start: int
    stop: int
    ended_at: datetime
    seed: str
    sample: int
    thresholds: Thresholds
    due: date
    opened_by: str
    items: tuple[ActivityItem, ...] = field(default=())

    @property
    def open_items(self) -> tuple[ActivityItem, ...]:
        """What nobody has judged yet."""
        return tuple(each for each in self.items if each.verdict is None)

    def is_overdue(self, today: date) -> bool:
        """Whether something was not judged in time."""
        return bool(self.open_items) and today > self.due
