"""One append-only file of frames, synced before an append returns: where records wait while the ledger is down.

A frame is its length in four bytes, then its content. A write that fails is taken back, so that the file ends with a
whole frame; where that fails too, nothing more is written. What a crash cut off at the end was never acknowledged.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from wardkeep.storage.errors import StoreDamaged, StoreUnavailable

LONGEST_FRAME: Final = 128 << 20


class SpoolFile:
    """The file, opened for the first append and removed when all of it stands elsewhere. For one thread at a time."""

    __slots__ = ("_descriptor", "_is_broken", "path")

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is opened yet, and its directory must be there."""
        self.path = path
        self._descriptor: int | None = None
        self._is_broken = False

    def append(self, frames: Sequence[bytes]) -> None:
        """Write frames and sync them. Raises StoreUnavailable; then none of them stands."""
        if self._is_broken:
            raise StoreUnavailable("the spool cannot be written any more")
        data = b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)
        size = 0
        try:
            if self._descriptor is None:
                self._descriptor = self._opened()
            size = os.fstat(self._descriptor).st_size
            written = 0
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
            os.fsync(self._descriptor)
        except OSError as error:
            self._take_back(size)
            raise StoreUnavailable(f"the spool cannot be written ({error.strerror})") from error

    def frames(self) -> Iterator[bytes]:
        """Yield the whole frames from the start; what is cut off at the end is left out.

        Raises:
            StoreUnavailable: it cannot be read.
            StoreDamaged: a frame states a length that no frame has.
        """
        try:
            with self.path.open("rb") as file:
                while len(head := file.read(4)) == 4:
                    length = int.from_bytes(head, "big")
                    if length > LONGEST_FRAME:
                        raise StoreDamaged("the spool states a frame longer than any is")
                    frame = file.read(length)
                    if len(frame) < length:
                        return
                    yield frame
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreUnavailable(f"the spool cannot be read ({error.strerror})") from error

    def remove(self) -> None:
        """Remove it, with what was cut off. Raises StoreUnavailable."""
        self.close()
        try:
            # Nothing waits in a file that is not there; a second path that is not mounted is the doctor's to say.
            with suppress(FileNotFoundError):
                self.path.unlink()
                self._sync_directory()
        except OSError as error:
            raise StoreUnavailable(f"the spool cannot be removed ({error.strerror})") from error
        self._is_broken = False

    def put_aside(self, suffix: str) -> Path:
        """Keep it under another name, for whoever looks into the damage. Raises StoreUnavailable."""
        self.close()
        aside = self.path.with_name(f"{self.path.name}.{suffix}")
        try:
            self.path.rename(aside)
            self._sync_directory()
        except OSError as error:
            raise StoreUnavailable(f"the spool cannot be put aside ({error.strerror})") from error
        return aside

    def close(self) -> None:
        """Release the file. Safe to call twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _opened(self) -> int:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._sync_directory()
        return descriptor

    def _sync_directory(self) -> None:
        descriptor = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _take_back(self, size: int) -> None:
        if self._descriptor is None:
            return
        try:
            os.ftruncate(self._descriptor, size)
            os.fsync(self._descriptor)
        except OSError:
            self._is_broken = True
