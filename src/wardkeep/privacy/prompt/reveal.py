"""Identifiers in an answer that the request did not have: of other people, remembered, invented or read from elsewhere.

The text is judged in segments that follow from the text alone (a sentence, a line, or so many characters), each with
what stands before it, so that any chunking of a stream is judged like the whole and holds back one segment at the most.
A find is evidence and no proof: a model may name an author, or a telephone number of a hotline. Dates, ages, places and
organisations are not looked for, because answers are full of them.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.tokens import TOKEN

HIDDEN: Final = "[identifier removed]"
LONGEST: Final = 400
BEFORE: Final = 160
_END: Final = re.compile(r"[.!?][\"')\]]*\s|\n")
_WORD: Final = re.compile(r"\w+")
_SHORTEST: Final = 4
_NOT_LOOKED_FOR: Final = frozenset(
    {
        IdentifierType.DATE,
        IdentifierType.AGE,
        IdentifierType.LOCATION,
        IdentifierType.ORGANIZATION,
        IdentifierType.DEMOGRAPHIC,
        IdentifierType.URL,
        IdentifierType.PHOTO,
    }
)


class Asked(NamedTuple):
    """What the request had: its words, and its letters and digits in a row. Holds PHI."""

    words: frozenset[str]
    row: str

    def __repr__(self) -> str:
        return f"Asked({len(self.words)} words)"

    def has(self, value: str) -> bool:
        """Whether every word of a value was in the request, in whatever order, or the value itself in any spelling."""
        words = [word.casefold() for word in _WORD.findall(value)]
        if all(word in self.words for word in words):
            return True
        row = "".join(words)
        return len(row) >= _SHORTEST and row in self.row


def asked_of(texts: Iterable[str]) -> Asked:
    """Return what was in the texts of a request."""
    words = [word.casefold() for text in texts for word in _WORD.findall(text)]
    return Asked(words=frozenset(words), row="".join(words))


def strings_in(value: object) -> Iterable[str]:
    """Yield every string of a request's document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings_in(each)


def segment_end(text: str) -> int | None:
    """Return where the first segment of a text ends, or None while what follows may still belong to it."""
    found = _END.search(text, 0, LONGEST)
    if found is not None:
        return found.end()
    if len(text) <= LONGEST:
        return None
    blank = max(text.rfind(mark, 1, LONGEST) for mark in (" ", "\t"))
    return blank if blank > 0 else LONGEST


def revealed(
    segment: str, before: str, find: Callable[[str], Sequence[Span]], asked: Callable[[], Asked]
) -> list[tuple[int, int]]:
    """Return where a segment holds identifiers that the request did not have; places do not overlap.

    Raises:
        DetectorFailed: the text must not be used.
    """
    joined, begin = before + segment, len(before)
    ours = [found.span() for found in TOKEN.finditer(joined)]
    places: list[tuple[int, int]] = []
    for span in find(joined):
        if span.type in _NOT_LOOKED_FOR or span.end <= begin:
            continue
        if any(start < span.end and span.start < end for start, end in ours):
            continue
        if not asked().has(joined[span.start : span.end]):
            places.append((max(span.start - begin, 0), span.end - begin))
    return places


def without(segment: str, places: Sequence[tuple[int, int]]) -> str:
    """Return the segment with the places taken out."""
    for start, end in reversed(places):
        segment = segment[:start] + HIDDEN + segment[end:]
    return segment
