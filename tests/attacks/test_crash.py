"""Killed at any moment under load: what was acknowledged is there, what was released is on record, nothing stays open.

Everything a caller received before the end of the process is compared with what the ledger holds of its call, and some
of it is opened again through the officers' API.
"""

import asyncio
import contextlib
import os
import random
import signal
from dataclasses import dataclass, field

import pytest
from tests.journeys import house as at
from tests.journeys.house import CHAT, MESSAGES, Bookkeeper, House, Line, body_for, key_headers

CLIENTS = 8
#: How long the load runs before a process ends: from at once to a good while.
LONGEST_SECONDS = 0.6
#: In turns: a worker's end needs no new start, so it comes more often than the others.
KINDS = ("everything", "worker", "keeper", "worker", "worker")


@dataclass(slots=True)
class Given:
    """What one caller has of one call: the index it was told, and the bytes that reached it."""

    index: int
    is_whole: bool = False
    received: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Crowd:
    """Callers that never stop: each writes down what it was given."""

    ward: House
    given: list[Given] = field(default_factory=list)
    refused: int = 0

    async def run(self, chance: random.Random, ended: asyncio.Event) -> None:
        while not ended.is_set():
            # A process ends in the middle of a call: that connection is over, the next one is tried.
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                async with at.line_to(self.ward.instance.data) as line:
                    while not ended.is_set():
                        await self.call(line, chance)

    async def call(self, line: Line, chance: random.Random) -> None:
        path, stream = chance.choice((CHAT, MESSAGES)), chance.random() < 0.6
        model = chance.choice(("sim-echo", "sim-slow"))
        body = body_for(path, model, at.draw_patient(chance).note, stream=stream)
        line.send("POST", path, key_headers(self.ward.api_key, path), body)
        head = await line.read_head()
        if head.status != 200:
            await anext(line.pieces(head))
            self.refused += 1
            return
        got = Given(head.index)
        self.given.append(got)
        async for piece in line.pieces(head):
            got.received += piece
        got.is_whole = not stream or at.is_finished(got.received)


def without_last_words(received: bytes) -> bytes:
    """The bytes of the vendor's answer: an error that we appended when it broke off is ours, and names an index."""
    place = received.rfind(b'"ledger_index":')
    if place < 0:
        return received
    start = received.rfind(b"\n\n", 0, place)
    return received[: start + 2] if start >= 0 else b""


def check_given(crowd: Crowd, books: Bookkeeper) -> int:
    """Compare everything that callers have with what the ledger says; return how many bytes that was."""
    entries = books.stored()
    at.check_calls(entries)
    by_index = {call[0].index: call for call in at.calls_of(entries).values()}
    compared = 0
    for given in crowd.given:
        _, *segments, closing = by_index[given.index]
        sealed = b"".join(books.opened(entry) for entry in (*segments, closing) if entry.payload is not None)
        received = without_last_words(given.received)
        assert sealed.startswith(received), f"entry {given.index}: something was released that is not on record"
        if given.is_whole:
            assert closing.type == "response"
            assert sealed == received
        compared += len(received)
    return compared


def open_some(crowd: Crowd, chance: random.Random) -> None:
    """An officer opens what is recorded of some calls, and finds what their callers had."""
    received = [given for given in crowd.given if given.received]
    for given in chance.sample(received, min(3, len(received))):
        headers = crowd.ward.headers(given.index)
        request = headers[0]["id"]
        mine = [each for each in headers if each.get("parent") == request]
        opened = [crowd.ward.open_entry(each["index"]) for each in mine if each.get("ct_len") is not None]
        words = without_last_words(given.received)
        assert "".join(opened).encode().startswith(words)


async def rounds(ward: House, count: int, seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    crowd = Crowd(ward)
    books = Bookkeeper(ward.instance.home)
    compared = 0
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        size = len(books.stored()) if number else 0
        ward.vendor.configure(delay_ms=chance.randrange(30), event_delay_ms=chance.randrange(4), piece=20)
        ended = asyncio.Event()
        tasks = [asyncio.create_task(crowd.run(random.Random(chance.random()), ended)) for _ in range(CLIENTS)]
        enough = len(crowd.given) + chance.randint(1, 40)
        await at.eventually(lambda enough=enough: len(crowd.given) >= enough, seconds=30)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), chance.random() * LONGEST_SECONDS)
        await end(ward, kind, chance)
        ended.set()
        await asyncio.gather(*tasks)
        if kind != "worker":
            at.check_ledger(ward.instance.home)  # as it was left, before anything mends it
            await asyncio.to_thread(ward.instance.start)
        await at.eventually(lambda size=size: is_all_closed(books, size))
        assert (await at.ask(ward.instance.data, ward.api_key, CHAT, "sim-echo", "chest pain")).status == 200
        at.check_ledger(ward.instance.home)
        compared += check_given(crowd, books)
        open_some(crowd, chance)
        crowd.given.clear()
    assert compared
    assert ward.operations("/readyz")[0] == 200


async def end(ward: House, kind: str, chance: random.Random) -> None:
    if kind == "everything":
        await asyncio.to_thread(at.kill_all, ward.instance)
    elif kind == "keeper":
        await asyncio.to_thread(at.kill_keeper, ward.instance)
    else:
        workers = at.workers_of(ward.instance)
        os.kill(chance.choice(workers), signal.SIGKILL)
        await at.eventually(lambda: set(at.workers_of(ward.instance)) - set(workers), seconds=30)


def is_all_closed(books: Bookkeeper, start: int) -> bool:
    return all(call[-1].type in {"response", "aborted"} for call in at.calls_of(books.stored(start)).values())


async def test_killed_in_the_middle_of_many_calls():
    with at.house("sim-echo", "sim-slow", workers=2) as ward:
        await rounds(ward, 5, seed=20270401)


@pytest.mark.slow
async def test_killed_two_hundred_times():
    with at.house("sim-echo", "sim-slow", workers=2) as ward:
        await rounds(ward, 200, seed=random.SystemRandom().randrange(1 << 32))


async def test_one_process_is_killed_and_comes_back():
    with at.house("sim-echo", "sim-slow", workers=1) as ward:
        chance = random.Random(20270402)
        crowd, books, ended = Crowd(ward), Bookkeeper(ward.instance.home), asyncio.Event()
        ward.vendor.configure(delay_ms=5, event_delay_ms=2, piece=20)
        tasks = [asyncio.create_task(crowd.run(random.Random(chance.random()), ended)) for _ in range(CLIENTS)]
        await at.eventually(lambda: len(crowd.given) >= 30)
        ward.instance.kill()
        ended.set()
        await asyncio.gather(*tasks)
        at.check_ledger(ward.instance.home)
        await asyncio.to_thread(ward.instance.start)
        assert is_all_closed(books, 0)
        assert check_given(crowd, books)
        assert at.check_ledger(ward.instance.home)
