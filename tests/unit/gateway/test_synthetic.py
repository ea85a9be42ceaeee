"""A workspace for made-up data: what could be a real person's is refused, by each way it could come in."""

from dataclasses import replace
from datetime import date

import orjson
import pytest
from tests.unit.compliance.organisation import PRIVACY, working_registry
from tests.unit.policy.test_decide import CALL, FACTS, KEY, REGISTRY, asked

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.workspaces import add_workspace
from wardkeep.gateway.safe import make_safe
from wardkeep.model.access import DataClass, Purpose, Requirement, Workspace
from wardkeep.model.document import parse
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import ApiKey, Person, Registry, Route, Surface
from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Call, Facts, Identified, Permitted, Safe
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.synthetic import is_declared, is_reserved

WORKSPACE = Workspace(
    id="w", name="Developers", owner="p", members=frozenset(), purposes=frozenset(Purpose), models=None,
    data_classes=frozenset({DataClass.ORDINARY}), requires=frozenset(), is_active=True, synthetic_only=True,
    synthetic_terms=frozenset({"Johnny Sample"}),
)  # fmt: skip
NOW = Instant(1_800_000_000_000_000, 1, "boot")


@pytest.fixture(scope="module")
def detector():
    return Detector("balanced")


def looked_at(detector, body, *, surface=Surface.OPENAI_CHAT, workspace=WORKSPACE, actions=None):
    person = Person(id="p", roles=frozenset(), is_active=True)
    key = ApiKey(
        id="k", mac=b"m", name="app", owner="p", workspace="w", models=frozenset({"m"}),
        purposes=frozenset(Purpose), default_purpose=Purpose.TREAT, expires_at=None,
    )  # fmt: skip
    call = Call(id=bytes(16), surface=surface, document=parse(orjson.dumps(body)), credential=None, received=NOW)
    registry = Registry(epoch=1, workspaces={"w": workspace})
    facts = Facts(registry=registry, today=date(2027, 1, 15), now=NOW, policy_version="1")
    permitted = Permitted(
        identified=Identified(call=call, key=key, owner=person), facts=facts,
        route=Route(model="m", deployment="d", actions=actions or {}),
        purpose=Purpose.TREAT, subject=None, keeps=frozenset({"DATE", "AGE"}),
    )  # fmt: skip
    return make_safe(permitted, detector, Secret(b"s" * 32))


def chat(text, **more):
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


REFUSED = Refused(reason=Reason.SYNTHETIC_ONLY)
REAL = {
    "name": "Patient Rosalind Okafor was seen for chest pain.",
    "ssn": "SSN 219-09-9999.",
    "phone": "Call the patient at 415-867-5309.",
    "email": "Write to rosalind.okafor@clinic-mail.com.",
    "mrn": "MRN: 48151623.",
    "beside a declared name": "Johnny Sample and Rosalind Okafor were seen by the doctor.",
}


@pytest.mark.parametrize("text", REAL.values(), ids=REAL.keys())
def test_what_could_be_somebody_s_is_refused(detector, text):
    assert looked_at(detector, chat(text)) == REFUSED
    # The same text passes where real data is handled, as surrogates.
    assert isinstance(looked_at(detector, chat(text), workspace=replace(WORKSPACE, synthetic_only=False)), Safe)


@pytest.mark.parametrize(
    ("surface", "body"),
    [
        (Surface.OPENAI_CHAT, {"model": "m", "messages": [
            {"role": "system", "content": REAL["name"]}, {"role": "user", "content": "Summarise."}]}),
        (Surface.OPENAI_CHAT, {"model": "m", "messages": [
            {"role": "user", "content": "look"},
            {"role": "assistant", "content": None, "tool_calls": [{
                "id": "c1", "type": "function",
                "function": {"name": "find", "arguments": '{"patient_name": "Rosalind Okafor"}'}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "none"}]}),
        (Surface.OPENAI_EMBEDDINGS, {"model": "m", "input": [REAL["name"], "nothing"]}),
        (Surface.OPENAI_RESPONSES, {"model": "m", "input": REAL["name"]}),
        (Surface.ANTHROPIC_MESSAGES, {"model": "m", "max_tokens": 5, "messages": [
            {"role": "user", "content": [{"type": "text", "text": REAL["name"]}]}]}),
    ],
    ids=["system", "tool arguments", "embeddings", "responses", "messages"],
)  # fmt: skip
def test_on_every_surface_and_in_every_place(detector, surface, body):
    assert looked_at(detector, body, surface=surface) == REFUSED


@pytest.mark.parametrize(
    "text",
    [
        "Which dose of apixaban is usual in renal failure?",
        "Johnny Sample was seen on 2027-01-03. Mr. Sample is doing well.",
        "Call 415-555-0132 or write to front.desk@example.com.",
        "Server 192.0.2.17 answered.",
    ],
)
def test_what_can_be_nobody_s_passes(detector, text):
    assert isinstance(looked_at(detector, chat(text)), Safe)


def test_identities_of_a_subject_are_refused_though_nothing_was_found(detector):
    body = chat("zebra-quokka", wardkeep={"subject_identities": ["zebra-quokka"]})
    assert looked_at(detector, body) == REFUSED


def test_where_a_policy_acts_on_classes_any_identifier_is_refused(detector):
    assert looked_at(detector, chat("Call 415-555-0132."), actions={"SSN": "mask"}) == REFUSED


@pytest.mark.parametrize(
    ("call", "is_refused"),
    [
        ({}, False),
        ({"subject": "p-7731"}, True),
        ({"subject": "unknown"}, True),
        ({"data_classes": ("psychotherapy",)}, True),
        ({"data_classes": ("part2",)}, True),
        ({"data_classes": ("ordinary",)}, False),
        ({"data_classes": ("nonsense",)}, True),
    ],
)
@pytest.mark.parametrize("is_synthetic", [True, False])
def test_a_subject_or_a_special_class_is_refused_before_anything_is_read(call, is_refused, is_synthetic):
    held = {"w": replace(REGISTRY.workspaces["w"], data_classes=frozenset(DataClass), synthetic_only=is_synthetic)}
    facts = replace(FACTS, registry=replace(REGISTRY, workspaces=held))
    found = asked(replace(CALL, **call), KEY, facts)
    is_own_reason = isinstance(found, Refused) and found.reason is Reason.SYNTHETIC_ONLY
    assert is_own_reason is (is_synthetic and is_refused)


RESERVED = (
    "415-555-0132", "(415) 555-0199", "+1 415 555 0100", "a@example.com", "a@mail.example.org", "a@b.test",
    "https://example.net/x", "www.example.com", "192.0.2.1", "2001:db8::1", "000-12-3456", "666-12-3456",
    "123-00-4567", "123-45-0000", "987-65-4321",
)  # fmt: skip
REAL_VALUES = (
    "415-555-0232", "415-556-0132", "a@example.co", "a@notexample.com", "https://example.com.clinic.org", "192.0.3.1",
    "2001:db9::1", "219-09-9999", "987-65-4330", "John Doe", "", "900-70-1234", "http://[bad",
)  # fmt: skip


@pytest.mark.parametrize("value", RESERVED)
def test_values_kept_for_examples(value):
    assert is_reserved(value)


@pytest.mark.parametrize("value", REAL_VALUES)
def test_values_that_are_not(value):
    assert not is_reserved(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("Sample", True), ("JOHNNY SAMPLE", True), ("Sample, Johnny", False), ("John", False), ("Johnny Samples", False),
     ("", False), ("Johnny Sample Jones", False)],
)  # fmt: skip
def test_a_declared_name_covers_its_own_words_only(value, expected):
    assert is_declared(value, {"Johnny Sample"}) is expected


@pytest.mark.parametrize(
    "changes",
    [
        {"requires": frozenset({Requirement.SUBJECT})},
        {"requires": frozenset({Requirement.CARE_TEAM})},
        {"data_classes": frozenset(DataClass)},
        {"synthetic_only": False},
        {"synthetic_terms": frozenset({""})},
        {"synthetic_terms": frozenset(f"Name {number}" for number in range(257))},
    ],
)
def test_terms_that_contradict_it_are_not_recorded(changes):
    held = working_registry()
    made = replace(WORKSPACE, id="dev", owner="privacy")
    assert add_workspace(held, PRIVACY, workspace=made)
    with pytest.raises(NotAllowed) as refusal:
        add_workspace(held, PRIVACY, workspace=replace(made, **changes))
    assert refusal.value.code == "value_invalid"
