"""The ledger's file: entries, the signed head, kept checkpoints, and requests not yet closed.

One connection, used by one thread. `commit` writes a whole batch in one transaction with one fsync. Rows go in as a
few multi-row statements of fixed sizes: every statement gives up and regains the interpreter lock, and beside a busy
event loop each regain may wait a switch interval, so 64 single inserts would cost 64 waits.

Entries are only ever inserted. `open_requests` and `head` follow from them and are rebuilt by no one: they change in
the transaction that changes the entries.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

import apsw

from wardkeep.storage._sqlite import acquire_lock, close, connect, transaction, translated
from wardkeep.storage.errors import StoreUnavailable
from wardkeep.storage.ledger_store import Batch, CheckpointRow, EntryRow, HeadRow, KnownRow, OpenRow

T = TypeVar("T")

APPLICATION_ID: Final = 0x57444B4C  # "WDKL"
USER_VERSION: Final = 1

# The payload stands last: reading a header or signature then never walks a large payload's overflow pages.
_SCHEMA: Final = """
CREATE TABLE entries(
  idx INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  header BLOB NOT NULL,
  leaf_hash BLOB NOT NULL,
  signature BLOB,
  payload BLOB
);
CREATE TABLE head(
  one INTEGER PRIMARY KEY CHECK (one = 1),
  size INTEGER NOT NULL,
  frontier BLOB NOT NULL,
  facts_epoch INTEGER NOT NULL,
  signatures BLOB NOT NULL,
  note BLOB NOT NULL
);
CREATE TABLE checkpoints(size INTEGER PRIMARY KEY, frontier BLOB NOT NULL, note BLOB NOT NULL);
CREATE TABLE open_requests(id BLOB PRIMARY KEY, idx INTEGER NOT NULL, owner TEXT NOT NULL, opened TEXT NOT NULL)
  WITHOUT ROWID;
"""

# A call is a request of 2-4 KB and an answer of 1 KB. In pages of 8 KB two calls do not fit, so that each took a page
# of its own; a third of the file was empty.
_PAGE_BYTES: Final = 16_384
_COPY_PAGES: Final = 512  # 8 MiB: some ten milliseconds in which nothing is committed
_CHUNKS: Final = (64, 32, 16, 8, 4, 2, 1)
_ENTRY_SQL: Final = {n: "INSERT INTO entries VALUES" + ",".join(["(?,?,?,?,?,?)"] * n) for n in _CHUNKS}
_OPEN_SQL: Final = {n: "INSERT OR IGNORE INTO open_requests VALUES" + ",".join(["(?,?,?,?)"] * n) for n in _CHUNKS}
_CLOSE_SQL: Final = {n: f"DELETE FROM open_requests WHERE id IN ({','.join('?' * n)})" for n in _CHUNKS}  # noqa: S608
_KNOWN_SQL: Final = {
    n: f"SELECT id, idx, leaf_hash, header FROM entries WHERE id IN ({','.join('?' * n)})"  # noqa: S608 - only question marks
    for n in _CHUNKS
}


class LedgerFile:
    """The open ledger file. Every method may block on the disk and raises StoreUnavailable or StoreDamaged."""

    __slots__ = ("_connection", "_lock")

    def __init__(self, path: Path, *, vfs: str | None = None) -> None:
        """Open or create. `vfs` names another SQLite VFS: fault injection uses it.

        Raises:
            StoreInUse: another process has it open.
            StoreMismatch: another program's file or version, or an unsafe SQLite library.
        """
        self._lock: int | None = acquire_lock(path)
        try:
            self._connection = connect(
                path,
                application_id=APPLICATION_ID,
                user_version=USER_VERSION,
                schema=_SCHEMA,
                vfs=vfs,
                page_bytes=_PAGE_BYTES,
            )
        except BaseException:
            self._release()
            raise

    @property
    def is_shared(self) -> bool:
        """Nobody else writes: the lock file keeps every other process out."""
        return False

    def claim(self) -> HeadRow:
        """Return the head; nobody else can move it."""
        return self.head() or HeadRow(size=0, frontier=b"", facts_epoch=0, signatures=b"", note=b"")

    def abandon(self) -> None:
        """Nothing was taken, so there is nothing to give back."""

    def head(self) -> HeadRow | None:
        """Return the head, or None for a ledger with no entry."""
        with translated():
            row = self._connection.execute("SELECT size, frontier, facts_epoch, signatures, note FROM head").get
        if row is None:
            return None
        size, frontier, facts_epoch, signatures, note = row
        return HeadRow(size=size, frontier=frontier, facts_epoch=facts_epoch, signatures=signatures, note=note)

    def latest_checkpoint(self) -> CheckpointRow | None:
        """Return the newest kept checkpoint."""
        with translated():
            row = self._connection.execute(
                "SELECT size, frontier, note FROM checkpoints ORDER BY size DESC LIMIT 1"
            ).get
        return None if row is None else CheckpointRow(size=row[0], frontier=row[1], note=row[2])

    def row_count_from(self, start: int) -> int:
        """Return how many rows have an index of `start` or more."""
        with translated():
            count = self._connection.execute("SELECT count(*) FROM entries WHERE idx >= ?", (start,)).get
        return int(count)

    def known(self, ids: Sequence[bytes]) -> list[KnownRow]:
        """Return those of the given entry ids that are stored."""
        found: list[KnownRow] = []
        with translated():
            for chunk in _chunks(ids):
                found += self._connection.execute(_KNOWN_SQL[len(chunk)], chunk)
        return found

    def rows(self, start: int, stop: int) -> list[EntryRow]:
        """Return the entries with start <= idx < stop, in order."""
        with translated():
            return list(
                self._connection.execute(
                    "SELECT idx, id, header, leaf_hash, signature, payload FROM entries WHERE idx >= ? AND idx < ? "
                    "ORDER BY idx",
                    (start, stop),
                )
            )

    def leaves(self, start: int, stop: int) -> list[tuple[bytes, bytes]]:
        """Return (header, leaf hash) of the entries with start <= idx < stop, in order; reads no payload."""
        with translated():
            return list(
                self._connection.execute(
                    "SELECT header, leaf_hash FROM entries WHERE idx >= ? AND idx < ? ORDER BY idx", (start, stop)
                )
            )

    def leaves_at(self, indices: Sequence[int]) -> list[tuple[int, bytes, bytes]]:
        """Return (index, header, leaf hash) of those entries that exist, in order; reads no payload."""
        listed = f"[{','.join(map(str, indices))}]"
        with translated():
            return list(
                self._connection.execute(
                    "SELECT idx, header, leaf_hash FROM entries WHERE idx IN (SELECT value FROM json_each(?)) "
                    "ORDER BY idx",
                    (listed,),
                )
            )

    def indices_of(self, ids: Sequence[bytes]) -> dict[bytes, int]:
        """Return the index of each of the given entry ids that is stored."""
        return {row[0]: row[1] for row in self.known(ids)}

    def checkpoint_until(self, size: int) -> CheckpointRow | None:
        """Return the newest kept checkpoint of at most this size."""
        with translated():
            row = self._connection.execute(
                "SELECT size, frontier, note FROM checkpoints WHERE size <= ? ORDER BY size DESC LIMIT 1", (size,)
            ).get
        return None if row is None else CheckpointRow(size=row[0], frontier=row[1], note=row[2])

    def checkpoints(self) -> list[CheckpointRow]:
        """Return all kept checkpoints."""
        with translated():
            rows = list(self._connection.execute("SELECT size, frontier, note FROM checkpoints ORDER BY size"))
        return [CheckpointRow(size=row[0], frontier=row[1], note=row[2]) for row in rows]

    def headers_of_kind(self, kind: str, start: int) -> list[bytes]:
        """Return the headers of one entry kind from `start` on; reads no payload."""
        with translated():
            return [
                row[0]
                for row in self._connection.execute(
                    "SELECT header FROM entries WHERE idx >= ? AND instr(substr(header, 1, 200), ?)",
                    (start, b'"type":"%b"' % kind.encode()),
                )
            ]

    def open_requests(self) -> list[OpenRow]:
        """Return the requests that no response or aborted entry has closed, oldest first."""
        with translated():
            return list(self._connection.execute("SELECT id, idx, owner, opened FROM open_requests ORDER BY idx"))

    def commit(self, batch: Batch) -> None:
        """Write one batch in one transaction; durable when it returns.

        Raises:
            EntryThere: an id is stored already; nothing was written.
            StoreUnavailable: nothing was committed, or the outcome is unknown: reopen and read the head.
        """
        execute = self._connection.execute
        head = batch.head
        with translated():
            try:
                execute("BEGIN IMMEDIATE")
                for chunk in _chunks(batch.entries):
                    execute(_ENTRY_SQL[len(chunk)], [value for row in chunk for value in row])
                for opened in _chunks(batch.opened):
                    execute(_OPEN_SQL[len(opened)], [value for row in opened for value in row])
                for closed in _chunks(batch.closed):
                    execute(_CLOSE_SQL[len(closed)], closed)
                execute(
                    "INSERT OR REPLACE INTO head VALUES(1,?,?,?,?,?)",
                    (head.size, head.frontier, head.facts_epoch, head.signatures, head.note),
                )
                if (kept := batch.checkpoint) is not None:
                    execute("INSERT OR IGNORE INTO checkpoints VALUES(?,?,?)", (kept.size, kept.frontier, kept.note))
                execute("COMMIT")
            except apsw.Error:
                self._roll_back()
                raise

    def keep_checkpoint(self, kept: CheckpointRow) -> None:
        """Keep one more checkpoint, outside a batch."""
        with translated():
            self._connection.execute(
                "INSERT OR IGNORE INTO checkpoints VALUES(?,?,?)", (kept.size, kept.frontier, kept.note)
            )

    def probe(self) -> None:
        """Write and sync something that changes nothing. Raises StoreUnavailable while the disk does not take it."""
        with translated():
            try:
                # setting the version always writes page 1, also in a ledger with no entry
                self._connection.execute(f"BEGIN IMMEDIATE; PRAGMA user_version = {USER_VERSION}; COMMIT")
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            except apsw.Error:
                self._roll_back()
                raise

    def begin_copy(self, target: Path) -> "Copying":
        """Begin a consistent copy to a new file. Raises StoreUnavailable when the target exists or cannot be made."""
        return Copying(self._connection, target)

    def close(self) -> None:
        """Release file and lock. Safe to call twice."""
        if self._lock is not None:
            close(self._connection)
            self._release()

    def _roll_back(self) -> None:
        """Leave no transaction open; SQLite may already have rolled back by itself."""
        if not self._connection.in_transaction:
            return
        try:
            self._connection.execute("ROLLBACK")
        except apsw.Error:
            # The caller closes this connection and reads the truth from the disk again, so nothing rests on this.
            return

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class CopyTarget:
    """A new ledger file that a copy goes into; only `sync` makes it durable, away from the writer."""

    __slots__ = ("_target", "connection")

    def __init__(self, target: Path, *, is_page_copy: bool = False) -> None:
        """Create the file with mode 0600. Raises StoreUnavailable when it exists or cannot be made."""
        self._target = target
        try:
            os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreUnavailable(f"the copy cannot be created ({error.strerror})") from error
        with translated():
            self.connection = apsw.Connection(str(target))
            self.connection.pragma("synchronous", 0)
            if not is_page_copy:
                self.connection.execute(_SCHEMA)
                self.connection.pragma("application_id", APPLICATION_ID)
                self.connection.pragma("user_version", USER_VERSION)

    def put_rest(self, head: HeadRow | None, opened: Sequence[OpenRow], kept: Sequence[CheckpointRow]) -> None:
        """Write all that is not an entry."""
        with translated(), transaction(self.connection):
            if head is not None:
                self.connection.execute(
                    "INSERT INTO head VALUES(1,?,?,?,?,?)",
                    (head.size, head.frontier, head.facts_epoch, head.signatures, head.note),
                )
            self.connection.executemany("INSERT INTO open_requests VALUES(?,?,?,?)", opened)
            self.connection.executemany(
                "INSERT INTO checkpoints VALUES(?,?,?)", [(each.size, each.frontier, each.note) for each in kept]
            )

    def put_entries(self, rows: Sequence[EntryRow]) -> None:
        """Write one portion of entries."""
        with translated(), transaction(self.connection):
            for chunk in _chunks(rows):
                self.connection.execute(_ENTRY_SQL[len(chunk)], [value for row in chunk for value in row])

    def close(self) -> None:
        """Release the target; the copy is a plain file without a write-ahead log."""
        with translated():
            self.connection.pragma("journal_mode", "delete")
        close(self.connection)

    def sync(self) -> None:
        """Make the copy durable; takes as long as the disk needs. Raises StoreUnavailable."""
        try:
            descriptor = os.open(self._target, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise StoreUnavailable(f"the copy cannot be made durable ({error.strerror})") from error


class Copying:
    """A copy under way (the online backup interface), in portions: commits between two portions are part of it."""

    __slots__ = ("_backup", "_target")

    def __init__(self, source: apsw.Connection, target: Path) -> None:
        """Create the target and begin."""
        self._target = CopyTarget(target, is_page_copy=True)
        with translated():
            self._backup = self._target.connection.backup("main", source, "main")

    def step(self) -> bool:
        """Copy one portion; return whether the copy is complete."""
        with translated():
            return self._backup.step(_COPY_PAGES)

    def close(self) -> None:
        """Finish and release the target."""
        with translated():
            self._backup.finish()
        self._target.close()

    def sync(self) -> None:
        """Make the copy durable. Raises StoreUnavailable."""
        self._target.sync()


def _chunks(items: Sequence[T]) -> list[Sequence[T]]:
    """Cut into the fixed sizes that have a prepared statement: at most seven sizes stay in the statement cache."""
    out: list[Sequence[T]] = []
    at = 0
    left = len(items)
    for size in _CHUNKS:
        while left >= size:
            out.append(items[at : at + size])
            at += size
            left -= size
    return out
