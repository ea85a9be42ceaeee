"""What `wardkeep connect` changed, kept so that it can be taken back byte for byte.

A record stands below `$XDG_STATE_HOME/wardkeep/connect` (else `~/.local/state`), mode 0600: it holds the bytes that
were there before, which may have had a vendor's key in them. It is written before the files are, so that a crash
between leaves a record of files that did not change, and taking back then changes nothing.
"""

import base64
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec.structs import replace

from wardkeep.cli._failure import CommandFailed
from wardkeep.storage.errors import StoreUnavailable
from wardkeep.storage.files import write_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One file's bytes before and after; None: there is no file."""

    path: Path
    before: bytes | None
    after: bytes | None


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a record, its bytes in base64. `mode` is that of the file before."""

    path: str
    before: str | None
    before_sha256: str | None
    after: str | None
    after_sha256: str | None
    mode: int


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One connecting of one client."""

    client: str
    url: str
    files: tuple[_Kept, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """A file that is not as we left it: its bytes then and now."""

    path: Path
    left: bytes | None
    found: bytes | None


def digest(content: bytes | None) -> str | None:
    """Return the SHA-256 of a file's bytes, or None where there is no file."""
    return None if content is None else hashlib.sha256(content).hexdigest()


def read_bytes(path: Path) -> bytes | None:
    """Return a file's bytes, or None where there is none. Raises OSError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def records_of(client: str, settings: Path) -> list[Path]:
    """Return the records of a client's settings file, oldest first."""
    return sorted(_directory().glob(f"{_stem(client, settings)}-*.json"))


def keep_and_write(client: str, url: str, settings: Path, edits: Sequence[Edit]) -> Path:
    """Keep a record of the edits, then make them; return the record.

    Where the newest record's files are still as it left them, this one takes its place and keeps what *it* found:
    taking back then leads to before the first of both.

    Raises:
        CommandFailed: a file cannot be written; the sentence names it, and `--undo` takes back what was.
    """
    earlier = records_of(client, settings)
    newest = read_record(earlier[-1]) if earlier else None
    files = {str(edit.path): _kept(edit) for edit in edits}
    place = _directory() / f"{_stem(client, settings)}-{len(earlier):04d}.json"
    if newest is not None and not differing(newest):
        place = earlier[-1]
        first = {each.path: each for each in newest.files}
        for path, each in first.items():
            now = files.get(path)
            files[path] = each if now is None else replace(each, after=now.after, after_sha256=now.after_sha256)
    record = Record(client=client, url=url, files=tuple(files.values()))
    try:
        write_whole(place, msgspec.json.encode(record))
        for edit in edits:
            _put(edit.path, edit.after, 0o600)
    except (StoreUnavailable, OSError) as error:
        raise CommandFailed(
            "settings_not_written",
            what=f"A file could not be written: {error}.",
            why="Some of the client's settings may have been changed and some not.",
            fix="Mend the place, then run the command again, or with --undo.",
        ) from error
    return place


def read_record(place: Path) -> Record:
    """Return a kept record. Raises CommandFailed when it cannot be read or does not hold what it says."""
    try:
        record = msgspec.json.decode(place.read_bytes(), type=Record)
        sound = all(
            digest(_bytes(each.before)) == each.before_sha256 and digest(_bytes(each.after)) == each.after_sha256
            for each in record.files
        )
    except (OSError, ValueError) as error:
        raise _unreadable(place) from error
    if not sound:
        raise _unreadable(place)
    return record


def differing(record: Record) -> tuple[Differing, ...]:
    """Return the files that are neither as the record left them nor as it found them."""
    found = ((each, read_bytes(Path(each.path))) for each in record.files)
    return tuple(
        Differing(path=Path(each.path), left=_bytes(each.after), found=now)
        for each, now in found
        if digest(now) not in {each.after_sha256, each.before_sha256}
    )


def put_back(place: Path, record: Record) -> tuple[Path, ...]:
    """Put all files back as they were, then drop the record. Raises OSError, StoreUnavailable."""
    for each in record.files:
        _put(Path(each.path), _bytes(each.before), each.mode)
    place.unlink()
    return tuple(Path(each.path) for each in record.files)


def _kept(edit: Edit) -> _Kept:
    mode = 0o600 if edit.before is None else edit.path.stat().st_mode & 0o7777
    return _Kept(str(edit.path), _text(edit.before), digest(edit.before), _text(edit.after), digest(edit.after), mode)


def _text(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)


def _put(path: Path, content: bytes | None, mode: int) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    else:
        write_whole(path, content, mode=mode)
        # The mode of an earlier attempt's file beside it would stay otherwise.
        path.chmod(mode)


def _directory() -> Path:
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "wardkeep" / "connect"


def _stem(client: str, settings: Path) -> str:
    return f"{client}-{hashlib.sha256(str(settings).encode()).hexdigest()[:16]}"


def _unreadable(place: Path) -> CommandFailed:
    return CommandFailed(
        "record_unreadable",
        what=f"The record {place} cannot be read, or does not hold what it says.",
        why="What it would put back may not be what was there.",
        fix="Mend the client's settings by hand, and delete the record.",
    )
