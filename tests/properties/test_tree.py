"""The log's mathematics against the definitions of RFC 6962 section 2.1, written out again here."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardkeep.audit import tree
from wardkeep.audit.errors import ProofInvalid

ALL = [tree.leaf_hash(b"%d" % number) for number in range(64)]


def defined_root(leaves) -> bytes:
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + defined_root(leaves[:split]) + defined_root(leaves[split:])).digest()


def test_every_size_up_to_64_has_the_defined_root_however_it_grew():
    for size in range(65):
        leaves = ALL[:size]
        expected = defined_root(leaves)
        assert tree.tree_root(leaves) == expected
        grown = tree.EMPTY
        for leaf in leaves:
            grown = tree.extend(grown, [leaf])
        assert tree.root(grown) == expected
        assert tree.unpack(size, tree.pack(grown)) == grown


def test_every_inclusion_proof_up_to_64_verifies():
    for size in range(1, 65):
        leaves = ALL[:size]
        whole = defined_root(leaves)
        for index in range(size):
            proof = tree.inclusion_proof(leaves, index)
            tree.verify_inclusion(leaf=leaves[index], index=index, size=size, proof=proof, expected_root=whole)


def test_every_consistency_proof_up_to_64_verifies():
    for size in range(1, 65):
        leaves = ALL[:size]
        whole = defined_root(leaves)
        for old in range(1, size + 1):
            tree.verify_consistency(
                old_size=old,
                old_root=defined_root(leaves[:old]),
                new_size=size,
                new_root=whole,
                proof=tree.consistency_proof(leaves, old),
            )


@given(st.data())
def test_changed_inclusion_proof_is_refused(data):
    size = data.draw(st.integers(2, 64))
    index = data.draw(st.integers(0, size - 1))
    leaves = ALL[:size]
    whole = defined_root(leaves)
    proof = list(tree.inclusion_proof(leaves, index))
    leaf = leaves[index]
    change = data.draw(st.sampled_from(["leaf", "bit", "drop", "add", "index"]))
    if change == "leaf":
        leaf = tree.leaf_hash(b"another")
    elif change == "bit":
        at = data.draw(st.integers(0, len(proof) - 1))
        proof[at] = bytes([proof[at][0] ^ 1]) + proof[at][1:]
    elif change == "drop":
        proof.pop(data.draw(st.integers(0, len(proof) - 1)))
    elif change == "add":
        proof.insert(data.draw(st.integers(0, len(proof))), bytes(32))
    else:
        index = data.draw(st.integers(-1, size).filter(lambda other: other != index))
    with pytest.raises(ProofInvalid):
        tree.verify_inclusion(leaf=leaf, index=index, size=size, proof=proof, expected_root=whole)


@given(st.data())
def test_changed_consistency_proof_is_refused(data):
    size = data.draw(st.integers(2, 64))
    old = data.draw(st.integers(1, size - 1))
    leaves = ALL[:size]
    proof = list(tree.consistency_proof(leaves, old))
    old_root, new_root = defined_root(leaves[:old]), defined_root(leaves)
    change = data.draw(st.sampled_from(["bit", "drop", "add", "old", "new"]))
    if change == "bit":
        at = data.draw(st.integers(0, len(proof) - 1))
        proof[at] = bytes([proof[at][0] ^ 1]) + proof[at][1:]
    elif change == "drop":
        proof.pop(data.draw(st.integers(0, len(proof) - 1)))
    elif change == "add":
        proof.insert(data.draw(st.integers(0, len(proof))), bytes(32))
    elif change == "old":
        old_root = bytes(32)
    else:
        new_root = bytes(32)
    with pytest.raises(ProofInvalid):
        tree.verify_consistency(old_size=old, old_root=old_root, new_size=size, new_root=new_root, proof=proof)


def test_edges_of_consistency():
    whole = defined_root(ALL)
    tree.verify_consistency(old_size=64, old_root=whole, new_size=64, new_root=whole, proof=[])
    for old, new, proof in ((0, 64, []), (65, 64, []), (64, 64, [bytes(32)]), (3, 64, [])):
        with pytest.raises(ProofInvalid):
            tree.verify_consistency(old_size=old, old_root=whole, new_size=new, new_root=whole, proof=proof)
    for old in (0, 65):
        with pytest.raises(ValueError):
            tree.consistency_proof(ALL, old)


@pytest.mark.parametrize("index", [-1, 64])
def test_there_is_no_proof_of_an_absent_leaf(index):
    with pytest.raises(ValueError):
        tree.inclusion_proof(ALL, index)


def test_compact_range_of_another_size_is_refused():
    with pytest.raises(ValueError):
        tree.unpack(3, bytes(32))


@given(st.integers(0, 64), st.integers(0, 64))
def test_growing_in_two_steps_is_growing_in_one(first, second):
    first, second = sorted((first, second))
    grown = tree.extend(tree.extend(tree.EMPTY, ALL[:first]), ALL[first:second])
    assert grown == tree.extend(tree.EMPTY, ALL[:second])
