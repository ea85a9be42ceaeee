"""The loop that every de-identification peer runs in its own process: documents in, spans and CPU seconds out.

    {"id", "text"} a line on standard input  ->  {"id", "spans": [[start, end], ...], "cpu_seconds"} a line

The first line out is `{"load_cpu_seconds"}`: start, imports and models, until the engine has answered a text that is in
no set. Detection alone is timed, in CPU seconds of the process (all threads), one document after the other. Runs in the
peers' own environments, so it needs the standard library only.
"""

import json
import socket
import sys
import time
from collections.abc import Callable, Iterable
from typing import NoReturn

# Read before the figures, so that what an engine loads or compiles at its first text is not charged to a document.
WARM_UP = (
    "Warm-up only. Patient Ada Example, born 01/02/1960, MRN 00112233, called 555-0100 from 12 Sample Street, "
    "Springfield; mail ada@example.org. Seen by Dr. Test on March 3 for hypertension, on lisinopril 10 mg daily."
)


def run(make: Callable[[], Callable[[str], Iterable[tuple[int, int]]]]) -> None:
    """Build the engine with `make`, then answer every document; what it raises is told by its type, without its text.

    The engine is not reached from outside and may reach nothing: a peer that wants to download stops here.
    """
    socket.socket.connect = _offline  # type: ignore[assignment,method-assign]
    socket.getaddrinfo = _offline  # type: ignore[assignment]
    find = make()
    for _ in range(3):
        list(find(WARM_UP))
    _put({"load_cpu_seconds": time.process_time()})
    for line in sys.stdin:
        row = json.loads(line)
        _put({"id": row["id"], **_measure(find, row["text"])})


def _measure(find: Callable[[str], Iterable[tuple[int, int]]], text: str) -> dict[str, object]:
    began = time.process_time()
    try:
        spans = list(find(text))
    except Exception as error:  # any fault of a peer is its result for this document
        return {"error": type(error).__name__}
    return {"spans": spans, "cpu_seconds": time.process_time() - began}


def _put(row: dict[str, object]) -> None:
    print(json.dumps(row), flush=True)


def _offline(*_args: object, **_options: object) -> NoReturn:
    raise OSError("the bench runs its peers without a network")
