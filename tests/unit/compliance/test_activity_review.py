"""Reviews of activity: what is picked can be drawn again, what is unusual is found, and nobody judges themselves."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from tests.unit.compliance.calls import called
from tests.unit.compliance.instance import found, keyring, running
from tests.unit.compliance.organisation import ADMIN, AUDITOR, DEVELOPER, PRIVACY, SECURITY, registry

from wardkeep.app.activity_keeping import keep_activity_reviews, open_due
from wardkeep.compliance.activity_review import (
    check_asked,
    draws,
    is_neglected,
    next_start,
    open_review,
    pick,
    sign_item,
)
from wardkeep.compliance.errors import NotAllowed
from wardkeep.model.activity import ActivityItem, ActivityReview, Signal, Thresholds, Verdict
from wardkeep.model.registry import ApiKey

ZONE = "America/New_York"
TODAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 20, 17, tzinfo=UTC)  # twelve o'clock where the clinic is
SMALL = Thresholds(volume=4, times=2, new_subjects=3, many_subjects=4)


@asynccontextmanager
async def house(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        await found(instance)
        yield instance


async def picked(instance, *, sample=0, thresholds=SMALL):
    start = next_start(instance.control.registry)
    return await pick(instance.searcher.index, start=start, sample=sample, thresholds=thresholds, zone=ZONE)


async def opened(instance, name, **fields):
    found_now = await picked(instance, **fields)

    def plan(held):
        return open_review(
            held, PRIVACY, review=name, picked=found_now, sample=fields.get("sample", 0), thresholds=SMALL,
            today=TODAY, due_days=7,
        )  # fmt: skip

    await instance.control.change(by="person:privacy", action="activity.open", reason="weekly", plan=plan)
    return found_now


def unusual(found_now):
    return {(each.signal, each.who, each.entry, each.measure, each.usual) for each in found_now.items}


async def test_the_sample_is_drawn_from_the_root_and_can_be_drawn_again(tmp_path):
    async with house(tmp_path) as instance:
        for number in range(40):
            await called(instance, f"s{number % 3}", at=NOON + timedelta(hours=number))
        size = (await instance.ledger.head()).size
        first = await picked(instance, sample=5)
        seed = (await instance.ledger.root_at(size)).hex()
        assert (first.start, first.stop, first.seed) == (0, size, seed)
        kinds = [json.loads(header)["type"] for header in await instance.headers()]
        wanted = []
        for index in draws(seed, 0, size):
            if kinds[index] in {"request", "control"} and index not in wanted:
                wanted.append(index)
            if len(wanted) == 5:
                break
        sampled = [each.entry for each in first.items if each.signal is Signal.SAMPLE]
        assert sorted(sampled) == sorted(wanted)
        assert (await picked(instance, sample=5)) == first


async def test_reviews_follow_one_another_without_a_gap(tmp_path):
    async with house(tmp_path) as instance:
        await called(instance, "s")
        first = await opened(instance, "w1")
        await called(instance, "s")
        second = await picked(instance)
        assert (first.start, second.start) == (0, first.stop)
        stale = replace(second, start=0)
        with pytest.raises(NotAllowed):
            open_review(
                instance.control.registry, PRIVACY, review="w2", picked=stale, sample=0, thresholds=SMALL,
                today=TODAY, due_days=7,
            )  # fmt: skip
        assert next_start(instance.control.registry) == first.stop


async def test_a_day_with_far_more_than_usual_is_found(tmp_path):
    async with house(tmp_path) as instance:
        for day in range(5):
            for _ in range(2):
                await called(instance, "s", at=NOON - timedelta(days=9 - day))
        await opened(instance, "w1")
        first = (await called(instance, "s", at=NOON))[0]
        for _ in range(4):
            await called(instance, "s", at=NOON)
        for _ in range(3):
            await called(instance, "s", at=NOON, actor="key:quiet")
        assert unusual(await picked(instance)) == {(Signal.VOLUME, "key:app1", first, 5, 2)}


async def test_people_outside_their_hours_are_found_and_machines_are_not(tmp_path):
    async with house(tmp_path) as instance:
        night = datetime(2026, 11, 20, 7, tzinfo=UTC)  # two o'clock in the morning
        await called(instance, "s", person="owl", at=night - timedelta(days=2))
        await opened(instance, "w1")
        await called(instance, "s", person="owl", at=night)
        await called(instance, "s", at=night)
        await called(instance, "s", person="lark", at=NOON)
        first = (await called(instance, "s", person="lark", at=night))[0]
        assert unusual(await picked(instance)) == {(Signal.HOURS, "person:lark", first, 1, 0)}


async def test_many_subjects_and_subjects_never_seen_before_are_found(tmp_path):
    async with house(tmp_path) as instance:
        wide = replace(SMALL, volume=99)
        for name in ("known-1", "known-2"):
            await called(instance, name, at=NOON - timedelta(days=1))
        await opened(instance, "w1", thresholds=wide)
        await called(instance, "known-1", at=NOON)
        first = (await called(instance, "new-0", at=NOON))[0]
        for number in (1, 2):
            await called(instance, f"new-{number}", at=NOON)
        await called(instance, None, at=NOON)
        found_now = await picked(instance, thresholds=wide)
        assert unusual(found_now) == {
            (Signal.MANY_SUBJECTS, "key:app1", first - 2, 4, 0),
            (Signal.NEW_SUBJECTS, "key:app1", first, 3, 2),
        }
        assert [each.number for each in found_now.items] == [1, 2]


async def test_a_new_subject_is_new_to_whoever_asks_by_whichever_key(tmp_path):
    async with house(tmp_path) as instance:
        await called(instance, "known", person="ana", at=NOON - timedelta(days=1))
        await called(instance, "new-0", at=NOON - timedelta(days=1))  # another's: new to ana all the same
        await opened(instance, "w1", thresholds=replace(SMALL, volume=99))
        first = (await called(instance, "new-0", person="ana", at=NOON))[0]
        for number in range(3):  # nobody's history: shown by volume
            await called(instance, f"new-{number}", actor="key:fresh", at=NOON)
        for number in (0, 1):
            await called(instance, f"new-{number}", person="ana", actor="key:app2", at=NOON)
        few = await picked(instance, thresholds=replace(SMALL, volume=99))
        assert Signal.NEW_SUBJECTS not in {each.signal for each in few.items}  # two, by two keys: never three
        await called(instance, "new-2", person="ana", at=NOON)
        found_now = await picked(instance, thresholds=replace(SMALL, volume=99))
        assert unusual(found_now) == {(Signal.NEW_SUBJECTS, "person:ana", first, 3, 1)}


async def test_a_review_waits_until_the_index_was_checked_and_something_happened(tmp_path):
    async with house(tmp_path) as instance:
        await opened(instance, "w1")
        await instance.searcher.index.follow()
        instance.searcher.index.checked = 0
        with pytest.raises(NotAllowed) as refusal:
            await picked(instance)
        assert refusal.value.code == "index_unchecked"
        instance.searcher.index.checked = instance.searcher.index.size
        with pytest.raises(NotAllowed):
            await pick(
                instance.searcher.index, start=instance.searcher.index.size, sample=0, thresholds=SMALL, zone=ZONE
            )


def review(*items, due=date(2026, 11, 30)):
    return ActivityReview(
        id="w1", start=0, stop=9, ended_at=NOON, seed="ab", sample=0, thresholds=SMALL, due=due, opened_by="privacy",
        items=items,
    )  # fmt: skip


def held(*items, **fields):
    key = ApiKey(
        id="app1", mac=b"", name="n", owner="security", workspace="default", models=frozenset(), purposes=frozenset(),
        default_purpose=None, expires_at=None,
    )  # fmt: skip
    return registry(activity={"w1": review(*items, **fields)}, keys={"app1": key})


ITEM = ActivityItem(number=1, signal=Signal.VOLUME, entry=3, who="key:app1", measure=9)


def sign(registry_now, by, *, number=1, verdict=Verdict.EXPECTED, incident=None):
    return sign_item(registry_now, by, review="w1", number=number, verdict=verdict, incident=incident)


def test_one_signs_for_others_activity_only_and_once():
    now = held(ITEM, replace(ITEM, number=2, who="person:auditor"))
    (change,) = sign(now, AUDITOR)
    assert change.record.items[0].signed_by == "auditor"
    assert change.record.open_items == (now.activity["w1"].items[1],)
    for by, number in ((SECURITY, 1), (AUDITOR, 2)):  # the key's owner, and the person themselves
        with pytest.raises(NotAllowed) as refusal:
            sign(now, by, number=number)
        assert refusal.value.code == "own_activity"
    signed = replace(now, activity={"w1": change.record})
    for registry_now, by, fields in (
        (signed, PRIVACY, {}),
        (now, DEVELOPER, {}),
        (now, ADMIN, {"number": 3}),
        (now, ADMIN, {"verdict": Verdict.INCIDENT}),
        (now, ADMIN, {"incident": "inc-1"}),
        (now, ADMIN, {"verdict": Verdict.INCIDENT, "incident": "inc-1"}),
    ):
        with pytest.raises(NotAllowed):
            sign(registry_now, by, **fields)


def test_what_is_not_judged_in_time_is_overdue():
    record = held(ITEM).activity["w1"]
    assert not record.is_overdue(date(2026, 11, 30))
    assert record.is_overdue(date(2026, 12, 1))
    assert not review().is_overdue(date(2099, 1, 1))


def test_a_ledger_that_nobody_reviews_is_neglected():
    week = timedelta(days=7)
    assert not is_neglected(registry(), founded_at=None, now=NOON)
    assert not is_neglected(registry(), founded_at=NOON, now=NOON + week)
    assert is_neglected(registry(), founded_at=NOON, now=NOON + week + timedelta(seconds=1))
    assert not is_neglected(held(), founded_at=NOON - 9 * week, now=NOON + week)


@pytest.mark.parametrize(
    ("sample", "thresholds"),
    [
        (-1, SMALL),
        (0, SMALL),
        (9, SMALL),
        (101, SMALL),
        (25, Thresholds(volume=0)),
        (25, Thresholds(volume=1_000_000)),
        (25, Thresholds(times=1_000_000)),
        (25, Thresholds(new_subjects=1_000_000)),
        (25, Thresholds(many_subjects=1_000_000)),
        (25, Thresholds(first_hour=22, last_hour=6)),
        (25, Thresholds(first_hour=0, last_hour=24)),
    ],
)
def test_a_review_that_would_find_nothing_is_refused(sample, thresholds):
    with pytest.raises(NotAllowed):
        check_asked(sample, thresholds)


@pytest.mark.parametrize(
    ("sample", "thresholds"), [(10, SMALL), (100, Thresholds()), (25, Thresholds(first_hour=6, last_hour=24))]
)
def test_a_review_that_finds_something_is_made(sample, thresholds):
    check_asked(sample, thresholds)


def logged(lines):
    def log(event, **fields):
        lines.append((event, fields))

    return log


async def test_a_week_that_nobody_reviewed_opens_its_own_review_once(tmp_path):
    async with house(tmp_path) as instance:
        for minute in range(25):
            await called(instance, at=NOON + timedelta(minutes=minute), person="nia", subject="s-1")
        index = instance.searcher.index
        await index.follow()
        while await index.check():
            pass
        now = instance.clock().wall
        lines, stopping = [], asyncio.Event()
        opening = partial(open_due, instance.control, index, instance.clock)
        assert await opening(founded_at=now - timedelta(days=6)) is None
        name = await opening(founded_at=now - timedelta(days=8))
        record = instance.control.registry.activity[name]
        assert (record.opened_by, record.start, record.due) == ("host", 0, TODAY + timedelta(days=7))
        assert {each.signal for each in record.items} >= {Signal.SAMPLE, Signal.VOLUME}
        assert await opening(founded_at=now - timedelta(days=8)) is None  # it is reviewed, or overdue, from now on
        (entry,) = [
            each for each in map(json.loads, await instance.headers()) if each.get("actor") == "host"
            and each.get("detail", {}).get("action") == "activity.open"
        ]  # fmt: skip
        assert entry["type"] == "control"

        instance.clock.wall_us += 8 * 86_400_000_000
        keeping = asyncio.create_task(
            keep_activity_reviews(
                instance.control, index, instance.clock, founded_at=now, stopping=stopping, log=logged(lines),
                first_seconds=0.001,
            )
        )  # fmt: skip
        async with asyncio.timeout(60):
            while not lines:
                await asyncio.sleep(0)
        stopping.set()
        await keeping
        (line,) = lines
        assert line[0] == "activity_review_opened"
        assert len(instance.control.registry.activity) == 2
