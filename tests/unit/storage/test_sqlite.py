import apsw
import pytest
from tests.unit.storage.faulty_disk import FaultyDisk

from wardkeep.storage import _sqlite
from wardkeep.storage.control_sqlite import NOTHING_APPLIED, ControlFile
from wardkeep.storage.errors import StoreDamaged, StoreInUse, StoreMismatch, StoreUnavailable
from wardkeep.storage.ledger_sqlite import Batch, CheckpointRow, HeadRow, LedgerFile

KINDS = [LedgerFile, ControlFile]


def head(size=1):
    return HeadRow(size=size, frontier=b"f", facts_epoch=0, signatures=b"s", note=b"n")


def batch(*numbers, opened=(), closed=(), checkpoint=None):
    return Batch(
        entries=[(n, b"id-%d" % n, b"header-%d" % n, b"leaf-%d" % n, None, b"payload-%d" % n) for n in numbers],
        opened=opened,
        closed=closed,
        head=head(numbers[-1] + 1),
        checkpoint=checkpoint,
    )


def commit_many(file):
    for first in range(1, 200, 10):
        file.commit(batch(*range(first, first + 10)))


@pytest.mark.parametrize("kind", KINDS)
class TestEveryStore:
    def test_is_private_and_synced(self, kind, tmp_path):
        store = kind(tmp_path / "x.db")
        assert store._connection.pragma("journal_mode") == "wal"
        assert store._connection.pragma("synchronous") == 2
        for file in tmp_path.iterdir():
            assert file.stat().st_mode & 0o077 == 0, file.suffix
        store.close()
        store.close()

    def test_second_opener_is_refused(self, kind, tmp_path):
        store = kind(tmp_path / "x.db")
        with pytest.raises(StoreInUse):
            kind(tmp_path / "x.db")
        store.close()
        kind(tmp_path / "x.db").close()

    def test_another_program_s_file_is_refused(self, kind, tmp_path):
        other = apsw.Connection(str(tmp_path / "x.db"))
        other.execute("CREATE TABLE t(x)")
        other.close()
        with pytest.raises(StoreMismatch):
            kind(tmp_path / "x.db")

    def test_later_version_is_refused(self, kind, tmp_path):
        kind(tmp_path / "x.db").close()
        other = apsw.Connection(str(tmp_path / "x.db"))
        other.pragma("user_version", 99)
        other.close()
        with pytest.raises(StoreMismatch):
            kind(tmp_path / "x.db")

    def test_no_database_at_all_is_damage(self, kind, tmp_path):
        (tmp_path / "x.db").write_bytes(b"not a database " * 1000)
        with pytest.raises(StoreDamaged):
            kind(tmp_path / "x.db")

    def test_absent_directory_is_unavailable(self, kind, tmp_path):
        with pytest.raises(StoreUnavailable):
            kind(tmp_path / "absent" / "x.db")


def test_unsafe_library_is_refused():
    _sqlite.refuse_unsafe_library(3_051_003)
    with pytest.raises(StoreMismatch):
        _sqlite.refuse_unsafe_library(3_051_002)


class TestLedgerFile:
    def test_batch_is_read_back(self, tmp_path):
        file = LedgerFile(tmp_path / "l.db")
        assert file.head() is None
        assert file.latest_checkpoint() is None
        kept = CheckpointRow(size=100, frontier=b"f", note=b"n")
        opened = [(b"id-3", 3, "w", "now"), (b"id-5", 5, "w", "now")]
        file.commit(batch(*range(100), opened=opened, checkpoint=kept))
        assert file.head() == head(100)
        assert file.latest_checkpoint() == kept
        assert [row[0] for row in file.rows(10, 13)] == [10, 11, 12]
        assert file.rows(99, 200)[0][1:] == (b"id-99", b"header-99", b"leaf-99", None, b"payload-99")
        assert file.open_requests() == opened
        assert file.known([b"id-7", b"absent", b"id-8"]) == [
            (b"id-7", 7, b"leaf-7", b"header-7"),
            (b"id-8", 8, b"leaf-8", b"header-8"),
        ]
        file.commit(batch(100, closed=[b"id-3"]))
        assert file.open_requests() == opened[1:]
        file.close()

    @pytest.mark.parametrize("skip", range(6))
    @pytest.mark.parametrize("fault", ["full", "read-only", "io"])
    def test_failed_batch_leaves_nothing(self, tmp_path, fault, skip):
        disk = FaultyDisk()
        file = LedgerFile(tmp_path / "l.db", vfs=disk.name)
        file.commit(batch(0))
        disk.fault, disk.skip = fault, skip
        with pytest.raises(StoreUnavailable):
            commit_many(file)
        disk.fault = ""
        file.close()
        file = LedgerFile(tmp_path / "l.db", vfs=disk.name)
        size = file.head().size
        assert [row[0] for row in file.rows(0, 1000)] == list(range(size))
        assert size % 10 == 1
        file.close()

    def test_probe_writes_for_real(self, tmp_path):
        disk = FaultyDisk()
        file = LedgerFile(tmp_path / "l.db", vfs=disk.name)
        file.probe()
        for fault in ("full", "read-only", "io", "no-sync"):
            disk.fault = fault
            with pytest.raises(StoreUnavailable):
                file.probe()
            disk.fault = ""
            file.probe()
        file.close()

    def test_copy_refuses_an_existing_target(self, tmp_path):
        file = LedgerFile(tmp_path / "l.db")
        (tmp_path / "there").touch()
        with pytest.raises(StoreUnavailable):
            file.begin_copy(tmp_path / "there")
        file.close()


class TestControlFile:
    def test_changes_are_applied_once_and_kept(self, tmp_path):
        store = ControlFile(tmp_path / "c.db")
        assert store.load_all() == (NOTHING_APPLIED, {})
        assert store.apply(3, [("baa", "1", b"one"), ("user", "1", b"two")])
        assert not store.apply(3, [("baa", "1", b"other")])
        assert not store.apply(2, [], [("baa", "1")])
        assert store.apply(4, [("baa", "2", b"three")], [("user", "1"), ("user", "absent")])
        store.close()
        store = ControlFile(tmp_path / "c.db")
        assert store.load_all() == (4, {"baa": {"1": b"one", "2": b"three"}})
        store.close()

    def test_failed_change_is_no_change(self, tmp_path):
        disk = FaultyDisk()
        store = ControlFile(tmp_path / "c.db", vfs=disk.name)
        store.apply(1, [("baa", "1", b"one")])
        disk.fault = "full"
        with pytest.raises(StoreUnavailable):
            store.apply(2, [("baa", "1", b"two")])
        disk.fault = ""
        assert store.load_all() == (1, {"baa": {"1": b"one"}})
        assert store.apply(2, [("baa", "1", b"two")])
        store.close()
