"""The ledger's store in PostgreSQL, shared by replicas: `LedgerStore` on one connection of one thread.

One row, the head, orders everything: a batch locks it, and whoever waits for it sees all that was committed before.
The row is locked, entries and payloads go in by COPY, the head is moved, and all of it is one transaction. Payloads
stand in monthly partitions (`postgres_schema`); the month is the database's, so that replicas' clocks do not matter.

The connection's role is refused when it could change or remove an entry: then a thief of the run-time password could.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import asyncpg

from wardkeep.storage._postgres import DatabaseLogin, Line
from wardkeep.storage.errors import (
    EntryThere,
    OutcomeUnknown,
    RequestNotOpen,
    StoreDamaged,
    StoreInUse,
    StoreMismatch,
    StoreUnavailable,
)
from wardkeep.storage.ledger_sqlite import CopyTarget
from wardkeep.storage.ledger_store import Batch, CheckpointRow, EntryRow, HeadRow, KnownRow, OpenRow
from wardkeep.storage.postgres_schema import IS_TOO_STRONG, VERSION

_COPY_ROWS: Final = 512
_INSTANCE_LOCK: Final = 0x57444B4C  # "WDKL"

_LONG_SECONDS: Final = 30.0

Rows: TypeAlias = Iterable[Sequence[EntryRow]]

_HEAD: Final = "SELECT size, frontier, facts_epoch, signatures, note FROM wardkeep.head"
_CLAIM: Final = (
    "SELECT size, frontier, facts_epoch, signatures, note, "
    "greatest(month, to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMM')::integer) AS month "
    "FROM wardkeep.head FOR UPDATE"
)
_MOVE: Final = (
    "UPDATE wardkeep.head SET size = $1, month = $2, frontier = $3, facts_epoch = $4, signatures = $5, note = $6"
)
_CLOSE: Final = "DELETE FROM wardkeep.open_requests WHERE id = ANY($1)"
_KEEP: Final = "INSERT INTO wardkeep.checkpoints VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
_ROWS: Final = (
    "SELECT e.idx, e.id, e.header, e.leaf_hash, e.signature, p.payload FROM wardkeep.entries e "
    "LEFT JOIN wardkeep.payloads p ON p.month = e.month AND p.idx = e.idx "
    "WHERE e.idx >= $1 AND e.idx < $2 ORDER BY e.idx"
)


class LedgerDatabase:
    """An open ledger in PostgreSQL. Every method may block, for two seconds at most, and raises StoreUnavailable."""

    __slots__ = ("_is_claimed", "_line", "_month", "_months")

    def __init__(self, login: DatabaseLogin, *, origin: str, is_exclusive: bool = False) -> None:
        """Connect. With `is_exclusive` nobody else who asks for that has it open, for as long as this connection is.

        Raises:
            StoreInUse: somebody else has it exclusively.
            StoreMismatch: the database is another log's, was not prepared, does not sync, or the role may do too much.
            StoreUnavailable: it does not answer or takes no writes.
        """
        self._line = Line(login)
        self._is_claimed = False
        self._month = 0
        self._months: set[int] = set()
        try:
            self._line.require_durable()
            self._line.ask(self._identify(origin))
            if is_exclusive:
                self._line.ask(self._lock())
        except BaseException:
            self._line.close()
            raise

    @property
    def is_shared(self) -> bool:
        """Other replicas may write."""
        return True

    def claim(self) -> HeadRow:
        """Begin the transaction and lock the head."""
        if self._is_claimed:
            self.abandon()
        row = self._line.ask(self._claim())
        self._is_claimed = True
        return _head(row)

    def abandon(self) -> None:
        """Roll back."""
        if self._is_claimed:
            self._is_claimed = False
            self._line.ask(self._connection.execute("ROLLBACK"))

    def commit(self, batch: Batch) -> None:
        """Write one batch in one transaction; see `LedgerStore`."""
        if not self._is_claimed:
            raise StoreUnavailable("a batch was to be committed without the head")
        try:
            self._line.ask(self._write(batch))
        except (EntryThere, RequestNotOpen):
            self.abandon()
            raise
        self._is_claimed = False

    def head(self) -> HeadRow | None:
        """Return the head, or None for a ledger with no entry."""
        row = self._line.ask(self._connection.fetchrow(_HEAD))
        if row is None:
            raise StoreDamaged("the row of the head is gone")
        return _head(row) if row["size"] else None

    def latest_checkpoint(self) -> CheckpointRow | None:
        """Return the newest kept checkpoint."""
        return self.checkpoint_until((1 << 63) - 1)

    def checkpoint_until(self, size: int) -> CheckpointRow | None:
        """Return the newest kept checkpoint of at most this size."""
        rows = self._all(
            "SELECT size, frontier, note FROM wardkeep.checkpoints WHERE size <= $1 ORDER BY size DESC LIMIT 1", size
        )
        return CheckpointRow(size=rows[0][0], frontier=rows[0][1], note=rows[0][2]) if rows else None

    def keep_checkpoint(self, kept: CheckpointRow) -> None:
        """Keep one more checkpoint, outside a batch."""
        self._line.ask(self._connection.execute(_KEEP, kept.size, kept.frontier, kept.note))

    def row_count_from(self, start: int) -> int:
        """Return how many rows have an index of `start` or more that the head does not state yet are there.

        Counted together with the head's own size, because another replica may write between two statements.
        """
        rows = self._all(
            "SELECT count(*) FROM wardkeep.entries WHERE idx >= greatest($1, (SELECT size FROM wardkeep.head))", start
        )
        return int(rows[0][0])

    def known(self, ids: Sequence[bytes]) -> list[KnownRow]:
        """Return those of the given entry ids that are stored."""
        return self._all("SELECT id, idx, leaf_hash, header FROM wardkeep.entries WHERE id = ANY($1)", list(ids))

    def indices_of(self, ids: Sequence[bytes]) -> dict[bytes, int]:
        """Return the index of each of the given entry ids that is stored."""
        return dict(self._all("SELECT id, idx FROM wardkeep.entries WHERE id = ANY($1)", list(ids)))

    def rows(self, start: int, stop: int) -> list[EntryRow]:
        """Return the entries with start <= idx < stop, in order."""
        return self._all(_ROWS, start, min(stop, (1 << 63) - 1))

    def leaves(self, start: int, stop: int) -> list[tuple[bytes, bytes]]:
        """Return (header, leaf hash) of the entries with start <= idx < stop, in order; reads no payload."""
        return self._all(
            "SELECT header, leaf_hash FROM wardkeep.entries WHERE idx >= $1 AND idx < $2 ORDER BY idx",
            start,
            min(stop, (1 << 63) - 1),
        )

    def leaves_at(self, indices: Sequence[int]) -> list[tuple[int, bytes, bytes]]:
        """Return (index, header, leaf hash) of those entries that exist, in order; reads no payload."""
        return self._all(
            "SELECT idx, header, leaf_hash FROM wardkeep.entries WHERE idx = ANY($1) ORDER BY idx", list(indices)
        )

    def headers_of_kind(self, kind: str, start: int) -> list[bytes]:
        """Return the headers of one entry kind from `start` on; reads no payload."""
        return [
            row[0]
            for row in self._all(
                "SELECT header FROM wardkeep.entries WHERE idx >= $1 AND position($2 in substr(header, 1, 200)) > 0",
                start,
                b'"type":"%b"' % kind.encode(),
            )
        ]

    def open_requests(self) -> list[OpenRow]:
        """Return the requests that no response or aborted entry has closed, oldest first."""
        return self._all("SELECT id, idx, owner, opened FROM wardkeep.open_requests ORDER BY idx")

    def probe(self) -> None:
        """Lock and write the head as it is, and have that synced."""

        async def write() -> None:
            await self._connection.execute("UPDATE wardkeep.head SET size = size")

        self.abandon()
        self._line.ask(write())

    def load(self, head: HeadRow, opened: Sequence[OpenRow], kept: Sequence[CheckpointRow], rows: Rows) -> None:
        """Put a whole log into an empty database, in one transaction.

        Raises:
            StoreMismatch: the database holds entries already; nothing was written.
            OutcomeUnknown: it may stand whole.
        """
        if self.claim().size:
            self.abandon()
            raise StoreMismatch("the database holds entries already; a log is moved into an empty one")
        for portion in rows:
            self._line.ask(self._put(portion), within=_LONG_SECONDS)
        for each in kept:
            self._line.ask(self._connection.execute(_KEEP, each.size, each.frontier, each.note))
        self.commit(Batch(entries=(), opened=opened, closed=(), head=head, checkpoint=None))

    def begin_copy(self, target: Path) -> "Exporting":
        """Begin a copy to a SQLite file, of the log as it is now. Raises StoreUnavailable when it cannot be made."""
        return Exporting(self, target)

    def stand(self) -> tuple[HeadRow, list[OpenRow], list[CheckpointRow]]:
        """Return head, open requests and checkpoints of one moment."""

        async def look() -> tuple[HeadRow, list[OpenRow], list[CheckpointRow]]:
            async with self._connection.transaction(isolation="repeatable_read", readonly=True):
                head = _head(await self._connection.fetchrow(_HEAD))
                opened = await self._connection.fetch("SELECT id, idx, owner, opened FROM wardkeep.open_requests")
                kept = await self._connection.fetch("SELECT size, frontier, note FROM wardkeep.checkpoints")
            return (
                head,
                [(row[0], row[1], row[2], row[3]) for row in opened],
                [CheckpointRow(size=row[0], frontier=row[1], note=row[2]) for row in kept if row[0] <= head.size],
            )

        self.abandon()
        return self._line.ask(look())

    def close(self) -> None:
        """Let the connection go; the server rolls back what was not committed. Safe to call twice."""
        self._line.close()

    @property
    def _connection(self) -> asyncpg.Connection:
        return self._line.connection

    def _all(self, statement: str, *values: object) -> list[Any]:
        return [tuple(row) for row in self._line.ask(self._connection.fetch(statement, *values))]

    async def _identify(self, origin: str) -> None:
        row = await self._connection.fetchrow("SELECT version, origin FROM wardkeep.instance")
        if row is None or row["version"] != VERSION:
            raise StoreMismatch("the database was prepared by another version; run `wardkeep ledger prepare`")
        if row["origin"] != origin:
            raise StoreMismatch("the database holds the log of another instance")
        if await self._connection.fetchval(IS_TOO_STRONG):
            raise StoreMismatch(
                "the role of `ledger.database` may change or delete entries; "
                "use the run-time role that `wardkeep ledger prepare` was given, never the owner or a superuser"
            )

    async def _lock(self) -> None:
        """Take the lock that ends with this connection: whoever lost the one has lost the other."""
        if not await self._connection.fetchval("SELECT pg_try_advisory_lock($1)", _INSTANCE_LOCK):
            raise StoreInUse("another instance serves from this database; it is free again when that one has ended")

    async def _claim(self) -> asyncpg.Record:
        await self._connection.execute("BEGIN")
        row = await self._connection.fetchrow(_CLAIM)
        if row is None:
            raise StoreDamaged("the row of the head is gone")
        self._month = row["month"]
        if self._month not in self._months:
            await self._connection.execute("SELECT wardkeep.add_month($1)", self._month)
        return row

    async def _put(self, entries: Sequence[EntryRow]) -> None:
        connection, month = self._connection, self._month
        if entries:
            await connection.copy_records_to_table(
                "entries",
                schema_name="wardkeep",
                columns=("idx", "id", "month", "header", "leaf_hash", "signature"),
                records=[(idx, id_, month, header, leaf, signed) for idx, id_, header, leaf, signed, _ in entries],
            )
        payloads = [(month, row[0], row[5]) for row in entries if row[5] is not None]
        if payloads:
            await connection.copy_records_to_table("payloads", schema_name="wardkeep", records=payloads)

    async def _write(self, batch: Batch) -> None:
        connection, head, month = self._connection, batch.head, self._month
        await self._put(batch.entries)
        if batch.opened:
            await connection.copy_records_to_table("open_requests", schema_name="wardkeep", records=batch.opened)
        if batch.closed:
            done = await connection.execute(_CLOSE, list(batch.closed))
            if done != f"DELETE {len(batch.closed)}":
                raise RequestNotOpen("a request of this batch is not open")
        if (kept := batch.checkpoint) is not None:
            await connection.execute(_KEEP, kept.size, kept.frontier, kept.note)
        moved = await connection.execute(
            _MOVE, head.size, month, head.frontier, head.facts_epoch, head.signatures, head.note
        )
        if moved != "UPDATE 1":
            raise StoreDamaged("the row of the head is gone")
        try:
            await connection.execute("COMMIT")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise OutcomeUnknown("the database was lost while it committed") from error
        self._months.add(month)


class Exporting:
    """A copy of the log, as it was at one moment, to a SQLite file that `wardkeep verify` reads alone."""

    __slots__ = ("_at", "_database", "_head", "_target")

    def __init__(self, database: LedgerDatabase, target: Path) -> None:
        """Create the target with mode 0600 and begin."""
        self._database = database
        self._head, opened, kept = database.stand()
        self._at = 0
        self._target = CopyTarget(target)
        self._target.put_rest(self._head if self._head.size else None, opened, kept)

    def step(self) -> bool:
        """Copy one portion; return whether the copy is complete. Entries never change, so any time will do."""
        if self._at < self._head.size:
            rows = self._database.rows(self._at, min(self._at + _COPY_ROWS, self._head.size))
            if not rows:
                raise StoreDamaged("an entry is missing")
            self._target.put_entries(rows)
            self._at = rows[-1][0] + 1
        return self._at >= self._head.size

    def close(self) -> None:
        """Release the target."""
        self._target.close()

    def sync(self) -> None:
        """Make the copy durable. Raises StoreUnavailable."""
        self._target.sync()


def _head(row: Any) -> HeadRow:
    return HeadRow(
        size=row["size"],
        frontier=row["frontier"],
        facts_epoch=row["facts_epoch"],
        signatures=row["signatures"],
        note=row["note"],
    )
