"""Facilities, employers and schools, which locate a person: 45 CFR 164.514(b)(2)(i)(A) (employers), (B)."""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.lexicon import SAFE
from wardkeep.privacy.detect.nomination import Nomination, Reading
from wardkeep.privacy.detect.wording import WORD, preceding_run, word_set

_KIND: Final = (
    r"Hospitals?|Clinic|Medical Center|Medical Centre|Medical Group|Health System|Health Center|Healthcare"
    r"|Health Care|Health|Hospice|Rehabilitation Center"
    r"|Rehab Center|Rehabilitation|Nursing Home|Nursing Center|Care Center|Surgery Center|Cancer Center"
    r"|Infirmary|Sanatorium|Pharmacy|University|College"
    r"|High School|Elementary School|Middle School|School|Academy|Institute|Church|Associates|Laboratories|Inc"
    r"|LLC|Corp|Corporation|Ltd|GmbH|Bank|Airlines"
    r"|Family Practice|Practice|Physicians|Correctional Facility|Facility|Manor|Retirement Community|Assisted Living"
)
_AFTER: Final = re.compile(
    rf"(?:[ ](?:of|at|for|de)[ ](?:the[ ])?{WORD}(?:[ ]{WORD}){{0,3}}|[ ](?:Hospital|Clinic|Center|Group|System"
    rf"|Associates|Inc|LLC)\b){{0,2}}"
)
_OF: Final = re.compile(rf"[ ](?:of|de)[ ](?:the[ ])?({WORD}(?:[ ]{WORD}){{0,3}})")
_EMPLOYER: Final = re.compile(rf"[ ](?:a[ ]|the[ ]|local[ ])?({WORD}(?:[ ](?:(?:&|and|of)[ ])?{WORD}){{0,4}})")
_SPANISH: Final = re.compile(
    rf"[ ](?=de |del |la |Universitari|Cl\xednico|Virgen|San |Santa |Sant |Nuestra|Infant|Gregorio|Ram\xf3n|Puerta)"
    rf"(?:[ ]?(?:de[ ](?:la[ ]|los[ ]|las[ ])?|del[ ]|la[ ]|el[ ])?{WORD}){{1,6}}"
)

# Words that say what a facility is and not which one.
_GENERIC: Final = word_set(
    "the a an our this that your my his her their general regional community county city state national local "
    "university medical children's women's children women veterans va pain urgent care primary family walk-in "
    "outpatient inpatient day mental behavioral public home acute long term skilled nursing rehabilitation "
    "rehab teaching main other another at in to from and of for on by with was is were admitted discharged "
    "transfer transferred emergency hospital clinic discharge summary internal medicine pediatric pediatrics "
    "surgery surgical cardiology neurology oncology urology orthopedic orthopedics dermatology radiology "
    "psychiatry gynecology obstetrics ophthalmology ent gi endocrinology nephrology pulmonary rheumatology "
    "hematology podiatry dental eye wound diabetes heart cancer stroke sleep anticoagulation coumadin high "
    "middle elementary private free follow-up previous prior first field electronic health patient physical "
    "occupational school college church bank new service reason last name maternal fetal child adult women's "
    "men's student world department global human good bone oral"
)


def _facility(reading: Reading, end: int) -> Iterable[Span]:
    text = reading.text
    if text[end : end + 1].isalpha():
        return ()
    kind = _KIND_AT_END.search(text, max(0, end - 24), end)
    if kind is None:
        return ()
    begin = kind.start()
    named = False
    first = preceding_run(text, begin - 1, 6) if text[begin - 1 : begin] == " " else begin
    if first < begin:
        pieces = list(_PIECES.finditer(text, first, begin))
        while pieces and (pieces[0][0].lower() in _GENERIC_LEADING):
            pieces.pop(0)
        if pieces:
            begin = pieces[0].start()
            named = any(p[0].lower().removesuffix("'s") not in _GENERIC and p[0][0].isupper() for p in pieces)
    after = _OF.match(text, end)
    if after and not all(w.lower() in _GENERIC or reading.words.get(w.lower(), 0) & SAFE for w in after[1].split(" ")):
        return (Span(begin, after.end(), IdentifierType.ORGANIZATION, "facility"),)
    if not named:
        return ()
    tail = _AFTER.match(text, end)
    return (Span(begin, tail.end() if tail else end, IdentifierType.ORGANIZATION, "facility"),)


_KIND_AT_END: Final = re.compile(rf"(?<![A-Za-z])(?:{_KIND})\Z")
_PIECES: Final = re.compile(r"[^\s,]+")
_GENERIC_LEADING: Final = word_set(
    "the a an our this that at in to from and of for on by with was is were admitted discharged transfer "
    "transferred facility hospital"
)


def _employer(reading: Reading, end: int) -> Iterable[Span]:
    found = _EMPLOYER.match(reading.text, end)
    if found is None:
        return ()
    pieces = found[1].split(" ")
    if all(reading.words.get(p.lower(), 0) & SAFE for p in pieces) and len(pieces) == 1:
        return ()
    return (Span(found.start(1), found.end(1), IdentifierType.ORGANIZATION, "employer"),)


def _spanish(reading: Reading, end: int) -> Iterable[Span]:
    found = _SPANISH.match(reading.text, end)
    if found is None:
        return ()
    start = max(reading.text.rfind(" ", 0, end), reading.text.rfind("\n", 0, end)) + 1
    return (Span(start, found.end(), IdentifierType.ORGANIZATION, "facility-spanish"),)


NOMINATIONS: Final = (
    Nomination(rule="facility", expression=rf"\b(?:{_KIND})\b", examine=_facility),
    Nomination(
        rule="employer",
        expression=r"\b(?:works? (?:at|for)"
        r"|worked (?:at|for)|working (?:at|for)|employed (?:by|at)|employee of|employer:"
        r"|retired from)\b",
        examine=_employer,
        caseless=True,
    ),
    Nomination(
        rule="facility-spanish",
        expression=r"\b(?:Hospital|Cl[\xed]nica|Centro de Salud|Ambulatorio|Residencia)\b",
        examine=_spanish,
    ),
)
