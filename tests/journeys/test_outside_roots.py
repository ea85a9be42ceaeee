"""An instance whose root key stays outside: it starts through the key holder, and serves without it."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.journeys.house import CHAT, ZONE, ask, check_ledger, text_of, today, where, workers_of
from tests.simulators import transit
from tests.simulators.roots import vault_process

from wardkeep.demo.furnish import furnish
from wardkeep.demo.instance import FIRST, Instance, InstanceError
from wardkeep.demo.vendor import SimulatorProcess

NOTE = "Patient Rosalind Okafor (MRN: 40718265) was seen for chest pain."


@pytest.fixture(autouse=True)
def _fresh_vendor() -> None:
    """This file has instances of its own."""


@pytest.fixture
def vendor() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as vendor:
        yield vendor


async def test_a_root_in_vault_is_needed_to_start_and_for_no_call(tmp_path, vendor):
    secret = {"CLINIC_VAULT_TOKEN": transit.TOKEN}
    with vault_process() as vault:
        instance = Instance(home=tmp_path / "home", environment=secret, workers=2, deadline_seconds=240.0)
        instance.init("--root", vault.root(), zone=ZONE)
        assert not (instance.home / "root.key").exists()
        with instance:
            key = furnish(instance, where(vendor), ["sim-echo"], today=today())
            for worker in workers_of(instance):
                if os.access(f"/proc/{worker}/environ", os.R_OK):
                    assert transit.TOKEN.encode() not in Path(f"/proc/{worker}/environ").read_bytes()
            asked = vault.tell()
            vault.stop()  # it hangs: connections are taken and nothing is answered
            for _ in range(3):
                answer = await ask(instance.data, key, CHAT, "sim-echo", NOTE)
                assert answer.status == 200
                assert NOTE in text_of(answer)
            assert instance.api(FIRST, "GET", "ledger/head")["size"] > answer.index
            await _rotate_while_calls_go_on(instance, key, before=answer.index)
            vault.resume()
            assert vault.tell() == asked  # nobody asked it for a call, nor for the epoch
        size = check_ledger(instance.home)
        vault.tell(mode="sealed")
        with pytest.raises(InstanceError, match="did not get ready") as refused:
            instance.start()
        text = str(refused.value)
        assert "status 503" in text
        assert "unseal" in text
        assert "Traceback" not in text
        assert transit.TOKEN not in text
        assert check_ledger(instance.home) == size
    files = [path for path in instance.home.rglob("*") if path.is_file()]
    assert [path.name for path in files if transit.TOKEN.encode() in path.read_bytes()] == []


async def _rotate_while_calls_go_on(instance: Instance, key: str, *, before: int) -> None:
    """No call fails while every worker takes the next epoch; what was sealed before is read, and so is what comes."""
    rotated = asyncio.Event()
    indices: list[int] = []

    async def call_on(number: int) -> None:
        left = 2
        while left:
            left -= rotated.is_set()
            answer = await ask(instance.data, key, CHAT, "sim-echo", f"{number}: {NOTE}")
            assert answer.status == 200
            indices.append(answer.index)

    calls = [asyncio.create_task(call_on(number)) for number in range(4)]
    try:
        done = await asyncio.to_thread(instance.api, FIRST, "POST", "root/rotate", {"reason": "yearly"})
    finally:
        rotated.set()
    await asyncio.gather(*calls)
    assert (done["epoch"], done["credentials"]) == ("e2", 2)
    last = max(indices)
    for index, epoch in ((before, "e1."), (last, "e2.")):
        header = instance.api(FIRST, "GET", f"ledger/entries?from={index}&to={index + 1}")["entries"][0]
        assert header["key"].startswith(epoch)
        opened = instance.api(FIRST, "POST", f"ledger/entries/{index}/open", {"reason": "r", "purpose": "HOPERAT"})
        assert "Okafor" in json.dumps(opened["content"])
