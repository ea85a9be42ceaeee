"""What a conversation said before is not read again, and what is found stays the same."""

import pytest

from wardkeep.model.spans import IdentifierType, Leaf, LeafKind, Span
from wardkeep.privacy.deidentify import deidentify
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.detect.memory import Memory
from wardkeep.privacy.errors import DetectorFailed
from wardkeep.privacy.surrogates import Surrogates

ONE, OTHER = b"1" * 32, b"2" * 32
TURNS = (
    "Summarise for Dr. Okonkwo-Reyes: Pt Lemuel Garrowby, MRN 80417736, seen 03/02/2026 for palpitations.",
    "He has atrial fibrillation; apixaban 5 mg twice daily.",
    "And when did Garrowby last see the clinic? His phone is (415) 555-0164.",
    "\ud800 half a pair, and then Garrowby again",
)


class Reader:
    """Counts what it reads; finds one span for each comma."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, text: str) -> list[Span]:
        self.read.append(text)
        return [Span(n, n + 1, IdentifierType.OTHER, "comma") for n, c in enumerate(text) if c == ","]


def test_a_text_is_read_once_in_each_conversation():
    memory, reader = Memory(), Reader()
    first = memory.recall(ONE, "a,b", reader)
    assert memory.recall(ONE, "a,b", reader) == first == [Span(1, 2, IdentifierType.OTHER, "comma")]
    assert reader.read == ["a,b"]
    memory.recall(OTHER, "a,b", reader)
    assert reader.read == ["a,b", "a,b"]


def test_what_the_caller_does_with_the_finds_changes_no_memory():
    memory, reader = Memory(), Reader()
    memory.recall(ONE, "a,b", reader).clear()
    memory.recall(ONE, "a,b", reader).clear()
    assert len(memory.recall(ONE, "a,b", reader)) == 1


def test_the_texts_not_asked_for_longest_are_forgotten():
    memory, reader = Memory(2), Reader()
    for text in ("a", "b", "a", "c", "a", "b"):
        memory.recall(ONE, text, reader)
    assert reader.read == ["a", "b", "c", "b"]
    assert len(memory) == 2


def test_a_text_with_very_many_finds_is_not_kept():
    memory, reader = Memory(), Reader()
    memory.recall(ONE, "," * 1000, reader)
    assert len(memory) == 0


def test_a_failure_is_not_remembered():
    memory = Memory()

    def broken(text: str) -> list[Span]:
        raise DetectorFailed("a recogniser failed")

    with pytest.raises(DetectorFailed):
        memory.recall(ONE, "a", broken)
    assert len(memory) == 0


@pytest.mark.parametrize("policy", ["balanced", "strict"])
def test_a_conversation_is_treated_alike_with_and_without(policy):
    fresh, remembering = Detector(policy), Detector(policy).within(ONE)
    for end in range(1, len(TURNS) + 1):
        leaves = [Leaf(text, None, LeafKind.TEXT) for text in TURNS[:end]]
        for _ in range(2):
            given = [
                deidentify(leaves, detector=detector, surrogates=Surrogates(ONE), keep=frozenset(), known=())
                for detector in (fresh, remembering)
            ]
            assert given[0] == given[1]
