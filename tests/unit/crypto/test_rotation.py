from dataclasses import replace

import pytest

from wardkeep.crypto import keys, rotation
from wardkeep.crypto.errors import KeyUnavailable, UnknownKey

CHEAP = keys.PassphraseParameters(salt=b"s" * 16, iterations=1, lanes=1, memory_kib=64)


@pytest.fixture
def root(tmp_path):
    return keys.create_key_file(tmp_path / "root.key")


@pytest.fixture
def new_root():
    return keys.passphrase_root("harbour lantern", CHEAP)


@pytest.fixture
def first(root):
    return keys.create_keyring(root, "t")


def again(wrapped):
    """As it comes back from its file."""
    return keys.load_wrapped(keys.dump_wrapped(wrapped))


def test_a_new_epoch_is_held_before_it_is_current_and_old_ones_stay_for_the_keeper(root, first):
    ring = keys.open_keyring(root, first)
    held, name, key = rotation.next_epoch(ring, first)
    assert (held.current_epoch, name) == ("e1", "e2")
    assert rotation.next_epoch(ring, held) == (held, name, key)  # a second attempt makes no second key
    second = again(rotation.begin_epoch(held, name))
    old, new = ring, keys.open_keyring(root, second)
    worker, keeper = keys.data_keys(new), keys.data_keys(new, with_history=True)
    assert (old.epoch_id, worker.epoch_id, worker.epoch_key) == ("e1", "e2", key)
    assert keeper.epoch_key_for("e1") == keys.data_keys(old).epoch_key != worker.epoch_key
    with pytest.raises(UnknownKey):
        worker.epoch_key_for("e1")
    assert worker.surrogate_key == keys.data_keys(old).surrogate_key
    assert rotation.next_epoch(new, second)[1] == "e3"
    with pytest.raises(KeyUnavailable):
        rotation.begin_epoch(first, "e2")


def test_an_epoch_of_another_instance_is_not_taken_up(root, first, tmp_path):
    other = keys.create_keyring(root, "u")
    stranger = rotation.next_epoch(keys.open_keyring(root, other), other)[0].epochs["e2"]
    forged = replace(first, epochs={**first.epochs, "e2": stranger})
    with pytest.raises(KeyUnavailable):
        rotation.next_epoch(keys.open_keyring(root, first), forged)


def test_whoever_holds_keys_sees_the_next_epoch(root, first):
    held = keys.data_keys(keys.open_keyring(root, first))
    before = held.epoch_key
    held.take("e2", {"e1": before, "e2": b"2" * 32})
    assert (held.epoch_id, held.epoch_key, held.epoch_key_for("e1")) == ("e2", b"2" * 32, before)
    held.take("e2", {"e2": b"2" * 32})
    with pytest.raises(UnknownKey):
        held.epoch_key_for("e1")
    with pytest.raises(UnknownKey):
        held.take("e3", {"e2": b"2" * 32})
    assert keys.load_data_keys(keys.dump_data_keys(held)) == held


def test_wrapping_anew_changes_the_wrapping_and_nothing_else(root, new_root, first):
    ring = keys.open_keyring(root, first)
    anew = rotation.wrap_anew(ring, first, root)
    assert anew.tenant_key != first.tenant_key
    assert replace(anew, tenant_key=first.tenant_key) == first
    assert keys.open_keyring(root, anew).signer.public == ring.signer.public
    with pytest.raises(KeyUnavailable):
        rotation.wrap_anew(ring, first, new_root)


def test_a_move_opens_under_both_roots_until_the_old_one_is_left(root, new_root, first):
    ring = keys.open_keyring(root, first)
    both = again(rotation.add_root(ring, first, new_root, "passphrase-env:NEW"))
    assert both.parameters_for("passphrase-env:NEW") == CHEAP
    assert both.parameters_for("file:root.key") is None
    for opening in (root, new_root):
        assert keys.open_keyring(opening, both).signer.public == ring.signer.public
    assert again(rotation.drop_new_root(both)) == first
    moved = again(rotation.leave_old_root(both))
    assert (moved.root_id, moved.other, moved.passphrase) == (new_root.key_id, None, CHEAP)
    assert keys.open_keyring(new_root, moved).signer.public == ring.signer.public
    with pytest.raises(KeyUnavailable):
        keys.open_keyring(root, moved)
    with pytest.raises(KeyUnavailable):
        rotation.leave_old_root(moved)
    with pytest.raises(KeyUnavailable):
        rotation.add_root(ring, moved, new_root, "passphrase-env:NEW")


def test_a_root_that_does_not_give_back_what_it_wrapped_is_not_believed(root, first):
    class Forgetful:
        key_id = "forgetful"

        def wrap(self, key, *, aad):
            return b"blob"

        def unwrap(self, blob, *, aad):
            return b"z" * 32

    ring = keys.open_keyring(root, first)
    with pytest.raises(KeyUnavailable, match="give back"):
        rotation.add_root(ring, first, Forgetful(), "file:other")
