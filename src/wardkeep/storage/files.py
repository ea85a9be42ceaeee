"""Small files that are whole or absent, also after a crash: written beside, then renamed over the old one.

`durable` syncs the file and its directory, so that what was returned to a caller cannot be lost. Without it a crash of
the machine may leave the older version, or none: only for what can be made again.
"""

import os
from pathlib import Path

from wardkeep.storage.errors import StoreUnavailable


def write_whole(file: Path, content: bytes, *, durable: bool = True, mode: int = 0o600) -> None:
    """Put `content` in place of the file. Raises StoreUnavailable; the old content then still stands."""
    temporary = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        temporary.replace(file)
        if durable:
            _sync_directory(file.parent)
    except OSError as error:
        raise StoreUnavailable(f"{file.name} cannot be written ({error.strerror})") from error


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
