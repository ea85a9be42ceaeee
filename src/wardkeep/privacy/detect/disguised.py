"""Identifiers written to slip past a scan: spaced or spelled digits, spaced letters, base64 and hexadecimal runs.

Inline encodings and look-alike characters are undone earlier, in `privacy.normalise`. 45 CFR 164.514(b)(2)(i) names
identifiers, not spellings: a disguised one counts.
"""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.lexicon import NAME, SAFE
from wardkeep.privacy.detect.nomination import Nomination, Reading

_DIGITS: Final = re.compile(r"(?<![\w.,/])\d(?:[ .*_-]{1,3}\d){6,18}(?![\w/]|[.,]\d)")
_LETTERS: Final = re.compile(r"(?<![\w])[A-Za-z](?:([ .*_-])[A-Za-z])(?:\1[A-Za-z]){2,24}(?![A-Za-z0-9])")


def _digits(reading: Reading, _end: int) -> Iterable[Span]:
    for found in _DIGITS.finditer(reading.text):
        yield _number(found.start(), found.end(), sum(map(str.isdigit, found[0])), "spaced-digits")


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
    Nomination(rule="spaced-letters", expression=r"\b(?:[A-Za-z][ .*_-]){3}[A-Za-z]\b", examine=_letters, once=True),
)
