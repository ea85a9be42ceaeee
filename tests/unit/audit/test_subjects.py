import asyncio
import shutil
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from wardkeep.audit.errors import LedgerUnavailable
from wardkeep.audit.subjects import Held, open_subjects, read_subject_key
from wardkeep.crypto.errors import KeyUnavailable, UnknownKey
from wardkeep.crypto.keys import create_key_file, create_keyring, data_keys, keep_seal, open_keyring, open_seal
from wardkeep.crypto.subject import draw_key, new_seal
from wardkeep.storage.errors import StoreInUse, StoreUnavailable
from wardkeep.storage.files import replace_secret
from wardkeep.storage.subjects_sqlite import SubjectsFile

PERIOD = 2026 * 12
AT = "2026-11-23T00:00:00.000000Z"


@pytest.fixture
def ring(tmp_path):
    root = create_key_file(tmp_path / "root.key")
    return open_keyring(root, create_keyring(root, "tenant-0"))


@asynccontextmanager
async def desk(home, ring):
    opened = open_subjects(home / "subjects.db", home / "subjects.seal", ring, data_keys(ring))
    try:
        yield opened
    finally:
        await opened.close()


def key_of(tag, period=PERIOD):
    return draw_key("e1", bytes((tag,)) * 16, period=period, is_resolved=True)


async def test_keys_are_kept_over_a_restart_and_found_by_name(tmp_path, ring):
    keys = [key_of(number) for number in range(1, 40)]
    async with desk(tmp_path, ring) as subjects:
        await asyncio.gather(*(subjects.keep([key]) for key in keys))
        before = [await subjects.find(key.name) for key in keys]
        assert await subjects.count() == 39
    async with desk(tmp_path, ring) as subjects:
        assert [await subjects.find(key.name) for key in keys] == before
        with pytest.raises(UnknownKey):
            await subjects.find(key_of(1).name)
        assert await subjects.held(bytes(16)) is None


async def test_a_key_that_is_kept_again_stays_what_it_was(tmp_path, ring):
    key = key_of(1)
    async with desk(tmp_path, ring) as subjects:
        await subjects.keep([key, key_of(1, PERIOD + 3)])
        found = await subjects.find(key.name)
        await subjects.keep([key])
        assert await subjects.find(key.name) == found
        assert await subjects.held(bytes((1,)) * 16) == Held(keys=2, newest_period=PERIOD + 3, is_resolved=True)


async def test_a_shred_destroys_a_subjects_keys_and_keeps_all_others(tmp_path, ring):
    doomed = [key_of(7), key_of(7, PERIOD + 1)]
    neighbour = draw_key("e1", b"\x07" + bytes(15), period=PERIOD, is_resolved=False)
    others = [neighbour, *(key_of(number) for number in range(20, 60))]
    async with desk(tmp_path, ring) as subjects:
        await subjects.keep([*doomed, *others])
        before = [await subjects.find(key.name) for key in others]
        stone = await subjects.destroy("s1", bytes((7,)) * 16, AT)
        assert (stone.keys, stone.is_told) == (2, False)
        assert await subjects.destroy("s1", bytes((7,)) * 16, AT) == stone
        for key in doomed:
            with pytest.raises(UnknownKey):
                await subjects.find(key.name)
        assert [await subjects.find(key.name) for key in others] == before
        await subjects.told("s1")
    async with desk(tmp_path, ring) as subjects:
        assert [await subjects.find(key.name) for key in others] == before
        assert [(each.shred, each.is_told) for each in await subjects.tombstones()] == [("s1", True)]
        with pytest.raises(UnknownKey):
            await subjects.find(doomed[0].name)


async def test_an_older_copy_of_the_table_opens_with_nothing_that_a_shred_leaves(tmp_path, ring):
    doomed, other = key_of(7), key_of(8)
    copy = tmp_path / "older.db"
    async with desk(tmp_path, ring) as subjects:
        await subjects.keep([doomed, other])
    shutil.copyfile(tmp_path / "subjects.db", copy)
    held = data_keys(ring)
    assert read_subject_key(copy, tmp_path / "subjects.seal", ring, held, doomed.name)
    async with desk(tmp_path, ring) as subjects:
        await subjects.destroy("s1", bytes((7,)) * 16, AT)
    with pytest.raises(KeyUnavailable):
        read_subject_key(copy, tmp_path / "subjects.seal", ring, held, doomed.name)
    with pytest.raises(UnknownKey):
        read_subject_key(tmp_path / "subjects.db", tmp_path / "subjects.seal", ring, held, doomed.name)


@pytest.mark.parametrize("step", ["before the table", "after the table"])
async def test_a_shred_that_a_crash_interrupts_loses_no_other_key_and_ends_with_one_seal(tmp_path, ring, step):
    doomed, other = key_of(7), key_of(8)
    seal = tmp_path / "subjects.seal"
    async with desk(tmp_path, ring) as subjects:
        await subjects.keep([doomed, other])
        before = await subjects.find(other.name)
    old = open_seal(ring, seal.read_bytes())
    if step == "after the table":
        async with desk(tmp_path, ring) as subjects:
            await subjects.destroy("s1", bytes((7,)) * 16, AT)
    following = new_seal() if step == "before the table" else open_seal(ring, seal.read_bytes())
    replace_secret(seal, keep_seal(ring, replace(old, following=following.key)))  # what stands until the last step
    async with desk(tmp_path, ring) as subjects:
        assert await subjects.find(other.name) == before
        stones = await subjects.tombstones()
        assert [each.shred for each in stones] == (["s1"] if step == "after the table" else [])
    assert open_seal(ring, seal.read_bytes()) == (following if step == "after the table" else old)


async def test_a_table_that_belongs_to_another_seal_is_not_taken(tmp_path, ring):
    async with desk(tmp_path, ring) as subjects:
        await subjects.keep([key_of(7)])
    shutil.copyfile(tmp_path / "subjects.db", tmp_path / "older.db")
    async with desk(tmp_path, ring) as subjects:
        await subjects.destroy("s1", bytes((7,)) * 16, AT)
    shutil.copyfile(tmp_path / "older.db", tmp_path / "subjects.db")
    with pytest.raises(KeyUnavailable):
        open_subjects(tmp_path / "subjects.db", tmp_path / "subjects.seal", ring, data_keys(ring))
    (tmp_path / "subjects.seal").unlink()
    with pytest.raises(KeyUnavailable):
        open_subjects(tmp_path / "subjects.db", tmp_path / "subjects.seal", ring, data_keys(ring))


async def test_a_shred_is_not_called_done_before_the_old_seal_is_gone(tmp_path, ring):
    """The disk fails after the commit; asked again, the old seal goes before anybody hears that it is done."""
    doomed = key_of(7)
    seal, copy = tmp_path / "subjects.seal", tmp_path / "older.db"
    async with desk(tmp_path, ring) as subjects:
        await subjects.keep([doomed])
    shutil.copyfile(tmp_path / "subjects.db", copy)
    held = data_keys(ring)
    async with desk(tmp_path, ring) as subjects:

        class Full:
            """The file, on a disk that does not take the cut of the write-ahead log."""

            def __getattr__(self, name):
                return getattr(file, name)

            def empty_log(self):
                raise StoreUnavailable("the disk is full")

        file, subjects._file = subjects._file, Full()
        with pytest.raises(LedgerUnavailable):
            await subjects.destroy("s1", bytes((7,)) * 16, AT)
        assert read_subject_key(copy, seal, ring, held, doomed.name)  # what stands until it is finished
        with pytest.raises(LedgerUnavailable):
            await subjects.destroy("s1", bytes((7,)) * 16, AT)
        subjects._file = file
        assert (await subjects.destroy("s1", bytes((7,)) * 16, AT)).keys == 1
        assert open_seal(ring, seal.read_bytes()).following is None
        with pytest.raises(KeyUnavailable):
            read_subject_key(copy, seal, ring, held, doomed.name)


async def test_a_destroyed_key_is_not_kept_again_nor_after_a_restart(tmp_path, ring):
    doomed, fresh, other = key_of(7), key_of(7), key_of(8)
    async with desk(tmp_path, ring) as subjects:
        await subjects.keep([doomed])
        await subjects.destroy("s1", bytes((7,)) * 16, AT)
        with pytest.raises(UnknownKey):
            await subjects.keep([doomed, other])
        assert await subjects.find(other.name)
    async with desk(tmp_path, ring) as subjects:
        with pytest.raises(UnknownKey):
            await subjects.keep([doomed, fresh])
        with pytest.raises(UnknownKey):
            await subjects.find(doomed.name)
        assert await subjects.find(fresh.name)
        # asked after the shred began, and before it was carried out
        late = key_of(8)
        outcomes = await asyncio.gather(
            subjects.keep([late]),
            subjects.destroy("s2", bytes((8,)) * 16, AT),
            subjects.keep([late]),
            return_exceptions=True,
        )
        assert outcomes[1].keys == 2
        assert isinstance(outcomes[2], UnknownKey)
        with pytest.raises(UnknownKey):
            await subjects.find(late.name)


async def test_one_process_at_a_time(tmp_path, ring):
    async with desk(tmp_path, ring):
        with pytest.raises(StoreInUse):
            SubjectsFile(tmp_path / "subjects.db")
    async with desk(tmp_path, ring) as subjects:
        assert await subjects.probe()
    with pytest.raises(LedgerUnavailable):
        await subjects.keep([key_of(1)])


def test_what_a_file_of_secrets_held_is_overwritten(tmp_path):
    file = tmp_path / "secret"
    replace_secret(file, b"first" * 100)
    with file.open("rb") as old:
        replace_secret(file, b"second")
        assert set(old.read()) == {0}
    assert file.read_bytes() == b"second"
    assert file.stat().st_mode & 0o777 == 0o600
