"""Whose identifier a find is: the individual's, a relative's, a household member's, a clinician's, an employer's.

45 CFR 164.514(b)(2)(i) lists the identifiers "of the individual or of relatives, employers, or household members of the
individual"; those of clinicians and places of care are not among them. The words around a find decide, and doubt makes
it the individual's: "Dr. Smith" is PROVIDER only while no other name of the call shares a part with it.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.policies.classes import class_of_type

BIRTH_PLACE: Final = "birth-place:"
_PLACE: Final = "place:"
_NEAR: Final = 48
_PART: Final = re.compile(r"[^\W\d_]{2,}")
_TITLED: Final = re.compile(
    r"(?:\b(?:dr|drs|doctor|dra|nurse|surgeon|anesthesiologist|radiologist|cardiologist|pathologist|pharmacist"
    r"|(?:attending|referring|consulting|ordering|primary care|admitting|treating)"
    r"(?:[ ](?:physician|doctor|provider|clinician|md))?|pcp|provider|resident|intern|practitioner"
    r"|(?:electronically[ ])?signed[ ]by|dictated[ ]by|reviewed[ ]by|cosigned[ ]by)\b[.:,]?[ ]*)\Z",
    re.IGNORECASE,
)
_OWN_TITLE: Final = re.compile(r"(?:dr|dra|doctor)\b\.?", re.IGNORECASE)
_DEGREE: Final = re.compile(
    r"[,]?[ ](?:M\.?D\.?|D\.?O\.?|R\.?N\.?|N\.?P\.?|P\.?A\.?(?:-C)?|Ph\.?D\.?|Pharm\.?D\.?|DDS|DPM|DNP|FNP|CRNA|LCSW"
    r"|FACC|FACS|MBBS|OTR|DPT)(?![A-Za-z])"
)
_RELATION: Final = re.compile(
    r"\b(?:mother|father|mom|dad|wife|husband|spouse|partner|fianc[e\xe9]e?|son|daughter|child|brother|sister|sibling"
    r"|aunt|uncle|niece|nephew|cousin|grand(?:mother|father|son|daughter|child|ma|pa)|step(?:mother|father|son|daughter)"
    r"|guardian|next[ ]of[ ]kin|nok|emergency[ ]contact|madre|padre|esposa|esposo|hijo|hija|hermano|hermana)\b"
    r"[ ,:(]{0,3}(?:is[ ]|named[ ]|called[ ])?(?:(?:mr|mrs|ms|miss)\b\.?[ ]*)?\Z",
    re.IGNORECASE,
)
_HOUSEHOLD: Final = re.compile(
    r"\b(?:roommate|housemate|flatmate|landlord|landlady|lodger|lives[ ]with|living[ ]with|household[ ]member)\b"
    r"[ ,:(]{0,3}(?:(?:his|her|their|a|friend|mr|mrs|ms)\b\.?[ ]*){0,2}\Z",
    re.IGNORECASE,
)
_WORK: Final = re.compile(
    r"\b(?:works?(?:ed)?[ ](?:at|for|with)|working[ ](?:at|for)|employ(?:ed[ ](?:by|at)|er)|job[ ]at|retired[ ]from"
    r"|occupation)\b[ :]*(?:is[ ]|the[ ])?\Z",
    re.IGNORECASE,
)
_CARE: Final = re.compile(
    r"\b(?:hospital|clinic|medical cent(?:er|re)|health(?:care)?(?: system| cent(?:er|re))?|infirmary|hospice"
    r"|nursing home|rehab\w*|surgery cent(?:er|re)|pharmacy|laborator(?:y|ies)|cl\xednica)\b",
    re.IGNORECASE,
)


class Find(NamedTuple):
    """A span with the class whose action applies."""

    span: Span
    name: str


def told_apart(texts: Sequence[str], found: Sequence[Sequence[Span]], known: Iterable[str] = ()) -> list[list[Find]]:
    """Return the finds of one call with their classes. `known` are the subject's own terms."""
    classed = [[Find(span, _class(span, text)) for span in spans] for text, spans in zip(texts, found, strict=True)]
    personal = {part for term in known for part in _parts(term)}
    for text, finds in zip(texts, classed, strict=True):
        for span, name in finds:
            if span.type is IdentifierType.NAME and name != "PROVIDER":
                personal |= _parts(text[span.start : span.end])
    return [
        [
            Find(span, "NAME")
            if name == "PROVIDER" and not personal.isdisjoint(_parts(text[span.start : span.end]))
            else Find(span, "EMPLOYER")
            if name == "FACILITY" and not personal.isdisjoint(_parts(text[span.start : span.end]))
            else Find(span, name)
            for span, name in finds
        ]
        for text, finds in zip(texts, classed, strict=True)
    ]


def placed(place: str, kind: IdentifierType, text: str, *, is_birth: bool = False) -> Span:
    """Return the span of a whole value whose place in its file says which class it is."""
    return Span(0, len(text), kind, f"{BIRTH_PLACE if is_birth else _PLACE}{place}")


def _class(span: Span, text: str) -> str:
    if span.rule.startswith((_PLACE, BIRTH_PLACE)):
        return span.rule.partition(":")[2]
    if span.type is IdentifierType.NAME:
        before = text[max(0, span.start - _NEAR) : span.start]
        if (
            _TITLED.search(before)
            or _DEGREE.match(text, span.end)
            or _OWN_TITLE.match(text, span.start, span.end)
            or _DEGREE.search(text, span.start, span.end)
        ):
            return "PROVIDER"
        if _RELATION.search(before):
            return "RELATIVE"
        return "HOUSEHOLD" if _HOUSEHOLD.search(before) else "NAME"
    if span.type is IdentifierType.ORGANIZATION:
        before = text[max(0, span.start - _NEAR) : span.start]
        if _CARE.search(text, span.start, span.end) and not _WORK.search(before):
            return "FACILITY"
    return class_of_type(span.type)


def _parts(text: str) -> frozenset[str]:
    return frozenset(part.casefold() for part in _PART.findall(text)) - _NO_NAMES


_NO_NAMES: Final = frozenset(
    ["dr", "dra", "doctor", "mr", "mrs", "ms", "miss", "md", "do", "rn", "np", "pa", "phd", "of", "the", "st"]
)
