"""The rules of breaking the glass: who may, for how long, and who reviews it."""

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.compliance.instance import Clock, keyring
from tests.unit.compliance.organisation import ADMIN, PRIVACY, SECURITY, WORKSPACE, after, person, registry

from wardkeep.compliance import break_glass
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.factors import Factors, Proof
from wardkeep.compliance.leaving import leaving
from wardkeep.compliance.logins import seal_totp
from wardkeep.compliance.records import stamped
from wardkeep.crypto.keys import data_keys
from wardkeep.crypto.otp import hotp, step_at
from wardkeep.identity.keys import NewCredential
from wardkeep.identity.sessions import Guesses, Sessions
from wardkeep.model.access import Purpose, Role
from wardkeep.model.break_glass import GlassMethod, GlassOutcome
from wardkeep.model.login import Login
from wardkeep.model.sensitive import Secret
from wardkeep.storage.sessions_sqlite import SessionsFile

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NIA = person("nia", Role.NURSE)
GLASS = NewCredential(id="g1", mac=b"m" * 32, shown_once=Secret("x"))
WORDS = "unconscious, history needed"


def held(**changes):
    ward = replace(WORKSPACE, members=frozenset({"nia", "privacy", "bo"}))
    people = {**registry().people, "nia": NIA, "bo": person("bo", Role.BILLING)}
    return registry(people=people, workspaces={"default": ward}, **changes)


def begun(before=None, by=NIA, **changes):
    before = held() if before is None else before
    given = {
        "glass": GLASS, "workspace": "default", "subject_tag": None, "method": GlassMethod.TOTP, "minutes": 60,
        "reason": WORDS, "now": NOW, **changes,
    }  # fmt: skip
    return after(before, stamped(break_glass.begin(before, by, **given), 4))


def refused(call, *given, **named):
    with pytest.raises(NotAllowed) as error:
        call(*given, **named)
    return error.value.code


def test_who_treats_in_this_workspace_may_for_a_bounded_while_and_with_words():
    glass = begun().break_glass["g1"]
    assert glass.is_open(NOW)
    assert glass.is_open(NOW + timedelta(minutes=59, seconds=59))
    assert not glass.is_open(NOW + timedelta(minutes=60))
    assert not glass.is_open(NOW - timedelta(seconds=1))
    assert (glass.words, glass.review_by) == ("see ledger entry 4", NOW + timedelta(days=7, minutes=60))
    bo = person("bo", Role.BILLING)
    assert refused(begun, by=bo) == "purpose_not_permitted"
    assert refused(begun, by=PRIVACY) == "purpose_not_permitted"
    assert refused(begun, by=person("nobody", Role.NURSE)) == "not_found"
    assert refused(begun, by=replace(NIA, is_active=False)) == "owner_inactive"
    for bad in ({"minutes": 4}, {"minutes": 241}, {"reason": "because"}):
        assert refused(begun, **bad) == "value_invalid"
    closed = replace(held().workspaces["default"], is_active=False)
    assert refused(begun, replace(held(), workspaces={"default": closed})) == "not_found"
    no_emergency = replace(held().workspaces["default"], purposes=frozenset({Purpose.TREAT}))
    assert refused(begun, replace(held(), workspaces={"default": no_emergency})) == "purpose_not_permitted"


def test_it_is_ended_by_its_person_or_an_officer_and_reviewed_by_somebody_else():
    opened = begun()
    assert refused(break_glass.end, opened, person("bo", Role.BILLING), glass="g1", now=NOW) == "not_found"
    assert refused(break_glass.review, opened, PRIVACY, glass="g1", outcome=GlassOutcome.JUSTIFIED, now=NOW) == (
        "wrong_status"
    )
    for by in (NIA, PRIVACY):
        ended = after(opened, break_glass.end(opened, by, glass="g1", now=NOW))
        assert not ended.break_glass["g1"].is_open(NOW)
    assert refused(break_glass.end, ended, NIA, glass="g1", now=NOW) == "wrong_status"
    assert break_glass.is_unsettled(ended, NOW)
    twin = replace(NIA, roles=frozenset({Role.NURSE, Role.PRIVACY_OFFICER}))
    assert refused(break_glass.review, ended, twin, glass="g1", outcome=GlassOutcome.JUSTIFIED, now=NOW) == (
        "separation_of_duties"
    )
    done = break_glass.review(ended, PRIVACY, glass="g1", outcome=GlassOutcome.MISUSED, now=NOW)
    done = after(ended, stamped(done, 9))
    assert (done.break_glass["g1"].reviewed_by, done.break_glass["g1"].review_words) == (
        "privacy",
        "see ledger entry 9",
    )
    assert not break_glass.is_unsettled(done, NOW)
    assert (
        refused(break_glass.review, done, PRIVACY, glass="g1", outcome=GlassOutcome.MISUSED, now=NOW) == "wrong_status"
    )
    late = break_glass.glass_view(ended.break_glass["g1"], NOW + timedelta(days=8))
    assert late["is_overdue"]


def test_codes_are_made_by_another_who_holds_as_much_and_spent_with_their_use():
    codes = break_glass.new_codes(b"k" * 32, "nia", os.urandom)
    macs = tuple(codes.values())
    assert refused(break_glass.make_codes, held(), PRIVACY, person="nia", macs=macs, now=NOW) == "role_not_permitted"
    assert (
        refused(break_glass.make_codes, held(), ADMIN, person="admin", macs=macs, now=NOW) == "second_person_required"
    )
    assert refused(break_glass.make_codes, held(), SECURITY, person="admin", macs=macs, now=NOW) == "grant_exceeds_own"
    made = after(held(), break_glass.make_codes(held(), SECURITY, person="nia", macs=macs, now=NOW))
    shown = next(iter(codes))
    kept = break_glass.code_mac(b"k" * 32, "nia", f" {shown.lower().replace('-', ' ')} ")
    assert kept == codes[shown]
    assert kept != break_glass.code_mac(b"k" * 32, "bo", shown)
    used = begun(made, spent_code=kept, method=GlassMethod.OFFLINE_CODE)
    assert kept not in used.offline_codes["nia"].macs
    assert len(used.offline_codes["nia"].macs) == 4
    assert refused(begun, used, spent_code=kept) == "credential_invalid"
    assert "nia" not in after(used, leaving(used, "nia")).offline_codes


async def test_one_code_proves_once_also_when_it_is_given_twice_at_the_same_time(tmp_path):
    keys, secret = data_keys(keyring()), b"s" * 20
    login = Login(id="nia", handle=b"h" * 32, totp=seal_totp(keys, tenant="t", person="nia", secret=secret))
    sessions = Sessions(SessionsFile(tmp_path / "s.db"), b"k" * 32, os.urandom)
    clock = Clock()
    factors = Factors(keys=keys, tenant="t", sessions=sessions, guesses=Guesses(), clock=clock)
    shown = hotp(secret, step_at(clock.wall_us / 1e6))
    before = held(logins={"nia": login})
    told = await asyncio.gather(*(factors.prove(before, NIA, shown) for _ in range(2)), return_exceptions=True)
    assert [getattr(each, "method", None) for each in told] == [GlassMethod.TOTP, None]
    assert [type(each) for each in told] == [Proof, NotAllowed]
    sessions.close()
