"""The search index follows the ledger: a copy of headers by column, made after they are durable and off the call path.

45 CFR 164.312(b), 164.308(a)(1)(ii)(D): a record that nobody can search is not examined. What the index finds is only a
hint: `SearchIndex.leaves` reads each leaf, hashes it and holds it against what was asked. That nothing is missing is
looked at too: once after each start every row is compared with its leaf, and an index that differs is made anew.

Its file is used by one thread of its own, so that a disk that hangs hangs neither calls nor the event loop.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from wardkeep.audit.ledger import StoredLedger
from wardkeep.audit.tree import leaf_hash
from wardkeep.storage.errors import StoreError, StoreUnavailable
from wardkeep.storage.search_sqlite import UNRESOLVED, Busy, Criteria, IndexRow, NewSubjects, SearchFile, Words

T = TypeVar("T")

# What a header says where a call named no subject (`gateway.record`).
UNRESOLVED_SUBJECT: Final = "unresolved"

_PORTION: Final = 256
_END_SECONDS: Final = 2.0
_FOLLOWERS: Final = frozenset({"response", "segment", "aborted"})
_LAST: Final = frozenset({"response", "aborted"})
_MOST_OPEN: Final = 100_000


class Detail(msgspec.Struct, frozen=True):
    """What of a header's `detail` is searched by."""

    action: Any = None
    person: Any = None
    entry: Any = None


class SearchedLeaf(msgspec.Struct, frozen=True):
    """What of a header is searched by."""

    index: int
    type: str
    id: str
    at: datetime
    actor: str | None = None
    workspace: str | None = None
    purpose: str | None = None
    subject: str | None = None
    route: str | None = None
    vendor: str | None = None
    baa: str | None = None
    decision: str | None = None
    parent: str | None = None
    detail: Detail | None = None


_DECODER: Final = msgspec.json.Decoder(SearchedLeaf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One entry that was found: its index and its exact header."""

    index: int
    header: bytes


@dataclass(slots=True, kw_only=True)
class SearchIndex:
    """The index of one ledger. Make it with `open_index`; `follow` is called every few seconds by one task.

    `checked` entries were compared with their leaves since this process started; a report that must be whole says so.
    """

    ledger: StoredLedger
    path: Path
    size: int = 0
    checked: int = 0
    rebuilt: int = 0
    _leaf: bytes = b""
    _file: SearchFile | None = None
    _is_bound: bool = False
    _open: dict[str, int] = field(default_factory=dict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=1, thread_name_prefix="wardkeep-search")
    )

    @property
    def is_checked(self) -> bool:
        """Whether every row that the index holds was compared with its leaf, or made from it, since the start."""
        return self._is_bound and self.checked >= self.size

    async def follow(self) -> None:
        """Take in what is new. Raises StoreError, LedgerError: nothing of it is lost, the next turn goes on."""
        async with self._one_at_a_time:
            await self._bind()
            head = (await self.ledger.head()).size
            while self.size < head:
                await self._take(min(head, self.size + _PORTION))

    async def check(self, most: int = _PORTION) -> bool:
        """Compare the next rows with their leaves; return whether there is more to check. Raises as `follow`."""
        async with self._one_at_a_time:
            await self._bind()
            start, stop = self.checked, min(self.size, self.checked + most)
            if start >= stop:
                return False
            leaves = await self.ledger.leaves(start, stop)
            held = await self._run(lambda file: file.rows(start, stop))
            # `call` follows from an earlier entry's id, so it is compared where the index gave one.
            wanted = [row_of(header, start + at, None) for at, (header, _) in enumerate(leaves)]
            if [_bare(row) for row in held] != wanted or not await self._is_called(held, leaves):
                await self._renew()
                return True
            self.checked = stop
            return stop < self.size

    async def distrust(self) -> None:
        """Throw the index away: something in it was not so. It is made anew by `follow`."""
        async with self._one_at_a_time:
            await self._renew()

    async def select(self, criteria: Criteria, most: int, *, is_oldest_first: bool = False) -> list[int]:
        """Return what the index believes; see `leaves`."""
        return await self._run(lambda file: file.select(criteria, most, is_oldest_first=is_oldest_first))

    async def count(self, criteria: Criteria) -> int:
        """Return how many entries the index believes to fit."""
        return await self._run(lambda file: file.count(criteria))

    async def tally(self, criteria: Criteria, columns: Sequence[str]) -> list[tuple[Words, int, int, int]]:
        """Return (words, how many, first and last time) as the index believes; for overviews, not for proof."""
        return await self._run(lambda file: file.tally(criteria, columns))

    async def subjects(self, criteria: Criteria) -> tuple[frozenset[bytes], int, int]:
        """Return whom the entries that fit name, how many fit and how many name nobody, as the index believes."""
        return await self._run(lambda file: file.subjects(criteria))

    async def new_subjects(self, criteria: Criteria, least: int) -> list[NewSubjects]:
        """Return who turned to at least so many subjects from `above` on that they had not before, as it believes."""
        return await self._run(lambda file: file.new_subjects(criteria, least))

    async def busy(self, criteria: Criteria, offset_us: int) -> list[Busy]:
        """Return how much was done by who and hour, as the index believes."""
        return await self._run(lambda file: file.busy(criteria, offset_us))

    async def subjects_a_day(self, criteria: Criteria, offset_us: int) -> list[Busy]:
        """Return how many subjects by who and day, as the index believes."""
        return await self._run(lambda file: file.subjects_a_day(criteria, offset_us))

    async def leaves(self, indices: Sequence[int], criteria: Criteria) -> list[Leaf]:
        """Return the entries at these indices whose own leaves say that they fit; the others were a lie of the index.

        Raises:
            LedgerError: the ledger cannot be read now.
        """
        found: list[Leaf] = []
        for at in range(0, len(indices), _PORTION):  # so that calls on this loop wait for a portion, never for all
            for index, header, hashed in await self.ledger.leaves_at(indices[at : at + _PORTION]):
                row = row_of(header, index, None)
                if leaf_hash(header) == hashed and row.words[0] is not None and fits(row, criteria):
                    found.append(Leaf(index=index, header=header))
        return found

    async def close(self) -> None:
        """Release the file."""
        if self._file is not None:
            # A disk that hangs must not hold the end of the process: nothing here is lost that cannot be made again.
            with contextlib.suppress(StoreError, TimeoutError):
                await asyncio.wait_for(self._run(SearchFile.close), _END_SECONDS)
            self._file = None
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _take(self, stop: int) -> None:
        start = self.size
        leaves = await self.ledger.leaves(start, stop)
        if not leaves:
            return
        rows = await self._rows(leaves, start)
        last = leaves[-1][1]
        size = start + len(leaves)
        await self._run(lambda file: file.add(rows, size=size, leaf=last))
        if self.checked == start:
            self.checked = size  # made from its leaves just now
        self.size, self._leaf = size, last

    async def _rows(self, leaves: Sequence[tuple[bytes, bytes]], start: int) -> list[IndexRow]:
        rows: list[IndexRow] = []
        unknown: dict[int, str] = {}
        for at, (header, _) in enumerate(leaves):
            leaf = _leaf_of(header)
            call = None
            if leaf is not None and leaf.type == "request":
                self._remember(leaf.id, start + at)
            elif leaf is not None and leaf.parent is not None and leaf.type in _FOLLOWERS:
                call = self._open.pop(leaf.parent, None) if leaf.type in _LAST else self._open.get(leaf.parent)
                if call is None:
                    unknown[at] = leaf.parent
            rows.append(_row(leaf, start + at, call))
        if unknown:
            ids = {parent: bytes.fromhex(parent) for parent in set(unknown.values())}
            known = await self.ledger.indices_of(list(ids.values()))
            for at, parent in unknown.items():
                row = rows[at]
                rows[at] = IndexRow(row.idx, row.at_us, row.words, row.subject, known.get(ids[parent]), row.about)
        return rows

    def _remember(self, request: str, index: int) -> None:
        if len(self._open) >= _MOST_OPEN:
            self._open.clear()  # those are looked up in the ledger instead
        self._open[request] = index

    async def _is_called(self, held: Sequence[IndexRow], leaves: Sequence[tuple[bytes, bytes]]) -> bool:
        """Whether each follower's `call` is where its parent's id stands."""
        parents = {
            row.idx: leaf.parent
            for row, (header, _) in zip(held, leaves, strict=True)
            if (leaf := _leaf_of(header)) is not None and leaf.parent is not None and leaf.type in _FOLLOWERS
        }
        known = await self.ledger.indices_of([bytes.fromhex(each) for each in sorted(set(parents.values()))])
        return all(
            row.call == (known.get(bytes.fromhex(parents[row.idx])) if row.idx in parents else None) for row in held
        )

    async def _bind(self) -> None:
        """Open the file and see that it is this ledger's: its last entry must be the ledger's own at that place."""
        if self._is_bound:
            return
        self.size, self._leaf = await self._run(SearchFile.state)
        self.checked = 0
        if self.size:
            leaves = await self.ledger.leaves(self.size - 1, self.size)
            if not leaves or leaves[0][1] != self._leaf:
                await self._renew()
        self._is_bound = True

    async def _renew(self) -> None:
        await self._run(SearchFile.clear)
        self._open.clear()
        self.size, self.checked, self._leaf = 0, 0, b""
        self.rebuilt += 1

    async def _run(self, work: Callable[[SearchFile], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._do, work)
        except RuntimeError as error:
            raise StoreUnavailable("the search index is closed") from error

    def _do(self, work: Callable[[SearchFile], T]) -> T:
        if self._file is None:
            self._file = SearchFile(self.path)
        return work(self._file)


def row_of(header: bytes, index: int, call: int | None) -> IndexRow:
    """Return what the index says of a header; one that does not parse is a row without words. Pure."""
    return _row(_leaf_of(header), index, call)


def fits(row: IndexRow, criteria: Criteria) -> bool:
    """Whether what a leaf says fits what was asked: the same question as the index answers, asked of the leaf. Pure.

    `calls` is not asked: what an entry belongs to stands in another entry.
    """
    said = dict(zip(_WORD_COLUMNS, row.words, strict=True))
    return (
        criteria.above <= row.idx < criteria.below
        and (criteria.since_us is None or row.at_us >= criteria.since_us)
        and (criteria.until_us is None or row.at_us < criteria.until_us)
        and (criteria.subject is None or row.subject == criteria.subject)
        and (criteria.abouts is None or row.about in criteria.abouts)
        and all(said[column] in words for column, words in criteria.words.items())
    )


def subject_bytes(tag: str | None) -> bytes | None:
    """Return the index's form of a header's `subject`."""
    if tag is None:
        return None
    if tag == UNRESOLVED_SUBJECT:
        return UNRESOLVED
    try:
        return bytes.fromhex(tag)
    except ValueError:
        return tag.encode()


def microseconds(at: datetime) -> int:
    """Return an aware time as the index counts it; a double holds microseconds exactly until the year 2255."""
    return round(at.timestamp() * 1_000_000)


_WORD_COLUMNS: Final = (
    "kind",
    "actor",
    "workspace",
    "purpose",
    "route",
    "vendor",
    "baa",
    "decision",
    "action",
    "person",
)
_NO_WORDS: Final = (None,) * len(_WORD_COLUMNS)
_NO_DETAIL: Final = Detail()


def _leaf_of(header: bytes) -> SearchedLeaf | None:
    try:
        return _DECODER.decode(header)
    except msgspec.DecodeError:
        return None  # damaged: `verify` names it, and the watch over the chain raises its alarm


def _row(leaf: SearchedLeaf | None, index: int, call: int | None) -> IndexRow:
    if leaf is None or leaf.index != index or leaf.at.utcoffset() is None:
        return IndexRow(index, 0, _NO_WORDS, None, None, None)
    detail = leaf.detail or _NO_DETAIL
    words = (
        leaf.type, leaf.actor, leaf.workspace, leaf.purpose, leaf.route, leaf.vendor, leaf.baa, leaf.decision,
        detail.action if isinstance(detail.action, str) else None,
        detail.person if isinstance(detail.person, str) else None,
    )  # fmt: skip
    about = detail.entry if type(detail.entry) is int else None
    return IndexRow(index, microseconds(leaf.at), words, subject_bytes(leaf.subject), call, about)


def _bare(row: IndexRow) -> IndexRow:
    return IndexRow(row.idx, row.at_us, row.words, row.subject, None, row.about)
