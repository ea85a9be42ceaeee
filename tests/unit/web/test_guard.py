import asyncio

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.attacks.wire import PATIENCE_SECONDS, read_answer, serving

from wardkeep.model.reasons import EXPLANATIONS, Reason, RefusalError, Refused
from wardkeep.web.guard import (
    ClientGoneError,
    GuardLimits,
    check_content_type,
    make_guard,
    plain_refusal,
    read_body,
    read_head,
)

LIMITS = GuardLimits(hosts=frozenset({"Gate.Example", "10.0.0.7:8443", "[::1]"}))
HOSTS = LIMITS.host_names()


def read(head: bytes):
    return read_head(head, LIMITS, HOSTS)


def reason_of(head: bytes) -> Reason:
    with pytest.raises(RefusalError) as raised:
        read(head)
    return raised.value.refused.reason


def test_a_plain_head_is_read_once_and_for_all():
    head = read(
        b"POST /v1/chat%2Dx?a=%20b HTTP/1.1\r\nHost: gate.example\r\nContent-Length: 007\r\nX-A:\t b \t\r\nX-A: c"
    )
    assert head.method == "POST"
    assert head.path == "/v1/chat-x"
    assert head.raw_path == b"/v1/chat%2Dx"
    assert head.query == b"a=%20b"
    assert head.version == "1.1"
    assert head.length == 7
    assert not head.expects_continue
    assert head.headers == [(b"host", b"gate.example"), (b"content-length", b"007"), (b"x-a", b"b"), (b"x-a", b"c")]


def test_a_chunked_head_has_no_length():
    assert read(b"POST / HTTP/1.1\r\nHost: gate.example\r\nTransfer-Encoding: Chunked").length == -1


def test_http_1_0_needs_no_host_and_gets_no_continue():
    head = read(b"GET / HTTP/1.0\r\nExpect: 100-continue")
    assert head.version == "1.0"
    assert not head.expects_continue


@pytest.mark.parametrize(
    "host",
    [
        b"gate.example",
        b"GATE.EXAMPLE",
        b"gate.example:80",
        b"Gate.Example:8443",
        b"10.0.0.7:8443",
        b"[::1]",
        b"[::1]:80",
    ],
)
def test_served_names_fit_with_any_port_unless_one_is_configured(host):
    assert read(b"GET / HTTP/1.1\r\nHost: " + host).path == "/"


@pytest.mark.parametrize(
    "host", [b"10.0.0.7", b"10.0.0.7:80", b"gate.example.", b"gate.example:x", b"::1", b"xgate.example"]
)
def test_other_names_do_not_fit(host):
    assert reason_of(b"GET / HTTP/1.1\r\nHost: " + host) is Reason.HOST_INVALID


def test_no_configured_name_serves_nobody():
    with pytest.raises(RefusalError):
        read_head(b"GET / HTTP/1.1\r\nHost: gate.example", GuardLimits(hosts=frozenset()), frozenset())


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/", "/"),
        (b"/a..b/...c", "/a..b/...c"),
        (b"/caf%C3%A9", "/caf\u00e9"),
        (b"/100%25", "/100%"),
        (b"/a?b=../c", "/a"),
        (b"//host/a", "//host/a"),
    ],
)
def test_harmless_targets_are_decoded_once(target, path):
    assert read(b"GET " + target + b" HTTP/1.1\r\nHost: gate.example").path == path


def test_deep_encodings_are_refused():
    assert reason_of(b"GET /%25252525252e HTTP/1.1\r\nHost: gate.example") is Reason.REQUEST_MALFORMED


def test_a_refused_repetition_names_only_listed_fields():
    start = b"GET / HTTP/1.1\r\nHost: gate.example\r\n"
    with pytest.raises(RefusalError) as raised:
        read(start + b"X-Api-Key: a\r\nX-Api-Key: b")
    assert raised.value.refused == Refused(reason=Reason.HEADER_INVALID, field="x-api-key")
    with pytest.raises(RefusalError) as raised:
        read(start + b"Wardkeep-Anything: a\r\nwardkeep-anything: b")
    assert raised.value.refused == Refused(reason=Reason.HEADER_INVALID)


class Parsed:
    """What llhttp makes of the same bytes."""

    def __init__(self, data: bytes) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.url = b""
        self.is_complete = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.is_complete = True


_names = st.one_of(
    st.sampled_from(
        [b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Content-Length ", b"X-A", b"\tX"]
    ),
    st.binary(max_size=6),
)
_values = st.one_of(
    st.sampled_from([b"gate.example", b"5", b"chunked", b"close", b"keep-alive", b"", b"5, 5", b"+5", b"\x0b5"]),
    st.binary(max_size=8),
)
_ends = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\n ", b"\r\r\n", b""])
_starts = st.sampled_from(
    [
        b"POST /a HTTP/1.1",
        b"GET /a?b=c HTTP/1.1",
        b"GET /a HTTP/1.0",
        b"GET  /a HTTP/1.1",
        b"GET /a",
        b" GET /a HTTP/1.1",
    ]
)


@settings(max_examples=400, deadline=None)
@given(_starts, st.lists(st.tuples(_names, _values, _ends), max_size=5))
def test_what_the_guard_reads_the_parser_reads_alike(start, fields):
    """A head that only one of two readers accepts, or that they read differently, is how smuggling begins."""
    head = start + b"\r\nHost: gate.example\r\n" + b"".join(name + b":" + value + end for name, value, end in fields)
    head = head.removesuffix(b"\r\n")
    if b"\r\n\r\n" in head:
        head = head[: head.find(b"\r\n\r\n")]
    try:
        mine = read(head)
    except RefusalError:
        return
    theirs = Parsed(head + b"\r\n\r\n")
    assert theirs.is_complete
    assert theirs.headers == mine.headers
    assert theirs.url.partition(b"?")[0] == mine.raw_path


def receiving(*messages):
    left = list(messages)

    async def receive():
        return left.pop(0)

    return receive


def part(body: bytes, *, more: bool = False):
    return {"type": "http.request", "body": body, "more_body": more}


async def test_bodies_are_joined():
    assert await read_body(receiving(part(b"all")), 3) == b"all"
    assert await read_body(receiving(part(b"a", more=True), part(b"", more=True), part(b"b")), 2) == b"ab"


@pytest.mark.parametrize("messages", [[part(b"abcd")], [part(b"ab", more=True), part(b"cd")]])
async def test_large_bodies_are_refused(messages):
    with pytest.raises(RefusalError) as raised:
        await read_body(receiving(*messages), 3)
    assert raised.value.refused.reason is Reason.BODY_TOO_LARGE


@pytest.mark.parametrize("messages", [[], [part(b"a", more=True)]])
async def test_a_caller_who_leaves_is_no_body(messages):
    with pytest.raises(ClientGoneError):
        await read_body(receiving(*messages, {"type": "http.disconnect"}), 3)


@pytest.mark.parametrize(
    "value",
    [
        b"application/json",
        b"application/json; charset=utf-8",
        b"application/json;charset=UTF-8",
        b'Application/JSON ; charset="utf-8"',
    ],
)
def test_json_is_taken(value):
    check_content_type([(b"content-encoding", b"identity"), (b"content-type", value)])


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"text/plain",
        b"application/json; charset=utf-16",
        b"application/json; charset=utf-8; charset=utf-7",
        b"application/jsonx",
        b"application/json, text/plain",
        b"multipart/form-data; boundary=x",
    ],
)
def test_other_types_are_refused(value):
    with pytest.raises(RefusalError) as raised:
        check_content_type([(b"content-type", value)])
    assert raised.value.refused.reason is Reason.MEDIA_TYPE_UNSUPPORTED


def test_no_type_is_refused():
    with pytest.raises(RefusalError):
        check_content_type([])


def test_encoded_bodies_are_refused():
    with pytest.raises(RefusalError) as raised:
        check_content_type([(b"content-type", b"application/json"), (b"content-encoding", b"gzip")])
    assert raised.value.refused.reason is Reason.CONTENT_ENCODED


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_can_be_rendered(reason):
    status, headers, body = plain_refusal(Refused(reason=reason), b"/")
    assert status == EXPLANATIONS[reason].status
    assert (b"content-type", b"application/json") in headers
    assert f'"code":"{reason.value}"'.encode() in body


def test_a_host_that_is_not_ascii_is_refused_at_start():
    with pytest.raises(UnicodeEncodeError):
        make_guard(GuardLimits(hosts=frozenset({"caf\u00e9"})), on_refused=print, on_failed=print)


GET = b"GET /v1/models HTTP/1.1\r\nHost: gate.example\r\n\r\n"
WAIT = b"GET /wait HTTP/1.1\r\nHost: gate.example\r\n\r\n"


async def test_stopping_lets_a_running_call_end():
    async with serving() as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(WAIT)
        await asyncio.wait_for(wire.entered.wait(), PATIENCE_SECONDS)
        assert wire.server.running_calls == 1
        wire.server.stop(PATIENCE_SECONDS)
        wire.release.set()
        head, _ = await read_answer(reader)
        writer.close()
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in head


async def test_stopping_cuts_what_outlasts_the_grace():
    async with serving() as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(WAIT)
        await asyncio.wait_for(wire.entered.wait(), PATIENCE_SECONDS)
        wire.server.stop(0.0)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await read_answer(reader)
        writer.close()


async def test_stopping_closes_idle_connections_and_takes_no_more():
    async with serving() as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(GET)
        await read_answer(reader)
        wire.server.stop(PATIENCE_SECONDS)
        assert await asyncio.wait_for(reader.read(-1), PATIENCE_SECONDS) == b""
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", wire.port)
        writer.close()
