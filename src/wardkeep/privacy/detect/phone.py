"""Telephone and fax numbers, 45 CFR 164.514(b)(2)(i)(D), (E); forms of the North American plan and ITU-T E.164."""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.nomination import Nomination, Reading

_EXTENSION: Final = r"(?:\s{0,2}(?:x|ext\.?|extension)\s?\d{1,6})?"
_NATIONAL: Final = re.compile(
    r"(?<![\w.])(?:\+?\d{1,3}[-. ]{0,2})?(?:\(\d{3}\)|\d{3})[-. /]{0,3}\d{3}[-. ]{1,2}\d{4}(?!\d)" + _EXTENSION,
    re.IGNORECASE,
)
_LOCAL: Final = re.compile(r"(?<![\w.-])\d{3}[-. ]\d{4}(?![\w-])" + _EXTENSION, re.IGNORECASE)
_INTERNATIONAL: Final = re.compile(r"\+\d(?:[\s().-]{0,2}\d){7,14}(?!\d)" + _EXTENSION, re.IGNORECASE)
_CUED: Final = re.compile(
    r"(?:[\s:#.\"'=()-]|(?:number|numbers|no|at|is|was|me|us|her|him|them|back|line|or|and|on)\b){0,9}?"
    r"(\+?\(?\d(?:[\s().-]{0,2}\d){6,14}(?!\d)" + _EXTENSION + ")",
    re.IGNORECASE,
)
_BEFORE: Final = re.compile(
    r"(?:phone|tel|cell|mobile|call|pager|fax|text|contact|reach|dial|ph\b|voicemail|number)[^\n\d]{0,24}\Z",
    re.IGNORECASE,
)
_FAX: Final = re.compile(r"fax[^\n\d]{0,20}\Z", re.IGNORECASE)


def _span(reading: Reading, start: int, end: int, rule: str) -> Span:
    before = reading.text[max(0, start - 24) : start]
    fax = "fax" in before.lower() and _FAX.search(before)
    return Span(start, end, IdentifierType.FAX if fax else IdentifierType.PHONE, rule)


def _grouped(reading: Reading, end: int) -> Iterable[Span]:
    text = reading.text
    for found in _NATIONAL.finditer(text, max(0, end - 24), end + 18):
        if found.start() < end <= found.end():
            return (_span(reading, found.start(), found.end(), "phone"),)
    start = max(0, end - 8)
    local = _LOCAL.match(text, start)
    if local and _BEFORE.search(text, max(0, start - 40), start):
        return (_span(reading, start, local.end(), "phone-local"),)
    return ()


def _international(reading: Reading, end: int) -> Iterable[Span]:
    found = _INTERNATIONAL.match(reading.text, end - 2)
    return (_span(reading, found.start(), found.end(), "phone-international"),) if found else ()


def _cued(reading: Reading, end: int) -> Iterable[Span]:
    found = _CUED.match(reading.text, end)
    if found is None:
        return ()
    return (_span(reading, found.start(1), found.end(1), "phone-cue"),)


NOMINATIONS: Final = (
    Nomination(rule="phone", expression=r"[0-9]{3}[-. ]{1,2}[0-9]{4}", examine=_grouped),
    Nomination(rule="phone-international", expression=r"\+[0-9]", examine=_international),
    Nomination(
        rule="phone-cue",
        expression=(
            r"\b(?:phone|telephone|tel|cell|mobile|pager|fax|reached|reach|dial|call|called|calling|ph|cellphone"
            r"|landline|desk"
            r"|voicemail|whatsapp|contact|telefono|tel[\xe9]fono|tfno|tlf|telf|tlfno|movil|m[\xf3]vil)\b"
        ),
        examine=_cued,
        caseless=True,
    ),
)
