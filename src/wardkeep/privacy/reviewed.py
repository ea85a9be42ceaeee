"""Texts of tool definitions that are the same for everybody: those of known clients, by hash (see `definitions.txt`).

Vendors keep tool definitions outside their PHI protection, so one that identifies somebody is refused. A coding agent
sends dozens that its maker wrote; they name example dates, the maker's own addresses and words that look like names.
Each listed text was sent by unconnected installations alike, and read before it was listed: it can tell of nobody. One
that differs by one byte, as where something was filled in, is not listed and is scanned as any other.
"""

import re
from functools import cache
from importlib.resources import files
from typing import Final

from wardkeep.crypto.mac import sha256

_FILE: Final = "definitions.txt"
_HASH: Final = re.compile(r"[0-9a-f]{64}")
# Shorter ones are no sentences: they are scanned, which costs nothing.
_SHORTEST: Final = 8


@cache
def reviewed_hashes() -> frozenset[bytes]:
    """Return the hashes of this installation's list. A line that is none is passed over: it lists nothing."""
    lines = files(__package__).joinpath(_FILE).read_text("ascii").split("\n")
    return frozenset(bytes.fromhex(line) for line in lines if _HASH.fullmatch(line) is not None)


def is_reviewed(text: str) -> bool:
    """Whether a definition's text is listed, byte for byte."""
    return len(text) >= _SHORTEST and sha256(text.encode()) in reviewed_hashes()
