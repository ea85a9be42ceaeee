"""What stays when finds overlap: a form before a guess, the longest before the shorter, and nothing found uncovered."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.wording import word_set
from wardkeep.privacy.tokens import TOKEN

REMAINDER: Final = "remainder"

# On equal length the more exact type wins. Dates come late because routes may keep them (patient safety, DESIGN 3).
_RANK: Final = {kind: rank for rank, kind in enumerate(IdentifierType)} | {
    IdentifierType.SSN: -3,
    IdentifierType.EMAIL: -2,
    IdentifierType.MRN: -1,
    IdentifierType.OTHER: 92,
    IdentifierType.AGE: 90,
    IdentifierType.DATE: 91,
    IdentifierType.DEMOGRAPHIC: 93,
}

# Where a rule and the classifier mean the same kind of thing, the longer find is the better one.
_GROWING: Final = frozenset({IdentifierType.NAME, IdentifierType.LOCATION, IdentifierType.ORGANIZATION})


_LETTERS: Final = re.compile(r"[^\W_]+")
_SAYING_NOTHING: Final = word_set("on of the in at to from by and is was since until for a an el la de del en y al")

_OF_A_DATE: Final = re.compile(
    "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|ene|abr|ago|dic|first|second|third|.*(?:th|teen|ty)$",
    re.IGNORECASE,
)


def beside_rules(probable: Sequence[Span], certain: Sequence[Span], text: str) -> list[Span]:
    """Return what the classifier found outside what rules found: a form says more exactly what something is."""
    taken = sorted((s.start, s.end, s.type) for s in certain)
    starts = [start for start, _, _ in taken]
    longest = max((end - start for start, end, _ in taken), default=0)
    left: list[Span] = []
    for span in probable:
        at = span.start
        for number in range(bisect_left(starts, span.start - longest), len(taken)):
            start, end, kind = taken[number]
            if start >= span.end:
                break
            if end <= at or (kind is span.type and kind in _GROWING):
                continue
            left += _rest(Span(at, start, span.type, span.rule), text)
            at = max(at, end)
        left += _rest(Span(at, span.end, span.type, span.rule), text) if at > span.start else (span,)
    return left


def _rest(span: Span, text: str) -> tuple[Span, ...]:
    """Return what a rule left of a find, if it still tells something: a cue before a number or a date does not."""
    words = _LETTERS.findall(text[span.start : span.end])
    if not words or _SAYING_NOTHING.issuperset(word.lower() for word in words):
        return ()
    start, end = span.start, span.end
    while not text[start].isalnum():
        start += 1
    while not text[end - 1].isalnum():
        end -= 1
    span = Span(start, end, span.type, span.rule)
    if any(map(str.isdigit, text[start:end])) or span.type in _GROWING:
        return (span,)
    return (span,) if span.type is IdentifierType.DATE and any(map(_OF_A_DATE.match, words)) else ()


def resolve(spans: list[Span], text: str) -> list[Span]:
    """Return sorted spans that don't overlap: the longest wins, what a loser had outside the winner stays covered.

    Our own tokens are left alone, so that a text with surrogates isn't masked twice.
    """
    if "[" in text:
        tokens = [found.span() for found in TOKEN.finditer(text)]
        spans = (
            [s for s in spans if not any(s.start < stop and start < s.end for start, stop in tokens)]
            if tokens
            else spans
        )
    if len(spans) < 2:
        return spans
    # Of those that begin together the longest covers the others.
    longest: dict[int, Span] = {}
    for span in spans:
        other = longest.get(span.start)
        if other is None or span.end > other.end or (span.end == other.end and _RANK[span.type] < _RANK[other.type]):
            longest[span.start] = span
    first, *starts = sorted(longest)
    chosen = [longest[first]]
    for start in starts:
        span = longest[start]
        last = chosen[-1]
        if span.start >= last.end:
            chosen.append(span)
        elif span.end <= last.end:
            continue
        elif span.start < last.start:  # what stands before the remainder is covered already
            chosen[-1] = Span(last.start, span.end, span.type, REMAINDER)
        elif span.end - span.start > last.end - last.start:
            chosen[-1] = Span(last.start, span.start, last.type, REMAINDER)
            chosen.append(span)
        else:
            chosen.append(Span(last.end, span.end, span.type, REMAINDER))
    return [s for s in chosen if s.rule != REMAINDER or any(map(str.isalnum, text[s.start : s.end]))]
