"""What the rules leave of an identifier: a year, a state with three digits of the ZIP code, the category `90+`.

45 CFR 164.514(b)(2)(i)(B) and (C) for released data, 164.514(e)(2)(ii) for limited data sets. Also finds what a
detector of identifiers passes over because it is none by itself: years of birth and wordings that reveal an age over
89. Pure; the day on which ages are counted is an argument. What remains is always a part of what stood there, or a
category.
"""

import re
from datetime import date
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.dates import DATE, Reader
from wardkeep.privacy.states import CODES, NAMES
from wardkeep.privacy.zip3 import ZIP, first_three

OLD: Final = "90+"
_BIRTH_YEAR_RULE: Final = "birth-year"
_AGE_YEAR_RULE: Final = "age-year"
_OLDEST_SHOWN: Final = 89
_YEAR: Final = re.compile(r"(?<!\d)(?:1[89]|20|21)\d\d(?!\d)")
_BIRTH: Final = re.compile(
    r"(?:\b(?:d\.?o\.?b\.?|born|birth(?:date|day|[ ]?year)?|(?:date|year)[ ]of[ ]birth|b\.|nacid[oa]|nacimiento)"
    r"[\s:.,#\"'=(\-]{0,8}(?:(?:is|was|in|on|the|en|el|date|year|circa|about)\b[\s:]{0,4}){0,3})\Z",
    re.IGNORECASE,
)
_BIRTH_YEAR: Final = re.compile(
    r"(?:\b(?:d\.?o\.?b\.?|born|birth(?:date|[ ]?year)?|(?:date|year)[ ]of[ ]birth|b\.|nacid[oa]|nacimiento|yob)"
    r"[\s:.,#\"'=(\-]{0,4}(?:(?:is|was|in|on|the|en|el|circa|about)\b[\s:]{0,2}){0,3})"
    r"(?P<year>(?:1[89]|20)\d\d)(?!\d|[-/.]\d)",
    re.IGNORECASE,
)
# "turned 92 in 2015": the age becomes 90+, and the year would then tell it again.
_AGE_YEAR: Final = re.compile(
    r"\b(?:turn(?:ed|s|ing)|reached|celebrated|was|age[d]?)[ ](?:(?:his|her|their|the)[ ])?"
    r"(?:9\d|1[0-2]\d)(?:st|nd|rd|th)?(?:[ ](?:years?[ ]old|birthday|years?))?"
    r"[ ,]{1,2}(?:back[ ])?in[ ](?P<year>(?:19|20)\d\d)\b",
    re.IGNORECASE,
)
_OLD_WORDS: Final = re.compile(
    r"(?<!\w)(?:(?:9\d|1[0-2]\d)(?:st|nd|rd|th)(?=[ ]birthday)|(?:non|cent)agenarian|(?:super)?centenarian"
    r"|ninety(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?(?=[- ]years?[- ](?:old|of[ ]age))"
    r"|(?:one|a)[ ]hundred(?:[ ]and)?(?:[ ](?:one|two|three|four|five|six|seven|eight|nine|ten))?"
    r"(?=[- ]years?[- ](?:old|of[ ]age)))",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?\+?")
_STATE: Final = re.compile(rf"\b(?:(?:{'|'.join(sorted(CODES))})|(?i:{'|'.join(NAMES)}))\b")
_SHORTENED: Final = re.compile(r"[A-Za-z] ([0-9]{3})\Z")
_STREET: Final = re.compile(
    r"\d{1,6}[\w ]{0,8}?[ ](?:[\w.'-]{1,30}[ ]){1,4}?(?:st(?:reet)?|ave(?:nue)?|r(?:oa)?d|blvd|boulevard|dr(?:ive)?"
    r"|lane|ln|court|ct|way|pl(?:ace)?|circle|cir|terrace|ter|pkwy|parkway|highway|hwy|trail|trl|loop|alley|square|sq)\b\.?"
    r"|\bp\.?[ ]?o\.?[ ]?box[ ]\d+|(?:\b(?:apt|apartment|unit|suite|ste|floor|fl|rm|room|bldg)\b\.?|#)[ ]?[\w-]{1,8}",
    re.IGNORECASE,
)


def revealing(text: str, today: date) -> list[Span]:
    """Return birth years and wordings that reveal an age over 89, wherever a detector of dates sees no date."""
    found = [
        Span(*match.span("year"), IdentifierType.DATE, _BIRTH_YEAR_RULE)
        for match in _BIRTH_YEAR.finditer(text)
        if is_old_year(int(match["year"]), today)
    ]
    found += [Span(*match.span("year"), IdentifierType.DATE, _AGE_YEAR_RULE) for match in _AGE_YEAR.finditer(text)]
    found += [Span(*match.span(), IdentifierType.AGE, "age-words") for match in _OLD_WORDS.finditer(text)]
    return found


def is_old_year(year: int, today: date) -> bool:
    """Whether somebody born in this year is, or may become within it, older than 89."""
    return today.year - year > _OLDEST_SHOWN


def date_left(text: str, span: Span, reader: Reader, today: date) -> str | None:
    """Return what is left of a date: its year, or None where the year is unsure or reveals an age over 89."""
    surface = text[span.start : span.end]
    if span.rule in {_BIRTH_YEAR_RULE, _AGE_YEAR_RULE}:
        return None
    years = {int(year) for year in _YEAR.findall(surface)}
    if not years:
        is_birth = span.rule.startswith("birth") or _BIRTH.search(text, max(0, span.start - 40), span.start) is not None
        match = DATE.fullmatch(surface.strip())
        day = None if match is None or is_birth else reader.read(match)
        # Two digits of a birth year may mean either of two centuries, and one of them reveals an age.
        years = set() if day is None else {day.year}
    if len(years) != 1 or any(is_old_year(year, today) for year in years):
        return None
    return str(years.pop())


def age_left(surface: str) -> str:
    """Return what is left of an age: itself up to 89, else the category."""
    numbers = _NUMBER.findall(surface)
    if len(numbers) == 1 and float(numbers[0].rstrip("+")) <= _OLDEST_SHOWN:
        return surface
    if not numbers:
        return OLD
    return _NUMBER.sub(OLD, surface, count=1) if len(numbers) == 1 else OLD


def is_all(surface: str, left: str) -> bool:
    """Whether a place is made of nothing but what is left of it: a state, a ZIP code, or both."""
    return left == surface or not any(map(str.isalnum, ZIP.sub("", _STATE.sub("", surface))))


def demographic_left(surface: str) -> str:
    """Return what is left of a quasi-identifier: all but an age over 89."""
    return age_left(surface) if _NUMBER.search(surface) else surface


def place_left(surface: str, *, keeps_town: bool) -> str | None:
    """Return what is left of a place: state and three digits of the ZIP code, or None.

    In a limited data set (`keeps_town`) everything but the street address, 45 CFR 164.514(e)(2)(ii).
    """
    if keeps_town:
        without = _STREET.sub("", surface).strip(" ,;\n")
        return without if without and not any(map(str.isdigit, ZIP.sub("", without))) else None
    # A state is known by its place: alone, after a comma, or before a ZIP code.
    states = [
        match[0]
        for match in _STATE.finditer(surface)
        if len(surface.strip()) == len(match[0])
        or surface[: match.start()].rstrip(" \n").endswith(",")
        or ZIP.match(surface, match.end() + 1)
        or (match.start() == 0 and re.match(r" [0-9]{3}\Z", surface[match.end() :]))
    ]
    codes = [first_three(match[0]) for match in ZIP.finditer(surface)]
    if not codes and states and (shortened := _SHORTENED.search(surface)):
        codes = [shortened[1]]
    left = " ".join([*states[-1:], *codes[-1:]])
    return left or None
