"""A route's privacy policy: its actions are what the vendor gets, and what cannot be done safely is refused."""

from dataclasses import replace

import orjson
import pytest
from tests.unit.gateway.test_safe import KEY, chat, permitted, sent

from wardkeep.gateway.answers import restore_answer
from wardkeep.gateway.safe import make_safe
from wardkeep.model.document import parse
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import Route, Surface
from wardkeep.model.stages import Safe
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.shift import COMPUTED, shift_of

NOTE = (
    "Patient Rosalind Okafor, admitted 03/14/2024, discharged 03/17/2024. SSN 219-09-9999. Seen by Dr. Alan Whitfield."
)


@pytest.fixture(scope="module")
def balanced():
    return Detector("balanced")


def asked(body, *, policy="balanced", actions=None, surface=Surface.OPENAI_CHAT, **stated):
    given = permitted(body, surface, **stated)
    route = Route(model="m", deployment="d", policy=policy, actions=actions or {})
    return replace(given, route=route, keeps=given.keeps - (actions or {}).keys())


def safe(body, detector, **options):
    return make_safe(asked(body, **options), detector, KEY, lambda: Detector("strict"))


def test_shifted_dates_leave_and_come_back(balanced):
    made = safe(chat(NOTE), balanced, actions={"DATE": "shift"})
    out = sent(made)
    assert b"03/14/2024" not in out
    assert b"Okafor" not in out
    assert made.dates.days % 7 == 0
    moved = made.dates
    shift = shift_of(days=moved.days, shown=moved.shown, order=moved.order, pivot=moved.pivot, reveals=True)
    shown = list(moved.shown)
    answer = {
        "id": "chatcmpl-2024-03-14",
        "created": 1,
        "choices": [
            {
                "message": {
                    "content": f"Admitted {shown[0]}.",
                    "tool_calls": [{"function": {"arguments": orjson.dumps({"on": shown[1]}).decode()}}],
                }
            }
        ],
    }
    body = orjson.loads(restore_answer(parse(orjson.dumps(answer)), made.restore, made.conversation_key, shift))
    message = body["choices"][0]["message"]
    assert message["content"] == "Admitted 03/14/2024."
    assert orjson.loads(message["tool_calls"][0]["function"]["arguments"]) == {"on": "03/17/2024"}
    assert body["id"] == "chatcmpl-2024-03-14"
    anthropic = {"content": [{"type": "tool_use", "input": {"on": "2024-01-01", "why": "by 2024-01-01 at most"}}]}
    body = orjson.loads(restore_answer(parse(orjson.dumps(anthropic)), {}, made.conversation_key, shift))
    assert COMPUTED not in body["content"][0]["input"]["on"]
    assert COMPUTED in body["content"][0]["input"]["why"]


def test_a_subject_has_one_shift_in_all_conversations_and_another_subject_another(balanced):
    days = {
        (subject, conversation): safe(
            chat(NOTE), balanced, actions={"DATE": "shift"}, subject=subject, conversation=conversation
        ).dates.days
        for subject in ("p-1", "p-2", "p-3", "p-4")
        for conversation in ("c1", "c2")
    }
    assert len(set(days.values())) > 1
    assert all(days[subject, "c1"] == days[subject, "c2"] for subject, _ in days)


def test_dates_go_unchanged_for_treatment_unless_the_route_says_otherwise(balanced):
    assert b"03/14/2024" in sent(safe(chat(NOTE), balanced))
    assert b"03/14/2024" in sent(safe(chat(NOTE), balanced, actions={"PROVIDER": "allow"}))
    assert b"[DATE-" in sent(safe(chat(NOTE), balanced, actions={"DATE": "surrogate"}))


def test_clinicians_may_go_unchanged_and_masks_do_not_come_back(balanced):
    made = safe(chat(NOTE), balanced, actions={"PROVIDER": "allow", "SSN": "mask"})
    assert b"Dr. Alan Whitfield" in sent(made)
    assert b"SSN [SSN]" in sent(made)
    assert "[SSN]" not in made.restore
    assert made.counts == {"NAME": 1, "SSN": 1}


def test_a_blocked_class_refuses_the_call(balanced):
    assert safe(chat(NOTE), balanced, actions={"SSN": "block"}) == Refused(reason=Reason.CLASS_BLOCKED)
    assert isinstance(safe(chat("Which dose?"), balanced, actions={"SSN": "block"}), Safe)


def test_signed_thinking_is_refused_where_dates_are_shifted(balanced):
    body = {
        "model": "m",
        "max_tokens": 4000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [{"role": "user", "content": NOTE}],
    }
    refused = safe(body, balanced, actions={"DATE": "shift"}, surface=Surface.ANTHROPIC_MESSAGES)
    assert refused == Refused(reason=Reason.THINKING_DATES_SHIFTED, field="thinking")
    assert isinstance(safe(body, balanced, surface=Surface.ANTHROPIC_MESSAGES), Safe)


def test_a_strict_route_without_its_detector_is_refused(balanced):
    assert make_safe(asked(chat(NOTE), policy="strict"), balanced, KEY) == Refused(reason=Reason.DETECTOR_FAILED)
    assert b"Whitfield" not in sent(safe(chat(NOTE), balanced, policy="strict"))
