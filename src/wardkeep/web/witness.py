"""The witness's face: C2SP tlog-witness over HTTP, and what its operator watches.

    POST /add-checkpoint            offer a head; 200 with the cosignature, or why not
    GET  /checkpoint/<sha256 hex>   the newest cosigned note of a log, by the hash of its origin
    GET  /livez, /readyz, /metrics  a log that has been silent too long, or was refused for cause, is not ready

There is no authentication beyond the log's own signature (C2SP tlog-witness). Nothing identifiable passes here: heads
are hashes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson

from wardkeep.audit.witness import MOST_BODY_BYTES, Answer, Status, Witness
from wardkeep.storage.errors import StoreUnavailable
from wardkeep.web.asgi import Receive, Scope, Send

_FOR_CAUSE: Final = ("rolled_back", "forked")


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessFace:
    """The ASGI application of a witness. `silent_seconds` 0 means silence is no matter."""

    witness: Witness
    silent_seconds: int
    on_event: Callable[[str], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        answer = await self._answer(scope["method"], scope["path"], receive)
        headers = [(b"content-type", answer.kind), (b"content-length", str(len(answer.body)).encode())]
        await send({"type": "http.response.start", "status": answer.status.value, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, method: str, path: str, receive: Receive) -> Answer:
        if method == "POST" and path == "/add-checkpoint":
            body = await _body(receive)
            if body is None:
                return Answer(status=Status.TOO_LARGE)
            try:
                # No await between check and persist: requests cannot both extend one head.
                answer = self.witness.add_checkpoint(body)
            except StoreUnavailable:
                self.on_event("state_unwritable")
                return Answer(status=Status.UNAVAILABLE)
            if answer.event in _FOR_CAUSE:
                self.on_event(answer.event)
            return answer
        if method != "GET":
            return Answer(status=Status.METHOD_NOT_ALLOWED)
        if path.startswith("/checkpoint/"):
            return self.witness.latest(path.removeprefix("/checkpoint/"))
        match path:
            case "/livez":
                return _json(Status.OK, {"live": True})
            case "/readyz":
                missing = self.missing()
                return _json(
                    Status.UNAVAILABLE if missing else Status.OK,
                    {"ready": not missing, "missing": missing},
                )
            case "/metrics":
                return Answer(status=Status.OK, body=self._metrics(), kind=b"text/plain; version=0.0.4")
        return Answer(status=Status.NOT_FOUND)

    def missing(self) -> list[str]:
        """Return what the witness's operator should look at now."""
        found = [event for event in _FOR_CAUSE if self.witness.counts.get(event)]
        if self.silent_seconds and self._longest_silence() > self.silent_seconds:
            found.append("log_silent")
        return found

    def _longest_silence(self) -> int:
        now = self.witness.now_unix()
        return max((now - seen.at_unix for seen in self.witness.seen.values()), default=0)

    def _metrics(self) -> bytes:
        lines = [
            "# TYPE wardkeep_witness_answers counter",
            *(f'wardkeep_witness_answers{{event="{e}"}} {n}' for e, n in sorted(self.witness.counts.items())),
            "# TYPE wardkeep_witness_logs gauge",
            f"wardkeep_witness_logs {len(self.witness.logs)}",
            "# TYPE wardkeep_witness_longest_silence_seconds gauge",
            f"wardkeep_witness_longest_silence_seconds {self._longest_silence()}",
        ]
        return "\n".join([*lines, ""]).encode()


async def _body(receive: Receive) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MOST_BODY_BYTES:
            return None
        if not message.get("more_body"):
            return bytes(body)


def _json(status: Status, value: object) -> Answer:
    return Answer(status=status, body=orjson.dumps(value), kind=b"application/json")
