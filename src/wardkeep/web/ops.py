"""Operations face, on its own port: /livez, /readyz, /metrics. Holds no PHI and needs no credential; bind it privately.

Probes read memory only, so that they answer under load. `/readyz` turns false while the ledger cannot be written, so
that a load balancer sends calls elsewhere (DESIGN section 4).
"""

from collections.abc import Callable
from dataclasses import dataclass

import orjson

from wardkeep.web.asgi import Receive, Scope, Send
from wardkeep.web.metrics import Counts, exposition


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether calls can be taken; `missing` says in a few words what is not there."""

    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationsFace:
    """The ASGI application of the operations port."""

    readiness: Callable[[], Readiness]
    counts: Callable[[], Counts]
    gauges: Callable[[], dict[str, float]]

    async def __call__(
        self,
        scope: Scope,
        receive: Receive,  # noqa: ARG002 - probes have no body
        send: Send,
    ) -> None:
        """Serve one probe."""
        if scope["type"] != "http":
            return
        status, kind, body = self._answer(scope["method"], scope["path"])
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, method: str, path: str) -> tuple[int, bytes, bytes]:
        json_type = b"application/json"
        if method not in {"GET", "HEAD"}:
            return 405, json_type, b'{"error":"GET only"}'
        if path == "/livez":
            return 200, json_type, b'{"live":true}'
        if path == "/readyz":
            missing = self.readiness().missing
            return (503 if missing else 200), json_type, orjson.dumps({"ready": not missing, "missing": missing})
        if path == "/metrics":
            return 200, b"text/plain; version=0.0.4; charset=utf-8", exposition(self.counts(), self.gauges())
        return 404, json_type, b'{"error":"there is /livez, /readyz and /metrics"}'
