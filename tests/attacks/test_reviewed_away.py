"""Access that was reviewed away, or that nobody confirmed, is refused on the next call, in every worker."""

import asyncio
import sys
from collections.abc import Iterator

import pytest
from tests.attacks.test_suspension import all_served, call, lines
from tests.journeys import house as at
from tests.journeys.house import CHAT, House

from wardkeep.demo.furnish import create_key
from wardkeep.demo.instance import FIRST, SECOND, Instance

WHY = {"reason": "test"}


@pytest.fixture(scope="module")
def ward() -> Iterator[House]:
    with at.house("sim-echo", workers=2) as found:
        yield found


async def test_a_key_that_its_reviewer_revokes_is_worthless_in_every_worker_at_once(ward):
    async def change(path, **body):
        # the keys' owner is their reviewer
        return await asyncio.to_thread(ward.officer, "POST", path, {**WHY, **body}, officer=SECOND)

    key = await asyncio.to_thread(create_key, ward.instance, ["sim-echo"])
    name = f"key:{key.split('_')[2]}"
    async with lines(ward) as opened:
        await at.eventually(lambda: all_served(opened, key))
        await change("reviews", id="r1", kinds=["key"])
        mine = await asyncio.to_thread(ward.officer, "GET", "my-reviews", officer=SECOND)
        held = {each["item"]: each for each in mine["items"]}
        assert held[name]["suggestion"] is None
        assert held[name]["last_used_at"] is not None
        closed = (await change("reviews/r1/revoke", items=[name]))["ledger_index"]
        answers = await asyncio.gather(*(call(line, key) for line in opened))
        assert {(answer.status, answer.code) for answer in answers} == {(401, "credential_revoked")}
        # the other one, confirmed, goes on
        (other,) = held.keys() - {name}
        await change("reviews/r1/confirm", items=[other])
        await at.eventually(lambda: all_served(opened, ward.api_key))
        told = await asyncio.to_thread(ward.officer, "GET", "reviews/r1/evidence")
        assert {each["item"]: each["ledger_entry"] for each in told["items"]}[name] == closed


def later(instance: Instance, days: int) -> Instance:
    command = (sys.executable, "-m", "wardkeep.demo.later", str(days))
    return Instance(home=instance.home, command=command)


async def test_a_key_that_nobody_confirmed_ends_with_the_review(ward):
    """The last test of this house: its clock goes on, first to the warning, then past it."""
    lapsing = await asyncio.to_thread(
        create_key, ward.instance, ["sim-echo"], purposes=["HPAYMT"], default_purpose="HPAYMT"
    )
    form = {"id": "r2", "kinds": ["key"], "open_days": 30, **WHY}
    await asyncio.to_thread(ward.officer, "POST", "reviews", form, officer=SECOND)
    ward.instance.stop()
    for days, expected in ((31, "review.last-warning"), (33, "review.close")):
        with later(ward.instance, days) as instance:
            house = House(instance, ward.vendor, ward.api_key)

            def step(house=house, expected=expected):
                return any(each.get("detail", {}).get("action") == expected for each in house.headers())

            await asyncio.to_thread(at.wait_until, step)
            answer = await at.ask(instance.data, lapsing, CHAT, "sim-echo", "x")
            if days == 31:
                assert answer.status == 200
            else:
                assert answer.code == "credential_revoked"
                # treatment goes on for its grace
                assert (await at.ask(instance.data, ward.api_key, CHAT, "sim-echo", "x")).status == 200
                states = house.officer("GET", "reviews/r2", officer=FIRST)["review"]["items"]
                assert states["lapsed"] >= 1
                assert states["grace"] >= 1
    assert at.check_ledger(ward.instance.home)
