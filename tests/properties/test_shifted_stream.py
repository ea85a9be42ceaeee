"""Shifted dates come back the same whatever the chunking, in texts and in JSON, beside surrogates."""

import itertools
import json
from datetime import date

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardkeep.gateway.streaming import EventStream
from wardkeep.model.sensitive import Secret
from wardkeep.model.spans import Leaf, LeafKind
from wardkeep.privacy.dates import LONGEST, MONTHS, Order, Reader, coming_from
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.policies.policy import interactive
from wardkeep.privacy.reidentify import StreamRestorer, restore_dated
from wardkeep.privacy.shift import COMPUTED, HIDDEN, DateShift
from wardkeep.privacy.surrogates import Surrogates
from wardkeep.privacy.treatment import Treatment, treat

READER = Reader(order=Order.MONTH_FIRST, pivot=2026)
SHIFT = DateShift(days=-70, reader=READER, shown={"01/04/2024": "03/14/2024", "January 4, 2024": "March 14, 2024"})
RESTORE = {"[DATE-bcdfghj2]": "3/14", "[NAME-k7f3q9x2]": "Rosalind Okafor, 03/14/1931"}
DETECTOR = Detector("balanced")

PIECES = [
    *(
        "01/04/2024",
        "2024-01-07",
        "January 4, 2024",
        "Jan. 12 2024",
        "4 January 2024",
        "14-Mar-2024",
        "3-4-12",
        "1/7/24",
    ),
    *(
        "2024-01-07T10:20:00Z",
        "13/14/2024",
        "v1.2.24",
        "4th of January, 2024",
        "14 de marzo de 2024",
        "may",
        "May 5 mg",
    ),
    *(
        "[NAME-k7f3q9x2]",
        "[DATE-bcdfghj2]",
        "[NAME-",
        "\\n",
        "\\",
        '"',
        "/",
        "-",
        ".",
        " ",
        "\n",
        "1",
        "12",
        "2024",
        "th",
    ),
    *("of", "de", "T", ",", "sept", "mar", "a", "é", "[", "\\/"),
]
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=14).map("".join)


def streamed(text: str, cuts: list[int], *, depth: int) -> str:
    restorer = StreamRestorer(RESTORE, depth, SHIFT)
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return "".join([restorer.feed(text[a:b]) for a, b in itertools.pairwise(places)]) + restorer.finish()


@settings(deadline=None, max_examples=600)
@given(texts, st.lists(st.integers(0, 400), max_size=10))
def test_any_chunking_of_a_text_gives_the_same(text, cuts):
    whole = restore_dated(text, RESTORE, SHIFT)
    assert streamed(text, cuts, depth=0) == whole
    assert streamed(text, list(range(len(text))), depth=0) == whole


@settings(deadline=None, max_examples=400)
@given(texts, st.lists(st.integers(0, 400), max_size=10))
def test_any_chunking_of_arguments_gives_the_same(text, cuts):
    whole = streamed(text, [], depth=1)
    assert streamed(text, cuts, depth=1) == whole
    assert streamed(text, list(range(len(text))), depth=1) == whole


@given(st.text(alphabet="0123456789/-. Tofthdemarzsepnj,\\n", max_size=120))
def test_never_more_than_the_length_of_a_date_is_held(text):
    assert len(text) - coming_from(text) <= LONGEST


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(st.dates(date(1900, 1, 1), date(2045, 1, 1)), st.integers(0, 8)), min_size=1, max_size=4),
    st.integers(1, 52),
    st.booleans(),
)
def test_what_was_shown_in_any_form_comes_back_exactly_and_intervals_hold(days, weeks, back):
    forms = (
        "%m/%d/%Y",
        "%Y-%m-%d",
        "%B %d, %Y",
        "%d %B %Y",
        "%b %d, %Y",
        "%d-%b-%Y",
        "%Y/%m/%d",
        "%m-%d-%Y",
        "%m.%d.%Y",
    )
    text = "Seen on " + "; then on ".join(day.strftime(forms[form]) for day, form in days) + "."
    policy = interactive("balanced", {"DATE": "shift"})
    treatment = Treatment(
        policy=policy,
        detector=DETECTOR,
        assigner=Surrogates(b"k" * 32),
        today=date(2026, 11, 23),
        days=7 * weeks * (-1 if back else 1),
    )
    out = treat([Leaf(text, None, LeafKind.TEXT)], treatment)
    shown = out.texts[0]
    assert shown is not None
    assert restore_dated(shown, out.restore, out.shift) == text
    moved = [each.day for each in out.shift.reader.find(shown)]
    real = [each.day for each in out.shift.reader.find(text)]
    if len(moved) == len(real):
        assert {(new - old).days for new, old in zip(moved, real, strict=True)} <= {treatment.days}
    assert all(day.strftime(forms[form]) not in shown or len(days) > 1 for day, form in days)


def chunks(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


TEXT = "Admitted 01/04/2024; 3 days after that, on 01/07/2024, or January 7, 2024."
WANTED = f"Admitted 03/14/2024; 3 days after that, on 03/17/2024{COMPUTED}, or March 17, 2024{COMPUTED}."
ARGUMENTS = json.dumps({"due": "2024-01-07", "why": "seen 01/04/2024", "n": 1})
WANTED_ARGUMENTS = {"due": "2024-03-17", "why": "seen 03/14/2024", "n": 1}


def openai_events(size: int) -> bytes:
    events = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in chunks(TEXT, size)]
    for piece in chunks(ARGUMENTS, size):
        delta = {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
        events.append({"choices": [{"index": 0, "delta": delta}]})
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    return b"".join(b"data: " + orjson.dumps(each) + b"\n\n" for each in events) + b"data: [DONE]\n\n"


def anthropic_events(size: int) -> bytes:
    out = b""
    for index, (start, deltas) in enumerate(
        (
            ({"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in chunks(TEXT, size)]),
            (
                {"type": "tool_use", "id": "t", "name": "f", "input": {}},
                [{"type": "input_json_delta", "partial_json": piece} for piece in chunks(ARGUMENTS, size)],
            ),
        )
    ):
        events = [{"type": "content_block_start", "index": index, "content_block": start}]
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
        out += b"".join(b"data: " + orjson.dumps(each) + b"\n\n" for each in events)
    return out + b'data: {"type": "message_stop"}\n\n'


def read_events(raw: bytes) -> list[dict]:
    return [json.loads(line[6:]) for line in raw.decode().splitlines() if line.startswith("data: {")]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("step", [1, 7, 4096])
def test_events_of_both_wire_formats_are_moved_back(size, step):
    for is_anthropic, raw in ((False, openai_events(size)), (True, anthropic_events(size))):
        stream = EventStream(restore={}, conversation_key=Secret(b"k" * 32), is_anthropic=is_anthropic, shift=SHIFT)
        out = b"".join(stream.feed(raw[at : at + step]) for at in range(0, len(raw), step)) + stream.finish()
        if is_anthropic:
            deltas = [each["delta"] for each in read_events(out) if each["type"] == "content_block_delta"]
            text = "".join(delta.get("text", "") for delta in deltas)
            arguments = "".join(delta.get("partial_json", "") for delta in deltas)
        else:
            deltas = [choice["delta"] for each in read_events(out) for choice in each["choices"]]
            text = "".join(delta.get("content", "") for delta in deltas)
            calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
            arguments = "".join(call["function"]["arguments"] for call in calls)
        assert text == WANTED
        assert json.loads(arguments) == WANTED_ARGUMENTS


def test_who_may_not_see_real_days_sees_every_date_marked():
    hidden = DateShift(days=-70, reader=READER, shown=SHIFT.shown, reveals=False)
    assert hidden.back("on 01/04/2024 and 01/07/2024") == f"on 01/04/2024{HIDDEN} and 01/07/2024{HIDDEN}"


def test_every_month_name_begins_a_held_date():
    for name in MONTHS:
        for length in range(1, len(name) + 1):
            assert coming_from(f"x {name[:length]}") == 2
