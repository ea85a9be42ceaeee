"""Time stamps on checkpoints (RFC 3161): an outside clock says when a head existed at the latest.

Each is kept as a pair in `log/timestamps`: `<size>.note`, the signed head, and `<size>.tsr`, the authority's answer
over the text that the log signed. Nothing of an entry is sent: the query holds a hash.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from wardkeep.audit import checkpoint as notes
from wardkeep.audit.cosignature import text_of
from wardkeep.audit.errors import TimestampRefused
from wardkeep.crypto.errors import SignatureInvalid
from wardkeep.crypto.timestamp import timestamp_query
from wardkeep.storage.files import write_whole
from wardkeep.transport.errors import TransportError
from wardkeep.transport.pool import Pool, Timeouts, UpstreamRequest

TIMESTAMPS: Final = "timestamps"
_OK: Final = 200
_TIMEOUTS: Final = Timeouts(connect_seconds=5.0, read_seconds=10.0, total_seconds=15.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A head of this size existed at this time, by the authority's word."""

    size: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Timestamper:
    """Asks one authority. `roots` (PEM) are what its certificate must come from."""

    url: str
    roots: bytes
    pool: Pool
    directory: Path

    async def stamp(self, note: bytes) -> Stamp:
        """Have a checkpoint stamped, check the answer, and keep both.

        Raises:
            TimestampRefused: the authority does not answer, or not with a stamp that verifies.
            StoreUnavailable: the pair could not be kept.
        """
        size = notes.parse(note).size
        try:
            query = timestamp_query(text_of(note), self.roots)
            response = await self._ask(query.der)
            at = query.check(response)
        except SignatureInvalid as error:
            raise TimestampRefused(str(error)) from error
        write_whole(self.directory / TIMESTAMPS / f"{size}.note", note)
        write_whole(self.directory / TIMESTAMPS / f"{size}.tsr", response)
        return Stamp(size=size, at=at)

    async def _ask(self, query: bytes) -> bytes:
        request = UpstreamRequest(
            method="POST",
            url=self.url,
            headers=(("content-type", "application/timestamp-query"),),
            body=query,
            timeouts=_TIMEOUTS,
        )
        try:
            answer = await self.pool.open(request)
            try:
                body = b"".join([part async for part in answer.chunks()])
            finally:
                await answer.close()
        except TransportError as error:
            raise TimestampRefused(f"the authority does not answer ({type(error).__name__})") from error
        if answer.status != _OK:
            raise TimestampRefused(f"the authority answers {answer.status}")
        return body
