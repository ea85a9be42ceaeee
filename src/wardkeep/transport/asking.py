"""One question over HTTP to somebody who holds a key: asked from a thread that may block, answered within a bound.

Our own client of `pool.py`, on an event loop of its own thread, so that it can be called where a loop runs already. The
same rules hold: TLS 1.3, certificates verified, no redirects, no proxies, plain HTTP to this machine only.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from wardkeep.model.sensitive import Secret
from wardkeep.transport.pool import Origin, Pool, Timeouts, UpstreamRequest

_MOST_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request to one origin. `seconds` bounds the whole exchange once connected, and the connecting."""

    origin: Origin
    method: str
    path: str
    headers: tuple[tuple[str, str | Secret[str]], ...]
    body: bytes = field(repr=False)
    seconds: float


def ask(question: Question) -> tuple[int, bytes]:
    """Return status and body. May block for twice the seconds. Raises TransportError, OSError, ssl.SSLError."""
    with ThreadPoolExecutor(1, thread_name_prefix="wardkeep-ask") as thread:
        return thread.submit(asyncio.run, _ask(question)).result()


async def _ask(question: Question) -> tuple[int, bytes]:
    seconds = question.seconds
    pool = Pool([question.origin], max_answer_bytes=_MOST_BYTES)
    try:
        answer = await pool.open(
            UpstreamRequest(
                method=question.method,
                url=question.origin.url.rstrip("/") + question.path,
                headers=question.headers,
                body=question.body,
                origin=question.origin,
                timeouts=Timeouts(connect_seconds=seconds, read_seconds=seconds, total_seconds=seconds),
            )
        )
        try:
            return answer.status, b"".join([chunk async for chunk in answer.chunks()])
        finally:
            await answer.close()
    finally:
        await pool.close()
