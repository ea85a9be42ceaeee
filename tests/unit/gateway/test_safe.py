"""Stage 4: what cannot be examined does not leave, and what was signed comes back only as it left."""

from datetime import date

import orjson
import pytest

from wardkeep.gateway.answers import restore_answer
from wardkeep.gateway.safe import make_safe, wrap_signature
from wardkeep.model.document import apply, parse
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import ApiKey, Person, Purpose, Registry, Route, Surface
from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Call, Facts, Identified, Permitted, Safe
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.errors import DetectorFailed

KEY = Secret(b"s" * 32)
NOW = Instant(1_800_000_000_000_000, 1, "boot")


class Broken(Detector):
    """A detector whose recogniser fails."""

    def __init__(self) -> None:
        super().__init__("balanced")

    def recognise(self, text):
        raise DetectorFailed("a recogniser failed")


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector("balanced")


def permitted(body: dict, surface: Surface = Surface.OPENAI_CHAT, **stated: object) -> Permitted:
    person = Person(id="p", roles=frozenset(), is_active=True)
    key = ApiKey(
        id="k", mac=b"m", name="app", owner="p", workspace="w", models=frozenset({"m"}),
        purposes=frozenset(Purpose), default_purpose=Purpose.TREAT, expires_at=None,
    )  # fmt: skip
    call = Call(
        id=bytes(16), surface=surface, document=parse(orjson.dumps(body)), credential=None, received=NOW, **stated
    )
    facts = Facts(registry=Registry(epoch=1), today=date(2027, 1, 15), now=NOW, policy_version="1")
    return Permitted(
        identified=Identified(call=call, key=key, owner=person), facts=facts, route=Route(model="m", deployment="d"),
        purpose=Purpose.TREAT, subject=call.subject, keeps=frozenset({"DATE", "AGE"}),
    )  # fmt: skip


def chat(text: str, **more: object) -> dict:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


def sent(safe: Safe | Refused) -> bytes:
    assert isinstance(safe, Safe)
    return apply(safe.body.document.raw, safe.body.edits("m"))


def test_a_detector_that_fails_refuses_the_call():
    assert make_safe(permitted(chat("hello there")), Broken(), KEY) == Refused(reason=Reason.DETECTOR_FAILED)


def test_a_call_without_identifiers_passes_byte_equal_but_for_store(detector):
    body = permitted(chat("Which dose of apixaban?", store=False, temperature=0.5))
    assert sent(make_safe(body, detector, KEY)) == body.identified.call.document.raw


def test_declared_identities_are_hidden_and_our_member_is_not_sent(detector):
    body = chat("the zebra-quokka was seen", wardkeep={"subject_identities": ["zebra-quokka"]})
    out = sent(make_safe(permitted(body), detector, KEY))
    assert b"quokka" not in out
    assert b"wardkeep" not in out


def test_the_same_conversation_has_the_same_surrogates_and_another_has_others(detector):
    note = chat("Patient Rosalind Okafor called.")
    first, again = (make_safe(permitted(note, conversation="c1"), detector, KEY) for _ in range(2))
    other = make_safe(permitted(note, conversation="c2"), detector, KEY)
    assert isinstance(first, Safe)
    assert isinstance(again, Safe)
    assert isinstance(other, Safe)
    assert first.restore == again.restore
    assert first.restore.keys().isdisjoint(other.restore.keys())


def test_a_schema_with_an_identifier_is_refused(detector):
    tool = {"type": "function", "function": {"name": "f", "parameters": {"enum": ["SSN 524-71-3345"]}}}
    refused = make_safe(permitted(chat("hi", tools=[tool])), detector, KEY)
    assert refused == Refused(reason=Reason.SCHEMA_IDENTIFIES)


def test_an_unlisted_beta_is_refused(detector):
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    refused = make_safe(permitted(body, Surface.ANTHROPIC_MESSAGES, betas=("files-api-2025-04-14",)), detector, KEY)
    assert refused == Refused(reason=Reason.BETA_UNLISTED, field="anthropic-beta")


def thinking(text: str, signature: str) -> dict:
    block = {"type": "thinking", "thinking": text, "signature": signature}
    history = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [block]},
        {"role": "user", "content": "on"},
    ]
    return {"model": "m", "max_tokens": 5, "messages": history}


def test_a_thinking_block_comes_back_only_as_it_left(detector):
    opening = make_safe(permitted(thinking("", ""), Surface.ANTHROPIC_MESSAGES), detector, KEY)
    assert isinstance(opening, Refused)
    plain = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    safe = make_safe(permitted(plain, Surface.ANTHROPIC_MESSAGES), detector, KEY)
    assert isinstance(safe, Safe)
    wrapped = wrap_signature("I think.", "vendor==", safe.conversation_key)
    back = make_safe(permitted(thinking("I think.", wrapped), Surface.ANTHROPIC_MESSAGES), detector, KEY)
    assert b'"signature":"vendor=="' in sent(back)
    for text, signature in (
        ("I thought.", wrapped),
        ("I think.", wrapped[:-3]),
        ("I think.", "vendor=="),
        ("I think.", "wk1.!!.x"),
    ):
        refused = make_safe(permitted(thinking(text, signature), Surface.ANTHROPIC_MESSAGES), detector, KEY)
        assert isinstance(refused, Refused)
        assert refused.reason is Reason.FIELD_INVALID


def test_arguments_in_an_answer_are_restored_as_the_json_they_are():
    original = 'Zoë "Zo" O\\N'
    answer = {
        "choices": [
            {
                "message": {
                    "content": "[NAME-k7f3q9x2]",
                    "tool_calls": [{"function": {"arguments": '{"who": "[NAME-k7f3q9x2]"}'}}],
                }
            }
        ]
    }
    out = orjson.loads(restore_answer(parse(orjson.dumps(answer)), {"[NAME-k7f3q9x2]": original}, KEY))
    message = out["choices"][0]["message"]
    assert message["content"] == original
    assert orjson.loads(message["tool_calls"][0]["function"]["arguments"]) == {"who": original}
