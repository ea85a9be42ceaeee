import pickle
from dataclasses import replace

import pytest

from wardkeep.crypto import keys
from wardkeep.crypto.errors import KeyFileUnsafe, KeyUnavailable

CHEAP = keys.PassphraseParameters(salt=b"s" * 16, iterations=1, lanes=1, memory_kib=64)


@pytest.fixture(params=["file", "passphrase"])
def root(request, tmp_path):
    if request.param == "file":
        return keys.create_key_file(tmp_path / "root.key")
    return keys.passphrase_root("correct horse", CHEAP)


def other_root(root, tmp_path):
    if isinstance(root, keys.KeyFileRoot):
        return keys.create_key_file(tmp_path / "other.key")
    return keys.passphrase_root("wrong horse", CHEAP)


def test_wrapping_round_trips_and_is_bound_to_its_context(root):
    blob = root.wrap(b"k" * 32, aad=b"here")
    assert root.unwrap(blob, aad=b"here") == b"k" * 32
    assert root.wrap(b"k" * 32, aad=b"here") != blob
    with pytest.raises(KeyUnavailable):
        root.unwrap(blob, aad=b"there")
    with pytest.raises(KeyUnavailable):
        root.unwrap(blob[:-1] + bytes([blob[-1] ^ 1]), aad=b"here")
    with pytest.raises(KeyUnavailable):
        root.unwrap(b"short", aad=b"here")


def test_another_root_opens_nothing(root, tmp_path):
    wrapped = keys.create_keyring(root, "t")
    stranger = other_root(root, tmp_path)
    with pytest.raises(KeyUnavailable):
        keys.open_keyring(stranger, wrapped)
    with pytest.raises(KeyUnavailable):
        keys.open_keyring(stranger, replace(wrapped, root_id=stranger.key_id))


def test_record_round_trips_as_text(root):
    wrapped = keys.create_keyring(root, "t", getattr(root, "parameters", None))
    again = keys.load_wrapped(keys.dump_wrapped(wrapped))
    assert again == wrapped
    assert keys.open_keyring(root, again).signer.public == keys.open_keyring(root, wrapped).signer.public


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"version":2}', b'{"version":1,"tenant":"t"}', b"\xff"])
def test_damaged_record_is_refused(raw):
    with pytest.raises(KeyUnavailable):
        keys.load_wrapped(raw)


def test_epoch_moved_to_another_name_or_tenant_does_not_open(root):
    wrapped = keys.create_keyring(root, "t")
    moved = replace(wrapped, current_epoch="e2", epochs={"e2": wrapped.epochs["e1"]})
    with pytest.raises(KeyUnavailable):
        keys.open_keyring(root, moved)
    with pytest.raises(KeyUnavailable):
        keys.open_keyring(root, replace(wrapped, tenant="u"))
    with pytest.raises(KeyUnavailable):
        keys.open_keyring(root, replace(wrapped, current_epoch="e9"))


def test_purposes_never_share_a_key(root):
    held = keys.data_keys(keys.open_keyring(root, keys.create_keyring(root, "t")))
    every = {held.epoch_key, held.surrogate_key, held.api_key_key, held.blind_index_key, held.conversation_key}
    assert len(every) == 5


def test_worker_keys_cross_the_private_channel(root):
    held = keys.data_keys(keys.open_keyring(root, keys.create_keyring(root, "t")))
    assert keys.load_data_keys(keys.dump_data_keys(held)) == held
    with pytest.raises(KeyUnavailable) as caught:
        keys.load_data_keys(keys.dump_data_keys(held)[:-3])
    assert caught.value.__cause__ is None


def test_no_holder_shows_its_bytes(root):
    wrapped = keys.create_keyring(root, "t")
    ring = keys.open_keyring(root, wrapped)
    held = keys.data_keys(ring, with_history=True)
    for holder in (root, ring, held, ring.signer):
        shown = f"{holder!r}{holder}"
        for secret in (held.epoch_key, held.surrogate_key, held.api_key_key):
            assert repr(secret) not in shown
            assert secret.hex() not in shown
        assert "_key=" not in shown
        assert "_private" not in shown


def test_signing_key_is_not_pickled(root):
    ring = keys.open_keyring(root, keys.create_keyring(root, "t"))
    with pytest.raises(TypeError):
        pickle.dumps(ring.signer)


class TestKeyFile:
    def test_is_private_and_loads_again(self, tmp_path):
        made = keys.create_key_file(tmp_path / "root.key")
        assert (tmp_path / "root.key").stat().st_mode & 0o777 == 0o600
        assert keys.load_key_file(tmp_path / "root.key").unwrap(made.wrap(b"k" * 32, aad=b""), aad=b"") == b"k" * 32

    def test_is_never_overwritten(self, tmp_path):
        keys.create_key_file(tmp_path / "root.key")
        with pytest.raises(KeyFileUnsafe):
            keys.create_key_file(tmp_path / "root.key")

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644])
    def test_accessible_to_others_is_refused(self, tmp_path, mode):
        path = tmp_path / "root.key"
        keys.create_key_file(path)
        path.chmod(mode)
        with pytest.raises(KeyFileUnsafe, match="chmod 600"):
            keys.load_key_file(path)

    @pytest.mark.parametrize("length", [0, 31, 33])
    def test_of_another_length_is_refused(self, tmp_path, length):
        path = tmp_path / "root.key"
        path.write_bytes(bytes(length))
        path.chmod(0o600)
        with pytest.raises(KeyFileUnsafe):
            keys.load_key_file(path)

    def test_absent_or_a_link_is_unavailable(self, tmp_path):
        keys.create_key_file(tmp_path / "root.key")
        (tmp_path / "link").symlink_to(tmp_path / "root.key")
        for name in ("absent", "link"):
            with pytest.raises(KeyUnavailable):
                keys.load_key_file(tmp_path / name)

    def test_directory_is_refused(self, tmp_path):
        with pytest.raises(KeyFileUnsafe):
            keys.load_key_file(tmp_path)


def test_empty_passphrase_is_refused():
    with pytest.raises(KeyUnavailable):
        keys.passphrase_root("", CHEAP)


def test_default_passphrase_parameters_are_rfc_9106_and_salted():
    one, two = keys.new_passphrase_parameters(), keys.new_passphrase_parameters()
    assert (one.iterations, one.lanes, one.memory_kib) == (3, 4, 65536)
    assert one.salt != two.salt
    assert len(one.salt) == 16
