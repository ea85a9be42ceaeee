"""A JSON request body that can be read whole and rewritten in place.

The body is parsed once by orjson (strict: no NaN, no lone surrogates, UTF-8 only). Strings and numbers are then known
by their ordinal in document order, so that a replacement is spliced into the original bytes and everything else stays
byte-equal: key order, spacing, number spelling, escapes.

Duplicate keys (RFC 8259 section 4: behaviour unpredictable) are found by counting: the parser keeps one of two equal
keys, so the text then has more string tokens than the parsed value. Depth is bounded to `MAX_DEPTH`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from wardkeep.model.reasons import Reason, RefusalError, Refused

MAX_DEPTH: Final = 64

# Strings and numbers only: in valid JSON nothing else can hold a digit or a quotation mark.
_SCALAR: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9][0-9.eE+-]*', re.DOTALL)


Edit = tuple[int, int, bytes]
"""Start, stop (half-open, in bytes of the original) and the bytes that stand there instead."""


def apply(raw: bytes, edits: Sequence[Edit]) -> bytes:
    """Return the bytes with edits applied. What a vendor was sent is the original with its recorded edits."""
    parts: list[bytes] = []
    at = 0
    for start, stop, new in edits:
        parts += (raw[at:start], new)
        at = stop
    parts.append(raw[at:])
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed body: the exact bytes received, their value, and how many scalars (strings and numbers) they hold."""

    raw: bytes
    value: dict[str, object]
    scalars: int

    def edits(
        self, changes: Mapping[int, str], *, insert: bytes = b"", without: tuple[int, int] | None = None
    ) -> list["Edit"]:
        """Return the edits that rewrite the document, in order of position.

        Args:
            changes: ordinal (document order over strings, keys included, and numbers) to new text.
            insert: members, such as `"store":false`, put first into the top-level object.
            without: half-open byte range left out (see `member_range`).
        """
        found: list[Edit] = []
        if insert:
            brace = self.raw.index(b"{") + 1
            found.append((brace, brace, insert + b"," if self.value else insert))
        if without is not None:
            found.append((*without, b""))
        if changes:
            cut_from, cut_to = without if without is not None else (-1, -1)
            for ordinal, match in enumerate(_SCALAR.finditer(self.raw)):
                new = changes.get(ordinal)
                if new is not None and not cut_from <= match.start() < cut_to:
                    found.append((match.start(), match.end(), orjson.dumps(new)))
        found.sort(key=lambda edit: edit[:2])
        return found

    def replaced(self, changes: Mapping[int, str]) -> bytes:
        """Return the bytes with the scalars at the given ordinals replaced by JSON strings."""
        return apply(self.raw, self.edits(changes)) if changes else self.raw

    def member_range(self, name: str) -> tuple[int, int] | None:
        """Return the byte range of a top-level member with one adjacent comma, or None when it is absent."""
        depth = 0
        key_at: int | None = None
        expecting_key = False
        last_comma: int | None = None
        for match in _STRUCTURE.finditer(self.raw):
            token = match.group()
            if token in b"{[":
                depth += 1
                expecting_key = depth == 1
            elif token in b"}]":
                depth -= 1
                if depth == 0 and key_at is not None:
                    return (last_comma if last_comma is not None else key_at), match.start()
            elif depth == 1 and token == b",":
                if key_at is not None:
                    return (last_comma, match.start()) if last_comma is not None else (key_at, match.end())
                last_comma, expecting_key = match.start(), True
            elif depth == 1 and expecting_key and token.startswith(b'"'):
                expecting_key = False
                if orjson.loads(token) == name:
                    key_at = match.start()
        return None


_STRUCTURE: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],]', re.DOTALL)


def parse(raw: bytes) -> Document:
    """Parse a request body.

    Raises:
        RefusalError: the body is not one JSON object, is nested too deep, or repeats a key.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        deep = "recursion" in str(error)
        raise RefusalError(Refused(reason=Reason.JSON_TOO_DEEP if deep else Reason.JSON_MALFORMED)) from None
    if not isinstance(value, dict):
        raise RefusalError(Refused(reason=Reason.JSON_MALFORMED))
    scalars = _count(value, 1)
    if scalars != sum(1 for _ in _SCALAR.finditer(raw)):
        raise RefusalError(Refused(reason=Reason.JSON_DUPLICATE_KEY))
    return Document(raw, value, scalars)


def _count(value: object, depth: int) -> int:
    """Count strings and numbers, keys included. `bool` is not a number here: its token has no digit."""
    if depth > MAX_DEPTH:
        raise RefusalError(Refused(reason=Reason.JSON_TOO_DEEP))
    total = 0
    if isinstance(value, dict):
        for item in value.values():
            total += 1
            kind = type(item)
            if kind is str or kind is int or kind is float:
                total += 1
            elif kind is dict or kind is list:
                total += _count(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            kind = type(item)
            if kind is str or kind is int or kind is float:
                total += 1
            elif kind is dict or kind is list:
                total += _count(item, depth + 1)
    return total


def scalars(value: object) -> Iterator[object]:
    """Yield every string and number in document order, keys included: the order of ordinals."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from scalars(item)
    elif isinstance(value, list):
        for item in value:
            yield from scalars(item)
    elif value is not None and not isinstance(value, bool):
        yield value
