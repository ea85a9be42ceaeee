"""Propagation finds the same mentions however many terms a call has."""

import pytest

from wardkeep.model.spans import IdentifierType as T
from wardkeep.privacy.propagate import Terms

FEW = ["quill feather", "quill"]
MANY = [*FEW, *(f"zz{chr(97 + i)}{chr(97 + j)}q" for i in range(10) for j in range(10))]


@pytest.mark.parametrize("known", [FEW, MANY], ids=["few", "many"])
@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("seen by quill", ["quill"]),  # the text ends inside what could be the longer term
        ("Quill Feather, quill's chart", ["Quill Feather", "Feather", "Quill", "quill"]),
        ("quilled, unquill", []),
        ("", []),
    ],
)
def test_mentions_are_whole_words_inside_the_text(known, text, mentions):
    found = Terms({}, known).find(text)
    assert sorted(text[s.start : s.end] for s in found) == sorted(mentions)
    assert all(0 <= s.start < s.end <= len(text) and s.type is T.NAME for s in found)
