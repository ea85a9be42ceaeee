"""The ledger's writer: one sequencer, one transaction a batch, durable before anything is acknowledged.

45 CFR 164.312(b), 164.312(c)(1). Group commit is driven by events: the writer thread takes everything that is queued
(at most 512 drafts), commits, and looks again; there is no timer. Each batch's new head is signed, the signature kept
on the batch's last entry.

Nothing in memory runs ahead of the disk: the state is replaced after a commit returned, and read back through
`restore` after any failure, which is also how the ledger starts.

On a store that replicas share, each batch first claims the head; what others wrote since is followed, checked like at
a start, before the batch is planned. So there is one order, and every head is signed over all that stands before it.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final, Protocol, TypeAlias, TypeVar

from wardkeep.audit.checkpoint import Checkpoint, VerifierKey, checkpoint_text, signed_note
from wardkeep.audit.entry import Draft, check_draft, timestamp
from wardkeep.audit.errors import (
    ControlNotApplied,
    DraftMalformed,
    EntryConflict,
    LedgerDamaged,
    LedgerError,
    LedgerTimeout,
    LedgerUnavailable,
)
from wardkeep.audit.release import Moment, aborted_drafts
from wardkeep.audit.restore import follow, restore
from wardkeep.audit.sequence import Plan, Receipt, State, Stored, plan, signatures_after
from wardkeep.audit.tree import EMPTY, extend, pack, root, unpack
from wardkeep.crypto.signing import SigningKey
from wardkeep.storage.errors import EntryThere, OutcomeUnknown, RequestNotOpen, StoreDamaged, StoreError
from wardkeep.storage.ledger_store import Batch, CheckpointRow, EntryRow, HeadRow, LedgerStore, OpenRow

T = TypeVar("T")
Outcome: TypeAlias = list[Receipt] | LedgerError
Outcomes: TypeAlias = list[Outcome]

MAX_BATCH: Final = 512
DEADLINE_SECONDS: Final = 2.0
_CHECKPOINT_ENTRIES: Final = 1000
_CHECKPOINT_SECONDS: Final = 1.0
_SCAN_CHUNK: Final = 256
_LEAVES_CHUNK: Final = 1024
# Entries far apart are a page each, maybe from a cold disk: while they are read nothing is committed.
_SCATTERED_CHUNK: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry as stored: `header` holds the exact leaf bytes."""

    index: int
    id: bytes
    header: bytes
    leaf_hash: bytes
    signature: bytes | None
    payload: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The durable head: what a witness is shown. `note` is empty for a log with no entry."""

    size: int
    root: bytes
    facts_epoch: int
    note: bytes


class Ledger(Protocol):
    """An append-only, hash-chained, signed log of entries.

    Durability: when `append` returns, every entry of the call survives a crash of process and machine.
    Atomicity: all drafts of one call become durable together, or none does.
    Idempotence: a draft whose id is stored already gives that entry's receipt; other content under it raises
    `EntryConflict`. So a caller may repeat an append whose outcome it does not know.
    Ordering: entries stand in the order their appends were made in one task; concurrent appends in any order. What
    `append_control` applies is visible before any later entry is durable.
    Failures: `StaleFacts` (a control entry is newer than the draft's facts), `LedgerUnavailable` (not written),
    `LedgerTimeout` (no answer within the deadline; the entry may appear later, and a request among them is then closed
    as aborted). After a failure the next append tries again; no restart is needed. Reads fail too while the store
    takes no write: the log's end is only believed once everything read from it is also on the disk.
    Concurrency: any number of tasks and event loops may append at once.
    """

    @property
    def writable(self) -> bool:
        """Whether the last write succeeded and none hangs; false makes `/readyz` false."""
        ...

    async def append(self, drafts: Sequence[Draft]) -> list[Receipt]:
        """Make the drafts durable and return their receipts in order."""
        ...

    async def append_each(self, groups: Sequence[Sequence[Draft]]) -> Outcomes:
        """As an `append` of each group, asked at once: each goes in whole or not at all, for its own reasons."""
        ...

    async def append_control(self, draft: Draft, apply: Callable[[int], None]) -> Receipt:
        """Make a control draft durable, then run `apply(index)` before anything later is committed."""
        ...

    async def probe(self) -> bool:
        """Try a real write that changes nothing, recovering if that is possible; return `writable`."""
        ...

    async def head(self) -> Head:
        """Return the durable head."""
        ...

    async def read(self, index: int) -> Entry | None:
        """Return one entry."""
        ...

    async def indices_of(self, ids: Sequence[bytes]) -> dict[bytes, int]:
        """Return the index of each entry id that is stored."""
        ...

    def scan(self, start: int, stop: int) -> AsyncIterator[Entry]:
        """Yield entries with start <= index < stop, in order."""
        ...

    async def recover(self, *, is_expired: Callable[[str], bool]) -> list[Receipt]:
        """Close every open request whose owner is expired with an `aborted` entry that says what was released."""
        ...

    async def abort_owner(self, owner: str) -> list[Receipt]:
        """Close the open requests of one dead owner."""
        ...

    async def close(self) -> None:
        """Finish what is queued, keep a checkpoint, release the store."""
        ...


@dataclass(slots=True, kw_only=True, eq=False)
class _Append:
    """Groups of drafts that wait for a commit. With no future, the writer itself appends."""

    groups: Sequence[Sequence[Draft]]
    size: int
    future: "asyncio.Future[Outcomes] | None" = None
    loop: asyncio.AbstractEventLoop | None = None
    apply: Callable[[int], None] | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class _Call:
    """Something else to do in the writer thread, between two batches."""

    run: Callable[[], object]
    future: "asyncio.Future[object] | None" = None
    loop: asyncio.AbstractEventLoop | None = None
    is_last: bool = False


@dataclass(slots=True, kw_only=True)
class _Line:
    """The appends of one event loop that may yet miss their deadline, oldest first."""

    waiting: "deque[tuple[float, asyncio.Future[Outcomes]]]" = field(default_factory=deque)


class StoredLedger:
    """The ledger on a store, written by one thread of this process, which alone touches the store."""

    def __init__(
        self,
        open_store: Callable[[], LedgerStore],
        *,
        origin: str,
        signer: SigningKey,
        boot: str,
        deadline_seconds: float = DEADLINE_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Start the writer; it opens the store, and restores and verifies the log's end.

        Raises:
            LedgerDamaged: the stored log contradicts itself; nothing is written to it any more.
            LedgerUnavailable: the store cannot be opened.
        """
        self._open_store = open_store
        self._key = VerifierKey(name=origin, public=signer.public)
        self._signer = signer
        self._boot = boot
        self._deadline = deadline_seconds
        self._now = now
        self._queue: SimpleQueue[_Append | _Call] = SimpleQueue()
        self._lines: dict[asyncio.AbstractEventLoop, _Line] = {}
        # The writer thread alone sets what follows; other threads only read single references.
        self._busy_since: float | None = None
        self._missed: float | None = None  # set by the callers' side: the job that a deadline passed in
        self._healthy = False
        self._failure = ""
        self._unapplied: int | None = None
        self._kept_size = 0
        self._kept_at = time.monotonic()
        self._closed = False
        self._file: LedgerStore | None = None
        self._state: State | None = None
        self._mark: State | None = None  # the newest end that this process saw committed, whatever is read later
        # Requests of batches whose outcome was not known when their callers were refused.
        self._doubtful: set[bytes] = set()
        opening: Future[None] = Future()
        self._thread = Thread(target=self._begin, args=(opening,), name="wardkeep-ledger", daemon=True)
        self._thread.start()
        try:
            opening.result()
        except StoreError as error:
            raise LedgerUnavailable(f"the ledger cannot be opened: {error}") from error

    @property
    def verifier_key(self) -> VerifierKey:
        """The log's published name and key."""
        return self._key

    @property
    def writable(self) -> bool:
        """Whether the last write succeeded and none hangs."""
        return self._healthy and not self._hangs()

    @property
    def failure(self) -> str:
        """Why the last write failed, for operators; empty when it did not."""
        return self._failure

    @property
    def facts_epoch(self) -> int:
        """Index of the last durable control entry + 1; facts snapshots carry the epoch they were taken at."""
        state = self._state
        return 0 if state is None else state.facts_epoch

    async def append(self, drafts: Sequence[Draft]) -> list[Receipt]:
        """Make the drafts durable together; see `Ledger`."""
        for draft in drafts:
            check_draft(draft)
        return _receipts((await self._submit((drafts,), None))[0])

    async def append_each(self, groups: Sequence[Sequence[Draft]]) -> Outcomes:
        """Make each group durable or say why not, together; see `Ledger`. At most `MAX_BATCH` drafts in all.

        One malformed group is that group's own failure.
        """
        wrong = [_malformed(group) for group in groups]
        sound = [group for group, error in zip(groups, wrong, strict=True) if error is None]
        done = iter(await self._submit(sound, None) if sound else ())
        return [next(done) if error is None else error for error in wrong]

    async def append_control(self, draft: Draft, apply: Callable[[int], None]) -> Receipt:
        """Make a control draft durable and apply it in the writer thread; see `Ledger`.

        Raises:
            ControlNotApplied: the entry is durable and `apply` failed, now or earlier; a restart replays it.
        """
        if draft.kind != "control":
            raise DraftMalformed("only control entries are applied")
        check_draft(draft)
        return _receipts((await self._submit(((draft,),), apply))[0])[0]

    async def probe(self) -> bool:
        """Try a real write; return whether the ledger is writable."""
        try:
            await self._call(self._probe)
        except LedgerUnavailable:
            return False
        return self.writable

    async def head(self) -> Head:
        """Return the durable head."""
        return await self._call(self._head)

    async def read(self, index: int) -> Entry | None:
        """Return one entry, or None when the log is shorter."""
        found = await self._call(partial(self._rows, index, index + 1))
        return _entry(found[0]) if found else None

    async def scan(self, start: int, stop: int) -> AsyncIterator[Entry]:
        """Yield entries in order, a few hundred at a time, so that writers wait at most for one portion."""
        at = start
        while at < stop:
            rows = await self._call(partial(self._rows, at, min(at + _SCAN_CHUNK, stop)))
            if not rows:
                return
            for row in rows:
                yield _entry(row)
            at = rows[-1][0] + 1

    async def leaves(self, start: int, stop: int) -> list[tuple[bytes, bytes]]:
        """Return (header, leaf hash) of entries in order, read in portions; no payload is touched."""
        found: list[tuple[bytes, bytes]] = []
        while start + len(found) < stop:
            at = start + len(found)
            part = await self._call(partial(self._leaves, at, min(at + _LEAVES_CHUNK, stop)))
            if not part:
                break
            found += part
        return found

    async def leaves_at(self, indices: Sequence[int]) -> list[tuple[int, bytes, bytes]]:
        """Return (index, header, leaf hash) of those entries that exist, in order; no payload is touched."""
        found: list[tuple[int, bytes, bytes]] = []
        for at in range(0, len(indices), _SCATTERED_CHUNK):
            some = indices[at : at + _SCATTERED_CHUNK]
            found += await self._call(partial(self._leaves_at, some))
        return found

    async def indices_of(self, ids: Sequence[bytes]) -> dict[bytes, int]:
        """Return the index of each entry id that is stored."""
        return await self._call(lambda: self._ready()[0].indices_of(ids))

    async def root_at(self, size: int) -> bytes:
        """Return the root that the stored entries have at an earlier size, from the nearest kept checkpoint on."""
        kept = await self._call(lambda: self._ready()[0].checkpoint_until(size))
        frontier = EMPTY if kept is None else unpack(kept.size, kept.frontier)
        return root(extend(frontier, [leaf for _, leaf in await self.leaves(frontier.size, size)]))

    async def recover(self, *, is_expired: Callable[[str], bool]) -> list[Receipt]:
        """Close open requests of expired owners; see `Ledger`."""
        return await self._call(lambda: self._abort(lambda row: is_expired(row[2]), "owner-expired"))

    async def abort_owner(self, owner: str) -> list[Receipt]:
        """Close open requests of one dead owner."""
        return await self.recover(is_expired=lambda other: other == owner)

    async def open_requests(self) -> list[OpenRow]:
        """Return (id, index, owner, opened) of every request not yet closed."""
        return await self._call(self._open_requests)

    async def copy_to(self, target: Path) -> None:
        """Write a consistent copy of the ledger file for backup or verification, while writing goes on."""
        copy = await self._call(lambda: self._ready()[0].begin_copy(target))
        try:
            while not await self._call(copy.step):
                continue
        finally:
            await self._call(copy.close)
        await asyncio.to_thread(copy.sync)

    async def close(self) -> None:
        """Finish what is queued, keep a checkpoint and release the file."""
        if self._closed:
            return
        await self._call(self._close_file, is_last=True)
        await asyncio.to_thread(self._thread.join, self._deadline)

    # ---- the callers' side: any event loop -------------------------------------------------------------------------

    async def _submit(self, groups: Sequence[Sequence[Draft]], apply: Callable[[int], None] | None) -> Outcomes:
        size = sum(map(len, groups))
        if not 0 < size <= MAX_BATCH:
            raise DraftMalformed(f"one append takes 1 to {MAX_BATCH} drafts")
        self._refuse_while_hanging()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcomes] = loop.create_future()
        self._queue.put(_Append(groups=groups, size=size, future=future, loop=loop, apply=apply))
        self._watch(loop, future)
        return await future

    async def _call(self, run: Callable[[], T], *, is_last: bool = False) -> T:
        self._refuse_while_hanging()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._closed = is_last  # nothing is queued behind the last job
        self._queue.put(_Call(run=run, future=future, loop=loop, is_last=is_last))  # type: ignore[arg-type]  # one T a call
        try:
            async with asyncio.timeout(None if is_last else 5 * self._deadline):
                return await future
        except TimeoutError as error:
            raise LedgerTimeout("the ledger's disk does not answer") from error

    def _hangs(self) -> bool:
        """Whether the job under way is too old, or a caller has run into its deadline while it was under way."""
        since = self._busy_since
        return since is not None and (since == self._missed or time.monotonic() - since > self._deadline)

    def _refuse_while_hanging(self) -> None:
        if self._closed or self._hangs():
            raise LedgerUnavailable("the ledger's disk does not answer, or the ledger is closed")

    def _watch(self, loop: asyncio.AbstractEventLoop, future: "asyncio.Future[Outcomes]") -> None:
        """Hold the append to its deadline: one timer a loop, not one an append."""
        line = self._lines.get(loop)
        if line is None:
            for gone in [other for other in list(self._lines) if other.is_closed()]:
                self._lines.pop(gone, None)
            line = self._lines[loop] = _Line()
            loop.call_later(self._deadline, self._expire, loop)
        waiting = line.waiting
        while waiting and waiting[0][1].done():
            waiting.popleft()
        waiting.append((time.monotonic() + self._deadline, future))

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting = self._lines[loop].waiting
        now = time.monotonic()
        while waiting and (waiting[0][1].done() or waiting[0][0] <= now):
            future = waiting.popleft()[1]
            if not future.done():
                # Names the job by its start, so that the mark means nothing once that job has returned.
                self._missed = self._busy_since
                future.set_exception(LedgerTimeout("the ledger did not commit in time"))
        if waiting:
            loop.call_later(waiting[0][0] - now, self._expire, loop)
        else:
            del self._lines[loop]

    def _deliver(self, answers: Sequence[tuple[_Append, Outcomes]]) -> None:
        late: set[bytes] = set()
        for job, outcomes in answers:
            future = job.future
            if future is None or future.cancelled():
                continue  # a cancelled caller closes its own request
            if future.done():
                for group, outcome in zip(job.groups, outcomes, strict=True):
                    if not isinstance(outcome, LedgerError):
                        late.update(draft.id for draft in group if draft.kind == "request")
            else:
                future.set_result(outcomes)
        if late:
            # Their callers were refused at the deadline, so nobody else will ever close them.
            self._queue.put(_Call(run=lambda: self._close_refused(late, set(), "deadline")))

    # ---- the writer thread -----------------------------------------------------------------------------------------

    def _begin(self, opening: "Future[None]") -> None:
        """Open the store in the thread that will use it, then write until told to end."""
        try:
            self._ready()
        except (StoreError, LedgerDamaged) as error:
            opening.set_exception(error)
            return
        self._healthy = True
        opening.set_result(None)
        self._run()

    def _run(self) -> None:
        held: _Append | _Call | None = None
        while True:
            job = held or self._queue.get()
            held = None
            self._busy_since = time.monotonic()
            if isinstance(job, _Call):
                self._do(job)
                if job.is_last:
                    self._busy_since = None
                    return
            else:
                batch, held = self._gather(job)
                self._write(batch)
            self._busy_since = None

    def _gather(self, first: _Append) -> tuple[list[_Append], _Append | _Call | None]:
        """Take what is queued, up to the batch limit; a control append ends its batch, so that it applies first."""
        batch = [first]
        count = first.size
        while batch[-1].apply is None:
            try:
                job = self._queue.get_nowait()
            except Empty:
                break
            if isinstance(job, _Call) or count + job.size > MAX_BATCH:
                return batch, job
            batch.append(job)
            count += job.size
        return batch, None

    def _do(self, call: _Call) -> None:
        outcome: object
        failed: Exception | None = None
        try:
            outcome = call.run()
        except (StoreError, LedgerDamaged) as error:
            self._fail(error)
            outcome, failed = None, LedgerUnavailable("the ledger cannot be read or written now")
        except Exception as error:  # noqa: BLE001 - outermost frame of the worker thread: it must outlive any caller
            outcome, failed = None, error
        if call.future is not None and call.loop is not None:
            _hand_over(call.loop, _settle, call.future, outcome, failed)

    def _write(self, batch: Sequence[_Append]) -> Outcomes:
        """Commit a batch and answer its callers; return the outcomes of all groups."""
        # Who missed the deadline was refused, so it must not appear; who was cancelled closes what it opened.
        live = [job for job in batch if job.future is None or not job.future.done() or job.future.cancelled()]
        groups = [group for job in live for group in job.groups]
        apply = live[-1].apply if live else None
        outcomes = self._tried(groups, applies=apply is not None)
        if apply is not None:
            outcomes[-1] = self._applied(apply, outcomes[-1])
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Append, Outcomes]]] = {}
        at = 0
        for job in live:
            upto = at + len(job.groups)
            if job.loop is not None:
                by_loop.setdefault(job.loop, []).append((job, outcomes[at:upto]))
            at = upto
        for loop, answers in by_loop.items():
            _hand_over(loop, self._deliver, answers)
        return outcomes

    def _tried(self, groups: Sequence[Sequence[Draft]], *, applies: bool) -> Outcomes:
        """Commit; when the store was lost in the act, look once whether the batch stands, by appending it again.

        That is safe because an append is idempotent by id, and it is the truth because the head is claimed first: a
        commit that still hangs somewhere holds it.
        """
        for is_last in (False, True):
            try:
                return self._commit(groups, applies=applies)
            except OutcomeUnknown as error:
                self._fail(error)
                self._doubtful.update(draft.id for group in groups for draft in group if draft.kind == "request")
                if is_last:
                    break
            except (StoreError, LedgerDamaged) as error:
                self._fail(error)
                break
        return [LedgerUnavailable("the ledger cannot be written now") for _ in groups]

    def _commit(self, groups: Sequence[Sequence[Draft]], *, applies: bool) -> Outcomes:
        if self._unapplied is not None and applies:
            # A later control change would move the applied index past the one that is missing.
            refused = ControlNotApplied(f"control entry {self._unapplied} is not applied; restart to replay it")
            return [*self._commit(groups[:-1], applies=False), refused]
        if not groups:
            return []
        file, state = self._claimed()
        planned = self._store_new(file, state, groups)
        if planned is None:
            file, state = self._claimed()
            gone = self._gone(file, groups) if file.is_shared else frozenset()
            planned = plan(state, groups, self._known(file, groups), gone)
            if planned.rows:
                self._store(file, state, planned, gone)
            else:
                file.abandon()
        self._healthy = True
        self._failure = ""
        if self._doubtful:
            self._resolve(planned)
        return list(planned.outcomes)

    def _resolve(self, planned: Plan) -> None:
        """Close what a lost commit left open: its callers were refused, so nobody else will ever close it."""
        answered = {receipt.index for outcome in planned.outcomes if isinstance(outcome, list) for receipt in outcome}
        doubtful, self._doubtful = self._doubtful, set()
        self._queue.put(_Call(run=lambda: self._close_refused(doubtful, answered, "unavailable")))

    def _close_refused(self, refused: set[bytes], answered: set[int], cause: str) -> None:
        """Close requests whose callers were refused; when the store fails again meanwhile they stay to be closed."""
        try:
            self._abort(lambda row: row[0] in refused and row[1] not in answered, cause)
        except (StoreError, LedgerError):
            self._doubtful |= refused
            raise

    def _store_new(self, file: LedgerStore, state: State, groups: Sequence[Sequence[Draft]]) -> Plan | None:
        """Store the groups as if no id was there yet; None when one is, or when a group would be refused.

        Somebody who asks again about an append, because it did not hear the outcome, gets what it would have got then.
        That is rare, so what is stored is looked up only when it can matter.
        """
        planned = plan(state, groups, {})
        if any(isinstance(outcome, LedgerError) for outcome in planned.outcomes):
            return None
        try:
            self._store(file, state, planned)
        except (EntryThere, RequestNotOpen):
            return None
        return planned

    @staticmethod
    def _known(file: LedgerStore, groups: Sequence[Sequence[Draft]]) -> dict[bytes, Stored]:
        return {
            row[0]: Stored(receipt=Receipt(index=row[1], leaf_hash=row[2]), header=row[3])
            for row in file.known([draft.id for group in groups for draft in group])
        }

    @staticmethod
    def _gone(file: LedgerStore, groups: Sequence[Sequence[Draft]]) -> frozenset[bytes]:
        """Return those requests that these drafts close and that another replica has closed already."""
        closes = {draft.closes for group in groups for draft in group if draft.closes is not None}
        opened = {draft.id for group in groups for draft in group if draft.kind == "request"}
        return frozenset(closes - opened - {row[0] for row in file.open_requests()}) if closes else frozenset()

    def _store(self, file: LedgerStore, state: State, planned: Plan, gone: frozenset[bytes] = frozenset()) -> None:
        size = planned.frontier.size
        text = checkpoint_text(Checkpoint(origin=self._key.name, size=size, root=root(planned.frontier)))
        signature = self._signer.sign(text)
        note = signed_note(text, self._key, signature)
        signatures = signatures_after(state.signatures, size - 1, signature)
        frontier = pack(planned.frontier)
        at = time.monotonic()
        due = size - self._kept_size >= _CHECKPOINT_ENTRIES or at - self._kept_at >= _CHECKPOINT_SECONDS
        opened = timestamp(self._now())
        last = size - 1
        file.commit(
            Batch(
                entries=[
                    (r.index, r.draft.id, r.header, r.leaf, signature if r.index == last else None, r.draft.payload)
                    for r in planned.rows
                ],
                opened=[
                    (r.draft.id, r.index, r.draft.owner, opened) for r in planned.rows if r.draft.kind == "request"
                ],
                closed=[
                    r.draft.closes for r in planned.rows if r.draft.closes is not None and r.draft.closes not in gone
                ],
                head=HeadRow(
                    size=size, frontier=frontier, facts_epoch=planned.facts_epoch, signatures=signatures, note=note
                ),
                checkpoint=CheckpointRow(size=size, frontier=frontier, note=note) if due else None,
            )
        )
        self._mark = self._state = State(
            frontier=planned.frontier,
            previous=planned.previous,
            facts_epoch=planned.facts_epoch,
            signatures=signatures,
        )
        if due:
            self._kept_size, self._kept_at = size, at

    def _applied(self, apply: Callable[[int], None], outcome: Outcome) -> Outcome:
        if isinstance(outcome, LedgerError):
            return outcome
        index = outcome[0].index
        try:
            apply(index)
        except Exception as error:  # noqa: BLE001 - foreign code in the worker thread: any failure means not applied
            self._unapplied = index
            self._failure = f"control entry {index} was not applied ({type(error).__name__})"
            return ControlNotApplied(f"control entry {index} is durable but not applied; restart to replay it")
        return outcome

    def _abort(self, is_chosen: Callable[[OpenRow], bool], cause: str) -> list[Receipt]:
        """Append `aborted` entries through the ordinary path."""
        file, _ = self._ready()
        chosen = [row for row in file.open_requests() if is_chosen(row)]
        moment = Moment(at=timestamp(self._now()), mono=time.monotonic_ns(), boot=self._boot)
        receipts: list[Receipt] = []
        drafts = aborted_drafts(file, chosen, cause, moment)
        for at in range(0, len(drafts), MAX_BATCH):
            some = drafts[at : at + MAX_BATCH]
            for outcome in self._write([_Append(groups=[(draft,) for draft in some], size=len(some))]):
                # Another replica may have closed the same request with the same id at its own moment: closed is closed.
                if not isinstance(outcome, EntryConflict):
                    receipts += _receipts(outcome)
        return receipts

    def _probe(self) -> None:
        self._ready()[0].probe()
        self._healthy = True
        self._failure = ""

    def _claimed(self) -> tuple[LedgerStore, State]:
        """Return store and log's end with nobody else able to move it before the next commit."""
        file, state = self._ready()
        return (file, self._followed(file, state, file.claim())) if file.is_shared else (file, state)

    def _followed(self, file: LedgerStore, state: State, head: HeadRow | None) -> State:
        """Return the log's end after taking up what others wrote; the hash over all signatures tells any difference."""
        if head is None:
            raise LedgerDamaged("the store has lost entries that were committed", index=0)
        if head.size == state.frontier.size and (head.size == 0 or head.signatures == state.signatures):
            return state
        self._mark = self._state = follow(file, state, head, self._key)[0]
        return self._state

    def _check_mark(self, file: LedgerStore, state: State) -> None:
        """Raise LedgerDamaged when a store that was opened again lacks what this process saw committed before."""
        mark = self._mark
        if mark is None or mark.frontier.size == 0:
            return
        index = mark.frontier.size - 1
        leaves = file.leaves(index, index + 1) if state.frontier.size > index else []
        if not leaves or leaves[0][1] != mark.previous:
            raise LedgerDamaged("the store has lost or replaced entries that were committed", index=None)

    def _rows(self, start: int, stop: int) -> list[EntryRow]:
        return self._ready()[0].rows(start, stop)

    def _leaves(self, start: int, stop: int) -> list[tuple[bytes, bytes]]:
        return self._ready()[0].leaves(start, stop)

    def _leaves_at(self, indices: Sequence[int]) -> list[tuple[int, bytes, bytes]]:
        return self._ready()[0].leaves_at(indices)

    def _open_requests(self) -> list[OpenRow]:
        return self._ready()[0].open_requests()

    def _head(self) -> Head:
        file, state = self._ready()
        row = file.head()
        if file.is_shared and (row is not None or state.frontier.size):
            state = self._followed(file, state, row)
        return Head(
            size=state.frontier.size,
            root=root(state.frontier),
            facts_epoch=state.facts_epoch,
            note=b"" if row is None else row.note,
        )

    def _ready(self) -> tuple[LedgerStore, State]:
        """Return the open file and the log's end; after a failure both are read from the disk again."""
        if self._file is not None and self._state is not None:
            return self._file, self._state
        file = self._open_store()
        try:
            state = restore(file, self._key)
            self._check_mark(file, state)
            kept = file.latest_checkpoint()
        except (StoreError, LedgerDamaged):
            file.close()
            raise
        self._file, self._mark, self._state = file, state, state
        self._kept_size = 0 if kept is None else kept.size
        return file, state

    def _fail(self, error: StoreError | LedgerDamaged) -> None:
        """Forget everything in memory: after a failed commit only the disk knows what is true."""
        self._healthy = False
        damaged = isinstance(error, LedgerDamaged | StoreDamaged)
        self._failure = f"damaged: {error}" if damaged else str(error)
        file, self._file, self._state = self._file, None, None
        if file is not None:
            file.close()

    def _close_file(self) -> None:
        if self._file is None:
            return
        row = self._file.head()
        if row is not None and row.size > self._kept_size:
            self._file.keep_checkpoint(CheckpointRow(size=row.size, frontier=row.frontier, note=row.note))
        self._file.close()
        self._file = None


def _receipts(outcome: Outcome) -> list[Receipt]:
    if isinstance(outcome, LedgerError):
        raise outcome
    return outcome


def _malformed(group: Sequence[Draft]) -> DraftMalformed | None:
    try:
        for draft in group:
            check_draft(draft)
    except DraftMalformed as error:
        return error
    return None


def _entry(row: EntryRow) -> Entry:
    index, entry_id, header, leaf, signature, payload = row
    return Entry(index=index, id=entry_id, header=header, leaf_hash=leaf, signature=signature, payload=payload)


def _settle(future: "asyncio.Future[object]", outcome: object, failed: Exception | None) -> None:
    if future.done():
        return
    if failed is not None:
        future.set_exception(failed)
    else:
        future.set_result(outcome)


def _hand_over(loop: asyncio.AbstractEventLoop, deliver: Callable[..., None], *arguments: object) -> None:
    try:
        loop.call_soon_threadsafe(deliver, *arguments)
    except RuntimeError:
        # The loop is closed: its callers are gone, and what they appended is durable all the same.
        return
