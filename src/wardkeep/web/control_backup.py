"""The part of the control API for backups and restore drills (45 CFR 164.308(a)(7)(ii)(A), (D))."""

from pathlib import Path
from typing import Final

import msgspec

from wardkeep.compliance.errors import BackupUnusable, NotAllowed
from wardkeep.compliance.terms import invalid
from wardkeep.crypto.errors import CryptoError
from wardkeep.policy.roles import Permission
from wardkeep.storage.errors import StoreError
from wardkeep.web.asked import ApiRoute, Asked, actor, post_route


class BackupForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a backup goes, and where a copy of the seal goes: another place, so that a shred can destroy it."""

    to: str
    seal_to: str | None = None


class DrillForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The backup that is restored into a scratch place, and the copy of the seal that opens its subject keys."""

    place: str
    seal: str | None = None


async def _make(asked: Asked, filled: BackupForm) -> object:
    place = _path(filled.to)
    seal_to = None if filled.seal_to is None else _path(filled.seal_to)
    if seal_to is not None and seal_to.is_relative_to(place):
        raise invalid("place of the seal", "outside the backup: with both, a shred could not be kept")
    try:
        made = await asked.app.backups.make(by=actor(asked.by), place=place, seal_to=seal_to)
    except (BackupUnusable, CryptoError, StoreError, OSError) as error:
        raise _failed("The backup was not made", error) from error
    return {
        "ledger_index": made.ledger_index,
        "place": str(made.place),
        "entries": made.size,
        "root": made.root,
        "bytes": made.total_bytes,
        "seconds": made.seconds,
        "seal_copied": seal_to is not None,
    }


async def _drill(asked: Asked, filled: DrillForm) -> object:
    seal = None if filled.seal is None else _path(filled.seal)
    try:
        found, index = await asked.app.backups.drill(by=actor(asked.by), place=_path(filled.place), seal=seal)
    except (BackupUnusable, CryptoError, StoreError, OSError) as error:
        raise _failed("The backup could not be restored", error) from error
    return {
        "ledger_index": index,
        "entries": found.size,
        "root": found.root,
        "shredded": found.shredded,
        "subject_keys": found.subject_keys,
        "seconds": found.seconds,
    }


def _path(given: str) -> Path:
    path = Path(given)
    if not path.is_absolute() or "\0" in given:
        raise invalid("path", "absolute, as the server sees it")
    return path


def _failed(what: str, error: Exception) -> NotAllowed:
    told = f"{error.strerror}" if isinstance(error, OSError) else str(error)
    return NotAllowed(
        "backup_failed",
        what=f"{what}: {told}.",
        why="A backup counts only when all of it was read back and is what it should be (45 CFR 164.308(a)(7)).",
        fix="The operator looks at the place, its mode and space, and at which seal and root are given; then again.",
        status=409,
    )


BACKUP_ROUTES: Final[tuple[ApiRoute, ...]] = (
    post_route("backups", Permission.BACKUP_MAKE, "backup.make", BackupForm, _make),
    post_route("backups/drill", Permission.BACKUP_MAKE, "backup.drill", DrillForm, _drill),
)
