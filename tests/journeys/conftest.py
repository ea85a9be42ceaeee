"""One real instance for all journeys: init, serve, two simulated vendors, agreements, routes and a key."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from wardkeep.demo.vendor import SimulatorProcess

from wardkeep.demo.furnish import Vendors, furnish
from wardkeep.demo.instance import Instance

ZONE = "America/New_York"
MODELS = (
    "sim-echo", "sim-tools", "sim-json", "sim-think", "sim-think-tools", "sim-long", "sim-count", "sim-slow", "sim-drop",
    "sim-garbage", "sim-error-400", "sim-error-401", "sim-error-403", "sim-error-404", "sim-error-429", "sim-error-500",
    "sim-error-503", "sim-error-529", "sim-error-stream",
)  # fmt: skip


@dataclass(frozen=True)
class Gateway:
    """A running instance, its vendor, and a key that may use every simulated model for treatment."""

    url: str
    api_key: str
    instance: Instance
    vendor: SimulatorProcess


@pytest.fixture(scope="session")
def gateway() -> Iterator[Gateway]:
    with tempfile.TemporaryDirectory() as directory, SimulatorProcess() as vendor:
        instance = Instance(home=Path(directory) / "home", workers=int(os.environ.get("WARDKEEP_TEST_WORKERS", "1")))
        instance.init(zone=ZONE)
        with instance:
            where = Vendors(
                openai_url=vendor.openai_url,
                anthropic_url=vendor.url,
                openai_key=vendor.openai_key,
                anthropic_key=vendor.anthropic_key,
            )
            today = datetime.now(UTC).astimezone(ZoneInfo(ZONE)).date()
            key = furnish(instance, where, MODELS, today=today)
            yield Gateway(url=instance.data, api_key=key, instance=instance, vendor=vendor)


@pytest.fixture(autouse=True)
def _fresh_vendor(gateway: Gateway) -> None:
    gateway.vendor.reset()
