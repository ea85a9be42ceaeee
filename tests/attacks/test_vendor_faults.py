"""A vendor that fails, lies or floods: the caller gets one clean error in its own format, the entry is closed, the
server's memory stays bounded and the next call is served.

The simulated vendors fail as vendors do; the rogue below sends bytes that no vendor would.
"""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.journeys import house as at
from tests.journeys.house import CHAT, MESSAGES, Answer, Bookkeeper, House

from wardkeep.demo.furnish import ANTHROPIC_VENDOR, OPENAI_VENDOR, add_deployment, add_route, create_key

PATHS = pytest.mark.parametrize("path", [CHAT, MESSAGES])
STREAM = pytest.mark.parametrize("stream", [False, True])
NUMBERS = itertools.count(1)
#: Resident memory that one answer beyond every limit may cost, above what the process had before.
MEMORY_BYTES = 320 * 1024 * 1024


@pytest.fixture
def ward(request) -> House:
    return at.shared_house(request.config, 1)


@pytest.fixture
def books(ward) -> Bookkeeper:
    return Bookkeeper(ward.instance.home)


def check_error(answer: Answer, path: str) -> dict:
    """One error object in the format of the path, that a client of it can parse."""
    assert answer.headers["content-type"].startswith("application/json")
    said = answer.json()
    error = said["error"]
    assert isinstance(error["message"], str)
    assert isinstance(error["type"], str)
    assert path == CHAT or said["type"] == "error"
    return error


def check_refusal(answer: Answer, path: str) -> str:
    """One of our own errors: code, what, why, fix and the ledger index."""
    error = check_error(answer, path)
    assert all(error[part] for part in ("code", "what", "why", "fix"))
    assert error["ledger_index"] == answer.index
    return str(error["code"])


async def check_closed_once(ward: House, books: Bookkeeper, index: int) -> at.Stored:
    """The call's entry is closed by exactly one record, which is returned."""

    def call() -> list[at.Stored] | None:
        found = next(iter(at.calls_of(books.stored(index)).values()))
        return found if found[-1].type in {"response", "aborted"} else None

    _, *segments, closing = await at.eventually(call, seconds=5)
    assert all(segment.type == "segment" for segment in segments), "closed twice"
    return closing


async def check_serves(ward: House) -> None:
    answer = await at.ask(ward.instance.data, ward.api_key, CHAT, "sim-echo", "chest pain")
    assert answer.status == 200


@STREAM
@PATHS
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503, 529])
async def test_errors_of_the_vendor_keep_their_status_and_shape(ward, books, path, stream, status):
    patient = at.draw_patient(random.Random())
    answer = await at.ask(ward.instance.data, ward.api_key, path, f"sim-error-{status}", patient.note, stream=stream)
    if (path, status) != (CHAT, 529):
        assert answer.status == status
    check_error(answer, path)
    if status in {429, 503, 529}:
        assert answer.headers["retry-after"] == "1"
    closing = await check_closed_once(ward, books, answer.index)
    assert (closing.type, closing.header["decision"]) == ("response", "vendor_error")
    assert closing.header["status"] == answer.status
    assert books.opened(closing) == answer.body
    assert ward.vendor.stats()["requests"] == 1, "nothing is asked twice by itself"


@PATHS
@pytest.mark.parametrize(
    ("model", "code"), [("sim-drop", "vendor_unreachable"), ("sim-garbage", "vendor_answer_invalid")]
)
async def test_a_whole_answer_that_breaks_off_or_is_garbage(ward, books, path, model, code):
    patient = at.draw_patient(random.Random())
    answer = await at.ask(ward.instance.data, ward.api_key, path, model, patient.note)
    assert answer.status == 502
    assert check_refusal(answer, path) == code
    closing = await check_closed_once(ward, books, answer.index)
    assert (closing.type, closing.header["decision"]) == ("aborted", code)
    assert closing.header["detail"]["released_bytes"] == 0
    await check_serves(ward)


@PATHS
@pytest.mark.parametrize(
    ("model", "code"),
    [("sim-drop", "vendor_unreachable"), ("sim-garbage", "vendor_answer_invalid"), ("sim-error-stream", None)],
)
async def test_a_stream_that_breaks_off_or_turns_to_garbage(ward, books, path, model, code):
    ward.vendor.configure(drop_after=900)
    patient = at.draw_patient(random.Random())
    answer = await at.ask(ward.instance.data, ward.api_key, path, model, patient.note, stream=True)
    if answer.status == 200:
        last = at.events(answer.body)[-1]
        assert isinstance(last["error"]["message"], str), "the last word is an error that SDKs raise on"
        assert not at.is_finished(answer.body)
    else:
        # All of it came at once, and nothing was released yet: a whole refusal says it better.
        check_refusal(answer, path)
        last = answer.json()
    closing = await check_closed_once(ward, books, answer.index)
    # A vendor's own error event ends the stream properly, but it is no answer.
    assert closing.type == "aborted" or closing.header["decision"] == "vendor_error"
    if code is not None:
        assert last["error"]["code"] == code == closing.header["decision"]
    assert last["error"].get("ledger_index", answer.index) == answer.index
    await check_serves(ward)


# ---- the rogue -------------------------------------------------------------------------------------------------------

Script = Callable[[asyncio.StreamWriter], AsyncIterator[bytes]]


def saying(*pieces: bytes) -> Script:
    async def script(_: asyncio.StreamWriter) -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return script


def head(status: str = "200 OK", **fields: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def sized(body: bytes, status: str = "200 OK", **fields: str) -> Script:
    return saying(head(status, content_length=str(len(body)), **fields), body)


async def flood(writer: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    """A JSON string without end."""
    yield head(content_type="application/json", transfer_encoding="chunked")
    yield b'a\r\n{"choices"\r\n'
    megabyte = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    for _ in range(200):
        yield megabyte


async def event_flood(writer: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    """One event without end."""
    yield head(content_type="text/event-stream", transfer_encoding="chunked")
    yield b"7\r\ndata: {\r\n"
    megabyte = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    for _ in range(200):
        yield megabyte


@asynccontextmanager
async def rogue(ward: House, script: Script, **route: bool) -> AsyncIterator[tuple[str, str]]:
    """A vendor that reads a request and answers with the script's bytes; yields a model that leads to it and a key."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line[15:]) for line in asked.lower().split(b"\r\n") if line.startswith(b"content-length:")
            )
            await reader.readexactly(length)
            async for piece in script(writer):
                writer.write(piece)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    model = f"rogue-{next(NUMBERS)}"
    places = at.where(ward.vendor)

    def record() -> str:
        add_deployment(ward.instance, f"n-{model}", OPENAI_VENDOR, "openai", f"{url}/v1", "sim-echo", "sk-1", places)
        add_deployment(ward.instance, f"m-{model}", ANTHROPIC_VENDOR, "anthropic", url, "sim-echo", "sk-1", places)
        if route:
            body = {"model": model, "deployment": f"n-{model}", "fallbacks": [f"m-{model}"], "reason": "test", **route}
            ward.officer("POST", "routes", body)
        else:
            add_route(ward.instance, model, f"n-{model}", f"m-{model}")
        return create_key(ward.instance, [model])

    try:
        yield model, await asyncio.to_thread(record)
    finally:
        server.close()


WHOLE = {
    "closes-without-a-word": saying(b""),
    "closes-in-the-head": saying(b"HTTP/1.1 200 OK\r\ncontent-le"),
    "closes-in-the-body": saying(head(content_length="500"), b'{"choices":'),
    "is-not-http": saying(b"220 mail.example.org ESMTP\r\n"),
    "changes-the-protocol": saying(head("101 Switching Protocols", upgrade="x", connection="upgrade")),
    "two-lengths": saying(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 5\r\n\r\n{}abc"),
    "length-and-chunks": saying(head(content_length="2", transfer_encoding="chunked"), b"2\r\n{}\r\n0\r\n\r\n"),
    "compressed": sized(b"\x1f\x8b\x08\x00", content_encoding="gzip"),
    "a-huge-head": saying(b"HTTP/1.1 200 OK\r\n" + b"x-a: y\r\n" * 20_000 + b"\r\n"),
    "not-json": sized(b"<html>It works!</html>", content_type="text/html"),
    "a-list": sized(b"[1, 2, 3]", content_type="application/json"),
    "nothing": sized(b"", content_type="application/json"),
    "no-content": saying(head("204 No Content")),
    "a-redirect": sized(b"", "302 Found", location="http://169.254.169.254/latest/meta-data/"),
    "not-utf-8": sized(b'{"a": "\xff\xfe"}', content_type="application/json"),
    "the-same-key-twice": sized(b'{"a": 1, "a": 2}', content_type="application/json"),
    "a-deep-document": sized(b'{"a":' * 500 + b"1" + b"}" * 500, content_type="application/json"),
}


@PATHS
@pytest.mark.parametrize("fault", WHOLE)
async def test_answers_that_no_vendor_sends(ward, books, path, fault):
    patient = at.draw_patient(random.Random())
    async with rogue(ward, WHOLE[fault]) as (model, key):
        answer = await at.ask(ward.instance.data, key, path, model, patient.note)
    assert answer.status == 502
    assert check_refusal(answer, path) in {"vendor_unreachable", "vendor_answer_invalid"}
    closing = await check_closed_once(ward, books, answer.index)
    assert closing.type == "aborted"


ERRORS = {
    "a-page": sized(b"<html><h1>502 Bad Gateway</h1></html>", "502 Bad Gateway", content_type="text/html"),
    "nothing": sized(b"", "500 Internal Server Error"),
    "a-list": sized(b"[1]", "400 Bad Request", content_type="application/json"),
}


@STREAM
@PATHS
@pytest.mark.parametrize("fault", ERRORS)
async def test_error_pages_become_errors_of_the_format(ward, books, path, stream, fault):
    """What stands between us and a vendor answers in HTML; the caller's SDK still finds an error it can read."""
    async with rogue(ward, ERRORS[fault]) as (model, key):
        answer = await at.ask(ward.instance.data, key, path, model, "chest pain", stream=stream)
    assert answer.status >= 400
    check_error(answer, path)
    closing = await check_closed_once(ward, books, answer.index)
    assert closing.header["status"] >= 400, "an attempt that the vendor refused costs nothing"


STREAMS = {
    "no-end": sized(b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n', content_type="text/event-stream"),
    "not-events": sized(b"<html>It works!</html>", content_type="text/html"),
    "nothing": sized(b"", content_type="text/event-stream"),
    "a-document": sized(b'{"choices": []}', content_type="application/json"),
    "closes-within": saying(head(transfer_encoding="chunked"), b"3a\r\ndata: {"),
}


@PATHS
@pytest.mark.parametrize("fault", STREAMS)
@pytest.mark.parametrize("buffer_whole", [False, True], ids=["as-it-comes", "buffered"])
async def test_streams_that_no_vendor_sends(ward, books, path, fault, buffer_whole):
    route = {"buffer_whole": True} if buffer_whole else {}
    async with rogue(ward, STREAMS[fault], **route) as (model, key):
        answer = await at.ask(ward.instance.data, key, path, model, "chest pain", stream=True)
    if answer.status == 200:
        assert not buffer_whole
        assert isinstance(at.events(answer.body)[-1]["error"]["message"], str)
    else:
        check_refusal(answer, path)
    closing = await check_closed_once(ward, books, answer.index)
    assert closing.type == "aborted"


def resident_peak(pid: int) -> int:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@PATHS
@pytest.mark.parametrize(("stream", "script"), [(False, flood), (True, event_flood)], ids=["whole", "stream"])
async def test_an_answer_without_end_costs_bounded_memory(ward, books, path, stream, script):
    before = resident_peak(ward.instance.pid)
    async with rogue(ward, script) as (model, key):
        answer = await at.ask(ward.instance.data, key, path, model, "chest pain", stream=stream)
    if answer.status == 200:
        assert at.events(answer.body)[-1]["error"]["code"] == "vendor_answer_too_large"
    else:
        assert (answer.status, check_refusal(answer, path)) == (502, "vendor_answer_too_large")
    closing = await check_closed_once(ward, books, answer.index)
    assert (closing.type, closing.header["decision"]) == ("aborted", "vendor_answer_too_large")
    assert resident_peak(ward.instance.pid) - before < MEMORY_BYTES
    await check_serves(ward)


@pytest.mark.parametrize("workers", [1, 2])
@PATHS
async def test_a_large_answer_is_given_whole_or_refused_cleanly(request, path, workers):
    """More than one message between worker and keeper can carry."""
    ward = at.shared_house(request.config, workers)
    text = b"x" * (17 * 1024 * 1024)
    shape = b'{"choices": [{"message": {"content": "%b"}}], "content": [{"type": "text", "text": ""}]}' % text
    async with rogue(ward, sized(shape, content_type="application/json")) as (model, key):
        answer = await at.ask(ward.instance.data, key, path, model, "chest pain")
    if answer.status != 200:
        assert check_refusal(answer, path) == "vendor_answer_too_large"
    else:
        assert answer.body == shape
    await check_closed_once(ward, Bookkeeper(ward.instance.home), answer.index)
    await check_serves(ward)


async def test_a_vendor_that_is_not_there(ward, books):
    places = at.where(ward.vendor)
    model = f"rogue-{next(NUMBERS)}"
    port_of_nobody = 1
    add_deployment(
        ward.instance,
        f"n-{model}",
        OPENAI_VENDOR,
        "openai",
        f"http://127.0.0.1:{port_of_nobody}/v1",
        "sim-echo",
        "sk-1",
        places,
    )
    add_route(ward.instance, model, f"n-{model}")
    answer = await at.ask(ward.instance.data, create_key(ward.instance, [model]), CHAT, model, "chest pain")
    assert (answer.status, check_refusal(answer, CHAT)) == (502, "vendor_unreachable")
    assert (await check_closed_once(ward, books, answer.index)).type == "aborted"
