"""Sinks with a real ledger and a real receiver process: nothing is lost, and a dead one is seen."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.simulators.syslog_process import receiving
from tests.unit.compliance.calls import called
from tests.unit.compliance.instance import found, keyring, running
from tests.unit.compliance.organisation import SINK_AGREEMENT, SINK_SCOPE, working_registry

from wardkeep.app.sinks import Sinks
from wardkeep.audit.formats import Producer
from wardkeep.compliance.records import Change, Kind
from wardkeep.model.registry import AgreementStatus
from wardkeep.model.sink import ExportFormat, Sink
from wardkeep.settings import clock

PATIENCE_SECONDS = 30.0
HERE = replace(SINK_SCOPE, endpoints=frozenset({"syslog:127.0.0.1"}))
COVERED = replace(SINK_AGREEMENT, scopes=(HERE,))
RING = keyring()


def sink(port, **fields):
    given = Sink(
        id="siem", format=ExportFormat.JSONL, host="127.0.0.1", port=port, agreement="baa-siem", region="us", start=0,
        authority="receiver/ca.crt", party=COVERED.party, added_by="privacy",
    )  # fmt: skip
    return replace(given, **fields)


@asynccontextmanager
async def house(tmp_path, port, **fields):
    tmp_path.mkdir(exist_ok=True)
    async with running(tmp_path, RING) as instance:
        if not instance.control.registry.people:
            await found(instance, working_registry(agreements={"baa-siem": COVERED}))
            await put(instance, Change(kind=Kind.SINKS, id="siem", record=sink(port, **fields)))
        lines = []
        sinks = Sinks(
            ledger=instance.ledger,
            entries=instance.entries,
            registry=lambda: instance.control.registry,
            clock=clock,
            home=tmp_path,
            producer=Producer(log="ledger.example/test", version="0"),
            log=lambda event, **told: lines.append(event),
            canary_seconds=0.3,
            alarm_seconds=2.0,
        )
        try:
            yield instance, sinks, lines
        finally:
            await sinks.close()


async def put(instance, *changes):
    await instance.control.change(by="person:privacy", action="test", reason="as told", plan=lambda _: changes)


async def until(sinks, holds):
    """Turn until it holds, or patience ends."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await sinks.turn()
            await asyncio.sleep(0.02)


def entries_in(receiver):
    """The entries that came, canaries of the way left out."""
    headers = [json.loads(each)["header"] for each in receiver.contents()]
    return [each for each in headers if (each.get("detail") or {}).get("action") != "sink_canary"]


async def test_what_is_recorded_arrives_whole_and_in_order(tmp_path):
    with receiving(tmp_path / "receiver") as receiver:
        async with house(tmp_path, receiver.port) as (instance, sinks, _):
            for _ in range(20):
                await called(instance, "subject-1")
            size = (await instance.ledger.head()).size
            await until(sinks, lambda: len(entries_in(receiver)) >= size)
            stored = [json.loads(header) for header in await instance.headers()]
            assert entries_in(receiver) == stored
            await until(sinks, lambda: sinks.ways["siem"].cursor == size)
            assert sinks.gauges()["sink_lag_entries"] == 0
            assert not any("subject-1" in each for each in receiver.taken())
        async with house(tmp_path, receiver.port) as (instance, sinks, _):
            await called(instance, "subject-1")
            await until(sinks, lambda: len(entries_in(receiver)) >= size + 2)
            assert [each["index"] for each in entries_in(receiver)] == list(range(size + 2))  # nothing came twice


async def test_a_sink_that_dies_is_an_alarm_and_loses_nothing(tmp_path):
    with receiving(tmp_path / "receiver") as receiver:
        async with house(tmp_path, receiver.port) as (instance, sinks, lines):
            await until(sinks, lambda: sinks.ways.get("siem") and sinks.ways["siem"].cursor == sinks.size > 0)
            receiver.kill()
            for _ in range(3):
                await called(instance, "s")
            await until(sinks, lambda: lines == ["sink_failing"])
            assert sinks.gauges()["alarm_sink"] == 1
            assert sinks.standing("siem")["is_failing"]
            receiver.start()
            await until(sinks, lambda: lines == ["sink_failing", "sink_recovered"])
            size = (await instance.ledger.head()).size
            await until(sinks, lambda: sinks.ways["siem"].cursor >= size)
            assert {each["index"] for each in entries_in(receiver)} >= set(range(size))
            told = [json.loads(header) for header in await instance.headers()]
            alarms = [each for each in told if each["type"] == "alarm"]
            assert [(each["decision"], each["detail"]["sink"]) for each in alarms] == [
                ("raised", "siem"), ("cleared", "siem"),
            ]  # fmt: skip
            assert sinks.gauges()["alarm_sink"] == 0


async def test_kills_at_any_moment_lose_nothing(tmp_path):
    with receiving(tmp_path / "receiver") as receiver:
        async with house(tmp_path, receiver.port) as (instance, sinks, _):
            for round_number in range(6):
                for _ in range(4):
                    await called(instance, "s")
                await sinks.turn()
                await asyncio.sleep(0.01 * round_number)
                receiver.kill()
                receiver.start()
            size = (await instance.ledger.head()).size
            await until(sinks, lambda: sinks.ways["siem"].cursor >= size)
            assert {each["index"] for each in entries_in(receiver)} >= set(range(size))


async def test_it_delivers_while_every_shared_thread_hangs(tmp_path):
    """A hung disk elsewhere holds the loop's own threads; the record goes out all the same."""
    gone = threading.Event()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    with receiving(tmp_path / "receiver") as receiver:
        async with house(tmp_path, receiver.port) as (instance, sinks, _):
            hung = asyncio.get_running_loop().run_in_executor(None, gone.wait)
            try:
                size = (await instance.ledger.head()).size
                await until(sinks, lambda: len(entries_in(receiver)) >= size)
                assert not hung.done()
            finally:
                gone.set()
                await hung


async def test_entries_are_rendered_away_from_the_loop(tmp_path):
    where = set()

    class Noting:
        """A producer that notes which thread writes with it."""

        version = "0"

        @property
        def log(self):
            where.add(threading.current_thread() is threading.main_thread())
            return "ledger.example/test"

    with receiving(tmp_path / "receiver") as receiver:
        async with house(tmp_path, receiver.port, format=ExportFormat.FHIR) as (_, sinks, _):
            sinks.producer = Noting()
            await until(sinks, lambda: sinks.ways.get("siem") and sinks.ways["siem"].cursor == sinks.size > 0)
    assert where == {False}


async def test_a_quiet_sink_gets_canaries(tmp_path):
    with receiving(tmp_path / "receiver") as receiver:
        async with house(tmp_path, receiver.port) as (_, sinks, lines):
            before = 0

            def canaries():
                return len(receiver.taken()) - len(entries_in(receiver))

            await until(sinks, lambda: canaries() >= before + 3)
            assert lines == []


@pytest.mark.parametrize("end", ["suspended", "other region"])
async def test_nothing_is_sent_once_no_agreement_covers_it(tmp_path, end):
    with receiving(tmp_path / "receiver") as receiver:
        async with house(tmp_path, receiver.port) as (instance, sinks, lines):
            await until(sinks, lambda: sinks.ways.get("siem") and sinks.ways["siem"].cursor == sinks.size > 0)
            held = replace(COVERED, status=AgreementStatus.SUSPENDED)
            if end == "other region":
                held = replace(COVERED, scopes=(replace(HERE, regions=frozenset({"eu"})),))
            await put(instance, Change(kind=Kind.AGREEMENTS, id="baa-siem", record=held))
            seen = len(entries_in(receiver))
            await until(sinks, lambda: "sink_refused" in lines)
            await called(instance, "s")
            await until(sinks, lambda: "sink_failing" in lines)
            assert len(entries_in(receiver)) == seen
            await put(instance, Change(kind=Kind.AGREEMENTS, id="baa-siem", record=COVERED))
            await until(sinks, lambda: len(entries_in(receiver)) > seen)
            assert "sink_permitted" in lines


async def test_a_removed_sink_gets_nothing_more(tmp_path):
    with receiving(tmp_path / "receiver") as receiver:
        async with house(tmp_path, receiver.port) as (instance, sinks, _):
            await until(sinks, lambda: sinks.ways.get("siem") and sinks.ways["siem"].cursor == sinks.size > 0)
            gone = replace(instance.control.registry.sinks["siem"], removed_by="privacy")
            await put(instance, Change(kind=Kind.SINKS, id="siem", record=gone))
            await sinks.turn()
            assert sinks.ways == {}
            assert sinks.standing("siem")["cursor"] is None
