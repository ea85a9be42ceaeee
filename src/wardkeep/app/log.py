"""The process's log: lines of names, codes and counts of ours, on its standard error.

A thread writes them. Where the log goes may hang (a disk that answers nothing, a pipe that nobody reads), and the event
loop that everybody's calls run on must not hang with it. The lines that wait are bounded; what is dropped is said.
"""

import atexit
import json
import queue
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from wardkeep.settings import LogFormat

_MOST_WAITING: Final = 10_000
_LAST_SECONDS: Final = 1.0
"""How long the process's end waits for lines that are not written yet."""


class LogLine(Protocol):
    """Writes one line of the process's log, as JSON or as text.

    Callers pass names, codes and counts of ours; nothing that was sent to us.
    """

    def __call__(self, event: str, **fields: str | int) -> None:
        """Take the line and return at once."""


class Lines:
    """Lines on their way out, written in order by one thread."""

    __slots__ = ("_dropped", "_thread", "_waiting", "_write")

    def __init__(self, write: Callable[[str], None], most_waiting: int = _MOST_WAITING) -> None:
        self._write = write
        self._waiting: queue.Queue[str | None] = queue.Queue(most_waiting)
        self._dropped = 0
        # A daemon: a line that can't be written must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Have the line written after those before it; drop it when too many wait. Never blocks."""
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def close(self, seconds: float = _LAST_SECONDS) -> None:
        """Wait for the lines that are on their way, but not for ever."""
        try:
            self._waiting.put(None, timeout=seconds)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _run(self) -> None:
        while (line := self._waiting.get()) is not None:
            self._write(line)
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                self._write(_as_json("log_lines_dropped", {"count": dropped}))


def open_log(form: LogFormat = LogFormat.JSON) -> LogLine:
    """Return this process's log. Called once: it begins a thread, and waits for its last lines at the end."""
    lines = Lines(_to_standard_error)
    atexit.register(lines.close)
    spell = _as_text if form is LogFormat.TEXT else _as_json

    def log(event: str, **fields: str | int) -> None:
        lines.put(spell(event, fields))

    return log


def _as_json(event: str, fields: Mapping[str, str | int]) -> str:
    return json.dumps({"event": event, **fields}, separators=(",", ":"))


def _as_text(event: str, fields: Mapping[str, str | int]) -> str:
    # Values in JSON's spelling: a line break in one would begin a line that we never wrote.
    return " ".join([event, *(f"{name}={json.dumps(value)}" for name, value in fields.items())])


def _to_standard_error(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the process's log is its standard error
