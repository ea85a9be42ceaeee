"""What waits in the spool is merged once, in its order, marked, whatever happened between."""

import json

import pytest
from tests.unit.compliance.instance import found, keyring, running

from wardkeep.audit.errors import LedgerUnavailable
from wardkeep.audit.spool import Spool, Spooled
from wardkeep.compliance.emergency import Emergency
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import encode_payload
from wardkeep.model.access import Role
from wardkeep.model.registry import Person
from wardkeep.storage.spool_file import SpoolFile

RING = keyring()
OFFICER = Person(id="ana", roles=frozenset({Role.SECURITY_OFFICER}), is_active=True)


def emergency(instance, home, *, path="s.spool") -> Emergency:
    spool = Spool(SpoolFile(home / path), keys=instance.keys, tenant="tenant-0", signer=RING.signer)
    return Emergency(
        spool=spool,
        ledger=instance.ledger,
        subjects=instance.shredder.subjects,
        control=instance.control,
        entries=instance.entries,
        clock=instance.clock,
    )


def waiting(instance, count=3) -> list[Spooled]:
    def note(number):
        detail = {"action": "emergency.declare", "minutes": number}
        payload = encode_payload("emergency.declare", "why", ())
        return instance.entries.draft("control", actor="person:ana", detail=detail, payload=payload)

    return [Spooled([note(number)]) for number in range(count)]


async def actions(instance):
    headers = [json.loads(header) for header in await instance.headers()]
    return [(each["detail"].get("action"), each.get("spool"), each["detail"].get("merged")) for each in headers]


async def test_it_is_merged_once_and_an_old_spool_put_back_is_nothing_new(tmp_path):
    async with running(tmp_path, RING) as instance:
        await found(instance)
        before = await actions(instance)
        (first := emergency(instance, tmp_path)).spool.append(waiting(instance))
        await first.close()
        old = (tmp_path / "s.spool").read_bytes()
        here = emergency(instance, tmp_path)
        assert here.waiting == 0  # nobody has looked yet
        await here.begin()
        assert (await actions(instance))[len(before) :] == [
            ("emergency.declare", 0, None),
            ("emergency.declare", 1, None),
            ("emergency.declare", 2, None),
            ("emergency.merged", None, 3),
        ]
        assert not (tmp_path / "s.spool").exists()
        assert not here.is_alarming
        (tmp_path / "s.spool").write_bytes(old)
        again = emergency(instance, tmp_path)
        await again.begin()
        (told,) = (await actions(instance))[len(before) + 4 :]
        assert told == ("emergency.merged", None, 3)
        last = json.loads((await instance.headers())[-1])
        assert last["detail"]["already_there"] == 3
        assert not (tmp_path / "s.spool").exists()


async def test_what_follows_damage_is_put_aside_and_told(tmp_path):
    async with running(tmp_path, RING) as instance:
        await found(instance)
        (first := emergency(instance, tmp_path)).spool.append(waiting(instance))
        await first.close()
        whole = bytearray((tmp_path / "s.spool").read_bytes())
        whole[-1] ^= 1
        (tmp_path / "s.spool").write_bytes(bytes(whole))
        here = emergency(instance, tmp_path)
        await here.begin()
        last = json.loads((await instance.headers())[-1])
        assert (last["detail"]["merged"], last["detail"]["damaged_at"]) == (2, 2)
        assert here.is_alarming
        assert [path.read_bytes() for path in tmp_path.glob("s.spool.damaged-*")] == [bytes(whole)]


async def test_a_second_path_that_is_not_there_stops_no_start(tmp_path):
    async with running(tmp_path, RING) as instance:
        await found(instance)
        size = len(await instance.headers())
        here = emergency(instance, tmp_path, path="not-mounted/s.spool")
        await here.begin()
        assert not here.is_alarming
        assert len(await instance.headers()) == size


async def test_while_the_ledger_takes_records_there_is_no_emergency(tmp_path):
    async with running(tmp_path, RING) as instance:
        await found(instance)
        here = emergency(instance, tmp_path)
        with pytest.raises(NotAllowed, match="takes records"):
            await here.declare(OFFICER, minutes=60, reason="why", spent=())
        none = emergency(instance, tmp_path)
        none.spool = None
        with pytest.raises(NotAllowed, match="no second path"):
            await none.declare(OFFICER, minutes=60, reason="why", spent=())
        assert not here.stands_in
        assert isinstance(here.refusal([waiting(instance)[0].drafts[0]], is_break_glass=True), LedgerUnavailable)
