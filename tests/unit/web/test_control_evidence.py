"""The evidence part of the control API."""

import pytest
from tests.unit.web.test_control import api, code


async def test_the_catalogue_is_shown_under_the_profile_that_is_asked_for(tmp_path):
    async with api(tmp_path) as face:
        status, told = await face.get("auditor", "evidence/controls?profile=current")
        assert (status, len(told["controls"]), told["profile"]) == (200, 125, "current")
        status, strict = await face.get("auditor", "evidence/controls?profile=nprm_strict")
        assert "not law" in strict["note"]
        for query in ("", "?profile=", "?profile=law"):
            assert code(await face.get("auditor", f"evidence/controls{query}")) == (400, "value_invalid")


async def test_clocks_are_computed_from_dates_and_counts(tmp_path):
    async with api(tmp_path) as face:
        path = "evidence/clocks/breach"
        status, told = await face.post(
            "auditor", path, known_on="2026-12-01", should_have_known_on="2026-11-01", individuals=501,
            residents={"TX": 501},
        )  # fmt: skip
        assert status == 200
        # The test's clock stands at 2026-11-23 in New York.
        assert [(each["name"], each["about"], each["due"], each["days_left"]) for each in told["deadlines"]] == [
            ("individuals", None, "2026-12-31", 38),
            ("media", "TX", "2026-12-31", 38),
            ("secretary", None, "2026-12-31", 38),
        ]
        status, told = await face.post("auditor", "evidence/clocks/right", right="access", received_on="2026-10-01")
        assert [(each["due"], each["days_left"]) for each in told["deadlines"]] == [("2026-10-31", -23)]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("breach", {"individuals": 5}),
        ("breach", {"individuals": -5, "known_on": "2026-11-01"}),
        ("breach", {"individuals": 5, "known_on": "2026-11-01", "residents": {"TX": 6}}),
        ("breach", {"individuals": 5, "known_on": "9999-12-31"}),
        ("breach", {"individuals": 5, "known_on": "2026-02-29"}),
        ("right", {"right": "access", "received_on": "9999-12-31"}),
        ("right", {"right": "silence", "received_on": "2026-11-01"}),
    ],
)
async def test_what_cannot_be_computed_is_refused(tmp_path, path, body):
    async with api(tmp_path) as face:
        assert (await face.post("auditor", f"evidence/clocks/{path}", **body))[0] == 400


async def test_status_is_computed_from_the_real_ledger_and_turns_when_a_fact_does(tmp_path):
    async with api(tmp_path) as face:

        async def standing():
            status, told = await face.get("auditor", "evidence/status")
            assert (status, told["window"]["is_whole"], len(told["controls"])) == (200, True, 125)
            return {each["id"]: each["standing"] for each in told["controls"]}

        before = await standing()
        assert (before["HSR-312-b"], before["HSR-308-a2"], before["HSR-308-b3"]) == ("holds", "holds", "holds")
        assert before["HSR-308-b1"] == "not_known"
        assert (await face.post("admin", "people/security/disable", reason="left"))[0] == 200
        assert (await standing())["HSR-308-a2"] == "fails"


async def test_status_is_shown_when_the_ledger_is_not_there(tmp_path):
    async with api(tmp_path) as face:
        await face.instance.ledger.close()
        status, told = await face.get("auditor", "evidence/status")
        assert (status, told["window"]) == (200, None)
        assert {each["standing"] for each in told["controls"]} == {"not_known"}


async def test_an_addressable_specification_is_decided_by_two(tmp_path):
    async with api(tmp_path) as face:
        path = "evidence/decisions/HSR-312-c2"
        form = {"decision": "implemented", "until": "2027-06-30", "reason": "the ledger does it"}
        assert (await face.post("privacy", f"{path}/decide", **form))[0] == 200
        approval = {"decision": "implemented", "reason": "seen"}
        assert code(await face.post("privacy", f"{path}/approve", **approval)) == (403, "second_person_required")
        assert (await face.post("security", f"{path}/approve", **approval))[0] == 200
        shown = {each["id"]: each for each in (await face.get("auditor", "evidence/decisions"))[1]["decisions"]}
        assert len(shown) == 22
        assert [name for name in shown if shown[name]["holds"]] == ["HSR-312-c2"]
        assert shown["HSR-312-c2"]["words"].startswith("see ledger entry ")
        unknown = await face.post("privacy", "evidence/decisions/HSR-312-b/decide", **form)
        assert code(unknown) == (404, "not_found")
