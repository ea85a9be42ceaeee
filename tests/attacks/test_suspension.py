"""Closing a road holds from the next call on, in every worker: agreement, vendor, key, person (DESIGN section 11).

The ledger's order is the proof: after the entry that closes a road, no request entry stands for it until the entry that
opens it again. Opening takes a second person.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.journeys import house as at
from tests.journeys.house import CHAT, MESSAGES, Answer, Bookkeeper, House, Line, body_for, key_headers

from wardkeep.demo.furnish import AGREEMENTS, OPENAI_VENDOR, create_key
from wardkeep.demo.instance import FIRST, SECOND, InstanceError

AGREEMENT = AGREEMENTS[OPENAI_VENDOR]
ROUNDS = 10
LINES = 20
WHY = {"reason": "test"}


@pytest.fixture(scope="module")
def ward() -> Iterator[House]:
    with at.house("sim-echo", "sim-slow", workers=2) as found:
        yield found


async def change(ward: House, officer: str, path: str, body: object = None) -> int:
    """Make a change as an officer; return its ledger index."""
    made = await asyncio.to_thread(ward.officer, "POST", path, body or WHY, officer=officer)
    return int(made["ledger_index"])


async def call(line: Line, key: str, *, stream: bool = False) -> Answer:
    body = body_for(CHAT, "sim-echo", "Patient Leopold Okafor was seen.", stream=stream)
    return await line.ask("POST", CHAT, key_headers(key), body)


@asynccontextmanager
async def lines(ward: House, count: int = LINES) -> AsyncIterator[list[Line]]:
    """Connections that every worker holds some of; each worker has served one before."""
    async with contextlib.AsyncExitStack() as stack:
        opened: list[Line] = []
        # The kernel spreads connections as it likes; more are opened until each worker has some.
        for _ in range(40):
            opened += [await Line.to(ward.instance.data) for _ in range(count if not opened else 5)]
            answers = await asyncio.gather(*(call(line, ward.api_key) for line in opened))
            assert all(answer.status == 200 for answer in answers)
            if all(holds_one_of(pid, opened) for pid in at.workers_of(ward.instance)):
                break
        else:
            pytest.fail("one worker never got a connection")
        for line in opened:
            stack.callback(line.close)
        yield opened


def holds_one_of(pid: int, opened: list[Line]) -> bool:
    """Whether the process has the other end of one of the connections."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            inodes.add(str(descriptor.readlink()))
    ports = {f"{line.writer.get_extra_info('sockname')[1]:04X}" for line in opened}
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return any(f"socket:[{row[9]}]" in inodes and row[2].rpartition(":")[2] in ports for row in rows)


@asynccontextmanager
async def load(ward: House) -> AsyncIterator[Counter[str]]:
    """Plain calls and streams all the while; nothing but answers and clean refusals comes back."""
    counts: Counter[str] = Counter()
    ended = asyncio.Event()

    async def run(chance: random.Random) -> None:
        line = await Line.to(ward.instance.data)
        try:
            while not ended.is_set():
                model, stream = chance.choice(("sim-echo", "sim-slow")), chance.random() < 0.5
                body = body_for(CHAT, model, at.draw_patient(chance).note, stream=stream)
                answer = await line.ask("POST", CHAT, key_headers(ward.api_key), body)
                counts[answer.code or str(answer.status)] += 1
        finally:
            line.close()

    ward.vendor.configure(delay_ms=20, event_delay_ms=2, piece=40)
    tasks = [asyncio.create_task(run(random.Random(seed))) for seed in range(4)]
    try:
        yield counts
    finally:
        ended.set()
        await asyncio.gather(*tasks)


def check_no_request_between(entries: list[at.Stored], closed: int, opened: int, **header: str) -> None:
    between = [each for each in entries if closed < each.index < opened and each.type == "request"]
    assert not [each.index for each in between if all(each.header[name] == value for name, value in header.items())]


async def test_a_suspended_agreement_closes_every_worker_at_once(ward):
    books = Bookkeeper(ward.instance.home)
    windows = []
    refused = 0
    async with lines(ward) as opened, load(ward) as counts:
        for number in range(ROUNDS):
            closed = await change(ward, FIRST, f"agreements/{AGREEMENT}/suspend")
            answers = await asyncio.gather(
                *(call(line, ward.api_key, stream=bool(number % 2)) for line in opened[:LINES])
            )
            assert Counter(answer.code for answer in answers) == {"baa_suspended": LINES}
            assert {answer.status for answer in answers} == {403}
            refused += len(answers)
            windows.append((closed, await change(ward, SECOND, f"agreements/{AGREEMENT}/resume")))
            await at.eventually(lambda: all_served(opened, ward.api_key))
    assert refused == ROUNDS * LINES == 200
    assert set(counts) <= {"200", "baa_suspended", "facts_changing"}
    assert counts["200"]
    entries = books.stored()
    for window in windows:
        check_no_request_between(entries, *window, baa=AGREEMENT)
    at.check_calls(entries)


async def all_served(opened: list[Line], key: str) -> bool:
    return all(answer.status == 200 for answer in await asyncio.gather(*(call(line, key) for line in opened)))


async def test_the_other_format_of_the_suspended_vendor_goes_on_with_its_own(ward):
    """One vendor's agreement says nothing of another's."""
    await change(ward, FIRST, f"agreements/{AGREEMENT}/suspend")
    try:
        answer = await at.ask(ward.instance.data, ward.api_key, MESSAGES, "sim-echo", "chest pain")
        assert answer.status == 200
        assert (await at.ask(ward.instance.data, ward.api_key, CHAT, "sim-echo", "x")).code == "baa_suspended"
    finally:
        await change(ward, SECOND, f"agreements/{AGREEMENT}/resume")


@pytest.mark.parametrize("path", [f"agreements/{AGREEMENT}", f"vendors/{OPENAI_VENDOR}"])
async def test_who_closed_a_road_cannot_open_it_alone(ward, path):
    await change(ward, FIRST, f"{path}/suspend")
    try:
        with pytest.raises(InstanceError, match="second_person_required"):
            await change(ward, FIRST, f"{path}/resume")
        assert (await at.ask(ward.instance.data, ward.api_key, CHAT, "sim-echo", "x")).status == 403
    finally:
        await change(ward, SECOND, f"{path}/resume")
    await at.eventually(lambda: served(ward))


async def served(ward: House) -> bool:
    return (await at.ask(ward.instance.data, ward.api_key, CHAT, "sim-echo", "chest pain")).status == 200


async def test_a_suspended_vendor_closes_every_worker_at_once(ward):
    books = Bookkeeper(ward.instance.home)
    async with lines(ward) as opened:
        for _ in range(3):
            closed = await change(ward, FIRST, f"vendors/{OPENAI_VENDOR}/suspend")
            before = ward.vendor.stats()["requests"]
            answers = await asyncio.gather(*(call(line, ward.api_key) for line in opened))
            assert {answer.code for answer in answers} == {"vendor_suspended"}
            assert ward.vendor.stats()["requests"] == before
            resumed = await change(ward, SECOND, f"vendors/{OPENAI_VENDOR}/resume")
            check_no_request_between(books.stored(closed), closed, resumed, vendor=OPENAI_VENDOR)
            await at.eventually(lambda: all_served(opened, ward.api_key))


async def test_a_revoked_key_is_worthless_in_every_worker_at_once(ward):
    async with lines(ward) as opened:
        for _ in range(5):
            key = await asyncio.to_thread(create_key, ward.instance, ["sim-echo"])
            await at.eventually(lambda key=key: all_served(opened, key))
            identifier = key.split("_")[2]
            closed = await change(ward, FIRST, f"keys/{identifier}/revoke")
            answers = await asyncio.gather(*(call(line, key) for line in opened))
            assert {(answer.status, answer.code) for answer in answers} == {(401, "credential_revoked")}
            later = Bookkeeper(ward.instance.home).stored(closed)
            assert not [each for each in later if each.type == "request" and identifier in str(each.header["actor"])]


async def test_a_person_who_left_takes_their_keys_along_at_once(ward):
    async with lines(ward) as opened:
        for number in range(5):
            person = f"team-lead-{number}"
            await change(ward, SECOND, "people", {"id": person, "roles": ["auditor"], **WHY})
            key = await asyncio.to_thread(lambda person=person: create_key(ward.instance, ["sim-echo"], owner=person))
            await at.eventually(lambda key=key: all_served(opened, key))
            await change(ward, SECOND, f"people/{person}/disable")
            answers = await asyncio.gather(*(call(line, key) for line in opened))
            assert {(answer.status, answer.code) for answer in answers} == {(401, "credential_revoked")}


async def test_a_terminated_agreement_stays_closed(ward):
    """The last test of this house."""
    await change(ward, FIRST, f"agreements/{AGREEMENT}/terminate")
    async with at.line_to(ward.instance.data) as line:
        assert (await call(line, ward.api_key)).code == "baa_terminated"
    with pytest.raises(InstanceError):
        await change(ward, SECOND, f"agreements/{AGREEMENT}/resume")
    assert at.check_ledger(ward.instance.home)
