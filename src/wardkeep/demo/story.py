"""The demonstration: one governed call end to end. Every claim it prints, it checks; a false one ends it with an error.

A real instance, a real simulated vendor in a process of its own, real bytes: what the vendor received is asked of the
vendor, not of the gateway; the ledger is verified by the offline verifier; the clock is set ahead for a restarted
instance to show an expired agreement.
"""

import json
import re
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from wardkeep.audit.verify import verify
from wardkeep.demo.furnish import Vendors, furnish
from wardkeep.demo.instance import SECOND, Instance
from wardkeep.demo.vendor import SimulatorProcess

ZONE: Final = "America/New_York"
DAYS_AHEAD: Final = 40
IDENTIFIERS: Final = (
    "Rosalind Okafor",
    "Okafor",
    "555-201-7788",
    "524-71-3345",
    "MRN 40718265",
    "40718265",
    "r.okafor@example.org",
)
NOTE: Final = (
    "Patient Rosalind Okafor (MRN 40718265, SSN 524-71-3345), 62 y/o, called from 555-201-7788; "
    "mail r.okafor@example.org. Seen 03/14/2026 for Parkinson disease; carbidopa-levodopa 25-100 mg TID continued. "
    "Ms. Okafor reports fewer falls. Cr 1.1, K 4.2. Summarise for the care team."
)
KEPT: Final = ("03/14/2026", "62 y/o", "Parkinson", "carbidopa-levodopa 25-100 mg", "Cr 1.1")
_TOKEN: Final = re.compile(r"\[[A-Z_]+-[0-9a-z.]+\]")


class ClaimFalse(Exception):  # noqa: N818 - named for the state found
    """A claim of the demonstration did not hold. Nobody should rely on this build."""


@dataclass(slots=True)
class Story:
    """Tells and checks. `say` prints a line."""

    say: Callable[[str], None] = print
    checked: int = 0
    started: float = field(default_factory=time.monotonic)

    def heading(self, text: str) -> None:
        """Print a part's heading."""
        self.say(f"\n{text}")

    def claim(self, text: str, holds: object) -> None:
        """Print a claim that holds.

        Raises:
            ClaimFalse: it does not.
        """
        if not holds:
            self.say(f"  [FALSE] {text}")
            raise ClaimFalse(text)
        self.checked += 1
        self.say(f"  [ok] {text}")


def tell(say: Callable[[str], None] = print) -> None:
    """Run the whole demonstration.

    Raises:
        ClaimFalse: a claim did not hold.
    """
    story = Story(say)
    with tempfile.TemporaryDirectory(prefix="wardkeep-demo-") as directory:
        home = Path(directory) / "home"
        say("Wardkeep demonstration: everything below runs in real processes on this machine; no network is used.")
        today = datetime.now(UTC).astimezone(ZoneInfo(ZONE)).date()
        last_day = today + timedelta(days=DAYS_AHEAD - 1)
        with SimulatorProcess() as vendor:
            instance = Instance(home=home)
            key = _set_up(story, instance, vendor, today, last_day)
            with _running(instance):
                _governed_call(story, instance, vendor, key)
                _streamed_call(story, instance, vendor, key)
            _expired(story, home, vendor, key, last_day)
        _ledger(story, home, Path(directory))
    say(f"\n{story.checked} claims checked, all true, in {time.monotonic() - story.started:.1f} s.")


@contextmanager
def _running(instance: Instance) -> Iterator[None]:
    try:
        yield
    finally:
        instance.stop()


def _set_up(story: Story, instance: Instance, vendor: SimulatorProcess, today: date, last_day: date) -> str:
    story.heading("1. An organisation with two officers, and a vendor with a business associate agreement")
    instance.init(zone=ZONE)
    instance.start()
    where = Vendors(
        openai_url=vendor.openai_url,
        anthropic_url=vendor.url,
        openai_key=vendor.openai_key,
        anthropic_key=vendor.anthropic_key,
    )
    key = furnish(instance, where, ["sim-echo"], expires_on=last_day, today=today)
    listed = instance.api(SECOND, "GET", "agreements")["agreements"]
    story.claim(
        "the agreement was recorded by one officer and activated by another",
        all(a["status"] == "active" and a["added_by"] != a["activated_by"] for a in listed),
    )
    return key


def _governed_call(story: Story, instance: Instance, vendor: SimulatorProcess, key: str) -> None:
    story.heading("2. A clinical note goes in through the OpenAI format")
    story.say(f"  the clinician sends:   {NOTE}")
    status, headers, answer = _post(
        instance, key, {"model": "sim-echo", "messages": [{"role": "user", "content": NOTE}]}
    )
    story.claim("the call was answered (200)", status == 200)
    seen = vendor.seen()[-1].body
    prompt = json.loads(seen)["messages"][0]["content"]
    story.say(f"  the vendor received:   {prompt}")
    none_arrived = not any(identifier.encode() in seen for identifier in IDENTIFIERS)
    story.claim(f"the vendor received none of the {len(IDENTIFIERS)} identifiers, in any field", none_arrived)
    story.claim(
        "dates, ages, doses and laboratory values reached it unchanged (a treatment route)",
        all(kept in prompt for kept in KEPT),
    )
    story.claim(
        "the vendor was told not to store anything (store: false was added)", json.loads(seen)["store"] is False
    )
    text = answer["choices"][0]["message"]["content"]
    story.say(f"  the clinician reads:   {text}")
    story.claim("the right name is restored in the answer", "Rosalind Okafor" in text and not _TOKEN.search(text))
    index = int(headers["wardkeep-ledger-index"])
    entry = instance.api(SECOND, "GET", f"ledger/entries?from={index}&to={index + 1}")["entries"][0]
    story.claim(
        f"ledger entry {index} names the agreement that was checked ({entry['baa']}), the purpose and the decision",
        entry["baa"] == "baa-northwind" and entry["purpose"] == "TREAT" and entry["decision"] == "permitted",
    )
    story.claim(
        "the entry holds no identifier (prompts are sealed beside it)",
        not any(identifier in json.dumps(entry) for identifier in IDENTIFIERS),
    )
    form = {"reason": "demonstration of reading", "purpose": "HOPERAT"}
    opened = instance.api(SECOND, "POST", f"ledger/entries/{index}/open", form)
    story.claim(
        "an officer can reveal it with a reason and a purpose, and that reading is itself an entry",
        "Rosalind Okafor" in json.dumps(opened["content"]) and opened["read_index"] > index,
    )


def _streamed_call(story: Story, instance: Instance, vendor: SimulatorProcess, key: str) -> None:
    story.heading("3. The same through the Anthropic format, streamed byte by byte")
    vendor.configure(chunk="byte")
    body = {"model": "sim-echo", "max_tokens": 400, "stream": True, "messages": [{"role": "user", "content": NOTE}]}
    request = urllib.request.Request(
        f"{instance.data}/v1/messages",
        data=json.dumps(body).encode(),
        headers={"x-api-key": key, "content-type": "application/json", "anthropic-version": "2023-06-01"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        raw = answer.read().decode()
    events = [json.loads(line[6:]) for line in raw.splitlines() if line.startswith("data: ")]
    text = "".join(e["delta"].get("text", "") for e in events if e["type"] == "content_block_delta")
    story.claim(
        "names are restored although every surrogate was cut into single bytes",
        "Rosalind Okafor" in text and not _TOKEN.search(text),
    )
    seen = vendor.seen()[-1].body
    story.claim("this vendor, too, received none of the identifiers", not any(i.encode() in seen for i in IDENTIFIERS))


def _expired(story: Story, home: Path, vendor: SimulatorProcess, key: str, last_day: date) -> None:
    story.heading(f"4. {DAYS_AHEAD} days later: the agreement's last day, {last_day.isoformat()}, has passed")
    before = len(vendor.seen())
    command = (sys.executable, "-m", "wardkeep.demo.later", str(DAYS_AHEAD))
    later = Instance(home=home, command=command)
    later.start()
    with _running(later):
        status, _, refusal = _post(later, key, {"model": "sim-echo", "messages": [{"role": "user", "content": NOTE}]})
    error = refusal["error"]
    story.say(f"  the application reads: {error['message']}")
    story.claim(
        "the call is refused (403 baa_expired), with what, why and how to mend it",
        status == 403 and error["code"] == "baa_expired" and error["what"] and error["why"] and error["fix"],
    )
    story.claim("the refusal echoes nothing of the prompt", not any(i in json.dumps(refusal) for i in IDENTIFIERS))
    story.claim("the refusal is in the ledger as well", isinstance(error["ledger_index"], int))
    story.claim("the vendor was not called", len(vendor.seen()) == before)


def _ledger(story: Story, home: Path, directory: Path) -> None:
    story.heading("5. The ledger, checked offline by a file that needs no server")
    public = home / "ledger.pub"
    whole = verify(home / "ledger.db", public_key=public)
    story.claim(f"all {whole.size} entries verify against the signed head", whole.ok and whole.size > 10)
    story.claim(
        "no identifier is in any file of the instance",
        not any(i.encode() in f.read_bytes() for f in home.rglob("*") if f.is_file() for i in IDENTIFIERS),
    )
    copy = directory / "flipped.db"
    shutil.copyfile(home / "ledger.db", copy)
    target = whole.size // 2
    flip_one_bit(copy, target)
    damaged = verify(copy, public_key=public)
    story.claim(
        f"one flipped bit in entry {target} is found and named (first bad index {damaged.first_bad_index}, "
        f"damage: {damaged.damage})",
        not damaged.ok and damaged.first_bad_index == target,
    )


def flip_one_bit(path: Path, index: int) -> None:
    """Change one bit of one entry's stored header, in the file itself, as a tamperer with a hex editor would."""
    marker = f'"index":{index},"prev"'.encode()
    raw = bytearray(path.read_bytes())
    at = raw.index(marker) + len(marker) + 20
    raw[at] ^= 0x01
    path.write_bytes(raw)


def _post(instance: Instance, key: str, body: object) -> tuple[int, dict[str, str], Any]:
    request = urllib.request.Request(
        f"{instance.data}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, {k.lower(): v for k, v in error.headers.items()}, json.load(error)
