"""One real instance for all journeys: init, serve, two simulated vendors, agreements, routes and a key."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from wardkeep.demo.furnish import Vendors, furnish
from wardkeep.demo.instance import Instance
from wardkeep.demo.vendor import SimulatorProcess

ZONE = "America/New_York"
MODELS = tuple(
    f"sim-{name}"
    for name in (
        *("echo", "tools", "json", "think", "think-tools", "long", "count", "slow", "drop", "garbage"),
        *(f"error-{status}" for status in (400, 401, 403, 404, 429, 500, 503, 529, "stream")),
    )
)


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
