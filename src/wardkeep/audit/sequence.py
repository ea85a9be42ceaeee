"""Give drafts their place in the log. Pure: state and drafts in, rows and a new state out; nothing is stored here.

The order of arrival is the order of entries. A draft decided on facts older than the newest control entry before it is
refused, also when that control entry comes earlier in the same batch: a suspension holds from the next call on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import msgspec

from wardkeep.audit.entry import ZERO_HASH, Draft, leaf_bytes
from wardkeep.audit.errors import EntryConflict, LedgerError, LedgerUnavailable, StaleFacts
from wardkeep.audit.tree import EMPTY, Frontier, extend, leaf_hash

NO_SIGNATURES: Final = bytes(32)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Proof of durability: the entry stands at `index` with this leaf hash."""

    index: int
    leaf_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The log's end: what the next entry is chained to. `facts_epoch` is the last control entry's index + 1, or 0."""

    frontier: Frontier
    previous: bytes
    facts_epoch: int
    signatures: bytes


INITIAL: Final = State(frontier=EMPTY, previous=ZERO_HASH, facts_epoch=0, signatures=NO_SIGNATURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An entry that has this id already."""

    receipt: Receipt
    header: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRow:
    """One new entry, before the batch's signature."""

    index: int
    draft: Draft
    header: bytes
    leaf: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a batch becomes. `outcomes` answers each group: its receipts, or why it was refused whole."""

    rows: Sequence[PlannedRow]
    outcomes: Sequence[list[Receipt] | LedgerError]
    frontier: Frontier
    previous: bytes
    facts_epoch: int


def plan(
    state: State,
    groups: Iterable[Sequence[Draft]],
    stored: Mapping[bytes, Stored],
    gone: frozenset[bytes] = frozenset(),
) -> Plan:
    """Place every group of drafts, in order; a group goes in whole or not at all.

    Args:
        state: the log's end on the disk.
        groups: the drafts of each waiting append.
        stored: those of the drafts' ids that the log holds already; appending is idempotent by id.
        gone: requests that another replica has closed, so that no answer to them is released any more.
    """
    known = dict(stored)
    rows: list[PlannedRow] = []
    outcomes: list[list[Receipt] | LedgerError] = []
    index, previous, facts_epoch = state.frontier.size, state.previous, state.facts_epoch
    for group in groups:
        refusal = _refusal(group, known, index, facts_epoch, gone)
        if refusal is not None:
            outcomes.append(refusal)
            continue
        receipts: list[Receipt] = []
        for draft in group:
            there = known.get(draft.id)
            if there is None:
                header = leaf_bytes(index, previous, draft.body)
                previous = leaf_hash(header)
                receipt = Receipt(index=index, leaf_hash=previous)
                known[draft.id] = Stored(receipt=receipt, header=header)
                rows.append(PlannedRow(index=index, draft=draft, header=header, leaf=previous))
                index += 1
                if draft.kind == "control":
                    facts_epoch = index
            else:
                receipt = there.receipt
            receipts.append(receipt)
        outcomes.append(receipts)
    frontier = extend(state.frontier, [row.leaf for row in rows])
    return Plan(rows=rows, outcomes=outcomes, frontier=frontier, previous=previous, facts_epoch=facts_epoch)


def signatures_after(signatures: bytes, index: int, signature: bytes) -> bytes:
    """Return the running hash over batch signatures.

    It lets a verifier see in one pass whether any stored signature was damaged, and check each only then: the last
    one proves the content of all entries before it.
    """
    return sha256(signatures + index.to_bytes(8, "big") + signature).digest()


def _refusal(
    group: Sequence[Draft], known: Mapping[bytes, Stored], index: int, facts_epoch: int, gone: frozenset[bytes]
) -> LedgerError | None:
    if len(group) > 1 and len({draft.id for draft in group}) < len(group):
        return EntryConflict("one append names an id twice")
    for draft in group:
        there = known.get(draft.id)
        if there is not None:
            if not there.header.endswith(b'",' + draft.body[1:]):
                return EntryConflict(f"entry {there.receipt.index} has this id and other content")
            continue
        if draft.kind == "response" and draft.closes in gone:
            return LedgerUnavailable("another replica took this one for dead and has closed the request as aborted")
        if draft.facts_epoch is not None and draft.facts_epoch < facts_epoch:
            return StaleFacts(f"facts of epoch {draft.facts_epoch} are older than control entry {facts_epoch - 1}")
        index += 1
        if draft.kind == "control":
            facts_epoch = index
    return None
