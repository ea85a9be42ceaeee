"""Ages over 89, 45 CFR 164.514(b)(2)(i)(C): such ages, and words that reveal them."""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.nomination import Nomination, Reading

_OLD: Final = re.compile(
    r"(?<![\w./-])(?:9\d|1[0-2]\d)(?=[ -]?(?:years?[ -]old|years? of age|yrs?\b|y[./]?o\b|y\.o\.|years?\b"
    r"|yo[mf]?\b|a\xf1os|M\b|F\b))",
    re.IGNORECASE,
)
_AGED: Final = re.compile(r"[\s:=\"']{0,4}(?:of |is |was )?(9\d|1[0-2]\d)(?![\w%/]|[.,]\d|-\d)", re.IGNORECASE)
_DECADE: Final = re.compile(r"(?<=\b(?:his|her|the)[ ])(?:(?:early|mid|late)[ -])?(?:nineties|90'?s)\b", re.IGNORECASE)


def _old(reading: Reading, _end: int) -> Iterable[Span]:
    for found in _OLD.finditer(reading.text):
        yield Span(found.start(), found.end(), IdentifierType.AGE, "age")


def _aged(reading: Reading, end: int) -> Iterable[Span]:
    found = _AGED.match(reading.text, end)
    return (Span(found.start(1), found.end(1), IdentifierType.AGE, "age-cue"),) if found else ()


def _decade(reading: Reading, _end: int) -> Iterable[Span]:
    for found in _DECADE.finditer(reading.text):
        yield Span(found.start(), found.end(), IdentifierType.AGE, "age-decade")


NOMINATIONS: Final = (
    Nomination(
        rule="age",
        expression=r"(?:9[0-9]|1[0-2][0-9])[ -]?(?:y|m\b|f\b|a\xf1os)",
        examine=_old,
        caseless=True,
        once=True,
    ),
    Nomination(rule="age-cue", expression=r"\b(?:age|aged|edad|turned|turning)\b", examine=_aged, caseless=True),
    Nomination(rule="age-decade", expression=r"\bnineties\b|\b90'?s\b", examine=_decade, caseless=True, once=True),
)
