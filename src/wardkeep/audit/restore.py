"""Read the log's end from the store, believing nothing that the last kept checkpoint does not already prove.

Start-up and recovery after any failure take this same path. Everything after the last checkpoint is hashed again,
chained, and checked against the signed head; older entries are proven by the checkpoint's signature and are walked in
full by `verify`, not at every start.
"""

from hashlib import sha256
from typing import Final

from wardkeep.audit import checkpoint as notes
from wardkeep.audit.checkpoint import VerifierKey
from wardkeep.audit.entry import ZERO_HASH
from wardkeep.audit.errors import LedgerDamaged, NoteInvalid
from wardkeep.audit.sequence import INITIAL, State
from wardkeep.audit.tree import EMPTY, Frontier, extend, root, unpack
from wardkeep.storage.ledger_store import CheckpointRow, EntryRow, HeadRow, LedgerStore

_CHUNK: Final = 512


def restore(file: LedgerStore, key: VerifierKey) -> State:
    """Return the log's end.

    Raises:
        LedgerDamaged: entries, head and signature contradict each other.
        StoreError: the file cannot be read.
    """
    head = file.head()
    kept = file.latest_checkpoint()
    if head is None:
        if kept is not None or file.row_count_from(0):
            raise LedgerDamaged("entries or checkpoints are stored, but no head", index=0)
        return INITIAL
    frontier = _proven_start(kept, head, key)
    previous = _leaf_before(file, frontier.size)
    while frontier.size < head.size:
        rows = file.rows(frontier.size, min(frontier.size + _CHUNK, head.size))
        if not rows:
            raise LedgerDamaged("an entry is missing", index=frontier.size)
        for row in rows:
            previous = _checked_leaf(row, frontier.size, previous)
            frontier = extend(frontier, (previous,))
    if file.row_count_from(head.size):
        raise LedgerDamaged("there are entries beyond the signed head", index=head.size)
    _check_head(head, frontier, key)
    _check_epoch(file, head)
    return State(frontier=frontier, previous=previous, facts_epoch=head.facts_epoch, signatures=head.signatures)


def follow(file: LedgerStore, state: State, head: HeadRow, key: VerifierKey) -> tuple[State, list[EntryRow]]:
    """Return the log's end after entries that another replica wrote, checked as at a start, and those entries.

    Raises:
        LedgerDamaged: the store is behind what this process saw committed (a fail-over to a copy that lags, a restore
            from a backup), or what was written since contradicts it.
        StoreError: the store cannot be read.
    """
    if head.size <= state.frontier.size:
        raise LedgerDamaged("the store has lost or replaced entries that were committed", index=head.size)
    frontier, previous = state.frontier, state.previous
    written: list[EntryRow] = []
    while frontier.size < head.size:
        rows = file.rows(frontier.size, min(frontier.size + _CHUNK, head.size))
        if not rows:
            raise LedgerDamaged("an entry is missing", index=frontier.size)
        leaves: list[bytes] = []
        for row in rows:
            previous = _checked_leaf(row, frontier.size + len(leaves), previous)
            leaves.append(previous)
        frontier = extend(frontier, leaves)
        written += rows
    _check_head(head, frontier, key)
    if head.facts_epoch < state.facts_epoch:
        raise LedgerDamaged("the head names a control entry that is none", index=None)
    if head.facts_epoch > state.facts_epoch:
        _check_epoch(file, head)
    after = State(frontier=frontier, previous=previous, facts_epoch=head.facts_epoch, signatures=head.signatures)
    return after, written


def _proven_start(kept: CheckpointRow | None, head: HeadRow, key: VerifierKey) -> Frontier:
    if kept is None:
        return EMPTY
    if kept.size > head.size:
        raise LedgerDamaged("the log is shorter than a checkpoint it has kept", index=head.size)
    try:
        stated = notes.verify(kept.note, key)
        frontier = unpack(kept.size, kept.frontier)
    except (NoteInvalid, ValueError) as error:
        raise LedgerDamaged("the last kept checkpoint does not verify", index=None) from error
    if stated.size != kept.size or stated.root != root(frontier):
        raise LedgerDamaged("the last kept checkpoint states another tree", index=None)
    return frontier


def _leaf_before(file: LedgerStore, size: int) -> bytes:
    if size == 0:
        return ZERO_HASH
    rows = file.rows(size - 1, size)
    if not rows:
        raise LedgerDamaged("an entry is missing", index=size - 1)
    return _leaf_of(rows[0])


def _leaf_of(row: EntryRow) -> bytes:
    leaf = sha256(b"\x00" + row[2]).digest()
    if leaf != row[3]:
        raise LedgerDamaged("an entry's header is not what its hash says", index=row[0])
    return leaf


def _checked_leaf(row: EntryRow, index: int, previous: bytes) -> bytes:
    if row[0] != index:
        raise LedgerDamaged("an entry is missing", index=index)
    leaf = _leaf_of(row)
    if not row[2].startswith(b'{"v":1,"index":%d,"prev":"%b",' % (index, previous.hex().encode())):
        raise LedgerDamaged("an entry is not chained to the one before it", index=index)
    payload = row[5]
    if payload is not None and b'"ct_sha256":"%b"' % sha256(payload).hexdigest().encode() not in row[2]:
        raise LedgerDamaged("an entry's payload is not what its header names", index=index)
    return leaf


def _check_head(head: HeadRow, frontier: Frontier, key: VerifierKey) -> None:
    try:
        stated = notes.verify(head.note, key)
    except NoteInvalid as error:
        raise LedgerDamaged("the head's signature does not hold", index=None) from error
    if stated.size != head.size or stated.root != root(frontier) or head.frontier != b"".join(frontier.hashes):
        raise LedgerDamaged("the signed head states another tree than the entries give", index=None)


def _check_epoch(file: LedgerStore, head: HeadRow) -> None:
    """A head that names a lower epoch than the truth would let calls through on old facts."""
    epoch = head.facts_epoch
    rows = file.rows(epoch - 1, epoch) if epoch else []
    if epoch and not (rows and b'"type":"control"' in rows[0][2]):
        raise LedgerDamaged("the head names a control entry that is none", index=None)
