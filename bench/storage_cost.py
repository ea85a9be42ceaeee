"""Bytes on the disk for one call, through a real gateway: where they go, table by table.

    .venv/bin/python bench/storage_cost.py [--calls 400] [--bytes 4096] [--texts FILE.jsonl]

Each call's request has so many bytes of text, a different one each time; nginx answers with the text of `chat.py` (350
bytes). One call at a time, so that each entry is a batch of its own with a signature: a busy gateway needs less. Texts
are those of `model/corpus/valid`, which the payloads' dictionary has never seen, or the `text` of each line of FILE.

What is counted is the ledger's file page by page (SQLite's dbstat), the search index and the published tiles, before
the calls and after them, each time with the gateway stopped. And the CPU that sealing such a text takes, packed and
not.
"""

import argparse
import json
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

import chat
import upstream
import wardkeep
from peers.contract import Unavailable
from peers.process import NotReadyError, free_port, spawn, stop, wait_until
from wardkeep.crypto.envelope import seal
from wardkeep.crypto.keys import PassphraseParameters, create_keyring, data_keys, open_keyring, passphrase_root

_BENCH = Path(__file__).resolve().parent
_VALID = _BENCH.parent / "model" / "corpus" / "valid"
_MARK = re.compile(r"⟦[A-Z]+\|([^⟦⟧]*)⟧")
_START_SECONDS = 60.0


def main() -> int:
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit("ended by a signal"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--bytes", type=int, default=4096, help="text of a request (default 4096)")
    parser.add_argument("--texts", type=Path, help="JSON lines with `text`, in place of our own corpus")
    parser.add_argument("--out", type=Path, default=_BENCH / "out")
    options = parser.parse_args()
    place = options.out / "storage_cost"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    texts = pieces(options.texts, options.bytes, options.calls)
    try:
        with upstream.nginx(upstream.find_nginx(_BENCH / ".envs" / "nginx"), place / "nginx") as vendor:
            home, key, url = made(vendor.chat_url, place)
            with served(home, place) as _:
                call(url, key, texts[0])
            before = sizes(home)
            with served(home, place) as _:
                for text in texts:
                    call(url, key, text)
            after = sizes(home)
    except (Unavailable, NotReadyError, subprocess.SubprocessError) as error:
        print(f"no figure: {error}", file=sys.stderr)
        return 1
    for is_packed in (False, True):
        print(f"{sealing(texts, is_packed=is_packed):.0f} us CPU to seal such a text{' packed' if is_packed else ''}")
    spent = {name: (after[name] - before[name]) / len(texts) for name in sorted(after)}
    print(
        f"{len(texts)} calls of {options.bytes} bytes of text and an answer of {len(chat.answer_text())}; bytes a call:"
    )
    for name, count in sorted(spent.items(), key=lambda each: -each[1]):
        if abs(count) >= 1:
            print(f"  {count:7.0f}  {name}")
    print(f"  {sum(count for name, count in spent.items() if name.startswith('ledger.db')):7.0f}  in all, ledger.db")
    return 0


def sealing(texts: list[str], *, is_packed: bool) -> float:
    """CPU microseconds to seal one of these texts, the best of ten rounds."""
    root = passphrase_root("bench", PassphraseParameters(salt=bytes(16), iterations=1, lanes=1, memory_kib=64))
    keys = data_keys(open_keyring(root, create_keyring(root, "tenant")))
    plain = [text.encode() for text in texts[:50]]
    found = []
    for _ in range(10):
        before = time.process_time()
        for number, each in enumerate(plain):
            name = number.to_bytes(16, "big")
            seal(keys, plaintext=each, tenant="t", table="e", record_id=name, field="p", version=1, is_packed=is_packed)
        found.append((time.process_time() - before) / len(plain) * 1e6)
    return min(found)


def pieces(path: Path | None, length: int, count: int) -> list[str]:
    """So many texts of that length, cut from whole documents, and again from the start where they are too few."""
    if path is None:
        raw = [_MARK.sub(r"\1", each.read_text(encoding="utf-8")) for each in sorted(_VALID.glob("*.txt"))]
    else:
        raw = [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]
    whole = "\n\n".join(raw).encode()
    starts = list(range(0, len(whole) - length, length))
    return [whole[starts[number % len(starts)] :][:length].decode("utf-8", "ignore") for number in range(count)]


def made(vendor: str, place: Path) -> tuple[Path, str, str]:
    home, port = place / "home", free_port()
    done = subprocess.run(
        [sys.executable, _BENCH / "services" / "wardkeep_home.py", home, vendor, chat.MODEL, str(port)],
        capture_output=True,
        text=True,
        timeout=_START_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise Unavailable(f"the home could not be made: {done.stderr.strip()[-300:]}")
    return home, done.stdout.strip(), f"http://127.0.0.1:{port}/v1/chat/completions"


@contextmanager
def served(home: Path, place: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "wardkeep", "serve", "--home", str(home), "--workers", "1"]
    # The gateway that is measured is the code that the bench itself imports.
    source = {"PYTHONPATH": str(Path(wardkeep.__file__).parents[1])}
    spawned = spawn(command, log=place / "gateway.log", cwd=place, environment=source)
    port = int(re.search(r"data_port = (\d+)", (home / "wardkeep.toml").read_text())[1])
    try:
        wait_until(lambda: answers(port), spawned=spawned, seconds=_START_SECONDS)
        yield
    finally:
        stop(spawned)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True


def call(url: str, key: str, text: str) -> None:
    body = json.loads(chat.request_body(stream=False))
    body["messages"] = [{"role": "user", "content": text}]
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    asked = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert chat.MARKER in answer.read().decode()


def sizes(home: Path) -> Counter[str]:
    """Bytes of each table and index of the ledger, and of what is made from it."""
    found: Counter[str] = Counter()
    with_wal = apsw.Connection(str(home / "ledger.db"))
    with_wal.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    for name, pages in with_wal.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"):
        found[f"ledger.db {name}"] = pages
    row = with_wal.execute(
        "SELECT sum(length(header)), sum(ifnull(length(payload), 0)), sum(ifnull(length(signature), 0)), "
        "sum(length(id) + length(leaf_hash)) FROM entries"
    ).fetchone()
    for name, count in zip(("headers", "payloads", "signatures", "ids and leaf hashes"), row, strict=True):
        found[f"  of entries: {name}"] = count
    with_wal.close()
    found["search.db"] = (home / "search.db").stat().st_size
    found["tiles below log/"] = sum(path.stat().st_size for path in (home / "log").rglob("*") if path.is_file())
    return found


if __name__ == "__main__":
    sys.exit(main())
