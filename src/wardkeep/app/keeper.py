"""The keeper: sole writer of ledger and control tables, sole holder of root and signing keys (DESIGN section 2).

Workers reach it over a Unix socket that only the same user may open. It admits and orders what they append, tells them
when facts change, and closes the open entries of a worker that dies.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from wardkeep.app.messages import (
    Append,
    Appended,
    Failed,
    Join,
    NewFacts,
    Noted,
    Refresh,
    Report,
    ToKeeper,
    ToWorker,
    Welcome,
    from_wire,
)
from wardkeep.audit.entry import Draft
from wardkeep.audit.errors import DraftMalformed, EntryConflict, LedgerTimeout, LedgerUnavailable, StaleFacts
from wardkeep.audit.ledger import SqliteLedger
from wardkeep.compliance.control import Control
from wardkeep.crypto.keys import DataKeys, dump_data_keys
from wardkeep.gateway.limits import Limits
from wardkeep.gateway.record import Admission
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import RefusalError
from wardkeep.web.metrics import Counts

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(ToKeeper)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSequencer:
    """`Sequencer` in the process that owns the ledger: limits, then the ledger."""

    ledger: SqliteLedger
    limits: Limits
    clock: Callable[[], Instant]

    async def append(self, drafts: Sequence[Draft], admission: Admission | None = None) -> Sequence[int]:
        """Admit the first draft when asked to, then make all durable."""
        if admission is not None:
            refused = self.limits.admit(drafts[0].id, admission, self.clock().mono_ns)
            if refused is not None:
                raise RefusalError(refused)
        is_durable = False
        try:
            receipts = await self.ledger.append(drafts)
            is_durable = True
        finally:
            if admission is not None and not is_durable:
                self.limits.release(drafts[0].id)
            for draft in drafts:
                if draft.closes is not None:
                    self.limits.release(draft.closes)
        return [receipt.index for receipt in receipts]

    async def close_all_of(self, owner: str) -> None:
        """Close the open entries of a process that died, and free what they held of the limits."""
        open_calls = [row[0] for row in await self.ledger.open_requests() if row[2] == owner]
        await self.ledger.abort_owner(owner)
        for call_id in open_calls:
            self.limits.release(call_id)


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
                    keys=dump_data_keys(self.keys), registry=self.control.registry, last_wall_us=self.last_wall_us
                )
            case Refresh():
                return NewFacts(registry=self.control.registry)
            case Report(owner=owner, counts=counts):
                self.reported[owner] = counts
                return Noted()

    async def _append(self, message: Append) -> ToWorker:
        admission = None
        if message.admission is not None:
            key, per_minute, at_once = message.admission
            admission = Admission(key=key, calls_per_minute=per_minute, calls_at_once=at_once)
        try:
            return Appended(
                indices=list(await self.sequencer.append([from_wire(d) for d in message.drafts], admission))
            )
        except StaleFacts:
            return Failed(error="stale")
        except LedgerTimeout:
            return Failed(error="timeout")
        except LedgerUnavailable:
            return Failed(error="unavailable")
        except (DraftMalformed, EntryConflict):
            return Failed(error="malformed")
        except RefusalError as error:
            refused = error.refused
            return Failed(error="refused", reason=refused.reason.value, retry_after_seconds=refused.retry_after_seconds)

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

    def facts_message(self) -> bytes:
        """Return what is pushed to workers when the registry changed."""
        return _ENCODER.encode(NewFacts(registry=self.control.registry))

    async def leave(self, connection: object) -> None:
        """A worker's connection ended: close what it left open."""
        owner = self.joined.pop(connection, None)
        if owner is not None:
            await self.sequencer.close_all_of(owner)
