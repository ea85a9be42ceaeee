"""Looks for injected instructions in what a call brings in: one hyperscan pass over normalised text, then a score.

Texts of one origin are read as one, so that an instruction cut into parts is found where its end stands. Only where a
clue of a disguise was found (`rules.CLUES`) is the text undone and read again. A signal is evidence for policy and
review, never proof: whoever knows the rules can write around them. Pure after construction, and safe for threads.
"""

import codecs
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from wardkeep.model.guard import Found, Origin
from wardkeep.privacy.detect import encoded
from wardkeep.privacy.detect.nomination import Pattern
from wardkeep.privacy.detect.scan import Scanner
from wardkeep.privacy.normalise import Normalised, normalise
from wardkeep.privacy.prompt.reported import is_reported
from wardkeep.privacy.prompt.rules import CLUES, NATIVE, RULES, Signal

THRESHOLD: Final = 6
MOST_SIGNALS: Final = 6
"""How many codes an entry's header carries at most: it is bounded, and the strongest say enough."""

# What arrives as data is not the caller's word; what the assistant said before was looked at when it was said.
_GROUPS: Final = (frozenset({Origin.USER}), frozenset({Origin.TOOL, Origin.DOCUMENT}))
_HIDDEN_WEIGHT: Final = 3
_NEAR_BYTES: Final = 140
_MOST_RUNS: Final = 64
_GAP: Final = "[^.!?]{0,24}"
_BLANK: Final = "[^A-Za-z0-9]{1,3}"
_MAYBE_BLANK: Final = "[^A-Za-z0-9]{0,2}"
_TAGS: Final = re.compile("[\U000e0020-\U000e007e]{4,}")
_INVISIBLE: Final = re.compile("(?:\\w[\u200b-\u200d\u2060\ufeff]+){5}")
_SPACED: Final = re.compile(r"(?:\b[A-Za-z](?:[ .*_/|-]{1,3}(?=[A-Za-z]\b)| {2,4}(?=[A-Za-z]\b))){6,}[A-Za-z]\b")
_WORD_GAP: Final = re.compile(r" {2,}|[ ]?[/|_][ ]?(?=[A-Za-z][ ])")
_TORN: Final = re.compile(r"(?<=[A-Za-z])(?:</?[a-z]{1,6}>|\*\*|__|``|\xad|-\n)(?=[A-Za-z])")
_LEET: Final = str.maketrans("0134579@$!", "oieastgasi")
_ENDS: Final = re.compile(r"[.!?\n]")
_SAME: Final = 16


def written_out(pattern: str) -> str:
    """Return a rule's pattern as hyperscan reads it: blanks and `~` stand for what `rules` says, outside of classes."""
    out: list[str] = []
    at, in_class = 0, False
    while at < len(pattern):
        sign = pattern[at]
        if sign == "\\":
            out.append(pattern[at : at + 2])
            at += 2
            continue
        if in_class:
            in_class = sign != "]"
        elif sign == "[":
            in_class = True
        elif sign == "~":
            sign = _GAP
        elif sign == " ":
            is_optional = pattern[at + 1 : at + 2] == "?"
            sign = _MAYBE_BLANK if is_optional else _BLANK
            at += is_optional
        out.append(sign)
        at += 1
    return "".join(out)


class Screen:
    """The compiled rules. Build one a process."""

    def __init__(self) -> None:
        patterns = [Pattern(written_out(rule.pattern), caseless=True, once=False) for rule in RULES]
        clues = [Pattern(expression, caseless=False, once=False) for _, expression in CLUES]
        self._scanner = Scanner([*patterns, *clues])
        self._natives = Scanner(
            [
                Pattern("(?:" + words.encode().decode("latin-1") + ")", caseless=False, once=False)
                for _, _, *pair in NATIVE
                for words in pair
            ]
        )

    def assess(self, texts: Sequence[tuple[int, Origin, str]]) -> Found:
        """Return the signals of a request's texts; each text comes with its number, under which its finds are told.

        Raises:
            DetectorFailed: the scan broke; the text must not be used unread.
        """
        best = Found()
        for group in _GROUPS:
            chosen = [(number, text) for number, origin, text in texts if origin in group and len(text) > 3]
            if chosen:
                found = self._group(chosen, is_data=Origin.TOOL in group)
                if found.score > best.score:
                    best = found
        return best

    def _group(self, texts: Sequence[tuple[int, str]], *, is_data: bool) -> Found:
        joined = texts[0][1] if len(texts) == 1 else "\n".join(text for _, text in texts)
        begins: list[int] = []
        at = 0
        for _, text in texts:
            begins.append(at)
            at += len(text) + 1
        plain = normalise(joined)
        hits = list(self._read(joined, plain, is_data=is_data))
        if not hits:
            return Found()
        parts: dict[int, dict[tuple[Signal, int], int]] = {}
        for signal, rule, weight, _, end in hits:
            parts.setdefault(bisect_right(begins, max(0, end - 1)) - 1, {})[signal, rule] = weight
        total: dict[tuple[Signal, int], int] = {}
        for each in parts.values():
            total |= each
        score = max(sum(total.values()) // 2, *(sum(each.values()) for each in parts.values()))
        if score < THRESHOLD:
            return Found(score=score)
        weights: dict[Signal, int] = {}
        for (signal, _), weight in total.items():
            weights[signal] = weights.get(signal, 0) + weight
        names = sorted(weights, key=lambda signal: (-weights[signal], signal.value))
        return Found(
            signals=tuple(name.value for name in names[:MOST_SIGNALS]), score=score, spans=_spans(texts, begins, hits)
        )

    def _read(self, joined: str, plain: Normalised, *, is_data: bool) -> Iterator[tuple[Signal, int, int, int, int]]:
        """Yield (signal, rule, weight, start, end) of every hit, in offsets of the joined text."""
        text = plain.text
        clues: dict[str, list[int]] = {}
        seen: set[int] = set()
        latest: dict[int, int] = {}
        for number, end in self._scanner.scan(text):
            if number >= len(RULES):
                clues.setdefault(CLUES[number - len(RULES)][0], []).append(end)
                continue
            rule = RULES[number]
            if is_data or not rule.data_only:
                before = latest.get(number, -_SAME)
                latest[number] = end
                if end - before < _SAME:
                    continue  # another end of the same match
                if rule.signal is Signal.OVERRIDE and is_reported(text, end):
                    continue  # a note tells that somebody ignored what they were told
                seen.add(number)
                start, stop = plain.original(end - 1, end)
                yield rule.signal, number, rule.weight, start, stop
        if not joined.isascii():
            for index, signal, weight, end in self._foreign(text):
                start, stop = plain.original(max(0, end - 1), max(1, end))
                yield signal, len(RULES) + index, weight, start, stop
            yield from self._unseen(joined, is_data=is_data)
        for start, end, second in islice(_second_readings(text, clues), _MOST_RUNS):
            place = plain.original(start, end)
            yield from self._behind(second, place, seen, is_data=is_data)

    def _behind(
        self, second: str, place: tuple[int, int], seen: Iterable[int], *, is_data: bool
    ) -> Iterator[tuple[Signal, int, int, int, int]]:
        """Yield what a text says once it is undone, and that it had to be: nobody disguises an honest instruction."""
        new = {number for number, _ in self._scanner.scan(second) if number < len(RULES)}.difference(seen)
        new = {number for number in new if is_data or not RULES[number].data_only}
        for number in new:
            yield RULES[number].signal, number, RULES[number].weight, *place
        if new:
            yield Signal.DISGUISE, -1, _HIDDEN_WEIGHT, *place

    def _unseen(self, joined: str, *, is_data: bool) -> Iterator[tuple[Signal, int, int, int, int]]:
        for found in _TAGS.finditer(joined):
            yield Signal.DISGUISE, -2, THRESHOLD, found.start(), found.end()
            written = "".join(chr(ord(sign) - 0xE0000) for sign in found[0])
            yield from self._behind(written, found.span(), (), is_data=is_data)
        invisible = _INVISIBLE.search(joined)
        if invisible is not None:
            yield Signal.DISGUISE, -3, _HIDDEN_WEIGHT, invisible.start(), invisible.end()

    def _foreign(self, text: str) -> Iterator[tuple[int, Signal, int, int]]:
        """Yield pairs of words of other scripts that stand together, in either order."""
        lowered = text.lower()
        raw = lowered.encode("utf-8", "replace")
        places: dict[int, list[int]] = {}
        for number, end in self._natives.scan(raw.decode("latin-1")):
            places.setdefault(number, []).append(end)
        for index, (signal, weight, _, _) in enumerate(NATIVE):
            firsts, seconds = places.get(2 * index, ()), places.get(2 * index + 1, ())
            for end in firsts:
                nearest = bisect_left(seconds, end - _NEAR_BYTES)
                if nearest < len(seconds) and seconds[nearest] <= end + _NEAR_BYTES:
                    yield index, signal, weight, len(raw[:end].decode("utf-8", "ignore"))
                    break


def _second_readings(text: str, clues: dict[str, list[int]]) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, what it reads as) for each run that a clue led to."""
    if "encoded" in clues:
        yield from encoded.runs(text, clues["encoded"])
    if "codes" in clues:
        yield from encoded.codes(text)
    if "spaced" in clues:
        for found in _SPACED.finditer(text):
            words = _WORD_GAP.split(found[0])
            yield found.start(), found.end(), " ".join("".join(filter(str.isalnum, word)) for word in words)
    if "rotated" in clues:
        yield 0, len(text), codecs.encode(text, "rot13")
    if "backwards" in clues:
        yield 0, len(text), text[::-1]
    if "torn" in clues:
        yield 0, len(text), _TORN.sub("", text)
    if len(clues.get("leet", ())) > 2:
        yield 0, len(text), text.translate(_LEET)


def _spans(
    texts: Sequence[tuple[int, str]], begins: Sequence[int], hits: Sequence[tuple[Signal, int, int, int, int]]
) -> dict[int, tuple[tuple[int, int], ...]]:
    """Return the sentences in which something was found, by the number of their text."""
    found: dict[int, list[tuple[int, int]]] = {}
    ends: dict[int, list[int]] = {}
    for _, _, _, start, end in hits:
        place = bisect_right(begins, max(0, end - 1)) - 1
        number, text = texts[place]
        low, high = max(0, start - begins[place]), min(len(text), end - begins[place])
        if number not in ends:
            ends[number] = [sign.end() for sign in _ENDS.finditer(text)]
        found.setdefault(number, []).append(_sentence(text, ends[number], low, high))
    return {number: _merged(spans) for number, spans in found.items()}


def _sentence(text: str, ends: Sequence[int], start: int, end: int) -> tuple[int, int]:
    """Return the sentence around a hit; `ends` are where the text's sentences end."""
    before = bisect_right(ends, max(0, start - 1))
    after = bisect_right(ends, end)
    return ends[before - 1] if before else 0, ends[after] if after < len(ends) else len(text)


def _merged(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(set(spans)):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return tuple(merged)
