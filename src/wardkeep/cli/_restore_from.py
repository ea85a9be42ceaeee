"""`wardkeep restore --from`: an instance out of its backup (45 CFR 164.308(a)(7)(ii)(B)). Offline, into a new home.

All of it is checked before anything stands under the home's name: signature, sizes, hashes, keys, chain and head; what
witnesses remember, where a policy names them; shreds are told and carried out again.
"""

import asyncio
import os
import secrets
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wardkeep.app.home import OpenHome, open_home
from wardkeep.app.roots import open_place
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import print_json, print_lines
from wardkeep.compliance.backups import Restored, unpack
from wardkeep.compliance.errors import EntryKeyMissing, EntryShredded, EntryUnopenable
from wardkeep.compliance.two_people import HOST
from wardkeep.crypto.errors import KeyUnavailable
from wardkeep.crypto.keys import RootKey, read_parameters
from wardkeep.model.roots import FilePlace, RootMalformed, RootPlace, parse_root
from wardkeep.settings import clock, load, write_root


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many payloads open, how many have no key here (shredded, or not restored), and how many are damaged."""

    opened: int = 0
    without_key: int = 0
    unopenable: int = 0


def restore_from(place: Path, home: Path, *, root: str, seal: Path | None, is_deep: bool, json: bool) -> None:
    """Restore a backup into a new home and say what it holds. Raises CommandFailed, and what `unpack` raises."""
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise CommandFailed(
            "home_exists",
            what=f"{home} exists and is not empty.",
            why="A restore never writes over an instance: the newer one would be lost.",
            fix="Name another --home, or move that directory away.",
        )
    home.parent.mkdir(parents=True, exist_ok=True)
    partial = home.with_name(f"{home.name}.{secrets.token_hex(4)}.partial")
    try:
        found = unpack(place, partial, root=lambda manifest: _root(root, manifest), seal=seal, now=time.monotonic_ns)
        for name in ("run", "credentials"):
            (partial / name).mkdir(mode=0o700, exist_ok=True)
        _bring_root(root, partial)
        told, counts = asyncio.run(_settle(partial, found, is_deep=is_deep))
        partial.rename(home)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    _tell(home, found, told, counts, json=json)


def _root(given: str, manifest: dict[str, Any]) -> RootKey:
    parameters = manifest.get("root_parameters")
    return open_place(
        _place(given), home=Path(), parameters=None if parameters is None else read_parameters(parameters)
    )


def _place(given: str) -> RootPlace:
    try:
        return parse_root(given)
    except RootMalformed as error:
        raise KeyUnavailable(f"--root: {error}") from None


def _bring_root(given: str, home: Path) -> None:
    """Put the root key file where the restored settings look for it, when they look inside the home.

    Where they name another kind of root, as when the keys were moving, they name the given one from now on.
    """
    wanted, source = load(home).root_place, _place(given)
    if not isinstance(wanted, FilePlace) or not isinstance(source, FilePlace):
        line = f"file:{Path(source.path).absolute()}" if isinstance(source, FilePlace) else given
        if source != wanted and not write_root(home, line):
            raise KeyUnavailable("the restored wardkeep.toml names another root than --root, and cannot be changed")
        return
    target = load(home).path(wanted.path)
    if target.is_relative_to(home) and not target.exists():
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(Path(source.path).read_bytes())


async def _settle(home: Path, found: Restored, *, is_deep: bool) -> tuple[int, Counts | None]:
    """Open the home through the ordinary path, carry shreds out again, and put the restore on record."""
    opened = await open_home(load(home), clock)
    try:
        told = await opened.shredder.reapply()
        counts = await _count(opened) if is_deep else None
        detail: dict[str, str | int | bool] = {
            "action": "restore", "entries": found.size, "root": found.root, "shreds_told": told,
            "milliseconds": int(found.seconds * 1000),
        }  # fmt: skip
        await opened.ledger.append([opened.entries.draft("backup", actor=HOST, detail=detail, payload=b"{}")])
        return told, counts
    finally:
        await opened.close()


async def _count(opened: OpenHome) -> Counts:
    counts = Counts()
    head = await opened.ledger.head()
    async for entry in opened.ledger.scan(0, head.size):
        if entry.payload is None:
            continue
        try:
            await opened.entries.content(entry.header, entry.payload)
        except (EntryShredded, EntryKeyMissing):
            counts = replace(counts, without_key=counts.without_key + 1)
        except EntryUnopenable:
            counts = replace(counts, unopenable=counts.unopenable + 1)
        else:
            counts = replace(counts, opened=counts.opened + 1)
    return counts


def _tell(home: Path, found: Restored, told: int, counts: Counts | None, *, json: bool) -> None:
    if json:
        shown = None if counts is None else {
            "opened": counts.opened, "without_key": counts.without_key, "unopenable": counts.unopenable,
        }  # fmt: skip
        print_json(
            {
                "home": str(home),
                "entries": found.size,
                "root": found.root,
                "shredded": found.shredded,
                "subject_keys": found.subject_keys,
                "shreds_told": told,
                "seconds": found.seconds,
                "payloads": shown,
            }
        )
        return
    print_lines(f"{home} holds {found.size} entries, verified in {found.seconds:.1f} s.")
    if found.subject_keys is None:
        print_lines("No seal was given: what calls said stays sealed.")
    if counts is not None:
        print_lines(
            f"{counts.opened} payloads open, {counts.without_key} have no key, {counts.unopenable} are damaged."
        )
    print_lines(f"Next: wardkeep doctor --home {home}, then wardkeep serve --home {home}")
