"""Tiles are the same whatever steps they were published in, and every proof from them is the tree's own."""

import random

import pytest

from wardkeep.audit.errors import LedgerUnavailable
from wardkeep.audit.tiles import (
    Leaf,
    consistency,
    first_needed,
    full_names,
    partial_names,
    range_root,
    read_checkpoint,
    write_checkpoint,
    write_tiles,
)
from wardkeep.audit.tree import consistency_proof, leaf_hash, tree_root
from wardkeep.audit.verify import tile_name
from wardkeep.storage.errors import StoreUnavailable


def leaves(count):
    headers = [b"entry %d" % index for index in range(count)]
    return [Leaf(header=header, hash=leaf_hash(header)) for header in headers]


def publish(directory, whole, *sizes):
    published = 0
    for size in sizes:
        published = write_tiles(directory, published=published, leaves=whole[first_needed(published) : size])
        assert published == size


def files(directory):
    return {str(file.relative_to(directory)): file.read_bytes() for file in directory.rglob("*") if file.is_file()}


def test_names_are_the_specification_s():
    assert tile_name("0", 1234067) == "tile/0/x001/x234/067"
    assert tile_name("entries", 0, 5) == "tile/entries/000.p/5"


def test_a_tree_of_70000_has_the_tiles_that_the_specification_counts():
    partial = {name for name in partial_names(70_000) if not name.startswith("tile/entries")}
    assert partial == {"tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"}
    full = [name for name in full_names(0, 70_000) if not name.startswith("tile/entries")]
    assert len(full) == 273 + 1


def test_a_tree_of_256_has_one_full_tile_and_one_partial_above(tmp_path):
    publish(tmp_path, leaves(256), 256)
    assert set(files(tmp_path)) == {"tile/0/000", "tile/entries/000", "tile/1/000.p/1"}


def test_published_in_steps_or_at_once_ends_in_the_same_complete_files(tmp_path):
    whole = leaves(1500)
    once, steps = tmp_path / "once", tmp_path / "steps"
    publish(once, whole, 1500)
    drawn = random.Random(4)
    publish(steps, whole, *sorted({*drawn.sample(range(1, 1500), 40), 255, 256, 257, 512, 1500}))
    expected, found = files(once), files(steps)
    assert {name: found[name] for name in expected} == expected
    assert all(".p/" in name for name in found.keys() - expected.keys())
    assert set(expected) == {*full_names(0, 1500), *partial_names(1500)}


def test_partial_files_go_when_the_tile_is_full(tmp_path):
    publish(tmp_path, leaves(300), 100, 200, 300)
    assert not list((tmp_path / "tile" / "0").glob("000.p"))


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 700, 1025])
def test_every_consistency_proof_is_the_tree_s(tmp_path, size):
    whole = leaves(size)
    publish(tmp_path, whole, size)
    hashes = [leaf.hash for leaf in whole]
    assert range_root(tmp_path, 0, size) == tree_root(hashes)
    drawn = random.Random(size)
    for old in {1, size, size // 2 or 1, *drawn.choices(range(1, size + 1), k=12)}:
        assert consistency(tmp_path, old, size) == consistency_proof(hashes, old)
    assert consistency(tmp_path, 0, size) == ()


def test_absent_tile_is_said(tmp_path):
    publish(tmp_path, leaves(300), 300)
    (tmp_path / "tile" / "0" / "000").unlink()
    with pytest.raises(LedgerUnavailable):
        consistency(tmp_path, 3, 300)


def test_checkpoint_is_whole_or_absent(tmp_path):
    assert read_checkpoint(tmp_path) is None
    write_checkpoint(tmp_path / "log", b"note")
    assert read_checkpoint(tmp_path / "log") == b"note"
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable):
        write_checkpoint(tmp_path / "file" / "log", b"note")
