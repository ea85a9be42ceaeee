"""Two readers must never see two different requests (RFC 9112 section 11.2: request smuggling)."""

import asyncio

import pytest
import uvloop
from tests.attacks.wire import PATIENCE_SECONDS, read_answer, read_to_end, serving

from wardkeep.model.reasons import EXPLANATIONS, Reason


@pytest.fixture
def event_loop_policy():
    """The loop that production runs on: its transports differ from asyncio's where it matters here."""
    return uvloop.EventLoopPolicy()


HOST = b"Host: gate.example\r\n"
POST = b"POST /v1/messages HTTP/1.1\r\n" + HOST
GET = b"GET /v1/models HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

REFUSED_HEADS = {
    "length and chunked": (
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Reason.FRAMING_AMBIGUOUS,
    ),
    "chunked and length": (
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        Reason.FRAMING_AMBIGUOUS,
    ),
    "two lengths": (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", Reason.FRAMING_AMBIGUOUS),
    "two equal lengths": (POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", Reason.FRAMING_AMBIGUOUS),
    "length list": (POST + b"Content-Length: 5, 5\r\n\r\nhello", Reason.FRAMING_AMBIGUOUS),
    "plus length": (POST + b"Content-Length: +5\r\n\r\nhello", Reason.FRAMING_AMBIGUOUS),
    "negative length": (POST + b"Content-Length: -5\r\n\r\nhello", Reason.FRAMING_AMBIGUOUS),
    "hex length": (POST + b"Content-Length: 0x5\r\n\r\nhello", Reason.FRAMING_AMBIGUOUS),
    "empty length": (POST + b"Content-Length: \r\n\r\nhello", Reason.FRAMING_AMBIGUOUS),
    "superscript length": (POST + b"Content-Length: \xc2\xb2\r\n\r\nhello", Reason.FRAMING_AMBIGUOUS),
    "two codings": (
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
        Reason.FRAMING_AMBIGUOUS,
    ),
    "coding list": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", Reason.FRAMING_AMBIGUOUS),
    "coding identity": (POST + b"Transfer-Encoding: identity\r\n\r\n", Reason.FRAMING_AMBIGUOUS),
    "coding xchunked": (POST + b"Transfer-Encoding: xchunked\r\n\r\n", Reason.FRAMING_AMBIGUOUS),
    "coding vertical tab": (POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n", Reason.REQUEST_MALFORMED),
    "coding in 1.0": (
        POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Reason.FRAMING_AMBIGUOUS,
    ),
    "space before colon": (POST + b"Content-Length : 5\r\n\r\nhello", Reason.REQUEST_MALFORMED),
    "space in name": (POST + b"Content Length: 5\r\n\r\nhello", Reason.REQUEST_MALFORMED),
    "no colon": (POST + b"Content-Length\r\n\r\n", Reason.REQUEST_MALFORMED),
    "no name": (POST + b": 5\r\n\r\n", Reason.REQUEST_MALFORMED),
    "folded line": (
        POST + b"Content-Length: 5\r\nX-A: b\r\n Transfer-Encoding: chunked\r\n\r\nhello",
        Reason.REQUEST_MALFORMED,
    ),
    "folded by tab": (POST + b"X-A: b\r\n\tc\r\n\r\n", Reason.REQUEST_MALFORMED),
    "fold in first field": (b"GET / HTTP/1.1\r\n Host: gate.example\r\n\r\n", Reason.REQUEST_MALFORMED),
    "lone LF in head": (POST + b"X-A: b\nContent-Length: 5\r\n\r\nhello", Reason.REQUEST_MALFORMED),
    "lone LF ends": (b"GET / HTTP/1.1\nHost: gate.example\n\n", Reason.REQUEST_MALFORMED),
    "lone CR in value": (POST + b"X-A: b\rContent-Length: 5\r\n\r\nhello", Reason.REQUEST_MALFORMED),
    "CR CR LF": (POST + b"X-A: b\r\r\n\r\n", Reason.REQUEST_MALFORMED),
    "NUL in value": (POST + b"X-A: b\x00c\r\n\r\n", Reason.REQUEST_MALFORMED),
    "control in value": (POST + b"X-A: b\x1bc\r\n\r\n", Reason.REQUEST_MALFORMED),
    "delete in value": (POST + b"X-A: b\x7f\r\n\r\n", Reason.REQUEST_MALFORMED),
    "two hosts": (GET + HOST + b"\r\n", Reason.HOST_INVALID),
    "no host": (b"GET / HTTP/1.1\r\nX-A: b\r\n\r\n", Reason.HOST_INVALID),
    "other host": (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", Reason.HOST_INVALID),
    "empty host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", Reason.HOST_INVALID),
    "host with user": (b"GET / HTTP/1.1\r\nHost: evil@gate.example\r\n\r\n", Reason.HOST_INVALID),
    "host list": (b"GET / HTTP/1.1\r\nHost: gate.example, evil.example\r\n\r\n", Reason.HOST_INVALID),
    "host with path": (b"GET / HTTP/1.1\r\nHost: gate.example/x\r\n\r\n", Reason.HOST_INVALID),
    "host long port": (b"GET / HTTP/1.1\r\nHost: gate.example:0000000080\r\n\r\n", Reason.HOST_INVALID),
    "host empty port": (b"GET / HTTP/1.1\r\nHost: gate.example:\r\n\r\n", Reason.HOST_INVALID),
    "absolute form": (b"GET http://gate.example/ HTTP/1.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "asterisk form": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "authority form": (b"CONNECT gate.example:443 HTTP/1.1\r\n" + HOST + b"\r\n", Reason.METHOD_NOT_ALLOWED),
    "trace": (b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n", Reason.METHOD_NOT_ALLOWED),
    "lower-case method": (b"Get / HTTP/1.1\r\n" + HOST + b"\r\n", Reason.METHOD_NOT_ALLOWED),
    "HTTP/0.9": (b"GET /\r\n", Reason.REQUEST_MALFORMED),
    "HTTP/0.9 with head": (b"GET /\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Reason.REQUEST_MALFORMED),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "HTTP/01.1": (b"GET / HTTP/01.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "two spaces": (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "tab as space": (b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "space in target": (b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "leading empty line": (b"\r\nGET / HTTP/1.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", Reason.REQUEST_MALFORMED),
    "dot dot": (b"GET /v1/../api HTTP/1.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "encoded dot dot": (b"GET /v1/%2e%2E/api HTTP/1.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "twice encoded dot dot": (b"GET /v1/%252e%252e/api HTTP/1.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "encoded slash dot dot": (b"GET /v1%2f..%2fapi HTTP/1.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "backslash": (b"GET /v1\\..\\api HTTP/1.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "encoded NUL": (b"GET /v1%00 HTTP/1.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "encoded NUL in query": (b"GET /v1?a=%00 HTTP/1.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "encoded CR LF": (b"GET /v1%0d%0aX HTTP/1.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "half escape": (b"GET /v1%2 HTTP/1.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "escape is not UTF-8": (b"GET /v1%ff HTTP/1.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "eight bits in target": (b"GET /v1\xe9 HTTP/1.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "fragment": (b"GET /v1#a HTTP/1.1\r\n" + HOST + b"\r\n", Reason.REQUEST_MALFORMED),
    "upgrade": (GET + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n", Reason.HEADER_INVALID),
    "upgrade h2c": (GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n", Reason.HEADER_INVALID),
    "other expectation": (POST + b"Expect: 200-ok\r\nContent-Length: 5\r\n\r\nhello", Reason.HEADER_INVALID),
    "two credentials": (GET + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", Reason.HEADER_INVALID),
    "two api keys": (GET + b"X-Api-Key: a\r\nx-api-key: a\r\n\r\n", Reason.HEADER_INVALID),
    "two types": (POST + b"Content-Type: application/json\r\nContent-Type: text/plain\r\n\r\n", Reason.HEADER_INVALID),
    "two purposes": (POST + b"Wardkeep-Purpose: TREAT\r\nwardkeep-purpose: HRESCH\r\n\r\n", Reason.HEADER_INVALID),
}


@pytest.mark.parametrize("name", REFUSED_HEADS)
async def test_a_doubtful_head_is_refused_before_the_application(name):
    sent, reason = REFUSED_HEADS[name]
    async with serving() as wire:
        answer = await wire.say(sent)
        assert answer.startswith(b"HTTP/1.1 %d " % EXPLANATIONS[reason].status)
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b"connection: close" in answer
        assert answer.lower().count(b"\r\ncontent-length:") == 1  # strict clients show nothing of an answer with two
        assert f'"code":"{reason.value}"'.encode() in answer
        assert wire.refused == {reason: 1}
        assert wire.scopes == []


@pytest.mark.parametrize("name", REFUSED_HEADS)
async def test_byte_by_byte_gives_the_same_refusal(name):
    sent, reason = REFUSED_HEADS[name]
    async with serving() as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        head = sent[: sent.find(b"\r\n\r\n") + 4] if b"\r\n\r\n" in sent else sent
        for at in range(len(head)):
            writer.write(head[at : at + 1])
            await asyncio.sleep(0)  # one write, one read: the loop turns, nothing waits for the clock
        answer = await read_to_end(reader)
        writer.close()
        assert answer.count(b"HTTP/1.1 4") == 1
        assert sum(wire.refused.values()) == 1
        assert wire.scopes == []
        # A hopeless head may be given up before its more specific flaw is reached.
        assert set(wire.refused) <= {reason, Reason.REQUEST_MALFORMED}


REFUSED_CHUNKS = {
    "negative size": b"-5\r\nhello\r\n0\r\n\r\n",
    "prefixed size": b"0x5\r\nhello\r\n0\r\n\r\n",
    "overflowing size": b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "empty size": b"\r\nhello\r\n0\r\n\r\n",
    "space after size": b"5 \r\nhello\r\n0\r\n\r\n",
    "lone LF after size": b"5\nhello\r\n0\r\n\r\n",
    "lone LF in extension": b"5;a\nhello\r\n0\r\n\r\n",
    "control in extension": b"5;a=\x01\r\nhello\r\n0\r\n\r\n",
    "no CR LF after data": b"5\r\nhello0\r\n\r\n",
    "lone CR after data": b"5\r\nhello\r0\r\n\r\n",
    "length in trailer": b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
    "lone LF in trailer": b"5\r\nhello\r\n0\r\nX-A: b\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED_CHUNKS)
async def test_a_doubtful_chunk_is_refused_and_the_call_stopped(name):
    async with serving() as wire:
        answer = await wire.say(CHUNKED + REFUSED_CHUNKS[name])
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1 ") == 1
        await asyncio.wait_for(wire.gone.wait(), PATIENCE_SECONDS)
        assert wire.refused == {Reason.REQUEST_MALFORMED: 1}
        assert wire.bodies == []


async def test_extensions_and_trailers_are_no_part_of_body_or_headers():
    async with serving() as wire:
        sent = CHUNKED + b'5;a=b;c="d"\r\nhello\r\n0;z\r\nAuthorization: Bearer smuggled\r\nHost: evil.example\r\n\r\n'
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(sent)
        _, answer = await read_answer(reader)
        writer.close()
        assert answer == b"5"
        assert wire.bodies == [b"hello"]
        assert [name for name, _ in wire.scopes[0]["headers"]] == [b"host", b"transfer-encoding"]
        assert not wire.refused


@pytest.mark.parametrize("first", [POST + b"Content-Length: 5\r\n\r\nhello", CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"])
async def test_what_follows_a_request_is_dropped_with_the_connection(first):
    async with serving() as wire:
        answer = await wire.say(first + GET + b"\r\n")
        assert answer.count(b"HTTP/1.1 ") == 1
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"\r\n\r\n5")
        assert len(wire.scopes) == 1
        assert wire.refused == {Reason.FRAMING_AMBIGUOUS: 1}


async def test_a_request_during_an_answer_is_dropped():
    async with serving() as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\n")
        await asyncio.wait_for(wire.entered.wait(), PATIENCE_SECONDS)
        writer.write(GET + b"\r\n")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not wire.refused:
                await asyncio.sleep(0)
        wire.release.set()
        answer = await read_to_end(reader)
        writer.close()
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b"connection: close" in answer
        assert len(wire.scopes) == 1


async def test_bytes_after_a_connection_that_said_close_start_nothing():
    async with serving() as wire:
        answer = await wire.say(GET + b"Connection: close\r\n\r\n" + GET + b"\r\n")
        assert answer.count(b"HTTP/1.1 200 ") == 1
        assert len(wire.scopes) == 1


async def test_requests_in_turn_share_a_connection():
    async with serving() as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        for size in (0, 5, 70_000):
            writer.write(POST + b"Content-Length: %d\r\n\r\n" % size + b"x" * size)
            head, answer = await read_answer(reader)
            assert head.startswith(b"HTTP/1.1 200 ")
            assert b"server:" not in head
            assert b"date: " in head
            assert answer == b"%d" % size
        writer.close()
        assert not wire.refused


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_an_answer_before_the_body_says_that_the_connection_closes(framing):
    """So nobody sends a next request, glued to what is left of this one, that is neither answered nor refused."""
    async with serving() as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        inner = GET + b"\r\n"
        length = b"Content-Length: %d\r\n\r\n" % len(inner) if framing == "length" else CHUNKED.partition(HOST)[2]
        writer.write(b"POST /early HTTP/1.1\r\n" + HOST + length)
        head, _ = await read_answer(reader)
        assert head.startswith(b"HTTP/1.1 401 ")
        assert b"\r\nconnection: close\r\n" in head
        writer.write(inner + b"GET /v1/models HTTP/1.1\r\n" + HOST + b"\r\n")
        answer = await read_to_end(reader)
        writer.close()
        assert answer == b""  # nothing of it was read as a request
        assert [scope["path"] for scope in wire.scopes] == ["/early"]


async def test_an_answer_that_fails_before_it_leaves_is_a_refusal():
    async with serving() as wire:
        answer = await wire.say(b"GET /broken HTTP/1.1\r\n" + HOST + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b'"code":"internal_error"' in answer


async def test_an_answer_instead_of_100_continue_closes():
    async with serving() as wire:
        sent = b"POST /early HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 40\r\n\r\n"
        answer = await wire.say(sent)
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"100 Continue" not in answer


async def test_100_continue_is_sent_when_the_body_is_wanted():
    async with serving() as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert (
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS) == b"HTTP/1.1 100 Continue\r\n\r\n"
        )
        writer.write(b"hello")
        _, answer = await read_answer(reader)
        writer.close()
        assert answer == b"5"


async def test_nothing_of_a_failed_call_is_told_or_logged(caplog):
    async with serving() as wire:
        caplog.set_level(0)
        answer = await wire.say(b"GET /fail HTTP/1.1\r\n" + HOST + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert b'"code":"internal_error"' in answer
        assert b"what the caller sent" not in answer
        assert "what the caller sent" not in caplog.text
        [(kind, place)] = wire.failed
        assert kind == "ValueError"
        assert place.startswith("wire.py:")


async def test_a_parser_that_disagrees_on_a_kept_connection_gets_its_refusal_out():
    async with serving() as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(GET + b"\r\n")
        await read_answer(reader)
        writer.write(POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
        answer = await read_to_end(reader)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 400 ")


async def test_a_caller_who_sends_too_much_and_leaves_is_noticed():
    async with serving() as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(b"GET /stream HTTP/1.1\r\n" + HOST + b"\r\n")
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
        writer.write(b"x")
        await writer.drain()
        writer.transport.abort()
        await asyncio.wait_for(wire.gone.wait(), PATIENCE_SECONDS)


async def test_a_caller_who_floods_during_an_answer_is_cut():
    async with serving() as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\n")
        await asyncio.wait_for(wire.entered.wait(), PATIENCE_SECONDS)
        writer.write(b"x" * 200_000)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await read_answer(reader)
        writer.close()
        assert wire.refused == {Reason.FRAMING_AMBIGUOUS: 1}
