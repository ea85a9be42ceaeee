"""Finding entries, one call's life from its request to its end, and proof that an entry is in the signed tree.

45 CFR 164.308(a)(1)(ii)(D), 164.312(b). Looking for entries is a reading of the record: the `read` entry with the range
that was looked through is durable before anything is shown, and what was looked for is sealed in it. Bounded: one look
goes through at most `MOST_LOOKED_AT` entries, newest first, and says where the next one begins.
"""

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

from wardkeep.audit import checkpoint
from wardkeep.audit.checkpoint import VerifierKey
from wardkeep.audit.entry import StoredHeader, decode
from wardkeep.audit.errors import DraftMalformed, NoteInvalid, ProofInvalid
from wardkeep.audit.ledger import Entry, Head
from wardkeep.audit.tree import inclusion_proof, leaf_hash, verify_inclusion
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.reading import AuditReader
from wardkeep.compliance.terms import invalid, require
from wardkeep.model.registry import Person
from wardkeep.policy.roles import Permission

MOST_LOOKED_AT: Final = 20_000
MOST_PROVED: Final = 50_000
_PORTION: Final = 1024
_NEAR: Final = 5_000
_PROOF_VERSION: Final = "c2sp.org/tlog-proof@v1"
# A clock may step back by a little; entries are in order of index, not of time.
_SLACK: Final = 64


class Explored(Protocol):
    """The ledger as it is explored; see `audit.ledger`."""

    @property
    def verifier_key(self) -> VerifierKey:
        """The log's published name and key."""
        ...

    async def head(self) -> Head:
        """Return the durable head."""
        ...

    async def read(self, index: int) -> Entry | None:
        """Return one entry."""
        ...

    async def leaves(self, start: int, stop: int) -> list[tuple[bytes, bytes]]:
        """Return (header, leaf hash) in order."""
        ...

    async def indices_of(self, ids: Sequence[bytes]) -> dict[bytes, int]:
        """Return the index of each entry id that is stored."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for: fields of headers and their exact values, and a day as the organisation counts days."""

    fields: dict[str, str] = field(default_factory=dict)
    day: date | None = None

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return not self.fields and self.day is None


FIELDS: Final = ("type", "decision", "vendor", "purpose", "workspace", "actor", "route", "baa", "deployment", "region")


class _Peek(msgspec.Struct, frozen=True):
    """The header fields that can be looked for."""

    at: str = ""
    type: str | None = None
    decision: str | None = None
    vendor: str | None = None
    purpose: str | None = None
    workspace: str | None = None
    actor: str | None = None
    route: str | None = None
    baa: str | None = None
    deployment: str | None = None
    region: str | None = None


_PEEK: Final = msgspec.json.Decoder(_Peek)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Entries that fit, newest first. `older` is where the next look begins, None when the beginning was reached."""

    headers: Sequence[bytes]
    looked_from: int
    looked_to: int
    older: int | None
    size: int
    read_index: int


async def find(
    ledger: Explored, reader: AuditReader, *, by: Person, wanted: Wanted, before: int | None, most: int, zone: str
) -> Found:
    """Return the newest entries below `before` that fit.

    Raises:
        NotAllowed: no permission, or a field that cannot be looked for.
        LedgerUnavailable: the reading could not be recorded, so nothing is shown.
    """
    require(by, Permission.LEDGER_READ)
    if not wanted.fields.keys() <= set(FIELDS):
        raise invalid("filter", f"one of {', '.join(FIELDS)}")
    size = (await ledger.head()).size
    stop, floor = min(size, size if before is None else max(0, before)), 0
    if wanted.day is not None:
        floor, ceiling = await _days_entries(ledger, wanted.day, zone, size)
        stop = min(stop, ceiling)
    at, found = stop, list[bytes]()
    while at > floor and len(found) < most and stop - at < MOST_LOOKED_AT:
        start = max(floor, at - _PORTION)
        for number, (header, _) in enumerate(reversed(await ledger.leaves(start, at))):
            if _fits(header, wanted, zone):
                found.append(header)
                if len(found) == most:
                    start = at - number - 1
                    break
        at = start
    detail: dict[str, str | int | bool] = {"action": "find", "from": at, "to": stop, "shown": len(found)}
    sought = {**wanted.fields, **({} if wanted.day is None else {"day": wanted.day.isoformat()})}
    index = await _record(reader, by, detail, {"wanted": sought})
    older = at if at > floor else None
    return Found(headers=found, looked_from=at, looked_to=stop, older=older, size=size, read_index=index)


def _fits(header: bytes, wanted: Wanted, zone: str) -> bool:
    if wanted.is_all:
        return True
    try:
        peeked = _PEEK.decode(header)
        if wanted.day is not None and datetime.fromisoformat(peeked.at).astimezone(ZoneInfo(zone)).date() != wanted.day:
            return False
    except (msgspec.DecodeError, ValueError):
        return False
    return all(getattr(peeked, name) == value for name, value in wanted.fields.items())


async def _days_entries(ledger: Explored, day: date, zone: str, size: int) -> tuple[int, int]:
    """Return a range that holds all entries of a day, by halving: times rise with the index but for small steps."""

    async def first_from(wanted: date) -> int:
        low, high = 0, size
        while low < high:
            middle = (low + high) // 2
            rows = await ledger.leaves(middle, middle + 1)
            there = datetime.fromisoformat(_PEEK.decode(rows[0][0]).at).astimezone(ZoneInfo(zone)).date()
            low, high = (middle + 1, high) if there < wanted else (low, middle)
        return low

    start = await first_from(day)
    if day == date.max:
        return max(0, start - _SLACK), size  # no day follows the calendar's last
    return max(0, start - _SLACK), min(size, await first_from(day + timedelta(days=1)) + _SLACK)


# ---- one entry and what belongs to it --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """An entry, the request it belongs to, and how that call went on; not whole when its end was not found."""

    header: StoredHeader
    raw: bytes
    leaf_hash: bytes
    payload_bytes: int | None
    request: StoredHeader | None
    segments: tuple[int, ...]
    closing: StoredHeader | None
    is_whole: bool
    size: int
    read_index: int


async def life_of(ledger: Explored, reader: AuditReader, *, by: Person, index: int) -> Life:
    """Return one entry with its call.

    Raises:
        NotAllowed: no permission, or no such entry.
        LedgerUnavailable: the reading could not be recorded, so nothing is shown.
    """
    require(by, Permission.LEDGER_READ)
    head = await ledger.head()
    entry = await ledger.read(index) if 0 <= index < head.size else None
    header = None if entry is None else _decoded(entry.header)
    if entry is None or header is None:
        raise NotAllowed(
            "not_found",
            what="There is no such entry.",
            why=f"The ledger has {head.size} entries, numbered from 0.",
            fix="Look it up in the ledger's list.",
            status=404,
        )
    request = header if header.type == "request" else None
    if request is None and header.parent is not None:
        parent = bytes.fromhex(header.parent)
        at = (await ledger.indices_of((parent,))).get(parent)
        rows = await ledger.leaves(at, at + 1) if at is not None else []
        request = _decoded(rows[0][0]) if rows else None
    segments, closing = await _rest(ledger, request, head.size)
    detail: dict[str, str | int | bool] = {"action": "entry", "entry": index}
    read_index = await _record(reader, by, detail, {})
    return Life(
        header=header,
        raw=entry.header,
        leaf_hash=entry.leaf_hash,
        payload_bytes=None if entry.payload is None else len(entry.payload),
        request=request,
        segments=segments,
        closing=closing,
        is_whole=request is None or closing is not None,
        size=head.size,
        read_index=read_index,
    )


async def _rest(
    ledger: Explored, request: StoredHeader | None, size: int
) -> tuple[tuple[int, ...], StoredHeader | None]:
    """Return the segments after a request and the entry that closes it, as far as they stand near."""
    segments: list[int] = []
    if request is None:
        return (), None
    at, stop = request.index + 1, min(size, request.index + 1 + _NEAR)
    mark = f'"parent":"{request.id}"'.encode()
    while at < stop:
        rows = await ledger.leaves(at, min(stop, at + _PORTION))
        for header, _ in rows:
            if mark in header and (found := _decoded(header)) is not None:
                if found.type != "segment":
                    return tuple(segments), found
                segments.append(found.index)
        at += max(1, len(rows))
    return tuple(segments), None


def _decoded(leaf: bytes) -> StoredHeader | None:
    try:
        return decode(leaf)
    except DraftMalformed:
        return None


# ---- proof -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was checked of one entry; `problem` is None when all holds, `text` a file (C2SP tlog-proof)."""

    index: int
    size: int
    steps: int
    problem: str | None
    text: bytes


async def prove(ledger: Explored, index: int) -> Proof:
    """Check that the stored bytes of an entry lead to the signed root, and return the proof.

    Raises:
        NotAllowed: no such entry, or the ledger is too large for a page.
        LedgerUnavailable: the ledger cannot be read.
    """
    head = await ledger.head()
    if not 0 <= index < head.size:
        raise invalid("index", f"below the ledger's {head.size} entries")
    if head.size > MOST_PROVED:
        raise NotAllowed(
            "too_large_for_a_page",
            what=f"The ledger has more than {MOST_PROVED} entries.",
            why="A proof over all of them would hold up the page, and the calls beside it.",
            fix=f"Run `wardkeep verify --prove {index} --out FILE` on the host, and `wardkeep verify FILE` anywhere.",
            status=409,
        )
    rows = await ledger.leaves(0, head.size)
    header = rows[index][0]
    # In a thread: the tree of so many leaves takes longer than a call beside it may wait.
    path = await asyncio.to_thread(inclusion_proof, [leaf for _, leaf in rows], index)
    problem = None
    try:
        stated = checkpoint.verify(head.note, ledger.verifier_key)
        verify_inclusion(leaf=leaf_hash(header), index=index, size=stated.size, proof=path, expected_root=stated.root)
    except (NoteInvalid, ProofInvalid) as error:
        problem = str(error)
    lines = [_PROOF_VERSION, "extra " + b64encode(header).decode(), f"index {index}"]
    text = "\n".join([*lines, *(b64encode(node).decode() for node in path)]).encode()
    return Proof(index=index, size=head.size, steps=len(path), problem=problem, text=text + b"\n\n" + head.note)


async def record_export(reader: AuditReader, *, by: Person, rows: int, start: int, stop: int, sha256: str) -> int:
    """Record that a list left the console: how many rows, of which range, and the file's hash. Returns the index."""
    detail: dict[str, str | int | bool] = {
        "action": "export", "from": start, "to": stop, "rows": rows, "sha256": sha256
    }  # fmt: skip
    return await _record(reader, by, detail, {})


async def record_list(reader: AuditReader, *, by: Person, name: str, rows: int, sha256: str) -> int:
    """Record that a register left the console: which, how many rows, and the file's hash. Returns the index."""
    detail: dict[str, str | int | bool] = {"action": "export", "list": name, "rows": rows, "sha256": sha256}
    return await _record(reader, by, detail, {})


async def _record(
    reader: AuditReader, by: Person, detail: dict[str, str | int | bool], sealed: dict[str, object]
) -> int:
    draft = reader.entries.draft("read", actor=f"person:{by.id}", detail=detail, payload=msgspec.json.encode(sealed))
    return (await reader.ledger.append([draft]))[0].index
