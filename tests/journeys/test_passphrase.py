"""An instance whose root key is derived from a passphrase that only the environment of the keeper holds."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.journeys.house import CHAT, ZONE, ask, check_ledger, text_of, today, where, workers_of

from wardkeep.demo.furnish import furnish
from wardkeep.demo.instance import FIRST, Instance, InstanceError
from wardkeep.demo.vendor import SimulatorProcess

VARIABLE = "CLINIC_PASSPHRASE"
RIGHT = "harbour lantern oatmeal trellis"
WRONG = "harbour lantern oatmeal trestle"
NAME = "Rosalind Okafor"
NOTE = f"Patient {NAME} (MRN: 40718265) was seen for chest pain."


@pytest.fixture(autouse=True)
def _fresh_vendor() -> None:
    """This file has instances of its own."""


@pytest.fixture
def vendor() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as vendor:
        yield vendor


@pytest.fixture
def instance(tmp_path) -> Iterator[Instance]:
    instance = Instance(home=tmp_path / "home", environment={VARIABLE: RIGHT})
    instance.init("--root", f"passphrase-env:{VARIABLE}", zone=ZONE)
    yield instance
    instance.stop()


def with_passphrase(instance: Instance, environment: dict[str, str], *, workers: int = 1) -> Instance:
    return Instance(home=instance.home, environment=environment, workers=workers)


async def call(instance: Instance, key: str) -> int:
    answer = await ask(instance.data, key, CHAT, "sim-echo", NOTE)
    assert answer.status == 200
    assert NOTE in text_of(answer)
    assert answer.index is not None
    return answer.index


async def test_calls_before_and_after_a_restart(instance, vendor):
    instance.start()
    key = furnish(instance, where(vendor), ["sim-echo"], today=today())
    first = await call(instance, key)
    assert instance.stop() == 0

    instance.start()
    second = await call(instance, key)
    assert second > first
    # What was sealed before the restart can be read after it: the same root opened the same keys.
    opened = instance.api(FIRST, "POST", f"ledger/entries/{first}/open", {"reason": "review", "purpose": "HOPERAT"})
    assert NAME in json.dumps(opened["content"])
    assert instance.stop() == 0
    assert check_ledger(instance.home) > second
    assert not any(NAME.encode() in body for body in (each.body for each in vendor.seen()))


@pytest.mark.parametrize("environment", [{VARIABLE: WRONG}, {VARIABLE: ""}], ids=["wrong", "empty"])
def test_another_passphrase_opens_nothing_and_harms_nothing(instance, environment):
    before = check_ledger(instance.home)
    refused = with_passphrase(instance, environment)
    with pytest.raises(InstanceError, match="did not get ready") as told:
        refused.start()
    assert "Traceback" not in str(told.value)
    assert "doctor" in str(told.value)
    assert WRONG not in str(told.value)
    assert check_ledger(instance.home) == before

    instance.start()
    assert instance.api(FIRST, "GET", "ledger/head")["size"] == before + 1  # its own start, and nothing of the attempts


def test_the_passphrase_is_in_no_file_and_there_is_no_key_file(instance):
    instance.start()
    assert instance.api(FIRST, "GET", "ledger/head")["size"] > 0
    instance.stop()
    files = [path for path in instance.home.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert [path.name for path in files if RIGHT.encode() in path.read_bytes()] == []
    assert not (instance.home / "root.key").exists()


@pytest.mark.parametrize("passphrase", ["", "short", "fifteen letters"])
def test_a_passphrase_that_can_be_guessed_makes_no_home(tmp_path, passphrase):
    instance = Instance(home=tmp_path / "home", environment={VARIABLE: passphrase})
    with pytest.raises(InstanceError, match="16 characters"):
        instance.init("--root", f"passphrase-env:{VARIABLE}", zone=ZONE)
    assert list(tmp_path.iterdir()) == []


def test_workers_do_not_hold_the_passphrase(instance):
    """The keeper alone holds the root (DESIGN section 2); a worker that is taken over must not be able to derive it."""
    keeper = with_passphrase(instance, {VARIABLE: RIGHT}, workers=2)
    with keeper:
        workers = workers_of(keeper)
        assert len(workers) == 2
        if not os.access(f"/proc/{workers[0]}/environ", os.R_OK):
            pytest.skip("the environment of a hardened process can be read by root only")
        held = [RIGHT.encode() in Path(f"/proc/{pid}/environ").read_bytes() for pid in workers]
    assert held == [False, False]
