import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop
from tests.unit.transport.vendor import OK, PATIENCE_SECONDS, says, silent, vendor

from wardkeep.model.sensitive import Secret
from wardkeep.transport.errors import (
    AnswerInvalid,
    AnswerTooLarge,
    RequestUnsendableError,
    VendorReset,
    VendorTimeout,
    VendorUnreachable,
)
from wardkeep.transport.pool import Origin, Pool, Timeouts, UpstreamRequest
from wardkeep.transport.tls import TlsDemands


@pytest.fixture(params=[uvloop.EventLoopPolicy, asyncio.DefaultEventLoopPolicy])
def event_loop_policy(request):
    return request.param()


def ask(url: str, path: str = "/v1/messages", **changes) -> UpstreamRequest:
    fields = {"method": "POST", "url": url + path, "headers": (("x-api-key", Secret("hidden")),), "body": b"{}"}
    return UpstreamRequest(**{**fields, **changes})


@asynccontextmanager
async def pool_to(here, **options):
    pool = Pool([Origin(url=here.url)], **options)
    try:
        yield pool
    finally:
        await pool.close()


async def whole(response) -> bytes:
    try:
        return b"".join([chunk async for chunk in response.chunks()])
    finally:
        await response.close()


async def test_the_request_is_exactly_what_was_asked_for():
    async with vendor(says(OK)) as here, pool_to(here) as pool:
        response = await pool.open(ask(here.url, "/v1/messages?beta=true", body=b'{"a":1}'))
        assert response.status == 200
        assert response.header(b"x-request-id") == b"r1"
        assert await whole(response) == b"{}"
        assert here.requests == [
            b"POST /v1/messages?beta=true HTTP/1.1\r\n"
            + f"host: 127.0.0.1:{here.port}\r\n".encode()
            + b"user-agent: wardkeep\r\naccept-encoding: identity\r\n"
            b'x-api-key: hidden\r\ncontent-length: 7\r\n\r\n{"a":1}'
        ]


async def test_a_connection_serves_requests_in_turn():
    async with vendor(says(OK)) as here, pool_to(here) as pool:
        for _ in range(3):
            assert await whole(await pool.open(ask(here.url))) == b"{}"
        assert here.connections == 1


async def test_environment_proxies_are_ignored(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with vendor(says(OK)) as here, pool_to(here) as pool:
        assert await whole(await pool.open(ask(here.url))) == b"{}"


async def test_a_redirect_is_an_answer_and_is_not_followed():
    moved = b"HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    async with vendor(says(moved)) as here, pool_to(here) as pool:
        response = await pool.open(ask(here.url))
        assert response.status == 307
        await whole(response)
        await whole(await pool.open(ask(here.url)))
        assert len(here.requests) == 2
        assert b"cookie" not in here.requests[1]


async def test_pieces_arrive_while_the_answer_is_still_being_made():
    more = asyncio.Event()

    async def act(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await more.wait()
        writer.write(b"3\r\ntwo\r\n0\r\nX-Trailer: x\r\n\r\n")

    async with vendor(act) as here, pool_to(here) as pool:
        response = await pool.open(ask(here.url))
        assert await asyncio.wait_for(response.read(), PATIENCE_SECONDS) == b"one"
        more.set()
        assert await whole(response) == b"two"
        assert [name for name, _ in response.headers] == [b"transfer-encoding"]
        assert await whole(await pool.open(ask(here.url))) == b"onetwo"
        assert here.connections == 1


async def test_interim_answers_are_passed_over():
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    async with vendor(says(early + OK)) as here, pool_to(here) as pool:
        response = await pool.open(ask(here.url))
        assert response.status == 200
        assert response.header(b"link") is None
        assert await whole(response) == b"{}"


async def test_an_answer_without_length_ends_with_its_connection():
    async with vendor(says(b"HTTP/1.1 200 OK\r\n\r\nall", then_close=True)) as here, pool_to(here) as pool:
        assert await whole(await pool.open(ask(here.url))) == b"all"


@pytest.mark.parametrize("moment", ["before the head", "in the body", "between reads"])
async def test_leaving_cuts_the_upstream_connection_at_once(moment):
    part = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"
    async with vendor(silent if moment == "before the head" else says(part)) as here, pool_to(here) as pool:

        async def call():
            response = await pool.open(ask(here.url))
            try:
                await response.read()
                await response.read()
            finally:
                await response.close()

        if moment == "between reads":
            response = await pool.open(ask(here.url))
            assert await response.read() == b"part"
            await response.close()
        else:
            task = asyncio.create_task(call())
            await asyncio.wait_for(here.asked.wait(), PATIENCE_SECONDS)
            for _ in range(20):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await asyncio.wait_for(here.cut.wait(), 1.0)
        assert len(here.requests) == 1


async def test_leaving_while_connecting_leaves_nothing_behind():
    async with vendor(says(OK)) as here, pool_to(here) as pool:
        task = asyncio.create_task(pool.open(ask(here.url)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await whole(await pool.open(ask(here.url))) == b"{}"


BROKEN = {
    "not HTTP": (b"220 mail.example\r\n", AnswerInvalid),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", AnswerInvalid),
    "length and chunked": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        AnswerInvalid,
    ),
    "unknown coding": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", AnswerInvalid),
    "compressed": (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", AnswerInvalid),
    "lone LF": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", AnswerInvalid),
    "upgrade": (b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", AnswerInvalid),
    "endless head": (b"HTTP/1.1 200 OK\r\nX-A: " + b"y" * 70_000, AnswerInvalid),
    "bad chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n", AnswerInvalid),
    "cut in the head": (b"HTTP/1.1 200 OK\r\nConte", VendorReset),
    "cut in the body": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart", VendorReset),
    "cut in a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\npart", VendorReset),
    "cut before the last chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n", VendorReset),
    "nothing": (b"", VendorReset),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_answer_is_an_error_and_the_request_is_not_repeated(name):
    answer, error = BROKEN[name]
    async with vendor(says(answer, then_close=True)) as here, pool_to(here) as pool:
        with pytest.raises(error) as raised:
            await whole(await pool.open(ask(here.url)))
        assert raised.value.may_have_sent
        assert raised.value.__cause__ is None
        assert len(here.requests) == 1


async def test_a_kept_connection_that_breaks_is_not_retried():
    answers = [OK, b""]

    async def act(reader, writer):
        answer = answers.pop(0)
        writer.write(answer)
        if not answer:
            writer.close()

    async with vendor(act) as here, pool_to(here) as pool:
        await whole(await pool.open(ask(here.url)))
        with pytest.raises(VendorReset):
            await pool.open(ask(here.url))
        assert len(here.requests) == 2


async def test_a_second_answer_to_one_question_never_reaches_the_next_call():
    async with vendor(says(OK + OK)) as here, pool_to(here) as pool:
        assert await whole(await pool.open(ask(here.url))) == b"{}"
        assert await whole(await pool.open(ask(here.url))) == b"{}"
        assert here.connections == 2


async def test_a_kept_connection_that_the_vendor_closed_is_not_used():
    async with vendor(says(OK, then_close=True)) as here, pool_to(here) as pool:
        await whole(await pool.open(ask(here.url)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while pool._connections:
                await asyncio.sleep(0)
        assert await whole(await pool.open(ask(here.url))) == b"{}"
        assert here.connections == 2


async def test_idle_connections_are_closed_and_bounded():
    async with vendor(says(OK)) as here, pool_to(here, idle_seconds=0.05, max_idle_per_origin=1) as pool:
        first, second = await asyncio.gather(pool.open(ask(here.url)), pool.open(ask(here.url)))
        await whole(first)
        await whole(second)
        await asyncio.wait_for(here.cut.wait(), PATIENCE_SECONDS)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while pool._connections:
                await asyncio.sleep(0)


@pytest.mark.parametrize("act", [silent, says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")])
@pytest.mark.parametrize("limit", ["read_seconds", "total_seconds"])
async def test_silence_times_out_and_cuts(act, limit):
    options = {"timeouts": Timeouts(**{"read_seconds": 4.0, limit: 0.1})}
    async with vendor(act) as here, pool_to(here, **options) as pool:
        with pytest.raises(VendorTimeout):
            await whole(await pool.open(ask(here.url)))
        await asyncio.wait_for(here.cut.wait(), PATIENCE_SECONDS)


async def test_an_answer_beyond_the_limit_is_cut():
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000
    async with vendor(says(answer)) as here, pool_to(here, max_answer_bytes=1000) as pool:
        with pytest.raises(AnswerTooLarge):
            await whole(await pool.open(ask(here.url)))
        await asyncio.wait_for(here.cut.wait(), PATIENCE_SECONDS)


async def test_a_slow_reader_holds_the_vendor_back_and_loses_nothing():
    size = 8 * 1024 * 1024
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
    async with vendor(says(answer)) as here, pool_to(here) as pool:
        response = await pool.open(ask(here.url))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not response._is_paused:
                await asyncio.sleep(0)
        assert response._buffered < size
        assert len(await whole(response)) == size
        assert await whole(await pool.open(ask(here.url))) == b"x" * size
        assert here.connections == 1


async def test_large_requests_arrive_whole():
    async with vendor(says(OK)) as here, pool_to(here) as pool:
        body = b"x" * 3_000_000
        await whole(await pool.open(ask(here.url, body=body)))
        assert here.requests[0].endswith(b"\r\n\r\n" + body)


async def test_nobody_listening_is_unreachable():
    async with vendor(says(OK)) as here:
        url = here.url
    pool = Pool([Origin(url=url)])
    with pytest.raises(VendorUnreachable) as raised:
        await pool.open(ask(url))
    assert not raised.value.may_have_sent
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/v1/messages",
        "http://localhost:{port}/v1",
        "https://127.0.0.1:{port}/v1",
        "http://127.0.0.1:{port}@evil.example/v1",
        "http://127.0.0.1:{port}.evil.example/v1",
        "http://127.0.0.1:{port}",
        "HTTP://127.0.0.1:{port}/v1",
        "//127.0.0.1:{port}/v1",
        "file:///etc/hostname",
        "http://127.0.0.1:{port}/v1 HTTP/1.1\r\nX: y",
        "http://127.0.0.1:{port}/v1#fragment",
        "http://127.0.0.1:{port}/v\u00e9",
        "",
    ],
)
async def test_other_origins_are_refused_unsent(url):
    async with vendor(says(OK)) as here, pool_to(here) as pool:
        with pytest.raises(RequestUnsendableError):
            await pool.open(ask(url.replace("{port}", str(here.port)), path=""))
        assert here.connections == 0


@pytest.mark.parametrize(
    "header",
    [
        ("x-a", "b\r\nx-c: d"),
        ("x-a", Secret("b\nc")),
        ("x-a", "b\x00"),
        ("x-a", "\u00e9"),
        ("x a", "b"),
        ("x-a:", "b"),
        ("", "b"),
        ("Host", "evil.example"),
        ("Content-Length", "5"),
        ("transfer-encoding", "chunked"),
        ("accept-encoding", "gzip"),
    ],
)
async def test_headers_cannot_change_the_request(header):
    async with vendor(says(OK)) as here, pool_to(here) as pool:
        with pytest.raises(RequestUnsendableError) as raised:
            await pool.open(ask(here.url, headers=(header,)))
        assert "b" not in str(raised.value).split()
        assert here.connections == 0


@pytest.mark.parametrize("method", ["HEAD", "CONNECT", "TRACE", "post", "GET /x HTTP/1.1\r\n\r\nGET"])
async def test_other_methods_are_refused_unsent(method):
    async with vendor(says(OK)) as here, pool_to(here) as pool:
        with pytest.raises(RequestUnsendableError):
            await pool.open(ask(here.url, method=method))


@pytest.mark.parametrize(
    "url",
    ["http://vendor.example", "http://10.0.0.1:8000", "ftp://127.0.0.1", "http://u:p@127.0.0.1", "vendor.example"],
)
def test_addresses_that_may_not_be_used_are_refused_at_start(url):
    with pytest.raises(RequestUnsendableError):
        Pool([Origin(url=url)])


def test_a_deployment_marked_for_plain_http_is_taken():
    Pool([Origin(url="http://10.0.0.1:8000/v1", is_plain_allowed=True)])


async def test_a_changed_registry_holds_from_the_next_call_on():
    async with vendor(says(OK)) as here, pool_to(here) as pool:
        await whole(await pool.open(ask(here.url)))
        assert pool.set_origins([]) == ()
        with pytest.raises(RequestUnsendableError):
            await pool.open(ask(here.url))
        await asyncio.wait_for(here.cut.wait(), PATIENCE_SECONDS)
        pool.set_origins([Origin(url=here.url + "/v1")])
        await whole(await pool.open(ask(here.url)))
        assert here.connections == 2


async def test_an_unchanged_origin_keeps_its_connections():
    async with vendor(says(OK)) as here, pool_to(here) as pool:
        await whole(await pool.open(ask(here.url)))
        pool.set_origins([Origin(url=here.url), Origin(url="https://vendor.example")])
        await whole(await pool.open(ask(here.url)))
        assert here.connections == 1


async def test_a_wrong_origin_closes_only_itself():
    async with vendor(says(OK)) as here, pool_to(here) as pool:
        wrong = Origin(url="http://vendor.example")
        lacking = Origin(url="https://vendor.example", tls=TlsDemands(authority=Path("none.pem")))
        assert pool.set_origins([wrong, Origin(url=here.url), lacking]) == (wrong, lacking)
        await whole(await pool.open(ask(here.url)))


async def test_two_demands_at_one_address_are_never_confused():
    async with vendor(says(OK)) as here, pool_to(here) as pool:
        strict, lax = Origin(url=here.url), Origin(url=here.url, tls=TlsDemands(minimum="1.2"))
        assert pool.set_origins([strict, lax]) == ()
        with pytest.raises(RequestUnsendableError):
            await pool.open(ask(here.url))
        for origin in (strict, lax):
            await whole(await pool.open(replace(ask(here.url), origin=origin)))
        assert here.connections == 2
        with pytest.raises(RequestUnsendableError):
            await pool.open(replace(ask(here.url), origin=Origin(url="https://vendor.example")))
