"""Make a payload shorter before it is sealed: zstd (RFC 8878) with a dictionary that comes with the package.

The dictionary is trained by `tools/payload_dictionary.py` on made-up text of this project alone; `data/manifest.json`
has its hash. A packed payload is

    0x01 | dictionary number, 1 byte | length of the plaintext, 4 bytes | one zstd frame | zeros up to the size class

and all of it is inside the AEAD, so nobody without the record's key can offer a frame. A dictionary that was ever
released stays in the package under its number for ever, because records name it.

**What the length tells.** The length of a ciphertext stands in the header and on the disk. Without compression it is
the length of the text. With it, it also says how much the text repeats itself, and one record holds the words of
several people: whoever can put words into a record beside a secret, and sees its length, could guess the secret piece
by piece, many calls long (CRIME, CVE-2012-4929). Three things stand against that. Lengths are seen by who reads
headers, which is an audited right of its own, or by a thief of the disk, never by the caller or the vendor; TLS
carries text that is not compressed. Each record is a frame of its own with a dictionary that holds nothing of any
record, so nothing is learnt about a record from others. And a packed payload is padded to size classes (Padmé, in
"Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", PETS 2019), so one guess that is a byte
better shows only at the edge of a class. That slows such an attacker and does not stop one who may read headers and
has as many calls as he likes: `docs/limits.md` says so. The length before packing stands in headers of calls too, by
its size class: less than was told without compression.
"""

import hashlib
import json
import sys
from functools import cache
from importlib.resources import files
from typing import Final

from wardkeep.crypto.errors import CryptoError, RecordTampered

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

NEWEST: Final = 1
LEVEL: Final = 3  # measured: level 6 saves 7 % more and costs 2.5 times the time
# No payload is larger; what claims to be is refused before a byte of it is made.
LONGEST: Final = 64 << 20
_CODEC: Final = 1
_SHORTEST: Final = 64  # below, the frame's own head eats the gain
_HEAD: Final = 6


def pack(plaintext: bytes) -> bytes | None:
    """Return the packed form, or None where it would not be shorter.

    Raises:
        CryptoError: the dictionary is missing or is not the manifest's.
    """
    if not _SHORTEST <= len(plaintext) <= LONGEST:
        return None
    frame = _compressor(NEWEST).compress(plaintext, zstd.ZstdCompressor.FLUSH_FRAME)
    size = size_class(_HEAD + len(frame))
    if size > len(plaintext):
        return None
    head = bytes((_CODEC, NEWEST)) + len(plaintext).to_bytes(4, "big")
    return (head + frame).ljust(size, b"\x00")


def unpack(packed: bytes) -> bytes:
    """Return the plaintext of a packed payload whose AEAD has been checked.

    Raises:
        RecordTampered: it was not made by `pack`: of unknown dictionary, or longer or shorter than it says.
        CryptoError: the dictionary is missing or is not the manifest's.
    """
    if len(packed) < _HEAD or packed[0] != _CODEC or not 1 <= packed[1] <= NEWEST:
        raise RecordTampered("the payload is packed in a way that this version does not know")
    length = int.from_bytes(packed[2:_HEAD], "big")
    if length > LONGEST:
        raise RecordTampered("the payload claims to be larger than any is")
    unpacking = zstd.ZstdDecompressor(zstd_dict=_dictionary(packed[1]))
    try:
        plaintext = unpacking.decompress(packed[_HEAD:], length + 1)
    except zstd.ZstdError as error:
        raise RecordTampered("the packed payload does not unpack") from error
    if not unpacking.eof or len(plaintext) != length or unpacking.unused_data.strip(b"\x00"):
        raise RecordTampered("the packed payload is not as long as it says")
    return plaintext


def require_dictionaries() -> None:
    """Return when everything that records need is installed: asked at start, so that no call is the first to miss it.

    Raises:
        CryptoError: a dictionary is missing or is not the manifest's.
    """
    for number in range(1, NEWEST + 1):
        _dictionary(number)


def size_class(length: int) -> int:
    """Return the least Padmé size that holds `length` bytes: at most 12 % more, and few sizes for many lengths."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    unit = 1 << (exponent - exponent.bit_length())
    return (length + unit - 1) // unit * unit


@cache
def _dictionary(number: int) -> zstd.ZstdDict:
    """Return a dictionary of the package, compared with the manifest once a process."""
    folder = files("wardkeep.crypto") / "data"
    name = f"payloads-{number}.zdict"
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        data = (folder / name).read_bytes()
    except OSError as error:
        raise CryptoError("a dictionary of payloads is missing from the installation: install it again") from error
    if hashlib.sha256(data).hexdigest() != manifest[name]["sha256"]:
        raise CryptoError("a dictionary of payloads is not the manifest's: install it again")
    return zstd.ZstdDict(data)


@cache
def _compressor(number: int) -> zstd.ZstdCompressor:
    """Return the process's compressor: tables are made once; each frame begins anew, under its own lock."""
    return zstd.ZstdCompressor(level=LEVEL, zstd_dict=_dictionary(number).as_digested_dict)
