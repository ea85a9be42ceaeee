"""The incident part of the control API, over a real ledger."""

from dataclasses import replace

import orjson
from tests.unit.compliance.organisation import working_registry
from tests.unit.web.test_control import api, code

CANARY = "canary of a patient's name"
OPENING = {"id": "inc-1", "source": "report", "known_on": "2026-11-01", "reason": CANARY}


async def call(face, subject, vendor="openai"):
    """Put one request on record, as the road does."""
    entries = face.instance.entries
    draft = entries.draft("request", actor="key:k", detail={}, payload=b"{}")
    head = orjson.loads(draft.body)
    detail = head.pop("detail")
    body = orjson.dumps({**head, "subject": subject, "vendor": vendor, "detail": detail})
    (receipt,) = await face.instance.ledger.append(
        [type(draft)(id=draft.id, kind="request", body=body, payload=draft.payload)]
    )
    return receipt.index


async def test_a_breach_from_a_nurse_s_word_to_the_last_notice(tmp_path):
    async with api(tmp_path) as face:
        assert (await face.post("developer", "incidents", **OPENING))[0] == 200
        for subject in ("a1", "a1", "b2", "unresolved"):
            await call(face, subject)
        await call(face, "c3", vendor="other")
        size = (await face.instance.ledger.head()).size
        reach = {"start": 0, "stop": size, "vendor": "openai"}
        few = await face.post("privacy", "incidents/inc-1/count", individuals=1, reach=reach, reason="r")
        assert code(few) == (400, "value_invalid")
        beyond = {**reach, "stop": size + 99}
        assert code(await face.post("privacy", "incidents/inc-1/count", individuals=9, reach=beyond, reason="r")) == (
            400, "value_invalid"
        )  # fmt: skip
        status, done = await face.post(
            "privacy", "incidents/inc-1/count", individuals=3, residents={"TX": 3}, reach=reach, reason="r"
        )
        assert (status, done["computed"], done["unresolved"]) == (200, 2, 1)
        for who, step in (("privacy", "sign"), ("security", "countersign")):
            assert (await face.post(who, f"incidents/inc-1/{step}", conclusion="breach", reason="r"))[0] == 200
        letter = {
            "what_happened": "A file went astray.", "types_of_information": "Names.",
            "steps_for_individuals": "Watch your bills.", "what_we_do": "We look into it.",
            "contact": {"email": "privacy@clinic.example"}, "reason": "first letter",
        }  # fmt: skip
        status, told = await face.post("privacy", "incidents/inc-1/letter", **letter)
        assert status == 200
        assert "General Clinic" in told["letter"]
        assert code(await face.post("privacy", "incidents/inc-1/letter", **{**letter, "contact": {}})) == (
            400, "value_invalid"
        )  # fmt: skip
        shown = (await face.get("auditor", "incidents/inc-1"))[1]
        assert [(each["name"], each["due"], each["is_given"]) for each in shown["clocks"]] == [
            ("individuals", "2026-12-31", False),
            ("secretary_annual", "2027-03-01", False),
        ]
        for name in ("individuals", "secretary_annual"):
            assert code(await face.post("privacy", "incidents/inc-1/close", reason="r")) == (409, "wrong_status")
            given = await face.post("privacy", "incidents/inc-1/notice", name=name, on="2026-11-20", reason="r")
            assert given[0] == 200
        assert [each["id"] for each in (await face.get("auditor", "breaches?year=2026"))[1]["breaches"]] == ["inc-1"]
        assert code(await face.get("auditor", "breaches?year=x")) == (400, "value_invalid")
        assert (await face.post("privacy", "incidents/inc-1/close", reason="done"))[0] == 200
        assert not any(b"canary" in each for each in await face.instance.headers())
        assert b"canary" not in (tmp_path / "control.db").read_bytes()
        opening = shown["steps"][0]["words"].removeprefix("see ledger entry ")
        read = await face.post("privacy", f"ledger/entries/{opening}/open", reason="review")
        assert read[1]["content"]["reason"] == CANARY


async def test_no_breach_by_four_factors_and_two_people(tmp_path):
    async with api(tmp_path) as face:
        await face.post("developer", "incidents", **OPENING)
        low = {"conclusion": "low_probability", "reason": "r"}
        assert code(await face.post("privacy", "incidents/inc-1/sign", **low)) == (409, "low_probability_not_shown")
        for factor in ("nature_and_extent", "who_received", "acquired_or_viewed", "mitigation"):
            judged = await face.post("privacy", "incidents/inc-1/judge", factor=factor, level="low", reason=CANARY)
            assert judged[0] == 200
        assert (await face.post("privacy", "incidents/inc-1/sign", **low))[0] == 200
        shown = (await face.get("auditor", "incidents"))[1]["incidents"][0]
        assert shown["is_presumed_breach"]
        assert shown["clocks"]
        assert code(await face.post("privacy", "incidents/inc-1/countersign", **low)) == (403, "second_person_required")
        assert (await face.post("security", "incidents/inc-1/countersign", **low))[0] == 200
        shown = (await face.get("auditor", "incidents"))[1]["incidents"][0]
        assert not shown["is_presumed_breach"]
        assert shown["clocks"] == []
        assert b"canary" not in (tmp_path / "control.db").read_bytes()


async def test_containment_suspends_the_vendor_in_the_same_entry(tmp_path):
    async with api(tmp_path, replace(working_registry())) as face:
        await face.post("developer", "incidents", **OPENING)
        both = await face.post("privacy", "incidents/inc-1/contain", vendor="openai", key="k", reason="r")
        assert code(both) == (400, "value_invalid")
        assert code(await face.post("privacy", "incidents/inc-1/contain", reason="r")) == (400, "value_invalid")
        done = await face.post("privacy", "incidents/inc-1/contain", vendor="openai", reason="r")
        assert done[0] == 200
        held = face.instance.control.registry
        pointer = f"see ledger entry {done[1]['ledger_index']}"
        assert held.vendors["openai"].suspended_because == pointer
        assert held.incidents["inc-1"].steps[-1].words == pointer


async def test_an_incident_is_about_an_entry_that_exists(tmp_path):
    async with api(tmp_path) as face:
        form = {**OPENING, "source": "ledger"}
        assert code(await face.post("developer", "incidents", **form, entry=99)) == (400, "value_invalid")
        assert (await face.post("developer", "incidents", **form, entry=0))[0] == 200
        later = await face.post("privacy", "incidents/inc-1/discovery", should_have_known_on="2026-11-02", reason="r")
        assert code(later) == (400, "value_invalid")
        earlier = await face.post("privacy", "incidents/inc-1/discovery", should_have_known_on="2026-10-31", reason="r")
        assert earlier[0] == 200
        delayed = await face.post("privacy", "incidents/inc-1/delay", stated_on="2026-11-20", reason="r")
        assert delayed[0] == 200
        assert (await face.post("privacy", "incidents/inc-1/note", reason="r"))[0] == 200
        assert (await face.get("auditor", "incidents/inc-1"))[1]["discovered_on"] == "2026-10-31"
