"""What de-identification talks about: identifier types, spans of text, and the leaves of a request.

The types are the eighteen identifiers of Safe Harbor (45 CFR 164.514(b)(2)(i)(A)-(R)). They say what was found, never
that nothing else is left: detection is evidence, not compliance. This file holds values only and does no work.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import NamedTuple


class IdentifierType(StrEnum):
    """A class of identifier with its paragraph of 45 CFR 164.514(b)(2)(i). Values are stored: never rename one."""

    # Types are looked up for every span; the hash of `Enum` is a Python function and costs more than the look-up.
    __hash__ = str.__hash__

    NAME = "NAME"
    """(A) Names, of the person, relatives, employers and household members."""
    LOCATION = "LOCATION"
    """(B) Geographic subdivisions smaller than a state: street, city, county, ZIP."""
    DATE = "DATE"
    """(C) Elements of dates, except the year, directly related to an individual."""
    AGE = "AGE"
    """(C) Ages over 89."""
    PHONE = "PHONE"
    """(D) Telephone numbers."""
    FAX = "FAX"
    """(E) Fax numbers."""
    EMAIL = "EMAIL"
    """(F) Electronic mail addresses."""
    SSN = "SSN"
    """(G) Social security numbers."""
    MRN = "MRN"
    """(H) Medical record numbers."""
    HEALTH_PLAN = "HEALTH_PLAN"
    """(I) Health plan beneficiary numbers."""
    ACCOUNT = "ACCOUNT"
    """(J) Account numbers, payment cards among them."""
    LICENSE = "LICENSE"
    """(K) Certificate and license numbers (driving licence, DEA, NPI)."""
    VEHICLE = "VEHICLE"
    """(L) Vehicle identifiers and serial numbers, licence plates among them."""
    DEVICE = "DEVICE"
    """(M) Device identifiers and serial numbers."""
    URL = "URL"
    """(N) Web universal resource locators."""
    IP = "IP"
    """(O) Internet protocol addresses."""
    BIOMETRIC = "BIOMETRIC"
    """(P) Biometric identifiers, finger and voice prints among them."""
    PHOTO = "PHOTO"
    """(Q) Full-face photographs and comparable images."""
    ORGANIZATION = "ORGANIZATION"
    """(A), (B) An employer or a facility whose name locates the person."""
    OTHER = "OTHER"
    """(R) Any other unique identifying number, characteristic or code."""
    DEMOGRAPHIC = "DEMOGRAPHIC"
    """None of the eighteen: age under 90, sex, country, occupation beside a direct identifier in a Spanish record."""


class Span(NamedTuple):
    """A found identifier: half-open code point offsets, its type, and the recogniser (`rule`) that found it.

    A tuple, because dozens are made for a page of text and a frozen dataclass takes twice as long to make.
    """

    start: int
    end: int
    type: IdentifierType
    rule: str


class LeafKind(Enum):
    """What may be done with a text leaf of a request."""

    TEXT = "text"
    """Free text: what is found is replaced."""
    SCHEMA = "schema"
    """Tool definitions and schemas, outside vendors' PHI protection: scanned, and refused on a hit."""
    OPAQUE = "opaque"
    """Ids and enumerations: refused on a known term or an exact SSN or e-mail grade hit, never rewritten."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One string of a request. `cue` is the JSON key above it in free-form arguments: `mrn` for `{"mrn": "..."}`.

    The repr shows no text, because leaves hold PHI.
    """

    text: str
    cue: str | None
    kind: LeafKind

    def __repr__(self) -> str:
        return f"Leaf({self.kind.name}, {len(self.text)} characters)"
