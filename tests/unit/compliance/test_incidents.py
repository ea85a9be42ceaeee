"""Incidents: presumed a breach until two people sign, counted from the ledger, closed when every notice is made."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.compliance.organisation import (
    ADMIN,
    AUDITOR,
    DEVELOPER,
    PRIVACY,
    SECURITY,
    TODAY,
    after,
    working_registry,
)

from wardkeep.compliance import incidents
from wardkeep.compliance.affected import affected_in
from wardkeep.compliance.errors import EntryUnopenable, NotAllowed
from wardkeep.compliance.letters import Contact, LetterWords, letter
from wardkeep.compliance.records import Kind, stamped
from wardkeep.model.incident import Conclusion, IncidentFactor, IncidentSource, Reach, RiskLevel
from wardkeep.model.registry import ApiKey, Purpose

NOW = datetime(2026, 11, 23, 17, tzinfo=UTC)
NONE = [each for each in Conclusion if each is not Conclusion.BREACH]


def code(call, *args, **given_):
    with pytest.raises(NotAllowed) as caught:
        call(*args, **given_)
    return caught.value.code


def opening(**changes):
    return {
        "incident": "inc-1", "source": IncidentSource.REPORT, "known_on": TODAY, "should_have_known_on": None,
        "entry": None, "is_associate": False, "now": NOW, "today": TODAY, "size": 10, **changes,
    }  # fmt: skip


def opened(**changes):
    held = working_registry()
    return after(held, incidents.open_incident(held, DEVELOPER, **opening(**changes)))


def step(held, call, by=PRIVACY, **words):
    return after(held, call(held, by, incident="inc-1", now=NOW, **words))


def counted(held, individuals=3, residents=None, **words):
    given_ = {"reach": None, "computed": 0, "unresolved": 0, "individuals": individuals, "residents": residents or {}}
    return step(held, incidents.count_affected, **{**given_, **words})


def judged(held, level=RiskLevel.LOW):
    for factor in IncidentFactor:
        held = step(held, incidents.judge_factor, factor=factor, level=level)
    return held


def signed(held, conclusion):
    held = step(held, incidents.sign, conclusion=conclusion)
    return step(held, incidents.countersign, by=SECURITY, conclusion=conclusion)


def names(held):
    return [each.name for each in incidents.clocks_of(held.incidents["inc-1"])]


def test_anybody_of_the_workforce_opens_one_and_it_is_presumed_a_breach():
    held = opened()
    found = held.incidents["inc-1"]
    assert (found.opened_by, found.conclusion, found.is_settled_as_no_breach) == ("developer", None, False)
    assert names(held) == ["individuals", "secretary_annual"]
    assert incidents.clocks_of(found)[0].due == date(2027, 1, 22)
    assert code(incidents.add_note, held, DEVELOPER, incident="inc-1", now=NOW) == "role_not_permitted"
    assert code(incidents.add_note, held, AUDITOR, incident="inc-1", now=NOW) == "role_not_permitted"
    assert code(incidents.add_note, held, PRIVACY, incident="inc-2", now=NOW) == "not_found"
    assert code(incidents.open_incident, held, DEVELOPER, **opening()) == "already_exists"


@pytest.mark.parametrize(
    "changes",
    [
        {"incident": "A b"},
        {"known_on": TODAY + timedelta(days=1)},
        {"should_have_known_on": TODAY + timedelta(days=1)},
        {"source": IncidentSource.LEDGER},
        {"source": IncidentSource.LEDGER, "entry": 10},
        {"source": IncidentSource.LEDGER, "entry": -1},
        {"entry": 3},
    ],
)
def test_an_opening_that_cannot_be(changes):
    assert code(incidents.open_incident, working_registry(), DEVELOPER, **opening(**changes)) == "value_invalid"


def test_discovery_moves_earlier_only():
    held = opened()
    held = step(held, incidents.move_discovery, should_have_known_on=date(2026, 11, 1))
    assert incidents.discovery(held.incidents["inc-1"]) == date(2026, 11, 1)
    for day in (date(2026, 11, 1), date(2026, 11, 2), TODAY):
        refused = code(incidents.move_discovery, held, PRIVACY, incident="inc-1", should_have_known_on=day, now=NOW)
        assert refused == "value_invalid"


@pytest.mark.parametrize("conclusion", NONE)
def test_one_signature_stops_no_clock_and_two_do(conclusion):
    held = judged(counted(opened()))
    before = names(held)
    held = step(held, incidents.sign, conclusion=conclusion)
    assert names(held) == before
    again = {"incident": "inc-1", "conclusion": conclusion, "now": NOW}
    assert code(incidents.countersign, held, PRIVACY, **again) == "second_person_required"
    other = next(each for each in NONE if each is not conclusion)
    assert code(incidents.countersign, held, SECURITY, **{**again, "conclusion": other}) == "wrong_status"
    held = step(held, incidents.countersign, by=SECURITY, conclusion=conclusion)
    assert names(held) == []
    assert code(incidents.countersign, held, ADMIN, **again) == "wrong_status"


def test_two_who_had_a_hand_in_each_other_s_access_are_one():
    held = judged(opened())
    twin = replace(SECURITY, id="twin", access_by=frozenset({"privacy"}), enrolled_by="privacy", confirmed_by="admin")
    held = replace(held, people={**held.people, "twin": twin})
    held = step(held, incidents.sign, conclusion=Conclusion.LOW_PROBABILITY)
    refused = code(incidents.countersign, held, twin, incident="inc-1", conclusion=Conclusion.LOW_PROBABILITY, now=NOW)
    assert refused == "second_person_required"


@pytest.mark.parametrize("missing", IncidentFactor)
def test_low_probability_needs_all_four_factors(missing):
    held = opened()
    for factor in set(IncidentFactor) - {missing}:
        held = step(held, incidents.judge_factor, factor=factor, level=RiskLevel.LOW)
    words = {"incident": "inc-1", "conclusion": Conclusion.LOW_PROBABILITY, "now": NOW}
    assert code(incidents.sign, held, PRIVACY, **words) == "low_probability_not_shown"
    held = step(held, incidents.judge_factor, factor=missing, level=RiskLevel.HIGH)
    assert code(incidents.sign, held, PRIVACY, **words) == "low_probability_not_shown"
    held = step(held, incidents.judge_factor, factor=missing, level=RiskLevel.MODERATE)
    assert signed(held, Conclusion.LOW_PROBABILITY).incidents["inc-1"].is_settled_as_no_breach


@pytest.mark.parametrize("anew", [counted, lambda held: judged(held, RiskLevel.MODERATE)])
def test_what_is_known_anew_is_signed_anew(anew):
    held = signed(judged(opened()), Conclusion.LOW_PROBABILITY)
    assert names(held) == []
    held = anew(held)
    assert held.incidents["inc-1"].signed_by is None
    assert names(held) != []


def test_a_breach_is_counted_before_it_is_signed():
    held = opened()
    words = {"incident": "inc-1", "conclusion": Conclusion.BREACH, "now": NOW}
    assert code(incidents.sign, held, PRIVACY, **words) == "value_invalid"
    held = signed(counted(held, 900, {"TX": 501, "CA": 399}), Conclusion.BREACH)
    assert names(held) == ["individuals", "media", "secretary"]


@pytest.mark.parametrize(
    "words",
    [
        {"computed": 4},
        {"unresolved": 1, "individuals": 0},
        {"individuals": -1},
        {"residents": {"TX": 4}},
        {"residents": {"TX": 3, "CA": 1}},
        {"residents": {"TX": -1}},
        {"residents": {"": 1}},
    ],
)
def test_never_fewer_than_the_ledger_shows_nor_more_residents_than_individuals(words):
    with pytest.raises(NotAllowed) as caught:
        counted(opened(), **words)
    assert caught.value.code == "value_invalid"


def test_it_closes_when_two_signed_and_every_notice_is_on_record():
    held = counted(opened(known_on=date(2026, 11, 1)), 600, {"TX": 600})
    close = {"incident": "inc-1", "now": NOW}
    assert code(incidents.close_incident, held, PRIVACY, **close) == "wrong_status"
    held = signed(held, Conclusion.BREACH)
    notice = {"on": date(2026, 11, 20), "today": TODAY}
    for name, about in (("individuals", None), ("media", "TX"), ("secretary", None)):
        assert code(incidents.close_incident, held, PRIVACY, **close) == "wrong_status"
        held = step(held, incidents.record_notice, name=name, about=about, **notice)
    wrong = {"incident": "inc-1", "now": NOW, "today": TODAY}
    for name, about, on, expected in (
        ("media", "CA", TODAY, "not_found"),
        ("secretary_annual", None, TODAY, "not_found"),
        ("individuals", None, TODAY + timedelta(days=1), "value_invalid"),
        ("individuals", None, date(2026, 10, 31), "value_invalid"),
    ):
        refused = code(incidents.record_notice, held, PRIVACY, name=name, about=about, on=on, **wrong)
        assert refused == expected
    held = step(held, incidents.close_incident)
    assert code(incidents.add_note, held, PRIVACY, incident="inc-1", now=NOW) == "wrong_status"


def test_containment_is_the_existing_command_and_a_step():
    held = opened()
    key = ApiKey(
        id="k" * 12, mac=b"m" * 32, name="App", owner="developer", workspace="default", models=frozenset(),
        purposes=frozenset({Purpose.TREAT}), default_purpose=None, expires_at=None,
    )  # fmt: skip
    held = replace(held, keys={key.id: key})
    held = step(held, incidents.contain_by_suspending, vendor="openai", reason="seen to keep data")
    held = step(held, incidents.contain_by_revoking, by=SECURITY, key=key.id)
    assert held.vendors["openai"].suspended_by == "privacy"
    assert held.keys[key.id].is_revoked
    assert [each.what for each in held.incidents["inc-1"].steps] == ["opened", "vendor_suspended", "key_revoked"]
    refused = code(
        incidents.contain_by_suspending, held, PRIVACY, incident="inc-1", vendor="openai", reason="again", now=NOW
    )
    assert refused == "wrong_status"


def test_a_delay_moves_no_clock_that_runs_longer():
    held = opened()
    words = {"stated_on": TODAY, "today": TODAY}
    oral = step(held, incidents.set_delay, until=None, **words)
    assert [each.due for each in incidents.clocks_of(oral.incidents["inc-1"])] == [
        date(2027, 1, 22), date(2027, 3, 1)
    ]  # fmt: skip
    written = step(held, incidents.set_delay, until=date(2027, 2, 28), **words)
    assert {each.due for each in incidents.clocks_of(written.incidents["inc-1"])} == {date(2027, 3, 1)}
    for changes in ({"until": TODAY - timedelta(days=1)}, {"until": None, "stated_on": TODAY + timedelta(days=1)}):
        refused = code(incidents.set_delay, held, PRIVACY, incident="inc-1", now=NOW, **{**words, **changes})
        assert refused == "value_invalid"


@pytest.mark.parametrize(
    ("individuals", "associate", "in_log"), [(499, False, True), (500, False, False), (499, True, False)]
)
def test_the_log_of_small_breaches(individuals, associate, in_log):
    held = counted(opened(is_associate=associate), individuals)
    assert incidents.small_breaches(held, 2026) == ()
    held = signed(held, Conclusion.BREACH)
    assert [each.id for each in incidents.small_breaches(held, 2026)] == (["inc-1"] if in_log else [])
    assert incidents.small_breaches(held, 2027) == ()
    assert signed(judged(held), Conclusion.LOW_PROBABILITY).incidents["inc-1"].is_settled_as_no_breach


def test_words_stand_in_the_entry_and_never_in_the_record():
    held = judged(opened())
    changes = incidents.add_note(held, PRIVACY, incident="inc-1", now=NOW)
    (change,) = stamped(changes, 41)
    assert change.kind is Kind.INCIDENTS
    assert change.record.steps[-1].words == "see ledger entry 41"
    assert {each.words for each in change.record.factors.values()} == {"see ledger entry 41"}


# ---- who is affected -------------------------------------------------------------------------------------------------

REACH = Reach(start=0, stop=100, vendor="v1")


def header(**fields):
    return msgspec.json.encode({"type": "request", "vendor": "v1", **fields})


def test_subjects_are_counted_once_and_calls_without_one_apart():
    headers = [
        header(subject="a"), header(subject="a"), header(subject="b"), header(subject="unresolved"), header(),
        header(subject="c", vendor="v2"), header(subject="d", type="response"), header(subject="e", type="refusal"),
        header(subject="f", type="control"),
    ]  # fmt: skip
    found = affected_in(headers, REACH)
    assert (found.subjects, found.calls, found.unresolved) == (frozenset({"a", "b"}), 5, 2)
    for name in ("actor", "workspace", "purpose"):
        narrowed = affected_in([header(subject="a", **{name: "x"}), header(subject="b")], replace(REACH, **{name: "x"}))
        assert narrowed.subjects == {"a"}
    with pytest.raises(EntryUnopenable):
        affected_in([b"{"], REACH)


@given(st.lists(st.tuples(st.sampled_from(["v1", "v2"]), st.sampled_from(["a", "b", "c", "unresolved", None]))))
def test_the_count_is_the_plain_one(calls):
    headers = [header(vendor=vendor, **({} if subject is None else {"subject": subject})) for vendor, subject in calls]
    reached = [subject for vendor, subject in calls if vendor == "v1"]
    found = affected_in(headers, REACH)
    assert found.subjects == {each for each in reached if each in {"a", "b", "c"}}
    assert found.unresolved == sum(each not in {"a", "b", "c"} for each in reached)


# ---- letters ---------------------------------------------------------------------------------------------------------

WORDS = LetterWords(
    what_happened="A file was sent to the wrong place.",
    happened_on=date(2026, 11, 1),
    types_of_information="Names and dates of visits.",
    steps_for_individuals="Read the statements of your insurer.",
    what_we_do="We had the file deleted.",
    contact=Contact(toll_free="1-800-555-0100"),
)


def test_a_letter_has_its_five_parts_and_the_two_days():
    told = letter(WORDS, organisation="General Clinic", discovered=TODAY)
    for part in (
        WORDS.what_happened, WORDS.types_of_information, WORDS.steps_for_individuals, WORDS.what_we_do,
        "1-800-555-0100", "2026-11-01", "2026-11-23", "General Clinic",
    ):  # fmt: skip
        assert part in told
    assert told.count("\n## ") == 5
    unknown = letter(replace(WORDS, happened_on=None), organisation="General Clinic", discovered=TODAY)
    assert "not known" in unknown


@pytest.mark.parametrize(
    "changes",
    [
        {"what_happened": " "},
        {"types_of_information": ""},
        {"steps_for_individuals": ""},
        {"what_we_do": ""},
        {"contact": Contact()},
        {"contact": Contact(email=" ")},
        {"happened_on": TODAY + timedelta(days=1)},
    ],
)
def test_a_letter_without_one_of_them_is_none(changes):
    with pytest.raises(NotAllowed):
        letter(replace(WORDS, **changes), organisation="General Clinic", discovered=TODAY)
