"""A caller that leaves: the vendor's connection is cut at once, and the entry says what was released until then."""

import random

import pytest
from tests.journeys import house as at
from tests.journeys.house import CHAT, MESSAGES, Bookkeeper, House, Stored, body_for, eventually, key_headers, line_to

from wardkeep.demo.furnish import create_key

PATHS = pytest.mark.parametrize("path", [CHAT, MESSAGES])


@pytest.fixture(params=[1, 2], ids=["one-process", "two-workers"])
def ward(request) -> House:
    return at.shared_house(request.config, request.param)


@pytest.fixture
def books(ward) -> Bookkeeper:
    return Bookkeeper(ward.instance.home)


async def closed(books: Bookkeeper, size: int) -> list[list[Stored]]:
    """Every call from `size` on, once all of them are closed; each is closed once."""

    def settled() -> list[Stored] | None:
        entries = books.stored(size)
        found = at.calls_of(entries).values()
        return entries if found and all(call[-1].type in {"response", "aborted"} for call in found) else None

    entries = await eventually(settled, seconds=5)
    at.check_calls(entries)
    return list(at.calls_of(entries).values())


@PATHS
@pytest.mark.parametrize("stream", [False, True])
async def test_leaving_before_the_answer_begins(ward, books, path, stream):
    ward.vendor.configure(delay_ms=15_000)
    size = len(books.stored())
    async with line_to(ward.instance.data) as line:
        line.send(
            "POST",
            path,
            key_headers(ward.api_key, path),
            body_for(path, "sim-slow", at.draw_patient(random.Random()).note, stream=stream),
        )
        await eventually(lambda: ward.vendor.stats()["requests"] == 1)
        line.cut()
    await eventually(lambda: ward.vendor.stats()["disconnects"] == 1, seconds=3)
    ((request, closing),) = await closed(books, size)
    assert request.type == "request"
    assert (closing.type, closing.header["decision"]) == ("aborted", "client_disconnected")
    assert closing.header["detail"]["released_bytes"] == 0


@PATHS
async def test_leaving_in_mid_stream(ward, books, path):
    ward.vendor.configure(delay_ms=0, event_delay_ms=30, piece=5)
    size = len(books.stored())
    async with line_to(ward.instance.data) as line:
        body = body_for(path, "sim-slow", at.draw_patient(random.Random()).note, stream=True)
        line.send("POST", path, key_headers(ward.api_key, path), body)
        head = await line.read_head()
        pieces = line.pieces(head)
        received = b"".join([await anext(pieces) for _ in range(4)])
        line.cut()
    await eventually(lambda: ward.vendor.stats()["disconnects"] == 1, seconds=3)
    ((_, *segments, closing),) = await closed(books, size)
    assert (closing.type, closing.header["decision"]) == ("aborted", "client_disconnected")
    stored = b"".join(books.opened(segment) for segment in segments)
    assert stored.startswith(received)
    detail = closing.header["detail"]
    # A piece that was recorded while the caller left was not released: the count may be short of the last segment.
    assert len(received) <= detail["released_bytes"] <= len(stored)
    assert len(segments) - 1 <= detail["released_segments"] <= len(segments)


@PATHS
@pytest.mark.parametrize("stream", [False, True])
async def test_leaving_at_once_leaves_nothing_open_and_holds_no_place(ward, books, path, stream):
    """The caller is gone while its request is being recorded. Each call is closed, once, and frees its place."""
    key = create_key(ward.instance, ["sim-echo"], calls_at_once=8)
    size = len(books.stored())
    chance = random.Random(20270304)
    body = body_for(path, "sim-echo", at.draw_patient(chance).note, stream=stream)
    for _ in range(60):
        async with line_to(ward.instance.data) as line:
            line.send("POST", path, key_headers(key, path), body)
            await line.writer.drain()
            # From nothing to the whole way through the gateway, by turns of this loop: no clock decides.
            for _ in range(chance.randrange(40)):
                await at.asyncio.sleep(0)
            line.cut()
    await closed(books, size)

    async def has_room() -> bool:
        return (await at.ask(ward.instance.data, key, path, "sim-echo", "chest pain")).status == 200

    # A closing is on the disk a moment before its place is free; a place that leaked would never be.
    await eventually(has_room)


async def test_leaving_in_the_body_is_no_call(ward, books):
    size = len(books.stored())
    body = body_for(CHAT, "sim-echo", at.draw_patient(random.Random()).note)
    for cut_at in (1, len(body) // 2, len(body) - 1):
        async with line_to(ward.instance.data) as line:
            line.send("POST", CHAT, key_headers(ward.api_key), body)
            line.cut()
        async with line_to(ward.instance.data) as line:
            head = f"POST {CHAT} HTTP/1.1\r\nhost: {line.host}\r\ncontent-length: {len(body)}\r\n"
            fields = "".join(f"{name}: {value}\r\n" for name, value in key_headers(ward.api_key).items())
            line.writer.write(f"{head}{fields}\r\n".encode() + body[:cut_at])
            await line.writer.drain()
            line.cut()
    assert (await at.ask(ward.instance.data, ward.api_key, CHAT, "sim-echo", "chest pain")).status == 200
    await closed(books, size)
