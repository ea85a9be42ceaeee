"""The keeper: sole writer of ledger and control tables, sole holder of root and signing keys (DESIGN section 2).

Workers reach it over a Unix socket that only the same user may open. It admits and orders what they append, tells them
when facts change, and closes the open entries of a worker that dies.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from wardkeep.app.budgeting import Budgets
from wardkeep.app.gathering import Outcome, Wanted
from wardkeep.app.messages import (
    Append,
    Appended,
    Durable,
    Failed,
    Forget,
    Forgot,
    Join,
    NewFacts,
    NewKeys,
    Noted,
    Refresh,
    Report,
    ToKeeper,
    ToWorker,
    Welcome,
)
from wardkeep.audit.errors import (
    DraftMalformed,
    EntryConflict,
    LedgerError,
    LedgerTimeout,
    LedgerUnavailable,
    StaleFacts,
)
from wardkeep.audit.ledger import StoredLedger
from wardkeep.audit.spool import Spooled
from wardkeep.audit.subjects import SubjectKeys
from wardkeep.compliance.control import Control
from wardkeep.compliance.deployments import is_for_inspection
from wardkeep.compliance.duties import DeadlineSource
from wardkeep.compliance.emergency import Emergency
from wardkeep.compliance.policy_texts import load_texts
from wardkeep.crypto.errors import KeyDestroyed
from wardkeep.crypto.keys import DataKeys, dump_data_keys
from wardkeep.crypto.subject import tag_of
from wardkeep.gateway.limits import Limits
from wardkeep.identity.last_use import LastUse
from wardkeep.model.instant import Instant
from wardkeep.model.programme import Deadlines
from wardkeep.model.reasons import RefusalError
from wardkeep.model.registry import Registry
from wardkeep.transport.unix import FrameServer
from wardkeep.web.metrics import Counts

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(ToKeeper)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSequencer:
    """Appends in the process that owns the ledger: limits, new subject keys, then the ledger.

    Nothing is taken about a subject that is being shredded, nor under a key that was: its calls gather facts again.
    """

    ledger: StoredLedger
    subjects: SubjectKeys
    limits: Limits
    clock: Callable[[], Instant]
    last_use: LastUse
    budgets: Budgets | None = None
    emergency: Emergency | None = None

    async def append_each(self, wanted: Sequence[Wanted]) -> list[Outcome]:
        """Admit each first draft when asked to, then make durable what was admitted; return each one's outcome.

        Raises:
            LedgerUnavailable: nothing of it is acknowledged.
        """
        if self.emergency is not None:
            await self.emergency.settle()
            if self.emergency.stands_in:
                return await self._spooled(self.emergency, wanted)
        return await self._recorded(wanted)

    async def _recorded(self, wanted: Sequence[Wanted]) -> list[Outcome]:
        now = self.clock()
        refused: list[LedgerError | RefusalError | None] = [
            self._closed(each) or self._admitted(each, now) for each in wanted
        ]
        admitted = [each for each, error in zip(wanted, refused, strict=True) if error is None]
        try:
            if any(_brings_key(each) for each in admitted):
                failed = await self._kept(admitted)
                for at, each in enumerate(wanted):
                    if refused[at] is None:
                        # A shred may have begun while this waited.
                        refused[at] = (failed if _brings_key(each) else None) or self._closed(each)
                        if refused[at] is not None:
                            self._release(each, is_durable=False)
                admitted = [each for each, error in zip(wanted, refused, strict=True) if error is None]
            done = await self.ledger.append_each([each.drafts for each in admitted]) if admitted else []
        except BaseException:
            for each in admitted:
                self._release(each, is_durable=False)
            raise
        outcomes: list[Outcome] = []
        durable = iter(done)
        for each, error in zip(wanted, refused, strict=True):
            if error is not None:
                outcomes.append(error)
                continue
            receipts = next(durable)
            if isinstance(receipts, LedgerError):
                self._release(each, is_durable=False)
                outcomes.append(receipts)
            else:
                self._release(each, is_durable=True)
                if self.budgets is not None:
                    for receipt, draft in zip(receipts, each.drafts, strict=True):
                        self.budgets.note(receipt.index, draft.body)
                outcomes.append([receipt.index for receipt in receipts])
        return outcomes

    async def _spooled(self, emergency: Emergency, wanted: Sequence[Wanted]) -> list[Outcome]:
        """As `append_each`, into the spool of an emergency; an index is then -1 minus the number in the spool."""
        now = self.clock()
        outcomes: list[Outcome] = []
        for each in wanted:
            is_break_glass = each.admission is not None and each.admission.is_emergency
            error = self._closed(each) or emergency.refusal(each.drafts, is_break_glass=is_break_glass)
            refused = error or self._admitted(each, now)
            if refused is not None:
                outcomes.append(refused)
                continue
            try:
                new = None if each.under is None else each.under.new
                (number,) = await emergency.append([Spooled(each.drafts, new)])
            except LedgerUnavailable as unavailable:
                self._release(each, is_durable=False)
                outcomes.append(unavailable)
                continue
            except BaseException:
                self._release(each, is_durable=False)
                raise
            self._release(each, is_durable=True)
            if self.budgets is not None:
                for draft in each.drafts:
                    self.budgets.note(-1 - number, draft.body)
            outcomes.append([-1 - number] * len(each.drafts))
        return outcomes

    async def _kept(self, admitted: Sequence[Wanted]) -> LedgerUnavailable | None:
        """Keep what new keys these bring; return why they are not kept. What brings none does not depend on it."""
        new = [each.under.new for each in admitted if each.under is not None and each.under.new is not None]
        try:
            await self.subjects.keep(new)
        except KeyDestroyed:
            return None  # which of them were destroyed meanwhile is known by name; the others are kept
        except LedgerUnavailable as error:
            return error
        return None

    def _closed(self, wanted: Wanted) -> LedgerError | None:
        """Return why nothing is taken about a subject that is being shredded, or under a key that was destroyed."""
        under = wanted.under
        if under is None or not (self.subjects.closed or self.subjects.destroyed):
            return None
        if under.name not in self.subjects.destroyed and tag_of(under.name) not in self.subjects.closed:
            return None
        if wanted.admission is not None:
            return StaleFacts("the subject's keys are being destroyed")
        return LedgerUnavailable("the subject's keys are being destroyed")

    def _admitted(self, wanted: Wanted, now: Instant) -> RefusalError | None:
        if wanted.admission is None:
            return None
        refused = self.budgets.refusal(wanted.admission, now) if self.budgets is not None else None
        if refused is None:
            refused = self.limits.admit(wanted.drafts[0].id, wanted.admission, now.mono_ns)
        if refused is not None:
            return RefusalError(refused)
        admission = wanted.admission
        self.last_use.note(admission.key, now.wall_us)
        if admission.person:
            self.last_use.note(f"person:{admission.person}", now.wall_us)
            self.last_use.note(f"purpose:{admission.person}:{admission.purpose}", now.wall_us)
            self.last_use.note(f"member:{admission.workspace}:{admission.person}", now.wall_us)
        return None

    def _release(self, wanted: Wanted, *, is_durable: bool) -> None:
        """Free the places of calls that did not open, and of those that these drafts close."""
        if wanted.admission is not None and not is_durable:
            self.limits.release(wanted.drafts[0].id)
        for draft in wanted.drafts:
            if draft.closes is not None:
                self.limits.release(draft.closes)

    async def close_all_of(self, owner: str) -> None:
        """Close the open entries of a process that died, and free what they held of the limits."""
        open_calls = [row[0] for row in await self.ledger.open_requests() if row[2] == owner]
        receipts = await self.ledger.abort_owner(owner)
        for call_id in open_calls:
            self.limits.release(call_id)
        if self.budgets is not None:
            await self.budgets.note_each([each.index for each in receipts])


@dataclass(slots=True, kw_only=True)
class KeeperDesk:
    """Answers workers' messages. `reported` holds each worker's latest counts."""

    sequencer: LocalSequencer
    control: Control
    keys: DataKeys
    last_wall_us: int
    reported: dict[str, Counts] = field(default_factory=dict)
    joined: dict[object, str] = field(default_factory=dict)
    arrival: asyncio.Event = field(default_factory=asyncio.Event)
    forgetting: dict[int, dict[object, asyncio.Future[None]]] = field(default_factory=dict)
    asked: int = 0
    patience_seconds: float = 5.0
    epoch_patience_seconds: float = 30.0  # nobody is harmed by a worker that takes a new epoch late
    deadlines: DeadlineSource = field(default_factory=lambda: DeadlineSource(load_texts()))

    async def answer(self, connection: object, payload: bytes) -> bytes:
        """Take one message and return the reply."""
        return _ENCODER.encode(await self._answer(connection, _DECODER.decode(payload)))

    async def _answer(self, connection: object, message: ToKeeper) -> ToWorker:
        match message:
            case Append():
                return await self._append(message)
            case Join(owner=owner):
                self.joined[connection] = owner
                self.arrival.set()
                return Welcome(
                    keys=dump_data_keys(self.keys),
                    registry=self._facts(),
                    last_wall_us=self.last_wall_us,
                )
            case Refresh():
                return NewFacts(registry=self._facts())
            case Report(owner=owner, counts=counts):
                self.reported[owner] = counts
                return Noted()
            case Forgot(number=number):
                _say(self.forgetting.get(number, {}).get(connection))
                return Noted()

    async def _append(self, message: Append) -> Appended:
        try:
            outcomes: Sequence[Outcome] = await self.sequencer.append_each(message.wanted)
        except LedgerError as error:
            outcomes = [error] * len(message.wanted)
        return Appended(
            outcomes=[
                _failed(each) if isinstance(each, LedgerError | RefusalError) else Durable(each) for each in outcomes
            ]
        )

    async def wait_for(self, workers: int, stopping: asyncio.Event) -> None:
        """Return when that many workers have joined, or when it is time to stop."""
        ended = asyncio.create_task(stopping.wait())
        try:
            while len(self.joined) < workers and not ended.done():
                self.arrival.clear()
                arrived = asyncio.create_task(self.arrival.wait())
                await asyncio.wait((ended, arrived), return_when=asyncio.FIRST_COMPLETED)
                arrived.cancel()
        finally:
            ended.cancel()

    async def have_forgotten(self, tag: bytes, frames: FrameServer) -> None:
        """Have every worker forget a subject's keys. One that does not say so in time is cut off, and so replaced."""
        await self._have_done(lambda number: Forget(number=number, tag=tag), frames, self.patience_seconds)

    async def give_epochs(self, current: str, epochs: Mapping[str, bytes], frames: FrameServer | None) -> None:
        """Have this process's calls and every worker hold these epochs, as `have_forgotten`."""
        self.keys.take(current, epochs)
        if frames is not None:
            keys = dump_data_keys(self.keys)
            await self._have_done(lambda number: NewKeys(number=number, keys=keys), frames, self.epoch_patience_seconds)

    async def leave_old_epochs(self, frames: FrameServer | None) -> None:
        """Hold the current epoch alone in whatever serves calls: a worker taken over reads no older one."""
        await self.give_epochs(self.keys.epoch_id, {self.keys.epoch_id: self.keys.epoch_key}, frames)

    async def _have_done(
        self, message: Callable[[int], Forget | NewKeys], frames: FrameServer, patience_seconds: float
    ) -> None:
        self.asked = number = self.asked + 1
        loop = asyncio.get_running_loop()
        workers: dict[object, asyncio.Future[None]] = {each: loop.create_future() for each in frames.connections}
        if not workers:
            return
        self.forgetting[number] = workers
        try:
            frames.push(_ENCODER.encode(message(number)))
            await asyncio.wait(workers.values(), timeout=patience_seconds)
            for each in list(frames.connections):
                if each in workers and not workers[each].done():
                    each.abort()
        finally:
            del self.forgetting[number]

    def facts_message(self) -> bytes:
        """Return what is pushed to workers when the registry changed."""
        return _ENCODER.encode(NewFacts(registry=self._facts()))

    def _facts(self) -> Registry:
        return _for_workers(self.control.registry, self.deadlines.of(self.control.registry))

    async def leave(self, connection: object) -> None:
        """A worker's connection ended: close what it left open."""
        for workers in self.forgetting.values():
            _say(workers.get(connection))
        owner = self.joined.pop(connection, None)
        if owner is not None:
            await self.sequencer.close_all_of(owner)


def _say(future: asyncio.Future[None] | None) -> None:
    """Note that a worker has forgotten, or is gone."""
    if future is not None and not future.done():
        future.set_result(None)


def _brings_key(wanted: Wanted) -> bool:
    """Whether its drafts are sealed under a key that has to be kept before them."""
    return wanted.under is not None and wanted.under.new is not None


def _failed(error: LedgerError | RefusalError) -> Failed:
    """Return an error as it travels."""
    match error:
        case RefusalError(refused=refused):
            return Failed(error="refused", reason=refused.reason.value, retry_after_seconds=refused.retry_after_seconds)
        case StaleFacts():
            return Failed(error="stale")
        case LedgerTimeout():
            return Failed(error="timeout")
        case DraftMalformed() | EntryConflict():
            return Failed(error="malformed")
        case _:
            return Failed(error="unavailable")


def _for_workers(registry: Registry, known: Deadlines) -> Registry:
    """Return what workers decide on: how people sign in, reviews and what befell somebody are the keeper's alone.

    Of trainings and signatures they need only on which day somebody is late.
    """
    return replace(
        registry,
        logins={},
        inspections={},
        reconciliations={},
        secrets={name: body for name, body in registry.secrets.items() if not is_for_inspection(name)},
        identity_providers={name: replace(each, sign_on=None) for name, each in registry.identity_providers.items()},
        offline_codes={},
        budgets={},
        root_moves={},
        scim_clients={},
        scim_users={},
        scim_groups={},
        reviews={},
        review_items={},
        sanctions={},
        checklists={},
        assets={},
        rights={},
        representatives={},
        minor_care={},
        channels={},
        court_orders={},
        vendor_evidence={},
        vendor_notices={},
        close_outs={},
        disclosures={},
        suspensions={},
        activity={},
        assessments={},
        outside_tests={},
        findings={},
        reminders={},
        sinks={},
        signatures={},
        trainings={},
        deadlines=known,
    )
