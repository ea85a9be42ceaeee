"""What the gateway did, counted by hour: calls by vendor, purpose and workspace, refusals by reason.

45 CFR 164.308(a)(1)(ii)(D): activity is looked at regularly, so it must be seen at a glance. Counted from ledger
headers alone, newest part first of all: a ledger is followed from at most `MOST_BEHIND` entries before its end, and the
counts say since when. Nobody is named and no entry shown, so that counting is no reading of the record.
"""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

from wardkeep.audit.ledger import Head

MOST_BEHIND: Final = 200_000
KEPT: Final = timedelta(days=92)
NEWEST: Final = 100
_PORTION: Final = 1024
_HOUR: Final = 13  # "2026-11-23T07"
_CALL: Final = ("vendor", "purpose", "workspace")


class Followed(Protocol):
    """The ledger as it is followed; see `audit.ledger.Ledger`."""

    async def head(self) -> Head:
        """Return the durable head."""
        ...

    async def leaves(self, start: int, stop: int) -> list[tuple[bytes, bytes]]:
        """Return (header, leaf hash) in order."""
        ...


class _Header(msgspec.Struct, frozen=True):
    """The few fields that are counted; the rest is not read."""

    type: str
    at: str
    vendor: str | None = None
    purpose: str | None = None
    workspace: str | None = None
    decision: str | None = None
    actor: str | None = None
    route: str | None = None
    surface: str | None = None


_DECODER: Final = msgspec.json.Decoder(_Header)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedCall:
    """One refusal as whoever runs the instance may see it: no person, no subject, no purpose."""

    index: int
    at: str
    reason: str
    key: str | None
    route: str | None
    surface: str | None


@dataclass(slots=True, kw_only=True)
class Activity:
    """Counts by hour of UTC. `follow` brings them up to the ledger's end; one owner, any number of readers.

    `hours` maps an hour to counts by (what, name): `("vendor", "northwind")`, `("refused", "baa_expired")`.
    `refused` are the newest refusals, newest last.
    """

    ledger: Followed
    seen: int | None = None
    size: int = 0
    since: str | None = None
    hours: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)
    refused: deque[RefusedCall] = field(default_factory=lambda: deque(maxlen=NEWEST))
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def follow(self, *, most: int = MOST_BEHIND) -> None:
        """Count what was added, at most so many entries. Raises LedgerUnavailable."""
        async with self._turn:
            size = self.size = (await self.ledger.head()).size
            at = max(0, size - MOST_BEHIND) if self.seen is None else self.seen
            stop = min(size, at + most)
            while at < stop:
                rows = await self.ledger.leaves(at, min(stop, at + _PORTION))
                if not rows:
                    break
                for number, (header, _) in enumerate(rows):
                    self._count(at + number, header)
                at += len(rows)
                self.seen = at
            self._forget()

    @property
    def behind(self) -> int:
        """How many entries the ledger had, when it was last looked at, that are not counted yet."""
        return self.size - (self.seen or 0)

    def _count(self, index: int, leaf: bytes) -> None:
        try:
            header = _DECODER.decode(leaf)
        except msgspec.DecodeError:
            return  # the watch and `verify` say so; a count is no proof
        if self.since is None:
            self.since = header.at
        if header.type not in {"request", "refusal"}:
            return
        hour = self.hours.setdefault(header.at[:_HOUR], Counter())
        if header.type == "refusal":
            hour["refused", header.decision or "unknown"] += 1
            self.refused.append(_refused(index, header))
            return
        for name in _CALL:
            hour[name, getattr(header, name) or "none"] += 1

    def _forget(self) -> None:
        if self.hours:
            oldest = _moment(max(self.hours)) - KEPT
            for hour in [each for each in self.hours if _moment(each) < oldest]:
                del self.hours[hour]

    def by_day(self, *, now: datetime, zone: str, days: int) -> "Days":
        """Return the counts of the last days as the organisation counts days, today last."""
        place = ZoneInfo(zone)
        today = now.astimezone(place).date()
        wanted = [today - timedelta(days=back) for back in reversed(range(days))]
        found: dict[tuple[str, str], list[int]] = {}
        place_of = {day: number for number, day in enumerate(wanted)}
        for hour, counts in self.hours.items():
            number = place_of.get(_moment(hour).astimezone(place).date())
            if number is None:
                continue
            for key, count in counts.items():
                found.setdefault(key, [0] * days)[number] += count
        return Days(days=[f"{day:%Y-%m-%d}" for day in wanted], counts=found)


def _refused(index: int, header: _Header) -> RefusedCall:
    is_key = header.actor is not None and header.actor.startswith("key:")
    return RefusedCall(
        index=index,
        at=header.at,
        reason=header.decision or "unknown",
        key=header.actor.removeprefix("key:") if is_key and header.actor is not None else None,
        route=header.route,
        surface=header.surface,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Counts by day for each (what, name)."""

    days: list[str]
    counts: dict[tuple[str, str], list[int]]

    def of(self, what: str) -> list[tuple[str, list[int]]]:
        """Return (name, counts) of one kind, the most frequent first."""
        found = [(name, counts) for (kind, name), counts in self.counts.items() if kind == what]
        return sorted(found, key=lambda each: (-sum(each[1]), each[0]))

    def total(self, what: str) -> list[int]:
        """Return the counts of one kind together."""
        rows = [counts for (kind, _), counts in self.counts.items() if kind == what]
        return [sum(day) for day in zip(*rows, strict=True)] if rows else [0] * len(self.days)


def _moment(hour: str) -> datetime:
    return datetime.fromisoformat(f"{hour}:00:00").replace(tzinfo=UTC)
