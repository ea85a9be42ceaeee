"""The log as static files: checkpoint, Merkle tiles and entry bundles (C2SP tlog-tiles), for auditors and archives.

Written incrementally from the durable entries, full tiles once and partial ones with their width in the name; the
checkpoint is written last, so that a reader never finds a checkpoint whose tiles are not there. Nothing here is the
truth: the ledger is, and all of this can be made again from it. Entry bundles hold headers, which count as PHI: serve
the directory only to whom the ledger itself may be shown. Payloads are not in it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wardkeep.audit.errors import LedgerUnavailable
from wardkeep.audit.tree import HASH_LENGTH, node_hash, tree_root
from wardkeep.audit.verify import tile_name
from wardkeep.storage.files import write_whole

WIDTH: Final = 256
CHECKPOINT: Final = "checkpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One entry as tiles hold it: the exact header, and its hash."""

    header: bytes
    hash: bytes


def first_needed(published: int) -> int:
    """Return the index from which entries are read to publish more: the start of the last tile that was not full."""
    return published - published % WIDTH


def write_tiles(directory: Path, *, published: int, leaves: Sequence[Leaf]) -> int:
    """Write tiles and bundles for entries `first_needed(published)` and on; return the new size.

    Raises:
        StoreUnavailable: the directory cannot be written; what was published before still stands.
        LedgerUnavailable: a tile that was written before is absent.
    """
    start = first_needed(published)
    size = start + len(leaves)
    for at in range(0, len(leaves), WIDTH):
        part = leaves[at : at + WIDTH]
        number = (start + at) // WIDTH
        _write_tile(directory, "entries", number, len(part), b"".join(_framed(leaf.header) for leaf in part))
        _write_tile(directory, "0", number, len(part), b"".join(leaf.hash for leaf in part))
    level, before, now = 1, published // WIDTH, size // WIDTH
    while now:
        _extend_level(directory, level, before, now)
        level, before, now = level + 1, before // WIDTH, now // WIDTH
    return size


def write_checkpoint(directory: Path, note: bytes) -> None:
    """Publish a checkpoint whose tiles are there. Raises StoreUnavailable."""
    write_whole(directory / CHECKPOINT, note)


def read_checkpoint(directory: Path) -> bytes | None:
    """Return the published checkpoint, or None before the first."""
    try:
        return (directory / CHECKPOINT).read_bytes()
    except FileNotFoundError:
        return None


def full_names(published: int, size: int) -> Iterator[str]:
    """Yield the names of all files that became complete, and so immutable, between two sizes."""
    kind_spans = [("entries", WIDTH)] + [(str(level), WIDTH ** (level + 1)) for level in range(8)]
    for kind, span in kind_spans:
        for number in range(published // span, size // span):
            yield tile_name(kind, number)


def partial_names(size: int) -> Iterator[str]:
    """Yield the names of the partial files that a tree of this size ends in."""
    if size % WIDTH:
        yield tile_name("entries", size // WIDTH, size % WIDTH)
    level, count = 0, size
    while count:
        if count % WIDTH:
            yield tile_name(str(level), count // WIDTH, count % WIDTH)
        level, count = level + 1, count // WIDTH


def hashes_of(directory: Path, level: int, start: int, stop: int) -> list[bytes]:
    """Return node hashes start <= n < stop of a level, from full or partial tiles. Raises LedgerUnavailable."""
    found: list[bytes] = []
    at = start
    while at < stop:
        number, offset = divmod(at, WIDTH)
        until = min(stop - number * WIDTH, WIDTH)
        tile = _read_tile(directory, level, number, until)
        found += [tile[n * HASH_LENGTH : (n + 1) * HASH_LENGTH] for n in range(offset, until)]
        at = number * WIDTH + until
    return found


def range_root(directory: Path, low: int, high: int) -> bytes:
    """Return the hash of the leaves low <= n < high, a range that RFC 6962 section 2.1 splits off. Reads a few tiles.

    Raises:
        LedgerUnavailable: a tile is absent.
    """
    width = high - low
    if width & (width - 1) == 0 and low % width == 0:
        level = (width.bit_length() - 1) // 8
        return tree_root(hashes_of(directory, level, low >> 8 * level, high >> 8 * level))
    middle = low + (1 << (width - 1).bit_length() - 1)
    return node_hash(range_root(directory, low, middle), range_root(directory, middle, high))


def consistency(directory: Path, old: int, new: int) -> tuple[bytes, ...]:
    """Return the proof that the tree of `old` is a prefix of the tree of `new` (RFC 6962 section 2.1.2), from tiles.

    Raises:
        LedgerUnavailable: a tile is absent.
    """
    if old in {0, new}:
        return ()
    path: list[bytes] = []
    low, high = 0, new
    is_whole = True  # the old tree's root is still a node of the range, so the verifier knows it already
    while old != high:
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        if old <= middle:
            path.append(range_root(directory, middle, high))
            high = middle
        else:
            path.append(range_root(directory, low, middle))
            low, is_whole = middle, False
    if not is_whole:
        path.append(range_root(directory, low, high))
    return tuple(reversed(path))


def _extend_level(directory: Path, level: int, before: int, now: int) -> None:
    """Write the tiles of a level: each hash is the root of one full tile of the level below."""
    for number in range(before // WIDTH, (now + WIDTH - 1) // WIDTH):
        first, last = number * WIDTH, min(now, (number + 1) * WIDTH)
        if last <= before:
            continue
        nodes = hashes_of(directory, level, first, max(first, before))
        for below in range(first + len(nodes), last):
            nodes.append(tree_root(hashes_of(directory, level - 1, below * WIDTH, (below + 1) * WIDTH)))
        _write_tile(directory, str(level), number, len(nodes), b"".join(nodes))


def _framed(header: bytes) -> bytes:
    return len(header).to_bytes(2, "big") + header


def _read_tile(directory: Path, level: int, number: int, width: int) -> bytes:
    """Return a tile that has at least `width` hashes: the full one, else the narrowest partial one that has them."""
    full = directory / tile_name(str(level), number)
    candidates = [full, *sorted((p for p in _partials(full) if int(p.name) >= width), key=lambda p: int(p.name))]
    for candidate in candidates:
        try:
            return candidate.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise LedgerUnavailable(f"a tile cannot be read ({error.strerror})") from error
    raise LedgerUnavailable(f"the tile {tile_name(str(level), number, width)} is absent")


def _partials(full: Path) -> list[Path]:
    directory = full.with_name(full.name + ".p")
    return list(directory.iterdir()) if directory.is_dir() else []


def _write_tile(directory: Path, kind: str, number: int, width: int, content: bytes) -> None:
    file = directory / tile_name(kind, number, width)
    if not file.exists():
        write_whole(file, content, durable=False)
    if width == WIDTH:
        partials = _partials(file)
        for each in partials:
            each.unlink(missing_ok=True)
        if partials:
            partials[0].parent.rmdir()
