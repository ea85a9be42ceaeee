"""One pass over a text with all patterns of all recognisers (hyperscan)."""

import threading
from collections.abc import Sequence

import hyperscan

from wardkeep.privacy.detect.nomination import Pattern
from wardkeep.privacy.errors import DetectorFailed, DetectorUnavailable


class Scanner:
    """Compiled patterns. Safe for threads: hyperscan's scratch space is one a thread."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._scratch = threading.local()
        flags = [
            (hyperscan.HS_FLAG_CASELESS if p.caseless else 0) | (hyperscan.HS_FLAG_SINGLEMATCH if p.once else 0)
            for p in patterns
        ]
        try:
            self._database.compile(
                expressions=[p.expression.encode("latin-1") for p in patterns],
                ids=list(range(len(patterns))),
                elements=len(patterns),
                flags=flags,
            )
        except hyperscan.error as error:
            raise DetectorUnavailable("the scan patterns do not compile on this machine") from error

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
