"""The operations port of an instance with two workers: what is counted adds up, and probes answer under load."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.journeys import house as at
from tests.journeys.house import CHAT, MESSAGES, House, ask, body_for, eventually, key_headers, line_to

CONNECTIONS = 32
LOAD_SECONDS = 2.0
PROBE_SECONDS = 1.0
FAMILIES = {
    "wardkeep_refused_calls": "counter",
    "wardkeep_answered_calls": "counter",
    "wardkeep_call_seconds": "histogram",
    "wardkeep_ledger_writable": "gauge",
    "wardkeep_facts_epoch": "gauge",
    **dict.fromkeys(
        (
            *("wardkeep_published_entries", "wardkeep_witnessed_entries", "wardkeep_witness_lag_seconds"),
            *("wardkeep_stamped_entries", "wardkeep_archived_entries"),
            *(
                "wardkeep_alarm_canary",
                "wardkeep_alarm_gap",
                "wardkeep_alarm_unrecorded_call",
                "wardkeep_alarm_witness",
                "wardkeep_alarm_break_glass",
                "wardkeep_alarm_emergency",
                "wardkeep_spooled_appends",
            ),
            *("wardkeep_alarm_sink", "wardkeep_sink_lag_entries", "wardkeep_sink_lag_seconds"),
            *("wardkeep_index_entries", "wardkeep_index_rebuilt"),
            *("wardkeep_canary_age_seconds", "wardkeep_watch_age_seconds"),
        ),
        "gauge",
    ),
}
NOTE = "Patient Rosalind Okafor (MRN: 40718265) was seen for chest pain."


@pytest.fixture(autouse=True)
def _fresh_vendor() -> None:
    """This file has a house of its own."""


@pytest.fixture
def ward(request) -> House:
    return at.shared_house(request.config, 2)


Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(ward: House) -> Samples:
    status, text = ward.operations("/metrics")
    assert status == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def count(found: Samples, name: str, labels: Mapping[str, str]) -> float:
    return found.get((name, tuple(sorted(labels.items()))), 0.0)


async def test_the_families_are_there_and_name_nothing_that_was_sent(ward):
    await ask(ward.instance.data, ward.api_key, CHAT, "sim-echo", NOTE)
    await eventually(lambda: b"wardkeep_call_seconds_bucket" in ward.operations("/metrics")[1])
    text = ward.operations("/metrics")[1].decode()
    assert {family.name: family.type for family in text_string_to_metric_families(text)} == FAMILIES
    assert {name for found in samples(ward) for name, _ in found[1]} <= {"reason", "status", "endpoint", "le"}
    assert not [each for each in ("Okafor", "40718265", ward.api_key, "sim-echo") if each in text]
    assert count(samples(ward), "wardkeep_ledger_writable", {}) == 1.0


@pytest.fixture
def own_ward() -> Iterator[House]:
    """A house nobody called before: workers report once a second, so others' last counts would come late."""
    with at.house("sim-echo", "sim-error-429", workers=2) as house:
        yield house


async def test_counts_add_up_over_the_workers(own_ward):
    """Each call on a connection of its own, so that the kernel spreads them over both workers."""
    ward = own_ward
    before = samples(ward)
    key, url = ward.api_key, ward.instance.data
    calls = [ask(url, key, CHAT, "sim-echo", NOTE) for _ in range(12)]
    calls += [ask(url, key, MESSAGES, "sim-echo", NOTE, stream=True) for _ in range(8)]
    calls += [ask(url, key, CHAT, "sim-error-429", NOTE) for _ in range(5)]
    calls += [ask(url, key, CHAT, "not-routed", NOTE) for _ in range(7)]
    calls += [ask(url, "wk_live_unknown_key", CHAT, "sim-echo", NOTE) for _ in range(4)]
    answers = await asyncio.gather(*calls)
    refused = [answer.code for answer in answers if answer.status in {401, 403, 404}]
    wanted = {
        ("wardkeep_answered_calls_total", ("status", "200")): 20,
        ("wardkeep_answered_calls_total", ("status", "429")): 5,
        ("wardkeep_call_seconds_count", ("endpoint", CHAT)): 28,
        ("wardkeep_call_seconds_count", ("endpoint", MESSAGES)): 8,
        ("wardkeep_refused_calls_total", ("reason", str(answers[25].code))): 7,
        ("wardkeep_refused_calls_total", ("reason", str(answers[-1].code))): 4,
    }
    assert len(refused) == 11

    def added() -> dict[tuple[str, tuple[str, str]], float]:
        now = samples(ward)
        return {
            (name, label): count(now, name, dict([label])) - count(before, name, dict([label]))
            for name, label in wanted
        }

    await eventually(lambda: added() == wanted, seconds=30)
    # The buckets of a histogram are cumulative, and the widest holds every call.
    found = samples(ward)
    widest = count(found, "wardkeep_call_seconds_bucket", {"endpoint": CHAT, "le": "+Inf"})
    assert widest == count(found, "wardkeep_call_seconds_count", {"endpoint": CHAT})
    assert count(found, "wardkeep_call_seconds_bucket", {"endpoint": CHAT, "le": "60.0"}) <= widest


def test_probes_are_on_their_own_port_only(ward):
    assert ward.operations("/livez") == (200, b'{"live":true}')
    status, body = ward.operations("/readyz")
    assert (status, json.loads(body)) == (200, {"ready": True, "missing": []})
    assert ward.operations("/v1/models")[0] == 404
    assert ward.operations("/api/agreements")[0] == 404
    for path in ("/livez", "/readyz", "/metrics"):
        assert at.fetch(ward.instance.data + path)[0] == 404
        assert at.fetch(ward.instance.console + path)[0] in {401, 404}


async def test_probes_answer_under_load(ward):
    ended = threading.Event()
    slowest: dict[str, float] = {}

    def probe() -> None:
        """From a thread, as a load balancer would: it does not wait for the calls."""
        while not ended.is_set():
            for path in ("/livez", "/readyz", "/metrics"):
                begun = time.monotonic()
                status, _ = ward.operations(path)
                assert status == 200
                slowest[path] = max(slowest.get(path, 0.0), time.monotonic() - begun)

    async def load(until: float) -> int:
        done = 0
        async with line_to(ward.instance.data) as line:
            while time.monotonic() < until:
                answer = await line.ask(
                    "POST", CHAT, key_headers(ward.api_key), body_for(CHAT, "sim-echo", NOTE, stream=done % 2 == 1)
                )
                assert answer.status == 200
                done += 1
        return done

    probing = asyncio.get_running_loop().run_in_executor(None, probe)
    try:
        until = time.monotonic() + LOAD_SECONDS
        done = await asyncio.gather(*(load(until) for _ in range(CONNECTIONS)))
    finally:
        ended.set()
        await probing
    assert min(done) > 0
    assert set(slowest) == {"/livez", "/readyz", "/metrics"}
    assert max(slowest.values()) < PROBE_SECONDS, slowest
