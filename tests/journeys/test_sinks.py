"""A served instance with two workers sends its record; its receiver dies, is seen within 60 s, and misses nothing."""

import asyncio
import json
import time
from datetime import UTC, datetime

import pytest
from tests.journeys import house as at
from tests.journeys.house import CHAT, ask, wait_until
from tests.simulators.syslog_process import receiving

from wardkeep.demo.furnish import scope
from wardkeep.demo.instance import SECOND


@pytest.fixture(autouse=True)
def _fresh_vendor() -> None:
    """This file has a house of its own."""


def entries_in(receiver):
    headers = [json.loads(each)["header"] for each in receiver.contents()]
    return {each["index"] for each in headers if (each.get("detail") or {}).get("action") != "sink_canary"}


@pytest.mark.slow
def test_a_receiver_that_dies_is_seen_within_a_minute_and_misses_nothing(tmp_path):
    with at.house("sim-echo", workers=2) as ward, receiving(ward.instance.home / "receiver") as receiver:
        covers = scope(["none"], platform="syslog", endpoints=["syslog:127.0.0.1"])
        agreed = {
            "id": "baa-siem", "kind": "baa", "vendor": "siem", "party": "Siem Example, Inc.", "scopes": [covers],
            "document_sha256": "ab" * 32, "effective_on": datetime.now(UTC).date().isoformat(), "expires_on": None,
            "reason": "test",
        }  # fmt: skip
        ward.officer("POST", "vendors", {"id": "siem", "party": "Siem Example, Inc.", "reason": "test"})
        ward.officer("POST", "agreements", agreed)
        ward.officer("POST", "agreements/baa-siem/activate", {"reason": "test"}, officer=SECOND)
        form = {
            "id": "siem", "format": "jsonl", "host": "127.0.0.1", "port": receiver.port, "start": 0,
            "agreement": "baa-siem", "party": "Siem Example, Inc.", "region": "us-test-1",
            "authority": "receiver/ca.crt", "reason": "test",
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
