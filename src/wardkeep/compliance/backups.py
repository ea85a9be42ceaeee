"""Backups that can be restored, and cannot bring back what was destroyed (45 CFR 164.308(a)(7)(ii)(A), (B), (D)).

A backup is a directory: each store copied while calls go on and sealed under a key of this backup, which is wrapped
under the root; a manifest with sizes, hashes and the signed head; and the manifest's signature by the ledger's key.
The control store is copied before the ledger, so it is never ahead of it.

Subject keys are apart: their table is sealed under a key derived from the seal, and the seal is not in the backup but
in a file of its own, elsewhere, that each shred makes worthless. So an older backup opens nothing that was shredded
since; nor does its subject table open anything at all then, and a new backup is to be made after each shred.
"""

import asyncio
import json
import shutil
import tempfile
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from wardkeep.audit.entry import timestamp
from wardkeep.audit.ledger import StoredLedger
from wardkeep.audit.subjects import SubjectKeys, read_seal
from wardkeep.audit.verify import verify
from wardkeep.compliance.entries import EntryMaker
from wardkeep.compliance.errors import BackupUnusable
from wardkeep.crypto.derive import expand
from wardkeep.crypto.errors import CryptoError, RecordTampered
from wardkeep.crypto.keys import Keyring, RootKey, keep_seal, load_wrapped, open_keyring, root_parameters
from wardkeep.crypto.signing import verify as verify_signature
from wardkeep.crypto.stream import open_file, seal_file
from wardkeep.crypto.subject import SubjectSeal
from wardkeep.crypto.wrapping import new_key, wrapping_place
from wardkeep.model.instant import Instant
from wardkeep.storage.copying import copy_store
from wardkeep.storage.files import replace_secret, write_whole
from wardkeep.storage.subjects_sqlite import SubjectsFile

VERSION: Final = 1
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
_SUBJECTS: Final = "subjects.db"
_SMALL: Final = ("keys.json", "wardkeep.toml", "ledger.pub")
_DIRECTORIES: Final = ("log", "tls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A backup that was made, and what it took."""

    place: Path
    size: int
    root: str
    total_bytes: int
    seconds: float
    ledger_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restored backup holds. `subject_keys` None: no seal that opens them was given."""

    size: int
    root: str
    shredded: int
    subject_keys: int | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """Makes backups of an instance that serves. `root` opens the root key again; it is not kept open."""

    home: Path
    ledger: StoredLedger
    subjects: SubjectKeys
    entries: EntryMaker
    keyring: Keyring = field(repr=False)
    root: Callable[[], RootKey] = field(repr=False)
    clock: Callable[[], Instant]

    async def make(self, *, by: str, place: Path, seal_to: Path | None) -> Made:
        """Make a backup below `place`, and put the seal into `seal_to`, over the one that is there.

        Raises:
            OSError, StoreError, CryptoError: it was not made; what stands of it is removed.
            LedgerUnavailable: the ledger cannot be read, or the backup not be recorded.
        """
        began = self.clock()
        target = place / f"wardkeep-{began.wall:%Y%m%dT%H%M%S.%f}Z"
        subjects, seal = await self.subjects.copy()
        await asyncio.to_thread(target.mkdir, mode=0o700, parents=True)
        try:
            with tempfile.TemporaryDirectory(dir=self.home / "run") as scratch_name:
                scratch = Path(scratch_name)
                await asyncio.to_thread(copy_store, self.home / "control.db", scratch / "control.db")
                await self.ledger.copy_to(scratch / "ledger.db")
                note = (await self.ledger.head()).note
                total, size, root = await asyncio.to_thread(self._write, scratch, target, subjects, seal, note)
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, target, ignore_errors=True)
            raise
        if seal_to is not None:
            await asyncio.to_thread(replace_secret, seal_to, keep_seal(self.keyring, seal))
        seconds = (self.clock().mono_ns - began.mono_ns) / 1e9
        detail: dict[str, str | int | bool] = {
            "action": "backup", "entries": size, "root": root, "bytes": total, "milliseconds": int(seconds * 1000),
            "seal_copied": seal_to is not None,
        }  # fmt: skip
        index = await self.record(by, detail)
        return Made(place=target, size=size, root=root, total_bytes=total, seconds=seconds, ledger_index=index)

    async def drill(self, *, by: str, place: Path, seal: Path | None) -> tuple[Restored, int]:
        """Restore a backup into a scratch place, check it, and put how long it took on record as evidence.

        Raises:
            BackupUnusable, CryptoError, OSError: it could not be restored; that is on record too.
        """
        detail: dict[str, str | int | bool] = {"action": "backup.drill", "ok": False}
        try:
            with tempfile.TemporaryDirectory(dir=self.home / "run") as scratch:
                home = Path(scratch) / "home"
                found = await asyncio.to_thread(
                    unpack, place, home, root=lambda _: self.root(), seal=seal, now=lambda: self.clock().mono_ns
                )
        except (BackupUnusable, CryptoError, OSError):
            await self.record(by, detail)
            raise
        detail |= {
            "ok": True, "entries": found.size, "root": found.root, "milliseconds": int(found.seconds * 1000),
            "subject_keys": -1 if found.subject_keys is None else found.subject_keys,
        }  # fmt: skip
        return found, await self.record(by, detail)

    async def record(self, by: str, detail: dict[str, str | int | bool]) -> int:
        """Put a backup or drill on record. Raises LedgerUnavailable."""
        draft = self.entries.draft("backup", actor=by, detail=detail, payload=b"{}")
        return (await self.ledger.append([draft]))[0].index

    def _write(
        self, scratch: Path, target: Path, subjects: bytes, seal: SubjectSeal, note: bytes
    ) -> tuple[int, int, str]:
        """Seal every file and write the manifest; in a thread."""
        key, root = new_key(), self.root()
        tenant = self.keyring.tenant
        checked = verify(scratch / "ledger.db", self.home / "ledger.pub")
        if not checked.ok:
            raise BackupUnusable("the copy of the ledger is damaged: run `wardkeep verify` on the ledger")
        copy_store(self.home / "sessions.db", scratch / "sessions.db")
        for name in _SMALL:
            shutil.copyfile(self.home / name, scratch / name)
        for name in _DIRECTORIES:
            if (self.home / name).is_dir():
                shutil.copytree(self.home / name, scratch / name)
        files = []
        for file in sorted(each for each in scratch.rglob("*") if each.is_file()):
            name = file.relative_to(scratch).as_posix()
            length, digest = seal_file(key, file, target / _sealed(name), name=name)
            files.append({"name": name, "bytes": length, "sha256": digest})
        table = scratch / _SUBJECTS
        table.write_bytes(subjects)
        length, digest = seal_file(_table_key(seal.key), table, target / _sealed(_SUBJECTS), name=_SUBJECTS)
        manifest = {
            "version": VERSION,
            "tenant": tenant,
            "at": timestamp(self.clock().wall),
            "root_id": root.key_id,
            "root_parameters": root_parameters(root),
            "key": b64encode(root.wrap(key, aad=wrapping_place(tenant, "backup"))).decode(),
            "entries": checked.size,
            "root": checked.root,
            "note": note.decode(),
            "seal": seal.number,
            "files": files,
            "subjects": {"bytes": length, "sha256": digest},
        }
        raw = json.dumps(manifest, indent=1).encode() + b"\n"
        write_whole(target / MANIFEST, raw)
        write_whole(target / SIGNATURE, self.keyring.signer.sign(raw))
        return sum(file.stat().st_size for file in target.iterdir()), checked.size, checked.root


def unpack(
    place: Path,
    home: Path,
    *,
    root: Callable[[dict[str, Any]], RootKey],
    seal: Path | None,
    now: Callable[[], int],
) -> Restored:
    """Open a backup into a new directory and check all of it: signature, sizes, hashes, keys, chain, head.

    Without a seal that opens the table of subject keys there is none in the new home, and calls' records stay sealed.
    May block as long as the disk needs.

    Raises:
        BackupUnusable: the directory is no backup, or what is in it is not what its manifest says.
        CryptoError: the root is another one, or a file was changed.
        OSError: a file cannot be read or written.
    """
    began = now()
    raw = (place / MANIFEST).read_bytes()
    manifest = _manifest(raw)
    tenant = str(manifest["tenant"])
    try:
        key = root(manifest).unwrap(b64decode(manifest["key"], validate=True), aad=wrapping_place(tenant, "backup"))
    except (Base64Error, ValueError) as error:
        raise BackupUnusable("the manifest's key cannot be read") from error
    home.mkdir(mode=0o700, parents=True)
    for each in manifest["files"]:
        name = str(each["name"])
        target = home / name
        if not target.resolve().is_relative_to(home.resolve()):
            raise BackupUnusable("the manifest names a file outside the home")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if open_file(key, place / _sealed(name), target, name=name) != (each["bytes"], each["sha256"]):
            raise BackupUnusable(f"{name} is not what the manifest says")
    ring = open_keyring(root(manifest), load_wrapped((home / "keys.json").read_bytes()))
    verify_signature(ring.signer.public, (place / SIGNATURE).read_bytes(), raw)
    checked = verify(home / "ledger.db", home / "ledger.pub")
    if not checked.ok or (checked.size, checked.root) != (manifest["entries"], manifest["root"]):
        raise BackupUnusable(f"the ledger in the backup is damaged ({checked.damage or 'another head'})")
    count = None if seal is None else _restore_subjects(place, home, manifest, seal, ring)
    return Restored(
        size=checked.size,
        root=checked.root,
        shredded=checked.shredded,
        subject_keys=count,
        seconds=(now() - began) / 1e9,
    )


def _restore_subjects(place: Path, home: Path, manifest: dict[str, Any], seal: Path, ring: Keyring) -> int:
    """Bring the table of subject keys back when the seal opens it; return how many keys it holds."""
    held = read_seal(seal, ring)
    target = home / _SUBJECTS
    if held.number != manifest["seal"]:
        raise BackupUnusable(
            f"the subject keys are under seal {manifest['seal']}, and the one given is {held.number}: a shred came "
            "between them; take the newest backup"
        )
    try:
        found = open_file(_table_key(held.key), place / _sealed(_SUBJECTS), target, name=_SUBJECTS)
    except RecordTampered:
        target.unlink(missing_ok=True)
        raise
    if found != (manifest["subjects"]["bytes"], manifest["subjects"]["sha256"]):
        raise BackupUnusable("the subject keys are not what the manifest says")
    write_whole(home / "subjects.seal", seal.read_bytes())
    file = SubjectsFile(target)
    try:
        return file.count()
    finally:
        file.close()


def _manifest(raw: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(raw)
        if manifest["version"] != VERSION:
            raise BackupUnusable("the backup was made by a later version")
        for name in ("tenant", "key", "entries", "root", "seal", "files", "subjects", "root_id"):
            manifest[name]
    except (ValueError, KeyError, TypeError) as error:
        raise BackupUnusable("the manifest cannot be read") from error
    return dict(manifest)


def _sealed(name: str) -> str:
    return name.replace("/", "+") + ".sealed"


def _table_key(seal_key: bytes) -> bytes:
    return expand(seal_key, b"wardkeep/subject-table/1")
