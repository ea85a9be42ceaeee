"""The word lists: what a word may be. Built by `tools/lexicons.py`; sources and hashes are in `data/manifest.json`."""

import hashlib
import json
import zlib
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

NAME: Final = FIRST | LAST
SAFE: Final = WORD | MEDICAL


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
    for group in zlib.decompress(data).decode().split("\n\n"):
        flags, _, members = group.partition("\n")
        words.update(dict.fromkeys(members.split("\n"), int(flags, 16)))
    return words
