"""Who is signed in, and counters that never go back: small rows of the keeper's own, not part of the ledger's replay.

What is lost with this file is convenience (everybody signs in again), except `marks`: the last time step and signature
counter of each factor, without which a code or a copied authenticator could be used again. So every write is synced.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from wardkeep.storage._sqlite import acquire_lock, close, connect, transaction, translated
from wardkeep.storage.errors import StoreUnavailable

APPLICATION_ID: Final = 0x57445353  # "WDSS"
USER_VERSION: Final = 1

_TURN_SECONDS: Final = 1.0

_SCHEMA: Final = """
CREATE TABLE sessions(
  id BLOB PRIMARY KEY, person TEXT NOT NULL, created_us INTEGER NOT NULL, seen_us INTEGER NOT NULL,
  factor_us INTEGER NOT NULL, method TEXT NOT NULL, device TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE marks(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """One session. `id` is the HMAC of its token: who copies the file signs in as nobody."""

    id: bytes
    person: str
    created_us: int
    seen_us: int
    factor_us: int
    method: str
    device: str

    def used_at(self, now_us: int) -> "SessionRow":
        """Return the session as last used then."""
        return replace(self, seen_us=now_us)


class SessionsFile:
    """The open store. Every method may block on the disk and raises StoreUnavailable or StoreDamaged.

    Safe for threads: one waits for the other, and not for ever.
    """

    __slots__ = ("_connection", "_lock", "_turn")

    def __init__(self, path: Path, *, vfs: str | None = None) -> None:
        """Open or create. Raises StoreInUse, StoreMismatch."""
        self._turn = threading.Lock()
        self._lock: int | None = acquire_lock(path)
        try:
            self._connection = connect(
                path, application_id=APPLICATION_ID, user_version=USER_VERSION, schema=_SCHEMA, vfs=vfs
            )
        except BaseException:
            self._release()
            raise

    def load_sessions(self) -> list[SessionRow]:
        """Return all sessions."""
        columns = "id, person, created_us, seen_us, factor_us, method, device"
        with translated():
            rows = self._connection.execute(f"SELECT {columns} FROM sessions").fetchall()  # noqa: S608 - names of ours
        return [msgspec.convert(dict(zip(columns.split(", "), row, strict=True)), SessionRow) for row in rows]

    def load_marks(self) -> dict[str, int]:
        """Return all counters by name."""
        with translated():
            return {str(name): int(value) for name, value in self._connection.execute("SELECT name, value FROM marks")}

    def put(self, row: SessionRow, *, without: bytes | None = None) -> None:
        """Store a session; `without` is the one it replaces."""
        with self._writing():
            if without is not None:
                self._connection.execute("DELETE FROM sessions WHERE id = ?", (without,))
            self._connection.execute(
                "INSERT OR REPLACE INTO sessions VALUES(?,?,?,?,?,?,?)",
                (row.id, row.person, row.created_us, row.seen_us, row.factor_us, row.method, row.device),
            )

    def remove(self, *ids: bytes) -> None:
        """Forget sessions."""
        with self._writing():
            self._connection.executemany("DELETE FROM sessions WHERE id = ?", [(each,) for each in ids])

    def mark(self, marks: Mapping[str, int]) -> None:
        """Store counters, all or none."""
        with self._writing():
            self._connection.executemany("INSERT OR REPLACE INTO marks VALUES(?,?)", list(marks.items()))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=_TURN_SECONDS):
            raise StoreUnavailable("another write to this file has not ended")
        try:
            with translated(), transaction(self._connection):
                yield
        finally:
            self._turn.release()

    def close(self) -> None:
        """Release file and lock. Safe to call twice."""
        if self._lock is not None:
            close(self._connection)
            self._release()

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
