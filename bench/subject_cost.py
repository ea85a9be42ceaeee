"""What subject keys cost: CPU of sealing one record under its subject's key, and of keeping a new key.

    .venv/bin/python bench/subject_cost.py [--records 20000] [--subjects 1000]

`epoch` seals a record of 1.5 KB under the epoch key, as all were sealed before; `known subject` finds the key in the
process's memory (blind index included) and seals under it, subjects taken in turn; `new subject` draws a key each time;
`keep` is the keeper's part for a new key: wrapped, in a transaction of 64, synced. `shred` destroys a subject's keys
while so many subjects are kept.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from wardkeep.audit.subjects import open_subjects
from wardkeep.crypto.envelope import EpochKeys, seal
from wardkeep.crypto.keys import create_key_file, create_keyring, data_keys, open_keyring
from wardkeep.crypto.subject import draw_key
from wardkeep.gateway.subjects import SubjectCache
from wardkeep.settings import clock

_TEXT = b"x" * 1500


def _cost(count: int, work: Callable[[int], object]) -> float:
    before = time.process_time()
    for number in range(count):
        work(number)
    return (time.process_time() - before) / count * 1e6


def _seal(keys: EpochKeys, number: int) -> object:
    return seal(
        keys,
        plaintext=_TEXT,
        tenant="tenant",
        table="entries",
        record_id=number.to_bytes(16, "big"),
        field="payload",
        version=1,
    )


async def _kept(place: Path, subjects: int) -> None:
    root = create_key_file(place / "root.key")
    ring = open_keyring(root, create_keyring(root, "tenant"))
    desk = open_subjects(place / "subjects.db", place / "subjects.seal", ring, data_keys(ring))
    drawn = [draw_key("e1", os.urandom(16), period=24_000, is_resolved=True) for _ in range(subjects)]
    before, wall = time.process_time(), time.perf_counter()
    for at in range(0, subjects, 64):
        await desk.keep(drawn[at : at + 64])
    cpu, wall = time.process_time() - before, time.perf_counter() - wall
    print(f"keep           {cpu / subjects * 1e6:7.1f} us CPU a key  ({subjects / wall:.0f} keys/s)")
    tag = bytes.fromhex(drawn[0].name.split(".")[1])
    before, wall = time.process_time(), time.perf_counter()
    await desk.destroy("bench", tag, "2026-01-01T00:00:00Z")
    print(f"shred          {(time.perf_counter() - wall) * 1e3:7.1f} ms beside {subjects} keys")
    await desk.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--subjects", type=int, default=1_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        root = create_key_file(place / "first.key")
        keys = data_keys(open_keyring(root, create_keyring(root, "tenant")))
        cache, now = SubjectCache(keys=keys), clock()
        names = [f"subject-{number}" for number in range(options.subjects)]

        def known(number: int) -> object:
            tag = cache.subject_tag(names[number % len(names)])
            return _seal(cache.key_for(tag, now, is_resolved=True).key, number)

        def new(number: int) -> object:
            return _seal(cache.key_for(number.to_bytes(16, "big"), now, is_resolved=False).key, number)

        for number in range(len(names)):
            known(number)
        print(f"epoch          {_cost(options.records, lambda number: _seal(keys, number)):7.1f} us CPU a record")
        print(f"known subject  {_cost(options.records, known):7.1f} us CPU a record")
        print(f"new subject    {_cost(options.records, new):7.1f} us CPU a record")
        asyncio.run(_kept(place, max(options.subjects, 64)))


if __name__ == "__main__":
    main()
