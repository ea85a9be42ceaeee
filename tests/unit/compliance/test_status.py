"""Live status: what holds, what fails, and that nothing missing, stale or damaged is ever shown as holding."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.compliance.organisation import ADMIN, DEVELOPER, PRIVACY, SECURITY, working_registry

from wardkeep.audit.ledger import Entry
from wardkeep.audit.tree import leaf_hash
from wardkeep.compliance.addressable import addressable_ids
from wardkeep.compliance.catalogue import load_catalogue
from wardkeep.compliance.status import FRESH_FOR, QUERIES, Known, Standing, status_view, statuses, window_of
from wardkeep.model.access import AccessRequest, RequestStatus, Role
from wardkeep.model.decision import AddressableDecision, Decision
from wardkeep.model.incident import (
    Conclusion,
    Incident,
    IncidentFactor,
    IncidentSource,
    Judged,
    Notice,
    RiskLevel,
)
from wardkeep.model.registry import ApiKey, Purpose

CATALOGUE = load_catalogue()
NOW = datetime(2026, 11, 23, 17, tzinfo=UTC)
TODAY = date(2026, 11, 23)
CALL = {
    "type": "request", "actor": "key:k", "purpose": "TREAT", "policy": "1", "epoch": 1, "baa": "baa-1",
}  # fmt: skip


def made(*bodies, start=0):
    """Entries as the ledger stores them, chained."""
    found, previous = [], bytes(32)
    for index, body in enumerate(bodies, start):
        header = msgspec.json.encode(
            {"v": 1, "index": index, "prev": previous.hex(), "id": "0" * 32, "at": "t", "mono": 1, "boot": "b", **body}
        )
        previous = leaf_hash(header)
        found.append(Entry(index=index, id=bytes(16), header=header, leaf_hash=previous, signature=None, payload=None))
    return found


def window(entries, **changes):
    stop = entries[-1].index + 1 if entries else 0
    given_ = {"start": 0, "stop": stop, "now": NOW, "is_writable": True, **changes}
    return window_of(entries, **given_)


ENTRIES = made({"type": "control", "actor": "host:operator"}, CALL, CALL, {"type": "canary"}, CALL, CALL)
KEY = ApiKey(
    id="k" * 12, mac=b"m" * 32, name="App", owner="developer", workspace="default", models=frozenset(),
    purposes=frozenset({Purpose.TREAT}), default_purpose=None, expires_at=None,
)  # fmt: skip
REQUEST = AccessRequest(
    id="r", person="developer", roles=frozenset({Role.NURSE}), workspace=None, asked_by="developer", asked_at=NOW,
    status=RequestStatus.APPROVED, decided_by="admin",
)  # fmt: skip
LOW = Incident(
    id="low", source=IncidentSource.REPORT, opened_by="developer", opened_at=NOW, known_on=TODAY,
    factors={each: Judged(level=RiskLevel.LOW, by="privacy", words="w") for each in IncidentFactor},
    conclusion=Conclusion.LOW_PROBABILITY, signed_by="privacy", countersigned_by="security",
)  # fmt: skip
OPEN = {"source": IncidentSource.REPORT, "opened_by": "developer", "opened_at": NOW, "known_on": TODAY}
BIG = Incident(id="big", individuals=900, residents={"TX": 600}, **OPEN)
SMALL = Incident(id="small", individuals=3, **OPEN)
ASSOCIATE = Incident(id="theirs", individuals=3, is_associate=True, **OPEN)
INCIDENTS = {each.id: each for each in (LOW, BIG, SMALL, ASSOCIATE)}


DECISIONS = {
    name: AddressableDecision(
        id=name, decision=Decision.IMPLEMENTED, decided_by="privacy", approved_by="security", decided_on=TODAY,
        until=date(2027, 12, 31),
    )
    for name in addressable_ids(CATALOGUE)
}  # fmt: skip


def held(**changes):
    return working_registry(
        **{
            "keys": {KEY.id: KEY},
            "access_requests": {"r": REQUEST},
            "incidents": INCIDENTS,
            "decisions": DECISIONS,
            **changes,
        }
    )


def known(**changes):
    given_ = {
        "now": NOW, "today": TODAY, "window": window(ENTRIES), "registry": held(), "registry_read_at": NOW, **changes,
    }  # fmt: skip
    return Known(**given_)


def standings(**changes):
    return {each.control.id: each.standing for each in statuses(CATALOGUE, known(**changes))}


def test_what_is_computed_holds_on_a_good_day_and_the_rest_is_not_known():
    found = standings()
    assert set(found) == set(CATALOGUE.controls)
    assert {name for name, standing in found.items() if standing is Standing.HOLDS} == set(QUERIES)
    assert len(QUERIES) == 18
    assert {found[name] for name in found.keys() - QUERIES.keys()} == {Standing.NOT_KNOWN}


def with_entry(index, **changes):
    bodies = [msgspec.json.decode(each.header) for each in ENTRIES]
    for each in bodies:
        for name in ("v", "index", "prev", "id", "at", "mono", "boot"):
            del each[name]
    bodies[index] = {name: value for name, value in {**bodies[index], **changes}.items() if value is not None}
    return {"window": window(made(*bodies))}


# One fact changed, and exactly the controls that it turns.
MUTATIONS = [
    (with_entry(2, baa=None), {"HSR-308-b1", "HPR-502-e"}),
    (with_entry(2, baa="baa-none"), {"HSR-308-b1", "HPR-502-e"}),
    (with_entry(2, purpose=None), {"HSR-308-a4", "HPR-502-a"}),
    (with_entry(2, policy=None), {"HSR-308-a4", "HPR-502-a"}),
    (with_entry(2, epoch=None), {"HSR-308-a4", "HPR-502-a"}),
    (with_entry(0, actor=None), {"HSR-312-a2-i"}),
    (with_entry(5, actor=None), {"HSR-312-a2-i"}),
    ({"registry": held(people={each.id: each for each in (PRIVACY, ADMIN, DEVELOPER)})}, {"HSR-308-a2"}),
    (
        {"registry": held(people={each.id: each for each in (replace(SECURITY, is_active=False), ADMIN, DEVELOPER)})},
        {"HSR-308-a2"},
    ),
    (
        {"registry": held(people={each.id: each for each in (replace(SECURITY, credential_mac=None), DEVELOPER)})},
        {"HSR-308-a2"},
    ),
    ({"registry": held(people={"security": SECURITY})}, {"HSR-308-a3-C"}),
    (
        {"registry": held(people={"security": SECURITY, "developer": replace(DEVELOPER, is_active=False)})},
        {"HSR-308-a3-C"},
    ),
    ({"registry": held(access_requests={"r": replace(REQUEST, decided_by="developer")})}, {"HSR-308-a3-A"}),
    ({"registry": held(access_requests={"r": replace(REQUEST, decided_by=None)})}, {"HSR-308-a3-A"}),
    (
        {"registry": held(incidents={**INCIDENTS, "low": replace(LOW, factors={})})},
        {"HBN-402-4f"},
    ),
    ({"registry": held(incidents={**INCIDENTS, "low": replace(LOW, countersigned_by="privacy")})}, {"HBN-402-4f"}),
    (with_entry(3, type="alarm", decision="raised", detail={"alarm": "gap"}), {"HSR-312-b"}),
    (with_entry(3, type="alarm", decision="cleared", detail={"alarm": "gap"}), set()),
    ({"registry": held(decisions={})}, {"HSR-306-d3"}),
    *(
        ({"registry": held(decisions={each: DECISIONS[each] for each in DECISIONS if each != name})}, {"HSR-306-d3"})
        for name in DECISIONS
    ),
    (
        {"registry": held(decisions={**DECISIONS, "HSR-312-c2": replace(DECISIONS["HSR-312-c2"], approved_by=None)})},
        {"HSR-306-d3"},
    ),
    ({"today": date(2027, 1, 22)}, set()),
    ({"today": date(2027, 1, 23)}, {"HBN-404-b", "HBN-406", "HBN-408-b", "HBN-410"}),
    ({"today": date(2027, 3, 1)}, {"HBN-404-b", "HBN-406", "HBN-408-b", "HBN-410"}),
    ({"today": date(2027, 3, 2)}, {"HBN-404-b", "HBN-406", "HBN-408-b", "HBN-408-c", "HBN-410"}),
]


@pytest.mark.parametrize(("changes", "turned"), MUTATIONS)
def test_one_fact_turns_exactly_its_controls(changes, turned):
    found = standings(**changes)
    assert {name for name, standing in found.items() if standing is Standing.FAILS} == turned
    assert {name for name, standing in found.items() if standing is Standing.HOLDS} == QUERIES.keys() - turned


@pytest.mark.parametrize("changes", [{"activated_by": None}, {"activated_by": "privacy"}, {"document_sha256": ""}])
def test_an_agreement_that_one_person_opened_does_not_hold(changes):
    registry = held()
    broken = {"baa-1": replace(registry.agreements["baa-1"], **changes)}
    found = standings(registry=replace(registry, agreements=broken))
    assert {name for name, standing in found.items() if standing is Standing.FAILS} == {"HSR-308-b3"}


@pytest.mark.parametrize(("on", "late"), [(date(2027, 1, 22), False), (date(2027, 1, 23), True)])
def test_a_notice_that_was_given_late_stays_late(on, late):
    small = replace(
        SMALL,
        notices=(
            Notice(name="individuals", on=on, by="privacy"),
            Notice(name="secretary_annual", on=on, by="privacy"),
        ),
    )
    found = standings(registry=held(incidents={"small": small}), today=date(2027, 12, 1))
    assert found["HBN-404-b"] is (Standing.FAILS if late else Standing.HOLDS)
    assert found["HBN-408-c"] is Standing.HOLDS


def damaged():
    """Every way in which a source can be missing, stale or damaged."""
    yield "no ledger", {"window": None}
    yield "no registry", {"registry": None}
    yield "registry of no known time", {"registry_read_at": None}
    late = NOW - FRESH_FOR - timedelta(microseconds=1)
    yield "stale ledger", {"window": window(ENTRIES, now=late)}
    yield "stale registry", {"registry_read_at": late}
    yield "ledger of the future", {"window": window(ENTRIES, now=NOW + timedelta(microseconds=1))}
    yield "registry of the future", {"registry_read_at": NOW + timedelta(microseconds=1)}
    yield "ledger that takes nothing", {"window": window(ENTRIES, is_writable=False)}
    yield "tail cut", {"window": window(ENTRIES[:-1], stop=6)}
    yield "head cut", {"window": window(ENTRIES[1:], stop=6)}
    yield "nothing read", {"window": window([], stop=6)}
    for at in range(len(ENTRIES)):
        yield f"entry {at} missing", {"window": window([*ENTRIES[:at], *ENTRIES[at + 1 :]], stop=6)}
        other = ENTRIES[at].header.replace(b'"boot":"b"', b'"boot":"c"')
        changed = replace(ENTRIES[at], header=other)
        yield f"entry {at} changed", {"window": window([*ENTRIES[:at], changed, *ENTRIES[at + 1 :]])}
        rehashed = replace(changed, leaf_hash=leaf_hash(other))
        if at < len(ENTRIES) - 1:  # of the last one only the signed head can tell: `wardkeep verify`
            yield f"entry {at} rehashed", {"window": window([*ENTRIES[:at], rehashed, *ENTRIES[at + 1 :]])}
        unreadable = replace(ENTRIES[at], header=b"{", leaf_hash=leaf_hash(b"{"))
        yield f"entry {at} unreadable", {"window": window([*ENTRIES[:at], unreadable, *ENTRIES[at + 1 :]])}
    yield "entries of another place", {"window": window(made(CALL, CALL, start=1), stop=2)}
    yield "two swapped", {"window": window([ENTRIES[0], ENTRIES[2], ENTRIES[1], *ENTRIES[3:]])}


DAMAGED = dict(damaged())


@pytest.mark.parametrize("name", DAMAGED)
def test_no_control_holds_on_a_source_that_is_missing_stale_or_damaged(name):
    found = standings(**DAMAGED[name])
    assert set(found.values()) == {Standing.NOT_KNOWN}


def test_nothing_to_look_at_is_not_known():
    empty = working_registry(agreements={}, keys={}, access_requests={}, incidents={})
    found = standings(registry=empty, window=window(made({"type": "start"})))
    held_still = {name for name, standing in found.items() if standing is Standing.HOLDS}
    assert held_still == {"HSR-308-a2", "HSR-312-b", "HSR-312-c1"}
    assert {name for name, standing in found.items() if standing is Standing.FAILS} == {"HSR-306-d3"}


def test_a_row_that_nobody_confirmed_never_holds_even_with_a_query():
    unread = next(each.id for each in CATALOGUE.controls.values() if each.is_unconfirmed)
    query = QUERIES["HSR-312-b"]
    found = {each.control.id: each for each in statuses(CATALOGUE, known(), {unread: query, "HSR-312-b": query})}
    assert found["HSR-312-b"].standing is Standing.HOLDS
    assert (found[unread].standing, status_view(found[unread])["is_unconfirmed"]) == (Standing.NOT_KNOWN, True)
    assert not any(CATALOGUE.controls[name].is_unconfirmed for name in QUERIES)


def test_samples_are_the_newest_entries_that_were_looked_at():
    found = {each.control.id: each for each in statuses(CATALOGUE, known())}
    shown = status_view(found["HSR-308-b1"])
    assert [each["entry"] for each in shown["samples"]] == [2, 4, 5]
    assert shown["samples"][0]["prove"] == "wardkeep verify --prove 2 --out FILE"
    assert (shown["looked_at"], shown["standing"]) == (4, "holds")


@given(st.lists(st.sampled_from(["baa-1", "other", None]), min_size=1, max_size=20))
def test_one_call_without_agreement_is_never_lost_among_others(agreements):
    calls = [{name: value for name, value in {**CALL, "baa": each}.items() if value is not None} for each in agreements]
    found = standings(window=window(made(*calls)))
    holds = all(each == "baa-1" for each in agreements)
    assert found["HSR-308-b1"] is (Standing.HOLDS if holds else Standing.FAILS)
