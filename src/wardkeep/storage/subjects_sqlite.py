"""Subject keys, wrapped: a small file beside the ledger, never part of a data backup, written by the keeper alone.

`secure_delete` overwrites what is deleted, and a shred empties the write-ahead log, so that a destroyed key leaves no
byte in either. What makes older copies of this file useless is not done here: their wrapping keys are replaced
(`crypto.subject`). `tombstones` say which tags were shredded, so that a restore can say so again.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from wardkeep.storage._sqlite import acquire_lock, close, connect, transaction, translated

APPLICATION_ID: Final = 0x5744534B  # "WDSK"
USER_VERSION: Final = 1

_SCHEMA: Final = """
CREATE TABLE seal(one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL);
CREATE TABLE shelves(number INTEGER PRIMARY KEY, wrapped BLOB NOT NULL);
CREATE TABLE keys(
  name TEXT PRIMARY KEY, tag BLOB NOT NULL, period INTEGER NOT NULL, resolved INTEGER NOT NULL, wrapped BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX keys_by_tag ON keys(tag);
CREATE TABLE tombstones(
  shred TEXT PRIMARY KEY, tag BLOB NOT NULL, keys INTEGER NOT NULL, at TEXT NOT NULL, told INTEGER NOT NULL
) WITHOUT ROWID;
"""

# Beside the schema, so that a file from before it was kept gets it too.
_DESTROYED: Final = "CREATE TABLE IF NOT EXISTS destroyed(name TEXT PRIMARY KEY) WITHOUT ROWID"

KeyRow: TypeAlias = tuple[str, bytes, int, int, bytes]
"""(name, tag, period, resolved, wrapped), a row of `keys`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """One shred that was carried out. `is_told` once the ledger has its `shred` entry."""

    shred: str
    tag: bytes
    keys: int
    at: str
    is_told: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reseal:
    """What a shred puts in place: the tag's keys go, its shelf's others and all shelves are wrapped anew."""

    tag: bytes
    number: int
    keys: Sequence[tuple[bytes, str]] = field(repr=False)
    shelves: Sequence[tuple[int, bytes]] = field(repr=False)
    tombstone: Tombstone


class SubjectsFile:
    """The open file. Every method may block on the disk and raises StoreUnavailable or StoreDamaged."""

    __slots__ = ("_connection", "_lock")

    def __init__(self, path: Path, *, vfs: str | None = None) -> None:
        """Open or create. Raises StoreInUse, StoreMismatch."""
        self._lock: int | None = acquire_lock(path)
        try:
            self._connection = connect(
                path, application_id=APPLICATION_ID, user_version=USER_VERSION, schema=_SCHEMA, vfs=vfs
            )
            with translated():
                self._connection.pragma("secure_delete", 1)
                self._connection.execute(_DESTROYED)
        except BaseException:
            self._release()
            raise

    def seal_number(self) -> int | None:
        """Return the number of the seal that the shelves are wrapped under; None in a new file."""
        with translated():
            number = self._connection.execute("SELECT number FROM seal").get
        return None if number is None else int(number)

    def begin(self, number: int) -> None:
        """Set the first seal's number."""
        with translated():
            self._connection.execute("INSERT INTO seal VALUES(1, ?)", (number,))

    def shelves(self) -> dict[int, bytes]:
        """Return all wrapped shelf keys."""
        with translated():
            return dict(self._connection.execute("SELECT number, wrapped FROM shelves"))

    def put(self, rows: Iterable[KeyRow], shelves: Iterable[tuple[int, bytes]] = ()) -> None:
        """Store keys, all or none; a name that is there keeps what it has, and one that was destroyed stays so."""
        with translated(), transaction(self._connection):
            self._connection.executemany("INSERT INTO shelves VALUES(?,?)", shelves)
            self._connection.executemany(
                "INSERT OR IGNORE INTO keys SELECT ?1,?2,?3,?4,?5 WHERE ?1 NOT IN (SELECT name FROM destroyed)", rows
            )

    def destroyed(self) -> list[str]:
        """Return the names of all keys that were destroyed."""
        with translated():
            return [name for (name,) in self._connection.execute("SELECT name FROM destroyed")]

    def find(self, name: str) -> bytes | None:
        """Return a wrapped key by its name."""
        with translated():
            found = self._connection.execute("SELECT wrapped FROM keys WHERE name = ?", (name,)).get
        return None if found is None else bytes(found)

    def of(self, tag: bytes) -> list[KeyRow]:
        """Return all keys of a tag."""
        with translated():
            return list(
                self._connection.execute(
                    "SELECT name, tag, period, resolved, wrapped FROM keys WHERE tag = ? ORDER BY period, name", (tag,)
                )
            )

    def on_shelf(self, shelf: int) -> list[KeyRow]:
        """Return all keys on a shelf: those whose tag begins with its number."""
        low, high = bytes((shelf,)), bytes((shelf + 1,)) if shelf < 255 else b"\xff" * 17
        with translated():
            return list(
                self._connection.execute(
                    "SELECT name, tag, period, resolved, wrapped FROM keys WHERE tag >= ? AND tag < ?", (low, high)
                )
            )

    def destroy(self, reseal: Reseal) -> None:
        """Carry out a shred in one transaction; durable when it returns."""
        stone = reseal.tombstone
        with translated(), transaction(self._connection):
            self._connection.execute(
                "INSERT OR IGNORE INTO destroyed SELECT name FROM keys WHERE tag = ?", (reseal.tag,)
            )
            self._connection.execute("DELETE FROM keys WHERE tag = ?", (reseal.tag,))
            self._connection.executemany("UPDATE keys SET wrapped = ? WHERE name = ?", reseal.keys)
            self._connection.executemany(
                "UPDATE shelves SET wrapped = ? WHERE number = ?", [(b, n) for n, b in reseal.shelves]
            )
            self._connection.execute("UPDATE seal SET number = ?", (reseal.number,))
            self._connection.execute(
                "INSERT OR REPLACE INTO tombstones VALUES(?,?,?,?,0)", (stone.shred, stone.tag, stone.keys, stone.at)
            )

    def empty_log(self) -> None:
        """Write everything into the file and cut the write-ahead log to nothing."""
        with translated():
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def tombstones(self) -> list[Tombstone]:
        """Return all shreds that were carried out."""
        with translated():
            rows: list[tuple[str, bytes, int, str, int]] = list(
                self._connection.execute("SELECT shred, tag, keys, at, told FROM tombstones ORDER BY at, shred")
            )
        return [
            Tombstone(shred=shred, tag=tag, keys=keys, at=at, is_told=bool(told)) for shred, tag, keys, at, told in rows
        ]

    def told(self, shred: str) -> None:
        """Note that the ledger has the entry of a shred."""
        with translated():
            self._connection.execute("UPDATE tombstones SET told = 1 WHERE shred = ?", (shred,))

    def count(self) -> int:
        """Return how many keys are kept."""
        with translated():
            return int(self._connection.execute("SELECT count(*) FROM keys").get)

    def probe(self) -> None:
        """Write and sync something that changes nothing."""
        with translated():
            self._connection.execute(f"BEGIN IMMEDIATE; PRAGMA user_version = {USER_VERSION}; COMMIT")

    def copy(self) -> bytes:
        """Return a consistent copy of the file."""
        with translated():
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            return bytes(self._connection.serialize("main"))

    def close(self) -> None:
        """Release file and lock. Safe to call twice."""
        if self._lock is not None:
            close(self._connection)
            self._release()

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
