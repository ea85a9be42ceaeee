"""Starts the reading process for one file and waits for it, for so long and no longer."""

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

MEMORY_BYTES: Final = 3 * 1024 * 1024 * 1024
CPU_SECONDS: Final = 40
WALL_SECONDS: Final = 120.0
_MODULE: Final = "wardkeep.privacy.documents.reading_process"
# Nothing of our environment but what finds the interpreter's packages: it may hold a passphrase.
_PASSED: Final = ("PATH", "PYTHONPATH", "LANG", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFile:
    """What a file says. `unread` counts pictures inside it that were not read; the repr shows no text."""

    text: str = field(repr=False)
    pages: int
    unread: int


class FileReader:
    """Reads files one after the other, each in a process of its own."""

    def __init__(
        self, *, memory_bytes: int = MEMORY_BYTES, cpu_seconds: int = CPU_SECONDS, wall_seconds: float = WALL_SECONDS
    ) -> None:
        self._limits = (str(memory_bytes), str(cpu_seconds))
        self._wall_seconds = wall_seconds
        self._one_at_a_time = asyncio.Semaphore(1)

    def __repr__(self) -> str:
        return "FileReader()"

    async def read(self, data: bytes) -> ReadFile | str:
        """Return what the file says, or a code that says why it is not read (`extract`, `too_slow`)."""
        async with self._one_at_a_time:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
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
                async with asyncio.timeout(self._wall_seconds):
                    out, _ = await process.communicate(data)
            except TimeoutError:
                return "too_slow"
            finally:
                if process.returncode is None:
                    with suppress(ProcessLookupError):
                        process.kill()
                    await process.wait()
        return _answer(out)


def _answer(out: bytes) -> ReadFile | str:
    """Return what the process said; one that was ended by its limits says nothing."""
    try:
        said = json.loads(out)
        if "error" in said:
            return str(said["error"])
        return ReadFile(text=str(said["text"]), pages=int(said["pages"]), unread=int(said["unread"]))
    except (ValueError, KeyError, TypeError):
        return "too_large"
