"""The control store: small records by kind and id, and the ledger index they are applied up to.

A control change is first a ledger entry, then applied here with its index, idempotently; after a crash the caller
replays the ledger from `applied_index` + 1 on. Bodies are opaque bytes. One connection, used by one thread at a time.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import apsw

from wardkeep.storage._sqlite import acquire_lock, close, connect, transaction, translated

APPLICATION_ID: Final = 0x57444B43  # "WDKC"
USER_VERSION: Final = 1
NOTHING_APPLIED: Final = -1

_SCHEMA: Final = """
CREATE TABLE records(kind TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY(kind, id)) WITHOUT ROWID;
CREATE TABLE applied(one INTEGER PRIMARY KEY CHECK (one = 1), idx INTEGER NOT NULL);
INSERT INTO applied VALUES(1, -1);
"""


class ControlFile:
    """The open control store. Every method may block on the disk and raises StoreUnavailable or StoreDamaged."""

    __slots__ = ("_connection", "_lock")

    def __init__(self, path: Path, *, vfs: str | None = None) -> None:
        """Open or create.

        Raises:
            StoreInUse: another process has it open.
            StoreMismatch: another program's file or version, or an unsafe SQLite library.
        """
        self._lock: int | None = acquire_lock(path)
        try:
            self._connection = connect(
                path, application_id=APPLICATION_ID, user_version=USER_VERSION, schema=_SCHEMA, vfs=vfs
            )
        except BaseException:
            self._release()
            raise

    def load_all(self) -> tuple[int, dict[str, dict[str, bytes]]]:
        """Return (applied index, records by kind and id). The index is `NOTHING_APPLIED` for a new store."""
        records: dict[str, dict[str, bytes]] = {}
        with translated():
            applied = self._connection.execute("SELECT idx FROM applied").get
            for kind, name, body in self._connection.execute("SELECT kind, id, body FROM records"):
                records.setdefault(kind, {})[name] = body
        return int(applied), records

    def apply(
        self, index: int, puts: Iterable[tuple[str, str, bytes]], deletes: Iterable[tuple[str, str]] = ()
    ) -> bool:
        """Apply one control change in one transaction; return False when `index` was applied before (a no-op)."""
        with translated(), transaction(self._connection):
            fresh = index > int(self._connection.execute("SELECT idx FROM applied").get)
            if fresh:
                _write(self._connection, index, puts, deletes)
        return fresh

    def close(self) -> None:
        """Release file and lock. Safe to call twice."""
        if self._lock is not None:
            close(self._connection)
            self._release()

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _write(
    connection: apsw.Connection, index: int, puts: Iterable[tuple[str, str, bytes]], deletes: Iterable[tuple[str, str]]
) -> None:
    for kind, name in deletes:
        connection.execute("DELETE FROM records WHERE kind = ? AND id = ?", (kind, name))
    for kind, name, body in puts:
        connection.execute("INSERT OR REPLACE INTO records VALUES(?,?,?)", (kind, name, body))
    connection.execute("UPDATE applied SET idx = ?", (index,))
