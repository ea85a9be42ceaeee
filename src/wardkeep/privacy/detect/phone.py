"""Telephone and fax numbers, 45 CFR 164.514(b)(2)(i)(D), (E); forms of the North American plan and ITU-T E.164."""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.nomination import Nomination, Reading, covering

_EXTENSION: Final = r"(?:[\s,]{0,3}(?:x|ext\.?|extension|opt\.?)\s?\d{1,6})?"
_NATIONAL: Final = re.compile(
    r"(?<![\w.])(?:\+?\d{1,3}[-. ]{0,2})?(?:\(\d{3}\)|\d{3})[-. /]{0,3}\d{3}[-. ]{0,2}\d{4}(?!\d)" + _EXTENSION,
    re.IGNORECASE,
)
_LOCAL: Final = re.compile(r"(?<![\w.-])\d{3}[-. ]\d{4}(?![\w-])" + _EXTENSION, re.IGNORECASE)
_INTERNATIONAL: Final = re.compile(r"\+\d(?:[\s().-]{0,2}\d){7,14}(?!\d)" + _EXTENSION, re.IGNORECASE)
# Written in pairs and threes, as in Spain, Mexico and Britain.
_PAIRS: Final = re.compile(
    r"(?<![\w.,/-])(?:\+?\d{1,3}[ .-])?(?:\(?0\d{2,4}\)?[ -]\d{3}[ -]?\d{3,4}"
    r"|[6-9]\d{2}(?P<s>[ .-])\d{2}(?P=s)\d{2}(?P=s)\d{2}"
    r"|\d{3}[ -]\d{3}[ -]\d{2}[ -]\d{2}|\d{2}[ -]\d{4}[ -]\d{4}|[6-9]\d{2}[ .-]\d{3}[ .-]\d{3})(?![\w%/]|[.,-]\d)"
)
# Inside a house: pagers, extensions, bleeps. Short, so the word must stand right before.
_INSIDE: Final = re.compile(
    r"(?:\b(?:ext(?:ension)?|pager|pgr|paged?|pg|bleep|beeper|cb|vm|voicemail|ascom|vocera|spectralink|desk"
    r"|callback|interno|anexo|busca)"
    r"\b[.:#]?[ ]{0,2}(?:at |is |no\.? |number |# ?|me |us )?[x*#]?|(?<![\w*])[x*](?=\d{4,6}\b)"
    r"|(?<!\w)x-?(?=\d-?\d{3,4}\b)"
    r"|(?<![\w.])p(?=\d{4}(?!\w)))(\d{1,2}-\d{3,5}|\d{3,6})(?![\w/%:]|[.,]\d|[ ]?(?:mg|ml|mcg|units|yo)\b)",
    re.IGNORECASE,
)
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
        if found.start() < end <= found.end() and found[0].strip("0-.() "):
            return (_span(reading, found.start(), found.end(), "phone"),)
    start = max(0, end - 8)
    local = _LOCAL.match(text, start)
    if local and _BEFORE.search(text, max(0, start - 40), start):
        return (_span(reading, start, local.end(), "phone-local"),)
    return ()


def _pairs(reading: Reading, end: int) -> Iterable[Span]:
    found = covering(_PAIRS, reading.text, end, 22, 14)
    if found is None or not found[0].strip("0-.() "):
        return ()
    return (_span(reading, found.start(), found.end(), "phone-pairs"),)


def _inside(reading: Reading, end: int) -> Iterable[Span]:
    found = covering(_INSIDE, reading.text, end, 30, 12)
    return (Span(found.start(1), found.end(1), IdentifierType.PHONE, "phone-inside"),) if found else ()


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
    Nomination(rule="phone", expression=r"\([0-9]{3}\) ?[0-9]{7}|[0-9]{3}[-.^ ][0-9]{7}", examine=_grouped),
    Nomination(
        rule="phone-pairs",
        expression=r"[0-9]{3}[ .-][0-9]{2,3}[ .-][0-9]{2,3}|\b0[0-9]{2,4}\)?[ -][0-9]{3}[ -]?[0-9]{3}"
        r"|[0-9]{2}[ -][0-9]{4}[ -][0-9]{4}",
        examine=_pairs,
    ),
    Nomination(
        rule="phone-inside",
        expression=(
            r"\b(?:ext(?:ension)?|pager|pgr|paged?|pg|bleep|beeper|cb|vm|voicemail|ascom|vocera|spectralink|desk"
            r"|callback|interno"
            r"|anexo|busca)\b[^0-9\n]{0,12}[0-9]|(?:^|[^A-Za-z0-9])[x*]-?[0-9][0-9-]{3}|(?:^|[^A-Za-z0-9.])p[0-9]{4}"
        ),
        examine=_inside,
        caseless=True,
    ),
    Nomination(rule="phone-international", expression=r"\+[0-9]", examine=_international),
    Nomination(
        rule="phone-cue",
        expression=(
            r"\b(?:phone|telephone|tel|cel|hp|ring|home|wk|work|line|direct|numero|n\xfamero|cell|mobile|pager|fax"
            r"|reached|reach|dial|call|called|calling|ph|cellphone"
            r"|landline|desk"
            r"|voicemail|whatsapp|contact|telefono|tel[\xe9]fono|tfno|tlf|telf|tlfno|movil|m[\xf3]vil)\b"
        ),
        examine=_cued,
        caseless=True,
    ),
)
