"""One pass over a text with all patterns of all recognisers (hyperscan).

Compiling takes a second or two, reading what was compiled some milliseconds. So it is kept where Python keeps its own
compiled code, `__pycache__` beside this file: whoever can write there can change this file as well. Where it can't be
written, each start compiles.
"""

import hashlib
import platform
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final

import hyperscan

from wardkeep.privacy.detect.nomination import Pattern
from wardkeep.privacy.errors import DetectorFailed, DetectorUnavailable
from wardkeep.storage.errors import StoreUnavailable
from wardkeep.storage.files import write_whole

_KEPT: Final = Path(__file__).parent / "__pycache__"
_DIGEST_BYTES: Final = 32


class Scanner:
    """Compiled patterns. Safe for threads: hyperscan's scratch space is one a thread."""

    def __init__(self, patterns: Sequence[Pattern], kept: Path = _KEPT) -> None:
        """Compile, or read what was compiled before. Raises DetectorUnavailable where the patterns don't compile."""
        self._scratch = threading.local()
        file = kept / f"patterns-{_name(patterns)}.hsdb"
        database = _read(file)
        if database is None:
            database = _compiled(patterns)
            _keep(file, hyperscan.dumpb(database))
        self._database = database

    def scan(self, text: str) -> list[tuple[int, int]]:
        """Return (pattern number, end offset) of every match, in order of end offset."""
        hits: list[tuple[int, int]] = []
        add = hits.append

        def on_match(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            add((number, end))

        scratch = getattr(self._scratch, "space", None)
        if scratch is None:
            scratch = self._scratch.space = hyperscan.Scratch(self._database)
        try:
            self._database.scan(text.encode("latin-1", "replace"), match_event_handler=on_match, scratch=scratch)
        except hyperscan.error as error:
            raise DetectorFailed("the pattern scan failed") from error
        return hits


def _compiled(patterns: Sequence[Pattern]) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    flags = [
        (hyperscan.HS_FLAG_CASELESS if p.caseless else 0) | (hyperscan.HS_FLAG_SINGLEMATCH if p.once else 0)
        for p in patterns
    ]
    try:
        database.compile(
            expressions=[p.expression.encode("latin-1") for p in patterns],
            ids=list(range(len(patterns))),
            elements=len(patterns),
            flags=flags,
        )
    except hyperscan.error as error:
        raise DetectorUnavailable("the scan patterns do not compile on this machine") from error
    return database


def _name(patterns: Sequence[Pattern]) -> str:
    """Return a name that is another one for other patterns, another library and another kind of machine."""
    told = repr((version("hyperscan"), platform.machine(), _processor(), [tuple(p) for p in patterns]))
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _processor() -> str:
    """Return what the processor can do, where the system tells: compiled patterns use it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _read(file: Path) -> hyperscan.Database | None:
    """Return the patterns of a file, None when there is none or it is not whole."""
    try:
        data = file.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(data[_DIGEST_BYTES:]).digest() != data[:_DIGEST_BYTES]:
        return None
    try:
        return hyperscan.loadb(data[_DIGEST_BYTES:], hyperscan.HS_MODE_BLOCK)
    except hyperscan.error:
        return None  # of another library or machine


def _keep(file: Path, data: bytes) -> None:
    """Keep what was compiled, where that is possible; else the next start compiles again."""
    with suppress(StoreUnavailable):
        write_whole(file, hashlib.sha256(data).digest() + data, durable=False)
