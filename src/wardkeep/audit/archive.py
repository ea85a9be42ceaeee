"""Copies of the log's public files where its operator cannot change them: a directory, or S3 with Object Lock.

A complete tile or bundle never changes, so it is put once; with each turn go the partial files of the newest
checkpoint, and last the checkpoint itself under its size. A cursor beside the tiles says how far this went; it moves
only after everything before it was put. Bundles hold headers, which count as PHI: the archive needs an agreement as any
other place.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from wardkeep.audit import checkpoint as notes
from wardkeep.audit.errors import ArchiveRefused, LedgerUnavailable
from wardkeep.audit.tiles import CHECKPOINT, full_names, partial_names, read_checkpoint
from wardkeep.audit.timestamping import TIMESTAMPS
from wardkeep.storage.errors import StoreUnavailable
from wardkeep.storage.files import write_whole
from wardkeep.transport.errors import ObjectRefused
from wardkeep.transport.s3 import LockedBucket

_CURSOR: Final = "archived"


class Archive(Protocol):
    """A place that keeps what it is given.

    Durability: what `put` returned for survives a crash of the place. Idempotence: the same name with the same content
    may be put again; with other content it raises `ArchiveRefused`, except for `checkpoint`, the one name that moves.
    Failures: `ArchiveRefused`; the caller tries again later.
    """

    def put(self, name: str, content: bytes) -> None:
        """Keep `content` under `name`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryArchive:
    """A directory, best on a file system that another administers or that is write-once; files are made read-only."""

    directory: Path

    def put(self, name: str, content: bytes) -> None:
        """Keep a file; see `Archive`."""
        file = self.directory / name
        try:
            if name != CHECKPOINT and file.exists():
                if file.read_bytes() != content:
                    raise ArchiveRefused(f"the archive holds another {name}; it is never overwritten")
                return
            write_whole(file, content, mode=0o400)
        except (OSError, StoreUnavailable) as error:
            raise ArchiveRefused("the archive's directory cannot be written") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketArchive:
    """S3 with Object Lock; `checkpoint` gets a new locked version each time, the versions before it stay."""

    bucket: LockedBucket

    def put(self, name: str, content: bytes) -> None:
        """Keep an object; see `Archive`."""
        try:
            if name != CHECKPOINT and (held := self.bucket.get(name)) is not None:
                if held != content:
                    raise ArchiveRefused(f"the archive holds another {name}; it is never overwritten")
                return
            self.bucket.put(name, content)
        except ObjectRefused as error:
            raise ArchiveRefused(str(error)) from error


@dataclass(slots=True, kw_only=True)
class Archiver:
    """Brings an archive up to the published checkpoint."""

    directory: Path
    archive: Archive

    def push(self) -> int:
        """Put what is new; return the size that the archive now holds.

        Raises:
            ArchiveRefused: the place did not take it; the cursor stands where it stood.
            LedgerUnavailable: a published file is absent.
        """
        note = read_checkpoint(self.directory)
        if note is None:
            return 0
        size, before = notes.parse(note).size, self._cursor()
        if size == before:
            return size
        for name in (*full_names(before, size), *partial_names(size)):
            self.archive.put(name, self._read(name))
        for file in sorted(self._stamps()):
            self.archive.put(f"{TIMESTAMPS}/{file}", self._read(f"{TIMESTAMPS}/{file}"))
        self.archive.put(f"checkpoints/{size}.note", note)
        self.archive.put(CHECKPOINT, note)
        write_whole(self.directory / _CURSOR, str(size).encode())
        return size

    def _stamps(self) -> list[str]:
        place = self.directory / TIMESTAMPS
        return [file.name for file in place.iterdir()] if place.is_dir() else []

    def _cursor(self) -> int:
        try:
            return int((self.directory / _CURSOR).read_bytes())
        except (FileNotFoundError, ValueError):
            return 0  # putting again is harmless

    def _read(self, name: str) -> bytes:
        try:
            return (self.directory / name).read_bytes()
        except OSError as error:
            raise LedgerUnavailable(f"the published {name} cannot be read") from error
