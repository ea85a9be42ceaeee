"""The first reader of every byte a caller sends: framing, Host, sizes, time.

Two readers that disagree about where a request ends let one request hide inside another (RFC 9112 section 11.2), so
the whole head is read here, strictly, before any application code runs; the llhttp parser then reads the same bytes
as a second opinion and decodes chunks. What either of them doubts is refused, answered with a small body, and the
connection is closed. Anything after the end of a request that has not been answered yet is dropped with the
connection: requests are never pipelined.

Nothing here decides who may do what, reads a body, or keeps any content of a request.
"""

import re
from asyncio import AbstractEventLoop, CancelledError, Event, Task, Transport
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from logging import CRITICAL, Logger
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

import httptools
import orjson
from uvicorn._types import ASGI3Application, ASGISendEvent, HTTPScope
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from wardkeep.crypto.certificate import peer_key_of
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.web.asgi import PEER_KEY

HeaderList = list[tuple[bytes, bytes]]
Render = Callable[[Refused, bytes], tuple[int, HeaderList, bytes]]
Receive = Callable[[], Awaitable[Any]]

# RFC 9110 section 5.5: a field value holds visible characters, space, tab and obs-text; nothing else is in a head.
_HEAD_BYTES: Final = bytes([0x09, 0x0A, 0x0D, *range(0x20, 0x7F), *range(0x80, 0x100)])
# RFC 9110 section 5.5: what a field value of ours may hold.
_VALUE_BYTES: Final = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])
# RFC 9110 section 5.6.2: token, in lower case.
_TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
# A decoded path may hold any text, but no control character and no backslash (some readers take it for a slash).
_PATH_BYTES: Final = bytes([*range(0x20, 0x5C), *range(0x5D, 0x7F), *range(0x80, 0x100)])
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_METHODS: Final = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
_VERSIONS: Final = {b"HTTP/1.1": "1.1", b"HTTP/1.0": "1.0"}
_MAX_LENGTH_DIGITS: Final = 15
_MAX_DECODINGS: Final = 3
_PORT_DIGITS: Final = 5

# Fields of which two copies would let two readers see two requests. `wardkeep-*` belongs to them as well.
_SINGLE_FIELDS: Final = {
    b"host": Reason.HOST_INVALID,
    b"content-length": Reason.FRAMING_AMBIGUOUS,
    b"transfer-encoding": Reason.FRAMING_AMBIGUOUS,
    b"authorization": Reason.HEADER_INVALID,
    b"x-api-key": Reason.HEADER_INVALID,
    b"content-type": Reason.HEADER_INVALID,
    b"content-encoding": Reason.HEADER_INVALID,
    b"cookie": Reason.HEADER_INVALID,
    b"origin": Reason.HEADER_INVALID,
    b"sec-fetch-site": Reason.HEADER_INVALID,
    b"expect": Reason.HEADER_INVALID,
    b"idempotency-key": Reason.HEADER_INVALID,
}
_OWN_PREFIX: Final = b"wardkeep-"

_CHUNKED: Final = -1
# Chunk sizes, extensions and trailers are sent beside the content; a sender may spend this much on them.
_CHUNK_OVERHEAD_FACTOR: Final = 2
_CHUNK_OVERHEAD_BYTES: Final = 64 * 1024

# A caller that goes on sending while it is being answered is cut when it has sent this much.
_MAX_DROPPED_BYTES: Final = 64 * 1024

# Phases of a connection. Plain integers: they are compared for every read.
_IDLE: Final = 0  # waiting for the first byte of a request
_HEAD: Final = 1  # some bytes of a head are here
_BODY: Final = 2  # the head is good, the body is arriving, the application runs
_ANSWER: Final = 3  # the request is complete, the application answers
_LINGER: Final = 4  # answered and closing; what still arrives is dropped so that the answer is not lost to a reset

_NEVER: Final = float("inf")

# Registered nowhere, so that no configuration can make the parent class log what callers send.
_SILENT: Final = Logger("silent", level=CRITICAL + 10)  # noqa: LOG001


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardLimits:
    """How much, how long and for which names. Larger numbers let one sender hold more memory or a connection longer.

    `hosts` are the names this gateway answers to: `name` fits every port, `name:port` only that one. Empty fits none.
    """

    hosts: frozenset[str]
    header_seconds: float = 10.0
    body_seconds: float = 30.0
    body_grace_seconds: float = 5.0
    body_bytes_per_second: int = 1024
    idle_seconds: float = 15.0
    stall_seconds: float = 60.0
    linger_seconds: float = 1.0
    max_head_bytes: int = 32 * 1024
    max_headers: int = 64
    max_target_bytes: int = 2 * 1024
    max_body_bytes: int = 4 * 1024 * 1024
    max_connections: int = 1024

    def host_names(self) -> frozenset[bytes]:
        """`hosts` as they are compared: lower case bytes."""
        return frozenset(host.lower().encode("ascii") for host in self.hosts)


class Head(NamedTuple):
    """A request head that was read in exactly one way. `length` is -1 for a chunked body."""

    method: str
    path: str
    raw_path: bytes
    query: bytes
    version: str
    headers: HeaderList
    length: int
    expects_continue: bool


class ClientGoneError(Exception):
    """The caller left before its request was complete. Stop the call; there is nobody to answer."""


class _StopParsingError(Exception):
    """Leaves the parser from inside a callback; what happens next was noted before it was raised."""


def plain_refusal(refused: Refused, path: bytes) -> tuple[int, HeaderList, bytes]:  # noqa: ARG001 - one shape for all faces
    """Render a refusal without regard to the provider's wire format."""
    explanation = refused.explanation
    body = orjson.dumps(
        {
            "error": {
                "message": f"{explanation.what} {explanation.why} {explanation.fix}",
                "type": "wardkeep_refusal",
                "code": refused.reason.value,
                "param": refused.field,
            }
        }
    )
    return explanation.status, [(b"content-type", b"application/json"), (b"x-should-retry", b"false")], body


def read_head(head: bytes, limits: GuardLimits, hosts: frozenset[bytes]) -> Head:
    """Read the bytes before the empty line as RFC 9112 sections 3, 5 and 6 say; never guess.

    `hosts` is `limits.host_names()`, computed once by the caller. Raises RefusalError.
    """
    if len(head) > limits.max_head_bytes:
        raise _refuse(Reason.HEADERS_TOO_LARGE)
    lines_ended = head.count(b"\r\n")
    if (
        head.translate(None, _HEAD_BYTES)
        # A lone CR or LF ends a line for some readers and not for others (RFC 9112 section 2.2).
        or head.count(b"\r") != lines_ended
        or head.count(b"\n") != lines_ended
        # obs-fold (RFC 9112 section 5.2)
        or b"\r\n " in head
        or b"\r\n\t" in head
    ):
        raise _refuse(Reason.REQUEST_MALFORMED)
    if lines_ended > limits.max_headers:
        raise _refuse(Reason.HEADERS_TOO_LARGE)

    lines = head.split(b"\r\n")
    method, target, version = _read_start(lines[0])
    if len(target) > limits.max_target_bytes:
        raise _refuse(Reason.HEADERS_TOO_LARGE)
    raw_path, _, query = target.partition(b"?")
    path = _read_target(target, raw_path)

    headers = _read_fields(lines[1:])
    fields = dict(headers)
    if b"" in fields or b"".join(fields).translate(None, _TOKEN):
        raise _refuse(Reason.REQUEST_MALFORMED)
    if len(fields) != len(headers):
        _check_repeated(headers)

    _check_host(fields.get(b"host"), version, hosts)
    if b"upgrade" in fields:
        # There is no other protocol here; a proxy that believed in one would stop reading requests.
        raise _refuse(Reason.HEADER_INVALID, "upgrade")
    expectation = fields.get(b"expect")
    if expectation is not None and expectation.lower() != b"100-continue":
        raise _refuse(Reason.HEADER_INVALID, "expect")
    length = _read_length(fields, version, limits.max_body_bytes)
    expects_continue = expectation is not None and version == "1.1"
    return Head(method, path, raw_path, query, version, headers, length, expects_continue)


def _refuse(reason: Reason, field: str | None = None) -> RefusalError:
    return RefusalError(Refused(reason=reason, field=field))


def _read_start(line: bytes) -> tuple[str, bytes, str]:
    """Method, target and version of a request line (RFC 9112 section 3)."""
    parts = line.split(b" ")
    if len(parts) != 3:
        raise _refuse(Reason.REQUEST_MALFORMED)
    version = _VERSIONS.get(parts[2])
    if version is None:
        raise _refuse(Reason.REQUEST_MALFORMED)
    method = _METHODS.get(parts[0])
    if method is None:
        raise _refuse(Reason.METHOD_NOT_ALLOWED if parts[0].isalpha() else Reason.REQUEST_MALFORMED)
    return method, parts[1], version


def _read_target(target: bytes, raw_path: bytes) -> str:
    """The decoded path of an origin-form target (RFC 9112 section 3.2.1) that can be read in only one way."""
    if raw_path[:1] != b"/" or not target.isascii() or b"%00" in target or b"#" in target or b"\t" in target:
        raise _refuse(Reason.REQUEST_MALFORMED)
    if b"%" not in raw_path and b".." not in raw_path and b"\\" not in raw_path:
        return raw_path.decode("ascii")
    if _BAD_ESCAPE.search(raw_path):
        raise _refuse(Reason.REQUEST_MALFORMED)
    # What stays encoded after one round is decoded again by careless readers behind us: `%252e` must not climb either.
    decoded = deepest = unquote_to_bytes(raw_path)
    for _ in range(_MAX_DECODINGS):
        if deepest.translate(None, _PATH_BYTES) or b".." in deepest.split(b"/"):
            raise _refuse(Reason.REQUEST_MALFORMED)
        deepest, before = unquote_to_bytes(deepest), deepest
        if deepest == before:
            break
    else:
        raise _refuse(Reason.REQUEST_MALFORMED)
    try:
        return decoded.decode("utf-8")
    except UnicodeDecodeError:
        raise _refuse(Reason.REQUEST_MALFORMED) from None


def _read_fields(lines: list[bytes]) -> HeaderList:
    """Names in lower case and values without surrounding white space (RFC 9112 section 5.1)."""
    headers: HeaderList = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon:
            raise _refuse(Reason.REQUEST_MALFORMED)
        headers.append((name.lower(), value.strip(b" \t")))
    return headers


def _read_length(fields: dict[bytes, bytes], version: str, max_body_bytes: int) -> int:
    """The body's length, or `_CHUNKED` (RFC 9112 section 6)."""
    stated = fields.get(b"content-length")
    coding = fields.get(b"transfer-encoding")
    if coding is not None:
        # RFC 9112 section 6.1: chunked is the only coding known here; with a length beside it, or from HTTP/1.0, the
        # sender or somebody between is confused or hostile.
        if stated is not None or version == "1.0" or coding.lower() != b"chunked":
            raise _refuse(Reason.FRAMING_AMBIGUOUS)
        return _CHUNKED
    if stated is None:
        return 0
    if not stated.isdigit():
        raise _refuse(Reason.FRAMING_AMBIGUOUS)
    if len(stated) > _MAX_LENGTH_DIGITS or int(stated) > max_body_bytes:
        raise _refuse(Reason.BODY_TOO_LARGE)
    return int(stated)


def _check_repeated(headers: HeaderList) -> None:
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in seen:
            reason = _SINGLE_FIELDS.get(name)
            if reason is not None:
                raise _refuse(reason, name.decode("ascii"))
            if name.startswith(_OWN_PREFIX):
                raise _refuse(Reason.HEADER_INVALID)
        seen.add(name)


def _check_host(host: bytes | None, version: str, hosts: frozenset[bytes]) -> None:
    """RFC 9112 section 3.2: Host is required since HTTP/1.1. No browser speaks HTTP/1.0, so none is rebound to it."""
    if host is None:
        if version == "1.1":
            raise _refuse(Reason.HOST_INVALID)
        return
    if host in hosts:
        return
    host = host.lower()
    name, colon, port = host.rpartition(b":")
    if host not in hosts and not (colon and port.isdigit() and len(port) <= _PORT_DIGITS and name in hosts):
        raise _refuse(Reason.HOST_INVALID)


class Guard(NamedTuple):
    """What every connection of one server shares. `on_failed` gets an exception's type and place, never its text."""

    limits: GuardLimits
    hosts: frozenset[bytes]
    render: Render
    on_refused: Callable[[Reason], None]
    on_failed: Callable[[str, str], None]


def make_guard(
    limits: GuardLimits,
    *,
    on_refused: Callable[[Reason], None],
    on_failed: Callable[[str, str], None],
    render: Render = plain_refusal,
) -> Guard:
    """Build what `GuardedProtocol` needs. Raises UnicodeEncodeError when a host name is not ASCII (use its A-label)."""
    return Guard(limits, limits.host_names(), render, on_refused, on_failed)


def _describe_place(error: BaseException) -> str:
    """`file:line` of the innermost frame. The exception's own text may quote a prompt, so it is not used."""
    traceback = error.__traceback__
    if traceback is None:
        return "unknown"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{traceback.tb_frame.f_code.co_filename.rpartition('/')[2]}:{traceback.tb_lineno}"


class _Cycle(RequestResponseCycle):
    """One request and its answer. Unlike its parent it never logs an exception: tracebacks quote what was sent."""

    guard: Guard
    task: Task[None] | None = None
    _unsent: bytes = b""

    async def send(self, message: ASGISendEvent) -> None:
        """Write an answer: its head leaves with the first piece of its body, in one write (RFC 9112 section 2.1).

        Raises RuntimeError for what is no answer; the edge then cuts the connection.
        """
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if message["type"] == "http.response.start" and not self.response_started:
            self.response_started = True
            self.waiting_for_100_continue = False
            self._unsent = self._head(message["status"], message.get("headers", ()))
        elif message["type"] == "http.response.body" and self.response_started and not self.response_complete:
            self._body(message.get("body", b""), is_last=not message.get("more_body", False))
        else:
            raise RuntimeError("the messages of an answer came in the wrong order")

    def _head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """Render the head; decide how the body's end is told."""
        parts = [STATUS_LINE[status]]
        self.chunked_encoding = self.scope["method"] != "HEAD" and status not in {204, 304}
        for name, value in (*self.default_headers, *headers):
            if name.translate(None, _TOKEN) or value.translate(None, _VALUE_BYTES):
                raise RuntimeError("a header of the answer cannot be sent as it is")
            if name == b"content-length":
                self.chunked_encoding = False
                self.expected_content_length = int(value)
            elif name == b"connection":
                self.keep_alive = False
                continue
            parts += (name, b": ", value, b"\r\n")
        if self.more_body:
            # Where the rest of the request ends and the next one begins is not ours to find out: RFC 9112 section 9.6.
            self.keep_alive = False
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
        if self.chunked_encoding:
            parts.append(b"transfer-encoding: chunked\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)

    def _body(self, body: bytes, *, is_last: bool) -> None:
        head, self._unsent = self._unsent, b""
        if self.scope["method"] == "HEAD":
            self.expected_content_length = 0
            data = head
        elif self.chunked_encoding:
            piece = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            data = head + piece + (b"0\r\n\r\n" if is_last else b"")
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0 or (is_last and self.expected_content_length):
                raise RuntimeError("the answer is not as long as its head says")
            data = head + body
        if data:
            self.transport.write(data)
        if is_last:
            self.response_complete = True
            self.message_event.set()
            self.on_response()

    async def run_asgi(self, app: ASGI3Application) -> None:
        try:
            failed = await self._failure(app)
            if failed is not None:
                await self._confess(*failed)
        except CancelledError:
            # The caller is gone, or the server is stopping and the grace is over.
            self.transport.abort()
            raise
        finally:
            self.on_response = _do_nothing

    async def _failure(self, app: ASGI3Application) -> tuple[str, str] | None:
        """Run the application; return the kind and the place of what failed, if anything did."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception as error:  # noqa: BLE001 - the HTTP edge: whatever failed, the caller gets one refusal
            return type(error).__name__, _describe_place(error)
        return None if self.response_complete or self.disconnected else ("AnswerIncomplete", "unknown")

    async def _confess(self, kind: str, place: str) -> None:
        """Tell the caller that the call failed, where nothing of an answer has left yet."""
        self.guard.on_failed(kind, place)
        if self.disconnected or (self.response_started and not self._unsent):
            # Half an answer must not look like a whole one.
            self.transport.abort()
            return
        self.response_started = False
        status, headers, body = self.guard.render(Refused(reason=Reason.INTERNAL), self.scope["raw_path"])
        await self.send({"type": "http.response.start", "status": status, "headers": _last(headers, body)})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})


def _last(headers: HeaderList, body: bytes) -> HeaderList:
    """Return a refusal's headers as the last ones on its connection, its length said once (RFC 9110 section 8.6).

    Strict clients take a length that is said twice for an attack, and would never show the refusal.
    """
    kept = [each for each in headers if each[0] != b"content-length"]
    return [*kept, (b"content-length", b"%d" % len(body)), (b"connection", b"close")]


def _do_nothing() -> None:
    """End the reference from a finished cycle to its connection."""


class GuardedProtocol(HttpToolsProtocol):
    """One connection. The server calls `sweep` every tick; no timer is armed per request."""

    # Not callbacks: the head is read by `read_head`. Trailers (RFC 9112 section 7.1.2) thereby go nowhere.
    on_header = None  # type: ignore[assignment]
    on_url = None  # type: ignore[assignment]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        guard: Guard,
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config=config, server_state=server_state, app_state=app_state, _loop=_loop)
        # A new parser without the leniencies that the parent switches on.
        self.parser = httptools.HttpRequestParser(self)
        self.logger = _SILENT
        self.access_log = False
        self._guard = guard
        self._limits = guard.limits
        self._phase = _IDLE
        self._deadline = self.loop.time() + guard.limits.header_seconds
        self._partial = bytearray()
        self._head: Head | None = None
        self._is_head_fresh = False
        self._body_since = 0.0
        self._body_bytes = 0
        self._wire_bytes = 0
        self._stalled_at = _NEVER
        self._overflow = False
        self._dropped_bytes = 0
        self._peer_key: str | None = None

    # -- what the transport says

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Accept the connection, or refuse it when too many are open."""
        super().connection_made(transport)
        secure = transport.get_extra_info("ssl_object")
        shown = secure.getpeercert(binary_form=True) if secure is not None else None
        # A certificate whose key cannot be read is a certificate of nobody: bound to no one, and refused as such.
        self._peer_key = None if shown is None else peer_key_of(shown).hex()
        if len(self.connections) > self._limits.max_connections:
            self._refuse(Refused(reason=Reason.CONCURRENCY_LIMITED))

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop a call that nobody waits for any more: its upstream connection is cut, its ledger entry closed."""
        cycle = self.cycle
        super().connection_lost(exc)
        if isinstance(cycle, _Cycle) and not cycle.response_complete and cycle.task is not None:
            cycle.task.cancel()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        task = self.loop.create_task(cycle.run_asgi(app))
        if isinstance(cycle, _Cycle):
            cycle.task = task
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def data_received(self, data: bytes) -> None:
        """Read bytes according to the phase. Refuses; raises nothing."""
        phase = self._phase
        if phase == _BODY:
            self._feed(data)
        elif phase == _IDLE:
            if not 65 <= data[0] <= 90:  # no method starts so: a TLS hello, a stray CRLF, another protocol
                self._refuse(Refused(reason=Reason.REQUEST_MALFORMED))
                return
            end = data.find(b"\r\n\r\n")
            if end >= 0:
                self._open(data, end)
            else:
                self._phase = _HEAD
                self._deadline = self.loop.time() + self._limits.header_seconds
                self._collect(data)
        elif phase == _HEAD:
            self._collect(data)
        elif phase == _ANSWER:
            self._drop_pipelined(len(data))
        # _LINGER: dropped

    def pause_writing(self) -> None:
        """The caller reads too slowly; `sweep` ends it when that lasts."""
        super().pause_writing()
        self._stalled_at = self.loop.time()

    def resume_writing(self) -> None:
        """The caller reads again."""
        super().resume_writing()
        self._stalled_at = _NEVER

    # -- head

    def _collect(self, data: bytes) -> None:
        """A head that comes in pieces. Hopeless ones are refused before they are complete."""
        partial = self._partial
        seen = len(partial)
        partial += data
        end = partial.find(b"\r\n\r\n", max(0, seen - 3))
        if end >= 0:
            whole = bytes(partial)
            partial.clear()
            self._open(whole, end)
            return
        if len(partial) > self._limits.max_head_bytes:
            self._refuse(Refused(reason=Reason.HEADERS_TOO_LARGE))
            return
        # A lone LF never gets better, and HTTP/0.9 waits for an answer after its only line.
        fresh = partial[max(0, seen - 1) :]
        first_line_end = partial.find(b"\r\n", 0, self._limits.max_target_bytes + 64)
        if (
            fresh.count(b"\n") != fresh.count(b"\r\n")
            or (first_line_end >= 0 and not partial.endswith((b" HTTP/1.1", b" HTTP/1.0"), 0, first_line_end))
            or (first_line_end < 0 and len(partial) > self._limits.max_target_bytes + 64)
        ):
            self._refuse(Refused(reason=Reason.REQUEST_MALFORMED))

    def _open(self, data: bytes, end: int) -> None:
        """A complete head: examine it, then let the parser start the request and take what follows."""
        if end > self._limits.max_head_bytes:
            self._refuse(Refused(reason=Reason.HEADERS_TOO_LARGE))
            return
        try:
            self._head = read_head(data[:end], self._limits, self._guard.hosts)
        except RefusalError as refusal:
            self._refuse(refusal.refused, _claimed_path(data))
            return
        self._is_head_fresh = True
        self._phase = _BODY
        self._body_since = now = self.loop.time()
        self._deadline = now + self._limits.body_seconds
        self._body_bytes = 0
        self._wire_bytes = -end
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        self._wire_bytes += len(data)
        if self._wire_bytes > self._limits.max_body_bytes * _CHUNK_OVERHEAD_FACTOR + _CHUNK_OVERHEAD_BYTES:
            self._refuse(Refused(reason=Reason.BODY_TOO_LARGE))
            return
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if self._overflow:
                self._refuse(Refused(reason=Reason.BODY_TOO_LARGE))
            elif self._phase == _BODY:
                self._refuse(Refused(reason=Reason.REQUEST_MALFORMED))
            else:
                self._drop_pipelined(1)

    def _drop_pipelined(self, size: int) -> None:
        """Answer what was asked, then close: the bytes after it are in nobody's request (RFC 9112 section 9.3.2).

        Reading goes on, because only reading shows that the caller left.
        """
        if self._dropped_bytes == 0:
            self._guard.on_refused(Reason.FRAMING_AMBIGUOUS)
        self._dropped_bytes += size
        if self._dropped_bytes > _MAX_DROPPED_BYTES:
            self.transport.abort()
        else:
            self.cycle.keep_alive = False

    # -- what the parser says

    def on_message_begin(self) -> None:
        """Start a request only for a head that was examined; a second one in the same bytes was not."""
        if not self._is_head_fresh:
            raise _StopParsingError
        self._is_head_fresh = False

    def on_headers_complete(self) -> None:
        """Hand the request to the application, which may start before its body is here."""
        head = self._head
        assert head is not None
        self.scope = scope = HTTPScope(
            type="http",
            asgi={"version": "3.0", "spec_version": "2.3"},
            http_version=head.version,
            method=head.method,
            scheme=self.scheme or "http",
            path=head.path,
            raw_path=head.raw_path,
            query_string=head.query,
            root_path="",
            headers=head.headers,
            client=self.client,
            server=self.server,
            state={PEER_KEY: self._peer_key},
            extensions={},
        )
        self.cycle = cycle = _Cycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=Event(),
            expect_100_continue=head.expects_continue,
            keep_alive=head.version == "1.1" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        cycle.guard = self._guard
        self._start_asgi_task(cycle, self.app)

    def on_body(self, body: bytes) -> None:
        """Count and pass on."""
        self._body_bytes += len(body)
        if self._body_bytes > self._limits.max_body_bytes:
            self._overflow = True
            raise _StopParsingError
        cycle = self.cycle
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        """The request is whole. Its time limits end; those of the answer are the pipeline's."""
        self._phase = _ANSWER
        self._deadline = _NEVER
        self.cycle.more_body = False
        self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        """The answer is whole: wait for the next request, or close as the answer's head said."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._await_end()
        elif self.cycle.keep_alive:
            self.flow.resume_reading()
            self._await_next()
        elif self._phase == _BODY:
            self._linger()
        else:
            self.transport.close()
            self._await_end()

    def _await_end(self) -> None:
        """What is still unsent may wait for a caller that never reads, but not for ever."""
        self._phase = _LINGER
        self._deadline = self.loop.time() + self._limits.stall_seconds

    def _await_next(self) -> None:
        self._phase = _IDLE
        self._head = None
        self.cycle = None  # type: ignore[assignment]  # as before the first request; frees what the last one held
        self._deadline = self.loop.time() + self._limits.idle_seconds

    # -- time

    def sweep(self, now: float, elapsed_seconds: float) -> None:
        """Enforce the deadlines. `elapsed_seconds` is the time since the sweep before."""
        phase = self._phase
        if now - self._stalled_at > self._limits.stall_seconds:
            self.transport.abort()
        elif phase == _BODY and self.flow.read_paused:
            # It is the application that waits, not the sender.
            self._deadline += elapsed_seconds
            self._body_since += elapsed_seconds
        elif now >= self._deadline:
            if phase == _IDLE:
                self.transport.close()
                self._phase = _LINGER
                self._deadline = now + self._limits.linger_seconds
            elif phase == _LINGER:
                self.transport.abort()
            else:
                self._refuse(Refused(reason=Reason.REQUEST_TOO_SLOW))
        elif phase == _BODY:
            age = now - self._body_since
            if age > self._limits.body_grace_seconds and self._body_bytes < age * self._limits.body_bytes_per_second:
                self._refuse(Refused(reason=Reason.REQUEST_TOO_SLOW))

    # -- the end

    def _refuse(self, refused: Refused, path: bytes = b"/") -> None:
        """Answer with the reason and close. An application that already runs is told that its caller is gone."""
        self._guard.on_refused(refused.reason)
        if self._phase == _BODY and self.cycle is not None:
            cycle = self.cycle
            cycle.disconnected = True
            cycle.message_event.set()
            path = cycle.scope["raw_path"]
            if cycle.response_started:
                # Part of an answer is out; anything appended would be read as more of it.
                self._phase = _LINGER
                self.transport.abort()
                return
        if self.transport.is_closing():
            return
        status, headers, body = self._guard.render(refused, path)
        if status not in STATUS_LINE:
            status = HTTPStatus.BAD_REQUEST
        lines = [STATUS_LINE[status]]
        for name, value in [*self.server_state.default_headers, *_last(headers, body)]:
            lines += (name, b": ", value, b"\r\n")
        lines += (b"\r\n", body)
        self.transport.write(b"".join(lines))
        self._linger()

    def _linger(self) -> None:
        """Close so that the answer arrives: a close with unread bytes would reset it (RFC 9112 section 9.6)."""
        self._phase = _LINGER
        self._partial.clear()
        self._deadline = self.loop.time() + self._limits.linger_seconds
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def timeout_keep_alive_handler(self) -> None:
        """Not used: `sweep` closes idle connections."""


def _claimed_path(data: bytes) -> bytes:
    """The path as the caller wrote it, only to choose the shape of the refusal."""
    parts = data[: data.find(b"\r\n")].split(b" ", 2)
    return parts[1].partition(b"?")[0] if len(parts) == 3 and parts[1].startswith(b"/") else b"/"


async def read_body(receive: Receive, limit: int) -> bytes:
    """Read the whole body. Raises RefusalError (BODY_TOO_LARGE) and ClientGoneError."""
    message = await receive()
    if message["type"] != "http.request":
        raise ClientGoneError
    body: bytes = message["body"]
    if len(body) > limit:
        raise RefusalError(Refused(reason=Reason.BODY_TOO_LARGE))
    if not message["more_body"]:
        return body
    parts = [body]
    size = len(body)
    while message["more_body"]:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        parts.append(message["body"])
        size += len(message["body"])
        if size > limit:
            raise RefusalError(Refused(reason=Reason.BODY_TOO_LARGE))
    return b"".join(parts)


_JSON_TYPES: Final = frozenset(
    {b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"}
)
_JSON_TYPE: Final = re.compile(rb'application/json(?:[ \t]*;[ \t]*charset=(?:utf-8|"utf-8"))?', re.IGNORECASE)


def check_content_type(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Accept only unencoded JSON in UTF-8 (RFC 8259 section 8.1): what cannot be read must not pass.

    Raises RefusalError (MEDIA_TYPE_UNSUPPORTED, CONTENT_ENCODED).
    """
    is_json = False
    for name, value in headers:
        if name == b"content-type":
            is_json = value in _JSON_TYPES or _JSON_TYPE.fullmatch(value) is not None
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise RefusalError(Refused(reason=Reason.CONTENT_ENCODED))
    if not is_json:
        raise RefusalError(Refused(reason=Reason.MEDIA_TYPE_UNSUPPORTED))
