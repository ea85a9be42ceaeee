"""The disk fills up, turns read-only, errs or hangs: calls are refused in time, and writing resumes by itself."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.unit.audit import samples
from tests.unit.storage.faulty_disk import FaultyDisk

from wardkeep.audit.entry import decode
from wardkeep.audit.errors import LedgerTimeout, LedgerUnavailable
from wardkeep.audit.ledger import DEADLINE_SECONDS
from wardkeep.audit.release import abort_id
from wardkeep.audit.verify import verify

RING = samples.keyring()


@pytest.fixture
def disk():
    disk = FaultyDisk()
    yield disk
    disk.release()


async def refused(ledger, count=20):
    results = await asyncio.gather(
        *(ledger.append([samples.draft(payload=b"x" * 2000)]) for _ in range(count)), return_exceptions=True
    )
    assert {type(result) for result in results} <= {LedgerUnavailable, LedgerTimeout}


@pytest.mark.parametrize("fault", ["full", "read-only", "io", "no-sync"])
async def test_failing_disk_refuses_at_once_and_recovers_without_restart(tmp_path, disk, fault):
    ledger = samples.open_ledger(tmp_path, RING, vfs=disk.name)
    kept = [samples.draft() for _ in range(30)]
    await ledger.append(kept)
    disk.fault = fault
    began = time.monotonic()
    await refused(ledger)
    await refused(ledger)
    assert time.monotonic() - began < 2
    assert not ledger.writable
    assert ledger.failure
    assert not await ledger.probe()
    disk.fault = ""
    assert await ledger.probe()
    assert ledger.writable
    assert ledger.failure == ""
    more = [samples.draft() for _ in range(30)]
    await ledger.append(more)
    stored = {entry.id async for entry in ledger.scan(0, 1 << 40)}
    assert {one.id for one in kept + more} <= stored
    await ledger.close()
    assert verify(tmp_path).ok


@pytest.mark.parametrize("skip", [1, 2, 3, 5, 8])
async def test_disk_that_fails_within_a_commit_forks_nothing(tmp_path, disk, skip):
    ledger = samples.open_ledger(tmp_path, RING, vfs=disk.name)
    await ledger.append([samples.draft()])
    for round_number in range(4):
        disk.skip, disk.fault = skip + round_number, "io"
        results = await asyncio.gather(
            *(ledger.append([samples.draft(payload=b"x" * 9000)]) for _ in range(10)), return_exceptions=True
        )
        assert all(isinstance(result, list | LedgerUnavailable) for result in results)
        disk.fault = ""
        await ledger.append([samples.draft()])
    await ledger.close()
    result = verify(tmp_path)
    assert result.ok, result


async def test_hung_disk_refuses_within_two_seconds_and_recovers(tmp_path, disk):
    ledger = samples.open_ledger(tmp_path, RING, vfs=disk.name)
    kept = samples.draft()
    await ledger.append([kept])
    disk.hang()
    lost = samples.draft(owner="alive")
    began = time.monotonic()
    first = asyncio.create_task(ledger.append([lost]))
    results = await asyncio.gather(
        first, *(ledger.append([samples.draft()]) for _ in range(50)), return_exceptions=True
    )
    assert {type(result) for result in results} == {LedgerTimeout}
    # The disk still hangs, so only the deadline can have answered; that it is two seconds is the ledger's constant.
    assert time.monotonic() - began > DEADLINE_SECONDS - 0.1
    assert DEADLINE_SECONDS == 2.0
    assert not ledger.writable
    # While it hangs nobody queues behind it: what is refused at once was never handed to the loop.
    with pytest.raises(LedgerUnavailable):
        ledger.append([samples.draft()]).send(None)
    with pytest.raises(StopIteration) as probed:
        ledger.probe().send(None)
    assert probed.value.value is False
    disk.release()
    await resumed(ledger)
    # the late entry may stand; nobody else can close it, so the ledger did
    headers = [decode(entry.header) async for entry in ledger.scan(0, 1 << 40)]
    stored = {header.id: header for header in headers}
    assert lost.id.hex() in stored
    assert stored[abort_id(lost.id).hex()].detail["cause"] == "deadline"
    assert [row[0] for row in await ledger.open_requests()] == [kept.id]
    assert (await ledger.append([lost]))[0].index == 1
    await ledger.close()
    assert verify(tmp_path).ok


async def resumed(ledger):
    """Wait until an append goes through: the writer returns from the disk on its own time."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await ledger.append([samples.draft("read")])
            except LedgerUnavailable:
                await asyncio.sleep(0)


async def test_ledger_on_a_dead_disk_does_not_start(tmp_path, disk):
    disk.fault = "io"
    with pytest.raises(LedgerUnavailable):
        samples.open_ledger(tmp_path, RING, vfs=disk.name)
    disk.fault = ""
    ledger = samples.open_ledger(tmp_path, RING, vfs=disk.name)
    await ledger.append([samples.draft()])
    await ledger.close()


LIMITED = """
import asyncio, resource, signal, sys
from pathlib import Path
from tests.unit.audit import samples
from wardkeep.audit.errors import LedgerUnavailable
from wardkeep.audit.verify import verify

async def run(home):
    ledger = samples.open_ledger(home, samples.keyring())
    await ledger.append([samples.draft()])
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    good = 0
    while True:
        try:
            await ledger.append([samples.draft(payload=b"x" * 20_000)])
            good += 1
        except LedgerUnavailable:
            break
    assert not ledger.writable
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await ledger.append([samples.draft()])
    assert ledger.writable
    await ledger.close()
    result = verify(home)
    assert result.ok and result.size >= good + 2, result
    print(good)

asyncio.run(run(Path(sys.argv[1])))
"""


def test_real_file_size_limit_refuses_and_recovers(tmp_path):
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 1


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
async def test_real_full_file_system_refuses_and_recovers(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        await fill_and_recover(place)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


async def fill(ledger, acknowledged):
    for _ in range(100):
        acknowledged += await ledger.append([samples.draft(payload=b"x" * 20_000)])


async def fill_and_recover(place: Path):
    ledger = samples.open_ledger(place, RING)
    (place / "ballast").write_bytes(bytes(400_000))
    acknowledged = []
    with pytest.raises(LedgerUnavailable):
        await fill(ledger, acknowledged)
    good = len(acknowledged)
    assert good > 1
    with pytest.raises(LedgerUnavailable):
        await ledger.head()
    (place / "ballast").unlink()
    await ledger.append([samples.draft()])
    assert ledger.writable
    await ledger.close()
    result = verify(place)
    assert result.ok
    assert result.size == good + 1
