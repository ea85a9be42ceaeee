"""A real ledger and control store in a directory, for tests of what happens over time."""

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tests.unit.compliance.organisation import registry

from wardkeep.audit.ledger import StoredLedger
from wardkeep.audit.search import SearchIndex
from wardkeep.audit.subjects import open_subjects
from wardkeep.compliance.backups import Backups
from wardkeep.compliance.control import Control, open_control
from wardkeep.compliance.entries import EntryMaker
from wardkeep.compliance.records import ORGANISATION_ID, Change, Kind
from wardkeep.compliance.searching import Searcher
from wardkeep.compliance.shredder import Shredder
from wardkeep.crypto.keys import (
    DataKeys,
    Keyring,
    PassphraseParameters,
    create_keyring,
    data_keys,
    load_key_file,
    open_keyring,
    passphrase_root,
)
from wardkeep.model.instant import Instant
from wardkeep.storage.control_sqlite import ControlFile
from wardkeep.storage.ledger_sqlite import LedgerFile

CHEAP = PassphraseParameters(salt=bytes(16), iterations=1, lanes=1, memory_kib=64)


class Clock:
    def __init__(self):
        self.wall_us = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()) * 1_000_000

    def __call__(self):
        self.wall_us += 1
        return Instant(self.wall_us, self.wall_us * 1000, "boot-0")


def keyring() -> Keyring:
    root = passphrase_root("a test passphrase", CHEAP)
    return open_keyring(root, create_keyring(root, "tenant-0"))


@dataclass(kw_only=True)
class Instance:
    ledger: StoredLedger
    store: ControlFile
    entries: EntryMaker
    control: Control
    keys: DataKeys
    clock: Clock
    searcher: Searcher
    shredder: Shredder
    backups: Backups

    async def headers(self):
        head = await self.ledger.head()
        return [entry.header async for entry in self.ledger.scan(0, head.size)]


@asynccontextmanager
async def running(home: Path, ring: Keyring, *, store=None, vfs=None, deadline_seconds=2.0):
    """Open what the directory holds, as the keeper does."""
    clock = Clock()
    keys = data_keys(ring, with_history=True)
    ledger = StoredLedger(
        partial(LedgerFile, home / "ledger.db", vfs=vfs),
        origin="ledger.example/test",
        signer=ring.signer,
        boot="boot-0",
        deadline_seconds=deadline_seconds,
    )
    held = ControlFile(home / "control.db") if store is None else store
    index = SearchIndex(ledger=ledger, path=home / "search.db")
    try:
        subjects = open_subjects(home / "subjects.db", home / "subjects.seal", ring, keys)
    except BaseException:
        await ledger.close()
        held.close()
        raise
    try:
        entries = EntryMaker(keys=keys, tenant="tenant-0", clock=clock, find_key=subjects.find)
        control = await open_control(ledger=ledger, store=held, entries=entries)
        searcher = Searcher(index=index, entries=entries, keys=keys, clock=clock, registry=lambda: control.registry)
        yield Instance(
            ledger=ledger,
            store=held,
            entries=entries,
            control=control,
            keys=keys,
            clock=clock,
            searcher=searcher,
            backups=Backups(
                home=home,
                ledger=ledger,
                subjects=subjects,
                entries=entries,
                keyring=ring,
                root=lambda: load_key_file(home / "root.key"),
                clock=clock,
            ),
            shredder=Shredder(
                control=control,
                ledger=ledger,
                entries=entries,
                subjects=subjects,
                blind_index_key=keys.blind_index_key,
                clock=clock,
            ),
        )
    finally:
        await index.close()
        await subjects.close()
        await ledger.close()
        held.close()


def founding_changes(held=None):
    """The records of the small organisation, as one change."""
    held = held if held is not None else registry()
    kinds = {
        Kind.VENDORS: held.vendors,
        Kind.AGREEMENTS: held.agreements,
        Kind.DEPLOYMENTS: held.deployments,
        Kind.ROUTES: held.routes,
        Kind.PEOPLE: held.people,
        Kind.WORKSPACES: held.workspaces,
    }
    return (
        Change(kind=Kind.ORGANISATION, id=ORGANISATION_ID, record=held.organisation),
        *(
            Change(kind=kind, id=identifier, record=record)
            for kind, records in kinds.items()
            for identifier, record in records.items()
        ),
    )


async def found(instance, held=None):
    changes = founding_changes(held)
    return await instance.control.change(
        by="host:operator", action="bootstrap", reason="first start", plan=lambda _: changes
    )
