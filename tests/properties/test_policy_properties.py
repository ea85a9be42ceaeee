"""What holds of every policy for any text: it never fails, is idempotent, keeps to its mode, and grows no faster."""

import sys
import tracemalloc
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardkeep.model.spans import Leaf, LeafKind
from wardkeep.privacy.codes import Codes
from wardkeep.privacy.dates import Order, Reader
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.policies.policy import shipped
from wardkeep.privacy.reidentify import restore_dated, restore_text
from wardkeep.privacy.shift import DateShift, ShiftedStream
from wardkeep.privacy.surrogates import Surrogates
from wardkeep.privacy.treatment import Treatment, explain, treat

TODAY = date(2026, 11, 23)
DETECTORS = {name: Detector(name) for name in ("strict", "balanced")}
SEEDS = [
    *("Dr. Alan Whitfield, MD", "Rosalind Okafor", "wife Anna", "MRN: 4829137", "03/14/1931", "March 14, 2024"),
    "94 years",
    *("12 Elm Street, Boston, MA 02115", "MA 021", "90+", "[NAME]", "[NAME-k7f3q9x2]", "born in 1931", "nonagenarian"),
    *("turned 92 in 2015", "DOB 3/14/24", "a@example.org", "219-09-9999", "ZIP 03601", " ", "\n"),
    *(", ", "\u200b", "４", "\U0001f600"),
]
texts = st.one_of(st.text(), st.lists(st.one_of(st.sampled_from(SEEDS), st.text(max_size=4)), max_size=10).map("".join))
POLICIES = {
    "strict": shipped("strict"),
    "balanced": shipped("balanced"),
    "shifted": shipped("balanced").amended({"DATE": "shift", "PROVIDER": "allow"}),
    "safe_harbor": shipped("safe_harbor"),
    "limited_data_set": shipped("limited_data_set"),
}


def treatment(name):
    policy = POLICIES[name]
    return Treatment(
        policy=policy,
        detector=DETECTORS[policy.detector],
        assigner=Surrogates(b"k" * 32) if policy.mode == "interactive" else Codes(),
        today=TODAY,
        days=-70 if name == "shifted" else None,
    )


def run(name, text):
    out = treat([Leaf(text, None, LeafKind.TEXT)], treatment(name))
    return out, text if out.texts[0] is None else out.texts[0]


@pytest.mark.parametrize("name", POLICIES)
def test_any_text_is_treated_and_interactive_ones_come_back(name):
    @settings(deadline=None, max_examples=60)
    @given(texts)
    def holds(text):
        out, new = run(name, text)
        if POLICIES[name].mode == "interactive":
            assert restore_dated(new, out.restore, out.shift) == text or (out.shift is not None and not out.shift.shown)
        else:
            assert out.restore == {}
            assert restore_text(new, out.restore) == new
        assert all(0 <= s.start < s.end <= len(text) for (s, _), _ in explain(text, treatment(name)))

    holds()


@pytest.mark.parametrize("name", ["safe_harbor", "strict", "balanced"])
def test_what_was_treated_holds_nothing_more_to_treat(name):
    for text in (" ".join(SEEDS), "\n".join(SEEDS), *SEEDS):
        _, once = run(name, text)
        _, twice = run(name, once)
        assert twice == once, f"{name} treats its own output again"


def operations(work) -> int:
    """Count Python and C calls: a measure that no machine's speed changes."""
    count = 0

    def tally(_frame, event, _argument):
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(tally)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


HOSTILE = [
    "03/14/2024 ", "2024-03-14T", "January ", "14 de ", "1/1/1", "born in 1931 ", "DOB ", "90 ", "MA 02115 ",
    "12 Elm St ",
    "Dr. ", "wife Anna ", "[NAME-", "a hundred ", "turned 92 in ", "\\n03/14",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE, ids=range(len(HOSTILE)))
def test_work_grows_with_the_text_and_not_faster(unit):
    for name in ("safe_harbor", "shifted"):
        small = operations(lambda: run(name, unit * 100))  # noqa: B023 - called at once
        large = operations(lambda: run(name, unit * 400))  # noqa: B023
        assert large < small * 6


MILLION = 1_000_000
SHIFT = DateShift(days=-70, reader=Reader(order=Order.MONTH_FIRST, pivot=2026))


@pytest.mark.parametrize("unit", ["1", "1/", "a", "J", "[", "\\", "2024-03-1", "x 1/1/2", "March 1"])
def test_a_million_hostile_characters_stream_in_bounded_memory_and_work(unit):
    text = unit * (MILLION // len(unit))
    pieces = [text[at : at + 1000] for at in range(0, len(text), 1000)]

    def work():
        stream = ShiftedStream(SHIFT)
        return sum(len(stream.feed(piece)) for piece in pieces) + len(stream.finish())

    tracemalloc.start()
    try:
        work()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000, "a stream holds no more than a date and the piece in hand"
    assert operations(work) < 2_000_000
