"""Identifiers in an answer that the request did not have: flagged, masked or blocked, in any chunking alike."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardkeep.gateway.answers import restore_answer
from wardkeep.gateway.streaming import EventStream
from wardkeep.model.document import parse
from wardkeep.model.guard import GuardAction, GuardTerms
from wardkeep.model.reasons import Reason, RefusalError
from wardkeep.model.sensitive import Secret
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.errors import DetectorFailed
from wardkeep.privacy.prompt.answer import AnswerWatch
from wardkeep.privacy.prompt.links import carried
from wardkeep.privacy.prompt.reveal import HIDDEN, LONGEST, asked_of, segment_end

ASKED = ("Patient Rosalind Okafor (MRN: 00412233, phone 415-867-5309) was seen by Dr. Alan Whitfield.",)
DETECTOR = Detector("balanced")
OTHERS = {
    "name": ("Her neighbour Margaret Thornbury was seen too.", "Margaret Thornbury"),
    "ssn": ("The SSN on file is 219-09-9999 today.", "219-09-9999"),
    "phone": ("Call 617-867-2244 instead.", "617-867-2244"),
    "email": ("Write to m.thornbury@clinic-mail.com soon.", "m.thornbury@clinic-mail.com"),
    "mrn": ("Compare with MRN: 77120455 please.", "77120455"),
}
SAME = (
    "Rosalind Okafor is well. Ms. Okafor can go home.",
    "Okafor, Rosalind: call (415) 867 5309.",
    "Dr. Whitfield saw her; record 00412233.",
    "Give apixaban 5 mg twice daily. See her again on 2027-02-03, she is 61.",
    "Boston has several hospitals.",
    "[NAME-k7f3q9x2] is well.",
)


def watch(action, find=DETECTOR.find):
    return AnswerWatch(
        terms=GuardTerms(reveals=action), known=lambda: carried([], "", frozenset()),
        find=find, asked=lambda: asked_of(ASKED),
    )  # fmt: skip


@pytest.mark.parametrize(("text", "value"), OTHERS.values(), ids=OTHERS.keys())
class TestSomebodyElse:
    def test_is_masked(self, text, value):
        seen = watch(GuardAction.MASK)
        out = seen.text(text)
        assert value not in out
        assert HIDDEN in out
        assert seen.signals == {"reveal"}

    def test_is_flagged_and_stays(self, text, value):
        seen = watch(GuardAction.FLAG)
        assert seen.text(text) == text
        assert seen.signals == {"reveal"}

    def test_blocks(self, text, value):
        with pytest.raises(RefusalError) as caught:
            watch(GuardAction.BLOCK).text(text)
        assert (caught.value.refused.reason, caught.value.refused.signals) == (Reason.ANSWER_REVEALS, ("reveal",))

    def test_is_not_looked_for_where_nobody_decided_it(self, text, value):
        seen = watch(GuardAction.OFF)
        assert seen.text(text) == text
        assert seen.signals == set()

    def test_is_never_masked_in_what_a_program_reads(self, text, value):
        with pytest.raises(RefusalError):
            watch(GuardAction.MASK).text(text, is_json=True)


@pytest.mark.parametrize("text", SAME)
def test_what_the_request_had_is_no_find(text):
    seen = watch(GuardAction.BLOCK)
    assert seen.text(text) == text
    assert seen.signals == set()


def test_a_reading_that_fails_refuses_the_answer():
    def fails(_):
        raise DetectorFailed("a recogniser failed")

    with pytest.raises(RefusalError) as caught:
        watch(GuardAction.FLAG, fails).text("Hello there.")
    assert caught.value.refused.reason is Reason.DETECTOR_FAILED


WORDS = st.sampled_from(
    ("Rosalind Okafor", "Margaret Thornbury", "SSN 219-09-9999", "is well", ". ", "! ", "\n", "a", " ", "Dr. ",
     "617-867-2244"),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, max_size=14).map("".join), st.lists(st.integers(1, 40), min_size=1, max_size=20))
@pytest.mark.parametrize("action", [GuardAction.MASK, GuardAction.FLAG])
def test_any_chunking_is_judged_like_the_whole(action, text, sizes):
    whole, streamed = watch(action), watch(action)
    stream = streamed.stream(None)
    out, at = [], 0
    for size in sizes:
        out.append(stream.feed(text[at : at + size]))
        at += size
    out += [stream.feed(text[at:]), stream.finish()]
    assert "".join(out) == whole.text(text)
    assert streamed.signals == whole.signals


@given(st.text(max_size=1500), st.integers(0, 1500))
def test_what_is_held_back_is_bounded(text, cut):
    held = text[:cut]
    while (end := segment_end(held)) is not None:
        assert 0 < end <= LONGEST + 1
        held = held[end:]
    assert len(held) <= LONGEST


def test_a_flag_holds_nothing_back():
    stream = watch(GuardAction.FLAG).stream(None)
    assert stream.feed("Half a sen") == "Half a sen"
    assert stream.finish() == ""


ANSWER = "All is well. Her neighbour Margaret Thornbury was seen too. Rosalind Okafor can go."
MASKED = f"All is well. Her neighbour {HIDDEN} was seen too. Rosalind Okafor can go."


def chunks(text, size):
    for at in range(0, len(text), size):
        yield {"index": 0, "delta": {"content": text[at : at + size]}, "finish_reason": None}
    yield {"index": 0, "delta": {}, "finish_reason": "stop"}


@pytest.mark.parametrize("size", [1, 7, 200])
def test_a_stream_of_a_vendor_is_masked(size):
    events = EventStream(
        restore={}, conversation_key=Secret(b"k" * 32), is_anthropic=False, watch=watch(GuardAction.MASK)
    )
    out = b"".join(
        events.feed(b"data: " + orjson.dumps({"id": "x", "choices": [each]}) + b"\n\n") for each in chunks(ANSWER, size)
    )
    out += events.feed(b"data: [DONE]\n\n") + events.finish()
    told = [orjson.loads(line[6:]) for line in out.split(b"\n\n") if line.startswith(b"data: {")]
    assert "".join(each["choices"][0]["delta"].get("content", "") for each in told) == MASKED
    assert events.watch.signals == {"reveal"}


@pytest.mark.parametrize("action", [GuardAction.MASK, GuardAction.BLOCK])
def test_arguments_of_a_tool_end_the_stream(action):
    events = EventStream(restore={}, conversation_key=Secret(b"k" * 32), is_anthropic=False, watch=watch(action))
    call = {"index": 0, "function": {"arguments": '{"patient": "Margaret Thornbury", "mrn": 77120455}'}}
    value = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]}
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    with pytest.raises(RefusalError):
        events.feed(b"data: " + orjson.dumps(value) + b"\n\ndata: " + orjson.dumps(end) + b"\n\n")


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        ({"choices": [{"index": 0, "message": {"content": ANSWER}}]},
         lambda it: it["choices"][0]["message"]["content"]),
        ({"content": [{"type": "text", "text": ANSWER}]}, lambda it: it["content"][0]["text"]),
        ({"output": [{"type": "message", "content": [{"type": "output_text", "text": ANSWER}]}]},
         lambda it: it["output"][0]["content"][0]["text"]),
    ],
    ids=["chat", "messages", "responses"],
)  # fmt: skip
def test_whole_answers_of_every_format_are_masked(answer, place):
    seen = watch(GuardAction.MASK)
    body = restore_answer(parse(orjson.dumps(answer)), {}, Secret(b"k" * 32), watch=seen)
    assert place(orjson.loads(body)) == MASKED
    assert seen.signals == {"reveal"}
