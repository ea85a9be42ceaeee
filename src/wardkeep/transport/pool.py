"""Connections to vendors: HTTP/1.1 over TLS, kept alive, cut at once when nobody waits any more.

Our own client because the road needs three things together that ready-made ones do not give: cancelling a call closes
its upstream connection immediately, also before the first byte of the answer, so that a vendor stops working on PHI
that nobody will read; an error says for certain whether a byte was sent; and it costs tens of microseconds.

There are no redirects, no proxies from the environment, no cookies, no retries and no decompression here. A request
goes to an origin of the registry or nowhere (server-side request forgery), and plain HTTP only to this machine unless
a deployment is marked for it (45 CFR 164.312(e)). Answers are read strictly (RFC 9112); nothing here reads content.
"""

import asyncio
import re
import ssl
from asyncio import AbstractEventLoop, Future, TimerHandle
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import httptools

from wardkeep.model.sensitive import Secret
from wardkeep.transport.errors import (
    AnswerInvalid,
    AnswerTooLarge,
    PeerKeyUnexpected,
    RequestUnsendableError,
    TransportError,
    VendorReset,
    VendorTimeout,
    VendorUnreachable,
)
from wardkeep.transport.tls import TlsDemands, vendor_context

USER_AGENT: Final = "wardkeep"

_NEVER: Final = float("inf")
_MAX_HEAD_BYTES: Final = 64 * 1024
_HIGH_WATER_BYTES: Final = 256 * 1024
_JOIN_BELOW_BYTES: Final = 64 * 1024
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_FIELD_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9110 section 5.5 without obs-text: what we send is ASCII.
_FIELD_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")
_TARGET: Final = re.compile(r"/[\x21\x22\x24-\x7e]*")
# Framing and identity of a request are stated here and nowhere else.
_OWN_FIELDS: Final = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "accept-encoding",
        "user-agent",
        "te",
        "upgrade",
        "expect",
    }
)
_SWEEP_SECONDS_MAX: Final = 1.0
_SWEEP_SECONDS_MIN: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """`read_seconds` bounds each silence, from the last byte sent or received; `total_seconds` the whole exchange."""

    connect_seconds: float = 5.0
    read_seconds: float = 120.0
    total_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a deployment is. Only scheme, host and port of `url` count.

    `is_plain_allowed` sends PHI over a network in clear; it exists for a vendor on the same isolated network. With
    `pins` (`sha256/` and base64) no other TLS key is spoken to; with `is_attested` none but the one a request names.
    """

    url: str
    tls: TlsDemands = field(default_factory=TlsDemands)
    is_plain_allowed: bool = False
    pins: frozenset[str] = frozenset()
    is_attested: bool = False

    @property
    def is_keyed(self) -> bool:
        """Whether it matters which TLS key answers."""
        return bool(self.pins) or self.is_attested


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamRequest:
    """One request, sent once. Secret header values are revealed only while they are written.

    `origin` says under which demands it goes; without it the address must belong to one origin only. `peer_key` is the
    only TLS key it may go to. `is_counted` is False for what carries nothing of a call, such as asking for evidence.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str | Secret[str]], ...]
    body: bytes = b""
    timeouts: Timeouts | None = None
    origin: Origin | None = None
    peer_key: bytes | None = None
    is_counted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Place:
    """An origin made ready: where to connect, what to present, and what its URLs start with."""

    prefix: str
    host: str
    port: int
    tls: TlsDemands
    context: ssl.SSLContext | None
    preamble: str
    pins: frozenset[str]
    is_attested: bool


def _make_place(origin: Origin) -> _Place:
    parts = urlsplit(origin.url)
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
        raise RequestUnsendableError("a deployment's address must be http(s)://host[:port]")
    is_local = _is_loopback(host)
    if parts.scheme == "http" and not is_local and not origin.is_plain_allowed:
        raise RequestUnsendableError("plain HTTP leaves this machine; use https or mark the deployment")
    if parts.scheme == "http" and origin.is_keyed:
        raise RequestUnsendableError("plain HTTP shows no key that could be pinned or attested")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    authority = parts.netloc.lower()
    return _Place(
        prefix=f"{parts.scheme}://{authority}/",
        # `localhost` is what the resolver says it is; the exemption from TLS is for this machine only.
        host="127.0.0.1" if host == "localhost" else host,
        port=port,
        tls=origin.tls,
        context=vendor_context(origin.tls) if parts.scheme == "https" else None,
        preamble=f"host: {authority}\r\nuser-agent: {USER_AGENT}\r\naccept-encoding: identity\r\n",
        pins=origin.pins,
        is_attested=origin.is_attested,
    )


def _is_ours_to_name(name: str) -> bool:
    """Whether a provider may state this header: a token, and none that frames or names the request."""
    return _FIELD_NAME.fullmatch(name) is not None and name.lower() not in _OWN_FIELDS


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class UpstreamResponse:
    """A vendor's answer, its body still arriving. Whoever opened it closes it, whatever happened."""

    __slots__ = (
        "_buffered",
        "_connection",
        "_error",
        "_is_complete",
        "_is_paused",
        "_max_bytes",
        "_parts",
        "_received",
        "_waiter",
        "headers",
        "status",
    )

    def __init__(self, connection: "_Connection", max_bytes: int) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._connection: _Connection | None = connection
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._buffered = 0
        self._received = 0
        self._is_complete = False
        self._is_paused = False
        self._error: TransportError | None = None
        self._waiter: Future[None] | None = None

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header by its lower-case name."""
        return next((value for found, value in self.headers if found == name), None)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives, joined where several pieces waited. Raises TransportError."""
        while data := await self.read():
            yield data

    async def read(self) -> bytes:
        """Return what has arrived, or wait for it; empty at the end. Raises TransportError."""
        while not self._parts:
            if self._error is not None:
                raise self._error
            if self._is_complete:
                return b""
            await self._wait()
        parts = self._parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._buffered = 0
        if self._is_paused and self._connection is not None:
            self._is_paused = False
            self._connection.resume_reading()
        return data

    async def close(self) -> None:
        """Let go. An answer that is not complete takes its connection with it, at once. Raises nothing."""
        self._abandon()

    # -- for the connection

    def _abandon(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abandon()
        if self._error is None and not self._is_complete:
            self._fail(VendorReset("the answer was closed before its end"))

    async def _wait(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiter = waiter
        try:
            await waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: TransportError) -> None:
        if self._error is None and not self._is_complete:
            self._error = error
            self._wake()

    def _take(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > self._max_bytes:
            raise AnswerTooLarge("the answer is larger than max_answer_bytes")
        self._parts.append(data)
        self._buffered += len(data)
        if self._buffered > _HIGH_WATER_BYTES and not self._is_paused and self._connection is not None:
            self._is_paused = True
            self._connection.pause_reading()
        self._wake()

    def _complete(self) -> None:
        self._connection = None
        self._is_complete = True
        self._wake()

    async def _head(self) -> None:
        while not self.status:
            if self._error is not None:
                raise self._error
            await self._wait()


class _Connection(asyncio.Protocol):
    """One connection to one place; at most one exchange at a time."""

    def __init__(self, loop: AbstractEventLoop, pool: "Pool", place: _Place) -> None:
        self.place = place
        self.idle_until = _NEVER
        self.peer_key: bytes | None = None
        self._loop = loop
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._exchange: UpstreamResponse | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._is_head_open = False
        self._is_interim = False
        self._is_framed = False
        self._keeps_alive = False
        self._has_ended = False
        self._read_seconds = 0.0
        self._silent_until = _NEVER
        self._total_until = _NEVER

    # -- for the pool and the exchange

    def send(self, head: bytes, body: bytes, timeouts: Timeouts, max_bytes: int) -> UpstreamResponse:
        """Write a request and return the exchange that its answer fills."""
        assert self._transport is not None
        now = self._loop.time()
        self.idle_until = _NEVER
        self._read_seconds = timeouts.read_seconds
        self._silent_until = now + timeouts.read_seconds
        self._total_until = now + timeouts.total_seconds if timeouts.total_seconds is not None else _NEVER
        self._headers = []
        self._head_bytes = 0
        self._is_head_open = True
        self._is_interim = False
        self._is_framed = False
        self._keeps_alive = False
        self._exchange = exchange = UpstreamResponse(self, max_bytes)
        if len(body) < _JOIN_BELOW_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))
        return exchange

    def certificate(self) -> bytes:
        """Return the certificate (DER) that the other side has just proven to hold the key of; empty without TLS."""
        tls = None if self._transport is None else self._transport.get_extra_info("ssl_object")
        return b"" if tls is None else tls.getpeercert(binary_form=True) or b""

    def is_usable(self) -> bool:
        """Whether a request may be written: connected, nothing pending, nothing strange seen."""
        transport = self._transport
        return transport is not None and not transport.is_closing() and not self._has_ended

    def abandon(self) -> None:
        """Cut the connection: the vendor must not go on working for nobody."""
        self._exchange = None
        self.abort()

    def abort(self) -> None:
        """Close without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        """The reader of the answer is slower than the vendor; silence is then our doing."""
        self._silent_until = _NEVER
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """The reader caught up."""
        self._silent_until = self._loop.time() + self._read_seconds
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def sweep(self, now: float) -> None:
        """Enforce the deadlines."""
        if now >= self.idle_until:
            self.abort()
        elif now >= self._silent_until or now >= self._total_until:
            self._break(VendorTimeout("the vendor did not answer in time"))

    def _break(self, error: TransportError) -> None:
        exchange, self._exchange = self._exchange, None
        self._has_ended = True
        if exchange is not None:
            exchange._fail(error)  # noqa: SLF001 - the two halves of one exchange
        self.abort()

    # -- what the transport says

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember the way out."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Feed the answer to the parser."""
        if self._exchange is None:
            # Bytes that answer no question: whoever sent them, the next answer on this connection is not to be trusted.
            self._has_ended = True
            self.abort()
            return
        if self._is_head_open:
            self._head_bytes += len(data)
        self._silent_until = self._loop.time() + self._read_seconds
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self._break(cause if isinstance(cause, TransportError) else AnswerInvalid("the answer is not HTTP/1.1"))
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._break(AnswerInvalid("the answer is not HTTP/1.1"))
        if self._is_head_open and self._head_bytes > _MAX_HEAD_BYTES:
            self._break(AnswerInvalid("the answer's head is too large"))

    def eof_received(self) -> None:
        """An answer without a stated length ends here (RFC 9112 section 6.3); any other is cut off."""
        self._has_ended = True
        exchange = self._exchange
        if exchange is not None and not self._is_head_open and not self._is_framed:
            self._exchange = None
            exchange._complete()  # noqa: SLF001

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Tell the exchange, and the pool."""
        self._break(VendorReset("the vendor closed the connection"))
        self._transport = None
        self._pool.forget(self)

    # -- what the parser says

    def on_message_begin(self) -> None:
        """Accept one answer, and after an interim one the next."""
        if not self._is_head_open:
            raise AnswerInvalid("more than one answer came")
        self._headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; trailers are dropped."""
        if self._is_head_open:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Hand the head to whoever waits for it; pass over 1xx."""
        status = self._parser.get_status_code()
        if status < 200:
            self._is_interim = True
            if status == 101:
                raise AnswerInvalid("the vendor changed the protocol unasked")
            return
        self._is_head_open = False
        codings = set()
        for name, value in self._headers:
            if name == b"content-length" or (name == b"transfer-encoding" and value.lower() == b"chunked"):
                codings.add(name)
            elif name == b"transfer-encoding" or (name == b"content-encoding" and value.lower() != b"identity"):
                raise AnswerInvalid("the answer is encoded, which was not asked for")
        if len(codings) > 1:
            raise AnswerInvalid("the answer states its length twice")
        self._is_framed = bool(codings) or status in {204, 304}
        self._keeps_alive = self._is_framed and self._parser.should_keep_alive()
        exchange = self._exchange
        assert exchange is not None
        exchange.status = status
        exchange.headers = self._headers
        exchange._wake()  # noqa: SLF001

    def on_body(self, data: bytes) -> None:
        """Pass on a piece of the body."""
        exchange = self._exchange
        assert exchange is not None
        exchange._take(data)  # noqa: SLF001

    def on_message_complete(self) -> None:
        """End the exchange; keep the connection when both sides may."""
        if self._is_interim:
            self._is_interim = False
            return
        exchange, self._exchange = self._exchange, None
        assert exchange is not None
        assert self._transport is not None
        exchange._complete()  # noqa: SLF001
        self._silent_until = self._total_until = _NEVER
        # A request that is still being written cannot be followed by another.
        if self._keeps_alive and self._transport.get_write_buffer_size() == 0 and not self._has_ended:
            if exchange._is_paused:  # noqa: SLF001
                self._transport.resume_reading()
            self._pool.keep(self)
        else:
            self._has_ended = True
            self._transport.close()


class Pool:
    """Sends requests to the registry's origins and keeps idle connections to them. One for each event loop.

    `key_of` names the TLS key of a certificate; without it origins whose key matters may not be used. Raises
    RequestUnsendableError for an origin that may not be used, OSError for its TLS files.
    """

    def __init__(
        self,
        origins: Iterable[Origin],
        *,
        timeouts: Timeouts | None = None,
        max_answer_bytes: int = 32 * 1024 * 1024,
        max_idle_per_origin: int = 64,
        idle_seconds: float = 30.0,
        key_of: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self._key_of = key_of
        self._timeouts = timeouts if timeouts is not None else Timeouts()
        self._max_answer_bytes = max_answer_bytes
        self._max_idle = max_idle_per_origin
        self._idle_seconds = idle_seconds
        self._places: dict[str, _Place] = {}
        self._made: dict[Origin, _Place] = {}
        self._idle: dict[_Place, list[_Connection]] = {}
        self._connections: set[_Connection] = set()
        self._timer: TimerHandle | None = None
        self.sent = 0  # requests whose bytes were written, ever: held against the ledger's request records
        for refused in self.set_origins(origins):
            _make_place(refused)  # raises what is wrong with it
            raise RequestUnsendableError("the address or its TLS files cannot be used")

    def set_origins(self, origins: Iterable[Origin]) -> tuple[Origin, ...]:
        """Take over a changed registry from the next call on; return the origins that may not be used, or lack files.

        One wrong address closes its own deployment, not the others. Origins that did not change keep their connections
        and the certificates read before; of the others idle connections close now, running answers end by themselves.
        """
        made: dict[Origin, _Place] = {}
        places: dict[str, _Place] = {}
        refused: list[Origin] = []
        shared: set[str] = set()
        for origin in dict.fromkeys(origins):
            if origin.is_keyed and self._key_of is None:
                refused.append(origin)
                continue
            try:
                place = self._made.get(origin) or _make_place(origin)
            except (RequestUnsendableError, OSError):  # ssl.SSLError is an OSError
                refused.append(origin)
                continue
            made[origin] = place
            if places.setdefault(place.prefix, place) is not place:
                shared.add(place.prefix)
        for prefix in shared:
            # Two deployments at one address with other demands: only a request that says which is meant may go there.
            del places[prefix]
        stale, self._idle = self._idle, {place: self._idle.get(place, []) for place in made.values()}
        self._made, self._places = made, places
        for place, connections in stale.items():
            if place not in self._idle:
                for connection in connections:
                    connection.abort()
        return tuple(refused)

    async def open(self, request: UpstreamRequest) -> UpstreamResponse:
        """Send a request and return its answer as soon as the answer's head is here.

        When this is cancelled, or raises, the upstream connection is closed. Raises TransportError.
        """
        place, head = self._write_head(request)
        timeouts = request.timeouts if request.timeouts is not None else self._timeouts
        if place.is_attested and request.peer_key is None:
            raise RequestUnsendableError("nothing goes to an attested origin before its key is proven")
        connection = self._reuse(place, request.peer_key)
        if connection is None:
            connection = await self._connect(place, timeouts.connect_seconds)
            if request.peer_key is not None and connection.peer_key != request.peer_key:
                self._drop(connection)
                raise PeerKeyUnexpected("another key answers than the one that was attested")
        self.sent += request.is_counted
        exchange = connection.send(head, request.body, timeouts, self._max_answer_bytes)
        try:
            await exchange._head()  # noqa: SLF001 - the two halves of one exchange
        except BaseException:
            exchange._abandon()  # noqa: SLF001
            raise
        return exchange

    def met(self, origin: Origin) -> bytes | None:
        """Return the TLS key of the idle connection that the next request would take, if there is one."""
        place = self._made.get(origin)
        idle = [] if place is None else self._idle[place]
        return next((each.peer_key for each in reversed(idle) if each.is_usable()), None)

    async def meet(self, origin: Origin) -> bytes:
        """Return the TLS key of a connection that is ready for the next request, connecting where there is none.

        Nothing is sent. Raises TransportError.
        """
        place = self._made.get(origin)
        if place is None or not origin.is_keyed:
            raise RequestUnsendableError("the address is not an origin of the registry whose key matters")
        key = self.met(origin)
        if key is None:
            connection = await self._connect(place, self._timeouts.connect_seconds)
            key = connection.peer_key
            self.keep(connection)
        assert key is not None
        return key

    async def close(self) -> None:
        """Cut every connection."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in list(self._connections):
            connection.abort()

    # -- for the connections

    def keep(self, connection: _Connection) -> None:
        """Take back a connection whose answer is complete."""
        idle = self._idle.get(connection.place)
        if idle is None or len(idle) >= self._max_idle:
            connection.abort()
            return
        connection.idle_until = asyncio.get_running_loop().time() + self._idle_seconds
        idle.append(connection)

    def forget(self, connection: _Connection) -> None:
        """Drop a connection that is gone."""
        self._connections.discard(connection)
        idle = self._idle.get(connection.place)
        if idle is not None and connection in idle:
            idle.remove(connection)

    # -- inside

    def _write_head(self, request: UpstreamRequest) -> tuple[_Place, bytes]:
        url = request.url
        start = url.find("/", 8) + 1  # after `https://` or `http://x`
        place = self._places.get(url[:start]) if request.origin is None else self._made.get(request.origin)
        target = url[start - 1 :]
        if place is None or place.prefix != url[:start] or not _TARGET.fullmatch(target):
            raise RequestUnsendableError("the address is not one of the registry's origins")
        if request.method not in _METHODS:
            raise RequestUnsendableError("the method is not one that is sent upstream")
        lines = [request.method, " ", target, " HTTP/1.1\r\n", place.preamble]
        for name, value in request.headers:
            text = value.reveal() if isinstance(value, Secret) else value
            # A line break in a value would start another header, or another request.
            if not _is_ours_to_name(name) or not _FIELD_VALUE.fullmatch(text):
                raise RequestUnsendableError("a header cannot be sent as it is")
            lines += (name, ": ", text, "\r\n")
        if request.body or request.method != "GET":
            lines.append(f"content-length: {len(request.body)}\r\n")
        lines.append("\r\n")
        return place, "".join(lines).encode("ascii")

    def _reuse(self, place: _Place, peer_key: bytes | None) -> _Connection | None:
        idle = self._idle[place]
        others: list[_Connection] = []
        found: _Connection | None = None
        while idle and found is None:
            connection = idle.pop()  # the one used last is the least likely to be closed by the vendor meanwhile
            if not connection.is_usable():
                connection.abort()
            elif peer_key is not None and connection.peer_key != peer_key:
                others.append(connection)
            else:
                found = connection
        idle.extend(reversed(others))
        return found

    async def _connect(self, place: _Place, connect_seconds: float) -> _Connection:
        loop = asyncio.get_running_loop()
        connection = _Connection(loop, self, place)
        self._connections.add(connection)
        try:
            async with asyncio.timeout(connect_seconds):
                await loop.create_connection(
                    lambda: connection,
                    place.host,
                    place.port,
                    ssl=place.context,
                    server_hostname=place.host if place.context is not None else None,
                )
        except (OSError, UnicodeError):  # also TimeoutError, ssl.SSLError and a name that does not resolve
            self._drop(connection)
            # Without the cause: its text holds addresses and certificate details that are for `doctor` to find.
            raise VendorUnreachable("no connection to the vendor") from None
        except BaseException:
            self._drop(connection)
            raise
        if not connection.is_usable():
            raise VendorUnreachable("the vendor closed the connection at once")
        if place.pins or place.is_attested:
            self._look_at_key(connection, place)
        if self._timer is None:
            self._sweep(loop)
        return connection

    def _look_at_key(self, connection: _Connection, place: _Place) -> None:
        """Note which key answers, before a byte of any request. Raises PeerKeyUnexpected for one that is not pinned."""
        assert self._key_of is not None
        key = connection.peer_key = self._key_of(connection.certificate())
        if place.pins and f"sha256/{b64encode(key).decode()}" not in place.pins:
            self._drop(connection)
            raise PeerKeyUnexpected("another key answers than those that are pinned")

    def _drop(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        connection.abort()

    def _sweep(self, loop: AbstractEventLoop) -> None:
        """One timer for all connections, none while there are none."""
        now = loop.time()
        for connection in list(self._connections):
            connection.sweep(now)
        if not self._connections:
            self._timer = None
            return
        interval = min(self._timeouts.read_seconds / 4, self._idle_seconds / 4, _SWEEP_SECONDS_MAX)
        self._timer = loop.call_later(max(interval, _SWEEP_SECONDS_MIN), self._sweep, loop)
