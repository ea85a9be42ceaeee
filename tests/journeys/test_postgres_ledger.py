"""A whole instance whose ledger is in PostgreSQL: calls, an outage, a killed instance, and its successor elsewhere."""

import asyncio
import shutil
from pathlib import Path

import pytest
from tests.journeys import house as at
from tests.journeys.house import CHAT, House
from tests.simulators.postgres import OWNER, ROLE, Postgres

from wardkeep.demo.furnish import furnish
from wardkeep.demo.instance import Instance, InstanceError
from wardkeep.demo.vendor import SimulatorProcess


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.close()


@pytest.fixture
def ward(postgres, tmp_path):
    """An instance on the database, furnished."""
    postgres.empty()
    with SimulatorProcess() as vendor:
        instance = Instance(home=tmp_path / "home", workers=1, environment={}, deadline_seconds=300.0)
        instance.init(zone=at.ZONE)
        run(instance, "prepare", "--database", postgres.url(OWNER), "--role", ROLE)
        file = instance.home / "wardkeep.toml"
        file.write_text(file.read_text().replace('\ndatabase = ""', f'\ndatabase = "{postgres.url()}"'))
        run(instance, "move")
        with instance:
            yield House(instance, vendor, furnish(instance, at.where(vendor), ("sim-echo",), today=at.today()))


def run(instance, name, *arguments):
    """Run one command of the group `ledger`."""
    other = Instance(
        home=instance.home, workers=1, environment={}, deadline_seconds=300.0, command=(*instance.command, "ledger")
    )
    return other.run(name, *arguments)


async def call(ward):
    return await at.ask(ward.instance.data, ward.api_key, CHAT, "sim-echo", "Patient Leopold Okafor.")


@pytest.mark.slow
async def test_outage_refuses_without_sending_and_a_successor_takes_over(ward, postgres, tmp_path):
    async def answered():
        return (await call(ward)).status == 200

    await at.eventually(answered, seconds=300)
    sent = ward.vendor.stats()["requests"]
    postgres.stop("immediate")
    answer = await call(ward)
    assert (answer.status, answer.code) == (503, "ledger_unavailable")
    await at.eventually(lambda: ward.operations("/readyz")[0] == 503, seconds=300)
    assert ward.vendor.stats()["requests"] == sent
    postgres.start()
    await at.eventually(lambda: ward.operations("/readyz")[0] == 200, seconds=300)
    await at.eventually(answered, seconds=300)

    # Another host: a copy of the home's keys and stores, the same database.
    other = tmp_path / "other"
    shutil.copytree(ward.instance.home, other, ignore=shutil.ignore_patterns("run"))
    second = Instance(home=other, workers=1, environment={}, deadline_seconds=300.0)
    with pytest.raises(InstanceError, match="another instance serves from this database"):
        await asyncio.to_thread(second.run, "serve")
    size = ward.size()
    await asyncio.to_thread(at.kill_all, ward.instance)
    shutil.rmtree(other)
    shutil.copytree(ward.instance.home, other, ignore=shutil.ignore_patterns("run"))
    await asyncio.to_thread(second.start)
    try:
        heir = House(second, ward.vendor, ward.api_key)
        assert heir.size() > size
        await at.eventually(lambda: postgres.sql("SELECT count(*) FROM wardkeep.open_requests") == "0", seconds=300)
        assert (await call(heir)).status == 200
        assert '"ok":true' in await asyncio.to_thread(second.run, "verify", "--json")
    finally:
        await asyncio.to_thread(second.stop)
    assert Path(other / "ledger.db").exists() is False
