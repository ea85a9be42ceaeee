"""The keeper's desk of subject keys: durable before a record is sealed under them, found for reading, destroyed whole.

45 CFR 164.310(d)(2)(i) and NIST SP 800-88 Rev. 1 (cryptographic erase). One thread owns the file; whatever is queued is
stored in one transaction, as in the ledger. A shred replaces the seal in this order, so that a crash at any point loses
nothing and brings nothing back: the new seal is written beside the old one; the file is wrapped under the new one, the
subject's keys gone; then the old seal is overwritten. `open_subjects` finishes what a crash left half done.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final, TypeVar

from wardkeep.audit.errors import LedgerTimeout, LedgerUnavailable
from wardkeep.crypto.errors import KeyDestroyed, KeyUnavailable, UnknownKey
from wardkeep.crypto.keys import DataKeys, Keyring, keep_seal, open_seal
from wardkeep.crypto.mac import forget_keys
from wardkeep.crypto.subject import (
    NewSubjectKey,
    SubjectKey,
    SubjectSeal,
    derive_key,
    epoch_of,
    new_seal,
    tag_of,
    unwrap_shelf,
    unwrap_subject,
    wrap_shelf,
    wrap_subject,
)
from wardkeep.crypto.wrapping import new_key
from wardkeep.storage.errors import StoreError
from wardkeep.storage.files import replace_secret
from wardkeep.storage.subjects_sqlite import KeyRow, Reseal, SubjectsFile, Tombstone

T = TypeVar("T")

DEADLINE_SECONDS: Final = 2.0
_LONG_SECONDS: Final = 30.0
_MOST_AT_ONCE: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is kept of one subject: how many keys, the newest month they were used in, whether anybody named it."""

    keys: int
    newest_period: int
    is_resolved: bool


@dataclass(slots=True, kw_only=True, eq=False)
class _Job:
    """Something to do in the thread. `new` are keys to store, which jobs that wait together store together."""

    run: Callable[[], object] | None = None
    new: Sequence[NewSubjectKey] = ()
    future: "asyncio.Future[object]"
    loop: asyncio.AbstractEventLoop


@dataclass(slots=True)
class _State:
    """What the thread holds: the seal and the shelf keys that are unwrapped."""

    seal: SubjectSeal
    shelves: dict[int, bytes] = field(default_factory=dict, repr=False)


class SubjectKeys:
    """The open desk. Make it with `open_subjects`. Every method may be called from any event loop."""

    def __init__(
        self, file: SubjectsFile, seal_path: Path, keyring: Keyring, keys: DataKeys, seal: SubjectSeal
    ) -> None:
        self._file = file
        self._seal_path = seal_path
        self._keyring = keyring
        self._keys = keys
        self._state = _State(seal)
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._busy_since: float | None = None
        self._healthy = True
        self._is_closed = False
        # Both are only added to and asked by the keeper: which subjects are closed now, which keys are gone for good.
        self.closed: set[bytes] = set()
        self.destroyed: set[str] = set(file.destroyed())
        self._listeners: list[Callable[[bytes], Awaitable[None]]] = []
        self._thread = Thread(target=self._run, name="wardkeep-subjects", daemon=True)
        self._thread.start()

    @property
    def writable(self) -> bool:
        """Whether the last write succeeded and none hangs."""
        since = self._busy_since
        return self._healthy and (since is None or time.monotonic() - since < DEADLINE_SECONDS)

    def on_destroy(self, listener: Callable[[bytes], Awaitable[None]]) -> None:
        """Await `listener` with a tag before its keys are destroyed: whoever remembers them forgets. It must end."""
        self._listeners.append(listener)

    async def keep(self, new: Sequence[NewSubjectKey]) -> None:
        """Make keys durable before anything sealed under them is. One that was destroyed is not kept again.

        Raises:
            KeyDestroyed: one of them was destroyed, if only while this waited; all others are kept.
            LedgerUnavailable: not known to be kept.
        """
        await self._ask(None, new=new)
        if any(key.name in self.destroyed for key in new):
            raise KeyDestroyed("a key of these was destroyed with its subject")

    async def find(self, name: str) -> SubjectKey:
        """Return the key of that name.

        Raises:
            KeyDestroyed: it was destroyed with its subject.
            UnknownKey: there is none, as after a restore without a seal.
            LedgerUnavailable: the file cannot be read.
        """
        return await self._ask(lambda: self._found(name))

    async def held(self, tag: bytes) -> Held | None:
        """Return what is kept of a subject, or None. Raises LedgerUnavailable."""

        def look() -> Held | None:
            rows = self._file.of(tag)
            if not rows:
                return None
            return Held(keys=len(rows), newest_period=rows[-1][2], is_resolved=any(row[3] for row in rows))

        return await self._ask(look)

    async def destroy(self, shred: str, tag: bytes, at: str) -> Tombstone:
        """Destroy all keys of a subject and every way to them; return the tombstone. Idempotent by `shred`.

        Every process has forgotten them by then.

        Raises:
            LedgerUnavailable: not known to be done; ask again.
        """
        for listener in self._listeners:
            await listener(tag)
        return await self._ask(lambda: self._destroy(shred, tag, at), within=_LONG_SECONDS)

    async def tombstones(self) -> list[Tombstone]:
        """Return all shreds that were carried out. Raises LedgerUnavailable."""
        return await self._ask(self._file.tombstones)

    async def told(self, shred: str) -> None:
        """Note that the ledger has the entry of a shred. Raises LedgerUnavailable."""
        await self._ask(lambda: self._file.told(shred))

    async def copy(self) -> tuple[bytes, SubjectSeal]:
        """Return a consistent copy of the table, and the seal that it is wrapped under. Raises LedgerUnavailable."""
        return await self._ask(lambda: (self._file.copy(), self._state.seal), within=_LONG_SECONDS)

    async def count(self) -> int:
        """Return how many keys are kept. Raises LedgerUnavailable."""
        return await self._ask(self._file.count)

    async def probe(self) -> bool:
        """Try a write that changes nothing; return `writable`."""
        try:
            await self._ask(self._file.probe)
        except LedgerUnavailable:
            return False
        return self.writable

    async def close(self) -> None:
        """Finish what is queued and release the file."""
        if not self._is_closed:
            self._is_closed = True
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join, DEADLINE_SECONDS)

    async def _ask(
        self,
        run: Callable[[], T] | None,
        *,
        new: Sequence[NewSubjectKey] = (),
        within: float = DEADLINE_SECONDS,
    ) -> T:
        if self._is_closed:
            raise LedgerUnavailable("the subject keys are closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Job(run=run, new=new, future=future, loop=loop))  # type: ignore[arg-type]  # one T a call
        try:
            async with asyncio.timeout(within):
                return await future
        except TimeoutError as error:
            raise LedgerTimeout("the disk of the subject keys does not answer") from error

    # ---- in the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        job: _Job | None
        while (job := self._queue.get()) is not None:
            together, after = self._gather(job)
            self._busy_since = time.monotonic()
            if together:
                self._settle(together, partial(self._store, [key for each in together for key in each.new]))
            if after is not None and after.run is not None:
                self._settle([after], after.run)
            self._busy_since = None
        self._file.close()

    def _gather(self, first: _Job) -> tuple[list[_Job], _Job | None]:
        """Return the storing jobs that wait now, and the first other one, in order."""
        together: list[_Job] = []
        job: _Job | None = first
        while job is not None and job.run is None:
            together.append(job)
            if sum(len(each.new) for each in together) >= _MOST_AT_ONCE:
                return together, None
            try:
                job = self._queue.get_nowait()
            except Empty:
                return together, None
            if job is None:
                self._queue.put(None)
        return together, job

    def _settle(self, jobs: Sequence[_Job], run: Callable[[], object]) -> None:
        outcome: object = None
        failed: Exception | None = None
        try:
            outcome = run()
            self._healthy = True
        except UnknownKey as error:
            failed = error
        except (StoreError, KeyUnavailable) as error:
            self._healthy = False
            failed = LedgerUnavailable("the subject keys cannot be read or written now")
            failed.__cause__ = error
        for job in jobs:
            try:
                job.loop.call_soon_threadsafe(_answer, job.future, outcome, failed)
            except RuntimeError:
                continue  # the loop is closed, its callers are gone

    def _store(self, new: Sequence[NewSubjectKey]) -> None:
        shelves: dict[int, bytes] = {}
        rows: list[KeyRow] = []
        for key in new:
            tag = tag_of(key.name)
            shelf = self._shelf(tag[0]) or shelves.setdefault(tag[0], new_key())
            wrapped = wrap_subject(shelf, self._keyring.tenant, key.name, key.material)
            rows.append((key.name, tag, key.period, int(key.is_resolved), wrapped))
        seal = self._state.seal
        self._file.put(
            rows,
            [(n, wrap_shelf(seal.key, self._keyring.tenant, seal.number, n, each)) for n, each in shelves.items()],
        )
        self._state.shelves.update(shelves)

    def _found(self, name: str) -> SubjectKey:
        wrapped = self._file.find(name)
        shelf = self._shelf(tag_of(name)[0])
        if wrapped is None or shelf is None:
            tag = tag_of(name)
            if name in self.destroyed or any(stone.tag == tag for stone in self._file.tombstones()):
                raise KeyDestroyed("the key of this record was destroyed: its subject was shredded")
            raise UnknownKey("the key of this record is not here: it was not restored, or never kept")
        material = unwrap_subject(shelf, self._keyring.tenant, name, wrapped)
        return derive_key(self._keys.epoch_key_for(epoch_of(name)), name, material)

    def _shelf(self, number: int) -> bytes | None:
        """Return a shelf's key, None while it has none."""
        if not self._state.shelves:
            self._state.shelves = self._unwrapped(self._file.shelves())
        return self._state.shelves.get(number)

    def _unwrapped(self, wrapped: Mapping[int, bytes]) -> dict[int, bytes]:
        seal = self._state.seal
        return {n: unwrap_shelf(seal.key, self._keyring.tenant, seal.number, n, blob) for n, blob in wrapped.items()}

    def _destroy(self, shred: str, tag: bytes, at: str) -> Tombstone:
        done = [stone for stone in self._file.tombstones() if stone.shred == shred]
        if done:
            if read_seal(self._seal_path, self._keyring) != self._state.seal:
                # It was committed, and what follows failed: the old seal stands until this is done.
                self._retire()
            return done[0]
        tenant = self._keyring.tenant
        old, shelf = self._state.seal, tag[0]
        key = self._shelf(shelf)
        rows = self._file.on_shelf(shelf)
        following = new_seal(old.number + 1)
        fresh = new_key()
        shelves = {**self._state.shelves, **({} if key is None else {shelf: fresh})}
        stone = Tombstone(shred=shred, tag=tag, keys=sum(row[1] == tag for row in rows), at=at, is_told=False)
        kept = [row for row in rows if row[1] != tag]
        materials = [] if key is None else [unwrap_subject(key, tenant, row[0], row[4]) for row in kept]
        reseal = Reseal(
            tag=tag,
            number=following.number,
            keys=[
                (wrap_subject(fresh, tenant, row[0], material), row[0])
                for row, material in zip(kept, materials, strict=True)
            ],
            shelves=[(n, wrap_shelf(following.key, tenant, following.number, n, k)) for n, k in shelves.items()],
            tombstone=stone,
        )
        self.destroyed.update(row[0] for row in rows if row[1] == tag)
        self._keep_seal(SubjectSeal(number=old.number, key=old.key, following=following.key))
        try:
            self._file.destroy(reseal)
        except StoreError:
            # Whether it was committed is not known: only the disk says which seal stands.
            self._state = _State(_current(read_seal(self._seal_path, self._keyring), self._file.seal_number() or 0))
            raise
        self._state = _State(following, shelves)
        self._retire()
        return stone

    def _retire(self) -> None:
        """Leave nothing of what a shred replaced: neither in the write-ahead log nor in the seal's file nor here."""
        self._file.empty_log()
        self._keep_seal(self._state.seal)
        forget_keys()

    def _keep_seal(self, seal: SubjectSeal) -> None:
        replace_secret(self._seal_path, keep_seal(self._keyring, seal))


def open_subjects(path: Path, seal_path: Path, keyring: Keyring, keys: DataKeys) -> SubjectKeys:
    """Return the desk of a home, made when it has none yet, a shred that a crash interrupted finished.

    Raises:
        KeyUnavailable: the seal is absent or is not the one of the file.
        StoreError: the file cannot be opened.
    """
    file = SubjectsFile(path)
    try:
        number = file.seal_number()
        if number is None:
            seal = _first_seal(seal_path, keyring)
            file.begin(seal.number)
        else:
            seal = _current(read_seal(seal_path, keyring), number)
            if seal.following is not None or number != read_seal(seal_path, keyring).number:
                file.empty_log()
                seal = SubjectSeal(number=seal.number, key=seal.key)
                replace_secret(seal_path, keep_seal(keyring, seal))
    except BaseException:
        file.close()
        raise
    return SubjectKeys(file, seal_path, keyring, keys, seal)


def read_subject_key(path: Path, seal_path: Path, keyring: Keyring, keys: DataKeys, name: str) -> SubjectKey:
    """Return one key out of copies of file and seal, for reading offline. Raises UnknownKey, KeyUnavailable."""
    file = SubjectsFile(path)
    try:
        number = file.seal_number()
        seal = _current(read_seal(seal_path, keyring), -1 if number is None else number)
        shelf, wrapped = file.shelves().get(tag_of(name)[0]), file.find(name)
    finally:
        file.close()
    if shelf is None or wrapped is None:
        raise UnknownKey("the key of this record is not in these files: destroyed, or never there")
    opened = unwrap_shelf(seal.key, keyring.tenant, seal.number, tag_of(name)[0], shelf)
    material = unwrap_subject(opened, keyring.tenant, name, wrapped)
    return derive_key(keys.epoch_key_for(epoch_of(name)), name, material)


def _first_seal(seal_path: Path, keyring: Keyring) -> SubjectSeal:
    """Return the seal of a file that holds nothing yet; one that a crash left without its file is taken up."""
    if seal_path.exists():
        return read_seal(seal_path, keyring)
    seal = new_seal()
    replace_secret(seal_path, keep_seal(keyring, seal))
    return seal


def read_seal(seal_path: Path, keyring: Keyring) -> SubjectSeal:
    """Return the seal in a file. Raises KeyUnavailable."""
    try:
        return open_seal(keyring, seal_path.read_bytes())
    except OSError as error:
        raise KeyUnavailable(f"the subject keys' seal {seal_path} cannot be read ({error.strerror})") from error


def _current(seal: SubjectSeal, number: int) -> SubjectSeal:
    """Return the seal that the file is wrapped under: the old one before its transaction, the new one after."""
    if number == seal.number:
        return seal
    if number == seal.number + 1 and seal.following is not None:
        return SubjectSeal(number=number, key=seal.following)
    raise KeyUnavailable(f"the subject keys are wrapped under seal {number}, and the seal file holds {seal.number}")


def _answer(future: "asyncio.Future[object]", outcome: object, failed: Exception | None) -> None:
    if future.done():
        return
    if failed is not None:
        future.set_exception(failed)
    else:
        future.set_result(outcome)
