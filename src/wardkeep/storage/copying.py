"""Copies a small store that this process holds open, without its connection: file and write-ahead log, then checked.

Only for stores of a few megabytes: the ledger copies itself page by page (`ledger_sqlite.Copying`).
"""

import shutil
from pathlib import Path
from typing import Final

import apsw

from wardkeep.storage._sqlite import close, translated
from wardkeep.storage.errors import StoreDamaged, StoreError, StoreUnavailable

_ATTEMPTS: Final = 10


def copy_store(source: Path, target: Path) -> None:
    """Write a consistent copy; a write between the two files' copies makes it try again. May block on the disk.

    Raises:
        StoreUnavailable: the files cannot be read or written, or the store changed at every attempt.
        StoreDamaged: the store is not well-formed.
    """
    log = Path(f"{target}-wal")
    for attempt in range(_ATTEMPTS):
        try:
            before = _stand(source)
            for suffix in ("", "-wal"):
                if Path(f"{source}{suffix}").exists():
                    shutil.copyfile(f"{source}{suffix}", f"{target}{suffix}")
            if _stand(source) == before:
                _settle(target)
                return
        except OSError as error:
            raise StoreUnavailable(f"the store cannot be copied ({error.strerror})") from error
        except StoreError:
            if attempt == _ATTEMPTS - 1:
                raise
        target.unlink(missing_ok=True)
        log.unlink(missing_ok=True)
    raise StoreUnavailable("the store changed during every attempt to copy it")


def _stand(source: Path) -> tuple[int, int]:
    # What is appended to the log after its copy began does no harm: an unfinished transaction is not in the copy.
    status = source.stat()
    return status.st_mtime_ns, status.st_size


def _settle(target: Path) -> None:
    """Take the log into the copy, so that it is one plain file, and look that it is whole."""
    with translated():
        connection = apsw.Connection(str(target))
        try:
            whole = connection.pragma("integrity_check")
            connection.pragma("journal_mode", "delete")
        finally:
            close(connection)
    if whole != "ok":
        raise StoreDamaged("the copy of the store is not well-formed")
