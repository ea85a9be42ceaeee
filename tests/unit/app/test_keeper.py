"""What workers are sent: what they decide on, and nothing that is the keeper's alone."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
import pytest
from tests.unit.compliance.instance import founding_changes, keyring, running
from tests.unit.compliance.organisation import TODAY
from tests.unit.compliance.test_policies import TEXTS, signed
from tests.unit.compliance.test_training import assigned, in_force, registry, required

from wardkeep.app.keeper import KeeperDesk
from wardkeep.app.messages import NewFacts, NewKeys, ToWorker
from wardkeep.app.worker import KeeperLink
from wardkeep.compliance.duties import late
from wardkeep.compliance.records import Change, Kind
from wardkeep.crypto.errors import UnknownKey
from wardkeep.crypto.keys import data_keys, dump_data_keys
from wardkeep.transport.unix import FrameClient, FrameServer


async def test_workers_know_who_is_late_without_signatures_and_certificates(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        held = required(in_force(assigned(registry())), training=True, acknowledgement=True)
        held = signed(held, held.people["developer"])
        programme = [
            Change(kind=kind, id=name, record=record)
            for kind in (Kind.POLICIES, Kind.COURSES, Kind.DUTIES, Kind.SIGNATURES)
            for name, record in getattr(held, kind.value).items()
        ]
        changes = (*founding_changes(held), *programme)
        await instance.control.change(by="host", action="test", reason="as told", plan=lambda _: changes)
        desk = KeeperDesk(sequencer=None, control=instance.control, keys=instance.keys, last_wall_us=0)
        sent = msgspec.msgpack.decode(desk.facts_message(), type=ToWorker)
        assert isinstance(sent, NewFacts)
        assert (sent.registry.signatures, sent.registry.trainings) == ({}, {})
        day = TODAY + timedelta(days=40)
        told = late(sent.registry, TEXTS, day)
        assert told == late(instance.control.registry, TEXTS, day)
        assert told.training == {"developer"}
        assert told.policies == frozenset(held.people) - {"developer"}


def desk_of(instance):
    return KeeperDesk(sequencer=None, control=instance.control, keys=data_keys(keyring()), last_wall_us=0)


@asynccontextmanager
async def desk_and_workers(place, count):
    """A keeper's desk with its socket, and so many workers that have joined."""
    async with running(place, keyring()) as instance:
        desk, failures = desk_of(instance), []
        frames = FrameServer(place / "keeper.sock", desk.answer, on_failed=failures.append)
        await frames.start()
        clients = [FrameClient(place / "keeper.sock") for _ in range(count)]
        try:
            links = []
            for number, client in enumerate(clients):
                await client.connect()
                links.append(KeeperLink(client, f"worker-{number}"))
            yield desk, frames, links
        finally:
            for client in clients:
                await client.close()
            await frames.close()
        assert failures == []


async def test_every_worker_holds_the_next_epoch_before_it_begins_and_leaves_the_old_one(tmp_path):
    async with desk_and_workers(tmp_path, 2) as (desk, frames, links):
        held = [(await link.join())[0] for link in links]
        old, both = desk.keys.epoch_key, {"e1": desk.keys.epoch_key, "e2": b"2" * 32}
        await desk.give_epochs("e1", both, frames)
        assert [(each.epoch_id, each.epoch_key_for("e2")) for each in held] == [("e1", b"2" * 32)] * 2
        await desk.give_epochs("e2", both, frames)
        assert [(each.epoch_id, each.epoch_key, each.epoch_key_for("e1")) for each in held] == [
            ("e2", b"2" * 32, old)
        ] * 2
        await desk.leave_old_epochs(frames)
        for each in (*held, desk.keys):
            with pytest.raises(UnknownKey):
                each.epoch_key_for("e1")
        assert len(frames.connections) == 2  # nobody was cut off


async def test_a_worker_that_does_not_take_an_epoch_is_cut_off(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        desk, lost = desk_of(instance), asyncio.Event()
        desk.epoch_patience_seconds = 0.0
        frames = FrameServer(tmp_path / "keeper.sock", desk.answer, on_failed=lambda _: None)
        await frames.start()
        silent = FrameClient(tmp_path / "keeper.sock")
        silent.on_push(lambda _: None)
        silent.on_lost(lost.set)
        await silent.connect()
        try:
            while not frames.connections:
                await asyncio.sleep(0)
            await desk.give_epochs("e2", {"e2": b"2" * 32}, frames)
            await asyncio.wait_for(lost.wait(), 60)
        finally:
            await silent.close()
            await frames.close()


async def test_keys_that_are_pushed_before_the_welcome_is_read_count(tmp_path):
    async with desk_and_workers(tmp_path, 1) as (desk, _, links):
        newer = data_keys(keyring())
        newer.take("e2", {"e2": b"2" * 32})
        links[0]._pushed(msgspec.msgpack.encode(NewKeys(number=0, keys=dump_data_keys(newer))))
        keys, _ = await links[0].join()
        assert (keys.epoch_id, keys.epoch_key) == ("e2", b"2" * 32)
        assert desk.keys.epoch_id == "e1"
