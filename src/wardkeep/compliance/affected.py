"""Who is affected by an incident: computed from the ledger's headers (45 CFR 164.404(a)(1), 164.410(c)(1)).

Headers name subjects by a blind index, never by name. Calls that name no subject are not dropped but counted apart:
somebody must find out whom they concern. The ledger's own reading is recorded by the caller.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from wardkeep.audit.ledger import Ledger
from wardkeep.compliance.errors import EntryUnopenable
from wardkeep.model.incident import Reach

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


async def affected_of(ledger: Ledger, reach: Reach) -> Affected:
    """Return who is affected by the calls of a ledger that are in reach.

    Raises:
        LedgerUnavailable: the ledger cannot be read, so nothing is known.
        EntryUnopenable: a header cannot be read.
    """
    found = Affected(subjects=frozenset(), calls=0, unresolved=0)
    async for headers in _in_pieces(ledger, reach):
        piece = affected_in(headers, reach)
        found = Affected(
            subjects=found.subjects | piece.subjects,
            calls=found.calls + piece.calls,
            unresolved=found.unresolved + piece.unresolved,
        )
    return found


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
