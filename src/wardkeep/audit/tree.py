"""Merkle tree hashes and proofs: RFC 6962 section 2.1, verification as in RFC 9162 sections 2.1.3 and 2.1.4.

Pure. The writer carries a compact range (`Frontier`): the roots of the perfect subtrees that the log's size is the
binary sum of, left to right, so an append costs one hash on average and no earlier leaf is read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from wardkeep.audit.errors import ProofInvalid

HASH_LENGTH: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one leaf's bytes; the 0x00 keeps leaves and nodes apart (RFC 6962 section 2.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """A log of `size` leaves, in as many hashes as `size` has one-bits."""

    size: int
    hashes: tuple[bytes, ...]


EMPTY: Final = Frontier(size=0, hashes=())


def extend(frontier: Frontier, leaves: Iterable[bytes]) -> Frontier:
    """Return the frontier after appending leaf hashes."""
    hashes = list(frontier.hashes)
    size = frontier.size
    for leaf in leaves:
        node = leaf
        rest = size
        while rest & 1:
            node = sha256(b"\x01" + hashes.pop() + node).digest()
            rest >>= 1
        hashes.append(node)
        size += 1
    return Frontier(size=size, hashes=tuple(hashes))


def root(frontier: Frontier) -> bytes:
    """Return the Merkle tree hash over all leaves."""
    if not frontier.hashes:
        return EMPTY_ROOT
    node = frontier.hashes[-1]
    for left in reversed(frontier.hashes[:-1]):
        node = sha256(b"\x01" + left + node).digest()
    return node


def pack(frontier: Frontier) -> bytes:
    """Return the hashes as stored bytes; the size is stored beside them."""
    return b"".join(frontier.hashes)


def unpack(size: int, packed: bytes) -> Frontier:
    """Parse stored bytes.

    Raises:
        ValueError: the number of hashes does not fit the size.
    """
    if len(packed) != HASH_LENGTH * size.bit_count():
        raise ValueError("a compact range holds one hash for each one-bit of its size")
    return Frontier(size=size, hashes=tuple(packed[at : at + HASH_LENGTH] for at in range(0, len(packed), HASH_LENGTH)))


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """Return the Merkle tree hash of leaf hashes."""
    return root(extend(EMPTY, leaves))


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the audit path of leaf `index` in the tree of all `leaves` (RFC 6962 section 2.1.1).

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise ValueError("no such leaf")
    path: list[bytes] = []
    low, high = 0, len(leaves)
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(tree_root(leaves[middle:high]))
            high = middle
        else:
            path.append(tree_root(leaves[low:middle]))
            low = middle
    return tuple(reversed(path))


def inclusion_proofs(leaves: Sequence[bytes], indices: Iterable[int]) -> dict[int, tuple[bytes, ...]]:
    """Return the inclusion proofs of several leaf hashes, the tree hashed once for all of them.

    Level by level: a last node without a sibling moves up unchanged, which gives RFC 6962's tree and paths.

    Raises:
        IndexError: an index is outside the tree.
    """
    level = list(leaves)
    places = {index: index for index in indices}
    if any(not 0 <= index < len(level) for index in places):
        raise IndexError("an index is outside the tree")
    paths: dict[int, list[bytes]] = {index: [] for index in places}
    while len(level) > 1:
        for index, place in places.items():
            if place ^ 1 < len(level):
                paths[index].append(level[place ^ 1])
            places[index] = place >> 1
        pairs = len(level) // 2
        above = [node_hash(level[2 * each], level[2 * each + 1]) for each in range(pairs)]
        level = above + level[2 * pairs :]
    return {index: tuple(path) for index, path in paths.items()}


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> tuple[bytes, ...]:
    """Return the proof that the tree of the first `old_size` leaves is a prefix (RFC 6962 section 2.1.2).

    Raises:
        ValueError: the old tree is empty or larger than the new one.
    """
    if not 0 < old_size <= len(leaves):
        raise ValueError("a consistency proof starts from a smaller tree that is not empty")
    path: list[bytes] = []
    low, high = 0, len(leaves)
    whole = True  # the old tree's root is still a node of the range, so the verifier knows it already
    while old_size != high:
        middle = low + _split(high - low)
        if old_size <= middle:
            path.append(tree_root(leaves[middle:high]))
            high = middle
        else:
            path.append(tree_root(leaves[low:middle]))
            low = middle
            whole = False
    if not whole:
        path.append(tree_root(leaves[low:high]))
    return tuple(reversed(path))


def verify_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes) -> None:
    """Return when `proof` shows that `leaf` is entry `index` of the tree of `size` (RFC 9162 section 2.1.3.2).

    Raises:
        ProofInvalid: it does not.
    """
    if not 0 <= index < size:
        raise ProofInvalid("the index lies outside the tree")
    position, last = index, size - 1
    node = leaf
    for sibling in proof:
        if last == 0:
            raise ProofInvalid("the path is too long")
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        position >>= 1
        last >>= 1
    if last or node != expected_root:
        raise ProofInvalid("the path does not lead to this root")


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Return when `proof` shows that the new tree only appended to the old one (RFC 9162 section 2.1.4.2).

    Raises:
        ProofInvalid: it does not.
    """
    if not 0 < old_size <= new_size:
        raise ProofInvalid("the old tree is empty or larger than the new one")
    if old_size == new_size:
        if proof or old_root != new_root:
            raise ProofInvalid("two trees of one size have one root and an empty path")
        return
    path = list(proof)
    if old_size & (old_size - 1) == 0:  # a power of two: the old root itself begins the path
        path.insert(0, old_root)
    if not path:
        raise ProofInvalid("the path is empty")
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position >>= 1
        last >>= 1
    old_node = new_node = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofInvalid("the path is too long")
        if position & 1 or position == last:
            old_node = node_hash(sibling, old_node)
            new_node = node_hash(sibling, new_node)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            new_node = node_hash(new_node, sibling)
        position >>= 1
        last >>= 1
    if last or old_node != old_root or new_node != new_root:
        raise ProofInvalid("the path does not lead to these roots")


def _split(count: int) -> int:
    """Return the largest power of two below `count` (RFC 6962 section 2.1)."""
    return 1 << ((count - 1).bit_length() - 1)
