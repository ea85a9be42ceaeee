"""Statutory clocks, as pure functions over calendar days in the organisation's zone.

Breach notices: 45 CFR 164.404(a)(2) and (b), 164.406, 164.408, 164.410, 164.412. Individuals' rights: 164.524(b)(2),
164.526(b)(2), 164.528(c)(1). The day that starts a clock is not counted; the deadline is the last day that is in time.
Calendar days, not business days and not hours: a change to daylight saving moves nothing. All are outer limits: notice
is due "without unreasonable delay", which no function decides. State laws may be earlier and are not computed here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

NOTICE_DAYS: Final = 60
# 164.406(a): MORE than 500 residents of one State. 164.408(b): 500 OR MORE individuals in total.
MEDIA_ABOVE: Final = 500
SECRETARY_FROM: Final = 500
ORAL_DELAY_DAYS: Final = 30


class Right(StrEnum):
    """What an individual may ask for with a clock."""

    ACCESS = "access"
    AMENDMENT = "amendment"
    ACCOUNTING = "accounting"


# Days to act, then days of the one extension; the row of the catalogue that says so.
_RIGHTS: Final = MappingProxyType(
    {
        Right.ACCESS: (30, 30, "HPR-524", "45 CFR 164.524(b)(2)"),
        Right.AMENDMENT: (60, 30, "HPR-526", "45 CFR 164.526(b)(2)"),
        Right.ACCOUNTING: (60, 30, "HPR-528", "45 CFR 164.528(c)(1)"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """One duty with its last day. `control` is the row of the catalogue it rests on; `about` a State, where one is."""

    name: str
    control: str
    citation: str
    starts: date
    due: date
    about: str | None = None

    def days_left(self, today: date) -> int:
        """Return the days until the last day; below 0 it has passed."""
        return (self.due - today).days


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """A law enforcement official's statement (45 CFR 164.412). `until` is the day it names, None when it was oral."""

    stated_on: date
    until: date | None

    @property
    def ends(self) -> date:
        """The last day of the delay: as written, or 30 days from an oral statement at the most."""
        return self.until if self.until is not None else self.stated_on + timedelta(days=ORAL_DELAY_DAYS)


def day_of(moment: datetime, zone: str) -> date:
    """Return the calendar day of a moment where the organisation is. Raises ValueError for a time without zone."""
    if moment.utcoffset() is None:
        raise ValueError("times are aware")
    return moment.astimezone(ZoneInfo(zone)).date()


def discovered_on(*, known: date | None, should_have_known: date | None) -> date | None:
    """Return the day of discovery: the first on which it was known, or would have been by reasonable diligence.

    None while neither is on record: then no clock is shown as met. 45 CFR 164.404(a)(2), 164.410(a)(2).
    """
    return min((day for day in (known, should_have_known) if day is not None), default=None)


def discovered_through_associate(*, associate_discovered: date, notified: date, is_agent: bool) -> date:
    """Return when a covered entity discovered what its business associate found.

    An agent's knowledge is the entity's own (45 CFR 164.404(a)(2), federal common law of agency); another associate's
    is not before the associate tells.
    """
    return min(associate_discovered, notified) if is_agent else notified


def individual_notice(discovered: date) -> Deadline:
    """Return the last day of notice to individuals (45 CFR 164.404(b))."""
    return _notice("individuals", "HBN-404-b", "45 CFR 164.404(b)", discovered)


def media_notices(discovered: date, residents: Mapping[str, int]) -> tuple[Deadline, ...]:
    """Return the last day of notice to the media of each State with more than 500 residents (45 CFR 164.406)."""
    return tuple(
        _notice("media", "HBN-406", "45 CFR 164.406", discovered, about=state)
        for state, count in sorted(residents.items())
        if count > MEDIA_ABOVE
    )


def secretary_notice(discovered: date, individuals: int) -> Deadline | None:
    """Return the last day of notice to the Secretary (45 CFR 164.408); None when nobody is affected.

    500 or more: with the individuals' notice. Fewer: within 60 days after the end of the calendar year of discovery,
    which is February 29 for breaches discovered in the year before a leap year, and March 1 otherwise.
    """
    if individuals < 1:
        return None
    if individuals >= SECRETARY_FROM:
        return _notice("secretary", "HBN-408-b", "45 CFR 164.408(b)", discovered)
    year_end = date(discovered.year, 12, 31)
    due = year_end + timedelta(days=NOTICE_DAYS)
    return Deadline(
        name="secretary_annual", control="HBN-408-c", citation="45 CFR 164.408(c)", starts=discovered, due=due
    )


def associate_notice(discovered: date) -> Deadline:
    """Return the last day on which a business associate tells the covered entity (45 CFR 164.410(b))."""
    return _notice("covered_entity", "HBN-410", "45 CFR 164.410(b)", discovered)


def contract_notice(discovered_at: datetime, hours: int) -> datetime:
    """Return when a contract's notice of so many hours is due: elapsed time. Raises ValueError without zone or hours.

    Computed in UTC, so that an hour that daylight saving repeats or leaves out is neither gained nor lost.
    """
    if discovered_at.utcoffset() is None or hours < 1:
        raise ValueError("an aware time and at least one hour")
    return discovered_at.astimezone(ZoneInfo("UTC")) + timedelta(hours=hours)


def delayed(deadline: Deadline, delay: Delay) -> tuple[date, date]:
    """Return the first and the last day for a notice under a law enforcement delay (45 CFR 164.412).

    The cautious reading: the delay forbids notice until it ends, and adds no days to a clock that runs longer.
    """
    first = delay.ends + timedelta(days=1)
    return first, max(deadline.due, first)


def breach_deadlines(
    discovered: date, *, individuals: int, residents: Mapping[str, int], is_associate: bool = False
) -> tuple[Deadline, ...]:
    """Return every clock of one breach.

    Raises:
        ValueError: a count is below zero, or the States together exceed the total: whoever counted must look again.
    """
    if individuals < 0 or any(count < 0 for count in residents.values()) or sum(residents.values()) > individuals:
        raise ValueError("the residents of all States are at the most the individuals in total")
    if individuals == 0:
        return ()
    if is_associate:
        return (associate_notice(discovered),)
    secretary = secretary_notice(discovered, individuals)
    rest = (secretary,) if secretary is not None else ()
    return (individual_notice(discovered), *media_notices(discovered, residents), *rest)


def right_deadline(right: Right, received: date, *, extended_on: date | None = None) -> Deadline:
    """Return the last day to act on a request.

    One extension, and only when its written statement was given within the first period (45 CFR 164.524(b)(2)(iii),
    164.526(b)(2)(ii), 164.528(c)(1)(ii)); one that came later extends nothing.
    """
    days, more, control, citation = _RIGHTS[right]
    first = received + timedelta(days=days)
    is_extended = extended_on is not None and received <= extended_on <= first
    due = first + timedelta(days=more) if is_extended else first
    return Deadline(name=right.value, control=control, citation=citation, starts=received, due=due)


def _notice(name: str, control: str, citation: str, discovered: date, about: str | None = None) -> Deadline:
    due = discovered + timedelta(days=NOTICE_DAYS)
    return Deadline(name=name, control=control, citation=citation, starts=discovered, due=due, about=about)
