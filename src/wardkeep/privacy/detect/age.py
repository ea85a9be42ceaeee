"""Ages over 89, 45 CFR 164.514(b)(2)(i)(C): such ages, and words that reveal them."""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.lexicon import NAME, SAFE
from wardkeep.privacy.detect.nomination import Nomination, Reading, covering

_OLD: Final = re.compile(
    r"(?<![\w./-])(?:9\d|1[0-2]\d)(?=[ -]?(?:years?[ -]old|years? of age|yrs?\b|y[./]?o\b|y\.o\.|years?\b"
    r"|yo[mf]?\b|a\xf1os|a\b(?=[ ]?[,;.)])|M\b|(?<!\d\d\d )(?<!\d\d\d)F\b))",
    re.IGNORECASE,
)
_AGED: Final = re.compile(r"[\s:=\"']{0,4}(?:of |is |was )?(9\d|1[0-2]\d)(?![\w%/]|[.,]\d|-\d)", re.IGNORECASE)
_DECADE: Final = re.compile(r"(?<=\b(?:his|her|the)[ ])(?:(?:early|mid|late)[ -])?(?:nineties|90'?s)\b", re.IGNORECASE)


_SPELLED: Final = re.compile(
    r"\b(?:ninety(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?|(?:a"
    r"|one) hundred(?:[ -]and)?(?:[ -](?:one|two|three|four|five|six"
    r"|seven|eight|nine|ten))?|noventa(?: y (?:un|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve))?|cien"
    r"|ciento (?:un|uno|dos|tres|cuatro|cinco))\b",
    re.IGNORECASE,
)
_SPELLED_AFTER: Final = re.compile(r"[ -](?:years?\b|yrs?\b|y/?o\b|ish\b|something|a\xf1os)", re.IGNORECASE)
_SPELLED_BEFORE: Final = re.compile(
    r"\b(?:age[d]?|turn(?:ed|s|ing)|s?he(?:'s| is| was)?|(?:will |'ll )be|i(?:'m| am|m)|is|now|tiene|cumpli[o\xf3]"
    r"|cumple|mother|father"
    r"|granny|grandma|grandmother|g-mother|grandfather|grandpa|nana)[ ]\Z",
    re.IGNORECASE,
)
_NOT_AGE_AFTER: Final = re.compile(
    r"[ -]?(?:percent|degrees|days?|minutes?|hours?|mg|ml|mcg|over|on|beats|pounds|lbs|%|of|times|dollars)",
    re.IGNORECASE,
)
_NUMBER: Final = (
    r"(?P<age>9\d|10\d|11[0-5])(?![\w%/:^\xb0]|[.,]\d|-\d"
    r"|[ ]?(?:%|mg|ml|mcg|kg|lbs?|bpm|mmhg|degrees|percent|f\b|days?|hours?|weeks?|months?|min))"
)
_PERSON: Final = re.compile(
    r"(?:\b(?:s?he(?:'s|s| is| was)|who(?:'s| is| was)|i(?:'m| am|m)|(?:pt|patient|mom|mum|mother|dad|father|grandma"
    r"|grandpa|granny|gran|grandmother|grandfather|granddad|gramps|nana|abuelit?[ao]|cousin|neighbou?r|roommate"
    r"|uncle|aunt|auntie|wife|husband|sister|brother|mam[a\xe1]|pap[a\xe1]|madre|padre|mother died|father died"
    r"|died(?: at)?)(?: is| was| now|,)?|lived to(?: be)?|passed(?: away)? at|made it to|tiene|cumpli[o\xf3]"
    rf"|edad(?: de)?|turn(?:ed|s))[ ]\(?{_NUMBER}|(?:(?P<name>[^\W\d_]{{3,}})[\"'\u201d\u2019]?,?[ ]\(?"
    rf"|(?P<verb>[^\W\d_]{{3,}})[ ]is[ ]){_NUMBER.replace('age', 'aged')}"
    r"(?=[,;)!.]|[ ](?:y\b|takes?\b|full\b|and\b|with\b|n\b|on\b|at\b|end|lives?\b|who\b|baseline)))",
    re.IGNORECASE,
)


# "Joop, ninety-six, has": between commas an exact number of words is an age.
_ALONE: Final = re.compile(r", ninety-[a-z]+,", re.IGNORECASE)


def _spelled(reading: Reading, _end: int) -> Iterable[Span]:
    text = reading.text
    for found in _SPELLED.finditer(text):
        start, end = found.span()
        if _SPELLED_AFTER.match(text, end) or (
            not _NOT_AGE_AFTER.match(text, end)
            and (
                _SPELLED_BEFORE.search(text, max(0, start - 16), start)
                or _ALONE.fullmatch(text, max(0, start - 2), end + 1)
            )
        ):
            yield Span(start, end, IdentifierType.AGE, "age-spelled")


def _person(reading: Reading, end: int) -> Iterable[Span]:
    """An age beside a person: after a pronoun or a kinsman, or in the place that it takes after a name."""
    found = covering(_PERSON, reading.text, end, 34, 12)
    if found is None:
        return ()
    group = "age" if found["age"] else "aged"
    if group == "aged":
        word = found["name"] or found["verb"]
        # A laboratory value stands beside a word, too: only a name takes an age.
        flags = reading.words.get(word.lower(), NAME)
        if not word[0].isupper() or word.isupper() or flags & SAFE or not flags & NAME:
            return ()
    return (Span(found.start(group), found.end(group), IdentifierType.AGE, "age-person"),)


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
        rule="age-spelled",
        expression=r"\b(?:ninety|hundred|noventa|cien|ciento)\b",
        examine=_spelled,
        caseless=True,
        once=True,
    ),
    Nomination(
        rule="age-person",
        expression=r"[a-z\xe0-\xff][\"'?]?,? \(?(?:9[0-9]|10[0-9]|11[0-5])(?:[^0-9%/:.]|\.[^0-9]|\.?\z)",
        examine=_person,
        caseless=True,
    ),
    Nomination(
        rule="age",
        expression=r"(?:9[0-9]|1[0-2][0-9])[ -]?(?:y|m\b|f\b|a\xf1os|a\b)",
        examine=_old,
        caseless=True,
        once=True,
    ),
    Nomination(rule="age-cue", expression=r"\b(?:age|aged|edad|turned|turning)\b", examine=_aged, caseless=True),
    Nomination(rule="age-decade", expression=r"\bnineties\b|\b90'?s\b", examine=_decade, caseless=True, once=True),
)
