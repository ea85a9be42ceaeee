"""Opens what a home directory holds: keys, ledger, control tables. One process at a time."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path

from wardkeep.app.database import opener_for
from wardkeep.app.roots import open_line, open_place
from wardkeep.app.witnessing import require_witnessed
from wardkeep.audit.ledger import StoredLedger
from wardkeep.audit.spool import Spool
from wardkeep.audit.subjects import SubjectKeys, open_subjects
from wardkeep.compliance.backups import Backups
from wardkeep.compliance.control import Control, open_control
from wardkeep.compliance.emergency import Emergency
from wardkeep.compliance.entries import EntryMaker
from wardkeep.compliance.key_custody import KeyCustody
from wardkeep.compliance.shredder import Shredder
from wardkeep.crypto.errors import KeyUnavailable
from wardkeep.crypto.keys import (
    DataKeys,
    Keyring,
    RootKey,
    WrappedKeys,
    data_keys,
    load_wrapped,
    open_keyring,
)
from wardkeep.identity.sessions import Sessions
from wardkeep.model.instant import Instant
from wardkeep.settings import Settings
from wardkeep.storage.control_sqlite import ControlFile
from wardkeep.storage.sessions_sqlite import SessionsFile
from wardkeep.storage.spool_file import SpoolFile


class WitnessCheck(Enum):
    """Whether the policy's witnesses are asked before a byte is written, and what their silence means."""

    REQUIRED = "required"
    IF_REACHABLE = "if_reachable"
    NONE = "none"


LEDGER_ORIGIN = "wardkeep/{tenant}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHome:
    """An opened home. Close it to keep a last checkpoint and release the files."""

    keyring: Keyring
    keys: DataKeys
    ledger: StoredLedger
    store: ControlFile
    control: Control
    entries: EntryMaker
    sessions: Sessions
    subjects: SubjectKeys
    shredder: Shredder
    custody: KeyCustody
    emergency: Emergency

    async def close(self) -> None:
        """Finish writing and release all stores."""
        await self.ledger.close()
        await self.emergency.close()
        await self.subjects.close()
        self.store.close()
        self.sessions.close()


def open_root(settings: Settings, wrapped: WrappedKeys) -> RootKey:
    """Return the root key that the settings name.

    Raises:
        KeyUnavailable, KeyFileUnsafe: the file or variable is absent, readable by others, or not the right one.
    """
    parameters = wrapped.parameters_for(settings.keys.root)
    return open_place(settings.root_place, home=settings.home, parameters=parameters)


def backups_of(settings: Settings, home: OpenHome, clock: Callable[[], Instant]) -> Backups:
    """Return what makes backups of an opened home."""
    return Backups(
        home=settings.home,
        ledger=home.ledger,
        subjects=home.subjects,
        entries=home.entries,
        keyring=home.keyring,
        root=lambda: open_root(settings, read_wrapped(settings.wrapped_keys_path)),
        clock=clock,
    )


def read_wrapped(path: Path) -> WrappedKeys:
    """Return the wrapped keys of a home. Raises KeyUnavailable."""
    try:
        return load_wrapped(path.read_bytes())
    except OSError as error:
        raise KeyUnavailable(f"the wrapped keys {path} cannot be read ({error.strerror})") from error


async def open_home(
    settings: Settings, clock: Callable[[], Instant], *, witness_check: WitnessCheck = WitnessCheck.REQUIRED
) -> OpenHome:
    """Open keys, ledger and control tables; close what a dead process left open; replay what was not applied.

    Where a policy names witnesses they are asked first: nothing is appended to a log that was cut or rewritten.

    Raises:
        CryptoError, LedgerError, StoreError, ControlError: each says what to do; nothing was changed.
    """
    wrapped = read_wrapped(settings.wrapped_keys_path)
    root = open_root(settings, wrapped)
    keyring = open_keyring(root, wrapped)
    keys = data_keys(keyring, with_history=True)
    ledger = StoredLedger(
        opener_for(settings, LEDGER_ORIGIN.format(tenant=keyring.tenant)),
        origin=LEDGER_ORIGIN.format(tenant=keyring.tenant),
        signer=keyring.signer,
        boot=clock().boot,
        now=lambda: clock().wall,
    )
    try:
        if witness_check is not WitnessCheck.NONE:
            await require_witnessed(settings, ledger, is_quorum_required=witness_check is WitnessCheck.REQUIRED)
        store = ControlFile(settings.control_path)
        try:
            subjects = open_subjects(settings.subjects_path, settings.subject_seal_path, keyring, keys)
            try:
                entries = EntryMaker(keys=keys, tenant=keyring.tenant, clock=clock, find_key=subjects.find)
                control = await open_control(ledger=ledger, store=store, entries=entries)
                emergency = Emergency(
                    spool=_spool_of(settings, keyring, keys),
                    ledger=ledger,
                    subjects=subjects,
                    control=control,
                    entries=entries,
                    clock=clock,
                )
                await emergency.begin()  # before open requests are closed: their closing may wait there
                control.in_an_outage(keep=emergency.keep_change, settle=emergency.settle)
                await ledger.recover(is_expired=lambda _: True)
                shredder = Shredder(
                    control=control,
                    ledger=ledger,
                    entries=entries,
                    subjects=subjects,
                    blind_index_key=keys.blind_index_key,
                    clock=clock,
                )
                await shredder.finish()
                custody = KeyCustody(
                    settings=settings,
                    control=control,
                    keyring=keyring,
                    keys=keys,
                    opened_by=root.key_id,
                    open_line=partial(open_line, home=settings.home),
                    clock=clock,
                )
                await custody.finish()
                sessions = Sessions(SessionsFile(settings.sessions_path), keys.api_key_key, os.urandom)
            except BaseException:
                await subjects.close()
                raise
        except BaseException:
            store.close()
            raise
    except BaseException:
        await ledger.close()
        raise
    return OpenHome(
        keyring=keyring,
        keys=keys,
        ledger=ledger,
        store=store,
        control=control,
        entries=entries,
        sessions=sessions,
        subjects=subjects,
        shredder=shredder,
        custody=custody,
        emergency=emergency,
    )


def _spool_of(settings: Settings, keyring: Keyring, keys: DataKeys) -> Spool | None:
    """Return the spool on the second path, where one is set."""
    path = settings.spool_path
    if path is None:
        return None
    return Spool(SpoolFile(path), keys=keys, tenant=keyring.tenant, signer=keyring.signer)
