"""A sender that is slow, endless or huge must not keep others from being served."""

import asyncio

import pytest
import uvloop
from tests.attacks.wire import PATIENCE_SECONDS, read_answer, read_to_end, serving

from wardkeep.model.reasons import Reason


@pytest.fixture
def event_loop_policy():
    """The loop that production runs on: its transports differ from asyncio's where it matters here."""
    return uvloop.EventLoopPolicy()


HOST = b"Host: gate.example\r\n"
POST = b"POST /v1/messages HTTP/1.1\r\n" + HOST
GET = b"GET /v1/models HTTP/1.1\r\n" + HOST


async def trickle(writer: asyncio.StreamWriter, data: bytes) -> None:
    """One byte each turn of the server's clock, until it closes."""
    for at in range(len(data)):
        writer.write(data[at : at + 1])
        await asyncio.sleep(0.01)  # the attack itself: being slow


async def test_slow_headers_get_408():
    async with serving(header_seconds=0.1) as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        attack = asyncio.create_task(trickle(writer, GET + b"X-A: " + b"b" * 1000))
        answer = await read_to_end(reader)
        attack.cancel()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert wire.refused == {Reason.REQUEST_TOO_SLOW: 1}
        assert wire.scopes == []


async def test_a_connection_without_a_byte_is_closed():
    async with serving(header_seconds=0.05) as wire:
        assert await wire.say(b"") == b""
        assert not wire.refused


async def test_an_idle_kept_connection_is_closed():
    async with serving(idle_seconds=0.05) as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(GET + b"\r\n")
        await read_answer(reader)
        assert await read_to_end(reader) == b""
        writer.close()


async def test_a_body_that_stops_gets_408_and_stops_the_call():
    async with serving(body_seconds=0.1) as wire:
        answer = await wire.say(POST + b"Content-Length: 50\r\n\r\nhello")
        assert answer.startswith(b"HTTP/1.1 408 ")
        await asyncio.wait_for(wire.gone.wait(), PATIENCE_SECONDS)
        assert wire.bodies == []


async def test_a_body_below_the_least_rate_gets_408():
    async with serving(body_grace_seconds=0.05, body_bytes_per_second=1_000_000, idle_seconds=0.1) as wire:
        answer = await wire.say(POST + b"Content-Length: 5000\r\n\r\nhello")
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert wire.refused == {Reason.REQUEST_TOO_SLOW: 1}


async def test_a_long_answer_has_no_request_deadline():
    async with serving(header_seconds=0.04, body_seconds=0.04, idle_seconds=0.04) as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\n")
        waiting = asyncio.create_task(read_answer(reader))
        done, _ = await asyncio.wait({waiting}, timeout=0.2)
        assert not done
        wire.release.set()
        head, _ = await waiting
        writer.close()
        assert head.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("pieces", [1, 7])
async def test_huge_heads_are_refused_before_they_are_complete(pieces):
    async with serving() as wire:
        sent = GET + b"X-A: " + b"b" * 131_072 + b"\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        step = len(sent) // pieces + 1
        for at in range(0, len(sent), step):
            writer.write(sent[at : at + step])
            await asyncio.sleep(0)
        answer = await read_to_end(reader)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert wire.refused == {Reason.HEADERS_TOO_LARGE: 1}
        assert wire.scopes == []


async def test_an_endless_request_line_is_refused():
    async with serving() as wire:
        answer = await wire.say(b"GET /" + b"a" * 5000)
        assert answer.startswith(b"HTTP/1.1 400 ")


async def test_a_long_target_is_refused():
    async with serving() as wire:
        answer = await wire.say(b"GET /" + b"a" * 2048 + b" HTTP/1.1\r\n" + HOST + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 431 ")


async def test_too_many_headers_are_refused():
    async with serving() as wire:
        answer = await wire.say(GET + b"".join(b"X-%d: y\r\n" % n for n in range(64)) + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 431 ")
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(GET + b"".join(b"X-%d: y\r\n" % n for n in range(63)) + b"\r\n")
        head, _ = await read_answer(reader)
        writer.close()
        assert head.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("length", [b"4194305", b"99999999999999999999999999", b"18446744073709551617"])
async def test_a_huge_declared_length_is_refused_unread(length):
    async with serving() as wire:
        answer = await wire.say(POST + b"Expect: 100-continue\r\nContent-Length: " + length + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"100 Continue" not in answer
        assert wire.scopes == []


async def test_the_largest_body_is_served():
    async with serving(max_body_bytes=300_000) as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(POST + b"Content-Length: 300000\r\n\r\n" + b"x" * 300_000)
        _, answer = await read_answer(reader)
        writer.close()
        assert answer == b"300000"


@pytest.mark.parametrize("chunk", [b"ffffffffffffffff\r\n" + b"x" * 2000, b"400\r\n" + b"x" * 1024 + b"\r\n"])
async def test_chunks_beyond_the_limit_are_refused_while_they_arrive(chunk):
    async with serving(max_body_bytes=1500) as wire:
        sent = POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 3
        answer = await wire.say(sent)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert wire.refused == {Reason.BODY_TOO_LARGE: 1}
        await asyncio.wait_for(wire.gone.wait(), PATIENCE_SECONDS)
        assert wire.bodies == []


async def test_endless_trailers_are_refused():
    async with serving(max_body_bytes=1000) as wire:
        trailers = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 200) for n in range(600))
        answer = await wire.say(POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n" + trailers)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert wire.bodies == []


async def test_a_caller_who_leaves_in_the_body_stops_the_call():
    async with serving() as wire:
        _, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(POST + b"Content-Length: 50\r\n\r\nhello")
        await asyncio.wait_for(wire.entered.wait(), PATIENCE_SECONDS)
        writer.close()
        await asyncio.wait_for(wire.gone.wait(), PATIENCE_SECONDS)
        assert wire.bodies == []


async def test_a_caller_who_leaves_a_stream_stops_the_call():
    async with serving() as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(b"GET /stream HTTP/1.1\r\n" + HOST + b"\r\n")
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
        writer.transport.abort()
        await asyncio.wait_for(wire.gone.wait(), PATIENCE_SECONDS)


async def test_a_caller_who_does_not_read_is_cut():
    async with serving(stall_seconds=0.1) as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port, limit=1024)
        writer.write(b"GET /flood HTTP/1.1\r\n" + HOST + b"\r\n")
        await asyncio.wait_for(wire.gone.wait(), PATIENCE_SECONDS)
        assert wire.server.open_connections == 0
        assert not reader.at_eof()
        writer.close()


async def test_connections_beyond_the_limit_are_turned_away():
    async with serving(max_connections=2) as wire:
        held = [await asyncio.open_connection("127.0.0.1", wire.port) for _ in range(2)]
        for reader, writer in held:
            writer.write(GET + b"\r\n")
            await read_answer(reader)
        answer = await wire.say(b"")
        assert b"concurrency_limited" in answer
        assert wire.refused == {Reason.CONCURRENCY_LIMITED: 1}
        for _, writer in held:
            writer.close()


async def test_stopping_flushes_an_answer_that_is_still_on_its_way():
    async with serving() as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port, limit=4096)
        writer.write(b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
        wire.server.stop(PATIENCE_SECONDS)
        body = await read_to_end(reader)
        writer.close()
        assert head.startswith(b"HTTP/1.1 200 ")
        assert len(body) == 16 << 20


async def test_an_application_that_reads_late_is_not_the_senders_fault():
    async with serving(body_seconds=0.1, body_grace_seconds=0.05, body_bytes_per_second=10_000_000) as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(b"POST /lazy HTTP/1.1\r\n" + HOST + b"Content-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)
        waiting = asyncio.create_task(read_answer(reader))
        done, _ = await asyncio.wait({waiting}, timeout=0.4)
        assert not done
        wire.release.set()
        head, answer = await waiting
        writer.close()
        assert head.startswith(b"HTTP/1.1 200 ")
        assert answer == b"3000000"


async def test_a_refusal_in_the_body_stops_the_call_while_the_caller_stays():
    async with serving(max_body_bytes=1000, linger_seconds=PATIENCE_SECONDS) as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        await asyncio.wait_for(wire.entered.wait(), PATIENCE_SECONDS)
        writer.write(b"7d0\r\n" + b"x" * 2000)
        head, _ = await read_answer(reader)
        assert head.startswith(b"HTTP/1.1 413 ")
        await asyncio.wait_for(wire.gone.wait(), 1.0)
        assert wire.server.open_connections == 1
        writer.close()
