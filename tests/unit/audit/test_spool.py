from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.audit import samples

from wardkeep.audit.errors import LedgerUnavailable
from wardkeep.audit.spool import Spool, Spooled
from wardkeep.crypto.keys import data_keys
from wardkeep.crypto.subject import draw_key
from wardkeep.storage.errors import StoreUnavailable
from wardkeep.storage.spool_file import SpoolFile

RING = samples.keyring()
KEYS = data_keys(RING)


def spool(path: Path, *, tenant: str = "tenant-0", ring=RING, keys=KEYS) -> Spool:
    return Spool(SpoolFile(path / "s.spool"), keys=keys, tenant=tenant, signer=ring.signer)


def given(count: int) -> list[Spooled]:
    key = draw_key("e1", bytes(16), period=1, is_resolved=True)
    return [Spooled([samples.draft(keys=KEYS), samples.draft("segment", keys=KEYS)], key) for _ in range(count)]


def test_what_waits_comes_back_in_its_order_and_goes_on_after_a_restart(tmp_path):
    first, more = given(3), given(2)
    here = spool(tmp_path)
    assert here.read() == ([], None)
    assert here.append(first[:1]) == [0]
    assert here.append(first[1:]) == [1, 2]
    there = spool(tmp_path)
    assert there.read() == (first, None)
    assert there.append(more) == [3, 4]
    assert spool(tmp_path).read() == (first + more, None)
    there.clear()
    assert spool(tmp_path).read() == ([], None)
    assert not list(tmp_path.iterdir())
    assert there.append(more) == [0, 1]


def test_every_changed_byte_is_found_at_its_frame_and_what_was_before_is_kept(tmp_path):
    waiting = given(3)
    spool(tmp_path).append(waiting)
    path = tmp_path / "s.spool"
    whole = path.read_bytes()
    length = 4 + int.from_bytes(whole[:4], "big")
    for place in range(4, len(whole) - length, 97):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(bytes(changed))
        found, damaged_at = spool(tmp_path).read()
        assert damaged_at == len(found) < 3
        assert list(found) == waiting[: len(found)]
        assert damaged_at <= place // length


def test_frames_that_were_taken_out_exchanged_or_brought_from_elsewhere_are_found(tmp_path):
    spool(tmp_path).append(given(3))
    (tmp_path / "other").mkdir()
    spool(tmp_path / "other").append(given(3))
    path = tmp_path / "s.spool"

    def frames(file: Path) -> list[bytes]:
        return [len(each).to_bytes(4, "big") + each for each in SpoolFile(file).frames()]

    mine, others = frames(path), frames(tmp_path / "other" / "s.spool")
    for wrong, at in (
        ([mine[0], mine[2]], 1),
        ([mine[1], mine[2]], 0),
        ([mine[1], mine[0], mine[2]], 0),
        ([mine[0], others[1], mine[2]], 1),
        ([*mine, mine[2]], 3),
        ([*mine, b"\xff\xff\xff\xff"], 3),
    ):
        path.write_bytes(b"".join(wrong))
        assert spool(tmp_path).read()[1] == at


def test_a_write_that_a_crash_cut_off_was_never_acknowledged(tmp_path):
    waiting = given(2)
    spool(tmp_path).append(waiting[:1])
    path = tmp_path / "s.spool"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    assert spool(tmp_path).read() == (waiting[:1], None)


def test_what_this_process_wrote_and_does_not_find_is_damage(tmp_path):
    here = spool(tmp_path)
    here.append(given(2))
    (tmp_path / "s.spool").write_bytes(b"")
    assert here.read() == ([], 0)
    here.put_aside()
    assert [path.name.partition("damaged-")[1] for path in tmp_path.iterdir()] == ["damaged-"]


def test_another_tenant_s_or_another_key_s_spool_is_not_read(tmp_path):
    spool(tmp_path).append(given(1))
    assert spool(tmp_path, tenant="tenant-1").read() == ([], 0)
    assert spool(tmp_path, ring=samples.keyring()).read() == ([], 0)
    assert spool(tmp_path, keys=replace(KEYS, epochs={"e1": bytes(32)})).read() == ([], 0)


def test_a_second_path_that_is_not_there_refuses(tmp_path):
    with pytest.raises(LedgerUnavailable):
        spool(tmp_path / "absent").append(given(1))


def test_a_write_that_fails_leaves_whole_frames(tmp_path):
    file = SpoolFile(tmp_path / "s.spool")
    file.append([b"one"])
    assert file._descriptor is not None
    full = SpoolFile(Path("/dev/full"))
    with pytest.raises(StoreUnavailable):
        full.append([b"two"])
    assert list(file.frames()) == [b"one"]
