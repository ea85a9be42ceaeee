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


def replace_secret(file: Path, content: bytes) -> None:
    """Put `content` in place of a file of secrets, then overwrite what the old one held.

    Overwriting reaches the blocks that this file system gives the old file; copies that a snapshot, a copy-on-write
    file system or a drive's wear levelling keeps are beyond it.

    Raises:
        StoreUnavailable: the new content may or may not stand; the old one may not be overwritten yet.
    """
    try:
        old = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        write_whole(file, content)
        return
    except OSError as error:
        raise StoreUnavailable(f"{file.name} cannot be replaced ({error.strerror})") from error
    try:
        write_whole(file, content)
        os.pwrite(old, bytes(os.fstat(old).st_size), 0)
        os.fsync(old)
    except OSError as error:
        raise StoreUnavailable(f"{file.name} cannot be overwritten ({error.strerror})") from error
    finally:
        os.close(old)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
