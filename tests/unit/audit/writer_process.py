"""A process that appends until it is killed, telling each acknowledged id: `writer_process.py HOME ROUND`."""

import asyncio
import os
import sys
from pathlib import Path

from tests.unit.audit.samples import draft, open_ledger

from wardkeep.crypto.keys import load_wrapped, open_keyring, passphrase_root


async def append_forever(home: Path, owner: str) -> None:
    wrapped = load_wrapped((home / "keys.json").read_bytes())
    ring = open_keyring(passphrase_root("a test passphrase", wrapped.passphrase), wrapped)
    ledger = open_ledger(home, ring)
    await ledger.recover(is_expired=lambda other: other != owner)

    async def caller():
        while True:
            request = draft("request", owner=owner, payload=b"x" * 900)
            for one in (
                request,
                draft("segment", parent=request.id, seq=0, payload=b"y" * 700),
                draft("response", parent=request.id, closes=request.id, owner=owner, payload=b"z" * 500),
            ):
                await ledger.append([one])
                os.write(1, one.id.hex().encode() + b"\n")  # unbuffered: told before the next append begins

    await asyncio.gather(*(caller() for _ in range(8)))


if __name__ == "__main__":
    asyncio.run(append_forever(Path(sys.argv[1]), sys.argv[2]))
