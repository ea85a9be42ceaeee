"""Joins what one turn of the event loop appends into one exchange with whoever owns the ledger.

Calls that are ready at the same time open or close their entries together: one message and one commit for all of them
instead of one each. Nothing waits for a timer: what has gathered leaves as soon as the loop has run all that was ready
and found nothing more, which for a call that is alone is at once. A loop that is never at rest sends what it has when
that is much, or old. The order of appends is kept. Each append has an outcome of its own, so that one refused call
refuses no other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

import msgspec

from wardkeep.audit.entry import Draft
from wardkeep.audit.errors import LedgerError, LedgerUnavailable
from wardkeep.gateway.record import Admission
from wardkeep.gateway.subjects import UnderSubject
from wardkeep.model.reasons import RefusalError

# As many drafts as one transaction takes: what goes together is made durable together.
MAX_DRAFTS: Final = 512
# A frame holds the largest call there is and no more; small ones travel together up to this.
_MAX_BYTES: Final = 1024 * 1024
# Data that a turn reads is worked on in the next, so one turn without an append proves nothing; two do.
_QUIET_TURNS: Final = 2
_MUCH: Final = 32
_OLD_SECONDS: Final = 0.008


class Wanted(msgspec.Struct, array_like=True, frozen=True):
    """One append: drafts that become durable together, the first of which may have to be admitted.

    `under` is the subject key that they are sealed under, durable before they are.
    """

    drafts: Sequence[Draft]
    admission: Admission | None = None
    under: UnderSubject | None = None


Outcome: TypeAlias = Sequence[int] | LedgerError | RefusalError
Exchange: TypeAlias = Callable[[Sequence[Wanted]], Awaitable[Sequence[Outcome]]]


class Gathering:
    """`Sequencer` over an exchange that takes many appends at once. One for each event loop."""

    __slots__ = ("_exchange", "_quiet", "_running", "_seen", "_since", "_waiting")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._waiting: list[tuple[Wanted, asyncio.Future[Sequence[int]]]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._seen = self._quiet = 0
        self._since = 0.0

    async def append(
        self, drafts: Sequence[Draft], admission: Admission | None = None, under: UnderSubject | None = None
    ) -> Sequence[int]:
        """As `Sequencer.append`. Cancelling it takes nothing back: the drafts may be durable or become so."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            self._seen = self._quiet = 0
            self._since = loop.time()
            loop.call_soon(self._turn, loop)
        future: asyncio.Future[Sequence[int]] = loop.create_future()
        self._waiting.append((Wanted(drafts, admission, under), future))
        return await future

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """See whether the last turn of the loop brought more; leave when it did not, or when it is time."""
        gathered = len(self._waiting)
        self._quiet = self._quiet + 1 if gathered == self._seen else 0
        self._seen = gathered
        if self._quiet >= _QUIET_TURNS or gathered >= _MUCH or loop.time() - self._since > _OLD_SECONDS:
            self._leave()
        else:
            loop.call_soon(self._turn, loop)

    def _leave(self) -> None:
        """Send what has gathered, in as few portions as fit."""
        waiting, self._waiting = self._waiting, []
        at = drafts = size = 0
        for number, (wanted, _) in enumerate(waiting):
            more = sum(len(draft.payload or b"") for draft in wanted.drafts)
            if number > at and (drafts + len(wanted.drafts) > MAX_DRAFTS or size + more > _MAX_BYTES):
                self._send(waiting[at:number])
                at, drafts, size = number, 0, 0
            drafts += len(wanted.drafts)
            size += more
        self._send(waiting[at:])

    def _send(self, portion: "list[tuple[Wanted, asyncio.Future[Sequence[int]]]]") -> None:
        task = asyncio.get_running_loop().create_task(self._settle(portion))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _settle(self, portion: "list[tuple[Wanted, asyncio.Future[Sequence[int]]]]") -> None:
        outcomes: Sequence[Outcome]
        try:
            outcomes = await self._exchange([wanted for wanted, _ in portion])
        except LedgerError as error:
            outcomes = [error] * len(portion)
        except BaseException:
            # The process ends, or a programmer must mend the exchange: nobody may wait for ever.
            _answer(portion, [LedgerUnavailable("the exchange with the ledger was broken off")] * len(portion))
            raise
        _answer(portion, outcomes)


def _answer(portion: "Sequence[tuple[Wanted, asyncio.Future[Sequence[int]]]]", outcomes: Sequence[Outcome]) -> None:
    for (_, future), outcome in zip(portion, outcomes, strict=True):
        if future.done():
            continue  # its caller left, and closes what it opened
        if isinstance(outcome, LedgerError | RefusalError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
