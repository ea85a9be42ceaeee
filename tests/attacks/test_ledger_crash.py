"""The writer is killed at any moment: what was acknowledged is there, nothing is called damaged, nothing stays open."""

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.unit.audit import samples

from wardkeep.audit.entry import decode
from wardkeep.audit.verify import verify
from wardkeep.crypto.keys import create_keyring, dump_wrapped, open_keyring, passphrase_root

ROOT = Path(__file__).parents[2]


def kill_after(home: Path, owner: str, acknowledgements: int, more_seconds: float) -> list[bytes]:
    """Run the writer, kill it a moment after that many acknowledgements, return every id it told."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests/unit/audit/writer_process.py"), str(home), owner],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PATH": ""},
    )
    told = [process.stdout.readline() for _ in range(acknowledgements)]
    timer = threading.Timer(more_seconds, process.kill)
    timer.start()
    told += process.stdout.readlines()
    timer.join()
    process.wait(30)
    assert process.returncode == -9
    return [bytes.fromhex(line.decode()) for line in told if len(line) == 33]


async def rounds(home: Path, count: int, seed: int) -> None:
    chance = random.Random(seed)
    root = passphrase_root("a test passphrase", samples.CHEAP)
    wrapped = create_keyring(root, "tenant-0", samples.CHEAP)
    (home / "keys.json").write_bytes(dump_wrapped(wrapped))
    ring = open_keyring(root, wrapped)
    acknowledged: set[bytes] = set()
    for number in range(count):
        owner = f"owner-{number}"
        acknowledged |= set(kill_after(home, owner, chance.randint(1, 60), chance.random() * 0.05))
        result = verify(home)
        assert result.ok, (number, result)
        ledger = samples.open_ledger(home, ring)
        still_open = {row[0] for row in await ledger.open_requests()}
        aborted = await ledger.abort_owner(owner)
        assert len(aborted) == len(still_open) <= 8
        assert await ledger.open_requests() == []
        entries = [entry async for entry in ledger.scan(0, 1 << 40)]
        await ledger.close()
        assert acknowledged <= {entry.id for entry in entries}, number
        check_closed(entries)
    assert verify(home).ok
    assert len(acknowledged) > count


def check_closed(entries) -> None:
    """Every request has exactly one closing entry, and an aborted one tells the segments that are really there."""
    segments: dict[str, list[int]] = {}
    closing: dict[str, list] = {}
    requests = set()
    for entry in entries:
        header = decode(entry.header)
        if header.type == "request":
            requests.add(header.id)
        elif header.type == "segment":
            segments.setdefault(header.parent, []).append(header.ct_len)
        else:
            closing.setdefault(header.parent, []).append(header)
    assert closing.keys() == requests
    for parent, headers in closing.items():
        assert len(headers) == 1
        if headers[0].type == "aborted":
            given = segments.get(parent, [])
            assert headers[0].detail["segments"] == len(given)
            assert headers[0].detail["ct_bytes"] == sum(given)


async def test_killed_at_random_moments(tmp_path):
    await rounds(tmp_path, 6, seed=20270101)


@pytest.mark.slow
async def test_killed_at_two_hundred_random_moments(tmp_path):
    await rounds(tmp_path, 200, seed=20270102)


async def test_verifier_reads_a_ledger_that_was_not_closed_and_leaves_it_alone(tmp_path):
    """The write-ahead log of a killed writer is part of the truth; a private copy is read."""
    root = passphrase_root("a test passphrase", samples.CHEAP)
    (tmp_path / "keys.json").write_bytes(dump_wrapped(create_keyring(root, "tenant-0", samples.CHEAP)))
    told = kill_after(tmp_path, "owner", 30, 0.0)
    wal = tmp_path / "ledger.db-wal"
    assert wal.stat().st_size > 0
    before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in tmp_path.iterdir()}
    result = verify(tmp_path)
    assert result.ok, result
    assert result.size >= len(told)
    assert {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in tmp_path.iterdir()} == before
