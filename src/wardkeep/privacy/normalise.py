"""Undo disguises before detection, with an exact map back to the original offsets.

Disguises: compatibility forms and full-width digits (Unicode UAX #15, NFKC), zero-width and other format characters,
look-alike letters (UTS #39), foreign digits, and inline encodings (%xx, backslash-u, HTML entities). The result is only
read by recognisers; what leaves the gateway is cut from the original text. ASCII text without an encoded run is
returned as it is.

Does not decode base64 (see `detect.encoded`), which must be found before it can be read.
"""

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from html import unescape
from typing import Final

# UTS #39 look-alikes of Latin letters that NFKC leaves alone. Greek and Cyrillic words are folded as a whole; nobody
# reads the folded text but the recognisers, so a folded Greek word does no harm.
_CONFUSABLE: Final = str.maketrans(
    "АВЕЅZІЈКМНОРСТХУасеорхуіјѕһԁԛԝЬɡɩΑΒΕΖΗΙΚΜΝΟΡΤΥΧαοριν‘’ʼ`´“”‐‑‒–—―−﹣－∙·․",
    "ABESZIJKMHOPCTXYaceopxyijshdqwbgiABEZHIKMNOPTYXaopiv'''''\"\"--------" + "-...",
)
_NON_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
# Cheap questions first: a percent sign or an ampersand alone encodes nothing.
_ENCODED_SOMEWHERE: Final = (
    ("%", re.compile(r"%[0-9A-Fa-f]{2}")),
    ("&", re.compile(r"&[#A-Za-z]")),
    ("\\", re.compile(r"\\u[0-9a-fA-F]{4}")),
)
_ENCODED: Final = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+|(?:\\u[0-9a-fA-F]{4})+|(?:&(?:\#[0-9]{2,7}|\#[xX][0-9a-fA-F]{2,6}|[A-Za-z]{2,8});)+"
)
_ESCAPED: Final = re.compile(r"\\[nrt\"/]")


@dataclass(frozen=True, slots=True)
class Normalised:
    """A text ready for detection. `starts` and `origins` are parallel; both are empty when offsets are unchanged."""

    text: str
    starts: tuple[int, ...] = ()
    origins: tuple[tuple[int, int], ...] = ()

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the half-open range of the original text behind a range of the normalised one."""
        if not self.starts:
            return start, end
        return self._side(start)[0], self._side(max(start, end - 1))[1]

    def _side(self, offset: int) -> tuple[int, int]:
        piece = bisect_right(self.starts, offset) - 1
        begin, stop = self.origins[piece]
        length = (self.starts[piece + 1] if piece + 1 < len(self.starts) else len(self.text)) - self.starts[piece]
        if length == stop - begin:
            return begin + offset - self.starts[piece], begin + offset - self.starts[piece] + 1
        # A piece whose length changed is taken whole: half an encoded character is no text.
        return begin, stop


def normalise(text: str) -> Normalised:
    """Return the text as the recognisers read it, with its map back."""
    if text.isascii() and "\\" not in text and not _is_encoded(text):
        return Normalised(text)
    if "\\" in text:
        # Escaped JSON inside a string: `\nMRN` must not read as a word `nMRN`. Same length, so offsets stay.
        text = _ESCAPED.sub(lambda found: ' "' if found[0] == '\\"' else "  ", text)
    pieces = _changed(text)
    if not pieces:
        return Normalised(text)
    return _assemble(text, pieces)


def _is_encoded(text: str) -> bool:
    return any(sign in text and hint.search(text) for sign, hint in _ENCODED_SOMEWHERE)


def _changed(text: str) -> list[tuple[int, int, str]]:
    """Return (start, end, replacement) of the runs that read differently, in order."""
    pieces: list[tuple[int, int, str]] = []
    encoded = (
        [(found.start(), found.end(), _decode(found[0])) for found in _ENCODED.finditer(text)]
        if _is_encoded(text)
        else []
    )
    at = 0
    for start, end, plain in [*encoded, (len(text), len(text), "")]:
        if not text.isascii():
            for found in _NON_ASCII.finditer(text, at, start):
                begin = found.start()
                if begin > at and unicodedata.combining(text[begin]):
                    begin -= 1  # NFKC joins an accent with the letter before it
                plain_run = _fold(text[begin : found.end()])
                if plain_run != text[begin : found.end()]:
                    pieces.append((begin, found.end(), plain_run))
        if plain != text[start:end]:
            pieces.append((start, end, plain))
        at = end
    return pieces


def _fold(run: str) -> str:
    folded = unicodedata.normalize("NFKC", run.translate(_CONFUSABLE)).translate(_CONFUSABLE)
    return "".join(map(_plain, folded)) if not folded.isascii() else folded


def _plain(character: str) -> str:
    if character.isascii():
        return character
    category = unicodedata.category(character)
    if category == "Cf" or "︀" <= character <= "️" or "\U000e0000" <= character <= "\U000e01ef":
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    return " " if category in {"Zl", "Zp", "Zs"} else character


def _decode(run: str) -> str:
    if run.startswith("%"):
        plain = bytes.fromhex(run.replace("%", "")).decode("utf-8", "replace")
    elif run.startswith("\\"):
        plain = "".join(chr(int(code, 16)) for code in run.split("\\u")[1:])
    else:
        plain = unescape(run)
    return _fold(plain)


def _assemble(text: str, pieces: list[tuple[int, int, str]]) -> Normalised:
    parts: list[str] = []
    starts: list[int] = []
    origins: list[tuple[int, int]] = []
    length = at = 0
    moved = False

    def put(part: str, start: int, end: int) -> None:
        nonlocal length
        if part:
            starts.append(length)
            origins.append((start, end))
            parts.append(part)
            length += len(part)

    for start, end, plain in pieces:
        put(text[at:start], at, start)
        put(plain, start, end)
        moved = moved or len(plain) != end - start
        at = end
    put(text[at:], at, len(text))
    joined = "".join(parts)
    return Normalised(joined, tuple(starts), tuple(origins)) if moved else Normalised(joined)
