"""What detection reaches on documents that no training has seen; a change that loses ground fails here.

The bounds stand a little under what was measured (`python -m model.measure` prints the figures).
"""

from pathlib import Path

import pytest
from model.corpus import own
from model.measure import measure

from wardkeep.privacy.detect.detector import Detector

CORPUS = Path(__file__).parents[2] / "model" / "corpus" / "valid"
BALANCED = Detector("balanced")
STRICT = Detector("strict")


def figures(name: str, detector: Detector = BALANCED) -> dict:
    documents = [d for path in sorted(CORPUS.glob(f"{name}_*.txt")) for d in own(path)]
    assert documents
    return measure(documents, lambda text: [(s.start, s.end) for s in detector.find(text)]).shares()


def share(ratio: str) -> float:
    count, _, total = ratio.partition("/")
    return int(count) / int(total)


@pytest.mark.parametrize(
    ("name", "full", "any_", "precision"),
    [
        ("prompts", 0.96, 0.975, 0.92),
        ("notes", 0.935, 0.965, 0.88),
        ("structured", 0.945, 0.965, 0.905),
        ("adversarial", 0.835, 0.885, 0.90),
        ("spanish", 0.925, 0.965, 0.86),
    ],
)
def test_identifiers_are_covered(name, full, any_, precision):
    reached = figures(name)
    assert reached["full"] >= full
    assert reached["any"] >= any_
    assert reached["char_p"] >= precision


@pytest.mark.parametrize(("name", "most"), [("harmless", 0.18), ("negatives", 0.04)])
def test_harmless_text_is_left_alone(name, most):
    assert share(figures(name)["over"]) <= most


@pytest.mark.parametrize("name", ["prompts", "notes", "structured", "adversarial", "spanish"])
def test_strict_leaves_no_more_than_balanced(name):
    assert figures(name, STRICT)["full"] >= figures(name)["full"]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Cr 1.7, K 4.9, INR 2.3 today.",
            "Foley catheter in place.",
            "Parkinson disease, stable.",
            "Baker cyst behind the knee.",
        ),
        *(
            "March fracture of the second metatarsal.",
            "Will follow up.",
            "Colles fracture reduced.",
            "Bell palsy, House-Brackmann 3.",
        ),
    ],
)
def test_what_every_clinician_writes_survives(text):
    assert BALANCED.find(text) == []
