"""A worker's side of the keeper's socket: the same exchange as in one process, and facts that follow."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

import msgspec

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
    Refresh,
    Report,
    ToWorker,
    Welcome,
)
from wardkeep.audit.errors import DraftMalformed, LedgerError, LedgerTimeout, LedgerUnavailable, StaleFacts
from wardkeep.crypto.keys import DataKeys, load_data_keys
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.registry import Registry
from wardkeep.transport.errors import FrameTooLargeError, KeeperFailed, KeeperLost
from wardkeep.transport.unix import FrameClient
from wardkeep.web.metrics import Counts

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(ToWorker)


class KeeperLink:
    """One worker's connection to the keeper. Holds the newest registry it was told of."""

    def __init__(self, client: FrameClient, owner: str) -> None:
        self._client = client
        self._owner = owner
        self._registry: Registry | None = None
        self._keys: DataKeys | None = None
        self._pushed_keys: DataKeys | None = None
        self._listeners: list[Callable[[Registry], None]] = []
        self._forgetters: list[Callable[[Sequence[bytes]], None]] = []
        self._saying: set[asyncio.Task[None]] = set()
        client.on_push(self._pushed)

    def on_registry(self, listener: Callable[[Registry], None]) -> None:
        """Call `listener` with each newer registry. It must not raise or block."""
        self._listeners.append(listener)

    def on_forget(self, listener: Callable[[Sequence[bytes]], None]) -> None:
        """Call `listener` with tags of subjects whose keys are to be forgotten. It must not raise or block."""
        self._forgetters.append(listener)

    async def join(self) -> tuple[DataKeys, int]:
        """Introduce this worker; return its keys and the ledger's newest time."""
        reply = await self._call(Join(owner=self._owner))
        if not isinstance(reply, Welcome):
            raise _unexpected()
        self._take(reply.registry)
        keys = self._keys = load_data_keys(reply.keys)
        if self._pushed_keys is not None:
            # A push overtook the reply; it is the newer of the two.
            keys.take(self._pushed_keys.epoch_id, self._pushed_keys.epochs)
        return keys, reply.last_wall_us

    def registry(self) -> Registry:
        """Return the newest registry. Raises LookupError before `join`."""
        if self._registry is None:
            raise LookupError("the worker has not joined the keeper")
        return self._registry

    async def refresh(self) -> None:
        """Ask for the registry as it is now."""
        reply = await self._call(Refresh())
        if isinstance(reply, NewFacts):
            self._take(reply.registry)

    async def report(self, counts: Counts) -> None:
        """Tell the keeper this worker's counts."""
        await self._call(Report(owner=self._owner, counts=counts))

    async def append_each(self, wanted: Sequence[Wanted]) -> list[Outcome]:
        """Have the keeper append; return each one's outcome. A lost keeper is a ledger that cannot be written.

        Raises:
            LedgerUnavailable: nothing of it is acknowledged.
        """
        try:
            reply = await self._call(Append(wanted=list(wanted)))
        except (KeeperLost, KeeperFailed, FrameTooLargeError) as error:
            raise LedgerUnavailable("the keeper cannot take this") from error
        if not isinstance(reply, Appended):
            raise _unexpected()
        return [each.indices if isinstance(each, Durable) else _error(each) for each in reply.outcomes]

    async def _call(self, message: msgspec.Struct) -> ToWorker:
        reply: ToWorker = _DECODER.decode(await self._client.call(_ENCODER.encode(message)))
        return reply

    def _pushed(self, payload: bytes) -> None:
        message = _DECODER.decode(payload)
        if isinstance(message, NewFacts):
            self._take(message.registry)
        elif isinstance(message, Forget):
            for listener in self._forgetters:
                listener([message.tag])
            self._say_done(message.number)
        elif isinstance(message, NewKeys):
            pushed = self._pushed_keys = load_data_keys(message.keys)
            if self._keys is not None:
                self._keys.take(pushed.epoch_id, pushed.epochs)
            self._say_done(message.number)

    def _say_done(self, number: int) -> None:
        task = asyncio.get_running_loop().create_task(self._say_forgot(number))
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    async def _say_forgot(self, number: int) -> None:
        with contextlib.suppress(KeeperLost, KeeperFailed):
            await self._call(Forgot(number=number))

    def _take(self, registry: Registry) -> None:
        """Keep the newer one: a push may overtake a reply."""
        if self._registry is None or registry.epoch >= self._registry.epoch:
            self._registry = registry
            for listener in self._listeners:
                listener(registry)


def _unexpected() -> LedgerUnavailable:
    return LedgerUnavailable("the keeper's reply was not of the expected type")


def _error(failed: Failed) -> LedgerError | RefusalError:
    """Return the error that the keeper's own sequencer had."""
    match failed:
        case Failed(error="refused", reason=str(reason), retry_after_seconds=seconds):
            return RefusalError(Refused(reason=Reason(reason), retry_after_seconds=seconds))
        case Failed(error="stale"):
            return StaleFacts("a control entry is newer than these facts")
        case Failed(error="timeout"):
            return LedgerTimeout("the ledger did not commit in time")
        case Failed(error="malformed"):
            return DraftMalformed("the keeper found the draft malformed")
        case Failed():
            return LedgerUnavailable("the ledger cannot be written")
