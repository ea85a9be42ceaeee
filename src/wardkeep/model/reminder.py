"""Reminders as values: what ends on a day, and when somebody was told (45 CFR 164.308(a)(5)(ii)(A))."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One reminder that was given: at the mark of so many days, on a day. 0 says that the day has passed."""

    mark: int
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """All reminders about one thing and one last day; when the day is moved there is another record."""

    id: str
    kind: str
    about: str
    last_day: date
    given: tuple[Given, ...] = ()
