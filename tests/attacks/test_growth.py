"""Four times the text costs about four times the steps, whatever it is made of: no prompt is a way to stop the gateway.

Steps are executed lines of ours, so that the figure is the same on every machine and does not depend on its load.
"""

import base64
import sys
from itertools import product
from pathlib import Path

import pytest

import wardkeep.privacy
from wardkeep.model.spans import Leaf, LeafKind
from wardkeep.privacy.deidentify import deidentify
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.surrogates import Surrogates

OURS = str(Path(wardkeep.privacy.__file__).parent)
SMALL = 4_000
TIMES = 4
MOST = 6.5
"""Of the steps of the small text; squares would take 16 times as many."""

SYLLABLES = ("ba", "ke", "mo", "ru", "ti", "za", "lo", "vi", "ne", "sha", "dor", "fen")
NAMES = ["".join(parts).title() for parts in product(SYLLABLES, repeat=3)]
REPEATED = {
    "note": "Seen by Dr. Tobias Hallgrimsson for Marisol Quenneville, MRN 80417736, phone (415) 555-0164. ",
    "name": "Marisol Quenneville ",
    "date": "03/14/2026 ",
    "mail": "m.q@example.org ",
    "leet": "M4r1s0l Qu3nn3v1lle ",
    "spaced": "M a r i s o l ",
    "rows": "| a | b | c |\n| patient | age | mrn |\n| Bill Young | 98 | 4471 |\n",
    "json": '{"name":"Marisol","state":"MN","city":"Ely"},',
    "base64": base64.b64encode(b"Marisol Quenneville MRN 80417736").decode() + " ",
    "digits": "123456789 ",
    "comma": "Quenneville, Marisol, ",
    "nickname": 'Lemuel "Tip" Garrowby ',
    "hyphen": "Nguyen-Roth-",
    "apostrophe": "O'Brien'",
    "one letter": "A",
    "spoken": "four one five five five five ",
    "invisible": "M\u200ba\u200br\u200bi ",
    "percent": "%4d%61%72 ",
    "entities": "&#77;&#97;",
    "title": "Dr. ",
    "label": "Patient Name: ",
    "coordinates": "25.7903,-80.1389 ",
    "brackets": "((((",
    "slashes": "1/2/3/4/",
    "login": "user a_b ",
    "tokens": "[NAME-hl5jj6jf] ",
}


@pytest.fixture(scope="module")
def detector():
    return Detector("balanced")


def steps(text: str, detector: Detector) -> int:
    """Return how many lines of the privacy package run to make a text safe."""
    count = 0

    def on_line(frame, event, _argument):
        nonlocal count
        if event == "call":
            return on_line if frame.f_code.co_filename.startswith(OURS) else None
        count += 1
        return on_line

    leaf = Leaf(text=text, kind=LeafKind.TEXT, cue=None)
    before = sys.gettrace()
    sys.settrace(on_line)
    try:
        deidentify([leaf], detector=detector, surrogates=Surrogates(b"k" * 32), keep=frozenset(), known=())
    finally:
        sys.settrace(before)
    return count


def check(small: str, large: str, detector: Detector) -> None:
    steps(small, detector)  # what is built once is built
    few, many = steps(small, detector), steps(large, detector)
    assert many < MOST * few, f"{few} steps for {len(small)} characters, {many} for {len(large)}"


@pytest.mark.parametrize("piece", REPEATED.values(), ids=REPEATED)
def test_repeated_text(piece, detector):
    small = piece * (SMALL // len(piece))
    check(small, small * TIMES, detector)


def test_as_many_people_as_fit(detector):
    """Each name is another term that is looked for everywhere."""
    count = SMALL // 14
    check(*(" ".join(f"Mr. {name}" for name in NAMES[:n]) for n in (count, TIMES * count)), detector)
