"""Is the record complete, not only intact (45 CFR 164.312(b), 164.308(a)(1)(ii)(D))?

A log that silently stops, skips or is bypassed is the classic failure of audit trails. So the keeper watches it from
inside: a canary entry each minute, sealed, committed, read back and opened; every new entry's index and link; and the
number of requests sent upstream against the number of request records. A difference is an alarm: a metric at once, and
an entry when it begins and when it ends, made as soon as the ledger takes one.

The counts cannot give a false alarm: a request is durable before it is sent, and what was sent is read before what was
recorded. What is not seen here: a program that goes around the gateway; vendors' usage reports and the network show it.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Final, Protocol

from wardkeep.audit.entry import ZERO_HASH, Draft
from wardkeep.audit.errors import LedgerError
from wardkeep.audit.ledger import Entry, Head
from wardkeep.audit.sequence import Receipt
from wardkeep.compliance.entries import EntryMaker
from wardkeep.compliance.errors import EntryUnopenable
from wardkeep.model.instant import Instant

CANARY_SECONDS: Final = 60
STALE_SECONDS: Final = 60
_NANOSECONDS: Final = 1_000_000_000
_CANARY_BYTES: Final = 32
_PORTION: Final = 4096
_HEAD_BYTES: Final = 200


class Alarm(StrEnum):
    """What can be wrong with the record, or has to be looked at.

    `BREAK_GLASS`: somebody broke the glass, and nobody reviewed it yet. `EMERGENCY`: records wait in the spool, may
    come to, or were lost there.

    Values stand in entries and metrics and are never renamed.
    """

    CANARY = "canary"
    GAP = "gap"
    UNRECORDED_CALL = "unrecorded_call"
    WITNESS = "witness"
    BREAK_GLASS = "break_glass"
    EMERGENCY = "emergency"


class Watched(Protocol):
    """The ledger as it is watched; see `audit.ledger.Ledger`."""

    async def append(self, drafts: list[Draft]) -> list[Receipt]:
        """Make drafts durable."""
        ...

    async def read(self, index: int) -> Entry | None:
        """Return one entry."""
        ...

    async def head(self) -> Head:
        """Return the durable head."""
        ...

    async def leaves(self, start: int, stop: int) -> list[tuple[bytes, bytes]]:
        """Return (header, leaf hash) in order."""
        ...


@dataclass(slots=True, kw_only=True)
class Watch:
    """What was seen so far. `turn` is called every few seconds by one task.

    `sent` is how many requests went upstream since this instance started, by all its processes; `lag_seconds` how old
    the newest head is that a quorum of witnesses cosigned (0 where there are none).
    """

    ledger: Watched
    entries: EntryMaker
    clock: Callable[[], Instant]
    sent: Callable[[], int]
    lag_seconds: Callable[[], float]
    started_at: int
    is_glass_broken: Callable[[], bool] = lambda: False
    is_emergency: Callable[[], bool] = lambda: False
    previous: bytes = ZERO_HASH
    seen: int = 0
    requests: int = 0
    canary_at_ns: int = 0
    turned_at_ns: int = 0
    is_canary_whole: bool = True
    gap_at: int | None = None
    raised: set[Alarm] = field(default_factory=set)
    _told: set[Alarm] = field(default_factory=set)
    _is_caught_up: bool = False

    async def begin(self) -> None:
        """Take the log's end as it is at start; the time before is `verify`'s affair. Raises LedgerError."""
        now = self.clock().mono_ns
        self.canary_at_ns, self.turned_at_ns = now, now
        self.seen = self.started_at
        if self.seen:
            self.previous = (await self.ledger.leaves(self.seen - 1, self.seen))[0][1]

    async def turn(self) -> frozenset[Alarm]:
        """Look once; return the alarms that stand. Raises nothing of the ledger's: what fails is the alarm."""
        now = self.clock()
        sent = self.sent()  # before the records are counted: each was durable before it was sent
        self._set(Alarm.CANARY, await self._is_canary_lost(now))
        self._set(Alarm.GAP, await self._is_gap())
        self._set(Alarm.UNRECORDED_CALL, self.gap_at is None and sent > self.requests and self._is_caught_up)
        self._set(Alarm.WITNESS, self.lag_seconds() > STALE_SECONDS)
        self._set(Alarm.BREAK_GLASS, self.is_glass_broken())
        self._set(Alarm.EMERGENCY, self.is_emergency())
        self.turned_at_ns = self.clock().mono_ns
        await self._tell()
        return frozenset(self.raised)

    def gauges(self) -> Mapping[str, float]:
        """Return 1 for each alarm that stands; the watch's own age shows when nobody looks any more."""
        now = self.clock().mono_ns
        return {
            **{f"alarm_{alarm.value}": float(alarm in self.raised) for alarm in Alarm},
            "canary_age_seconds": (now - self.canary_at_ns) / _NANOSECONDS,
            "watch_age_seconds": (now - self.turned_at_ns) / _NANOSECONDS,
        }

    async def _is_canary_lost(self, now: Instant) -> bool:
        """Make, read back and open a canary when one is due; lost means that this did not work."""
        if self.is_canary_whole and now.mono_ns - self.canary_at_ns < CANARY_SECONDS * _NANOSECONDS:
            return False
        self.is_canary_whole = False
        song = secrets.token_bytes(_CANARY_BYTES)
        draft = self.entries.draft("canary", actor="host", detail={"action": "canary"}, payload=song)
        try:
            (receipt,) = await self.ledger.append([draft])
            entry = await self.ledger.read(receipt.index)
            if entry is None or entry.payload is None or entry.leaf_hash != receipt.leaf_hash:
                return True
            opened = self.entries.opened(entry.header, entry.payload)
        except (LedgerError, EntryUnopenable):
            return True
        if opened != song:
            return True
        self.is_canary_whole, self.canary_at_ns = True, now.mono_ns
        return False

    async def _is_gap(self) -> bool:
        """Follow the chain over every new entry, counting requests. A gap stays one until the operator has looked."""
        self._is_caught_up = False
        if self.gap_at is not None:
            return True
        try:
            size = (await self.ledger.head()).size
            while self.seen < size:
                rows = await self.ledger.leaves(self.seen, min(size, self.seen + _PORTION))
                if not rows or not self._follows(rows):
                    self.gap_at = self.seen
                    return True
        except LedgerError:
            return False  # the canary says so; nothing is known about the chain
        self._is_caught_up = True
        return False

    def _follows(self, rows: list[tuple[bytes, bytes]]) -> bool:
        for header, leaf in rows:
            prefix = b'{"v":1,"index":%d,"prev":"%b",' % (self.seen, self.previous.hex().encode())
            if sha256(b"\x00" + header).digest() != leaf or not header.startswith(prefix):
                return False
            self.requests += b'"type":"request"' in header[:_HEAD_BYTES]
            self.previous, self.seen = leaf, self.seen + 1
        return True

    def _set(self, alarm: Alarm, is_raised: bool) -> None:  # noqa: FBT001 - a predicate beside its name
        if is_raised:
            self.raised.add(alarm)
        else:
            self.raised.discard(alarm)

    async def _tell(self) -> None:
        """Record what began and what ended; kept until the ledger takes it."""
        changed = sorted(self.raised ^ self._told)
        if not changed:
            return
        drafts = [
            self.entries.draft(
                "alarm",
                actor="host",
                decision="raised" if alarm in self.raised else "cleared",
                detail={"action": "alarm", "alarm": alarm.value, **self._where(alarm)},
                payload=b"{}",
            )
            for alarm in changed
        ]
        try:
            await self.ledger.append(drafts)
        except LedgerError:
            return
        self._told = set(self.raised)

    def _where(self, alarm: Alarm) -> dict[str, str | int | bool]:
        if alarm is Alarm.GAP and self.gap_at is not None:
            return {"entry": self.gap_at}
        if alarm is Alarm.UNRECORDED_CALL:
            return {"sent": self.sent(), "recorded": self.requests}
        return {}
