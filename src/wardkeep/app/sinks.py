"""Sends the record to its sinks: the ledger itself is the outbox, and each sink has a durable cursor into it.

A cursor moves only when the receiver has ended the connection in order (`transport.syslog`); what a dying receiver
may not have read is sent again: nothing is lost, an entry may come twice. A log drain that fails silently is the
classic failure, so each sink gets a canary message when nothing else was confirmed for a while, and a sink without
confirmation is an alarm: a metric, a log line and an entry.

Rendering, sending and the cursors' files have threads of their own, one a sink: receivers that hang take no thread from
anything else, a thousand entries are not rendered where calls wait, and what waits here is at most one portion a sink.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from wardkeep.app.log import LogLine
from wardkeep.audit.entry import timestamp
from wardkeep.audit.errors import DraftMalformed, LedgerError
from wardkeep.audit.formats import Producer, render
from wardkeep.audit.ledger import StoredLedger
from wardkeep.audit.tree import leaf_hash
from wardkeep.compliance.entries import EntryMaker
from wardkeep.compliance.sinks import MOST_SINKS, active_sinks, uncovered
from wardkeep.model.instant import Instant
from wardkeep.model.registry import Registry
from wardkeep.model.sink import ExportFormat, Sink
from wardkeep.storage.errors import StoreError
from wardkeep.storage.files import write_whole
from wardkeep.transport.errors import SinkFailed
from wardkeep.transport.syslog import SyslogReceiver, deliver, syslog_message

P = ParamSpec("P")
T = TypeVar("T")

_EVERY_SECONDS: Final = 1.0
_PORTION: Final = 2000
_NANOSECONDS: Final = 1_000_000_000
# ITI-20 names the payload by its message id; the others are ours.
_KINDS: Final = {ExportFormat.ATNA: "IHE+RFC-3881"}


@dataclass(slots=True, kw_only=True)
class _Way:
    """Where one sink stands. `cursor` is the first entry that it is not known to have."""

    cursor: int
    confirmed_ns: int
    is_failing: bool = False
    is_told: bool = False
    is_refused: bool = False
    task: "asyncio.Task[None] | None" = None


@dataclass(slots=True, kw_only=True)
class Sinks:
    """All sinks of an instance. `turn` is called every second by one task.

    `canary_seconds` after the last confirmation a canary goes out; `alarm_seconds` after it the sink is an alarm.
    """

    ledger: StoredLedger
    entries: EntryMaker
    registry: Callable[[], Registry]
    clock: Callable[[], Instant]
    home: Path
    producer: Producer
    log: LogLine
    canary_seconds: float = 20.0
    alarm_seconds: float = 45.0
    ways: dict[str, _Way] = field(default_factory=dict)
    size: int = 0
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(MOST_SINKS, "sink"))

    async def turn(self) -> None:
        """Begin what is due, and say what fails. One sink never waits for another."""
        with contextlib.suppress(LedgerError):
            self.size = (await self.ledger.head()).size
        active = {sink.id: sink for sink in active_sinks(self.registry())}
        for name in self.ways.keys() - active.keys():
            del self.ways[name]
        for sink in active.values():
            way = self.ways.get(sink.id)
            if way is None:
                cursor = await self._apart(self._kept, sink)
                way = self.ways[sink.id] = _Way(cursor=cursor, confirmed_ns=self.clock().mono_ns)
            if way.task is None or way.task.done():
                way.task = asyncio.create_task(self._tend(sink, way))
            way.is_failing = self._age_seconds(way) > self.alarm_seconds
            await self._tell(sink, way)

    def gauges(self) -> dict[str, float]:
        """Return how many sinks fail, and the largest lag in entries and in seconds since a confirmation."""
        ways = self.ways.values()
        return {
            "alarm_sink": float(sum(way.is_failing for way in ways)),
            "sink_lag_entries": float(max((self.size - way.cursor for way in ways), default=0)),
            "sink_lag_seconds": max((self._age_seconds(way) for way in ways), default=0.0),
        }

    def standing(self, sink: str) -> dict[str, object]:
        """Return where a sink stands, for those who ask."""
        way = self.ways.get(sink)
        if way is None:
            return {"cursor": None, "lag_entries": None, "confirmed_seconds_ago": None, "is_failing": False}
        return {
            "cursor": way.cursor,
            "lag_entries": max(0, self.size - way.cursor),
            "confirmed_seconds_ago": round(self._age_seconds(way), 1),
            "is_failing": way.is_failing,
        }

    async def close(self) -> None:
        """Wait for no receiver: what was not confirmed is sent after the next start."""
        tasks = [way.task for way in self.ways.values() if way.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # A thread that still waits for a receiver ends with the receiver's own time limit.
        self.threads.shutdown(wait=False, cancel_futures=True)

    async def _tend(self, sink: Sink, way: _Way) -> None:
        """Deliver until there is nothing more, or the sink fails; what failed is tried again at the next turn."""
        while True:
            now = self.clock()
            is_canary_due = self._age_seconds(way) >= self.canary_seconds
            if way.cursor >= self.size and not is_canary_due:
                return
            organisation = self.registry().organisation
            refused = (
                organisation is None or uncovered(self.registry(), sink, now.day_in(organisation.zone)) is not None
            )
            if refused != way.is_refused:
                self.log("sink_refused" if refused else "sink_permitted", sink=sink.id)
                way.is_refused = refused
            if refused:
                return
            try:
                stop = await self._deliver(sink, way.cursor, now)
                if stop > way.cursor:
                    await self._apart(self._keep, sink, stop)
            except (SinkFailed, LedgerError, StoreError):
                return
            way.cursor, way.confirmed_ns = stop, self.clock().mono_ns

    async def _deliver(self, sink: Sink, start: int, now: Instant) -> int:
        """Send the next portion and a canary; return where the next one begins, once all of it was taken."""
        leaves = await self.ledger.leaves(start, min(self.size, start + _PORTION))
        canary = _canary(now, start + len(leaves))
        await self._apart(self._send, sink, [*leaves, (canary, leaf_hash(canary))], now)
        return start + len(leaves)

    def _send(self, sink: Sink, content: Sequence[tuple[bytes, bytes]], now: Instant) -> None:
        frames = [frame for header, hashed in content if (frame := self._frame(sink, header, hashed, now)) is not None]
        receiver = SyslogReceiver(
            host=sink.host,
            port=sink.port,
            authority=self.home / sink.authority if sink.authority else None,
            may_end_plainly=sink.may_end_plainly,
        )
        deliver(receiver, frames)

    async def _apart(self, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """Do work in a thread of the sinks."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, partial(work, *given, **named))

    def _frame(self, sink: Sink, header: bytes, hashed: bytes, now: Instant) -> bytes | None:
        kind = _KINDS.get(sink.format, sink.format.value)
        try:
            content = render(sink.format, header, hashed, self.producer)
        except DraftMalformed:
            # A damaged leaf: it goes as it is, so that the receiver's record has no gap where ours has damage.
            content = header
        return syslog_message(at=now.wall, host=self.producer.log, kind=kind, content=content)

    async def _tell(self, sink: Sink, way: _Way) -> None:
        """Record what began and what ended; kept until the ledger takes it."""
        if way.is_failing == way.is_told:
            return
        draft = self.entries.draft(
            "alarm",
            actor="host",
            decision="raised" if way.is_failing else "cleared",
            detail={"action": "alarm", "alarm": "sink", "sink": sink.id, "cursor": way.cursor},
            payload=b"{}",
        )
        try:
            await self.ledger.append([draft])
        except LedgerError:
            return
        way.is_told = way.is_failing
        self.log("sink_failing" if way.is_failing else "sink_recovered", sink=sink.id)

    def _age_seconds(self, way: _Way) -> float:
        return (self.clock().mono_ns - way.confirmed_ns) / _NANOSECONDS

    def _kept(self, sink: Sink) -> int:
        """Return the durable cursor. Without one it begins where the sink does: twice is better than never."""
        try:
            return max(sink.start, int(self._cursor_file(sink).read_text("ascii")))
        except (OSError, ValueError):
            return sink.start

    def _keep(self, sink: Sink, cursor: int) -> None:
        write_whole(self._cursor_file(sink), b"%d\n" % cursor)

    def _cursor_file(self, sink: Sink) -> Path:
        return self.home / "sinks" / sink.id


async def keep_sinks(sinks: Sinks, stopping: asyncio.Event) -> None:
    """Tend all sinks until told to stop."""
    while not stopping.is_set():
        await sinks.turn()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _EVERY_SECONDS)
    await sinks.close()


def _canary(now: Instant, index: int) -> bytes:
    """Return a header that is no entry: a message by which a receiver's side sees that the way is open."""
    return (
        b'{"v":1,"index":%d,"prev":"","type":"canary","id":"%b","at":"%b","mono":%d,"boot":"%b",'
        b'"actor":"host","detail":{"action":"sink_canary"}}'
        % (index, secrets.token_hex(16).encode(), timestamp(now.wall).encode(), now.mono_ns, now.boot.encode())
    )
