"""Somebody with the current keys and every file, older copies included, looks for what a subject's shred destroyed.

They hold root, tenant and all epoch keys, the seal as it is now, the stores with their write-ahead logs as they are
now, and older copies of all stores. What they do not hold is a copy of the seal from before the shred: with that and an
older table everything opens, so it must be destroyed with the shred (`docs/keys.md`).
"""

import asyncio
import shutil
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import orjson
import pytest
from tests.unit.audit.samples import keyring
from tests.unit.compliance.instance import found, running
from tests.unit.compliance.organisation import PRIVACY, SECURITY
from tests.unit.compliance.test_custody import OF_AGE

from wardkeep.app.gathering import Wanted
from wardkeep.app.keeper import KeeperDesk, LocalSequencer
from wardkeep.app.worker import KeeperLink
from wardkeep.audit.errors import LedgerUnavailable, StaleFacts
from wardkeep.audit.subjects import open_subjects, read_subject_key
from wardkeep.audit.verify import verify
from wardkeep.compliance import custody
from wardkeep.compliance.entries import EntryMaker, peek
from wardkeep.compliance.errors import EntryKeyMissing, EntryShredded, EntryUnopenable, NotAllowed
from wardkeep.compliance.two_people import HOST
from wardkeep.crypto.errors import CryptoError
from wardkeep.crypto.keys import data_keys
from wardkeep.gateway.limits import Limits
from wardkeep.gateway.record import Admission, Recorder
from wardkeep.gateway.subjects import SubjectCache
from wardkeep.model.reasons import Reason
from wardkeep.storage.errors import StoreUnavailable
from wardkeep.transport.unix import FrameClient, FrameServer

CANARY = b"canary-7f31 was seen for a fracture"
OTHER = b"another patient altogether"
LONG_AGO = 1_500_000_000_000_000  # July 2017, past every clock
RECORDS = 200


class Nobody:
    def note(self, key, wall_us):
        pass


class House:
    """A keeper and one worker's recorder in one process, without the road between them."""

    def __init__(self, instance, ring):
        self.instance, self.ring = instance, ring
        self.subjects = instance.shredder.subjects
        self.sequencer = LocalSequencer(
            ledger=instance.ledger,
            subjects=self.subjects,
            limits=Limits(),
            clock=instance.clock,
            last_use=Nobody(),
        )
        keys = data_keys(ring)
        self.cache = SubjectCache(keys=keys)
        self.recorder = Recorder(sequencer=None, keys=keys, subjects=self.cache, owner="worker", clock=instance.clock)

    def key_of(self, subject, wall_us=LONG_AGO):
        return self.cache.key_for(
            self.cache.subject_tag(subject), replace(self.instance.clock(), wall_us=wall_us), is_resolved=True
        )

    async def write(self, subject, text, *, kind="response", admission=None, key_of=None):
        key_of = key_of or self.key_of(subject)
        draft = self.recorder._draft(kind, self.recorder.new_id(), {"subject": key_of.tag.hex()}, text, key_of.key)
        (outcome,) = await self.sequencer.append_each([Wanted([draft], admission, key_of.under)])
        if not isinstance(outcome, Exception):
            key_of.settle()
        return outcome

    async def shred(self, name, subject):
        shredder, control = self.instance.shredder, self.instance.control
        tag = shredder.tag(subject=subject, tag=None)
        standing = await shredder.standing(tag)
        now = self.instance.clock().wall
        await control.change(
            by="person:privacy", action="shred.propose", reason="retention ended",
            plan=lambda registry: custody.propose_shred(
                registry, PRIVACY, shred=name, standing=standing, stated=OF_AGE, today=date(2026, 11, 23), now=now),
        )  # fmt: skip
        return await shredder.approve(
            shred=name, by="person:security", reason="agreed",
            plan=lambda registry, found: custody.approve_shred(
                registry, SECURITY, shred=name, standing=found, stated=OF_AGE, today=date(2026, 11, 23), now=now),
        )  # fmt: skip

    async def entries(self):
        head = await self.instance.ledger.head()
        return [each async for each in self.instance.ledger.scan(0, head.size) if each.payload is not None]


@pytest.fixture
def ring():
    return keyring()


def copied(home: Path, to: Path) -> Path:
    """Everything but the seal, as an older copy of the directory would hold it."""
    shutil.copytree(home, to, ignore=shutil.ignore_patterns("*.seal", "*.lock", "copies"))
    return to


def opened_by_an_adversary(entry, tables, seal: Path, ring) -> bytes | None:
    """Try every key there is on one entry."""
    keys = data_keys(ring, with_history=True)
    name = peek(entry.header).key
    found = [keys]
    for number, table in enumerate(tables):
        for suffix in ("", "-wal"):
            source = Path(f"{table}{suffix}")
            if source.exists():
                shutil.copyfile(source, Path(f"{seal.parent}/copies/{number}.db{suffix}"))
        try:
            found.append(read_subject_key(seal.parent / "copies" / f"{number}.db", seal, ring, keys, name))
        except CryptoError:
            continue
    for each in found:
        try:
            return EntryMaker(keys=each, tenant="tenant-0", clock=None).opened(entry.header, entry.payload)
        except EntryUnopenable:
            continue
    return None


async def test_nothing_of_a_shredded_subject_is_recovered_and_all_others_are(tmp_path, ring):
    home = tmp_path / "home"
    home.mkdir()
    async with running(home, ring) as instance:
        await found(instance)
        house = House(instance, ring)
        drawn = house.key_of("mrn-1").under.new
        await asyncio.gather(*(house.write("mrn-1", CANARY + b" %d" % number) for number in range(RECORDS)))
        await house.write("mrn-2", OTHER)
        before = {each.index: each for each in await house.entries()}
        older = copied(home, tmp_path / "older")
        wrapped = [row[4] for row in house.subjects._file.of(house.key_of("mrn-1").tag)]
        done = await house.shred("s-1", "mrn-1")
        assert done.keys == 1
        (home / "copies").mkdir()
        tables = [home / "subjects.db", older / "subjects.db"]
        tag = house.key_of("mrn-1").tag.hex()
        seen = {"mine": 0, "other": 0}
        for entry in await house.entries():
            name = peek(entry.header).key
            text = opened_by_an_adversary(entry, tables, home / "subjects.seal", ring)
            if tag in name:
                assert text is None
                seen["mine"] += 1
                with pytest.raises(EntryShredded):
                    await instance.entries.content(entry.header, entry.payload)
            elif "." in name:
                assert text == OTHER
                assert await instance.entries.content(entry.header, entry.payload) == OTHER
                seen["other"] += 1
        assert seen == {"mine": RECORDS, "other": 1}
        # what is stored is stored: header, ciphertext and proof stand as before
        after = {each.index: each for each in await house.entries()}
        assert {index: after[index] for index in before} == before
        for file in [*home.rglob("*"), *older.rglob("*")]:
            if file.is_file():
                content = file.read_bytes()
                assert CANARY[:12] not in content
                assert drawn.material not in content
        for file in (home / "subjects.db", home / "subjects.db-wal", home / "subjects.seal"):
            if file.exists():
                assert not any(blob in file.read_bytes() for blob in wrapped)
        assert any(blob in (older / "subjects.db-wal").read_bytes() + (older / "subjects.db").read_bytes()
                   for blob in wrapped)  # fmt: skip
        await instance.ledger.copy_to(tmp_path / "ledger.db")
    result = verify(tmp_path / "ledger.db")
    assert result.ok
    assert result.shredded == RECORDS


async def test_after_a_shred_the_subject_may_come_again_under_a_new_key(tmp_path, ring):
    async with running(tmp_path, ring) as instance:
        await found(instance)
        house = House(instance, ring)
        await house.write("mrn-1", CANARY)
        old = house.key_of("mrn-1")
        await house.shred("s-1", "mrn-1")
        admission = Admission(key="k", calls_per_minute=60, calls_at_once=9)
        # a worker that has not heard of it yet: nothing is taken under the destroyed key
        assert isinstance(await house.write("mrn-1", CANARY, key_of=old), LedgerUnavailable)
        stale = await house.write("mrn-1", CANARY, kind="request", admission=admission, key_of=old)
        assert isinstance(stale, StaleFacts)
        house.cache.follow(instance.control.registry)
        assert house.key_of("mrn-1").key != old.key
        index = (await house.write("mrn-1", b"a new record"))[0]
        entry = await instance.ledger.read(index)
        assert await instance.entries.content(entry.header, entry.payload) == b"a new record"
        house.cache.follow(instance.control.registry)
        assert house.key_of("mrn-1").under.new is None  # followed once, not forgotten again


async def test_a_key_that_cannot_be_kept_turns_away_only_what_is_sealed_under_it(tmp_path, ring):
    async with running(tmp_path, ring) as instance:
        await found(instance)
        house = House(instance, ring)
        await house.write("mrn-1", CANARY)
        known, new = house.key_of("mrn-1"), house.key_of("mrn-2")

        class Full:
            """The table of keys on a disk that takes no more; what is there is read."""

            def __getattr__(self, name):
                return getattr(file, name)

            def put(self, rows, shelves=()):
                raise StoreUnavailable("the disk is full")

        file, house.subjects._file = house.subjects._file, Full()
        drafts = [
            house.recorder._draft("response", house.recorder.new_id(), {"subject": each.tag.hex()}, b"x", each.key)
            for each in (new, known)
        ]
        outcomes = await house.sequencer.append_each(
            [Wanted([drafts[0]], None, new.under), Wanted([drafts[1]], None, known.under)]
        )
        assert isinstance(outcomes[0], LedgerUnavailable)
        assert isinstance(outcomes[1], list)
        assert (await instance.ledger.read(outcomes[1][0])).payload == drafts[1].payload
        house.subjects._file = file
        assert isinstance(await house.write("mrn-2", OTHER, key_of=new), list)


@asynccontextmanager
async def two_workers(house, tmp_path, patience_seconds=60.0):
    """Two workers on the keeper's socket, each with keys of its own."""
    desk = KeeperDesk(
        sequencer=house.sequencer,
        control=house.instance.control,
        keys=house.cache.keys,
        last_wall_us=0,
        patience_seconds=patience_seconds,
    )
    left = []

    def on_left(connection):
        left.append(asyncio.ensure_future(desk.leave(connection)))

    frames = FrameServer(tmp_path / "keeper.sock", desk.answer, on_failed=pytest.fail, on_left=on_left)
    house.subjects.on_destroy(lambda tag: desk.have_forgotten(tag, frames))
    await frames.start()
    clients, workers = [], []
    for number in range(2):
        clients.append(FrameClient(tmp_path / "keeper.sock"))
        link = KeeperLink(clients[-1], f"worker-{number}")
        await clients[-1].connect()
        await link.join()
        workers.append((link, SubjectCache(keys=house.cache.keys)))
    try:
        yield workers
    finally:
        for client in clients:
            await client.close()
        await frames.close()
        await asyncio.gather(*left)


async def written(house, link, cache, text):
    """Write a request as a worker does: stale facts are gathered again, and the record is sealed anew."""
    admission = Admission(key="k", calls_per_minute=10_000, calls_at_once=10_000)
    while True:
        key_of = cache.key_for(
            cache.subject_tag("mrn-1"), replace(house.instance.clock(), wall_us=LONG_AGO), is_resolved=True
        )
        draft = house.recorder._draft(
            "request", house.recorder.new_id(), {"subject": key_of.tag.hex()}, text, key_of.key
        )
        (outcome,) = await link.append_each([Wanted([draft], admission, key_of.under)])
        if isinstance(outcome, StaleFacts):
            await link.refresh()
            continue
        assert not isinstance(outcome, Exception)
        key_of.settle()
        return outcome[0]


async def test_a_subject_is_shredded_while_two_workers_go_on_and_nothing_new_is_lost(tmp_path, ring):
    async with running(tmp_path, ring) as instance:
        await found(instance)
        house = House(instance, ring)
        async with two_workers(house, tmp_path) as workers:
            for link, cache in workers:
                link.on_forget(cache.forget)  # nothing else tells them here: the message alone
            old = [await written(house, link, cache, CANARY) for link, cache in workers]
            shredded = asyncio.Event()
            new = []

            async def go_on(link, cache):
                rounds = 0
                while not shredded.is_set() or rounds < 5:
                    began_after = shredded.is_set()
                    index = await written(house, link, cache, b"during or after")
                    rounds += began_after
                    (new if began_after else during).append(index)

            during = []
            calls = [asyncio.ensure_future(go_on(*each)) for each in workers]
            done = await house.shred("s-1", "mrn-1")
            assert done.keys == 2
            shredded.set()
            await asyncio.gather(*calls)
        decided = done.ledger_index
        assert len(new) >= 10
        for index in old:
            entry = await instance.ledger.read(index)
            with pytest.raises(EntryShredded):
                await instance.entries.content(entry.header, entry.payload)
        for index in [*new, *(index for index in during if index > decided)]:
            entry = await instance.ledger.read(index)
            assert await instance.entries.content(entry.header, entry.payload) == b"during or after"


async def test_a_worker_that_does_not_say_it_forgot_is_cut_off(tmp_path, ring):
    async with running(tmp_path, ring) as instance:
        await found(instance)
        house = House(instance, ring)
        async with two_workers(house, tmp_path, patience_seconds=1.0) as workers:
            await written(house, *workers[0], CANARY)
            deaf = FrameClient(tmp_path / "keeper.sock")
            lost = asyncio.Event()
            deaf.on_lost(lost.set)
            await deaf.connect()
            assert (await house.shred("s-1", "mrn-1")).keys == 1
            await lost.wait()
            assert await written(house, *workers[1], OTHER)


async def test_what_is_inside_retention_is_refused_and_calls_go_on(tmp_path, ring):
    async with running(tmp_path, ring) as instance:
        await found(instance)
        house = House(instance, ring)
        recent = house.key_of("mrn-1", instance.clock().wall_us)
        await house.write("mrn-1", CANARY, key_of=recent)
        with pytest.raises(NotAllowed) as caught:
            await house.shred("s-1", "mrn-1")
        assert caught.value.code == Reason.SHRED_INSIDE_RETENTION
        assert isinstance(await house.write("mrn-1", CANARY, key_of=recent), list)


async def test_a_decision_that_a_crash_left_undone_is_carried_out_at_the_next_start(tmp_path, ring):
    async with running(tmp_path, ring) as instance:
        await found(instance)
        house = House(instance, ring)
        index = (await house.write("mrn-1", CANARY))[0]
        shredder = instance.shredder
        tag = shredder.tag(subject="mrn-1", tag=None)
        standing = await shredder.standing(tag)
        now, day = instance.clock().wall, date(2026, 11, 23)
        await instance.control.change(
            by=HOST, action="shred.propose", reason="r",
            plan=lambda registry: custody.propose_shred(
                registry, PRIVACY, shred="s-1", standing=standing, stated=OF_AGE, today=day, now=now),
        )  # fmt: skip
        await instance.control.change(
            by=HOST, action="shred.approve", reason="r",
            plan=lambda registry: custody.approve_shred(
                registry, SECURITY, shred="s-1", standing=standing, stated=OF_AGE, today=day, now=now),
        )  # fmt: skip
    async with running(tmp_path, ring) as instance:
        assert await instance.shredder.finish() == ["s-1"]
        assert await instance.shredder.finish() == []
        entry = await instance.ledger.read(index)
        with pytest.raises(EntryShredded):
            await instance.entries.content(entry.header, entry.payload)
        told = [orjson.loads(header) for header in await instance.headers() if b'"type":"shred"' in header]
        assert [(each["subject"], each["detail"]["keys"]) for each in told] == [(tag, 1)]


async def test_a_key_that_was_not_restored_is_not_called_destroyed(tmp_path, ring):
    async with running(tmp_path, ring) as instance:
        await found(instance)
        house = House(instance, ring)
        shredded = (await house.write("mrn-1", CANARY))[0]
        kept = (await house.write("mrn-2", OTHER))[0]
        await house.shred("s-1", "mrn-1")
    for name in ("subjects.db", "subjects.db-wal", "subjects.db-shm", "subjects.seal"):
        (tmp_path / name).unlink(missing_ok=True)  # as restored without the seal
    async with running(tmp_path, ring) as instance:
        await instance.shredder.finish()
        for index, expected in ((shredded, EntryShredded), (kept, EntryKeyMissing)):
            entry = await instance.ledger.read(index)
            with pytest.raises(EntryUnopenable) as caught:
                await instance.entries.content(entry.header, entry.payload)
            assert caught.type is expected


async def test_two_ways_to_name_a_subject_and_nothing_else(tmp_path, ring):
    async with running(tmp_path, ring) as instance:
        tag = instance.shredder.tag(subject="mrn-1", tag=None)
        assert instance.shredder.tag(subject=None, tag=tag.upper()) == tag
        for subject, given in ((None, None), ("mrn-1", tag), (None, "zz" * 16), (None, "ab")):
            with pytest.raises(NotAllowed):
                instance.shredder.tag(subject=subject, tag=given)


def test_a_seal_of_before_with_a_table_of_before_is_what_remains(tmp_path, ring):
    """The one thing that crypto-shredding cannot reach, stated where nobody can overlook it."""
    keys = data_keys(ring)

    async def scene():
        subjects = open_subjects(tmp_path / "subjects.db", tmp_path / "subjects.seal", ring, keys)
        cache = SubjectCache(keys=keys)
        drawn = cache.key_for(b"t" * 16, replace_wall(), is_resolved=True).under.new
        await subjects.keep([drawn])
        await subjects.close()
        (tmp_path / "older").mkdir()
        for name in ("subjects.db", "subjects.seal"):
            shutil.copyfile(tmp_path / name, tmp_path / "older" / name)
        subjects = open_subjects(tmp_path / "subjects.db", tmp_path / "subjects.seal", ring, keys)
        await subjects.destroy("s-1", b"t" * 16, "now")
        await subjects.close()
        return drawn.name

    name = asyncio.run(scene())
    old = tmp_path / "older"
    assert read_subject_key(old / "subjects.db", old / "subjects.seal", ring, keys, name)
    with pytest.raises(CryptoError):
        read_subject_key(old / "subjects.db", tmp_path / "subjects.seal", ring, keys, name)


def replace_wall():
    from wardkeep.model.instant import Instant

    return Instant(LONG_AGO, 0, "boot")
