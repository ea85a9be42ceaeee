"""Simulated vendors in a real HTTP(S) server process: both wire formats, every failure a test or the demo needs.

``python -m wardkeep.demo.simulator --port 0 --port-file F`` listens on loopback only and speaks as OpenAI
(``/v1/chat/completions``, ``/v1/embeddings``, ``/v1/models``) and as Anthropic (``/v1/messages``,
``/v1/messages/count_tokens``, ``/v1/models``). The model name chooses the behaviour, so that an unmodified client can
steer it through a proxy:

===================  ==================================================================================================
sim-echo             a summary that quotes the tokens and the words of the last user message
sim-tools            calls the tools offered; after a tool result, text that quotes it
sim-json             a JSON document, by the schema if one is given
sim-think(-tools)    a signed thinking block, then text (or tool calls); a changed block is refused when it comes back
sim-long, sim-count  many events; only counts of what was received
sim-slow             waits (``delay_ms``, ``event_delay_ms``)
sim-drop             closes the connection after ``drop_after`` bytes of the body
sim-garbage          bytes that are neither JSON nor events
sim-error-<status>   400 401 403 404 429 500 503 529 in the vendor's shape; sim-error-stream breaks off inside a stream
sim-embed            embeddings (any model answers these as well)
===================  ==================================================================================================

Control, for tests: ``POST /_sim/config`` (see :class:`~wardkeep.demo.sim_behaviour.Behaviour`), ``GET /_sim/seen``,
``POST /_sim/reset``, ``GET /_sim/stats``. Whoever reaches the port can read all that was received, which is why it
listens on loopback only. It imports nothing of the gateway, so that it can be its independent witness.
"""

import argparse
import asyncio
import base64
import hmac
import itertools
import os
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wardkeep.demo import sim_anthropic, sim_openai
from wardkeep.demo.sim_behaviour import Behaviour, BehaviourError, RejectedError, changed, cut_after, writes
from wardkeep.demo.sim_words import Prompt, Reply, Stamp, compose

OPENAI_KEY: Final = "sk-sim-openai-key"
ANTHROPIC_KEY: Final = "sk-ant-sim-anthropic-key"

_GARBAGE_BODY: Final = b'{"id": "broken", "choices": [{"mess\xff\x00'
_GARBAGE_EVENTS: Final = (b"data: {\xff not json\n\n", b"event: nonsense\ndata: }{\n\n", b"no colon here\r\r\n\n")
_GOOD_EVENTS_BEFORE_GARBAGE: Final = 3
_RETRY_STATUSES: Final = frozenset({429, 503, 529})
_LOGGED_PATHS: Final = frozenset(
    {"/v1/chat/completions", "/v1/embeddings", "/v1/models", "/v1/messages", "/v1/messages/count_tokens"}
)

Headers = tuple[tuple[bytes, bytes], ...]
Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request exactly as it arrived."""

    method: str
    target: str
    headers: Headers
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def header(self, name: str) -> str:
        """The first header of that name, or an empty string."""
        wanted = name.encode()
        return next((value.decode("latin-1") for key, value in self.headers if key == wanted), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What goes back: one body, or a stream of events, and how the line behaves meanwhile."""

    status: int = 200
    headers: Headers = ()
    body: bytes = b""
    events: Iterable[bytes] | None = None
    wait_ms: int = 0
    gap_ms: int = 0
    drop_after: int | None = None


@dataclass(slots=True, kw_only=True)
class Simulator:
    """The state of one simulator process: the behaviour in force and what was received since the last reset."""

    openai_key: str = OPENAI_KEY
    anthropic_key: str = ANTHROPIC_KEY
    log: TextIO | None = None
    #: Only the newest requests are kept, so that a load test does not eat the machine.
    seen: deque[Seen] = field(default_factory=lambda: deque(maxlen=10_000))
    behaviour: Behaviour = field(default_factory=Behaviour)
    serials: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    requests: int = 0
    connections: int = 0
    disconnects: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3)."""
        request = await _read(scope, receive)
        if request.path.startswith("/_sim/"):
            await _deliver(self, self._control(request), receive, send)
            return
        self.requests += 1
        self.seen.append(request)
        outcome = self._answer(request)
        if self.log is not None:
            self.log.write(_log_line(request, outcome))
        await _deliver(self, outcome, receive, send)

    def _answer(self, request: Seen) -> Outcome:
        """Choose the surface and let it answer, or refuse in its shape."""
        serial = next(self.serials)
        as_anthropic = request.path.startswith("/v1/messages") or bool(request.header("anthropic-version"))
        try:
            if as_anthropic:
                return self._anthropic(request, serial)
            return self._openai(request, serial)
        except RejectedError as rejected:
            headers = _vendor_headers(serial, as_anthropic=as_anthropic)
            if rejected.status in _RETRY_STATUSES:
                headers += ((b"retry-after", self.behaviour.retry_after.encode()),)
            request_id = f"req_{serial:024x}"
            body = sim_anthropic.error_body(rejected, request_id) if as_anthropic else sim_openai.error_body(rejected)
            return Outcome(status=rejected.status, headers=headers, body=body)

    def _openai(self, request: Seen, serial: int) -> Outcome:
        scheme, _, key = request.header("authorization").partition(" ")
        if scheme.lower() != "bearer" or not _same(key, self.openai_key):
            raise sim_openai.bad_key(key)
        headers = _vendor_headers(serial, as_anthropic=False)
        match request.method, request.path:
            case "POST", "/v1/chat/completions":
                return self._chat(sim_openai.read_chat(_json(request)), headers, serial)
            case "POST", "/v1/embeddings":
                return Outcome(headers=headers, body=sim_openai.embeddings_body(_json(request)))
            case "GET", "/v1/models":
                return Outcome(headers=headers, body=sim_openai.models_body())
            case "GET", path if path.startswith("/v1/models/"):
                return Outcome(headers=headers, body=sim_openai.model_body(path.removeprefix("/v1/models/")))
            case method, path:
                raise RejectedError(404, f"Invalid URL ({method} {path})", code="unknown_url")

    def _anthropic(self, request: Seen, serial: int) -> Outcome:
        # The vendor takes the key in either header; its SDKs send the second since their releases of October 2026.
        key = request.header("x-api-key") or request.header("authorization").removeprefix("Bearer ")
        if not key:
            raise RejectedError(401, "x-api-key header is required")
        if not _same(key, self.anthropic_key):
            raise RejectedError(401, "invalid x-api-key")
        version = request.header("anthropic-version")
        sim_anthropic.check_version(version)
        headers = _vendor_headers(serial, as_anthropic=True)
        beta = bool(request.header("anthropic-beta"))
        match request.method, request.path:
            case "POST", "/v1/messages":
                prompt = sim_anthropic.read_messages(_json(request), version=version, beta=beta)
                return self._message(prompt, headers, serial)
            case "POST", "/v1/messages/count_tokens":
                prompt = sim_anthropic.read_messages(_json(request), version=version, beta=beta, needs_max_tokens=False)
                return Outcome(headers=headers, body=sim_anthropic.count_body(prompt))
            case "GET", "/v1/models":
                return Outcome(headers=headers, body=sim_anthropic.models_body())
            case "GET", path if path.startswith("/v1/models/"):
                return Outcome(headers=headers, body=sim_anthropic.model_body(path.removeprefix("/v1/models/")))
            case _:
                raise RejectedError(404, "Not found")

    def _chat(self, prompt: Prompt, headers: Headers, serial: int) -> Outcome:
        status = _named_status(prompt)
        if status is not None:
            raise sim_openai.named_error(status, prompt)
        reply = self._compose(prompt)
        stamp = Stamp(serial=serial, created=int(time.time()))
        if not prompt.stream:
            return self._shaped(prompt, headers, body=sim_openai.chat_body(reply, prompt, stamp))
        events = sim_openai.chat_events(reply, prompt, stamp, self.behaviour)
        failure = sim_openai.error_event(sim_openai.named_error(500, prompt), self.behaviour)
        return self._shaped(prompt, headers, events=events, failure=failure)

    def _message(self, prompt: Prompt, headers: Headers, serial: int) -> Outcome:
        status = _named_status(prompt)
        if status is not None:
            raise sim_anthropic.named_error(status, prompt)
        reply = self._compose(prompt)
        stamp = Stamp(serial=serial, created=int(time.time()))
        if not prompt.stream:
            return self._shaped(prompt, headers, body=sim_anthropic.message_body(reply, prompt, stamp))
        events = sim_anthropic.message_events(reply, prompt, stamp, self.behaviour)
        overloaded = sim_anthropic.named_error(529, prompt)
        failure = sim_anthropic.error_event(overloaded, self.behaviour, f"req_{serial:024x}")
        return self._shaped(prompt, headers, events=events, failure=failure)

    def _compose(self, prompt: Prompt) -> Reply:
        behaviour = self.behaviour
        return compose(
            prompt,
            reply=behaviour.reply,
            events=behaviour.events,
            calls=behaviour.calls,
            chosen=(behaviour.tool, behaviour.arguments) if behaviour.tool else None,
            ascii_arguments=behaviour.ascii_arguments,
        )

    def _shaped(
        self,
        prompt: Prompt,
        headers: Headers,
        *,
        body: bytes = b"",
        events: Iterator[bytes] | None = None,
        failure: bytes = b"",
    ) -> Outcome:
        """Give a good answer the bad manners that its model name asks for."""
        behaviour = self.behaviour
        slow = prompt.model == "sim-slow"
        if prompt.model == "sim-garbage":
            body = _GARBAGE_BODY
            events = events and itertools.chain(itertools.islice(events, _GOOD_EVENTS_BEFORE_GARBAGE), _GARBAGE_EVENTS)
        if prompt.model == "sim-error-stream":
            events = events and itertools.chain(itertools.islice(events, _GOOD_EVENTS_BEFORE_GARBAGE), (failure,))
        return Outcome(
            headers=headers,
            body=body,
            events=events,
            wait_ms=behaviour.delay_ms if slow else 0,
            gap_ms=behaviour.event_delay_ms if slow else 0,
            drop_after=behaviour.drop_after if prompt.model == "sim-drop" else None,
        )

    def _control(self, request: Seen) -> Outcome:
        match request.method, request.path:
            case "POST", "/_sim/config":
                try:
                    self.behaviour = changed(self.behaviour, _json(request))
                except (BehaviourError, RejectedError) as error:
                    return Outcome(status=400, body=orjson.dumps({"error": str(error)}))
                return Outcome(body=orjson.dumps(asdict(self.behaviour)))
            case "POST", "/_sim/reset":
                self.seen.clear()
                self.behaviour = Behaviour()
                self.requests = self.connections = self.disconnects = 0
                return Outcome(body=b"{}")
            case "GET", "/_sim/seen":
                return Outcome(body=orjson.dumps([_described(one) for one in self.seen]))
            case "GET", "/_sim/stats":
                counts = {
                    "requests": self.requests,
                    "connections": self.connections,
                    "disconnects": self.disconnects,
                    "kept": len(self.seen),
                }
                return Outcome(body=orjson.dumps(counts))
            case _:
                return Outcome(status=404, body=b'{"error": "no such control"}')


def serve(
    simulator: Simulator, *, port: int, port_file: Path | None, tls_cert: Path | None, tls_key: Path | None
) -> None:
    """Listen on loopback and serve until SIGTERM or SIGINT; connections queue from the moment the port is written."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    config = uvicorn.Config(
        simulator,
        http=_counting_protocol(simulator),
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        ssl_certfile=tls_cert,
        ssl_keyfile=tls_key,
    )
    # Loads the certificate: the port is announced only when nothing can stop the start any more.
    config.load()
    if port_file is not None:
        _write_port(port_file, listener.getsockname()[1])
    uvicorn.Server(config).run(sockets=[listener])


def main(arguments: list[str] | None = None, kind: type[Simulator] | None = None) -> None:
    """Parse the command line and serve; tests give another kind of simulator."""
    parser = argparse.ArgumentParser(prog="wardkeep-simulator", description="Simulated AI vendors on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--port-file", type=Path, help="file that receives the port; a pipe works as well")
    parser.add_argument("--tls-cert", type=Path, help="PEM certificate chain; turns HTTPS on")
    parser.add_argument("--tls-key", type=Path, help="PEM private key")
    parser.add_argument("--log", type=Path, help="one JSON line a request, without content")
    parser.add_argument("--openai-key", default=OPENAI_KEY)
    parser.add_argument("--anthropic-key", default=ANTHROPIC_KEY)
    chosen = parser.parse_args(arguments)
    if (chosen.tls_cert is None) != (chosen.tls_key is None):
        parser.error("--tls-cert and --tls-key go together")
    # Line buffered: a test that reads the log sees every request that was answered.
    log = chosen.log.open("a", buffering=1, encoding="utf-8") if chosen.log is not None else None
    simulator = (kind or Simulator)(openai_key=chosen.openai_key, anthropic_key=chosen.anthropic_key, log=log)
    try:
        serve(
            simulator,
            port=chosen.port,
            port_file=chosen.port_file,
            tls_cert=chosen.tls_cert,
            tls_key=chosen.tls_key,
        )
    finally:
        if log is not None:
            log.close()


async def _read(scope: Scope, receive: Receive) -> Seen:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    query = scope["query_string"]
    raw_path = scope["raw_path"].partition(b"?")[0]
    target = raw_path + (b"?" + query if query else b"")
    return Seen(
        method=scope["method"],
        target=target.decode("latin-1"),
        headers=tuple((bytes(name), bytes(value)) for name, value in scope["headers"]),
        body=b"".join(parts),
    )


async def _deliver(simulator: Simulator, outcome: Outcome, receive: Receive, send: Send) -> None:
    """Write the outcome, one socket write for each cut, and stop when the caller has gone."""
    if _is_plain(outcome, simulator.behaviour):
        await send({"type": "http.response.start", "status": outcome.status, "headers": _head(outcome)})
        await send({"type": "http.response.body", "body": outcome.body})
        return
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        if outcome.wait_ms:
            await asyncio.wait({gone}, timeout=outcome.wait_ms / 1000)
        await send({"type": "http.response.start", "status": outcome.status, "headers": _head(outcome)})
        sent_all = await _send_body(simulator.behaviour, outcome, gone, send)
        if gone.done():
            simulator.disconnects += 1
        if sent_all:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        # Otherwise return with the body unfinished: the server then closes the connection, as a vendor's proxy does.
    finally:
        gone.cancel()


def _is_plain(outcome: Outcome, behaviour: Behaviour) -> bool:
    """Whether the answer is one write without manners: the common case, kept cheap for load tests."""
    unhurried = outcome.events is None and not outcome.wait_ms and outcome.drop_after is None
    return unhurried and behaviour.chunk in {"event", "whole"}


async def _send_body(behaviour: Behaviour, outcome: Outcome, gone: "asyncio.Future[None]", send: Send) -> bool:
    """Send the body. Returns whether it is complete."""
    events = (outcome.body,) if outcome.events is None else outcome.events
    body = writes(events, behaviour)
    if outcome.drop_after is not None:
        body = cut_after(body, outcome.drop_after)
    for part in body:
        if gone.done():
            return False
        await send({"type": "http.response.body", "body": part, "more_body": True})
        if outcome.gap_ms:
            await asyncio.wait({gone}, timeout=outcome.gap_ms / 1000)
        else:
            # The event loop joins writes of one turn; a turn between them keeps every cut a write of its own.
            await asyncio.sleep(0)
    return outcome.drop_after is None


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


def _head(outcome: Outcome) -> list[tuple[bytes, bytes]]:
    if outcome.events is not None:
        kind = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
    else:
        length = str(len(outcome.body)).encode()
        kind = [(b"content-type", b"application/json"), (b"content-length", length)]
    return [*kind, *outcome.headers]


def _vendor_headers(serial: int, *, as_anthropic: bool) -> Headers:
    request_id = f"req_{serial:024x}".encode()
    if as_anthropic:
        return (
            (b"request-id", request_id),
            (b"anthropic-organization-id", b"00000000-0000-4000-8000-000000000000"),
            (b"anthropic-ratelimit-requests-remaining", b"999"),
        )
    return (
        (b"x-request-id", request_id),
        (b"openai-version", b"2020-10-01"),
        (b"openai-processing-ms", b"1"),
        (b"x-ratelimit-remaining-requests", b"999"),
    )


def _json(request: Seen) -> Any:
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise RejectedError(400, "We could not parse the JSON body of your request.") from error


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("latin-1", "replace"), wanted.encode())


def _named_status(prompt: Prompt) -> int | None:
    if prompt.model == "sim-error-stream":
        return None if prompt.stream else 500
    status = prompt.model.removeprefix("sim-error-")
    return int(status) if status.isdigit() else None


def _described(seen: Seen) -> dict[str, Any]:
    return {
        "method": seen.method,
        "path": seen.target,
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in seen.headers],
        "body": base64.b64encode(seen.body).decode(),
    }


def _log_line(request: Seen, outcome: Outcome) -> str:
    # Only known words go to the log: an unknown path or model is text from the caller, who may have put anything there.
    known_path = request.path if request.path in _LOGGED_PATHS else "other"
    line = {
        "method": request.method,
        "path": known_path,
        "status": outcome.status,
        "bytes_in": len(request.body),
        "stream": outcome.events is not None,
    }
    return orjson.dumps(line).decode() + "\n"


def _counting_protocol(simulator: Simulator) -> type[HttpToolsProtocol]:
    """An HTTP protocol that counts connections, TLS ones once their handshake is done."""

    class CountingProtocol(HttpToolsProtocol):
        """One client connection."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            """Count, then serve."""
            simulator.connections += 1
            super().connection_made(transport)

    return CountingProtocol


def _write_port(port_file: Path, port: int) -> None:
    line = f"{port}\n"
    if port_file.exists() and not port_file.is_file():
        # A pipe: the reader wakes up by this write and needs no polling.
        port_file.write_text(line, encoding="ascii")
        return
    staged = port_file.with_name(f"{port_file.name}.{os.getpid()}")
    staged.write_text(line, encoding="ascii")
    # A reader sees no file or the whole port, never half of it.
    staged.replace(port_file)


if __name__ == "__main__":
    main()
