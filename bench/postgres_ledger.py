"""Durable, sealed records a second through the PostgreSQL ledger, with appends of 64 records.

    PYTHONPATH=. python bench/postgres_ledger.py --directory /var/tmp --seconds 10

Starts a PostgreSQL of its own below the directory, on a Unix socket; that directory's disk is what is measured.
Sealing is part of the measure: each record's payload is sealed with AES-256-GCM before it is appended.
"""

import argparse
import asyncio
import os
import tempfile
import time
from functools import partial
from pathlib import Path

from tests.simulators.postgres import OWNER, ROLE, Postgres
from tests.unit.audit import samples

from wardkeep.audit.ledger import StoredLedger
from wardkeep.crypto.keys import data_keys
from wardkeep.storage._postgres import DatabaseLogin
from wardkeep.storage.database_place import parse_place
from wardkeep.storage.ledger_postgres import LedgerDatabase
from wardkeep.storage.ledger_sqlite import LedgerFile
from wardkeep.storage.postgres_owner import prepare


async def measure(ledger: StoredLedger, *, seconds: float, batch: int, ahead: int, payload: int) -> tuple[int, float]:
    """Append for some seconds, `ahead` appends of `batch` records waiting at any time."""
    keys = data_keys(samples.keyring())
    text = os.urandom(payload)
    began, count = time.monotonic(), 0

    async def append() -> None:
        nonlocal count
        while time.monotonic() - began < seconds:
            drafts = [samples.draft("read", keys=keys, payload=text) for _ in range(batch)]
            await ledger.append(drafts)
            count += batch

    await asyncio.gather(*(append() for _ in range(ahead)))
    took = time.monotonic() - began
    await ledger.close()
    return count, took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path, default=Path("/var/tmp"))
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--ahead", type=int, default=4)
    parser.add_argument("--payload", type=int, default=1024)
    asked = parser.parse_args()
    ring = samples.keyring()
    server = Postgres(asked.directory)
    try:
        with tempfile.TemporaryDirectory(dir=asked.directory) as home:
            prepare(DatabaseLogin(place=parse_place(server.url(OWNER))), origin=samples.ORIGIN, role=ROLE)
            login = DatabaseLogin(place=parse_place(server.url()), answer_seconds=60.0)
            stores = {
                "postgres": partial(LedgerDatabase, login, origin=samples.ORIGIN),
                "sqlite": partial(LedgerFile, Path(home) / "ledger.db"),
            }
            for name, store in stores.items():
                ledger = StoredLedger(
                    store, origin=samples.ORIGIN, signer=ring.signer, boot="bench", deadline_seconds=60.0
                )
                before = time.process_time()
                count, took = asyncio.run(
                    measure(ledger, seconds=asked.seconds, batch=asked.batch, ahead=asked.ahead, payload=asked.payload)
                )
                cpu = (time.process_time() - before) / count * 1e6
                rate = count / took
                print(f"{name}: {rate:.0f} durable sealed records/s, {cpu:.0f} us CPU a record of ours", flush=True)
    finally:
        server.close()


if __name__ == "__main__":
    main()
