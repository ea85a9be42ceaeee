"""Who may get the record, and what handing it over leaves behind."""

import json
from dataclasses import replace
from datetime import date

import pytest
from tests.unit.compliance.calls import called
from tests.unit.compliance.organisation import (
    AUDITOR,
    OPERATOR,
    PRIVACY,
    SCOPE,
    SECURITY,
    SINK_AGREEMENT,
    SINK_SCOPE,
    TODAY,
    after,
    agreement,
    registry,
    working_registry,
)
from tests.unit.web.test_control import api, code

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.sinks import active_sinks, add_sink, remove_sink, uncovered
from wardkeep.compliance.vendors import activate, add_agreement
from wardkeep.model.registry import AgreementStatus, Vendor
from wardkeep.model.sink import ExportFormat, Sink

SINK = Sink(
    id="siem", format=ExportFormat.JSONL, host="siem.example", port=6514, agreement="baa-siem", region="us", start=0,
    party="Siem Example, Inc.",
)  # fmt: skip
FORM = {
    "id": "siem", "format": "jsonl", "host": "siem.example", "port": 6514, "agreement": "baa-siem", "region": "us",
    "party": "Siem Example, Inc.", "reason": "the security team's log",
}  # fmt: skip


def sink_registry():
    """A house that sends PHI to a model's vendor, and has an agreement with who keeps its log."""
    return working_registry(agreements=working_registry().agreements | {"baa-siem": SINK_AGREEMENT})


def added(held, by=PRIVACY, **changes):
    return add_sink(held, by, sink=replace(SINK, **changes), size=5, today=TODAY)


def refused(held, **changes):
    with pytest.raises(NotAllowed) as refusal:
        added(held, **changes)
    return refusal.value.code


def test_a_destination_is_recorded_under_an_agreement():
    held = sink_registry()
    held = after(held, added(held, start=5))
    (record,) = active_sinks(held)
    assert (record.added_by, record.start) == ("privacy", 5)
    assert refused(held) == "already_exists"
    held = after(held, remove_sink(held, PRIVACY, sink="siem"))
    assert active_sinks(held) == ()
    assert refused(held) == "already_exists"
    with pytest.raises(NotAllowed):
        remove_sink(held, PRIVACY, sink="siem")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"agreement": "none"}, "sink_uncovered"),
        ({"region": "eu"}, "sink_uncovered"),
        ({"agreement": "baa-1"}, "sink_uncovered"),
        ({"agreement": "baa-1", "party": "OpenAI OpCo, LLC"}, "sink_uncovered"),
        ({"party": "Elsewhere, LLC"}, "sink_uncovered"),
        ({"party": " "}, "value_invalid"),
        ({"host": "elsewhere.example"}, "sink_uncovered"),
        ({"host": "Siem.example"}, "value_invalid"),
        ({"host": "siem example"}, "value_invalid"),
        ({"host": ""}, "value_invalid"),
        ({"port": 0}, "value_invalid"),
        ({"port": 65536}, "value_invalid"),
        ({"start": 6}, "value_invalid"),
        ({"start": -1}, "value_invalid"),
        ({"authority": "../ca.pem"}, "value_invalid"),
        ({"authority": "/etc/ca.pem"}, "value_invalid"),
        ({"id": "a/b"}, "value_invalid"),
    ],
)
def test_a_destination_that_nothing_covers_or_that_cannot_be_is_refused(changes, expected):
    assert refused(sink_registry(), **changes) == expected


@pytest.mark.parametrize("by", [AUDITOR, OPERATOR])
def test_it_takes_an_officer(by):
    with pytest.raises(NotAllowed):
        added(sink_registry(), by)


def test_what_ends_an_agreement_ends_its_sinks():
    active = SINK_AGREEMENT
    suspended = {"openai": Vendor(id="openai", party="x", suspended_because="see ledger entry 1")}
    assert uncovered(registry(agreements={"baa-siem": active}), SINK, TODAY) is None
    for held, today in (
        (registry(), TODAY),
        (registry(agreements={"baa-siem": replace(active, status=AgreementStatus.SUSPENDED)}), TODAY),
        (registry(agreements={"baa-siem": active}), date(2025, 12, 31)),
        (registry(agreements={"baa-siem": active}), date(2027, 3, 1)),
        (registry(agreements={"baa-siem": active}, vendors=suspended), TODAY),
        (registry(agreements={"baa-siem": active}, vendors={}), TODAY),
        (registry(agreements={"baa-siem": replace(active, scopes=(replace(SINK_SCOPE, regions=frozenset()),))}), TODAY),
        # Nothing is joined across scopes: one names the host, the other the region.
        (
            registry(agreements={
                "baa-siem": replace(active, scopes=(replace(SINK_SCOPE, regions=frozenset({"eu"})), SCOPE)),
            }),
            TODAY,
        ),
    ):  # fmt: skip
        assert uncovered(held, SINK, today) is not None


def test_one_officer_alone_opens_no_destination():
    recorded = replace(SINK_AGREEMENT, status=AgreementStatus.DRAFT, activated_by=None)
    for alone in (recorded, *(replace(SINK_AGREEMENT, activated_by=each) for each in (None, "privacy"))):
        assert refused(registry(agreements={"baa-siem": alone})) == "sink_uncovered"
    only = replace(SINK_AGREEMENT, activated_by="privacy")
    house = registry(agreements={"baa-siem": only})
    house = replace(house, organisation=replace(house.organisation, single_officer_accepted_by="privacy"))
    assert added(house)


def test_an_agreement_names_its_destinations_by_host():
    held = registry()
    for endpoints in ({"/v1/chat/completions"}, {"syslog:"}, {"syslog:A"}, {"syslog:siem.example", "syslog:*"}):
        scope = replace(SINK_SCOPE, endpoints=frozenset(endpoints))
        with pytest.raises(NotAllowed):
            add_agreement(held, PRIVACY, agreement=replace(SINK_AGREEMENT, scopes=(scope,)))
    drafted = after(held, add_agreement(held, PRIVACY, agreement=SINK_AGREEMENT))
    opened = after(drafted, activate(drafted, SECURITY, agreement="baa-siem", today=TODAY))
    assert added(opened)
    with pytest.raises(NotAllowed):
        add_agreement(held, PRIVACY, agreement=agreement(scopes=(replace(SCOPE, endpoints=SINK_SCOPE.endpoints),)))


async def test_sinks_by_the_api(tmp_path):
    async with api(tmp_path, sink_registry()) as face:
        status, done = await face.ask("privacy", "POST", "sinks", FORM)
        assert (status, done["id"]) == (200, "siem")
        assert code(await face.ask("privacy", "POST", "sinks", FORM | {"id": "b", "region": "eu"})) == (
            403, "sink_uncovered",
        )  # fmt: skip
        (shown,) = (await face.get("auditor", "sinks"))[1]["sinks"]
        assert (shown["start"], shown["refused"], shown["added_by"]) == (1, None, "privacy")
        await face.post("security", "agreements/baa-siem/suspend", reason="x")
        (shown,) = (await face.get("auditor", "sinks"))[1]["sinks"]
        assert shown["refused"] == "its agreement is not active"
        assert (await face.post("privacy", "sinks/siem/remove", reason="replaced"))[0] == 200


async def test_an_export_is_one_entry_and_pages_stay_in_its_range(tmp_path):
    async with api(tmp_path) as face:
        for _ in range(600):
            await called(face.instance, "s")
        size = (await face.instance.ledger.head()).size
        form = {"format": "jsonl", "start": 1, "reason": "asked by the auditor"}
        page = (await face.ask("auditor", "POST", "audit/export", form))[1]
        rest = (await face.ask("auditor", "POST", "audit/export", form | {"cursor": page["cursor"]}))[1]
        lines = page["lines"] + rest["lines"]
        assert [each["header"]["index"] for each in lines] == list(range(1, size))
        assert (rest["cursor"], rest["read_index"]) == (None, page["read_index"])
        headers = [json.loads(each) for each in await face.instance.headers()]
        reads = [each for each in headers if each["type"] == "read"]
        assert [each["detail"] for each in reads] == [{"action": "export", "format": "jsonl", "from": 1, "to": size}]
        for who, changed in (
            ("privacy", {"cursor": page["cursor"]}),
            ("auditor", {"cursor": ("B" if page["cursor"][0] == "A" else "A") + page["cursor"][1:]}),
        ):
            assert code(await face.ask(who, "POST", "audit/export", form | changed)) == (400, "cursor_invalid")
        face.instance.clock.wall_us += 15 * 60 * 1_000_000
        late = await face.ask("auditor", "POST", "audit/export", form | {"cursor": page["cursor"]})
        assert code(late) == (400, "cursor_invalid")
        for wrong in ({"start": size + 9}, {"start": 5, "stop": 5}, {"stop": size + 99}, {"reason": " "}):
            assert code(await face.ask("auditor", "POST", "audit/export", form | wrong)) == (400, "value_invalid")
        assert code(await face.ask("developer", "POST", "audit/export", form)) == (403, "role_not_permitted")


@pytest.mark.parametrize("form", sorted(ExportFormat))
async def test_every_format_is_exported(tmp_path, form):
    async with api(tmp_path) as face:
        await called(face.instance, "s")
        asked = {"format": form.value, "reason": "x"}
        status, page = await face.ask("auditor", "POST", "audit/export", asked)
        assert (status, len(page["lines"])) == (200, 3)
