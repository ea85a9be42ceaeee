"""Budgets where calls are ordered: held there for all workers, counted from the ledger, and again after a restart."""

import asyncio

import pytest
from tests.unit.compliance.instance import founding_changes, keyring, running
from tests.unit.compliance.test_spending import HELD, budget

from wardkeep.app.budgeting import Budgets, keep_budgets
from wardkeep.app.gathering import Wanted
from wardkeep.app.keeper import LocalSequencer
from wardkeep.audit.entry import decode
from wardkeep.compliance.records import Change, Kind
from wardkeep.crypto.keys import data_keys
from wardkeep.gateway.limits import Limits
from wardkeep.gateway.record import Admission, Recorder
from wardkeep.gateway.subjects import SubjectCache
from wardkeep.model.reasons import Reason, RefusalError


class Nobody:
    def note(self, key, wall_us):
        pass


class Desk:
    """The sequencer of an instance with budgets, and drafts as workers make them."""

    def __init__(self, instance, ring):
        self.instance = instance
        self.budgets = Budgets(ledger=instance.ledger, registry=lambda: instance.control.registry)
        instance.control.on_change(self.budgets.follow)
        self.sequencer = LocalSequencer(
            ledger=instance.ledger,
            subjects=instance.shredder.subjects,
            limits=Limits(),
            clock=instance.clock,
            last_use=Nobody(),
            budgets=self.budgets,
        )
        self.keys = data_keys(ring)
        cache = SubjectCache(keys=self.keys)
        self.recorder = Recorder(sequencer=None, keys=self.keys, subjects=cache, owner="worker", clock=instance.clock)

    async def set(self, *budgets):
        changes = [Change(kind=Kind.BUDGETS, id=each.id, record=each) for each in budgets]
        await self.instance.control.change(by="host", action="test", reason="as told", plan=lambda _: changes)

    async def call(self, key="k1", *, tokens=0, person="", is_emergency=False, asked=b"asked"):
        """Take one call in and close it; return why it was not taken in, or None."""
        header = {"actor": f"key:{key}", "workspace": "default", "deployment": "d1", "detail": {"person": person}}
        name = self.recorder.new_id()
        begun = self.recorder._draft("request", name, header, asked, self.keys)
        admission = Admission(
            key=key, calls_per_minute=10**6, calls_at_once=10**4, person=person, workspace="default",
            is_emergency=is_emergency,
        )  # fmt: skip
        (outcome,) = await self.sequencer.append_each([Wanted([begun], admission, None)])
        if isinstance(outcome, RefusalError):
            return outcome.refused.reason
        assert not isinstance(outcome, Exception)
        told = {} if tokens is None else {"tokens_in": tokens, "tokens_out": 0}
        ending = {"parent": name.hex(), "decision": "answered", **told}
        ended = self.recorder._draft("response", self.recorder.new_id(), ending, b"said", self.keys, closes=name)
        (outcome,) = await self.sequencer.append_each([Wanted([ended], None, None)])
        assert not isinstance(outcome, Exception)
        return None

    def used(self, name="b1"):
        standing = self.budgets.standing(self.instance.control.registry.budgets[name], self.instance.clock())
        return None if standing is None else standing[0].tokens


@pytest.fixture
def ring():
    return keyring()


async def founded(desk):
    changes = [
        *founding_changes(HELD),
        *(Change(kind=Kind.KEYS, id=name, record=each) for name, each in HELD.keys.items()),
    ]
    await desk.instance.control.change(by="host", action="test", reason="as told", plan=lambda _: changes)


async def test_a_used_up_budget_closes_the_road_for_its_holder_alone(tmp_path, ring):
    async with running(tmp_path, ring) as instance:
        desk = Desk(instance, ring)
        await founded(desk)
        await desk.set(budget(tokens=100))
        # Nothing is known yet: what is not known is not taken for nothing.
        assert await desk.call() is Reason.BUDGET_COUNTING
        assert await desk.call("k3") is None
        await desk.budgets.count(instance.clock())
        assert await desk.call(tokens=99) is None
        assert await desk.call("k2", tokens=1) is None
        assert desk.used() == 100
        for name in ("k1", "k2"):
            assert await desk.call(name) is Reason.BUDGET_EXHAUSTED
        assert await desk.call("k3", tokens=5) is None
        # Who treats in an emergency is counted, and not held up.
        assert await desk.call(tokens=7, is_emergency=True) is None
        assert desk.used() == 107
        await desk.set(budget(tokens=1000))
        assert await desk.call() is None


async def test_the_sums_are_the_ledgers_whoever_counts_and_when(tmp_path, ring):
    async with running(tmp_path, ring) as instance:
        desk = Desk(instance, ring)
        await founded(desk)
        await desk.call(tokens=40)  # before there is any budget
        await desk.set(budget(tokens=10**6))
        await desk.budgets.count(instance.clock())
        await desk.call(tokens=2)
        assert desk.used() == 42
    async with running(tmp_path, ring) as instance:
        again = Desk(instance, ring)
        assert again.used() is None
        # Calls go on while it is counted; each counts once.
        counting = asyncio.create_task(again.budgets.count(instance.clock()))
        refused = [await again.call("k3", tokens=1) for _ in range(5)]
        await counting
        assert again.used() == 42
        await again.call(tokens=3)
        assert again.used() == 45
        assert refused == [None] * 5
        third = Desk(instance, ring)
        await third.budgets.count(instance.clock())
        assert third.budgets.spending.days == again.budgets.spending.days


async def test_a_repetitive_call_without_a_count_is_charged_for_its_text_and_not_for_its_disk(tmp_path, ring):
    async with running(tmp_path, ring) as instance:
        desk = Desk(instance, ring)
        await founded(desk)
        await desk.set(budget(tokens=200_000))
        await desk.budgets.count(instance.clock())
        assert await desk.call(tokens=None, asked=b"again and " * 100_000) is None
        assert desk.used() >= 500_000
        assert await desk.call() is Reason.BUDGET_EXHAUSTED


async def test_calls_of_a_process_that_died_count_at_once_as_they_do_when_counted_again(tmp_path, ring):
    async with running(tmp_path, ring) as instance:
        desk = Desk(instance, ring)
        await founded(desk)
        await desk.set(budget(tokens=10**6))
        await desk.budgets.count(instance.clock())
        header = {"actor": "key:k1", "workspace": "default", "deployment": "d1"}
        name = desk.recorder.new_id()
        begun = desk.recorder._draft("request", name, header, b"again and " * 1000, desk.keys)
        admission = Admission(key="k1", calls_per_minute=10**6, calls_at_once=1, workspace="default")
        await desk.sequencer.append_each([Wanted([begun], admission, None)])
        await desk.sequencer.close_all_of("worker")
        assert desk.used() >= 5000
        again = Desk(instance, ring)
        await again.budgets.count(instance.clock())
        assert again.used() == desk.used()


async def test_that_a_budget_is_nearly_used_is_told_once_and_on_record(tmp_path, ring):
    async with running(tmp_path, ring) as instance:
        desk, told = Desk(instance, ring), asyncio.Event()
        await founded(desk)
        stopping, lines = asyncio.Event(), []

        def log(event, **fields):
            lines.append((event, fields))
            told.set()

        keeping = asyncio.create_task(
            keep_budgets(desk.budgets, instance.control, instance.clock, stopping=stopping, log=log, look_seconds=0.001)
        )
        await desk.set(budget(tokens=100))
        await asyncio.wait_for(until(lambda: desk.used() == 0), 60)
        await desk.call(tokens=80)
        await asyncio.wait_for(told.wait(), 60)
        await asyncio.wait_for(until(lambda: instance.control.registry.budgets["b1"].told_percent == 80), 60)
        stopping.set()
        await asyncio.wait_for(keeping, 60)
        assert lines == [("budgets_told", {"count": 1})]
        entries = [decode(each) for each in await instance.headers()]
        (entry,) = [each for each in entries if (each.detail or {}).get("action") == "budget.tell"]
        assert (entry.actor, entry.detail["note"]) == ("host", "used_80_percent")


async def until(holds):
    while not holds():
        await asyncio.sleep(0)
