"""Reports about a subject equal a truth that was written by hand."""

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from tests.unit.compliance.calls import DAY, called, refused, tag_of
from tests.unit.compliance.instance import found, keyring, running
from tests.unit.compliance.organisation import ADMIN, AUDITOR, DEVELOPER, PRIVACY, SECURITY, agreement, registry

from wardkeep.compliance import disclosures
from wardkeep.compliance.disclosures import DisclosureWords
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.reading import AuditReader
from wardkeep.compliance.searching import Question
from wardkeep.compliance.subject_reports import DisclosedTo, SubjectReports, years_before
from wardkeep.model.disclosure import RecipientKind
from wardkeep.model.registry import AgreementKind

ZONE = "America/New_York"
TODAY = date(2026, 11, 23)
SUBJECT = "mrn-4711"


@asynccontextmanager
async def house(tmp_path):
    held = registry(
        agreements={
            "baa-1": agreement(),
            "own": agreement(id="own", kind=AgreementKind.OWN_BOUNDARY, party="General Clinic"),
        }
    )
    async with running(tmp_path, keyring()) as instance:
        await found(instance, held)
        yield instance, SubjectReports(searcher=instance.searcher, tenant="tenant-0")


async def change(instance, plan, **fields):
    return await instance.control.change(
        by="person:privacy", action="test", reason="as told", plan=lambda held: plan(held, PRIVACY, **fields)
    )


async def told_the_sheriff(instance, name, on, kind=RecipientKind.LAW_ENFORCEMENT):
    words = DisclosureWords(recipient="The Sheriff", address="1 Main St", what="the chart", purpose="a warrant")
    sealed = disclosures.seal_words(instance.keys, tenant="tenant-0", disclosure=name, words=words)
    await change(
        instance, disclosures.record_disclosure, disclosure=name, subject=tag_of(instance, SUBJECT), on=on,
        recipient=kind, words=sealed, today=TODAY,
    )  # fmt: skip


async def suspend(instance, name="s1", **fields):
    given = {
        "suspension": name, "subject": tag_of(instance, SUBJECT), "agency": RecipientKind.LAW_ENFORCEMENT,
        "stated_on": date(2026, 11, 1), "is_written": False, "until": date(2026, 12, 1), "today": TODAY,
    }  # fmt: skip
    await change(instance, disclosures.suspend_accounting, **(given | fields))


async def accounting(reports, *, by=PRIVACY, until=TODAY, subject=SUBJECT):
    return await reports.accounting(by=by, subject=subject, reason="the patient asked", until=until, zone=ZONE)


def at(year, month, day, hour=12):
    return datetime(year, month, day, hour, tzinfo=UTC)


async def test_an_accounting_equals_what_was_written_down(tmp_path):
    async with house(tmp_path) as (instance, reports):
        for purpose, times in (("TREAT", 3), ("HPAYMT", 2), ("HOPERAT", 1), ("ETREAT", 1)):
            for _ in range(times):
                await called(instance, SUBJECT, purpose=purpose)
        first = await called(instance, SUBJECT, purpose="HRESCH", at=at(2024, 2, 29))
        second = await called(instance, SUBJECT, purpose="HRESCH", at=at(2026, 1, 5))
        await called(instance, SUBJECT, purpose="HRESCH", baa="own")
        await called(instance, "somebody else", purpose="HRESCH")
        await called(instance, SUBJECT, purpose="HRESCH", at=at(2020, 11, 23, 4))  # the 22nd where the clinic is
        edge = await called(instance, SUBJECT, purpose="HRESCH", at=at(2020, 11, 23, 6))
        await refused(instance, SUBJECT, purpose="HRESCH")  # nothing left
        await told_the_sheriff(instance, "d1", date(2026, 3, 1))
        await told_the_sheriff(instance, "d2", date(2020, 11, 22))  # before the six years
        done = await accounting(reports)
        assert (done.since, done.until) == (date(2020, 11, 23), TODAY)
        assert done.for_individual == (
            DisclosedTo(
                recipient="OpenAI OpCo, LLC", address=None,
                what="prompts sent to an AI model, as sealed in the entries named", purpose="HRESCH",
                first_on=date(2020, 11, 23), last_on=date(2026, 1, 5), times=3, entries=(first[0], second[0], edge[0]),
            ),
            DisclosedTo(
                recipient="The Sheriff", address="1 Main St", what="the chart", purpose="a warrant",
                first_on=date(2026, 3, 1), last_on=date(2026, 3, 1), times=1,
            ),
        )  # fmt: skip
        assert done.exempt == {"TREAT": 3, "HPAYMT": 2, "HOPERAT": 1, "ETREAT": 1}
        assert (done.inside, done.withheld, done.unresolved, done.is_complete) == (1, 0, 0, True)
        header = json.loads((await instance.headers())[done.read_index])
        assert (header["type"], header["subject"], header["detail"]["calls"]) == ("read", tag_of(instance, SUBJECT), 11)
        assert not any(SUBJECT.encode() in each for each in await instance.headers())
        assert b"Sheriff" not in (tmp_path / "control.db").read_bytes()


async def test_calls_that_name_nobody_keep_an_accounting_from_being_complete(tmp_path):
    async with house(tmp_path) as (instance, reports):
        await called(instance, None, purpose="TREAT")
        assert (await accounting(reports)).is_complete
        await called(instance, None, purpose="HRESCH")
        done = await accounting(reports)
        assert (done.unresolved, done.is_complete) == (1, False)


async def test_a_suspension_withholds_that_agency_s_disclosures_until_its_last_day(tmp_path):
    async with house(tmp_path) as (instance, reports):
        await told_the_sheriff(instance, "d1", date(2026, 3, 1))
        await told_the_sheriff(instance, "d2", date(2026, 3, 2), RecipientKind.PUBLIC_HEALTH)
        await suspend(instance)
        done = await accounting(reports)
        assert [each.first_on.day for each in done.for_individual] == [2]
        assert (done.withheld, done.withheld_until) == (1, date(2026, 12, 1))
        # The day on which it is made counts, not the last day it covers (164.528(a)(2)(i)).
        for until in (date(2026, 10, 31), TODAY, date(2026, 12, 2)):
            assert (await accounting(reports, until=until)).withheld == 1, until
        made = instance.clock.wall_us
        for day, withheld in ((date(2026, 12, 1), 1), (date(2026, 12, 2), 0)):
            instance.clock.wall_us = int(at(day.year, day.month, day.day).timestamp()) * 1_000_000
            assert (await accounting(reports)).withheld == withheld
        instance.clock.wall_us = made
        await change(instance, disclosures.lift_suspension, suspension="s1")
        assert (await accounting(reports)).withheld == 0
        await change(instance, disclosures.withdraw_disclosure, disclosure="d2")
        assert [each.first_on.day for each in (await accounting(reports)).for_individual] == [1]


@pytest.mark.parametrize(
    "fields",
    [
        {"until": date(2026, 12, 2)},  # oral, and the 31st day
        {"agency": RecipientKind.OTHER},
        {"stated_on": date(2026, 11, 24)},
        {"is_written": True, "until": date(2026, 10, 31)},
    ],
)
async def test_a_suspension_that_the_rule_does_not_give_is_refused(tmp_path, fields):
    async with house(tmp_path) as (instance, _):
        with pytest.raises(NotAllowed):
            await suspend(instance, **fields)
        await suspend(instance, is_written=True, until=date(2027, 11, 1))
        with pytest.raises(NotAllowed):
            await suspend(instance)  # the id is taken


async def test_records_are_made_by_officers_and_stand(tmp_path):
    async with house(tmp_path) as (instance, _):
        for by in (AUDITOR, DEVELOPER):
            with pytest.raises(NotAllowed):
                disclosures.lift_suspension(instance.control.registry, by, suspension="s1")
        for plan in (disclosures.lift_suspension, disclosures.withdraw_disclosure):
            with pytest.raises(NotAllowed) as refusal:
                plan(
                    instance.control.registry,
                    PRIVACY,
                    **{"suspension" if "lift" in plan.__name__ else "disclosure": "x"},
                )
            assert refusal.value.code == "not_found"
        with pytest.raises(NotAllowed):
            await told_the_sheriff(instance, "d1", TODAY + timedelta(days=1))


async def test_who_saw_names_callers_readers_and_those_who_were_refused(tmp_path):
    async with house(tmp_path) as (instance, reports):
        first = await called(instance, SUBJECT, person="nurse1")
        second = await called(instance, SUBJECT, actor="key:app2", purpose="HPAYMT", vendor="other", asked="a rash")
        third = await called(instance, SUBJECT, person="nurse1", at=DAY + timedelta(days=1))
        turned = await refused(instance, SUBJECT)
        await called(instance, "somebody else", person="nurse2")
        reader = AuditReader(ledger=instance.ledger, entries=instance.entries)
        opened = await reader.open(by=SECURITY, index=first[1], reason="x")
        looked = await reader.open(by=PRIVACY, index=turned, reason="x")
        await reader.open(by=SECURITY, index=third[0] + 4, reason="x")  # somebody else's
        asked = Question(since=DAY - timedelta(days=1), until=DAY + timedelta(hours=1))
        searched = await instance.searcher.search_text(by=PRIVACY, question=asked, text="rash", reason="x", most=9)
        done = await reports.who_saw(by=AUDITOR, subject=SUBJECT, reason="the patient asked")
        assert [(each.who, each.how, each.purpose, each.times, each.entries) for each in done.viewers] == [
            ("key:app1", "refused_call", "TREAT", 1, (turned,)),
            ("key:app2", "call", "HPAYMT", 1, (second[0],)),
            ("person:nurse1", "call", "TREAT", 2, (first[0], third[0])),
            ("person:privacy", "opened", None, 2, (looked.read_index, searched.read_index)),
            ("person:security", "opened", None, 1, (opened.read_index,)),
        ]
        assert (done.viewers[2].first_at, done.viewers[2].last_at) == (DAY, DAY + timedelta(days=1))
        assert done.vendors == {"openai": 2, "other": 1}
        assert done.is_complete
        again = await reports.who_saw(by=AUDITOR, subject=SUBJECT, reason="once more")
        assert ("person:auditor", "report", (done.read_index,)) in [
            (each.who, each.how, each.entries) for each in again.viewers
        ]


async def test_a_summary_counts_what_was_done(tmp_path):
    async with house(tmp_path) as (instance, reports):
        await called(instance, SUBJECT, tokens=7)
        await called(instance, SUBJECT, tokens=5, vendor="other", baa="own", purpose="HPAYMT")
        turned = await refused(instance, SUBJECT, code="baa_expired")
        await called(instance, "somebody else", tokens=1000)
        await called(instance, None)
        done = await reports.summary(by=AUDITOR, subject=SUBJECT, reason="the patient asked")
        assert (done.calls, done.refusals, done.tokens_in, done.tokens_out) == (2, {"baa_expired": 1}, 12, 12)
        assert (done.by_vendor, done.by_agreement) == ({"openai": 1, "other": 1}, {"baa-1": 1, "own": 1})
        assert (done.by_purpose, done.hidden) == ({"TREAT": 1, "HPAYMT": 1}, {"NAME": 2})
        assert (done.by_model, done.by_region, done.by_workspace) == ({"sim-echo": 2}, {"us": 2}, {"default": 2})
        assert (done.first_at, done.last_at, done.openings) == (DAY, DAY, 0)
        assert (done.unresolved, done.is_complete) == (1, False)
        await AuditReader(ledger=instance.ledger, entries=instance.entries).open(by=SECURITY, index=turned, reason="x")
        assert (await reports.summary(by=AUDITOR, subject=SUBJECT, reason="again")).openings == 1
        nobody = await reports.summary(by=AUDITOR, subject="unheard of", reason="x")
        assert (nobody.calls, nobody.first_at) == (0, None)


async def test_reports_need_permission_and_a_reason(tmp_path):
    async with house(tmp_path) as (instance, reports):
        before = (await instance.ledger.head()).size
        for attempt in (
            accounting(reports, by=AUDITOR),
            accounting(reports, by=ADMIN),
            accounting(reports, subject=" "),
            reports.who_saw(by=DEVELOPER, subject=SUBJECT, reason="x"),
            reports.who_saw(by=AUDITOR, subject=SUBJECT, reason=" "),
            reports.summary(by=DEVELOPER, subject=SUBJECT, reason="x"),
        ):
            with pytest.raises(NotAllowed):
                await attempt
        assert (await instance.ledger.head()).size == before


async def test_a_disclosure_whose_words_do_not_open_is_said(tmp_path):
    async with house(tmp_path) as (instance, _):
        await told_the_sheriff(instance, "d1", date(2026, 3, 1))
        other = replace(instance.searcher, keys=replace(instance.keys, epochs={instance.keys.epoch_id: bytes(32)}))
        done = await accounting(SubjectReports(searcher=other, tenant="tenant-0"))
        assert (done.for_individual, done.unopenable, done.is_complete) == ((), 1, False)


def test_six_years_before_a_leap_day_begin_the_day_before():
    assert years_before(date(2028, 2, 29), 6) == date(2022, 2, 28)
    assert years_before(date(2026, 11, 23), 6) == date(2020, 11, 23)
