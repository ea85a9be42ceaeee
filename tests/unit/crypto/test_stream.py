"""A sealed file opens whole and in its place, or not at all."""

import os
from hashlib import sha256

import pytest

from wardkeep.crypto.errors import RecordTampered
from wardkeep.crypto.stream import open_file, seal_file

MIB = 1024 * 1024
KEY = b"k" * 32


@pytest.mark.parametrize("length", [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB + 5])
def test_what_was_sealed_opens(tmp_path, length):
    plain = os.urandom(length)
    (tmp_path / "plain").write_bytes(plain)
    told = seal_file(KEY, tmp_path / "plain", tmp_path / "sealed", name="n")
    assert told == (length, sha256(plain).hexdigest())
    assert open_file(KEY, tmp_path / "sealed", tmp_path / "opened", name="n") == told
    assert (tmp_path / "opened").read_bytes() == plain
    assert (tmp_path / "sealed").stat().st_mode & 0o777 == 0o600


def wrong(raw):
    portion = MIB + 16
    yield raw[:-1]
    yield raw[:portion]  # the last portions cut off
    yield raw[portion : 2 * portion] + raw[:portion] + raw[2 * portion :]
    yield raw + raw[-21:]
    yield raw[:portion] + raw[:portion] + raw[2 * portion :]
    yield b""
    for at in (0, portion, len(raw) - 1):
        yield raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]


def test_what_was_cut_moved_repeated_or_changed_does_not(tmp_path):
    (tmp_path / "plain").write_bytes(os.urandom(2 * MIB + 5))
    seal_file(KEY, tmp_path / "plain", tmp_path / "sealed", name="n")
    raw = (tmp_path / "sealed").read_bytes()
    for number, damaged in enumerate(wrong(raw)):
        (tmp_path / "damaged").write_bytes(damaged)
        with pytest.raises(RecordTampered):
            open_file(KEY, tmp_path / "damaged", tmp_path / f"opened-{number}", name="n")
    for key, name in ((b"x" * 32, "n"), (KEY, "m")):
        with pytest.raises(RecordTampered):
            open_file(key, tmp_path / "sealed", tmp_path / f"opened-{name}-{key[:1].hex()}", name=name)


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "plain").write_bytes(b"x")
    (tmp_path / "there").write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        seal_file(KEY, tmp_path / "plain", tmp_path / "there", name="n")
    assert (tmp_path / "there").read_bytes() == b"kept"
