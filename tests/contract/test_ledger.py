"""What every `Ledger` promises (see its docstring), run against each implementation."""

import asyncio

import msgspec
import pytest
from tests.simulators.postgres import Postgres
from tests.unit.audit.samples import draft, keyring, made_database, open_ledger, open_shared

from wardkeep.audit.entry import decode
from wardkeep.audit.errors import (
    ControlNotApplied,
    DraftMalformed,
    EntryConflict,
    LedgerUnavailable,
    StaleFacts,
)
from wardkeep.audit.release import abort_id
from wardkeep.audit.verify import verify

RING = keyring()


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request, tmp_path):
    """Open, and open again, the ledger in one home."""
    if request.param == "sqlite":
        return lambda: open_ledger(tmp_path, RING)
    place = made_database(request.getfixturevalue("postgres"))
    return lambda: open_shared(tmp_path, RING, place)


@pytest.fixture
async def ledger(opened):
    ledger = opened()
    yield ledger
    await ledger.close()


async def headers(ledger):
    return [decode(entry.header) async for entry in ledger.scan(0, 1 << 40)]


async def test_new_ledger_is_empty_and_writable(ledger):
    head = await ledger.head()
    assert (head.size, head.facts_epoch, head.note) == (0, 0, b"")
    assert ledger.writable
    assert await ledger.read(0) is None
    assert await headers(ledger) == []


async def test_entries_stand_in_order_and_outlive_the_process(opened):
    ledger = opened()
    drafts = [draft() for _ in range(5)]
    receipts = [(await ledger.append([one]))[0] for one in drafts[:2]] + await ledger.append(drafts[2:])
    assert [receipt.index for receipt in receipts] == [0, 1, 2, 3, 4]
    head = await ledger.head()
    await ledger.close()
    again = opened()
    assert await again.head() == head
    entries = [entry async for entry in again.scan(0, 10)]
    assert [entry.id for entry in entries] == [one.id for one in drafts]
    assert [entry.leaf_hash for entry in entries] == [receipt.leaf_hash for receipt in receipts]
    assert [entry.payload for entry in entries] == [one.payload for one in drafts]
    assert (await again.read(3)).id == drafts[3].id
    await again.close()


async def test_append_is_idempotent_by_id(ledger):
    one, two = draft(), draft()
    first = await ledger.append([one])
    assert await ledger.append([one]) == first
    both = await ledger.append([one, two])
    assert [receipt.index for receipt in both] == [0, 1]
    together = await asyncio.gather(*(ledger.append([two]) for _ in range(20)))
    assert {receipts[0].index for receipts in together} == {1}
    assert (await ledger.head()).size == 2


async def test_one_id_never_names_two_entries(ledger):
    one = draft()
    await ledger.append([one])
    other = draft(entry_id=one.id, payload=b"other content")
    with pytest.raises(EntryConflict):
        await ledger.append([other])
    fresh = draft()
    with pytest.raises(EntryConflict):
        await ledger.append([fresh, fresh])
    assert (await ledger.head()).size == 1


async def test_malformed_drafts_are_refused_before_they_are_queued(ledger):
    one = draft()
    for bad in ([], [draft() for _ in range(513)], [msgspec.structs.replace(one, payload=b"other")]):
        with pytest.raises(DraftMalformed):
            await ledger.append(bad)
    with pytest.raises(DraftMalformed):
        await ledger.append_control(one, print)
    assert (await ledger.head()).size == 0


class TestFacts:
    async def test_draft_on_older_facts_than_the_last_control_entry_is_refused(self, ledger):
        await ledger.append([draft(facts_epoch=0)])
        receipt = await ledger.append_control(draft("control", payload=None), lambda index: None)
        assert receipt.index == 1
        assert (await ledger.head()).facts_epoch == 2
        with pytest.raises(StaleFacts):
            await ledger.append([draft(facts_epoch=1)])
        await ledger.append([draft(facts_epoch=2)])
        await ledger.append([draft(facts_epoch=None)])

    async def test_control_entry_earlier_in_the_same_batch_counts(self, ledger):
        """All four are queued before the writer can take the second: one batch or several, the order decides."""
        results = await asyncio.gather(
            ledger.append([draft(facts_epoch=0)]),
            ledger.append([draft("control", payload=None)]),
            ledger.append([draft(facts_epoch=0)]),
            ledger.append([draft()]),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [list, list, StaleFacts, list]
        assert (await ledger.head()).size == 3

    async def test_append_of_many_is_refused_whole(self, ledger):
        await ledger.append([draft("control", payload=None)])
        with pytest.raises(StaleFacts):
            await ledger.append([draft(facts_epoch=1), draft(facts_epoch=0)])
        with pytest.raises(StaleFacts):
            await ledger.append([draft("control", payload=None), draft(facts_epoch=1)])
        assert (await ledger.head()).size == 1

    async def test_repeating_a_committed_append_succeeds_on_old_facts(self, ledger):
        one = draft(facts_epoch=0)
        receipts = await ledger.append([one])
        await ledger.append([draft("control", payload=None)])
        assert await ledger.append([one]) == receipts

    async def test_control_is_applied_before_anything_later_is_durable(self, ledger):
        seen = []

        def apply(index):
            seen.append((index, ledger.facts_epoch))

        later = []
        results = await asyncio.gather(
            ledger.append([draft()]),
            ledger.append_control(draft("control", payload=None), apply),
            *(ledger.append([draft()]) for _ in range(5)),
        )
        later = [receipts[0].index for receipts in results[2:]]
        assert seen == [(1, 2)]
        assert min(later) == 2

    async def test_failed_application_is_reported_and_blocks_later_ones_until_restart(self, opened):
        ledger = opened()

        def fail(index):
            raise OSError

        with pytest.raises(ControlNotApplied):
            await ledger.append_control(draft("control", payload=None), fail)
        with pytest.raises(ControlNotApplied):
            await ledger.append_control(draft("control", payload=None), lambda index: None)
        with pytest.raises(StaleFacts):
            await ledger.append([draft(facts_epoch=0)])
        await ledger.append([draft()])
        await ledger.close()
        again = opened()
        assert (await again.head()).facts_epoch == 1
        await again.append_control(draft("control", payload=None), lambda index: None)
        await again.close()


class TestOpenRequests:
    async def test_response_closes_its_request(self, ledger):
        request = draft("request")
        await ledger.append([request])
        assert [row[0] for row in await ledger.open_requests()] == [request.id]
        await ledger.append([draft("response", parent=request.id, closes=request.id)])
        assert await ledger.open_requests() == []
        assert await ledger.recover(is_expired=lambda owner: True) == []

    async def test_expired_owner_s_requests_are_aborted_with_what_was_released(self, opened):
        ledger = opened()
        dead, alive, quiet = draft(owner="dead"), draft(owner="alive"), draft(owner="dead")
        await ledger.append([dead, alive, quiet])
        for seq, size in enumerate((100, 200, 300)):
            await ledger.append([draft("segment", parent=dead.id, seq=seq, payload=b"x" * size)])
        await ledger.append([draft("segment", parent=alive.id, seq=0, payload=b"x" * 50)])
        await ledger.close()
        again = opened()
        receipts = await again.recover(is_expired=lambda owner: owner == "dead")
        assert len(receipts) == 2
        assert [row[0] for row in await again.open_requests()] == [alive.id]
        by_parent = {header.parent: header for header in await headers(again) if header.type == "aborted"}
        assert by_parent[dead.id.hex()].detail == {"cause": "owner-expired", "segments": 3, "ct_bytes": 600}
        assert by_parent[quiet.id.hex()].detail == {"cause": "owner-expired", "segments": 0, "ct_bytes": 0}
        assert by_parent[dead.id.hex()].route == "notes"
        assert by_parent[dead.id.hex()].id == abort_id(dead.id).hex()
        assert await again.recover(is_expired=lambda owner: owner == "dead") == []
        assert len(await again.abort_owner("alive")) == 1
        assert await again.open_requests() == []
        await again.close()

    async def test_more_open_requests_than_a_batch_are_all_aborted(self, ledger):
        for _ in range(3):
            await ledger.append([draft(payload=None) for _ in range(400)])
        assert len(await ledger.abort_owner("worker-1")) == 1200
        assert await ledger.open_requests() == []


async def test_closed_ledger_refuses(opened):
    ledger = opened()
    await ledger.close()
    await ledger.close()
    with pytest.raises(LedgerUnavailable):
        await ledger.append([draft()])


async def test_cancelled_caller_stops_nobody_else(ledger):
    tasks = [asyncio.create_task(ledger.append([draft()])) for _ in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, list) for result in results[1::2])
    await ledger.append([draft()])


async def test_copy_taken_while_writing_goes_on_verifies(ledger, tmp_path):
    for _ in range(20):
        await ledger.append([draft(payload=b"x" * 20_000) for _ in range(50)])
    writing = asyncio.create_task(asyncio.wait_for(keep_writing(ledger), 20))
    target = tmp_path / "copy.db"
    await ledger.copy_to(target)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    result = verify(target, tmp_path / "ledger.pub")
    assert result.ok, result
    assert result.size >= 1000


async def keep_writing(ledger):
    while True:
        await ledger.append([draft(payload=b"y" * 3000)])
