"""Drafts, keys and ledgers for the ledger's tests. Nothing here resembles a person."""

import os
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

from tests.simulators.postgres import OWNER, ROLE

from wardkeep.audit.checkpoint import VerifierKey, verifier_key_text
from wardkeep.audit.entry import Draft, Header, encode_body, timestamp
from wardkeep.audit.ledger import StoredLedger
from wardkeep.crypto.envelope import seal
from wardkeep.crypto.keys import (
    DataKeys,
    Keyring,
    PassphraseParameters,
    create_keyring,
    open_keyring,
    passphrase_root,
)
from wardkeep.model.instant import uuid7
from wardkeep.storage._postgres import DatabaseLogin
from wardkeep.storage.database_place import parse_place
from wardkeep.storage.ledger_postgres import LedgerDatabase
from wardkeep.storage.ledger_sqlite import LedgerFile
from wardkeep.storage.postgres_owner import prepare

ORIGIN = "ledger.example/test"
CHEAP = PassphraseParameters(salt=bytes(16), iterations=1, lanes=1, memory_kib=64)


def keyring() -> Keyring:
    root = passphrase_root("a test passphrase", CHEAP)
    return open_keyring(root, create_keyring(root, "tenant-0"))


def draft(
    kind="request",
    *,
    keys: DataKeys | None = None,
    payload: bytes | None = b"sealed content",
    parent: bytes | None = None,
    closes: bytes | None = None,
    seq: int | None = None,
    owner: str = "worker-1",
    facts_epoch: int | None = None,
    entry_id: bytes | None = None,
    detail=None,
) -> Draft:
    entry_id = entry_id or uuid7(time.time_ns() // 1000, os.urandom(10))
    sealed = {}
    ciphertext = None
    if payload is not None:
        if keys is None:
            ciphertext, key, commit = payload, "e1", "0" * 64
        else:
            out = seal(
                keys,
                plaintext=payload,
                tenant="tenant-0",
                table="entries",
                record_id=entry_id,
                field="payload",
                version=1,
            )
            ciphertext, key, commit = out.ciphertext, out.key_id, out.commitment.hex()
        sealed = {
            "ct_sha256": sha256(ciphertext).hexdigest(),
            "ct_len": len(ciphertext),
            "key": key,
            "commit": commit,
        }
    header = Header(
        type=kind,
        id=entry_id.hex(),
        at=timestamp(datetime.now(UTC)),
        mono=time.monotonic_ns(),
        boot="boot-0",
        actor="app-1",
        workspace="ward-1",
        purpose="TREAT",
        route="notes",
        vendor="vendor-1",
        baa="baa-1",
        policy="policy-1",
        parent=None if parent is None else parent.hex(),
        seq=seq,
        detail=detail,
        **sealed,
    )
    return Draft(
        id=entry_id,
        kind=kind,
        body=encode_body(header),
        payload=ciphertext,
        owner=owner,
        closes=closes,
        facts_epoch=facts_epoch,
    )


def open_ledger(home: Path, ring: Keyring, *, vfs: str | None = None, **options) -> StoredLedger:
    """Open `home/ledger.db` and publish its key beside it."""
    key = VerifierKey(name=ORIGIN, public=ring.signer.public)
    (home / "ledger.pub").write_text(verifier_key_text(key) + "\n")
    return StoredLedger(
        partial(LedgerFile, home / "ledger.db", vfs=vfs), origin=ORIGIN, signer=ring.signer, boot="boot-0", **options
    )


def made_database(server) -> DatabaseLogin:
    """Make the server's database one for a new log, and return how the run-time role reaches it."""
    server.empty()
    prepare(login_to(server.url(OWNER)), origin=ORIGIN, role=ROLE)
    return login_to(server.url())


def login_to(url: str, **options) -> DatabaseLogin:
    """Return how a database is reached, patient enough for a machine that is busy with other things."""
    return DatabaseLogin(place=parse_place(url), **{"answer_seconds": 60.0, **options})


def open_shared(home: Path, ring: Keyring, login: DatabaseLogin, **options) -> StoredLedger:
    """Open the ledger in a database and publish its key in `home`."""
    key = VerifierKey(name=ORIGIN, public=ring.signer.public)
    (home / "ledger.pub").write_text(verifier_key_text(key) + "\n")
    return StoredLedger(
        partial(LedgerDatabase, login, origin=ORIGIN),
        origin=ORIGIN,
        signer=ring.signer,
        boot="boot-0",
        **{"deadline_seconds": 120.0, **options},
    )


async def write_batches(home: Path, ring: Keyring, sizes: Iterable[int]) -> list[Draft]:
    """Write one batch of each size, every third entry without payload, a control entry as fifth; close the ledger."""
    ledger = open_ledger(home, ring)
    written = []
    for size in sizes:
        batch = []
        for _ in range(size):
            number = len(written) + len(batch)
            if number == 4:
                batch.append(draft("control", payload=None))
            else:
                batch.append(draft("read", payload=None if number % 3 == 2 else b"%d" % number * 40))
        await ledger.append(batch)
        written += batch
    await ledger.close()
    return written
