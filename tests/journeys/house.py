"""A real instance with its simulated vendors, and what journeys and attacks need around it.

Real processes and sockets only: a client that shows each piece as it arrives, a second reader of the ledger file that
shares no process with the writer, patients that exist in no other file, and ways to end processes.
"""

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest

from wardkeep.app.home import open_root, read_wrapped
from wardkeep.audit.subjects import read_subject_key
from wardkeep.audit.verify import verify
from wardkeep.compliance.entries import EntryMaker
from wardkeep.crypto.keys import data_keys, open_keyring
from wardkeep.crypto.subject import SubjectKey, is_subject_key
from wardkeep.demo.furnish import Vendors, furnish
from wardkeep.demo.instance import FIRST, Instance
from wardkeep.demo.vendor import SimulatorProcess
from wardkeep.settings import clock, load

ZONE = "America/New_York"
CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
COUNT = "/v1/messages/count_tokens"
PATIENCE_SECONDS = 60.0
BETWEEN_LOOKS_SECONDS = 0.01


# ---- the instance ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class House:
    """A running instance, its vendor, and a key that may use its models."""

    instance: Instance
    vendor: SimulatorProcess
    api_key: str

    def officer(self, method: str, path: str, body: object = None, *, officer: str = FIRST) -> Any:
        return self.instance.api(officer, method, path, body)

    def headers(self, start: int = 0) -> list[dict[str, Any]]:
        """All ledger headers from `start` on, by the officers' API."""
        found: list[dict[str, Any]] = []
        at, size = start, self.officer("GET", "ledger/head")["size"]
        while at < size:
            page = self.officer("GET", f"ledger/entries?from={at}&to={min(at + 500, size)}")["entries"]
            found += page
            at += len(page)
        return found

    def open_entry(self, index: int) -> Any:
        form = {"reason": "review", "purpose": "HOPERAT"}
        return self.officer("POST", f"ledger/entries/{index}/open", form)["content"]

    def size(self) -> int:
        return int(self.officer("GET", "ledger/head")["size"])

    def operations(self, path: str) -> tuple[int, bytes]:
        return fetch(self.instance.operations + path)


@contextmanager
def house(
    *models: str,
    workers: int = 1,
    home: Path | None = None,
    environment: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[House]:
    """Set up and serve a new instance, furnished with the models named; `settings` replace lines of its file."""
    with tempfile.TemporaryDirectory() as directory, SimulatorProcess() as vendor:
        instance = Instance(
            home=home or Path(directory) / "home",
            workers=workers,
            environment=environment or {},
            deadline_seconds=120.0,
        )
        instance.init(zone=ZONE)
        file = instance.home / "wardkeep.toml"
        for line, instead in (settings or {}).items():
            assert file.read_text().count(f"\n{line}\n") == 1, line
            file.write_text(file.read_text().replace(f"\n{line}\n", f"\n{instead}\n"))
        with instance:
            yield House(instance, vendor, furnish(instance, where(vendor), models, today=today()))


MODELS = (
    "sim-echo", "sim-tools", "sim-json", "sim-think", "sim-long", "sim-count", "sim-slow", "sim-drop", "sim-garbage",
    "sim-error-400", "sim-error-401", "sim-error-403", "sim-error-404", "sim-error-429", "sim-error-500",
    "sim-error-503", "sim-error-529", "sim-error-stream",
)  # fmt: skip
_SHARED = {1: pytest.StashKey[House](), 2: pytest.StashKey[House]()}


def shared_house(config: pytest.Config, workers: int) -> House:
    """The run's house with so many workers, for tests that leave it as they found it; its vendor has forgotten all."""
    key = _SHARED[workers]
    if key not in config.stash:
        keep = contextlib.ExitStack()
        config.add_cleanup(keep.close)
        config.stash[key] = keep.enter_context(house(*MODELS, workers=workers))
    found = config.stash[key]
    found.vendor.reset()
    return found


def where(vendor: SimulatorProcess) -> Vendors:
    return Vendors(
        openai_url=vendor.openai_url,
        anthropic_url=vendor.url,
        openai_key=vendor.openai_key,
        anthropic_key=vendor.anthropic_key,
    )


def today():
    return datetime.now(UTC).astimezone(ZoneInfo(ZONE)).date()


def fetch(url: str) -> tuple[int, bytes]:
    import http.client

    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_SECONDS)
    try:
        line.request("GET", parts.path)
        answer = line.getresponse()
        return answer.status, answer.read()
    finally:
        line.close()


def workers_of(instance: Instance) -> list[int]:
    """The keeper's worker processes."""
    return [int(pid) for pid in Path(f"/proc/{instance.pid}/task/{instance.pid}/children").read_text().split()]


def kill_all(instance: Instance) -> None:
    """End the keeper and its workers at once, and wait until the kernel has let go of them."""
    pids = workers_of(instance)
    held = [os.pidfd_open(pid) for pid in pids]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    instance.kill()
    _wait_ended(held)


def kill_keeper(instance: Instance) -> None:
    """End the keeper alone; its workers notice and end by themselves, which is waited for."""
    held = [os.pidfd_open(pid) for pid in workers_of(instance)]
    instance.kill()
    _wait_ended(held)


def _wait_ended(held: list[int]) -> None:
    import select

    try:
        for descriptor in held:
            assert select.select([descriptor], [], [], PATIENCE_SECONDS)[0], "a process did not end"
    finally:
        for descriptor in held:
            os.close(descriptor)


async def eventually(holds: Callable[[], Any | Awaitable[Any]], *, seconds: float = PATIENCE_SECONDS) -> Any:
    """Look until the condition holds, and return what it gave. Raises AssertionError after `seconds`."""
    until = time.monotonic() + seconds
    while True:
        found = holds()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        assert time.monotonic() < until, f"did not come true within {seconds} s"
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), BETWEEN_LOOKS_SECONDS)


def wait_until(holds: Callable[[], Any], *, seconds: float = PATIENCE_SECONDS) -> Any:
    """`eventually` where no event loop runs."""
    return asyncio.run(eventually(holds, seconds=seconds))


# ---- the client ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)
    head: bytes = field(repr=False, default=b"")

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """The refusal's code, in either shape."""
        try:
            error = self.json().get("error")
        except ValueError:
            return None
        return error.get("code") if isinstance(error, dict) else None

    @property
    def index(self) -> int | None:
        value = self.headers.get("wardkeep-ledger-index")
        return None if value is None else int(value)


class Line:
    """One connection, kept alive while both sides want it. Shows each piece of an answer as it arrives."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self.reader, self.writer, self.host = reader, writer, host
        self.head = b""
        self.patience_seconds = PATIENCE_SECONDS

    @classmethod
    async def to(cls, url: str) -> "Line":
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 22)
        return cls(reader, writer, parts.netloc)

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        lines = [f"{method} {path} HTTP/1.1", f"host: {self.host}", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    async def read_head(self) -> Answer:
        self.head = await self._within(self.reader.readuntil(b"\r\n\r\n"))
        start, *fields = self.head.decode("latin-1").split("\r\n")
        named = (line.partition(":") for line in fields if line)
        return Answer(
            status=int(start.split(" ")[1]),
            headers={name.lower(): value.strip() for name, _, value in named},
            body=b"",
            head=self.head,
        )

    async def pieces(self, head: Answer) -> AsyncIterator[bytes]:
        """The body's pieces, one for each that the server sent. Raises IncompleteReadError when it breaks off."""
        if "content-length" in head.headers:
            yield await self._within(self.reader.readexactly(int(head.headers["content-length"])))
            return
        assert head.headers.get("transfer-encoding") == "chunked"
        while True:
            size = int(await self._within(self.reader.readuntil(b"\r\n")), 16)
            piece = await self._within(self.reader.readexactly(size + 2))
            if size == 0:
                return
            yield piece[:-2]

    async def answer(self) -> Answer:
        head = await self.read_head()
        return replace(head, body=b"".join([piece async for piece in self.pieces(head)]))

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        self.send(method, path, headers, body)
        return await self.answer()

    def cut(self) -> None:
        """Leave at once, without a word."""
        self.writer.transport.abort()

    def close(self) -> None:
        self.writer.close()

    async def _within(self, reading: Awaitable[bytes]) -> bytes:
        return await asyncio.wait_for(reading, self.patience_seconds)


@asynccontextmanager
async def line_to(url: str) -> AsyncIterator[Line]:
    line = await Line.to(url)
    try:
        yield line
    finally:
        line.close()


def key_headers(key: str, path: str = CHAT, **more: str) -> dict[str, str]:
    """The headers an unmodified client of the path's wire format sends."""
    named = {name.replace("_", "-"): value for name, value in more.items()}
    if path == CHAT:
        return {"authorization": f"Bearer {key}", "content-type": "application/json", **named}
    return {"x-api-key": key, "anthropic-version": "2023-06-01", "content-type": "application/json", **named}


def body_for(path: str, model: str, content: object, **more: object) -> bytes:
    """The smallest body of the path's wire format that asks `content`."""
    messages = content if isinstance(content, list) and content and "role" in content[0] else None
    body: dict[str, object] = {"model": model, "messages": messages or [{"role": "user", "content": content}]}
    if path == MESSAGES:
        body["max_tokens"] = 500
    return json.dumps({**body, **more}).encode()


async def ask(url: str, key: str, path: str, model: str, content: object, **more: object) -> Answer:
    """One call on a connection of its own."""
    async with line_to(url) as line:
        return await line.ask("POST", path, key_headers(key, path), body_for(path, model, content, **more))


def events(body: bytes) -> list[dict[str, Any]]:
    """The JSON events of a stream; the closing word of the OpenAI format is left out."""
    data = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
    return [json.loads(each) for each in data if each != b"[DONE]"]


def text_of(answer: Answer) -> str:
    """The words of an answer, streamed or whole, in either format."""
    if "event-stream" in answer.headers.get("content-type", ""):
        words = []
        for event in events(answer.body):
            words += [choice.get("delta", {}).get("content") or "" for choice in event.get("choices", ())]
            delta = event.get("delta")
            words.append(delta.get("text", "") if isinstance(delta, dict) else "")
        return "".join(words)
    said = answer.json()
    if "choices" in said:
        return said["choices"][0]["message"]["content"] or ""
    return "".join(block.get("text", "") for block in said["content"])


def is_finished(body: bytes) -> bool:
    """Whether a stream came to its proper end."""
    return b"data: [DONE]" in body or b'"type":"message_stop"' in body or b'"type": "message_stop"' in body


# ---- the ledger, read by another process -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    index: int
    header: dict[str, Any]
    raw: bytes = field(repr=False)
    payload: bytes | None = field(repr=False)

    @property
    def type(self) -> str:
        return str(self.header["type"])

    @property
    def parent(self) -> str | None:
        return self.header.get("parent")


class Bookkeeper:
    """Reads a home's ledger file beside its writer, and opens what is sealed with the home's own keys."""

    def __init__(self, home: Path) -> None:
        settings = load(home)
        self.path = settings.ledger_path
        wrapped = read_wrapped(settings.wrapped_keys_path)
        ring = open_keyring(open_root(settings, wrapped), wrapped)
        self._ring, self._keys = ring, data_keys(ring, with_history=True)
        self._settings = settings
        self._found: dict[str, SubjectKey] = {}

    def stored(self, start: int = 0) -> list[Stored]:
        """The entries that are in the file and its write-ahead log now.

        The writer locks the file, so a copy is read; one that was torn by a checkpoint is taken again.
        """
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._copied(start)
            except sqlite3.DatabaseError:
                assert time.monotonic() < until, "the ledger file cannot be read"

    def opened(self, entry: Stored) -> bytes:
        assert entry.payload is not None
        name = entry.header["key"]
        keys = self._subject_key(name) if is_subject_key(name) else self._keys
        return EntryMaker(keys=keys, tenant=self._ring.tenant, clock=clock).opened(entry.raw, entry.payload)

    def _subject_key(self, name: str) -> SubjectKey:
        if name not in self._found:
            with tempfile.TemporaryDirectory() as directory:
                copy = Path(directory) / "subjects.db"
                for suffix in ("", "-wal"):
                    with contextlib.suppress(FileNotFoundError):
                        shutil.copyfile(f"{self._settings.subjects_path}{suffix}", f"{copy}{suffix}")
                seal = self._settings.subject_seal_path
                self._found[name] = read_subject_key(copy, seal, self._ring, self._keys, name)
        return self._found[name]

    def _copied(self, start: int) -> list[Stored]:
        with tempfile.TemporaryDirectory() as directory:
            copy = Path(directory) / "ledger.db"
            while True:
                before = self._stand()
                for suffix in ("", "-wal"):
                    with contextlib.suppress(FileNotFoundError):
                        shutil.copyfile(f"{self.path}{suffix}", f"{copy}{suffix}")
                if before == self._stand():
                    break
            connection = sqlite3.connect(copy)
            try:
                rows = connection.execute(
                    "SELECT idx, header, payload FROM entries WHERE idx >= ? ORDER BY idx", (start,)
                ).fetchall()
            finally:
                connection.close()
        return [Stored(index=row[0], header=json.loads(row[1]), raw=row[1], payload=row[2]) for row in rows]

    def _stand(self) -> tuple[int, ...]:
        # Only a checkpoint changes the database; what is appended to the log after the copy began does no harm.
        with contextlib.suppress(FileNotFoundError):
            return (self.path.stat().st_mtime_ns,)
        return ()


def calls_of(entries: list[Stored]) -> dict[str, list[Stored]]:
    """Request id -> its request, segments and closing entries, in order.

    What belongs to a request before the first of the entries is left out.
    """
    calls: dict[str, list[Stored]] = {each.header["id"]: [each] for each in entries if each.type == "request"}
    is_whole = bool(entries) and entries[0].index == 0
    for each in entries:
        if each.type in {"segment", "response", "aborted"} and (is_whole or each.parent in calls):
            calls[str(each.parent)].append(each)
    return calls


def check_calls(entries: list[Stored]) -> None:
    """Every request is closed exactly once, by the last entry of its call; segments are numbered without a gap."""
    for call in calls_of(entries).values():
        request, *segments, closing = call
        assert request.type == "request"
        assert closing.type in {"response", "aborted"}, f"{request.index} is not closed"
        assert all(each.type == "segment" for each in segments), f"{request.index} is closed twice"
        assert [each.header["seq"] for each in segments] == list(range(len(segments)))


def check_ledger(home: Path) -> int:
    """The offline verifier finds nothing; returns the size."""
    result = verify(home)
    assert result.ok, result
    return int(result.size)


# ---- patients --------------------------------------------------------------------------------------------------------

# Names that are also words or places are a matter of the detector's own tests; these are nothing but names.
FIRST_NAMES = (
    "Rosalind", "Matthias", "Gwendolyn", "Bernadette", "Leopold", "Josephine", "Theodore", "Marguerite", "Sebastian",
    "Clementine", "Nathaniel", "Beatrice", "Cornelius", "Henrietta", "Frederick", "Wilhelmina", "Augustus", "Philippa",
    "Benedict", "Geraldine", "Reginald", "Antoinette", "Montgomery", "Priscilla", "Ferdinand", "Evangeline", "Rudolph",
    "Millicent", "Thaddeus", "Constance", "Archibald", "Genevieve",
)  # fmt: skip
LAST_NAMES = (
    "Okafor", "Whitfield", "Castellano", "Vandermeer", "Abernathy", "Lindqvist", "Kowalczyk", "Fitzgerald", "Montague",
    "Hargreaves", "Delacroix", "Pemberton", "Rosenbaum", "Villanueva", "Yamamoto", "Mikkelsen", "Cunningham",
    "Sorensen", "Bartholomew", "Eisenberg", "Gallagher", "Hutchinson", "Jankowski", "Papadopoulos", "Lancaster",
    "Mackenzie", "Nakamura", "Obermeyer", "Prendergast", "Quintanilla", "Wojciechowski", "Stavropoulos",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Somebody who exists in no other file: drawn when the test runs."""

    first: str
    last: str
    record: str
    social: str
    phone: str
    email: str = field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"

    @property
    def note(self) -> str:
        return (
            f"Patient {self.name} (MRN: {self.record}, SSN: {self.social}), phone {self.phone}, email {self.email}, "
            f"was seen for chest pain. Ms. {self.last} may be called at home."
        )


def draw_patient(chance: random.Random, number: int | None = None) -> Patient:
    """Draw a patient; with a number, one whose name no other number of the run has (up to 1,024)."""
    pick = chance.randrange(1024) if number is None else number
    first, last = FIRST_NAMES[pick % 32], LAST_NAMES[(pick // 32 + pick) % 32]
    return Patient(
        first=first,
        last=last,
        record=f"{chance.randrange(10_000_000, 99_999_999)}",
        social=f"{chance.randrange(301, 665)}-{chance.randrange(11, 99)}-{chance.randrange(1001, 9999)}",
        phone=f"415-{chance.randrange(201, 999)}-{chance.randrange(1001, 9999)}",
        email=f"{first[0].lower()}.{last.lower()}{chance.randrange(100, 999)}@mailbox.example.org",
    )
