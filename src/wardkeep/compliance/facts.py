"""Stage 2: one frozen snapshot of what is true now (DESIGN section 2).

On the path of every call, so the calendar day is computed once a day and not once a call. A clock that goes backwards
makes every expiry unprovable: the road closes until it has caught up (`CLOCK_BACKWARDS`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from wardkeep.compliance.duties import DeadlineSource, Late, late_on
from wardkeep.compliance.geography import load_geography
from wardkeep.compliance.policy_texts import load_texts
from wardkeep.compliance.profiles import load_profiles, terms_in_force
from wardkeep.model.instant import Instant
from wardkeep.model.programme import Deadlines
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import Registry
from wardkeep.model.stages import Facts
from wardkeep.policy.decide import VERSION as POLICY_VERSION

# Small steps are ordinary time synchronisation.
TOLERATED_STEP_US: Final = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """A calendar day in a zone and the half-open range of wall time that it is."""

    zone: str
    day: date
    starts_us: int
    ends_us: int


class FactsSource:
    """Makes `Facts` from a registry and the clock. One a process, used by one thread.

    `newest_entry_us` is the wall time of the ledger's newest entry at start: a clock set back while the process was
    down is found as well.
    """

    __slots__ = (
        "_clock", "_day", "_deadlines", "_geography", "_late", "_late_of", "_late_on", "_latest_us", "_profiles",
        "_terms", "_terms_of",
    )  # fmt: skip

    def __init__(self, clock: Callable[[], Instant], *, newest_entry_us: int = 0) -> None:
        self._clock = clock
        self._latest_us = newest_entry_us
        self._day = _Day(zone="", day=date.min, starts_us=0, ends_us=0)
        self._profiles = load_profiles()
        self._geography = load_geography()
        self._terms_of = Registry(epoch=0)
        self._terms = terms_in_force(self._profiles, self._terms_of)
        self._deadlines = DeadlineSource(load_texts())
        self._late = Late()
        self._late_of = Deadlines()
        self._late_on = date.min

    def now(self, registry: Registry) -> Facts | Refused:
        """Return the snapshot, or why there is none."""
        organisation = registry.organisation
        if organisation is None:
            return Refused(reason=Reason.FACTS_UNAVAILABLE)
        reading = self._clock()
        wall_us = reading.wall_us
        if wall_us > self._latest_us:
            self._latest_us = wall_us
        elif self._latest_us - wall_us > TOLERATED_STEP_US:
            # The mark stays at the latest reading: were it lowered, the second call after a step would pass.
            return Refused(reason=Reason.CLOCK_BACKWARDS)
        day = self._day
        if not (day.starts_us <= wall_us < day.ends_us and day.zone == organisation.zone):
            day = self._day = _day_at(reading, organisation.zone)
        if registry is not self._terms_of:
            # The terms in force follow from the registry alone, so they are joined once for each that is published.
            self._terms, self._terms_of = terms_in_force(self._profiles, registry), registry
            known = self._deadlines.of(registry)
            if known != self._late_of:
                self._late_of, self._late_on = known, date.min
        if self._late_on != day.day:
            self._late, self._late_on = late_on(self._late_of, day.day), day.day
        return Facts(
            registry=registry,
            today=day.day,
            now=reading,
            policy_version=POLICY_VERSION,
            training_overdue=self._late.training,
            policies_unsigned=self._late.policies,
            terms=self._terms,
            geography=self._geography,
        )


def _day_at(reading: Instant, zone: str) -> _Day:
    """Return the calendar day that a reading falls on in a zone, with its bounds (a day is not always 24 hours)."""
    place = ZoneInfo(zone)
    day = reading.day_in(zone)
    return _Day(
        zone=zone,
        day=day,
        starts_us=_microseconds(datetime.combine(day, time.min, place)),
        ends_us=_microseconds(datetime.combine(day + timedelta(days=1), time.min, place)),
    )


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
