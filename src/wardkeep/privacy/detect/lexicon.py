"""The word lists: what a word may be. Built by `tools/lexicons.py`; sources and hashes are in `data/manifest.json`."""

import hashlib
import json
import zlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Final

from wardkeep.privacy.errors import DetectorUnavailable

FIRST: Final = 1
FIRST_COMMON: Final = 2
LAST: Final = 4
LAST_COMMON: Final = 8
WORD: Final = 16
EPONYM: Final = 32
PLACE: Final = 64
MEDICAL: Final = 128
ORGANISATION: Final = 256
WIDE: Final = 512

NAME: Final = FIRST | LAST
SAFE: Final = WORD | MEDICAL
_PIECE_BYTES: Final = 8192


@cache
def lexicon() -> dict[str, int]:
    """Return lower-case word (or place of several words) -> flags; read-only by agreement, one copy a process.

    Raises:
        DetectorUnavailable: the data is missing or is not what the manifest promises.
    """
    folder = files("wardkeep.privacy") / "data"
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        data = (folder / "lexicon.z").read_bytes()
    except OSError as error:
        raise DetectorUnavailable("the word lists are missing from the installation") from error
    if hashlib.sha256(data).hexdigest() != manifest["lexicon.z"]["sha256"]:
        raise DetectorUnavailable("the word lists are not those of the manifest")
    words: dict[str, int] = {}
    flags = 0
    opens = True  # a group of words begins with their flags and ends with an empty line
    for line in _lines(data):
        if opens:
            flags = int(line, 16)
        elif line:
            words[line] = flags
        opens = not line
    return words


def _lines(data: bytes) -> Iterator[str]:
    """Yield lines, unpacked piece by piece: the whole text and its list of lines would cost 6 MB that never return."""
    unpack = zlib.decompressobj()
    rest = b""
    for at in range(0, len(data), _PIECE_BYTES):
        piece = rest + unpack.decompress(data[at : at + _PIECE_BYTES])
        whole, _, rest = piece.rpartition(b"\n")
        yield from whole.decode().split("\n") if whole else ()
    yield rest.decode()
