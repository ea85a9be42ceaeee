"""Whoever opens the record without stating a purpose, or without the permission, sees surrogates and no original."""

import json
import random

import msgspec
import pytest
from tests.journeys import house as at
from tests.journeys.house import CHAT, MESSAGES, shared_house

from wardkeep.compliance.revealing import masked_answer, masked_request
from wardkeep.demo.instance import FIRST, SECOND, InstanceError

REASON = {"reason": "quarterly review"}


@pytest.fixture(scope="module")
def ward(pytestconfig):
    return shared_house(pytestconfig, 1)


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("stream", [False, True])
async def test_the_same_entry_shows_surrogates_or_for_a_purpose_originals(ward, path, stream):
    patient = at.draw_patient(random.Random(7))
    start = ward.size()
    answer = await at.ask(ward.instance.data, ward.api_key, path, "sim-echo", patient.note, stream=stream)
    assert answer.status == 200
    assert patient.name in at.text_of(answer)
    seen = []
    for header in [each for each in ward.headers(start) if each["type"] in {"request", "response", "segment"}]:
        place = f"ledger/entries/{header['index']}/open"
        masked = ward.officer("POST", place, REASON)
        shown = json.dumps(masked["content"])
        assert masked["content"]["masked"]
        for word in (patient.name, *patient.name.split(), json.dumps(patient.name)[1:-1]):
            assert word not in shown
        seen.append(ward.officer("POST", place, {**REASON, "purpose": "HOPERAT"}))
        reading = ward.headers(seen[-1]["read_index"])[0]
        assert reading["detail"]["reveals"] is True
        assert reading["purpose"] == "HOPERAT"
        assert "reveals" not in ward.headers(masked["read_index"])[0]["detail"]
        if header["type"] == "request":
            assert masked["content"]["asked"] != seen[-1]["content"]["asked"]
            assert header["detail"]["reveals"] is True
        if header["type"] == "response" and not stream:
            assert "[NAME" in shown
    assert any(patient.name in json.dumps(each["content"]) for each in seen)


def test_who_has_no_permission_reveals_nothing(ward):
    ward.officer("POST", "people", {"id": "watcher", "roles": ["auditor"], "reason": "joined"}, officer=SECOND)
    made = ward.officer("POST", "people/watcher/credential", {"reason": "renewed"}, officer=SECOND)
    (ward.instance.home / "credentials" / "watcher").write_text(made["credential"])
    with pytest.raises(InstanceError, match="role_not_permitted"):
        ward.officer("POST", "ledger/entries/0/open", {**REASON, "purpose": "HOPERAT"}, officer="watcher")
    with pytest.raises(InstanceError, match="form_invalid"):
        ward.officer("POST", "ledger/entries/0/open", {**REASON, "purpose": "CURIOSITY"}, officer=FIRST)


def request(**more) -> bytes:
    return msgspec.msgpack.encode({"asked": b'{"a":"Ann"}', "edits": [(6, 9, b"[NAME_1]")], "hidden": {}, **more})


@pytest.mark.parametrize(
    "answer",
    [
        {"t": 'Ann "O\'Dell" said'},
        {"t": 'arguments {"n":"Ann \\"O\'Dell\\""}'},
        {'Ann "O\'Dell"': [{"deep": 'x Ann "O\'Dell" y'}]},
    ],
)
def test_an_original_is_replaced_wherever_a_string_holds_it(answer):
    original = 'Ann "O\'Dell"'
    shown = json.dumps(masked_answer(json.dumps(answer).encode(), request(hidden={"[NAME_1]": original})))
    assert "Ann" not in shown
    assert "[NAME_1]" in shown


def test_what_cannot_be_masked_surely_is_withheld():
    whole = request(hidden={"[NAME_1]": "Ann", "[MRN_1]": "4711"})
    assert masked_answer(b'{"n":4711}', whole) == {"masked": True, "withheld_bytes": 10}
    assert masked_answer(b'{"n":"ANN"}', whole) == {"masked": True, "withheld_bytes": 11}
    assert masked_answer(b"not json", whole)["withheld_bytes"] == 8
    assert masked_answer(b'{"n":"x"}', None)["withheld_bytes"] == 9
    assert masked_answer(b'{"n":"x"}', request(dates={"days": 3}))["withheld_bytes"] == 9
    assert masked_request(b"\xc1")["withheld_bytes"] == 1
    assert masked_request(request())["asked"] == '{"a":"[NAME_1]"}'
