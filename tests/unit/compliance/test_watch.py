"""Losing any part of the record is seen within a minute of the watch's own clock, and nothing healthy is an alarm."""

import asyncio
import json

import pytest
from tests.unit.audit import samples
from tests.unit.compliance.instance import keyring, running

from wardkeep.audit.errors import LedgerUnavailable
from wardkeep.compliance.watch import CANARY_SECONDS, STALE_SECONDS, Alarm, Watch

RING = keyring()
SEEN_WITHIN_SECONDS = 60
TURN_SECONDS = 5


class Between:
    """Stands between watch and ledger, as a fault of the store would; everything else passes."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.fault = ""

    async def append(self, drafts):
        if self.fault == "append":
            raise LedgerUnavailable("the disk is full")
        receipts = await self.ledger.append(drafts)
        if self.fault == "swallow":
            return [type(receipts[0])(index=10_000, leaf_hash=bytes(32)) for _ in receipts]
        return receipts

    async def read(self, index):
        found = await self.ledger.read(index)
        if self.fault == "payload" and found is not None:
            return type(found)(
                **{name: getattr(found, name) for name in ("index", "id", "header", "leaf_hash", "signature")},
                payload=found.payload[:-1] + bytes([found.payload[-1] ^ 1]),
            )
        return found

    async def head(self):
        if self.fault == "head":
            raise LedgerUnavailable("the disk does not answer")
        return await self.ledger.head()

    async def leaves(self, start, stop):
        rows = await self.ledger.leaves(start, stop)
        if self.fault == "skip" and len(rows) > 1:
            return rows[1:]
        if self.fault == "altered" and rows:
            return [(rows[0][0][:-1] + b" }", rows[0][1]), *rows[1:]]
        return rows


class Scene:
    def __init__(self, instance):
        self.instance = instance
        self.between = Between(instance.ledger)
        self.sent = 0
        self.lag = 0.0
        self.watch = Watch(
            ledger=self.between,
            entries=instance.entries,
            clock=instance.clock,
            sent=lambda: self.sent,
            lag_seconds=lambda: self.lag,
            started_at=0,
        )

    async def passed(self, seconds):
        """Let the time pass on the injected clock, with a turn each few seconds; return all alarms that stood."""
        stood = set()
        for _ in range(0, seconds, TURN_SECONDS):
            self.instance.clock.wall_us += TURN_SECONDS * 1_000_000
            stood |= await self.watch.turn()
        return stood

    async def call(self, times=1):
        for _ in range(times):
            await self.instance.ledger.append([samples.draft("request", keys=self.instance.keys)])
            self.sent += 1

    async def alarms(self):
        found = [json.loads(header) for header in await self.instance.headers()]
        return [(each["decision"], each["detail"]["alarm"]) for each in found if each["type"] == "alarm"]


@pytest.fixture
async def scene(tmp_path):
    async with running(tmp_path, RING) as instance:
        made = Scene(instance)
        await made.watch.begin()
        yield made


async def test_healthy_log_has_a_canary_each_minute_and_no_alarm(scene):
    for _ in range(30):
        await scene.call(3)
        assert await scene.passed(20) == set()
    kinds = [json.loads(header)["type"] for header in await scene.instance.headers()]
    assert 9 <= kinds.count("canary") <= 11
    assert await scene.alarms() == []
    gauges = scene.watch.gauges()
    assert gauges["canary_age_seconds"] <= CANARY_SECONDS
    assert not any(value for name, value in gauges.items() if name.startswith("alarm_"))


@pytest.mark.parametrize("fault", ["append", "swallow", "payload"])
async def test_lost_canary_is_seen_within_a_minute_and_recorded_when_it_can_be(scene, fault):
    await scene.passed(30)
    scene.between.fault = fault
    assert Alarm.CANARY in await scene.passed(SEEN_WITHIN_SECONDS)
    assert scene.watch.gauges()["alarm_canary"] == 1
    scene.between.fault = ""
    await scene.passed(10)
    assert Alarm.CANARY not in scene.watch.raised
    told = await scene.alarms()
    assert told == ([] if fault == "append" else [("raised", "canary"), ("cleared", "canary")])


async def test_alarm_that_could_not_be_recorded_is_recorded_when_it_still_stands(scene):
    scene.lag = STALE_SECONDS + 1
    scene.between.fault = "append"
    assert await scene.passed(10) >= {Alarm.WITNESS}
    assert await scene.alarms() == []
    scene.between.fault = ""
    await scene.passed(10)
    assert ("raised", "witness") in await scene.alarms()


@pytest.mark.parametrize("fault", ["skip", "altered"])
async def test_gap_is_seen_stays_and_names_its_place(scene, fault):
    await scene.call(4)
    await scene.passed(10)
    place = scene.watch.seen
    scene.between.fault = fault
    await scene.call(3)
    assert Alarm.GAP in await scene.passed(SEEN_WITHIN_SECONDS)
    scene.between.fault = ""
    assert Alarm.GAP in await scene.passed(10)
    entry = next(json.loads(h) for h in await scene.instance.headers() if b'"type":"alarm"' in h)
    assert entry["detail"]["entry"] >= place


async def test_call_without_a_request_record_is_seen(scene):
    await scene.call(5)
    assert await scene.passed(30) == set()
    scene.sent += 1  # something went upstream, and no record says so
    assert await scene.passed(SEEN_WITHIN_SECONDS) == {Alarm.UNRECORDED_CALL}
    entry = next(json.loads(h) for h in await scene.instance.headers() if b'"type":"alarm"' in h)
    assert (entry["detail"]["sent"], entry["detail"]["recorded"]) == (6, 5)


async def test_records_in_flight_are_no_alarm(scene):
    """A request is recorded before it is sent, so however the turns fall, what was sent is never ahead."""

    async def work():
        for _ in range(200):
            await scene.call()

    working = asyncio.create_task(work())
    stood = set()
    while not working.done():
        stood |= await scene.watch.turn()
    await working
    assert stood == set()
    await scene.watch.turn()
    assert (scene.watch.requests, scene.sent) == (200, 200)


async def test_witnesses_that_lag_and_a_ledger_that_does_not_answer(scene):
    scene.lag = STALE_SECONDS + 1
    assert await scene.passed(10) == {Alarm.WITNESS}
    scene.lag = 0.0
    assert await scene.passed(10) == set()
    assert await scene.alarms() == [("raised", "witness"), ("cleared", "witness")]
    scene.between.fault = "head"
    scene.sent += 1
    assert await scene.passed(20) == set()  # nothing is known, so nothing is claimed; the canary answers for the ledger


async def test_watch_that_nobody_turns_shows_its_age(scene):
    await scene.passed(10)
    scene.instance.clock.wall_us += 90 * 1_000_000
    assert scene.watch.gauges()["watch_age_seconds"] > SEEN_WITHIN_SECONDS
