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


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("J\u0336o\u0336hn", "John"),
        ("9\ufe0f\u20e33\ufe0f\u20e3", "93"),
        ("%254Aohn", "John"),
        ("&amp;#74;ohn", "John"),
        ("\\x4a\\x6fhn", "John"),
        ("\\\\u004aohn", "John"),
        ("\\u{4a}ohn", "John"),
        ("\\112ohn", "John"),
        ("%u004Aohn", "John"),
        ("J&#111hn", "John"),
        ("\\ud83d\\ude00", "\U0001f600"),
        ("J\u043ehn", "John"),
        ("\u0421\u0430\u0440\u0430 Moss", "Capa Moss"),
        ("\u0443 \u043d\u0435\u0433\u043e \u0440\u0430\u043a", "\u0443 \u043d\u0435\u0433\u043e \u0440\u0430\u043a"),
        ("\u1d0a\u1d0f\u029c\u0274", "john"),
        ("Nguye\u0302\u0303n", "Nguy\u1ec5n"),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", "\u0939\u093f\u0928\u094d\u0926\u0940"),
    ],
)
def test_deeper_disguises_are_undone_and_words_of_other_scripts_stay(text, plain):
    assert normalise(text).text == plain


def test_offsets_lead_back_through_two_layers():
    text = "x %254Aohn %264y"
    out = normalise(text)
    start = out.text.index("John")
    assert text[slice(*out.original(start, start + 1))] == "%254A"
    assert text[slice(*out.original(start + 1, start + 4))] == "ohn"
