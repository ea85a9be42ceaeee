"""The short way of taking a run apart gives what the pattern gives."""

from hypothesis import given
from hypothesis import strategies as st

from wardkeep.privacy.detect.wording import PIECE, pieces_of

WORDS = st.one_of(
    st.sampled_from(["Ana", "de", "la", "Cruz", "J.", "O'Neil", "Smith-Jones", "Jr", "MD,", "\u00c5sa", "\u0141uk"]),
    st.text(alphabet=st.characters(categories=["Lu", "Ll", "Lt", "Lm", "Lo"]), min_size=1, max_size=6),
)


@given(st.lists(WORDS, min_size=1, max_size=5).map(" ".join))
def test_pieces_are_those_of_the_pattern(run):
    assert pieces_of(run) == [(found.start(), found.end(), found[0]) for found in PIECE.finditer(run)]
