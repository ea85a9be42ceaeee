"""`wardkeep demo` as a user runs it: it ends well only when every claim held, and a claim made false ends it badly."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.journeys.house import ZONE, today, wait_until, where

from wardkeep.demo.furnish import furnish
from wardkeep.demo.instance import Instance
from wardkeep.demo.story import IDENTIFIERS, NOTE, ClaimFalse, Story, _governed_call, _streamed_call
from wardkeep.demo.vendor import Received, SimulatorProcess

DEMO = (sys.executable, "-m", "wardkeep", "demo")
LONGEST_SECONDS = 120
CLAIMS = (
    "the agreement was recorded by one officer and activated by another",
    "the call was answered (200)",
    "the vendor received none of the 7 identifiers, in any field",
    "dates, ages, doses and laboratory values reached it unchanged",
    "the vendor was told not to store anything",
    "the right name is restored in the answer",
    "names the agreement that was checked (baa-northwind), the purpose and the decision",
    "the entry holds no identifier",
    "an officer can reveal it with a reason and a purpose, and that reading is itself an entry",
    "names are restored although every surrogate was cut into single bytes",
    "this vendor, too, received none of the identifiers",
    "the call is refused (403 baa_expired), with what, why and how to mend it",
    "the refusal echoes nothing of the prompt",
    "the refusal is in the ledger as well",
    "the vendor was not called",
    "entries verify against the signed head",
    "no identifier is in any file of the instance",
    "is found and named (first bad index",
)


@pytest.fixture(autouse=True)
def _fresh_vendor() -> None:
    """This file has instances of its own."""


def places(directory: Path) -> dict[str, str]:
    """An environment whose temporary files are in the directory."""
    return {**os.environ, "TMPDIR": str(directory)}


def test_it_tells_and_checks_every_claim_and_leaves_nothing_behind(tmp_path):
    done = subprocess.run(
        DEMO, capture_output=True, text=True, timeout=LONGEST_SECONDS, env=places(tmp_path), check=False
    )
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith("  [ok] ")]
    assert len(told) == len(CLAIMS)
    assert [claim for claim, line in zip(CLAIMS, told, strict=True) if claim not in line] == []
    assert "[FALSE]" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith(f"{len(told)} claims checked, all true, in ")
    assert list(tmp_path.iterdir()) == []


def test_an_identifier_left_in_the_instance_ends_it_badly(tmp_path):
    """The claim about the files is made false by what would make it false in life: a file with the note in it."""
    with subprocess.Popen(
        (*DEMO, "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=places(tmp_path)
    ) as running:
        homes = wait_until(lambda: list(tmp_path.glob("wardkeep-demo-*/home/wardkeep.toml")), seconds=60)
        (homes[0].parent / "run" / "forgotten").write_text(NOTE)
        said, complaint = running.communicate(timeout=LONGEST_SECONDS)
    assert running.returncode == 1
    assert "no identifier is in any file of the instance" in complaint
    assert not any(identifier in complaint for identifier in IDENTIFIERS)
    error = json.loads(said)["error"]
    assert error["code"] == "claim_false"
    assert list(tmp_path.iterdir()) == []


class Bypassed(SimulatorProcess):
    """A vendor that is also called around the gateway, by an application that was not moved behind it."""

    def seen(self) -> list[Received]:
        body = json.dumps({"model": "sim-echo", "messages": [{"role": "user", "content": NOTE}]}).encode()
        around_the_gateway(self, body)
        return super().seen()


def around_the_gateway(vendor: SimulatorProcess, body: bytes) -> None:
    import urllib.request

    request = urllib.request.Request(
        f"{vendor.openai_url}/chat/completions",
        data=body,
        headers={"authorization": f"Bearer {vendor.openai_key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("part", "claim"),
    [
        (_governed_call, "the vendor received none of the 7 identifiers, in any field"),
        (_streamed_call, "this vendor, too, received none of the identifiers"),
    ],
    ids=["whole", "streamed"],
)
def test_an_identifier_that_reaches_the_vendor_ends_it_badly(tmp_path, part, claim):
    """What the vendor received is asked of the vendor: a call around the gateway cannot be told away."""
    instance = Instance(home=tmp_path / "home")
    said: list[str] = []
    with Bypassed() as vendor:
        instance.init(zone=ZONE)
        with instance:
            key = furnish(instance, where(vendor), ["sim-echo"], today=today())
            with pytest.raises(ClaimFalse, match=claim):
                part(Story(said.append), instance, vendor, key)
    assert said[-1] == f"  [FALSE] {claim}"
