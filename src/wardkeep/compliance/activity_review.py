"""The queue of activity to review (45 CFR 164.308(a)(1)(ii)(D)): samples, what is unusual, and sign-off.

Reviews follow one another without a gap: each begins where the last one ended. Which entries are sampled follows from
the tree's root at the review's end, so nobody chooses them and anybody with the ledger draws them again. What is
unusual is found by plain counts, each with what is usual for the same person or application; they are questions to a
person, not findings. Nobody judges their own activity. What is not judged in time is overdue, and so is a ledger that
nobody reviews.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

from wardkeep.audit.search import SearchIndex, row_of
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.terms import clean_id, invalid, require, taken, unknown
from wardkeep.model.activity import ActivityItem, ActivityReview, Signal, Thresholds, Verdict
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission
from wardkeep.storage.search_sqlite import Busy, Criteria

HOST: Final = "host"
EVERY_DAYS: Final = 7
DUE_DAYS: Final = 7
MOST_ITEMS: Final = 200
LEAST_SAMPLED: Final = 10
MOST_SAMPLED: Final = 100
# Beyond these a threshold finds nothing in a clinic's day, and a working day leaves no hours to be outside of.
_MOST: Final = Thresholds(volume=1000, times=20, new_subjects=500, many_subjects=500)
_LONGEST_DAY_HOURS: Final = 18
_HISTORY: Final = timedelta(days=28)
_DRAWS_EACH: Final = 200
_SAMPLED: Final = ("request", "refusal", "read", "control", "session")
_CALLS: Final = ("request", "refusal", "read")
_WHO_KINDS: Final = {"kind": _CALLS}
_LIST: Final = "wardkeep activity list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """What a review will look at, before anybody said so on record."""

    start: int
    stop: int
    ended_at: datetime
    seed: str
    items: tuple[ActivityItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Period:
    start: int
    stop: int
    ended_at: datetime
    zone: str

    @property
    def offset_us(self) -> int:
        """The zone's offset at the end: hours before a change of the clock are counted by it as well."""
        offset = self.ended_at.astimezone(ZoneInfo(self.zone)).utcoffset() or timedelta(0)
        return round(offset.total_seconds() * 1e6)


async def pick(index: SearchIndex, *, start: int, sample: int, thresholds: Thresholds, zone: str) -> Picked:
    """Return what to look at in the entries from `start` to the ledger's end.

    Raises:
        NotAllowed: there is nothing new, or the index was not compared with the ledger yet.
        LedgerError, StoreError: what is counted cannot be read now.
    """
    await index.follow()
    if not index.is_checked:
        raise NotAllowed(
            "index_unchecked",
            what="The search index is still being compared with the ledger.",
            why="What is counted for a review must be all that there is.",
            fix="Try again in a minute; `wardkeep_index_entries` shows how far it is.",
            status=409,
        )
    stop = index.size
    if start >= stop:
        raise invalid("period", "one with entries in it: nothing came since the last review")
    seed = (await index.ledger.root_at(stop)).hex()
    ((_, header, _),) = await index.ledger.leaves_at([stop - 1])
    ended_at = datetime.fromtimestamp(row_of(header, stop - 1, None).at_us / 1e6, UTC)
    found = [
        *await _sampled(index, start, stop, seed, sample),
        *await _unusual(index, _Period(start=start, stop=stop, ended_at=ended_at, zone=zone), thresholds),
    ]
    # What is unusual comes first when there is more than people can look at; the samples are bounded already.
    found.sort(key=lambda each: (each.signal is not Signal.SAMPLE, -each.measure, each.entry))
    items = tuple(replace(each, number=number) for number, each in enumerate(found[:MOST_ITEMS], 1))
    return Picked(start=start, stop=stop, ended_at=ended_at, seed=seed, items=items)


def draws(seed: str, start: int, stop: int) -> Iterable[int]:
    """Yield the entries in the order in which they are drawn: SHA-256 over seed and counter, modulo the span. Pure."""
    number = 0
    while True:
        digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
        yield start + int.from_bytes(digest, "big") % (stop - start)
        number += 1


def next_start(registry: Registry) -> int:
    """Return where the next review begins: where the last one ended."""
    return max((each.stop for each in registry.activity.values()), default=0)


def is_neglected(registry: Registry, *, founded_at: datetime | None, now: datetime) -> bool:
    """Whether no review covers the time since more than a week ago. `founded_at` is when the ledger began."""
    ends = [each.ended_at for each in registry.activity.values()]
    last = max(ends, default=founded_at)
    return last is not None and now - last > timedelta(days=EVERY_DAYS)


def open_review(
    registry: Registry, by: Person, *, review: str, picked: Picked, sample: int, thresholds: Thresholds, today: date,
    due_days: int,
) -> tuple[Change, ...]:  # fmt: skip
    """Put a review on record. Raises NotAllowed: the id is taken, or another review came between."""
    require(by, Permission.ACTIVITY_REVIEW)
    return _opening(
        registry, by.id, review=review, picked=picked, sample=sample, thresholds=thresholds, today=today,
        due_days=due_days,
    )  # fmt: skip


def host_review(registry: Registry, *, review: str, picked: Picked, sample: int, today: date) -> tuple[Change, ...]:
    """Put the review of a week on record that nobody opened, by the standing thresholds. Raises as `open_review`."""
    return _opening(
        registry, HOST, review=review, picked=picked, sample=sample, thresholds=Thresholds(), today=today,
        due_days=DUE_DAYS,
    )  # fmt: skip


def _opening(
    registry: Registry, by: str, *, review: str, picked: Picked, sample: int, thresholds: Thresholds, today: date,
    due_days: int,
) -> tuple[Change, ...]:  # fmt: skip
    if clean_id(review, "review id") in registry.activity:
        raise taken("review", "Choose another id.")
    if picked.start != next_start(registry):
        raise invalid("period", "the one after the last review: another one was opened meanwhile")
    if not 1 <= due_days <= EVERY_DAYS * 8:
        raise invalid("number of days", f"1 to {EVERY_DAYS * 8}")
    record = ActivityReview(
        id=review,
        start=picked.start,
        stop=picked.stop,
        ended_at=picked.ended_at,
        seed=picked.seed,
        sample=sample,
        thresholds=thresholds,
        due=today + timedelta(days=due_days),
        opened_by=by,
        items=picked.items,
    )
    return (Change(kind=Kind.ACTIVITY, id=record.id, record=record),)


def sign_item(
    registry: Registry, by: Person, *, review: str, number: int, verdict: Verdict, incident: str | None
) -> tuple[Change, ...]:
    """Judge one item; why is the reason, sealed.

    Raises:
        NotAllowed: no such item, judged already, one's own activity, or an incident that is not on record.
    """
    require(by, Permission.ACTIVITY_REVIEW)
    found = find_review(registry, review)
    item = next((each for each in found.items if each.number == number), None)
    if item is None:
        raise unknown("item of this review", f"wardkeep activity show {review}")
    if item.verdict is not None:
        raise taken("judgement of this item", "What was judged stands; open an incident for what is known since.")
    if item.who == f"person:{by.id}" or _owner_of(registry, item.who) == by.id:
        raise NotAllowed(
            "own_activity",
            what="This item is about what you did, or your own key.",
            why="Nobody reviews themselves (45 CFR 164.308(a)(1)(ii)(D)).",
            fix="Have another reviewer judge it.",
        )
    if (verdict is Verdict.INCIDENT) != (incident is not None):
        raise invalid("incident", "named exactly when the verdict is `incident`")
    if incident is not None and incident not in registry.incidents:
        raise unknown("incident", "wardkeep incident list")
    judged = replace(item, verdict=verdict, incident=incident, signed_by=by.id, words=SEE_THIS_ENTRY)
    items = tuple(judged if each is item else each for each in found.items)
    return (Change(kind=Kind.ACTIVITY, id=found.id, record=replace(found, items=items)),)


def find_review(registry: Registry, review: str) -> ActivityReview:
    """Return one. Raises NotAllowed when there is none."""
    found = registry.activity.get(review)
    if found is None:
        raise unknown("review of activity", _LIST)
    return found


def check_asked(sample: int, thresholds: Thresholds) -> None:
    """Return when a review made like this can find something. Raises NotAllowed."""
    if not LEAST_SAMPLED <= sample <= MOST_SAMPLED:
        raise invalid("sample", f"{LEAST_SAMPLED} to {MOST_SAMPLED} entries")
    for name in ("volume", "times", "new_subjects", "many_subjects"):
        most = getattr(_MOST, name)
        if not 1 <= getattr(thresholds, name) <= most:
            raise invalid(f"threshold {name}", f"1 to {most}: beyond that nothing would be found")
    first, last = thresholds.first_hour, thresholds.last_hour
    if not 0 <= first < last <= 24 or last - first > _LONGEST_DAY_HOURS:
        raise invalid("thresholds", f"hours of one day in order, at most {_LONGEST_DAY_HOURS} of them")


async def _sampled(index: SearchIndex, start: int, stop: int, seed: str, sample: int) -> list[ActivityItem]:
    """Draw until there are enough entries of the kinds that people or applications make, or too few to be found."""
    items: dict[int, ActivityItem] = {}
    drawn = draws(seed, start, stop)
    tried = 0
    for drawn_index in drawn:
        if len(items) >= sample or tried >= sample * _DRAWS_EACH or tried >= 20 * (stop - start):
            break
        tried += 1
        if drawn_index in items:
            continue
        for _, header, _ in await index.ledger.leaves_at([drawn_index]):
            words = row_of(header, drawn_index, None).words
            if words[0] in _SAMPLED:
                who = _who(words[1], words[9])
                items[drawn_index] = ActivityItem(number=0, signal=Signal.SAMPLE, entry=drawn_index, who=who)
    return list(items.values())


async def _unusual(index: SearchIndex, period: "_Period", thresholds: Thresholds) -> list[ActivityItem]:
    offset_us = period.offset_us
    since_us = round((period.ended_at - _HISTORY).timestamp() * 1e6)
    within = Criteria(above=period.start, below=period.stop, words=_WHO_KINDS)
    now = await index.busy(within, offset_us)
    before = await index.busy(Criteria(below=period.start, since_us=since_us, words=_WHO_KINDS), offset_us)
    return [
        *_volumes(now, before, thresholds),
        *_hours(now, before, thresholds),
        *_many(await index.subjects_a_day(within, offset_us), thresholds),
        *await _new_subjects(index, period.start, period.stop, thresholds),
    ]


def _volumes(now: Sequence[Busy], before: Sequence[Busy], thresholds: Thresholds) -> Iterable[ActivityItem]:
    """Somebody's day with far more than their usual day; who has no usual day is measured by the threshold alone."""
    usual: dict[str, list[int]] = {}
    for (who, _), (count, _) in _by_day(before).items():
        usual.setdefault(who, []).append(count)
    for (who, _), (count, first) in _by_day(now).items():
        typical = round(median(usual[who])) if who in usual else 0
        if count >= thresholds.volume and count > thresholds.times * typical:
            yield ActivityItem(number=0, signal=Signal.VOLUME, entry=first, who=who, measure=count, usual=typical)


def _hours(now: Sequence[Busy], before: Sequence[Busy], thresholds: Thresholds) -> Iterable[ActivityItem]:
    """People outside working hours in which they were never seen; a key without a person is a machine."""
    known = {(_who(each.actor, each.person), each.hour % 24) for each in before}
    counted: dict[str, tuple[int, int]] = {}
    for each in now:
        who, hour = _who(each.actor, each.person), each.hour % 24
        is_outside = not thresholds.first_hour <= hour < thresholds.last_hour
        if who.startswith("person:") and is_outside and (who, hour) not in known:
            count, first = counted.get(who, (0, each.first))
            counted[who] = count + each.times, min(first, each.first)
    for who, (count, first) in counted.items():
        yield ActivityItem(number=0, signal=Signal.HOURS, entry=first, who=who, measure=count)


def _many(days: Sequence[Busy], thresholds: Thresholds) -> Iterable[ActivityItem]:
    for each in days:
        if each.times >= thresholds.many_subjects:
            who = _who(each.actor, each.person)
            yield ActivityItem(number=0, signal=Signal.MANY_SUBJECTS, entry=each.first, who=who, measure=each.times)


async def _new_subjects(index: SearchIndex, start: int, stop: int, thresholds: Thresholds) -> list[ActivityItem]:
    """Who called about many subjects that they never called about before; who is new altogether is shown by volume."""
    within = Criteria(above=start, below=stop, words=_WHO_KINDS)
    return [
        ActivityItem(
            number=0,
            signal=Signal.NEW_SUBJECTS,
            entry=each.first,
            who=each.who,
            measure=each.subjects,
            usual=each.before,
        )
        for each in await index.new_subjects(within, thresholds.new_subjects)
    ]


def _by_day(hours: Sequence[Busy]) -> dict[tuple[str, int], tuple[int, int]]:
    """Return (calls, first entry) by who and day."""
    days: dict[tuple[str, int], tuple[int, int]] = {}
    for each in hours:
        key = _who(each.actor, each.person), each.hour // 24
        count, first = days.get(key, (0, each.first))
        days[key] = count + each.times, min(first, each.first)
    return days


def _who(actor: str | None, person: str | None) -> str:
    """Return whose activity it is: the person a call is made for, else who called."""
    return f"person:{person}" if person is not None else actor or "unknown"


def _owner_of(registry: Registry, who: str) -> str | None:
    key = registry.keys.get(who.removeprefix("key:")) if who.startswith("key:") else None
    return None if key is None else key.owner
