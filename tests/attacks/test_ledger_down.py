"""While the ledger cannot be written no call leaves: full disk, file size limit, hung disk (DESIGN section 4).

Real file systems and limits around a real instance. Writing resumes by itself, without a restart, and the log is whole.
"""

import asyncio
import contextlib
import json
import os
import random
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.journeys import house as at
from tests.journeys.house import CHAT, MESSAGES, Answer, Bookkeeper, House, body_for, key_headers, line_to

from wardkeep.demo.instance import InstanceError

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system needs root")
DOWN = {"ledger_unavailable", "ledger_timeout"}
#: The other number of workers is for the long run.
TWO_WORKERS_FIRST = pytest.mark.parametrize("workers", [2, pytest.param(1, marks=pytest.mark.slow)])
ONE_PROCESS_FIRST = pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
MODELS = ("sim-echo", "sim-slow")
#: Less than the ledger, its log and the process's own log are already.
SMALLEST_FILE_BYTES = 512


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{command[0]} is not possible here: {done.stderr.strip()}")


@contextmanager
def mounted(place: Path, *arguments: str) -> Iterator[Path]:
    place.mkdir()
    run("mount", *arguments, str(place))
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


async def call(ward: House, path: str = CHAT, **more: object) -> tuple[Answer, float]:
    began = time.monotonic()
    answer = await at.ask(ward.instance.data, ward.api_key, path, "sim-echo", "Patient Leopold Okafor.", **more)
    return answer, time.monotonic() - began


def check_down(answer: Answer, took: float) -> None:
    assert (answer.status, answer.headers["x-should-retry"]) == (503, "false"), answer.code
    assert answer.code in DOWN
    assert answer.index is None
    assert answer.json()["error"]["ledger_index"] is None
    assert took < 2.5, f"the refusal took {took:.2f} s"


async def until_down(ward: House) -> None:
    """Call until the disk takes no more; the log it has may still have room for some."""

    async def is_down() -> bool:
        answer, _ = await call(ward)
        assert answer.status == 200 or answer.code in DOWN
        return answer.status != 200

    await at.eventually(is_down)


async def check_stays_down(ward: House) -> None:
    """Nothing leaves, quickly and in both formats; probes and changes say so."""
    before = ward.vendor.stats()["requests"]
    for path in (CHAT, MESSAGES):
        for stream in (False, True):
            check_down(*await call(ward, path, stream=stream))
    for answer, took in await asyncio.gather(*(call(ward) for _ in range(30))):
        check_down(answer, took)
    status, body = await asyncio.to_thread(ward.operations, "/readyz")
    told = json.loads(body)
    assert (status, told["ready"]) == (503, False)
    # The keys of subjects lie on the same disk; whether they were asked for meanwhile is chance.
    assert "ledger" in told["missing"]
    assert set(told["missing"]) <= {"ledger", "subject_keys"}
    assert (await asyncio.to_thread(ward.operations, "/livez"))[0] == 200
    with pytest.raises(InstanceError, match="503"):
        await asyncio.to_thread(ward.officer, "POST", "vendors", {"id": "v", "party": "V", "reason": "test"})
    assert ward.vendor.stats()["requests"] == before, "a vendor heard of a call that could not be recorded"


async def check_recovers(ward: House) -> None:
    """Without a restart, and by itself: a load balancer that only asks `/readyz` sends calls again."""
    await at.eventually(lambda: ward.operations("/readyz")[0] == 200)
    for _ in range(5):
        answer, _ = await call(ward)
        assert answer.status == 200, answer.code
    at.check_ledger(ward.instance.home)


@dataclass(slots=True)
class Streaming:
    """Streams that are in flight: what each caller has received of which entry."""

    indices: list[int]
    received: list[bytearray]


@asynccontextmanager
async def streams(ward: House, count: int = 4):
    """Streams under way, slow enough to meet the fault in their middle; all have ended when the block has."""
    ward.vendor.configure(delay_ms=0, event_delay_ms=25, piece=2)
    chance = random.Random(20270501)
    flying = Streaming([], [])

    async def follow(number: int) -> None:
        path = (CHAT, MESSAGES)[number % 2]
        async with line_to(ward.instance.data) as line:
            body = body_for(path, "sim-slow", at.draw_patient(chance).note, stream=True)
            line.send("POST", path, key_headers(ward.api_key, path), body)
            head = await line.read_head()
            flying.indices.append(head.index)
            mine = bytearray()
            flying.received.append(mine)
            with contextlib.suppress(asyncio.IncompleteReadError):
                async for piece in line.pieces(head):
                    mine += piece

    tasks = [asyncio.create_task(follow(number)) for number in range(count)]
    await at.eventually(lambda: len(flying.received) == count and all(len(mine) > 600 for mine in flying.received))
    yield flying
    await asyncio.wait_for(asyncio.gather(*tasks), at.PATIENCE_SECONDS)


def check_streams(ward: House, flying: Streaming) -> None:
    """Nothing was released that is not on record, and nobody was told that a broken answer is whole."""
    books = Bookkeeper(ward.instance.home)
    calls = {call[0].index: call for call in at.calls_of(books.stored()).values()}
    for index, received in zip(flying.indices, flying.received, strict=True):
        sealed = b"".join(books.opened(each) for each in calls[index][1:] if each.payload is not None)
        last = at.events(bytes(received))[-1]
        assert "error" in last, "a stream went on without its record"
        assert last["error"]["code"] in DOWN
        ours = received.rfind(b"\n\n", 0, received.rfind(b'"ledger_index":')) + 2
        assert sealed.startswith(received[:ours])


async def check_closed_in_the_end(ward: House) -> None:
    """What the fault left open is closed once it is over, once each, without a restart."""
    books = Bookkeeper(ward.instance.home)
    await at.eventually(lambda: no_call_is_open(books), seconds=10)
    at.check_calls(books.stored())
    at.check_ledger(ward.instance.home)


def no_call_is_open(books: Bookkeeper) -> bool:
    return all(call[-1].type in {"response", "aborted"} for call in at.calls_of(books.stored()).values())


@needs_root
@TWO_WORKERS_FIRST
async def test_a_full_disk(tmp_path, workers):
    with (
        mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=24m", "tmpfs") as place,
        at.house(*MODELS, workers=workers, home=place / "home") as ward,
    ):
        async with streams(ward) as flying:
            ballast = place / "ballast"
            fill(ballast)
            await until_down(ward)
            await check_stays_down(ward)
        check_streams(ward, flying)
        ballast.unlink()
        await check_recovers(ward)
        await check_closed_in_the_end(ward)


def fill(path: Path) -> None:
    """Leave not one free byte."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))


@ONE_PROCESS_FIRST
async def test_a_file_that_may_not_grow(workers):
    """Another error number than a full disk's: writes fail beyond a size (EFBIG)."""
    with at.house(*MODELS, workers=workers) as ward:
        async with streams(ward) as flying:
            limits = resource.prlimit(ward.instance.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(ward.instance.pid, resource.RLIMIT_FSIZE, (SMALLEST_FILE_BYTES, limits[1]))
            await until_down(ward)
            await check_stays_down(ward)
        check_streams(ward, flying)
        resource.prlimit(ward.instance.pid, resource.RLIMIT_FSIZE, limits)
        await check_recovers(ward)
        await check_closed_in_the_end(ward)


@needs_root
@TWO_WORKERS_FIRST
async def test_a_disk_that_hangs(tmp_path, workers):
    """Nothing fails, nothing returns: the deadline refuses, and what arrives late is closed by the ledger itself."""
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(48 << 20)
    run("mkfs.ext4", "-q", str(image))
    with (
        mounted(tmp_path / "disk", "-o", "loop", str(image)) as place,
        at.house(*MODELS, workers=workers, home=place / "home") as ward,
    ):
        async with streams(ward) as flying:
            with frozen(place):
                answer, took = await call(ward)
                assert answer.code == "ledger_timeout"
                check_down(answer, took)
                await check_stays_down(ward)
                # Streams must have ended by now, while nothing could be recorded for them.
                await at.eventually(lambda: all(b'"error"' in mine for mine in flying.received))
        check_streams(ward, flying)
        await check_recovers(ward)
        await check_closed_in_the_end(ward)


@contextmanager
def frozen(place: Path) -> Iterator[None]:
    run("fsfreeze", "--freeze", str(place))
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "--unfreeze", str(place)], check=True)


async def test_calls_in_flight_when_the_ledger_fails_are_closed_when_it_is_back():
    """No restart may be needed for it: an auditor sees no call that seems to go on for ever."""
    with at.house(*MODELS, workers=1) as ward:
        ward.vendor.configure(delay_ms=1500)
        limits = resource.prlimit(ward.instance.pid, resource.RLIMIT_FSIZE)
        async with line_to(ward.instance.data) as line:
            line.send("POST", CHAT, key_headers(ward.api_key), body_for(CHAT, "sim-slow", "chest pain"))
            await at.eventually(lambda: ward.vendor.stats()["requests"] == 1)
            resource.prlimit(ward.instance.pid, resource.RLIMIT_FSIZE, (SMALLEST_FILE_BYTES, limits[1]))
            answer = await line.answer()
            assert answer.status == 503
            assert answer.code in DOWN
        resource.prlimit(ward.instance.pid, resource.RLIMIT_FSIZE, limits)
        await check_recovers(ward)
        await check_closed_in_the_end(ward)
