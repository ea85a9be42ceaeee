"""Placeholder numbers collide and the wrong person is restored; cross-request token leak (DESIGN section 10)."""

import random
from itertools import pairwise

from wardkeep.model.spans import Leaf, LeafKind
from wardkeep.privacy.deidentify import deidentify
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.reidentify import restore_text
from wardkeep.privacy.surrogates import Surrogates

FIRST = ["Maria", "Pedro", "Anna", "Peter", "Sarah", "Kevin", "Laura", "Brian", "Helen", "Carlos", "Diana", "Oscar"]
LAST = ["Gonzalez", "Brewer", "Olson", "Nielsen", "Harper", "Sullivan", "Nguyen", "Patel", "Ramirez", "Kowalski"]


def test_a_thousand_conversations_never_mix():
    detector = Detector("balanced")
    rng = random.Random(7)
    calls = []
    for number in range(1000):
        people = [f"{rng.choice(FIRST)} {rng.choice(LAST)}" for _ in range(2)]
        text = f"Patient Name: {people[0]}. Contact: {people[1]}. MRN {rng.randrange(10**6, 10**7)}."
        key = Surrogates(number.to_bytes(32))
        out = deidentify(
            [Leaf(text, None, LeafKind.TEXT)], detector=detector, surrogates=key, keep=frozenset(), known=()
        )
        calls.append((text, out))
    for text, out in calls:
        assert restore_text(out.texts[0], out.restore) == text
    seen: dict[str, int] = {}
    for number, (_, out) in enumerate(calls):
        for token in out.restore:
            assert seen.setdefault(token, number) == number
    for (_, one), (_, other) in pairwise(calls):
        assert restore_text(one.texts[0], other.restore) == one.texts[0]
