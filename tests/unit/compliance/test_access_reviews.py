"""Reviews of access: who reviews what, what a decision does, and what time does to what nobody decides."""

import copy
import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.compliance.instance import found, keyring, running
from tests.unit.compliance.organisation import (
    ADMIN,
    AUDITOR,
    DEVELOPER,
    EVERYBODY,
    PRIVACY,
    SECURITY,
    WORKSPACE,
    after,
    person,
)
from tests.unit.compliance.organisation import working_registry as working

from wardkeep.compliance import access_reviews as reviews
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import Change, Kind, apply, stamped
from wardkeep.compliance.review_clock import steps, tend
from wardkeep.compliance.review_evidence import as_csv, evidence
from wardkeep.model.access import Application, ApplicationKind, Purpose, Role
from wardkeep.model.access_review import ItemState, ReviewKind, ReviewSchedule, Suggestion
from wardkeep.model.break_glass import OfflineCodes
from wardkeep.model.login import Login
from wardkeep.model.registry import ApiKey

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NEVER = lambda _: None  # noqa: E731 - a fact nobody has
NIA = replace(person("nia", Role.NURSE), manager="lead")
LEAD = person("lead", Role.CLINICIAN)
BO = person("bo", Role.BILLING)


def key(name="k1", owner="lead", purposes=("TREAT",), **more):
    return ApiKey(
        id=name, mac=b"", name="n", owner=owner, workspace="default", models=frozenset({"chat"}),
        purposes=frozenset(map(Purpose, purposes)), default_purpose=None, expires_at=None, **more,
    )  # fmt: skip


def hospital(**changes):
    people = {each.id: each for each in (*EVERYBODY, NIA, LEAD, BO)}
    scribe = Application(
        id="scribe", name="Scribe", kind=ApplicationKind.AGENT, owner="developer", workspace="default",
        roles=frozenset({Role.BILLING}), is_active=True,
    )  # fmt: skip
    ward = replace(WORKSPACE, owner="lead", members=frozenset({"nia", "lead", "bo"}))
    held = working(
        people=people,
        workspaces={"default": ward},
        keys={"k1": key(), "k2": key("k2", owner="bo", purposes=("HPAYMT",))},
        applications={"scribe": scribe},
    )
    return replace(held, **changes)


def opened(held, *, kinds=frozenset(ReviewKind), is_phi=False, used=NEVER, grace_days=14, days=30, by=PRIVACY):
    changes = reviews.open_review(
        held, by, campaign="r1", kinds=kinds, is_phi=is_phi, reviewer=None, open_days=days, grace_days=grace_days,
        now=NOW, used=used,
    )  # fmt: skip
    return after(held, stamped(changes, 7))


def item(held, name):
    return held.review_items[f"r1/{name}"]


def refused(call, *given, **named):
    with pytest.raises(NotAllowed) as error:
        call(*given, **named)
    return error.value.code


def decide(step, held, by, *names, **more):
    return after(held, stamped(step(held, by, campaign="r1", items=names, now=NOW, **more), 9))


def run_clock(held, *days, used=NEVER, founded_at=NOW):
    """Let the days pass one after another; return the registry and the actions that were taken."""
    taken = []
    for day in days:
        now = NOW + timedelta(days=day)
        while (due := next(steps(held, now, used, founded_at=founded_at), None)) is not None:
            held = apply(held, stamped(due.changes, 100 + len(taken)), epoch=held.epoch + 1)
            taken.append((day, due.action))
            assert len(taken) < 50
    return held, taken


def test_each_item_is_reviewed_by_its_owner_or_manager_and_never_by_its_own_person():
    held = opened(hospital())
    assert item(held, "role:nia:nurse").reviewer == "lead"
    assert item(held, "member:nia:default").reviewer == "lead"
    # the workspace's owner does not review their own membership, nor somebody without manager themselves
    assert item(held, "member:lead:default").reviewer == "privacy"
    assert item(held, "person:lead").reviewer == "privacy"
    assert item(held, "person:privacy").reviewer == "admin"
    assert item(held, "key:k1").reviewer == "lead"
    assert item(held, "agent:scribe").reviewer == "developer"
    assert item(held, "vendor:openai").reviewer == "privacy"
    for each in held.review_items.values():
        assert each.reviewer != each.subject or each.kind in {ReviewKind.KEY, ReviewKind.VENDOR}
    # what reaches into the control plane is an officer's to review, whoever is the manager
    people = {**hospital().people, "security": replace(SECURITY, manager="lead")}
    assert item(opened(hospital(people=people)), "role:security:security_officer").reviewer == "privacy"


def test_a_review_of_phi_leaves_out_what_does_not_reach_it():
    held = opened(hospital(), is_phi=True)
    roles = {reviews.name_of(each) for each in held.review_items.values() if each.kind is ReviewKind.ROLE}
    assert roles == {
        "role:nia:nurse", "role:lead:clinician", "role:bo:billing", "role:developer:developer",
        "role:privacy:privacy_officer", "role:security:security_officer",
    }  # fmt: skip
    assert "r1/person:operator" not in held.review_items
    assert "r1/person:nia" in held.review_items


def test_use_suggests_and_does_not_decide():
    lately, long_ago = NOW - timedelta(days=2), NOW - timedelta(days=91)
    times = {"k1": long_ago, "person:nia": lately, "purpose:nia:TREAT": lately, "grant:security:person.change": lately}
    held = opened(hospital(), used=times.get)
    assert item(held, "key:k1").suggestion is Suggestion.NOT_USED_90_DAYS
    assert item(held, "key:k2").suggestion is Suggestion.NEVER_USED
    assert item(held, "role:nia:nurse").suggestion is None
    assert item(held, "role:nia:nurse").last_used_at == lately
    assert item(held, "role:lead:clinician").suggestion is Suggestion.NEVER_EXERCISED
    assert item(held, "role:security:security_officer").suggestion is None
    assert all(each.state is ItemState.OPEN for each in held.review_items.values())
    orphan = opened(hospital(people={**hospital().people, "lead": replace(LEAD, is_active=False)}))
    assert item(orphan, "key:k1").suggestion is Suggestion.OWNER_INACTIVE
    assert item(orphan, "key:k1").reviewer == "privacy"


@pytest.mark.parametrize(
    ("name", "by", "is_gone"),
    [
        ("person:nia", LEAD, lambda held: not held.people["nia"].is_active),
        ("role:nia:nurse", LEAD, lambda held: held.people["nia"].roles == frozenset()),
        ("member:nia:default", LEAD, lambda held: "nia" not in held.workspaces["default"].members),
        ("key:k1", LEAD, lambda held: held.keys["k1"].is_revoked),
        ("agent:scribe", DEVELOPER, lambda h: not h.applications["scribe"].is_active),
        ("vendor:openai", PRIVACY, lambda held: held.vendors["openai"].suspended_because == "see ledger entry 9"),
    ],
)  # fmt: skip
def test_what_a_reviewer_revokes_ends_at_once(name, by, is_gone):
    held = opened(hospital())
    assert not is_gone(held)
    held = decide(reviews.revoke, held, by, name)
    assert is_gone(held)
    assert item(held, name).state is ItemState.REVOKED
    assert (item(held, name).decided_by, item(held, name).words) == (by.id, "see ledger entry 9")
    assert refused(decide, reviews.confirm, held, by, name) == "wrong_status"


def test_only_the_reviewer_decides_and_nobody_about_themselves():
    held = opened(hospital())
    assert refused(decide, reviews.confirm, held, BO, "role:nia:nurse") == "not_found"
    assert refused(decide, reviews.confirm, held, LEAD, "person:lead") == "not_found"
    # also not when an item was handed to them before they became its subject
    own = replace(item(held, "person:nia"), reviewer="nia")
    held = replace(held, review_items={**held.review_items, own.id: own})
    assert refused(decide, reviews.confirm, held, NIA, "person:nia") == "separation_of_duties"
    assert refused(decide, reviews.confirm, held, LEAD) == "value_invalid"
    assert refused(decide, reviews.confirm, held, LEAD, "role:nia:nurse", "role:nia:nurse") == "value_invalid"
    assert refused(opened, hospital(), by=AUDITOR) == "role_not_permitted"
    assert refused(opened, hospital(), days=1) == "value_invalid"
    assert refused(opened, held) == "already_exists"


def test_a_single_officer_confirms_themselves_and_the_entry_says_so():
    alone = {"privacy": PRIVACY}
    held = hospital(people=alone, workspaces={}, keys={}, applications={})
    held = replace(held, organisation=replace(held.organisation, single_officer_accepted_by="privacy"))
    held = opened(held)
    (change,) = reviews.confirm(held, PRIVACY, campaign="r1", items=("person:privacy",), now=NOW)
    assert change.note == "single_officer_acceptance"


def test_items_are_handed_on_to_whoever_may_review_them():
    held = opened(hospital())

    def hand(by, name, to):
        return after(held, reviews.delegate(held, by, campaign="r1", items=(name,), to=to))

    handed = item(hand(LEAD, "role:nia:nurse", "bo"), "role:nia:nurse")
    assert (handed.reviewer, handed.passed_on) == ("bo", ("lead",))
    assert refused(hand, LEAD, "role:nia:nurse", "nia") == "reviewer_unfit"
    assert refused(hand, BO, "role:nia:nurse", "bo") == "not_found"
    # whoever runs reviews may, but not to somebody who is no officer where it is the control plane
    assert item(hand(ADMIN, "role:nia:nurse", "bo"), "role:nia:nurse").reviewer == "bo"
    assert refused(hand, ADMIN, "role:security:security_officer", "lead") == "reviewer_unfit"


def test_what_nobody_confirms_ends_after_warnings_and_treatment_after_its_grace():
    held = opened(hospital())
    held = decide(reviews.confirm, held, LEAD, "person:nia", "role:nia:nurse", "key:k1")
    held = decide(reviews.confirm, held, PRIVACY, "person:lead")
    held, taken = run_clock(held, *range(1, 44))
    assert held.people["lead"].roles == {Role.CLINICIAN}
    held, later = run_clock(held, 44)
    taken += later
    assert taken == [
        (15, "review.reminder"), (23, "review.escalation"), (26, "review.last-warning"), (30, "review.close"),
        (44, "review.grace-over"),
    ]  # fmt: skip
    # confirmed stays, unconfirmed billing went at the close, unconfirmed care at the end of its grace
    assert (held.people["nia"].roles, held.people["lead"].roles) == ({Role.NURSE}, frozenset())
    assert held.people["nia"].is_active
    assert not held.keys["k1"].is_revoked
    assert held.keys["k2"].is_revoked
    assert not held.people["bo"].is_active
    assert item(held, "key:k2").decided_by == "host"
    assert {each.state for each in held.review_items.values()} <= {
        ItemState.CONFIRMED, ItemState.LAPSED, ItemState.KEPT, ItemState.GONE,
    }  # fmt: skip


def test_the_last_officer_is_kept_and_named():
    held, _ = run_clock(opened(hospital(), grace_days=0), *range(1, 32))
    active = [each for each in held.people.values() if each.is_active and reviews.is_officer(each)]
    assert len(active) >= 1
    kept = [each for each in held.review_items.values() if each.state is ItemState.KEPT]
    assert kept
    assert {each.subject for each in kept} <= {each.id for each in active} | {"security", "admin"}
    # a reviewer cannot end the last one by hand either
    alone = opened(hospital(people={**hospital().people, "security": replace(SECURITY, is_active=False),
                                    "admin": replace(ADMIN, is_active=False)}))  # fmt: skip
    alone = decide(reviews.confirm, alone, PRIVACY, "vendor:openai")
    mine = replace(item(alone, "person:privacy"), reviewer="security")
    acting = replace(SECURITY, is_active=True)
    alone = replace(alone, people={**alone.people, "security": acting}, review_items={mine.id: mine})
    ended = reviews.Ended(replace(alone, people={**alone.people, "security": replace(acting, is_active=False)}))
    assert refused(ended.end, mine, by="security") in {"last_administrator", "last_officer"}
    assert ended.changes() == ()


def test_a_grace_begins_at_the_close_and_a_confirmation_in_it_counts():
    held, _ = run_clock(opened(hospital(), kinds=frozenset({ReviewKind.KEY})), *range(1, 31))
    waiting = item(held, "key:k1")
    assert (waiting.state, waiting.grace_until) == (ItemState.GRACE, NOW + timedelta(days=44))
    assert not held.keys["k1"].is_revoked
    held = decide(reviews.confirm, held, LEAD, "key:k1")
    held, _ = run_clock(held, 44, 60)
    assert not held.keys["k1"].is_revoked
    assert item(held, "key:k1").state is ItemState.CONFIRMED


def test_nothing_ends_without_a_warning_that_is_a_day_old():
    """The server was off for the whole review: the notices come late, and the end a day after the last."""
    held, taken = run_clock(opened(hospital()), 40, 40.5, 41)
    assert taken == [
        (40, "review.reminder"), (40, "review.escalation"), (40, "review.last-warning"), (41, "review.close"),
    ]  # fmt: skip
    early = opened(hospital())
    assert refused(reviews.close, early, PRIVACY, campaign="r1", now=NOW + timedelta(days=31)) == "wrong_status"
    assert refused(reviews.close, held, PRIVACY, campaign="r1", now=NOW + timedelta(days=60)) == "wrong_status"


class Looks(dict):
    """Records that count how often somebody went through all of them."""

    looks = 0

    def values(self):
        self.looks += 1
        return super().values()

    def items(self):
        self.looks += 1
        return super().items()


def test_years_of_closed_reviews_cost_one_look_at_their_items():
    held, _ = run_clock(opened(hospital()), 15, 23, 26, 30, 44)
    kept = {f"r{number}": replace(held.reviews["r1"], id=f"r{number}") for number in range(1, 25)}
    items = Looks(held.review_items)
    now = NOW + timedelta(days=60)
    assert list(steps(replace(held, reviews=kept, review_items=items), now, NEVER, founded_at=NOW)) == []
    assert items.looks == 1


def test_undecided_items_are_escalated_to_another_who_may_decide():
    held, _ = run_clock(opened(hospital()), 15, 23)
    assert item(held, "role:nia:nurse").escalated_to == "privacy"
    for each in held.review_items.values():
        assert each.escalated_to not in {None, each.reviewer}
        assert each.escalated_to != each.subject or each.kind in {ReviewKind.KEY, ReviewKind.VENDOR}
    assert item(decide(reviews.confirm, held, PRIVACY, "role:nia:nurse"), "role:nia:nurse").state is ItemState.CONFIRMED


def test_one_of_access_to_phi_opens_by_itself_every_quarter():
    held, taken = run_clock(hospital(), 90, 91)
    assert taken == [(91, "review.open")]
    (campaign,) = held.reviews.values()
    assert (campaign.id, campaign.is_phi, campaign.opened_by) == ("phi-2027-02-22", True, "host")
    assert campaign.reviewer == "privacy"
    assert {each.kind for each in held.review_items.values()} == reviews.PHI_KINDS - {ReviewKind.APPLICATION}
    off = reviews.set_schedule(hospital(), PRIVACY, schedule=ReviewSchedule(is_active=False))
    assert off[0].note == "reviews_not_scheduled"
    assert run_clock(after(hospital(), off), 91, 400)[1] == []
    bad = ReviewSchedule(every_days=20)
    assert refused(reviews.set_schedule, hospital(), PRIVACY, schedule=bad) == "value_invalid"


def test_two_ends_of_one_person_do_not_undo_each_other():
    both = replace(NIA, roles=frozenset({Role.NURSE, Role.BILLING}))
    held = opened(hospital(people={**hospital().people, "nia": both}))
    held = decide(reviews.revoke, held, LEAD, "role:nia:nurse", "role:nia:billing", "member:nia:default")
    assert held.people["nia"].roles == frozenset()
    assert held.workspaces["default"].members == {"lead", "bo"}


def test_evidence_names_the_ledger_entry_of_every_decision():
    held = decide(reviews.confirm, opened(hospital()), LEAD, "role:nia:nurse")
    held, _ = run_clock(held, 15, 23, 26, 30, 44)
    told = evidence(held, "r1")
    assert told["is_complete"]
    assert told["review"]["opened_entry"] == 7
    assert [each["kind"] for each in told["review"]["notices"]] == ["reminder", "escalation", "last_warning"]
    assert all(each["ledger_entry"] is not None and each["decided_at"] for each in told["items"])
    assert {7, 9, 100} <= set(told["ledger_entries"])
    rows = list(csv.DictReader(io.StringIO(as_csv(told))))
    confirmed = next(row for row in rows if row["item"] == "role:nia:nurse")
    assert (confirmed["state"], confirmed["decided_by"], confirmed["ledger_entry"]) == ("confirmed", "lead", "9")
    assert len(rows) == len(held.review_items)


async def test_the_clock_of_a_ledger_takes_each_step_once_and_they_survive_a_restart(tmp_path):
    ring = keyring()
    async with running(tmp_path, ring) as instance:
        await found(instance, hospital())

        def plan(held):
            return reviews.open_review(
                held, PRIVACY, campaign="r1", kinds=frozenset(ReviewKind), is_phi=False, reviewer=None, open_days=30,
                grace_days=14, now=instance.clock().wall, used=NEVER,
            )  # fmt: skip

        await instance.control.change(by="person:privacy", action="review.open", reason="quarter", plan=plan)
        instance.clock.wall_us += 31 * 86_400 * 1_000_000
        due = await tend(instance.control, instance.clock, NEVER, founded_at=None)
        assert [each.action for each in due] == ["review.reminder", "review.escalation", "review.last-warning"]
        assert await tend(instance.control, instance.clock, NEVER, founded_at=None) == []
        before = instance.control.registry
    async with running(tmp_path, ring) as instance:
        assert instance.control.registry.review_items == before.review_items
        assert instance.control.registry.reviews == before.reviews


def test_to_plan_an_end_changes_nothing_yet():
    codes = {"nia": OfflineCodes(id="nia", made_by="privacy", made_at=NOW, macs=(b"m" * 32,))}
    held = opened(hospital(offline_codes=codes, logins={"nia": Login(id="nia", handle=b"h" * 32)}))
    before = copy.deepcopy(held)
    first = reviews.revoke(held, LEAD, campaign="r1", items=("person:nia",), now=NOW)
    assert held == before
    assert reviews.revoke(held, LEAD, campaign="r1", items=("person:nia",), now=NOW) == first
    assert {each.kind for each in first if each.record is None} == {Kind.LOGINS, Kind.OFFLINE_CODES}


async def test_what_time_ends_is_the_same_after_a_restart(tmp_path):
    ring = keyring()
    async with running(tmp_path, ring) as instance:
        await found(instance, hospital())
        codes = OfflineCodes(id="bo", made_by="privacy", made_at=NOW, macs=(b"m" * 32,))
        made = (Change(kind=Kind.OFFLINE_CODES, id="bo", record=codes),)
        await instance.control.change(by="person:privacy", action="codes.make", reason="night", plan=lambda _: made)

        def plan(held):
            return reviews.open_review(
                held, PRIVACY, campaign="r1", kinds=frozenset({ReviewKind.PERSON}), is_phi=False, reviewer=None,
                open_days=30, grace_days=0, now=instance.clock().wall, used=NEVER,
            )  # fmt: skip

        await instance.control.change(by="person:privacy", action="review.open", reason="quarter", plan=plan)
        for days in (31, 2):
            instance.clock.wall_us += days * 86_400 * 1_000_000
            await tend(instance.control, instance.clock, NEVER, founded_at=None)
        ended = instance.control.registry
        assert not ended.people["bo"].is_active
        assert ended.offline_codes == {}
    async with running(tmp_path, ring) as instance:
        assert instance.control.registry == ended
