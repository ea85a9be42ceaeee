"""What workers are sent: what they decide on, and nothing that is the keeper's alone."""

from datetime import timedelta

import msgspec
from tests.unit.compliance.instance import founding_changes, keyring, running
from tests.unit.compliance.organisation import TODAY
from tests.unit.compliance.test_policies import TEXTS, signed
from tests.unit.compliance.test_training import assigned, in_force, registry, required

from wardkeep.app.keeper import KeeperDesk
from wardkeep.app.messages import NewFacts, ToWorker
from wardkeep.compliance.duties import late
from wardkeep.compliance.records import Change, Kind


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
