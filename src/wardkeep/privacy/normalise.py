"""Undo disguises before detection, with an exact map back to the original offsets.

Disguises: compatibility forms and full-width digits (Unicode UAX #15, NFKC), zero-width and other format characters,
marks laid over letters, look-alike letters (UTS #39), foreign digits, and inline encodings (%xx, backslash escapes,
HTML entities), also one inside the other. The result is only read by recognisers; what leaves the gateway is cut from
the original text. ASCII text without an encoded run is returned as it is.

What must be found before it can be read (base64, spaced letters, spelled digits) is undone in `detect.hidden`.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import Final, Self

from wardkeep.privacy.confusables import ALWAYS, LOOSE, STRONG

_NON_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
# Cheap questions first: a percent sign or an ampersand alone encodes nothing.
_ENCODED_SOMEWHERE: Final = (
    ("%", re.compile(r"%(?:[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})")),
    ("&", re.compile(r"&[#A-Za-z]")),
    ("\\", re.compile(r"\\(?:[uUxN]|[0-3][0-7]{2})")),
)
_ENCODED: Final = re.compile(
    r"(?:%[0-9A-Fa-f]{2}|%u[0-9A-Fa-f]{4})+"
    r"|(?:\\{1,4}(?:u[0-9a-fA-F]{4}|u\{[0-9a-fA-F]{1,6}\}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-3][0-7]{2}))+"
    r"|(?:&(?:\#[0-9]{2,7}(?:;|(?![0-9]))|\#[xX][0-9a-fA-F]{2,6}(?:;|(?![0-9a-fA-F]))|[A-Za-z]{2,8};))+"
)
_ESCAPE: Final = re.compile(r"\\{1,4}(?:u\{([0-9a-fA-F]+)\}|[uUx]([0-9a-fA-F]+)|([0-7]{3}))")
_PERCENT: Final = re.compile(r"%u([0-9A-Fa-f]{4})|((?:%[0-9A-Fa-f]{2})+)")
_ESCAPED: Final = re.compile(r"\\[nrt\"/]")
_SUSPECT: Final = re.compile(f"[{''.join(map(chr, LOOSE))}]")
_WORD: Final = re.compile(r"[^\W\d_]+")
# Marks that are laid over Latin letters and nothing else. Those of other scripts are letters of their words.
_OVERLAID: Final = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
_UNSEEN: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
_DEPTH: Final = 3


@dataclass(frozen=True, slots=True)
class Normalised:
    """A text ready for detection. `starts` and `origins` are parallel; both are empty when offsets are unchanged.

    `below` is the text that this one was made from, when offsets had moved there already.
    """

    text: str
    starts: tuple[int, ...] = ()
    origins: tuple[tuple[int, int], ...] = ()
    below: Self | None = None

    @property
    def is_moved(self) -> bool:
        """Whether an offset here may be another one in the original."""
        return bool(self.starts) or self.below is not None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the half-open range of the original text behind a range of the normalised one."""
        if self.starts:
            start, end = self._side(start)[0], self._side(max(start, end - 1))[1]
            if end <= start:  # a text read from right to left
                start, end = end - 1, start + 1
        return (start, end) if self.below is None else self.below.original(start, end)

    def _side(self, offset: int) -> tuple[int, int]:
        piece = bisect_right(self.starts, offset) - 1
        begin, stop = self.origins[piece]
        length = (self.starts[piece + 1] if piece + 1 < len(self.starts) else len(self.text)) - self.starts[piece]
        if length == stop - begin:
            return begin + offset - self.starts[piece], begin + offset - self.starts[piece] + 1
        # A piece whose length changed is taken whole: half an encoded character is no text.
        return begin, stop


Piece = tuple[int, int, str]
"""Start and end of a run of the text, and what it reads as."""


def normalise(text: str) -> Normalised:
    """Return the text as the recognisers read it, with its map back."""
    if text.isascii() and "\\" not in text and not _is_encoded(text):
        return Normalised(text)
    out: Normalised | None = None
    for _ in range(_DEPTH):
        encoded = _is_encoded(text)
        if "\\" in text:
            if encoded:
                out = _step(text, _decoded(text), out)
                text, encoded = out.text, False
            # Escaped JSON inside a string: `\nMRN` must not read as a word `nMRN`. Same length, so offsets stay.
            text = _ESCAPED.sub(lambda found: ' "' if found[0] == '\\"' else "  ", text)
            out = _step(text, (), out)
        pieces = _decoded(text) if encoded else []
        if not text.isascii():
            pieces = sorted([*pieces, *_folded(text, pieces)])
        out = _step(text, pieces, out)
        text = out.text
        if not _is_encoded(text):
            break
    return out if out is not None else Normalised(text)


def _step(text: str, pieces: Iterable[Piece], below: Normalised | None) -> Normalised:
    pieces = list(pieces)
    out = rewritten(text, pieces) if pieces else Normalised(text)
    plain = out.text if out.text.isascii() else unmasked(out.text)
    if below is None or not below.starts:
        return Normalised(plain, out.starts, out.origins)
    if not out.starts:
        return Normalised(plain, below.starts, below.origins, below.below)
    return Normalised(plain, out.starts, out.origins, below)


def _is_encoded(text: str) -> bool:
    return any(sign in text and hint.search(text) for sign, hint in _ENCODED_SOMEWHERE)


def _decoded(text: str) -> list[Piece]:
    """Return the encoded runs that read differently, in order."""
    pieces = []
    for found in _ENCODED.finditer(text):
        plain = _decode(found[0])
        if plain != found[0]:
            pieces.append((found.start(), found.end(), plain))
    return pieces


def _folded(text: str, taken: list[Piece]) -> list[Piece]:
    """Return the runs of other than ASCII characters that read differently and aren't in `taken`."""
    pieces: list[Piece] = []
    ends = {end for _, end, _ in taken}
    at = 0
    for found in _NON_ASCII.finditer(text):
        begin, end = found.span()
        if end - begin == 1:
            plain = _single(text[begin])
            if plain == text[begin]:
                continue
            if plain:
                pieces.append((begin, end, plain))
                continue
        if begin > at and begin not in ends and unicodedata.combining(text[begin]):
            begin -= 1  # NFKC joins an accent with the letter before it
        run = text[begin:end]
        plain = _fold(run)
        if plain != run:
            pieces.append((begin, end, plain))
        at = end
    return pieces


@lru_cache(maxsize=4096)
def _single(character: str) -> str:
    """Return what one character reads as; a mark that belongs to the letter before it reads as nothing."""
    return "" if unicodedata.combining(character) else _fold(character)


def _fold(run: str) -> str:
    folded = unicodedata.normalize("NFKC", run.translate(ALWAYS)).translate(ALWAYS)
    return folded if folded.isascii() else "".join(map(_plain, folded))


def _plain(character: str) -> str:
    if character.isascii():
        return character
    category = unicodedata.category(character)
    if category[0] == "M":
        seen = not (_OVERLAID.match(character) or character in _UNSEEN or _is_selector(character))
        return character if seen else ""
    if category == "Cf" or character in _UNSEEN:
        return ""
    if category in {"Nd", "No"}:
        digit = unicodedata.digit(character, None)
        return character if digit is None else str(digit)
    return " " if category in {"Zl", "Zp", "Zs"} or character == "\u2800" else character


def _is_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def unmasked(text: str) -> str:
    """Return the text with look-alikes of Latin letters replaced, where no other script explains them. Same length.

    A word is folded when it also has Latin letters, or when each of its letters looks like a Latin one and the text is
    not written in such a script.
    """
    if not _SUSPECT.search(text):
        return text
    words = [(found.start(), found[0]) for found in _WORD.finditer(text)]
    odd = [(start, word) for start, word in words if not word.isascii() and _SUSPECT.search(word)]
    mixed = [(start, word) for start, word in odd if any(c.isascii() or "\xc0" <= c <= "\u024f" for c in word)]
    others = [(start, word) for start, word in odd if (start, word) not in set(mixed)] if len(mixed) < len(odd) else []
    twins = [(start, word) for start, word in others if word.translate(STRONG).isascii()]
    native = len(others) - len(twins)
    parts: list[str] = []
    at = 0
    for start, word in sorted([*mixed, *(twins if native * 2 <= len(words) - len(odd) else [])]):
        parts += (text[at:start], word.translate(LOOSE if len(word) > 1 else STRONG))
        at = start + len(word)
    return "".join([*parts, text[at:]])


def _decode(run: str) -> str:
    if run.startswith("%"):
        plain = _PERCENT.sub(_percent, run)
    elif run.startswith("\\"):
        codes = [int(a or b, 16) if a or b else int(c, 8) for a, b, c in _ESCAPE.findall(run)]
        if len(codes) > 1 and max(codes) < 256 and max(codes) > 127:
            plain = bytes(codes).decode("utf-8", "replace")
        else:
            plain = "".join(chr(code) for code in codes if code <= 0x10FFFF)
        if any("\ud800" <= c <= "\udfff" for c in plain):  # halves of one character, as JSON writes it
            plain = plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    else:
        plain = unescape(run)
    return _fold(plain)


def _percent(found: re.Match[str]) -> str:
    if found[1]:
        return chr(int(found[1], 16))
    return bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "replace")


def rewritten(text: str, pieces: list[Piece], start: int = 0, end: int | None = None) -> Normalised:
    """Return a part of a text with some runs replaced; its offsets lead back into the whole text.

    `pieces` are in order, don't overlap, and lie between `start` and `end`.
    """
    parts: list[str] = []
    starts: list[int] = []
    origins: list[tuple[int, int]] = []
    end = len(text) if end is None else end
    length, at = 0, start
    moved = start > 0

    def put(part: str, begin: int, stop: int) -> None:
        nonlocal length
        if part:
            starts.append(length)
            origins.append((begin, stop))
            parts.append(part)
            length += len(part)

    for begin, stop, plain in pieces:
        put(text[at:begin], at, begin)
        put(plain, begin, stop)
        moved = moved or len(plain) != stop - begin
        at = stop
    put(text[at:end], at, end)
    joined = "".join(parts)
    return Normalised(joined, tuple(starts), tuple(origins)) if moved else Normalised(joined)


def over(upper: Normalised, lower: Normalised) -> Normalised:
    """Return `upper`, made from the text of `lower`, with a map that leads back to the text below `lower`."""
    if not lower.is_moved:
        return upper
    below = lower if upper.below is None else over(upper.below, lower)
    return Normalised(upper.text, upper.starts, upper.origins, below)
