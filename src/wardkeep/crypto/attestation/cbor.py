"""The part of CBOR (RFC 8949) that attestation documents use, read strictly; anything else is refused.

Ours because strictness is the point and cannot be configured in a general decoder: no tags, no floats, no chunked
strings, no numbers longer than they need be, no key twice, no deep nesting, nothing behind the end. Maps and arrays of
open length are read, because the Nitro security module writes its payload so.
"""

from typing import Final

from wardkeep.crypto.errors import EvidenceRefused
from wardkeep.model.attestation import Check

Value = int | bytes | str | bool | list["Value"] | dict[int | str, "Value"] | None

_DEEPEST: Final = 4
_SIMPLE: Final[dict[int, bool | None]] = {0xF4: False, 0xF5: True, 0xF6: None}
_BREAK: Final = 0xFF
_OPEN: Final = 31
_INTEGER, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP = range(6)


def decode(data: bytes) -> Value:
    """Return the one value that the bytes are. Raises EvidenceRefused."""
    value, end = _read(data, 0, 0)
    if end != len(data):
        raise _refused()
    return value


def head(major: int, length: int) -> bytes:
    """Return the first bytes of a value, in their shortest form."""
    if length < 24:
        return bytes([major << 5 | length])
    size = next(size for size in (1, 2, 4, 8) if length < 1 << 8 * size)
    return bytes([major << 5 | 23 + size.bit_length()]) + length.to_bytes(size, "big")


def _read(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    if depth > _DEEPEST or at >= len(data):
        raise _refused()
    first = data[at]
    if first in _SIMPLE:
        return _SIMPLE[first], at + 1
    major = first >> 5
    if first & 31 == _OPEN and major in {_ARRAY, _MAP}:
        return _read_many(data, at + 1, depth, major, None)
    length, at = _length(data, at)
    if major == _INTEGER:
        return length, at
    if major == _NEGATIVE:
        return -1 - length, at
    if major in {_BYTES, _TEXT}:
        if length > len(data) - at:
            raise _refused()
        return (data[at : at + length] if major == _BYTES else _text(data[at : at + length])), at + length
    if major not in {_ARRAY, _MAP} or length > len(data):
        raise _refused()
    return _read_many(data, at, depth, major, length)


def _read_many(data: bytes, at: int, depth: int, major: int, length: int | None) -> tuple[Value, int]:
    items: list[Value] = []
    pairs: dict[int | str, Value] = {}
    while length is None or len(items) + len(pairs) < length:
        if length is None and data[at : at + 1] == bytes([_BREAK]):
            at += 1
            break
        value, at = _read(data, at, depth + 1)
        if major == _ARRAY:
            items.append(value)
            continue
        if isinstance(value, bool) or not isinstance(value, int | str) or value in pairs:
            raise _refused()
        pairs[value], at = _read(data, at, depth + 1)
    return (items if major == _ARRAY else pairs), at


def _length(data: bytes, at: int) -> tuple[int, int]:
    short = data[at] & 31
    if short < 24:
        return short, at + 1
    if short > 27:
        raise _refused()
    size = 1 << short - 24
    length = int.from_bytes(data[at + 1 : at + 1 + size], "big")
    if at + 1 + size > len(data) or length < (24 if size == 1 else 1 << 4 * size):
        raise _refused()
    return length, at + 1 + size


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise _refused() from None


def _refused() -> EvidenceRefused:
    return EvidenceRefused(Check.FORMAT)
