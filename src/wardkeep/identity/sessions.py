"""Sessions of people in browsers, and how fast anybody may guess (45 CFR 164.312(a)(2)(iii), 164.308(a)(5)(ii)(C)).

One owner, the keeper. A token is 256 random bits, of which only the HMAC is kept; it is new after every sign-in and
step-up, so that a token somebody planted before opens nothing (session fixation). A session ends after being idle,
after its absolute life, when its person ends it or all, and when the person is no longer active.

Guessing: after a few wrong answers a name has to wait, each time longer. The wait is the same whether the name exists,
and it is kept apart for each way of signing in, so that whoever knows a name cannot keep its owner from a passkey.
"""

import asyncio
import base64
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from wardkeep.crypto.mac import mac
from wardkeep.model.sensitive import Secret
from wardkeep.storage.errors import StoreUnavailable
from wardkeep.storage.sessions_sqlite import SessionRow, SessionsFile

IDLE_SECONDS: Final = 15 * 60
ABSOLUTE_SECONDS: Final = 12 * 3600
STEP_UP_SECONDS: Final = 10 * 60
MOST_SESSIONS: Final = 20

_FREE_FAILURES: Final = 4
_FIRST_WAIT_SECONDS: Final = 30
_LONGEST_WAIT_SECONDS: Final = 3600
_FORGET_SECONDS: Final = 24 * 3600
_MOST_NAMES: Final = 20_000
_US: Final = 1_000_000
_TURN_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A session just begun or renewed: the token goes into a cookie and nowhere else."""

    token: Secret[str]
    row: SessionRow


class Sessions:
    """All sessions of an instance, in memory and in their file. Not thread-safe: one event loop owns it.

    The file is written in a thread, in the order of the calls: a disk that hangs holds up who waits for it and nobody
    else. Memory is ahead of it where that is the stricter: a code counts as used, and a session as ended, at once.
    """

    def __init__(self, store: SessionsFile, mac_key: bytes, randomness: Callable[[int], bytes]) -> None:
        self._store = store
        self._mac_key = mac_key
        self._randomness = randomness
        self._rows = {row.id: row for row in store.load_sessions()}
        self._marks = store.load_marks()
        self._over: set[bytes] = set()
        self._one_at_a_time = asyncio.Lock()

    async def begin(
        self,
        person: str,
        method: str,
        device: str,
        now_us: int,
        *,
        without: bytes | None = None,
        factor_us: int | None = None,
    ) -> Started:
        """Open a session under a token that nobody saw before; `without` is the one it replaces.

        `factor_us` is when the second factor was shown, where that was before now.

        It is durable before its token is told, and who ends all sessions meanwhile ends this one too.

        Raises:
            StoreError: there is no session.
        """
        created = self._rows[without].created_us if without is not None and without in self._rows else now_us
        token = base64.urlsafe_b64encode(self._randomness(32)).decode().rstrip("=")
        row = SessionRow(
            id=self._id(token),
            person=person,
            created_us=created,
            seen_us=now_us,
            factor_us=now_us if factor_us is None else min(factor_us, now_us),
            method=method,
            device=device[:80],
        )
        self._rows[row.id] = row
        try:
            await self._write(partial(self._store.put, row, without=without))
        except BaseException:
            self._forget(row.id)
            raise
        if without is not None:
            self._rows.pop(without, None)
        await self._bound(person)
        return Started(token=Secret(token), row=row)

    def find(self, token: Secret[str], now_us: int) -> SessionRow | None:
        """Return the live session behind a token, and note that it was used."""
        row = self._rows.get(self._id(token.reveal()))
        if row is None:
            return None
        if self._is_over(row, now_us):
            self._forget(row.id)
            return None
        # The store is told at the next renewal only: what a crash forgets shortens the session, never lengthens it.
        seen = row.used_at(now_us)
        self._rows[row.id] = seen
        return seen

    def of(self, person: str, now_us: int) -> list[SessionRow]:
        """Return a person's live sessions, newest first."""
        live = [row for row in self._rows.values() if row.person == person and not self._is_over(row, now_us)]
        return sorted(live, key=lambda row: -row.created_us)

    def live(self, now_us: int) -> dict[str, list[SessionRow]]:
        """Return everybody's live sessions by person, each newest first; looks at each session once."""
        found: dict[str, list[SessionRow]] = {}
        for row in self._rows.values():
            if not self._is_over(row, now_us):
                found.setdefault(row.person, []).append(row)
        return {person: sorted(rows, key=lambda row: -row.created_us) for person, rows in found.items()}

    def people(self) -> frozenset[str]:
        """Return who has a session that nobody ended; one that is only idle counts."""
        return frozenset(row.person for row in self._rows.values())

    async def end(self, *ids: bytes) -> None:
        """End sessions; they open nothing from now on.

        Raises:
            StoreError: a restart would bring them back; they are removed with what is written next.
        """
        for each in ids:
            self._forget(each)
        if self._over:
            over = frozenset(self._over)
            await self._write(partial(self._store.remove, *over))
            self._over -= over

    async def end_all(self, person: str, *, but: bytes | None = None) -> int:
        """End all sessions of a person; return how many. Raises as `end`."""
        ids = [row.id for row in self._rows.values() if row.person == person and row.id != but]
        await self.end(*ids)
        return len(ids)

    def mark(self, name: str) -> int:
        """Return a counter; -1 when there is none yet."""
        return self._marks.get(name, -1)

    async def advance(self, name: str, value: int) -> None:
        """Keep a counter, durably, before what it guards is given; from now on nobody else is given it.

        Raises:
            StoreError: what it guards is not given, and not offered again while this runs.
        """
        await self.advance_later({name: value})

    async def advance_later(self, marks: Mapping[str, int]) -> None:
        """Keep counters: they may be told at once where they guard nothing. Raises StoreError."""
        self._marks |= marks
        await self._write(partial(self._store.mark, dict(marks)))

    def close(self) -> None:
        """Release the store."""
        self._store.close()

    def _id(self, token: str) -> bytes:
        return mac(self._mac_key, b"session", token.encode())

    def _is_over(self, row: SessionRow, now_us: int) -> bool:
        return (
            now_us - row.seen_us > IDLE_SECONDS * _US
            or now_us - row.created_us > ABSOLUTE_SECONDS * _US
            or row.seen_us - now_us > IDLE_SECONDS * _US
        )

    def _forget(self, session: bytes) -> None:
        """Let a session open nothing; the file is told with what is ended next."""
        self._rows.pop(session, None)
        self._over.add(session)

    async def _write(self, work: Callable[[], None]) -> None:
        """Write in a thread, after what was asked before."""
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await self._one_at_a_time.acquire()
        except TimeoutError as error:
            raise StoreUnavailable("another write to the sessions has not ended") from error
        try:
            await asyncio.to_thread(work)
        finally:
            self._one_at_a_time.release()

    async def _bound(self, person: str) -> None:
        mine = sorted((row for row in self._rows.values() if row.person == person), key=lambda row: row.seen_us)
        if len(mine) > MOST_SESSIONS:
            await self.end(*(row.id for row in mine[:-MOST_SESSIONS]))


@dataclass(frozen=True, slots=True)
class _Tries:
    failures: int
    last_us: int
    until_us: int


class Guesses:
    """Counts wrong answers by way and name. Bounded: names that were not tried for longest are forgotten first."""

    def __init__(self) -> None:
        self._tries: OrderedDict[tuple[str, str], _Tries] = OrderedDict()

    def wait_seconds(self, way: str, name: str, now_us: int) -> int:
        """Return how long the name must wait for its next try; 0 when it may try now."""
        tries = self._tries.get((way, name))
        if tries is None or now_us >= tries.until_us:
            return 0
        return -((now_us - tries.until_us) // _US)

    def failed(self, way: str, name: str, now_us: int) -> bool:
        """Note a wrong answer; return whether the name must wait now."""
        tries = self._tries.pop((way, name), _Tries(0, now_us, 0))
        is_old = now_us - tries.last_us > _FORGET_SECONDS * _US
        failures = 1 if is_old else tries.failures + 1
        wait = 0
        if failures > _FREE_FAILURES:
            wait = min(_FIRST_WAIT_SECONDS * 2 ** min(failures - _FREE_FAILURES - 1, 12), _LONGEST_WAIT_SECONDS)
        self._tries[way, name] = _Tries(failures, now_us, now_us + wait * _US)
        while len(self._tries) > _MOST_NAMES:
            self._tries.popitem(last=False)
        return wait > 0

    def succeeded(self, way: str, name: str) -> None:
        """Forget the wrong answers before a right one."""
        self._tries.pop((way, name), None)
