"""Starts the reading process for one file and waits for it, for so long and no longer."""

import asyncio
import math
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec

from wardkeep.privacy.documents.extract import MOST_CHARACTERS, MOST_PAGES

MEMORY_BYTES: Final = 3 * 1024 * 1024 * 1024
CPU_SECONDS: Final = 40
WALL_SECONDS: Final = 120.0
# A character takes six bytes of JSON at the most (RFC 8259 section 7: \u0001), and there are few members beside it.
_MOST_ANSWER_BYTES: Final = 6 * MOST_CHARACTERS + 1024
_CODES: Final = frozenset({"unknown", "dicom", "too_large", "encrypted", "damaged", "extra_missing"})
_MODULE: Final = "wardkeep.privacy.documents.reading_process"
# Nothing of our environment but what finds the interpreter's packages: it may hold a passphrase.
_PASSED: Final = ("PATH", "PYTHONPATH", "LANG", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFile:
    """What a file says. `unread` counts pictures inside it that were not read; the repr shows no text."""

    text: str = field(repr=False)
    pages: int
    unread: int


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer of the reading process, which is believed no more than the file: each member has a bound."""

    text: Annotated[str, msgspec.Meta(max_length=MOST_CHARACTERS)] = ""
    pages: Annotated[int, msgspec.Meta(ge=0, le=MOST_PAGES)] = 0
    unread: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    error: str | None = None


class FileReader:
    """Reads files one after the other, each in a process of its own."""

    def __init__(
        self, *, memory_bytes: int = MEMORY_BYTES, cpu_seconds: int = CPU_SECONDS, wall_seconds: float = WALL_SECONDS
    ) -> None:
        self._limits = (str(memory_bytes), str(cpu_seconds), str(math.ceil(wall_seconds)))
        self.wall_seconds = wall_seconds
        self._one_at_a_time = asyncio.Semaphore(1)

    def __repr__(self) -> str:
        return "FileReader()"

    async def read(self, data: bytes) -> ReadFile | str:
        """Return what the file says, or a code that says why it is not read (`extract`, `too_slow`).

        The time counts from now, waiting for the files of others included.
        """
        try:
            async with asyncio.timeout(self.wall_seconds), self._one_at_a_time:
                out, status = await self._ask(data)
        except TimeoutError:
            return "too_slow"
        if status in {-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGALRM}:
            return "too_slow"
        return await asyncio.to_thread(_answer, out)

    async def _ask(self, data: bytes) -> tuple[bytes, int]:
        """Return what a reading process said of a file and how it ended; nothing is left running."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-B",
            "-P",  # no package out of the working directory
            "-m",
            _MODULE,
            *self._limits,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
                **{name: os.environ[name] for name in _PASSED if name in os.environ},
            },
        )
        try:
            out = await _conversation(process, data)
            return (b"", 0) if out is None else (out, await process.wait())
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


async def _conversation(process: asyncio.subprocess.Process, data: bytes) -> bytes | None:
    """Give a process its file and return what it says, or None when it says more than it may."""
    told, said = process.stdin, process.stdout
    assert told is not None
    assert said is not None
    with suppress(BrokenPipeError, ConnectionResetError):
        told.write(data)
        await told.drain()
    told.close()
    out = bytearray()
    while piece := await said.read(1 << 16):
        out += piece
        if len(out) > _MOST_ANSWER_BYTES:
            return None
    return bytes(out)


def _answer(out: bytes) -> ReadFile | str:
    """Return what the process said; one that was ended by its limits says nothing."""
    try:
        said = msgspec.json.decode(out, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "too_large"
    if said.error is not None:
        return said.error if said.error in _CODES else "damaged"
    return ReadFile(text=said.text, pages=said.pages, unread=said.unread)
