"""The eight-leaf tree that every RFC 6962 implementation publishes roots for, and the RFC's own worked proofs."""

import pytest

from wardkeep.audit import tree

LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size):
    assert tree.tree_root([tree.leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == ROOTS[size]


def test_worked_example_of_section_2_1_3():
    """RFC 6962 section 2.1.3 draws this tree of seven leaves and names the nodes of each path."""
    a, b, c, d, e, f, j = leaves = [tree.leaf_hash(b"d%d" % number) for number in range(7)]
    g, h, i = tree.node_hash(a, b), tree.node_hash(c, d), tree.node_hash(e, f)
    k, m = tree.node_hash(g, h), tree.node_hash(i, j)
    assert tree.tree_root(leaves) == tree.node_hash(k, m)
    assert tree.inclusion_proof(leaves, 0) == (b, h, m)
    assert tree.inclusion_proof(leaves, 3) == (c, g, m)
    assert tree.inclusion_proof(leaves, 4) == (f, j, k)
    assert tree.inclusion_proof(leaves, 6) == (i, k)
    assert tree.consistency_proof(leaves, 3) == (c, d, g, m)
    assert tree.consistency_proof(leaves, 4) == (m,)
    assert tree.consistency_proof(leaves, 6) == (i, j, k)
