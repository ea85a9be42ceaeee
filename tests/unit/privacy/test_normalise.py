"""Offsets after normalisation point at the original characters."""

import pytest

from wardkeep.privacy.normalise import normalise


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("plain ascii 100% & more", "plain ascii 100% & more"),
        ("4\u200d1\u200b1", "411"),
        ("４１１１", "4111"),
        ("jan\u0435", "jane"),
        ("jane\u0301", "jan\u00e9"),
        ("%4Aohn", "John"),
        ("&#74;ohn", "John"),
        ("\\u004aohn", "John"),
        ("\\nMRN", "  MRN"),
        ("\u0664\u0661", "41"),
        ("\ufb01ne", "fine"),
        ("a\u2014b", "a-b"),
    ],
)
def test_a_disguise_is_undone(text, plain):
    assert normalise(text).text == plain


def test_offsets_lead_back_to_the_whole_disguise():
    text = "x &#74;ohn 4\u200d1 y"
    out = normalise(text)
    start = out.text.index("John")
    assert text[slice(*out.original(start, start + 4))] == "&#74;ohn"
    start = out.text.index("41")
    assert text[slice(*out.original(start, start + 2))] == "4\u200d1"
