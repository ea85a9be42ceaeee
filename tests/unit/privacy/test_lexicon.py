"""The word lists arrive whole, though they are unpacked piece by piece."""

import json
import zlib
from importlib.resources import files

from wardkeep.privacy.detect.lexicon import lexicon

DATA = files("wardkeep.privacy") / "data"


def test_every_word_has_the_flags_of_its_group():
    groups = zlib.decompress((DATA / "lexicon.z").read_bytes()).decode().split("\n\n")
    expected = {}
    for group in groups:
        flags, *words = group.split("\n")
        expected |= dict.fromkeys(words, int(flags, 16))
    assert lexicon() == expected
    assert len(expected) == json.loads((DATA / "manifest.json").read_bytes())["lexicon.z"]["words"]
