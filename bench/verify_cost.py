"""What verifying costs: a ledger of N entries by the product's own writer, checked by the one-file verifier.

    .venv/bin/python bench/verify_cost.py [--entries 1000000] [--payload 1024] [--keep DIR] [--rounds 3]

Goals for a million entries: at most 10 s with headers alone, at most 25 s with every ciphertext hashed. Prints CPU and
wall seconds of a fresh process for each mode, the median of the rounds, and whether the goal was met.
"""

import argparse
import asyncio
import resource
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

from wardkeep.audit import verify as verifier
from wardkeep.audit.checkpoint import VerifierKey, verifier_key_text
from wardkeep.audit.entry import Draft, Header, encode_body, timestamp
from wardkeep.audit.ledger import StoredLedger
from wardkeep.crypto.signing import generate_seed, signing_key
from wardkeep.model.instant import uuid7
from wardkeep.storage.ledger_sqlite import LedgerFile

BATCH = 64
AHEAD = 8
MODES = {"headers": ["--headers-only"], "with ciphertext": []}
GOALS = {"headers": 10.0, "with ciphertext": 25.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One verification."""

    cpu_seconds: float
    wall_seconds: float


def subject_tag(number: int) -> str:
    """Return a subject's blind index: one of a thousand."""
    return sha256(b"%d" % (number % 1000)).hexdigest()[:32]


def drafts(count: int, payload_bytes: int, subject_of: Callable[[int], str] = subject_tag) -> list[Draft]:
    """Return calls as they are recorded: a request, then its response."""
    made: list[Draft] = []
    parent = ""
    for number in range(count):
        entry_id = uuid7(time.time_ns() // 1000, secrets.token_bytes(10))
        payload = secrets.token_bytes(payload_bytes)
        is_request = number % 2 == 0
        header = Header(
            type="request" if is_request else "response",
            id=entry_id.hex(),
            at=timestamp(datetime.now(UTC)),
            mono=time.monotonic_ns(),
            boot="6f3c20da-453a-4da8-8f3a-ba7cd08eb6c8",
            actor="key:notes-app" if is_request else None,
            workspace="ward" if is_request else None,
            purpose="TREAT" if is_request else None,
            subject=subject_of(number) if is_request else None,
            surface="chat_completions" if is_request else None,
            route="clinical" if is_request else None,
            deployment="east" if is_request else None,
            vendor="vendor" if is_request else None,
            baa="baa-2026" if is_request else None,
            policy="1",
            epoch=12 if is_request else None,
            decision="permitted" if is_request else "answered",
            tokens_in=None if is_request else 812,
            tokens_out=None if is_request else 164,
            parent=None if is_request else parent,
            status=None if is_request else 200,
            sent_sha256=sha256(payload[:8]).hexdigest() if is_request else None,
            ct_sha256=sha256(payload).hexdigest(),
            ct_len=len(payload),
            key="e1",
            commit=sha256(payload[:9]).hexdigest(),
            detail={"owner": "ana", "hidden": "name=2,date=1", "features": ""} if is_request else None,
        )
        made.append(
            Draft(
                id=entry_id,
                kind="request" if is_request else "response",
                body=encode_body(header),
                payload=payload,
                owner="bench",
                closes=None if is_request else bytes.fromhex(parent),
            )
        )
        parent = entry_id.hex()
    return made


async def write(
    directory: Path,
    entries: int,
    payload_bytes: int,
    subject_of: Callable[[int], str] = subject_tag,
    seed: bytes | None = None,
) -> float:
    """Write the ledger; return records a second."""
    key = signing_key(seed or generate_seed())
    origin = "wardkeep/bench"
    (directory / "ledger.pub").write_text(verifier_key_text(VerifierKey(name=origin, public=key.public)) + "\n")
    ledger = StoredLedger(partial(LedgerFile, directory / "ledger.db"), origin=origin, signer=key, boot="bench")
    began = time.monotonic()
    left = entries
    while left:
        groups = []
        while left and len(groups) < AHEAD:
            count = min(BATCH, left)
            # Subjects go by the number of the record, not by its place in its batch.
            numbered = partial(_numbered, subject_of, entries - left)
            groups.append(ledger.append(drafts(count, payload_bytes, numbered)))
            left -= count
        await asyncio.gather(*groups)
    rate = entries / (time.monotonic() - began)
    await ledger.close()
    return rate


def _numbered(subject_of: Callable[[int], str], first: int, number: int) -> str:
    return subject_of(first + number)


def check(directory: Path, arguments: Sequence[str]) -> Cost:
    """Run the verifier in a process of its own."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [sys.executable, "-I", verifier.__file__, str(directory), *arguments, "--json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu_seconds=cpu, wall_seconds=wall)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--payload", type=int, default=1024, metavar="BYTES")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the ledger here, or use the one that is here")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="verify-cost-") as temporary:
        directory = given.keep or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        if not (directory / "ledger.db").exists():
            rate = asyncio.run(write(directory, given.entries, given.payload))
            print(f"written: {given.entries} entries, {rate:.0f} durable records/s (making them included)")
        print(f"file: {(directory / 'ledger.db').stat().st_size / 1e9:.2f} GB")
        is_met = True
        for mode, arguments in MODES.items():
            costs = [check(directory, arguments) for _ in range(given.rounds)]
            cpu = statistics.median(cost.cpu_seconds for cost in costs)
            wall = statistics.median(cost.wall_seconds for cost in costs)
            goal = GOALS[mode] * given.entries / 1_000_000
            is_met &= cpu <= goal
            print(
                f"{mode}: {cpu:.1f} s CPU, {wall:.1f} s wall; goal {goal:.1f} s: {'met' if cpu <= goal else 'missed'}"
            )
    return 0 if is_met else 1


if __name__ == "__main__":
    raise SystemExit(main())
