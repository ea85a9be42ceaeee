"""Compiled patterns are kept, read again, and never believed when they are not whole or of other patterns."""

import pytest

from wardkeep.privacy.detect.nomination import Pattern
from wardkeep.privacy.detect.scan import Scanner
from wardkeep.privacy.errors import DetectorUnavailable

PATTERNS = [Pattern(r"\bmrn\b", True, False), Pattern(r"[0-9]{3}-[0-9]{2}", False, False)]
TEXT = "MRN 123-45"


def kept(folder):
    return sorted(folder.glob("patterns-*.hsdb"))


def test_what_was_compiled_is_read_again_and_finds_the_same(tmp_path):
    folder = tmp_path / "kept"
    first = Scanner(PATTERNS, folder).scan(TEXT)
    (file,) = kept(folder)
    written = file.stat().st_mtime_ns
    assert Scanner(PATTERNS, folder).scan(TEXT) == first
    assert first
    assert kept(folder)[0].stat().st_mtime_ns == written


def test_other_patterns_are_another_file(tmp_path):
    Scanner(PATTERNS, tmp_path)
    Scanner(PATTERNS[:1], tmp_path)
    Scanner([Pattern(PATTERNS[0].expression, False, False), PATTERNS[1]], tmp_path)
    assert len(kept(tmp_path)) == 3
    assert not [file for file in tmp_path.iterdir() if file not in kept(tmp_path)]


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:-1], lambda data: data[:40] + b"x" + data[41:]]
)
def test_a_file_that_is_not_whole_is_compiled_again(tmp_path, damage):
    whole = Scanner(PATTERNS, tmp_path).scan(TEXT)
    (file,) = kept(tmp_path)
    data = file.read_bytes()
    file.write_bytes(damage(data))
    assert Scanner(PATTERNS, tmp_path).scan(TEXT) == whole
    assert file.read_bytes()[:32] == data[:32]


def test_a_place_that_cannot_be_written_costs_only_time(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert Scanner(PATTERNS, tmp_path / "file" / "folder").scan(TEXT)


def test_patterns_that_do_not_compile_are_refused(tmp_path):
    with pytest.raises(DetectorUnavailable):
        Scanner([Pattern("(", False, False)], tmp_path)
    assert not kept(tmp_path)
