"""A JSON request body that can be read whole and rewritten in place.

The body is parsed once by orjson (strict: no NaN, no lone surrogates, UTF-8 only). Strings and numbers are then known
by their ordinal in document order, so that a replacement is spliced into the original bytes and everything else stays
byte-equal: key order, spacing, number spelling, escapes.

Duplicate keys (RFC 8259 section 4: behaviour unpredictable) are found by counting: the parser keeps one of two equal
keys, so the text then has more string tokens than the parsed value. Depth is bounded to `MAX_DEPTH`.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
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

    def edits(self, changes: Mapping[int, str], *, insert: bytes = b"", without: Collection[str] = ()) -> list["Edit"]:
        """Return the edits that rewrite the document, in order of position.

        Args:
            changes: ordinal (document order over strings, keys included, and numbers) to new text.
            insert: members, such as `"store":false`, put first into the top-level object.
            without: names of top-level members left out, each with one comma.
        """
        cuts = self._cuts(without) if without else []
        found: list[Edit] = [(start, stop, b"") for start, stop in cuts]
        if insert:
            brace = self.raw.index(b"{") + 1
            is_alone = not self.value.keys() - set(without)
            found.append((brace, brace, insert if is_alone else insert + b","))
        if changes:
            last = max(changes)
            for ordinal, match in enumerate(_SCALAR.finditer(self.raw)):
                if ordinal in changes:
                    start, stop = match.span()
                    if not any(first <= start < end for first, end in cuts):
                        found.append((start, stop, orjson.dumps(changes[ordinal])))
                    if ordinal == last:
                        break
        found.sort(key=lambda edit: edit[:2])
        return found

    def replaced(self, changes: Mapping[int, str]) -> bytes:
        """Return the bytes with the scalars at the given ordinals replaced by JSON strings."""
        return apply(self.raw, self.edits(changes)) if changes else self.raw

    def spelled(self, ordinals: Collection[int]) -> dict[int, str]:
        """Return scalars as they are written: a number's own digits, which its value may not hold."""
        return {n: m.group().decode() for n, m in enumerate(_SCALAR.finditer(self.raw)) if n in ordinals}

    def _cuts(self, names: Collection[str]) -> list[tuple[int, int]]:
        """Return the byte ranges to leave out so that neither member nor a comma too many remains."""
        members = self._members()
        cuts: list[tuple[int, int]] = []
        kept_end: int | None = None
        for position, (name, start, end) in enumerate(members):
            if name not in names:
                kept_end = end
            elif kept_end is not None:
                cuts.append((kept_end, end))
                kept_end = end
            else:
                cuts.append((start, members[position + 1][1] if position + 1 < len(members) else end))
        return cuts

    def _members(self) -> list[tuple[str, int, int]]:
        """Return name, start and end of each top-level member; an end is its comma's or brace's position."""
        members: list[tuple[str, int, int]] = []
        depth = 0
        name, start = "", -1
        for match in _STRUCTURE.finditer(self.raw):
            token = match.group()
            if token in b"{[":
                depth += 1
            elif token in b"}]":
                depth -= 1
                if depth == 0 and start >= 0:
                    members.append((name, start, match.start()))
            elif depth == 1 and token == b",":
                members.append((name, start, match.start()))
                start = -1
            elif depth == 1 and start < 0:
                name, start = orjson.loads(token), match.start()
        return members


_STRUCTURE: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],]', re.DOTALL)


def containers(raw: bytes, wanted: Collection[int]) -> dict[int, tuple[int, int]]:
    """Return the byte range of objects and arrays by their number in document order, the whole body being 0."""
    found: dict[int, tuple[int, int]] = {}
    open_ones: list[tuple[int, int]] = []
    number = 0
    for match in _STRUCTURE.finditer(raw):
        token = match.group()
        if token in {b"{", b"["}:
            open_ones.append((number, match.start()))
            number += 1
        elif token in {b"}", b"]"}:
            opened, start = open_ones.pop()
            if opened in wanted:
                found[opened] = start, match.end()
    return found


def parse(raw: bytes) -> Document:
    """Parse a request body.

    Raises:
        RefusalError: the body is not one JSON object, is nested too deep, or repeats a key.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        deep = any(sign in str(error) for sign in ("recursion", "depth limit"))
        raise RefusalError(Refused(reason=Reason.JSON_TOO_DEEP if deep else Reason.JSON_MALFORMED)) from None
    if not isinstance(value, dict):
        raise RefusalError(Refused(reason=Reason.JSON_MALFORMED))
    scalars = _count(value, 1)
    if scalars != len(_SCALAR.findall(raw)):
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
