"""Close requests that nobody will close any more, saying exactly what was released for them (45 CFR 164.312(b)).

A segment is durable before its bytes leave, so the stored segments of a request are an upper bound of what its caller
was given, and the only honest answer after a crash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import msgspec

from wardkeep.audit.entry import Draft, Header, StoredHeader, decode, encode_body
from wardkeep.storage.ledger_store import LedgerStore, OpenRow

_ABORT_LABEL: Final = b"wardkeep/aborted/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When something is recorded: wall time, monotonic nanoseconds, and the boot that the latter count from."""

    at: str
    mono: int
    boot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Released:
    segments: int = 0
    ciphertext_bytes: int = 0


def aborted_drafts(file: LedgerStore, requests: Sequence[OpenRow], cause: str, moment: Moment) -> list[Draft]:
    """Return one `aborted` draft for each open request, ready for the ordinary append.

    The id follows from the request's, so that closing twice is one entry.
    """
    if not requests:
        return []
    released = _released(file, min(row[1] for row in requests))
    return [_aborted(file, row, cause, moment, released) for row in requests]


def abort_id(request_id: bytes) -> bytes:
    """Return the id of the entry that aborts a request: a UUIDv8 (RFC 9562 section 5.8) of its id."""
    raw = bytearray(sha256(_ABORT_LABEL + request_id).digest()[:16])
    raw[6] = 0x80 | raw[6] & 0x0F
    raw[8] = 0x80 | raw[8] & 0x3F
    return bytes(raw)


def _aborted(file: LedgerStore, row: OpenRow, cause: str, moment: Moment, released: Mapping[str, _Released]) -> Draft:
    request_id, index, owner, _ = row
    request = decode(file.rows(index, index + 1)[0][2])
    given = released.get(request_id.hex(), _Released())
    new_id = abort_id(request_id)
    header = Header(
        type="aborted",
        id=new_id.hex(),
        at=moment.at,
        mono=moment.mono,
        boot=moment.boot,
        parent=request_id.hex(),
        detail={"cause": cause, "segments": given.segments, "ct_bytes": given.ciphertext_bytes},
    )
    header = msgspec.structs.replace(header, **_same_call(request))
    return Draft(id=new_id, kind="aborted", body=encode_body(header), owner=owner, closes=request_id)


def _same_call(request: StoredHeader) -> dict[str, str]:
    """Return what makes the closing entry findable by the same columns as its request."""
    names = ("actor", "workspace", "purpose", "subject", "surface", "route", "deployment", "vendor", "baa", "policy")
    fields = msgspec.structs.asdict(request)
    return {name: fields[name] for name in names if fields[name] is not None}


def _released(file: LedgerStore, since: int) -> dict[str, _Released]:
    totals: dict[str, _Released] = {}
    for leaf in file.headers_of_kind("segment", since):
        segment = decode(leaf)
        if segment.parent is not None:
            before = totals.get(segment.parent, _Released())
            totals[segment.parent] = _Released(
                segments=before.segments + 1, ciphertext_bytes=before.ciphertext_bytes + (segment.ct_len or 0)
            )
    return totals
