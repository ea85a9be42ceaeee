"""What individuals may ask for and what was granted, as values (45 CFR 164.502(g), 164.522, 164.524, 164.526, 164.530).

A subject stands here by blind index only. `individual` is the one that the road knows (`identity.keys.individual_tag`),
`subject` the one that ledger headers show. What people write is sealed in the entry that `words` names.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from wardkeep.model.access import Purpose


class RequestKind(StrEnum):
    """What an individual may ask for. The first three have a clock in the rule, the others have none."""

    ACCESS = "access"
    AMENDMENT = "amendment"
    ACCOUNTING = "accounting"
    RESTRICTION = "restriction"
    CONFIDENTIAL_COMMUNICATION = "confidential_communication"
    COMPLAINT = "complaint"


class RecordSet(StrEnum):
    """Whether what is asked for is in a designated record set (45 CFR 164.501)."""

    IN_SET = "in_set"
    PARTLY = "partly"
    NOT_IN_SET = "not_in_set"


class Ground(StrEnum):
    """Why a request is denied, in whole or in part. What each rests on is `compliance.grounds`."""

    NOT_IN_SET = "not_in_set"
    PSYCHOTHERAPY_NOTES = "psychotherapy_notes"
    LEGAL_PROCEEDING = "legal_proceeding"
    CORRECTIONAL = "correctional"
    RESEARCH_IN_PROGRESS = "research_in_progress"
    PRIVACY_ACT = "privacy_act"
    CONFIDENTIAL_SOURCE = "confidential_source"
    ENDANGERS_LIFE = "endangers_life"
    HARMS_ANOTHER = "harms_another"
    HARM_BY_REPRESENTATIVE = "harm_by_representative"
    MINOR_CONSENTED = "minor_consented"
    NOT_CREATED_HERE = "not_created_here"
    NOT_OPEN_TO_ACCESS = "not_open_to_access"
    ACCURATE_AND_COMPLETE = "accurate_and_complete"
    IDENTITY_NOT_VERIFIED = "identity_not_verified"
    NOT_AGREED = "not_agreed"
    NOT_REASONABLE = "not_reasonable"


@dataclass(frozen=True, slots=True, kw_only=True)
class DenialReview:
    """A licensed professional who took no part in the denial looks at it again (45 CFR 164.524(a)(4), (d)(4))."""

    asked_on: date
    reviewer: str
    named_by: str
    decided_on: date | None = None
    is_overturned: bool = False
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """The individual's statement against a denied amendment, and our rebuttal (45 CFR 164.526(d)(2)-(3))."""

    on: date
    words: str
    rebutted_on: date | None = None
    rebuttal: str = ""


class Capacity(StrEnum):
    """As what somebody acts for the individual (45 CFR 164.502(g)(2)-(4))."""

    GUARDIAN = "guardian"
    PARENT = "parent"
    EXECUTOR = "executor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Representative:
    """Somebody who is treated as the individual. It counts once another person confirmed it, through `until`.

    `document_sha256` is the hash of what shows their authority; who they are is sealed in the entry of `words`.
    """

    id: str
    subject: str
    capacity: Capacity
    document_sha256: str
    until: date | None
    recorded_by: str
    recorded_under: frozenset[str] = frozenset()
    confirmed_by: str | None = None
    ended_by: str | None = None
    words: str = ""

    def holds(self, on: date) -> bool:
        """Whether they are treated as the individual on a day."""
        return self.confirmed_by is not None and self.ended_by is None and (self.until is None or on <= self.until)


class MinorBasis(StrEnum):
    """Why no parent or guardian is the minor's representative for some care (45 CFR 164.502(g)(3)(i)(A)-(C))."""

    MINOR_CONSENTED = "minor_consented"
    COURT_OR_LAW = "court_or_law"
    PARENT_AGREED = "parent_agreed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MinorCare:
    """Care about which a minor decides alone. While it stands no parent or guardian is granted all records."""

    id: str
    subject: str
    basis: MinorBasis
    citation: str
    until: date
    recorded_by: str
    ended_by: str | None = None
    words: str = ""

    def holds(self, on: date) -> bool:
        """Whether it stands on a day: through the last one before the minor is of age."""
        return self.ended_by is None and on <= self.until


class RestrictionEnd(StrEnum):
    """How a restriction may end (45 CFR 164.522(a)(2)).

    By our word alone it ends only for records made after it ((a)(2)(iii)(B)). When a record was made no call tells, so
    the last is not taken any more, and where it stands on record the restriction bars as before.
    """

    INDIVIDUAL_WROTE = "individual_wrote"
    INDIVIDUAL_SAID = "individual_said"
    WE_INFORMED = "we_informed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """What was agreed not to be done with an individual's records (45 CFR 164.522(a)(1)).

    Purposes, and the vendors that are not to have them; None is every vendor. `bars_unnamed`: calls of these purposes
    that name no subject are barred too, because each could be about this individual. `is_owed`: a health plan, paid in
    full by the individual (164.522(a)(1)(vi)).
    """

    id: str
    purposes: frozenset[Purpose]
    vendors: frozenset[str] | None
    bars_unnamed: bool
    is_owed: bool
    agreed_by: str
    agreed_on: date
    ended_on: date | None = None
    ended_by: str | None = None
    end: RestrictionEnd | None = None
    words: str = ""

    @property
    def holds(self) -> bool:
        """Whether it bars anything: until the individual ended it."""
        return self.ended_on is None or self.end is RestrictionEnd.WE_INFORMED

    def bars(self, purpose: Purpose | None, vendor: str | None) -> bool:
        """Whether it forbids this use: of every vendor when none is given yet."""
        if not self.holds or (purpose is not None and purpose not in self.purposes):
            return False
        return self.vendors is None or (vendor is not None and vendor in self.vendors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restricted:
    """All restrictions about one individual; `id` is the index under which the road finds them."""

    id: str
    subject: str
    terms: tuple[Restriction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """How and where an individual wants to be written to (45 CFR 164.522(b)); where is sealed in the entry of `words`.

    `id` is the request's.
    """

    id: str
    subject: str
    agreed_by: str
    agreed_on: date
    ended_by: str | None = None
    words: str = ""


def bars_named(held: Restricted | None, purpose: Purpose | None, vendor: str | None) -> bool:
    """Whether a restriction of this individual forbids the use."""
    return held is not None and any(each.bars(purpose, vendor) for each in held.terms)


def bars_unnamed(held: Iterable[Restricted], purpose: Purpose | None, vendor: str | None) -> bool:
    """Whether a use that names nobody may be of somebody whose restriction forbids it."""
    return any(each.bars_unnamed and each.bars(purpose, vendor) for one in held for each in one.terms)
