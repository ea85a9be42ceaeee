"""A served instance with two workers sends its record; its receiver dies, is seen within 60 s, and misses nothing."""

import asyncio
import json
import time

import pytest
from tests.journeys import house as at
from tests.journeys.house import CHAT, ask, wait_until
from tests.simulators.syslog_process import receiving

from wardkeep.demo.furnish import AGREEMENTS


@pytest.fixture(autouse=True)
def _fresh_vendor() -> None:
    """This file has a house of its own."""


def entries_in(receiver):
    headers = [json.loads(each)["header"] for each in receiver.contents()]
    return {each["index"] for each in headers if (each.get("detail") or {}).get("action") != "sink_canary"}


@pytest.mark.slow
def test_a_receiver_that_dies_is_seen_within_a_minute_and_misses_nothing(tmp_path):
    with at.house("sim-echo", workers=2) as ward, receiving(ward.instance.home / "receiver") as receiver:
        form = {
            "id": "siem", "format": "jsonl", "host": "127.0.0.1", "port": receiver.port, "start": 0,
            "agreement": next(iter(AGREEMENTS.values())), "region": "us-test-1", "authority": "receiver/ca.crt",
            "reason": "test",
        }  # fmt: skip
        ward.officer("POST", "sinks", form)

        def call(content):
            return asyncio.run(ask(ward.instance.data, ward.api_key, CHAT, "sim-echo", content)).status

        assert call("hello") == 200
        wait_until(lambda: entries_in(receiver) >= set(range(ward.size())))
        receiver.kill()
        died = time.monotonic()
        call("hello again")

        def alarm():
            return b"wardkeep_alarm_sink 1.0" in ward.operations("/metrics")[1]

        wait_until(alarm, seconds=90)
        assert time.monotonic() - died <= 60
        receiver.start()
        wait_until(lambda: not alarm(), seconds=60)
        wait_until(lambda: entries_in(receiver) >= set(range(ward.size())))
        (shown,) = ward.officer("GET", "sinks")["sinks"]
        assert not shown["is_failing"]
