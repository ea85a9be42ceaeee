"""What the registers of individuals' rights take: requests, answers, reviews, representatives, minors' care."""

from datetime import date

from wardkeep.compliance.forms import ReasonForm
from wardkeep.compliance.restrictions import Terms
from wardkeep.model.access import Purpose
from wardkeep.model.individuals import Capacity, Ground, MinorBasis, RecordSet, RequestKind, RestrictionEnd
from wardkeep.model.registers import Outcome


class RequestForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request that came in. `subject` is the handle that calls use; it is kept as a blind index only.

    `through` is the representative who asks. `paid_in_full` belongs to a restriction, `entries` to an amendment.
    """

    id: str
    right: RequestKind
    received_on: date
    subject: str = ""
    through: str | None = None
    paid_in_full: bool = False
    entries: tuple[int, ...] = ()


class OnForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The day on which something was said or written."""

    on: date


class RecordSetForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether what is asked for is in a designated record set; `reason` says why."""

    record_set: RecordSet


class AnswerForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was answered, and when. A denial names its ground, a restriction what is barred.

    `vendors` null bars every vendor; `bars_unnamed` bars calls that name nobody too.
    """

    outcome: Outcome
    on: date
    ground: Ground | None = None
    purposes: frozenset[Purpose] = frozenset()
    vendors: frozenset[str] | None = None
    bars_unnamed: bool = True

    def terms(self) -> Terms | None:
        """Return the terms of a restriction, or None when nothing is named."""
        if not self.purposes and not self.vendors:
            return None
        return Terms(purposes=self.purposes, vendors=self.vendors or None, bars_unnamed=self.bars_unnamed)


class DenialReviewForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who reviews a denial, and when the individual asked for it."""

    reviewer: str
    on: date


class ReviewedForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the reviewer decided; `reason` says why."""

    is_overturned: bool


class DenialLetterForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who takes complaints here, and how to complain to the Secretary (45 CFR 164.524(d)(2)(iii))."""

    contact: str
    secretary: str = (
        "Office for Civil Rights, U.S. Department of Health and Human Services, 200 Independence Avenue SW, "
        "Washington, D.C. 20201, or ocrportal.hhs.gov"
    )


class EndRestrictionForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a restriction ended, and when."""

    end: RestrictionEnd
    on: date


class RepresentativeForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody who acts for an individual; who they are is the reason, sealed."""

    id: str
    subject: str
    capacity: Capacity
    document_sha256: str
    until: date | None = None


class MinorCareForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Care about which a minor decides alone; which care is the reason, sealed."""

    id: str
    subject: str
    basis: MinorBasis
    citation: str
    until: date
