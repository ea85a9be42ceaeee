"""Identifiers written to slip past a scan: spaced or spelled digits, spaced letters, base64 and hexadecimal runs.

Inline encodings and look-alike characters are undone earlier, in `privacy.normalise`. 45 CFR 164.514(b)(2)(i) names
identifiers, not spellings: a disguised one counts.
"""

import binascii
import re
import string
from collections.abc import Iterable, Iterator
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.lexicon import NAME, SAFE
from wardkeep.privacy.detect.nomination import Nomination, Reading

_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{16,}={0,2}(?![A-Za-z0-9+/_=-])")
_SYMBOLS: Final = string.ascii_letters + string.digits + "+/_-"
_HEX: Final = re.compile(r"(?<![A-Za-z0-9])(?:[0-9a-fA-F]{2}){8,}(?![A-Za-z0-9])")
_DIGITS: Final = re.compile(r"(?<![\w.,/])\d(?:[ .*_-]{1,3}\d){6,18}(?![\w/]|[.,]\d)")
_SPELLED: Final = re.compile(
    r"\b(?:(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|niner|double|triple)(?:[ ,.-]{1,3}(?:dash "
    r"|hyphen |dot |area code )?)){5,20}"
    r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)\b",
    re.IGNORECASE,
)
_LETTERS: Final = re.compile(r"(?<![\w])[A-Za-z](?:([ .*_-])[A-Za-z])(?:\1[A-Za-z]){2,24}(?![A-Za-z0-9])")


def decoded_runs(text: str, ends: Iterable[int]) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, plain text) of runs that decode to text: base64 (RFC 4648 sections 4, 5) and base16.

    `ends` are offsets after each long run of such symbols, in order (see `ENCODED`).
    """
    at = 0
    for after in ends:
        stop = after if text[after - 1] in _SYMBOLS else after - 1
        start = at + len(text[at:stop].rstrip(_SYMBOLS))
        at = stop
        yield from _decoded(text, start, stop)


def _decoded(text: str, start: int, stop: int) -> Iterator[tuple[int, int, str]]:
    for found in _BASE64.finditer(text, start, min(stop + 3, len(text))):
        run = found[0].rstrip("=").replace("-", "+").replace("_", "/")
        try:
            plain = binascii.a2b_base64(run + "=" * (-len(run) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
        if _reads(plain):
            yield found.start(), found.end(), plain
    for found in _HEX.finditer(text, start, stop):
        try:
            plain = bytes.fromhex(found[0]).decode()
        except UnicodeDecodeError:
            continue
        if _reads(plain):
            yield found.start(), found.end(), plain


def _reads(plain: str) -> bool:
    return all(c.isprintable() or c in "\r\n\t" for c in plain)


def _digits(reading: Reading, _end: int) -> Iterable[Span]:
    for found in _DIGITS.finditer(reading.text):
        yield _number(found.start(), found.end(), sum(map(str.isdigit, found[0])), "spaced-digits")


def _spelled(reading: Reading, _end: int) -> Iterable[Span]:
    for found in _SPELLED.finditer(reading.text):
        yield _number(found.start(), found.end(), len(re.findall(r"[a-z]+", found[0].lower())), "spelled-digits")


def _number(start: int, end: int, digits: int, rule: str) -> Span:
    kind = {9: IdentifierType.SSN, 10: IdentifierType.PHONE, 11: IdentifierType.PHONE}.get(digits, IdentifierType.OTHER)
    return Span(start, end, kind, rule)


def _letters(reading: Reading, _end: int) -> Iterable[Span]:
    """Letters set apart. Two such runs side by side are taken as given name and surname."""
    for found in _LETTERS.finditer(reading.text):
        flag = reading.words.get(re.sub(r"[^A-Za-z]", "", found[0]).lower(), 0)
        if flag & NAME and not flag & SAFE:
            yield Span(found.start(), found.end(), IdentifierType.NAME, "spaced-letters")


NOMINATIONS: Final = (
    Nomination(rule="spaced-digits", expression=r"(?:[0-9][ .*_-]{1,3}){6}[0-9]", examine=_digits, once=True),
    Nomination(
        rule="spelled-digits",
        expression=r"(?:(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)[ ,.-]{1,3}){3}",
        examine=_spelled,
        caseless=True,
        once=True,
    ),
    Nomination(rule="spaced-letters", expression=r"\b(?:[A-Za-z][ .*_-]){3}[A-Za-z]\b", examine=_letters, once=True),
)

ENCODED: Final = Nomination(
    rule="encoded",
    expression=r"[A-Za-z0-9+/_-]{16}(?:[^A-Za-z0-9+/_-]|\z)",
    examine=lambda _reading, _end: (),
)
