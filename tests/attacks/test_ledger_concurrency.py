"""Concurrency makes hash chains fork and healthy rows look tampered, elsewhere; here one sequencer orders all."""

import asyncio
import threading

import pytest
from tests.unit.audit import samples

from wardkeep.audit.verify import verify

RING = samples.keyring()


def append_from_threads(home, threads: int, entries: int) -> tuple[list[int], object]:
    ledger = samples.open_ledger(home, RING)
    indexes: list[int] = []
    failures: list[BaseException] = []

    async def append_many():
        async def caller(count):
            for _ in range(count):
                indexes.append((await ledger.append([samples.draft(payload=b"x" * 64)]))[0].index)

        await asyncio.gather(*(caller(entries // 8) for _ in range(8)))

    def run():
        try:
            asyncio.run(append_many())
        except BaseException as error:
            failures.append(error)

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert failures == []
    asyncio.run(ledger.close())
    return indexes, verify(home)


def check(home, entries):
    indexes, result = append_from_threads(home, 8, entries)
    assert sorted(indexes) == list(range(8 * entries))
    assert result.ok, result
    assert result.size == 8 * entries
    assert result.signed


def test_eight_threads_give_no_false_alarm(tmp_path):
    check(tmp_path, 160)


@pytest.mark.slow
def test_eight_threads_with_a_hundred_thousand_entries_give_no_false_alarm(tmp_path):
    check(tmp_path, 12_504)


async def test_random_bursts_commit_in_order(tmp_path):
    ledger = samples.open_ledger(tmp_path, RING)
    for size in (1, 2, 63, 64, 65, 511, 600, 3):
        receipts = await asyncio.gather(*(ledger.append([samples.draft(payload=None)]) for _ in range(size)))
        numbers = [receipt[0].index for receipt in receipts]
        assert numbers == list(range(numbers[0], numbers[0] + size))
    await ledger.close()
    assert verify(tmp_path).ok
