"""Dates, all elements but the year: 45 CFR 164.514(b)(2)(i)(C).

English and Spanish words, ISO 8601, day or month first.
A year alone, a time of day and a fraction (`5/5`, `120/80`) are not dates. A date of two parts needs a word before it.
"""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.nomination import Nomination, Reading

_MONTHS: Final = (
    "january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr"
    "|jun|jul|aug|sept|sep|oct|nov|dec"
    "|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|setiembre|octubre|noviembre|diciembre"
)
_NUMERIC: Final = re.compile(
    r"(?<![\w/.-])(?:"
    r"(?P<y>(?:1[89]|20|21)\d\d)(?P<s>[-/.])(?P<m>0?[1-9]|1[0-2])(?P=s)(?P<d>0?[1-9]|[12]\d|3[01])"
    r"(?:[T ]\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?:Z"
    r"|[+-]\d\d:?\d\d)?)?"
    r"|(?P<a>0?[1-9]|[12]\d|3[01])(?P<t>[-/.]) ?(?P<b>0?[1-9]|[12]\d|3[01])(?P=t) ?(?:(?:1[89]|20|21)\d\d|\d\d)"
    r")(?![\w/]|[-.]\d)"
)
_WORDED: Final = re.compile(
    rf"(?<![A-Za-z])(?:(?:\d{{1,2}}(?:st|nd|rd|th)?(?:[ ]|[ ]of[ ]|[ ]de[ ]|-|[ ]?/))?(?:{_MONTHS})(?![a-z])\.?"
    r"(?:(?:[ ]|-|/|,[ ]?)\d{1,2}(?:st|nd|rd|th)?(?![\d/:%]|\.\d|[ ]?(?:mg|mcg|ml)\b))?"
    r"(?:(?:,?[ ]|[ ]of[ ]|[ ]de[l]?[ ]|-|/|')(?:1[89]|20|21)\d\d(?!\d)|['-]\d\d(?!\d))?)",
    re.IGNORECASE,
)
_SHORT: Final = re.compile(r"(?<![\w/.-])(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12]\d|3[01])(?![\w/%]|[-.]\d)")
_MONTH_YEAR: Final = re.compile(
    r"(?<![\w/.-])(?:0?[1-9]|1[0-2])[/-](?:19|20)\d\d(?![\w/-])|(?<![\w/.-])(?:19|20)\d\d-(?:0[1-9]|1[0-2])(?![\w/-])"
)
_BEFORE_SHORT: Final = (
    r"\b(?:on|dated?|since|until|till|from|by|before|after|dob|dos|born|seen|visit|scheduled|appointment|appt"
    r"|follow-?up|admitted"
    r"|discharged|started|through|thru|between|starting|ending|due|surgery|as of|lmp|edd)[ :]{1,2}"
)
_COMPACT: Final = re.compile(
    r"[\s:#\"'=]{0,6}(?:is |was |of )?(?:(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])|(?:0[1-9]"
    r"|1[0-2])(?:[0-2]\d|3[01])(?:19|20)\d\d)(?:\d{4,6})?(?!\w)",
    re.IGNORECASE,
)
_MONTH_CUE: Final = re.compile(
    r"\b(?:in|since|by|until|from|last|this|next|early|late|mid|of|between|and|through|during)[ -]\Z", re.IGNORECASE
)
_AMBIGUOUS: Final = frozenset({"may", "march", "mar", "sep", "dec", "jan", "jun", "august", "april", "june"})


def _numeric(reading: Reading, end: int) -> Iterable[Span]:
    text = reading.text
    for found in _NUMERIC.finditer(text, max(0, end - 12), end + 40):
        if found.start() < end <= found.end():
            if found["a"] and int(found["a"]) > 12 and int(found["b"]) > 12:
                return ()
            return (Span(found.start(), found.end(), IdentifierType.DATE, "date"),)
    return ()


def _worded(reading: Reading, end: int) -> Iterable[Span]:
    text = reading.text
    for found in _WORDED.finditer(text, max(0, end - 22), end + 20):
        if not found.start() < end <= found.end():
            continue
        run = found[0]
        if any(map(str.isdigit, run)):
            return (Span(found.start(), found.end(), IdentifierType.DATE, "date-worded"),)
        bare = run.rstrip(".").lower()
        certain = bare not in _AMBIGUOUS or run[0].isupper()
        if (
            reading.strict
            and len(bare) > 3
            and certain
            and _MONTH_CUE.search(text, max(0, found.start() - 10), found.start())
        ):
            return (Span(found.start(), found.start() + len(bare), IdentifierType.DATE, "date-month"),)
    return ()


def _short(reading: Reading, end: int) -> Iterable[Span]:
    text = reading.text
    if text[end : end + 1] == "/":  # a whole date
        return ()
    for form in (_MONTH_YEAR, _SHORT):
        for found in form.finditer(text, max(0, end - 8), end + 8):
            if found.start() < end <= found.end():
                return (Span(found.start(), found.end(), IdentifierType.DATE, "date-short"),)
    return ()


def _compact(reading: Reading, end: int) -> Iterable[Span]:
    found = _COMPACT.match(reading.text, end)
    if found is None:
        return ()
    start = next(i for i in range(found.start(), found.end()) if reading.text[i].isdigit())
    return (Span(start, found.end(), IdentifierType.DATE, "date-compact"),)


NOMINATIONS: Final = (
    Nomination(
        rule="date",
        expression=r"[0-9][-/.] ?[0-9]{1,2}[-/.] ?[0-9]{2}",
        examine=_numeric,
    ),
    Nomination(rule="date-worded", expression=rf"\b(?:{_MONTHS})\b", examine=_worded, caseless=True),
    Nomination(
        rule="date-worded",
        expression=r"[0-9](?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[0-9]",
        examine=_worded,
        caseless=True,
    ),
    Nomination(
        rule="date-short",
        expression=r"(?:^|[^0-9/.-])(?:[0-9]{1,2}[/-](?:19|20)[0-9]{2}|(?:19|20)[0-9]{2}-[0-9]{2})\b",
        examine=_short,
    ),
    Nomination(rule="date-short", expression=_BEFORE_SHORT + r"[0-9]{1,2}/[0-9]{1,2}\b", examine=_short, caseless=True),
    Nomination(
        rule="date-compact",
        expression=r"\b(?:dob|dos|date|birth|birthdate|born|fecha|nacimiento|d\.o\.b\.?|admitted|discharged)",
        examine=_compact,
        caseless=True,
    ),
)
