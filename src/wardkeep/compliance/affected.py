"""Who is affected by an incident: computed from the ledger's headers (45 CFR 164.404(a)(1), 164.410(c)(1)).

Headers name subjects by a blind index, never by name. Calls that name no subject are not dropped but counted apart:
somebody must find out whom they concern. The ledger's own reading is recorded by the caller.

The search index answers where every row of it was compared with its leaf since the start; until then, and when it
cannot, all headers in reach are read.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from wardkeep.audit.ledger import Ledger
from wardkeep.audit.search import SearchIndex
from wardkeep.compliance.errors import EntryUnopenable
from wardkeep.model.incident import Reach
from wardkeep.storage.errors import StoreError
from wardkeep.storage.search_sqlite import Criteria

# What a header says where the call named no subject (`gateway.record`).
_UNRESOLVED: Final = "unresolved"
# Only a request says what left: its answer and segments belong to it.
_REQUEST: Final = "request"


class _Call(msgspec.Struct, frozen=True):
    """The header fields that the reach is narrowed by."""

    type: str
    actor: str | None = None
    workspace: str | None = None
    purpose: str | None = None
    subject: str | None = None
    vendor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """The blind indices of subjects, the calls that reached them, and those that name nobody."""

    subjects: frozenset[str]
    calls: int
    unresolved: int


_DECODER: Final = msgspec.json.Decoder(_Call)


def affected_in(headers: Iterable[bytes], reach: Reach) -> Affected:
    """Return who is affected by the calls of these headers that are in reach. Raises EntryUnopenable: no header."""
    subjects: set[str] = set()
    calls = unresolved = 0
    for header in headers:
        try:
            call = _DECODER.decode(header)
        except msgspec.DecodeError as error:
            raise EntryUnopenable("a stored header does not parse") from error
        if call.type != _REQUEST or not _reaches(reach, call):
            continue
        calls += 1
        if call.subject is None or call.subject == _UNRESOLVED:
            unresolved += 1
        else:
            subjects.add(call.subject)
    return Affected(subjects=frozenset(subjects), calls=calls, unresolved=unresolved)


async def affected_of(ledger: Ledger, reach: Reach, index: SearchIndex | None = None) -> Affected:
    """Return who is affected by the calls of a ledger that are in reach, asking its index where that can be believed.

    Raises:
        LedgerUnavailable: the ledger cannot be read, so nothing is known.
        EntryUnopenable: a header cannot be read.
    """
    known = None if index is None else await _indexed(index, reach)
    if known is not None:
        return known
    found = Affected(subjects=frozenset(), calls=0, unresolved=0)
    async for headers in _in_pieces(ledger, reach):
        piece = affected_in(headers, reach)
        found = Affected(
            subjects=found.subjects | piece.subjects,
            calls=found.calls + piece.calls,
            unresolved=found.unresolved + piece.unresolved,
        )
    return found


async def _indexed(index: SearchIndex, reach: Reach) -> Affected | None:
    """Return what the index says, or None where it was not compared with the ledger whole or does not answer."""
    words: dict[str, tuple[str, ...]] = {"kind": (_REQUEST,)}
    for column in ("vendor", "actor", "workspace", "purpose"):
        wanted = getattr(reach, column)
        if wanted is not None:
            words[column] = (wanted,)
    try:
        await index.follow()
        if not index.is_checked or index.size < reach.stop:
            return None
        criteria = Criteria(above=reach.start, below=reach.stop, words=words)
        subjects, calls, unresolved = await index.subjects(criteria)
    except StoreError:
        return None
    return Affected(subjects=frozenset(each.hex() for each in subjects), calls=calls, unresolved=unresolved)


async def _in_pieces(ledger: Ledger, reach: Reach, most: int = 10_000) -> AsyncIterator[list[bytes]]:
    headers: list[bytes] = []
    async for entry in ledger.scan(reach.start, reach.stop):
        headers.append(entry.header)
        if len(headers) == most:
            yield headers
            headers = []
    yield headers


def _reaches(reach: Reach, call: _Call) -> bool:
    return all(
        wanted is None or wanted == is_
        for wanted, is_ in (
            (reach.vendor, call.vendor),
            (reach.actor, call.actor),
            (reach.workspace, call.workspace),
            (reach.purpose, call.purpose),
        )
    )
