"""Closed-loop HTTP/1.1 load in one small process: epoll, prerendered bytes, keep-alive, every answer checked.

Reads its orders as JSON on standard input and writes one JSON object. It runs as a process of its own, so that its
CPU never counts as the peer's, and on bare sockets, because a client library would take more CPU than the fast peers.
Not a general HTTP client: one request in flight a connection, no pipelining, no trailers, no TLS.
"""

import json
import re
import resource
import select
import socket
import sys
import time
from dataclasses import dataclass, field
from itertools import count

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_LAST_CHUNK = b"0\r\n\r\n"
_MAX_BROKEN = 200  # a peer that drops this many connections is not being measured any more


@dataclass(slots=True, kw_only=True)
class _Flight:
    """One connection and the answer it waits for. Mutable: it is the inner loop's scratch space."""

    sock: socket.socket
    sent_at: float = 0.0
    first_byte_at: float = 0.0
    buffer: bytes = b""
    head_end: int = -1
    need: int = -1  # total bytes of the answer; -1 while unknown (chunked, or ended by close)
    chunked: bool = False
    closing: bool = False


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What came back."""

    latencies: list[float] = field(default_factory=list)
    first_bytes: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    bad_bodies: int = 0
    broken: int = 0
    reconnects: int = 0
    events_min: int = 1 << 30
    events_max: int = 0
    sample: str = ""
    last_at: float = 0.0
    in_time: int = 0


def dechunk(body: bytes) -> bytes:
    """The content of a chunked body (RFC 9112 section 7.1); raises ValueError when it is malformed."""
    content = bytearray()
    at = 0
    while True:
        line_end = body.index(b"\r\n", at)
        size = int(body[at:line_end].split(b";")[0], 16)
        if size == 0:
            return bytes(content)
        at = line_end + 2
        content += body[at : at + size]
        at += size + 2


def run(orders: dict[str, object]) -> dict[str, object]:
    """Drive `orders["url"]` for `seconds`, then wait for what is in flight; see `main` for the fields."""
    host, port, path = str(orders["host"]), int(str(orders["port"])), str(orders["path"])
    body = str(orders["body"]).encode()
    headers = orders["headers"]
    assert isinstance(headers, dict)
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}:{port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    # Each request has a number of its own, so that nobody answers from memory what was asked before.
    number = str(orders["number"]).encode()
    before, _, after = ("\r\n".join(lines).encode() + b"\r\n\r\n" + body).partition(number)
    numbers = count(1)
    marker = str(orders["marker"]).encode()
    streamed = bool(orders["stream"])
    seconds = float(str(orders["seconds"]))
    drain_seconds = float(str(orders["drain_seconds"]))
    connections = int(str(orders["connections"]))

    epoll = select.epoll()
    flights: dict[int, _Flight] = {}
    tally = _Tally()

    def connect() -> None:
        """Begin a connection without waiting: a full backlog of the peer must not hold up the other connections."""
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        flights[sock.fileno()] = _Flight(sock=sock, sent_at=clock())
        sock.connect_ex((host, port))
        epoll.register(sock.fileno(), select.EPOLLOUT)

    def request() -> bytes:
        return b"%b%0*d%b" % (before, len(number), next(numbers), after)

    def send(flight: _Flight) -> None:
        flight.buffer, flight.head_end, flight.need = b"", -1, -1
        flight.chunked = flight.closing = False
        flight.first_byte_at = 0.0
        flight.sent_at = clock()
        flight.sock.sendall(request())

    def drop(flight: _Flight) -> None:
        epoll.unregister(flight.sock.fileno())
        del flights[flight.sock.fileno()]
        flight.sock.close()

    clock = time.perf_counter
    begun = clock()
    deadline = begun + seconds
    hard_stop = deadline + drain_seconds
    for _ in range(connections):
        connect()
    while flights and clock() < hard_stop and tally.broken < _MAX_BROKEN:
        for descriptor, event in epoll.poll(0.5):
            flight = flights[descriptor]
            if event == select.EPOLLOUT:
                # Connected. The latency of a first call includes its connection: `sent_at` is left as it is.
                flight.sock.sendall(request())
                epoll.modify(descriptor, select.EPOLLIN)
                continue
            try:
                data = flight.sock.recv(262144)
            except OSError:
                data = b""
            now = clock()
            if data:
                if not flight.first_byte_at:
                    flight.first_byte_at = now
                flight.buffer = flight.buffer + data if flight.buffer else data
                if not _is_complete(flight):
                    continue
            elif not (flight.head_end >= 0 and flight.need < 0 and not flight.chunked):
                # Closed before the end of the answer (an answer without length or chunks ends by closing).
                tally.broken += 1
                drop(flight)
                if now < deadline:
                    connect()
                continue
            _count(tally, flight, now=now, marker=marker, streamed=streamed)
            tally.in_time += now <= deadline
            if not data or flight.closing:
                drop(flight)
                if now < deadline:
                    tally.reconnects += 1
                    connect()
            elif now < deadline:
                send(flight)
            else:
                drop(flight)
    unanswered = len(flights)
    elapsed = (tally.last_at or clock()) - begun
    usage = resource.getrusage(resource.RUSAGE_SELF)
    latencies, first_bytes = sorted(tally.latencies), sorted(tally.first_bytes)
    return {
        "ok": len(latencies),
        "statuses": tally.statuses,
        "bad_bodies": tally.bad_bodies,
        "broken": tally.broken,
        "unanswered": unanswered,
        "reconnects": tally.reconnects,
        "seconds": elapsed,
        # Answers inside the window; a peer too slow to answer once a connection in it is given the time it took, so
        # that a few stragglers (a connection the peer's backlog dropped) do not stretch the time of all others.
        "rps": tally.in_time / seconds if tally.in_time >= connections else len(latencies) / elapsed,
        "p50_ms": _percentile(latencies, 0.50) * 1e3,
        "p99_ms": _percentile(latencies, 0.99) * 1e3,
        "first_byte_p50_ms": _percentile(first_bytes, 0.50) * 1e3,
        "events_min": tally.events_min if streamed and latencies else 0,
        "events_max": tally.events_max,
        "generator_cpu_seconds": usage.ru_utime + usage.ru_stime,
        "sample": tally.sample,
    }


def _is_complete(flight: _Flight) -> bool:
    if flight.head_end < 0:
        flight.head_end = flight.buffer.find(b"\r\n\r\n")
        if flight.head_end < 0:
            return False
        head = flight.buffer[: flight.head_end]
        flight.closing = head.startswith(b"HTTP/1.0") or _CLOSE.search(head) is not None
        length = _LENGTH.search(head)
        if length:
            flight.need = flight.head_end + 4 + int(length[1])
        else:
            flight.chunked = _CHUNKED.search(head) is not None
    if flight.need >= 0:
        return len(flight.buffer) >= flight.need
    return flight.chunked and flight.buffer.endswith(_LAST_CHUNK)


def _count(tally: _Tally, flight: _Flight, *, now: float, marker: bytes, streamed: bool) -> None:
    tally.last_at = now
    buffer = flight.buffer
    status = buffer[9:12].decode("ascii", "replace")
    tally.statuses[status] = tally.statuses.get(status, 0) + 1
    if status != "200":
        return
    events = 0
    if streamed:
        events = buffer.count(b"data: ")
        whole = b"data: [DONE]" in buffer
    else:
        whole = marker in buffer
    if flight.chunked and (not whole or not tally.sample):
        # Chunk framing may cut through what is looked for; look again without it.
        content = dechunk(buffer[flight.head_end + 4 :])
        whole = b"data: [DONE]" in content if streamed else marker in content
        events = content.count(b"data: ")
    if not whole:
        tally.bad_bodies += 1
        return
    if streamed:
        tally.events_min = min(tally.events_min, events)
        tally.events_max = max(tally.events_max, events)
    if not tally.sample:
        content = buffer[flight.head_end + 4 :]
        tally.sample = (dechunk(content) if flight.chunked else content).decode("utf-8", "replace")
    tally.latencies.append(now - flight.sent_at)
    tally.first_bytes.append(flight.first_byte_at - flight.sent_at)


def _percentile(ordered: list[float], share: float) -> float:
    """Nearest rank; 0 for nothing."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def main() -> None:
    """Orders on stdin: host, port, path, headers, body, number, connections, seconds, drain_seconds, marker, stream."""
    json.dump(run(json.load(sys.stdin)), sys.stdout)


if __name__ == "__main__":
    main()
