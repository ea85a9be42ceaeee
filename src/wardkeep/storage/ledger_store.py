"""What a ledger's store promises, and the rows it holds: entries, the signed head, checkpoints, open requests.

Two stores keep it: one SQLite file (`ledger_sqlite`), owned by one process, and a PostgreSQL database
(`ledger_postgres`), shared by replicas. The ledger's writer (`audit.ledger`) is the same on both; each replica has one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

EntryRow: TypeAlias = tuple[int, bytes, bytes, bytes, bytes | None, bytes | None]
"""(idx, id, header, leaf_hash, signature, payload), an entry as stored."""

OpenRow: TypeAlias = tuple[bytes, int, str, str]
"""(id, idx, owner, opened), a request that nothing has closed."""

KnownRow: TypeAlias = tuple[bytes, int, bytes, bytes]
"""(id, idx, leaf_hash, header) of an entry that is already there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRow:
    """The log's head: what the next entry is chained to. `signatures` is the running hash over batch signatures."""

    size: int
    frontier: bytes
    facts_epoch: int
    signatures: bytes
    note: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRow:
    """A kept signed note, with the compact range it covers so that start-up needs no earlier entry."""

    size: int
    frontier: bytes
    note: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One transaction."""

    entries: Sequence[EntryRow]
    opened: Sequence[OpenRow]
    closed: Sequence[bytes]
    head: HeadRow
    checkpoint: CheckpointRow | None


class StoreCopy(Protocol):
    """A copy to a SQLite file under way, in portions: the log stays writable between two of them."""

    def step(self) -> bool:
        """Copy one portion; return whether the copy is complete."""
        ...

    def close(self) -> None:
        """Finish and release the target; the copy is a plain file without a write-ahead log."""
        ...

    def sync(self) -> None:
        """Make the copy durable; takes as long as the disk needs. Raises StoreUnavailable."""
        ...


class LedgerStore(Protocol):
    """The open store of one ledger's writer. Used by one thread.

    Durability: what `commit` wrote survives a crash of every machine the store runs on, once it has returned.
    Atomicity: a batch is written whole or not at all.
    Concurrency: `is_shared` says whether other writers exist. Then `claim` comes before each `commit`: it waits for
    the head, keeps every other writer from it until `commit` or `abandon`, and says where the log ends now.
    Failures: every method may block and raises StoreUnavailable or StoreDamaged. After any but `EntryThere` the store
    is closed by its user and opened anew. `OutcomeUnknown` from `commit`: whether the batch stands is told by the
    store that is opened next, once it holds the head.
    """

    @property
    def is_shared(self) -> bool:
        """Whether other writers may move the head."""
        ...

    def claim(self) -> HeadRow:
        """Take the head for the next `commit` and return it; size 0 in a log with no entry."""
        ...

    def abandon(self) -> None:
        """Give the head back with nothing written."""
        ...

    def commit(self, batch: Batch) -> None:
        """Write one batch in one transaction; durable when it returns.

        Raises:
            EntryThere: an id is stored already; nothing was written, and the head is no longer claimed.
            RequestNotOpen: a request that the batch closes was closed by another; nothing was written.
            OutcomeUnknown: the batch may stand.
        """
        ...

    def head(self) -> HeadRow | None:
        """Return the head, or None for a ledger with no entry."""
        ...

    def latest_checkpoint(self) -> CheckpointRow | None:
        """Return the newest kept checkpoint."""
        ...

    def checkpoint_until(self, size: int) -> CheckpointRow | None:
        """Return the newest kept checkpoint of at most this size."""
        ...

    def keep_checkpoint(self, kept: CheckpointRow) -> None:
        """Keep one more checkpoint, outside a batch."""
        ...

    def row_count_from(self, start: int) -> int:
        """Return how many rows have an index of `start` or more."""
        ...

    def known(self, ids: Sequence[bytes]) -> list[KnownRow]:
        """Return those of the given entry ids that are stored."""
        ...

    def indices_of(self, ids: Sequence[bytes]) -> dict[bytes, int]:
        """Return the index of each of the given entry ids that is stored."""
        ...

    def rows(self, start: int, stop: int) -> list[EntryRow]:
        """Return the entries with start <= idx < stop, in order."""
        ...

    def leaves(self, start: int, stop: int) -> list[tuple[bytes, bytes]]:
        """Return (header, leaf hash) of the entries with start <= idx < stop, in order; reads no payload."""
        ...

    def leaves_at(self, indices: Sequence[int]) -> list[tuple[int, bytes, bytes]]:
        """Return (index, header, leaf hash) of those entries that exist, in order; reads no payload."""
        ...

    def headers_of_kind(self, kind: str, start: int) -> list[bytes]:
        """Return the headers of one entry kind from `start` on; reads no payload."""
        ...

    def open_requests(self) -> list[OpenRow]:
        """Return the requests that no response or aborted entry has closed, oldest first."""
        ...

    def probe(self) -> None:
        """Write and sync something that changes nothing. Raises StoreUnavailable while that is not possible."""
        ...

    def begin_copy(self, target: Path) -> StoreCopy:
        """Begin a consistent copy to a new SQLite file. Raises StoreUnavailable when it cannot be made."""
        ...

    def close(self) -> None:
        """Release the store. Safe to call twice."""
        ...
