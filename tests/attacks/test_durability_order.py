"""Nothing goes out before its record is durable: the call before the vendor hears of it, each piece of the answer
before its reader does, the closing record before the last piece (45 CFR 164.312(b), DESIGN section 4).

The ledger file is read by this process, not by asking the one that wrote it.
"""

import asyncio
import os
import random
import signal
from contextlib import contextmanager

import pytest
from tests.journeys import house as at
from tests.journeys.house import CHAT, MESSAGES, Bookkeeper, House, body_for, eventually, key_headers, line_to

PATHS = pytest.mark.parametrize("path", [CHAT, MESSAGES])


@pytest.fixture(params=[1, 2], ids=["one-process", "two-workers"])
def ward(request) -> House:
    return at.shared_house(request.config, request.param)


@pytest.fixture
def books(ward) -> Bookkeeper:
    return Bookkeeper(ward.instance.home)


@contextmanager
def stopped(pid: int):
    """Nothing that the process would still write can be written meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def recorded(books: Bookkeeper, index: int) -> bytes:
    """What the file holds of one call's answer, in order."""
    request, *rest = books.stored(index)
    mine = [entry for entry in rest if entry.parent == request.header["id"]]
    return b"".join(books.opened(entry) for entry in mine if entry.payload is not None)


@PATHS
async def test_request_is_in_the_file_while_the_vendor_still_thinks(ward, books, path):
    ward.vendor.configure(delay_ms=10_000)
    size = len(books.stored())
    patient = at.draw_patient(random.Random())
    async with line_to(ward.instance.data) as line:
        line.send("POST", path, key_headers(ward.api_key, path), body_for(path, "sim-slow", patient.note))
        await eventually(lambda: ward.vendor.stats()["requests"] == 1)
        (entry,) = [each for each in books.stored(size) if each.type == "request"]
        assert patient.name.encode() in books.opened(entry)
        assert entry.header["decision"] == "permitted"
        line.cut()
    await eventually(lambda: books.stored(entry.index)[-1].type == "aborted")


@PATHS
async def test_each_piece_is_in_the_file_before_it_is_received(ward, books, path):
    ward.vendor.configure(delay_ms=0, event_delay_ms=15, piece=12)
    received = b""
    async with line_to(ward.instance.data) as line:
        body = body_for(path, "sim-slow", at.draw_patient(random.Random()).note, stream=True)
        line.send("POST", path, key_headers(ward.api_key, path), body)
        head = await line.read_head()
        assert head.status == 200
        pieces = 0
        async for piece in line.pieces(head):
            pieces += 1
            received += piece
            assert recorded(books, head.index).startswith(received), f"piece {pieces} was released unrecorded"
            if at.is_finished(received):
                # the watch's canary may come behind it
                assert "response" in {each.type for each in books.stored(head.index)}
    assert pieces > 5
    assert at.is_finished(received)
    assert recorded(books, head.index) == received


@PATHS
async def test_what_was_received_is_in_a_ledger_that_stands_still(request, path):
    """The writer is halted in mid-stream: whatever its caller then has or still gets must be in the file already."""
    ward = at.shared_house(request.config, 2)
    books = Bookkeeper(ward.instance.home)
    ward.vendor.configure(delay_ms=0, event_delay_ms=4, piece=6)
    chance = random.Random(20270303)
    for _ in range(4):
        async with line_to(ward.instance.data) as line:
            body = body_for(path, "sim-slow", at.draw_patient(chance).note, stream=True)
            line.send("POST", path, key_headers(ward.api_key, path), body)
            head = await line.read_head()
            pieces = line.pieces(head)
            received = b"".join([await anext(pieces) for _ in range(chance.randint(1, 6))])
            with stopped(ward.instance.pid):
                received += await drained(pieces)
                assert recorded(books, head.index).startswith(received)
                assert not at.is_finished(received)
            line.cut()
        await eventually(lambda index=head.index: is_closed(books, index))


async def drained(pieces) -> bytes:
    """All that still arrives while nothing can be recorded; the worker must run dry."""
    received = b""
    waiting = asyncio.ensure_future(anext(pieces))
    while (await asyncio.wait({waiting}, timeout=0.15))[0]:
        received += waiting.result()
        waiting = asyncio.ensure_future(anext(pieces))
    waiting.cancel()
    return received


def is_closed(books: Bookkeeper, index: int) -> bool:
    request, *rest = books.stored(index)
    return any(each.type in {"aborted", "response"} and each.parent == request.header["id"] for each in rest)


@PATHS
async def test_a_whole_answer_is_closed_before_it_is_received(ward, books, path):
    for _ in range(10):
        patient = at.draw_patient(random.Random())
        answer = await at.ask(ward.instance.data, ward.api_key, path, "sim-echo", patient.note)
        closing = books.stored(answer.index)[-1]
        assert closing.type == "response"
        assert books.opened(closing) == answer.body


async def test_a_refusal_is_in_the_file_before_it_is_received(ward, books):
    answer = await at.ask(ward.instance.data, ward.api_key, CHAT, "sim-echo", "As JSON", store=True)
    assert answer.code == "field_denied"
    assert books.stored(answer.index)[0].type == "refusal"
