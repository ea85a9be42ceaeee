"""Reads what is on record of a home without changing it, whether its server runs or not.

The store belongs to one process at a time, so a copy is read, in a private directory that is removed. A copy taken
while something was written is taken again.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Final

from wardkeep.cli._failure import CommandFailed
from wardkeep.compliance.records import load
from wardkeep.model.registry import Registry
from wardkeep.storage.control_sqlite import ControlFile

_ATTEMPTS: Final = 5


def read_registry(control: Path) -> Registry:
    """Return the registry of a control store.

    Raises:
        CommandFailed: the store is absent, or is being written all the time.
        StoreError, RecordUnreadable: it cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="wardkeep-control-") as directory:
        store = ControlFile(_copied(control, Path(directory)))
        try:
            applied, records = store.load_all()
        finally:
            store.close()
    return load(records, epoch=applied + 1)


def _copied(control: Path, directory: Path) -> Path:
    log = control.with_name(control.name + "-wal")
    copy = directory / control.name
    for _ in range(_ATTEMPTS):
        try:
            before = _stand(control, log)
            shutil.copyfile(control, copy)
            copied_log = copy.with_name(log.name)
            copied_log.unlink(missing_ok=True)
            if log.exists():
                shutil.copyfile(log, copied_log)
            if _stand(control, log) == before:
                return copy
        except FileNotFoundError as error:
            if control.exists():
                continue  # the log was folded in meanwhile
            raise CommandFailed(
                "store_missing",
                what=f"{control} is not there.",
                fix="Start the server: it is replayed from the ledger.",
            ) from error
    raise CommandFailed("store_busy", what=f"{control} is being written all the time.", fix="Ask again.")


def _stand(*files: Path) -> list[tuple[int, int] | None]:
    """Return what changes whenever one of the files is written, appears or goes."""
    return [(file.stat().st_size, file.stat().st_mtime_ns) if file.exists() else None for file in files]
