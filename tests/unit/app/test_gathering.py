"""What one moment appends leaves together, keeps its order, and every append hears its own outcome."""

import asyncio
import gc

import pytest

from wardkeep.app.gathering import MAX_DRAFTS, Gathering, Outcome, Wanted
from wardkeep.audit.entry import Draft
from wardkeep.audit.errors import LedgerTimeout, LedgerUnavailable, StaleFacts
from wardkeep.model.reasons import Reason, RefusalError, Refused


def draft(number: int, size: int = 10) -> Draft:
    return Draft(id=number.to_bytes(16, "big"), kind="request", body=b"{}", payload=bytes(size))


class Keeper:
    """An exchange that numbers what it is sent; `answer` may say otherwise for one draft."""

    def __init__(self) -> None:
        self.portions: list[list[int]] = []
        self.answers: dict[int, Outcome] = {}
        self.hold = asyncio.Event()
        self.hold.set()

    async def exchange(self, wanted: list[Wanted]) -> list[Outcome]:
        numbers = [int.from_bytes(each.drafts[0].id, "big") for each in wanted]
        self.portions.append(numbers)
        await self.hold.wait()
        return [self.answers.get(number, [number]) for number in numbers]


async def test_appends_of_one_moment_leave_in_one_exchange_in_their_order():
    keeper = Keeper()
    gathering = Gathering(keeper.exchange)
    indices = await asyncio.gather(*(gathering.append([draft(n)]) for n in range(20)))
    assert indices == [[n] for n in range(20)]
    assert keeper.portions == [list(range(20))]


async def test_an_append_made_by_a_task_that_the_last_turn_woke_still_joins():
    keeper = Keeper()
    gathering = Gathering(keeper.exchange)

    async def one_turn_later() -> object:
        await asyncio.sleep(0)
        return await gathering.append([draft(2)])

    assert await asyncio.gather(gathering.append([draft(1)]), one_turn_later()) == [[1], [2]]
    assert keeper.portions == [[1, 2]]


async def test_a_loop_that_never_rests_sends_all_the_same():
    keeper = Keeper()
    gathering = Gathering(keeper.exchange)
    count = 3000
    calls = []
    for number in range(count):
        calls.append(asyncio.create_task(gathering.append([draft(number)])))
        await asyncio.sleep(0)
    assert await asyncio.gather(*calls) == [[n] for n in range(count)]
    assert [n for portion in keeper.portions for n in portion] == list(range(count))
    assert len(keeper.portions) > 20


async def test_a_portion_holds_no_more_than_one_transaction_or_one_frame():
    keeper = Keeper()
    gathering = Gathering(keeper.exchange)
    many = [gathering.append([draft(n)]) for n in range(MAX_DRAFTS + 1)]
    await asyncio.gather(*many)
    assert [len(portion) for portion in keeper.portions] == [MAX_DRAFTS, 1]
    keeper.portions.clear()
    await asyncio.gather(*(gathering.append([draft(n, 700_000)]) for n in range(3)))
    assert keeper.portions == [[0], [1], [2]]


async def test_each_append_hears_its_own_outcome():
    keeper = Keeper()
    gathering = Gathering(keeper.exchange)
    keeper.answers = {1: StaleFacts("older"), 2: RefusalError(Refused(reason=Reason.RATE_LIMITED))}
    results = await asyncio.gather(*(gathering.append([draft(n)]) for n in range(4)), return_exceptions=True)
    assert [type(each) for each in results] == [list, StaleFacts, RefusalError, list]


@pytest.mark.parametrize("error", [LedgerUnavailable, LedgerTimeout])
async def test_a_ledger_that_is_down_is_heard_by_all(error):
    async def fail(_: object) -> list[Outcome]:
        raise error("down")

    gathering = Gathering(fail)
    results = await asyncio.gather(*(gathering.append([draft(n)]) for n in range(3)), return_exceptions=True)
    assert [type(each) for each in results] == [error] * 3


async def test_a_broken_exchange_leaves_nobody_waiting():
    async def broken(_: object) -> list[Outcome]:
        raise ZeroDivisionError

    seen: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context["exception"]))
    gathering = Gathering(broken)
    with pytest.raises(LedgerUnavailable):
        await gathering.append([draft(1)])
    await asyncio.sleep(0)
    gc.collect()
    assert [type(each) for each in seen] == [ZeroDivisionError]


async def test_a_caller_that_leaves_takes_nothing_back_and_disturbs_nobody():
    keeper = Keeper()
    keeper.hold.clear()
    gathering = Gathering(keeper.exchange)
    leaving, staying = (asyncio.create_task(gathering.append([draft(n)])) for n in (1, 2))
    while not keeper.portions:
        await asyncio.sleep(0)
    leaving.cancel()
    keeper.hold.set()
    assert await staying == [2]
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert keeper.portions == [[1, 2]]
