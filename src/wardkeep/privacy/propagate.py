"""Propagation: what was found once is found everywhere in the call, in any case, with or without a possessive.

A name also propagates by its parts of three or more letters: those that no dictionary explains in any case, those that
are words as well ("Young", "Blackwood") where they are written with a capital. Work is linear in the text
whatever the number of terms.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.lexicon import EPONYM, SAFE
from wardkeep.privacy.detect.wording import DEGREES, PARTICLE, SUFFIXES, TITLES, names_a_thing

_WORDS: Final = re.compile(r"[^\W_]+")
_PARTS: Final = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_SKIPPED: Final = TITLES | DEGREES | SUFFIXES | frozenset(PARTICLE.strip("(?:)").replace("|", " ").split())

# Dates and ages have forms of their own; repeating their text elsewhere ("5", "may") would tear harmless text apart.
_NEVER: Final = frozenset({IdentifierType.DATE, IdentifierType.AGE, IdentifierType.DEMOGRAPHIC})
_PLACES: Final = frozenset({IdentifierType.LOCATION, IdentifierType.ORGANIZATION})
_EXPLAINED: Final = SAFE | EPONYM
_FEW: Final = 64


class Terms:
    """What is known to identify somebody in one call. Grows by `learn`; belongs to one call and is never shared."""

    def __init__(self, words: Mapping[str, int], known: Sequence[str] = ()) -> None:
        self._words = words
        self._terms: dict[str, IdentifierType] = {}
        self._capitalised: set[str] = set()
        # First word of a term -> each (length, offset) of the terms that it opens; terms not yet in it.
        self._index: dict[str, set[tuple[int, int]]] = {}
        self._unindexed: list[str] = []
        for term in known:
            self._learn_known(term)

    def _learn_known(self, term: str) -> None:
        plain = " ".join(term.split())
        if len(plain) < 2:
            return
        if "@" in plain:
            kind = IdentifierType.EMAIL
        else:
            kind = IdentifierType.OTHER if any(map(str.isdigit, plain)) else IdentifierType.NAME
        low = lowered(plain)
        self._add(low, kind)
        if kind is IdentifierType.NAME:
            self._learn_parts(low)

    def learn(self, found: Iterable[tuple[str, IdentifierType]]) -> None:
        """Remember what spans covered."""
        terms = self._terms
        for surface, kind in found:
            if kind in _NEVER or len(surface) < 3:
                continue
            low = lowered(surface)
            if terms.get(low, IdentifierType.OTHER) is not IdentifierType.OTHER:
                continue
            if kind is IdentifierType.NAME:
                if " " in low:
                    self._add(low, kind, is_better=True)
                    self._learn_parts(low)
                elif self._is_telling(low):
                    self._add(low, kind, is_better=True)
            elif len(low) > 3 and not (kind in _PLACES and low.isalpha() and self._words.get(low, 0) & _EXPLAINED):
                self._add(low, kind, is_better=True)

    def _add(self, term: str, kind: IdentifierType, *, is_better: bool = False) -> None:
        if term not in self._terms:
            self._unindexed.append(term)
        elif not is_better:
            return
        self._terms[term] = kind

    def kind_of(self, surface: str) -> IdentifierType | None:
        """Return the type under which a surface was learned, if it was."""
        return self._terms.get(lowered(surface))

    def explains(self, rest: str) -> bool:
        """Whether all words of a text are dictionary or medical words, titles or degrees: no name is left in it."""
        return all(
            word in _SKIPPED or bool(self._words.get(word, 0) & SAFE) for word in _PARTS.findall(lowered(rest))
        ) and not any(map(str.isdigit, rest))

    def _is_telling(self, part: str) -> bool:
        return len(part) > 2 and part not in _SKIPPED and not self._words.get(part, 0) & SAFE

    def _learn_parts(self, low: str) -> None:
        for part in _PARTS.findall(low):
            if self._is_telling(part):
                self._add(part, IdentifierType.NAME)
            elif len(part) > 3 and part not in _SKIPPED and part not in self._terms:
                self._add(part, IdentifierType.NAME)
                self._capitalised.add(part)

    def find(self, text: str, spans: Sequence[Span] = ()) -> list[Span]:
        """Return every whole-word mention of a term outside `spans`. Mentions may overlap each other."""
        if not self._terms or not text:
            return []
        low = lowered(text)
        covered = bytearray(len(text))
        for start, end, _, _ in spans:
            covered[start:end] = b"\1" * (end - start)
        return [
            Span(start, end, kind, "propagated")
            for start, end, kind in (self._few(low) if len(self._terms) <= _FEW else self._many(low))
            if not (covered[start] and covered[end - 1])
            and self._stands_alone(low, start, end, kind)
            and (low[start:end] not in self._capitalised or text[start].isupper())
        ]

    def _few(self, low: str) -> list[tuple[int, int, IdentifierType]]:
        mentions = []
        find = low.find
        for term, kind in self._terms.items():
            at = find(term)
            while at >= 0:
                end = at + len(term)
                mentions.append((at, end, kind))
                at = find(term, end)
        return mentions

    def _many(self, low: str) -> Iterator[tuple[int, int, IdentifierType]]:
        """Look words up instead: with many terms a search for each would cost terms x text."""
        # A first word is tried with each distinct (length, offset) of its terms, which stay few.
        index = self._index
        size = len(low)
        for term in self._unindexed:
            opening = _WORDS.search(term)
            if opening is not None:
                index.setdefault(opening[0], set()).add((len(term), opening.start()))
        self._unindexed.clear()
        for word in _WORDS.finditer(low):
            for length, before in index.get(word[0], ()):
                at = word.start() - before
                kind = self._terms.get(low[at : at + length]) if 0 <= at <= size - length else None
                if kind is not None:
                    yield at, at + length, kind

    def _stands_alone(self, low: str, start: int, end: int, kind: IdentifierType) -> bool:
        if start and low[start - 1].isalnum() and low[start].isalnum():
            return False
        if low[end : end + 1].isalnum() and low[end - 1].isalnum():
            return False
        if kind is not IdentifierType.NAME or not self._words.get(low[start:end], 0) & EPONYM:
            return True
        return not names_a_thing(low, end)


def lowered(text: str) -> str:
    """Return the text in lower case with every character in its place (`str.lower` can change the length)."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(one if len(one := c.lower()) == 1 else c for c in text)
