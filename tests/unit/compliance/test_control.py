import asyncio
from dataclasses import replace
from functools import partial

import orjson
import pytest
from tests.unit.compliance.instance import found, keyring, running
from tests.unit.compliance.organisation import PRIVACY, SECURITY, registry, working_registry
from tests.unit.storage.faulty_disk import FaultyDisk

from wardkeep.audit.errors import ControlNotApplied, LedgerTimeout, LedgerUnavailable, StaleFacts
from wardkeep.audit.verify import verify
from wardkeep.compliance import vendors
from wardkeep.compliance.errors import ControlAhead, EntryUnopenable, NotAllowed
from wardkeep.compliance.records import Change, Kind
from wardkeep.model.registry import AgreementStatus
from wardkeep.storage.control_sqlite import ControlFile
from wardkeep.storage.errors import StoreUnavailable

CANARY = "a reason that names the canary"


def suspending(reason=CANARY):
    return lambda held: vendors.suspend(held, PRIVACY, agreement="baa-1", reason=reason)


def suspend(control, reason=CANARY):
    return control.change(by="person:privacy", action="agreement.suspend", reason=reason, plan=suspending(reason))


async def test_a_change_is_in_the_ledger_the_store_and_the_registry(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        assert await found(instance, working_registry()) == 0
        published = []
        instance.control.on_change(published.append)
        index = await suspend(instance.control)
        held = instance.control.registry
        assert held.epoch == index + 1 == instance.ledger.facts_epoch
        assert held.agreements["baa-1"].status is AgreementStatus.SUSPENDED
        assert published == [held]
        applied, records = instance.store.load_all()
        assert applied == index
        assert b"suspended" in records["agreements"]["baa-1"]


async def test_the_leaf_names_action_and_records_but_no_word_of_the_reason(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        await found(instance, working_registry())
        await suspend(instance.control)
        leaf = (await instance.headers())[1]
    told = orjson.loads(leaf)
    assert (told["type"], told["actor"]) == ("control", "person:privacy")
    assert told["detail"] == {"action": "agreement.suspend", "changed": "agreements/baa-1", "changes": 1}
    for file in tmp_path.iterdir():
        if file.name.startswith("ledger.db"):
            assert b"canary" not in file.read_bytes()
    assert verify(tmp_path / "ledger.db").first_bad_index is None


async def test_the_record_points_at_the_entry_with_the_reason_and_holds_no_word_of_it(tmp_path):
    ring = keyring()
    async with running(tmp_path, ring) as instance:
        await found(instance, working_registry())
        index = await suspend(instance.control)
        expected = instance.control.registry
        assert expected.agreements["baa-1"].status_reason == f"see ledger entry {index}"
        assert (
            await instance.control.change(
                by="person:security",
                action="vendor.suspend",
                reason=CANARY,
                plan=lambda held: vendors.suspend_vendor(held, SECURITY, vendor="openai", reason=CANARY),
            )
        ) == index + 1
        expected = instance.control.registry
        assert expected.vendors["openai"].suspended_because == f"see ledger entry {index + 1}"
    for file in tmp_path.iterdir():
        assert b"canary" not in file.read_bytes(), file
    for file in tmp_path.glob("control.db*"):
        file.unlink()
    async with running(tmp_path, ring) as instance:
        assert instance.control.registry == expected


async def test_a_note_stands_in_the_leaf(tmp_path):
    alone = working_registry()
    alone = replace(alone, organisation=replace(alone.organisation, single_officer_accepted_by="privacy"))
    async with running(tmp_path, keyring()) as instance:
        await found(instance, alone)
        await suspend(instance.control)
        await instance.control.change(
            by="person:privacy",
            action="agreement.resume",
            reason="settled",
            plan=lambda held: vendors.resume(held, PRIVACY, agreement="baa-1", reason="settled"),
        )
        assert orjson.loads((await instance.headers())[2])["detail"]["note"] == "single_officer_acceptance"


async def test_the_widest_change_still_fits_a_leaf(tmp_path):
    changes = tuple(Change(kind=Kind.DEPLOYMENTS, id="d" * 64 + str(n), record=None) for n in range(500))
    async with running(tmp_path, keyring()) as instance:
        await instance.control.change(
            by="person:" + "p" * 64, action="a" * 64, reason="r" * 500, plan=lambda _: changes
        )
        assert len((await instance.headers())[0]) <= 1024


async def test_a_refused_plan_leaves_no_trace(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        await found(instance, working_registry())
        before = instance.control.registry
        with pytest.raises(NotAllowed):
            await suspend(instance.control, reason="")
        with pytest.raises(NotAllowed):
            await instance.control.change(
                by="person:privacy",
                action="agreement.resume",
                reason="x",
                plan=lambda held: vendors.resume(held, PRIVACY, agreement="baa-1", reason="x"),
            )
        assert instance.control.registry is before
        assert (await instance.ledger.head()).size == 1


async def test_changes_at_once_are_planned_one_after_the_other(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        await found(instance, working_registry())
        outcomes = await asyncio.gather(*(suspend(instance.control) for _ in range(5)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [int] + [NotAllowed] * 4
        assert (await instance.ledger.head()).size == 2


async def test_a_call_decided_before_a_suspension_is_stale_after_it(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        await found(instance, working_registry())
        decided_on = instance.control.registry.epoch
        await suspend(instance.control)
        draft = instance.entries.draft("read", actor="key:x", detail={}, payload=b"", facts_epoch=decided_on)
        with pytest.raises(StaleFacts):
            await instance.ledger.append([draft])


async def test_a_store_that_was_lost_is_rebuilt_from_the_ledger(tmp_path):
    ring = keyring()
    async with running(tmp_path, ring) as instance:
        await found(instance, working_registry())
        await instance.ledger.append([instance.entries.draft("read", actor="x", detail={}, payload=b"between")])
        await suspend(instance.control)
        expected = instance.control.registry
    for file in tmp_path.glob("control.db*"):
        file.unlink()
    async with running(tmp_path, ring) as instance:
        assert instance.control.registry == expected
        assert instance.store.load_all()[0] == 2


async def test_starting_again_changes_nothing(tmp_path):
    ring = keyring()
    async with running(tmp_path, ring) as instance:
        await found(instance, working_registry())
        expected = instance.control.registry
    for _ in range(2):
        async with running(tmp_path, ring) as instance:
            assert instance.control.registry == expected


class FailingStore(ControlFile):
    """A control store whose disk is full."""

    __slots__ = ("is_full",)

    def apply(self, index, puts, deletes=()):
        if self.is_full:
            raise StoreUnavailable("disk full")
        return super().apply(index, puts, deletes)


async def test_a_change_that_the_store_could_not_take_is_replayed_at_the_next_start(tmp_path):
    ring = keyring()
    store = FailingStore(tmp_path / "control.db")
    store.is_full = False
    async with running(tmp_path, ring, store=store) as instance:
        await found(instance, working_registry())
        store.is_full = True
        with pytest.raises(ControlNotApplied):
            await suspend(instance.control)
        old = instance.control.registry.epoch
        draft = instance.entries.draft("read", actor="key:x", detail={}, payload=b"", facts_epoch=old)
        with pytest.raises(StaleFacts):
            await instance.ledger.append([draft])
    async with running(tmp_path, ring) as instance:
        assert instance.control.registry.agreements["baa-1"].status is AgreementStatus.SUSPENDED


async def test_a_ledger_older_than_the_store_is_refused(tmp_path):
    ring = keyring()
    async with running(tmp_path, ring) as instance:
        await found(instance, working_registry())
    for file in tmp_path.glob("ledger.db*"):
        file.unlink()
    with pytest.raises(ControlAhead):
        async with running(tmp_path, ring):
            pytest.fail("it started on a ledger that was cut")


async def test_a_control_entry_that_does_not_open_stops_the_start(tmp_path):
    ring = keyring()
    async with running(tmp_path, ring) as instance:
        await found(instance, working_registry())
    for file in tmp_path.glob("control.db*"):
        file.unlink()
    without_its_epoch = replace(ring, _epochs={ring.epoch_id: bytes(32)})
    with pytest.raises(EntryUnopenable):
        async with running(tmp_path, without_its_epoch):
            pytest.fail("it started without knowing what is true")


async def test_a_disk_that_fails_changes_nothing_and_recovers(tmp_path):
    disk = FaultyDisk()
    async with running(tmp_path, keyring(), vfs=disk.name) as instance:
        await found(instance, working_registry())
        before = instance.control.registry
        disk.fault = "full"
        with pytest.raises(LedgerUnavailable):
            await suspend(instance.control)
        assert instance.control.registry is before
        disk.fault = ""
        await suspend(instance.control)
        assert instance.control.registry.agreements["baa-1"].status is AgreementStatus.SUSPENDED


async def test_a_change_that_lands_after_its_deadline_is_published_all_the_same(tmp_path):
    disk = FaultyDisk()
    async with running(tmp_path, keyring(), vfs=disk.name, deadline_seconds=0.2) as instance:
        await found(instance, working_registry())
        published = asyncio.Event()
        instance.control.on_change(lambda _: published.set())
        disk.hang()
        with pytest.raises(LedgerTimeout):
            await suspend(instance.control)
        disk.release()
        async with asyncio.timeout(5):
            await published.wait()
            while not instance.ledger.writable:
                await asyncio.sleep(0)
        assert instance.control.registry.agreements["baa-1"].status is AgreementStatus.SUSPENDED
        assert instance.control.registry.epoch == instance.ledger.facts_epoch


async def test_a_refusal_is_recorded_by_code(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        await found(instance)
        index = await instance.control.refused(by="person:x", action="vendor.add", code="role_not_permitted")
        told = orjson.loads((await instance.headers())[index])
        assert (told["type"], told["decision"]) == ("refusal", "role_not_permitted")


async def test_a_refusal_without_ledger_has_no_index(tmp_path):
    disk = FaultyDisk()
    async with running(tmp_path, keyring(), vfs=disk.name) as instance:
        disk.fault = "full"
        assert await instance.control.refused(by="person:x", action="vendor.add", code="c") is None
        disk.fault = ""


async def test_a_plan_sees_the_person_as_the_rules_need(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        await found(instance, registry())
        plan = partial(vendors.add_vendor, vendor="anthropic", party="Anthropic, PBC")
        await instance.control.change(
            by="person:security", action="vendor.add", reason="r", plan=lambda held: plan(held, SECURITY)
        )
        assert instance.control.registry.vendors.keys() == {"openai", "anthropic"}
