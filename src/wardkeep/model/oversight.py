"""What is known of vendors beside their agreements, as values: evidence, their notices, and what became of PHI.

45 CFR 164.308(b), 164.314(a)(2)(i)(C), 164.410, 164.504(e)(2)(ii)(D) and (J). None of it opens a road (DESIGN section
1): an agreement does. What people write is sealed in the entry that `words` names.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class EvidenceKind(StrEnum):
    """What a vendor's evidence is. A verification is the yearly look at its safeguards."""

    VERIFICATION = "verification"
    SOC2_TYPE2 = "soc2_type2"
    SOC2_TYPE1 = "soc2_type1"
    HITRUST_R2 = "hitrust_r2"
    HITRUST_I1 = "hitrust_i1"
    HITRUST_E1 = "hitrust_e1"
    ISO_27001 = "iso_27001"
    PENETRATION_TEST = "penetration_test"


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorEvidence:
    """One document about a vendor. It counts once another person looked at it, through `until`."""

    id: str
    vendor: str
    kind: EvidenceKind
    document_sha256: str
    issued_on: date
    until: date
    added_by: str
    added_under: frozenset[str] = frozenset()
    checked_by: str | None = None
    withdrawn_by: str | None = None
    words: str = ""

    def holds(self, on: date) -> bool:
        """Whether it counts on a day."""
        is_in_time = self.issued_on <= on <= self.until
        return self.checked_by is not None and self.withdrawn_by is None and is_in_time


class VendorNoticeKind(StrEnum):
    """What a vendor tells of."""

    BREACH = "breach"
    SECURITY_INCIDENT = "security_incident"
    VULNERABILITY = "vulnerability"
    SUBCONTRACTOR = "subcontractor"
    TERMS = "terms"
    OTHER = "other"


# What 164.314(a)(2)(i)(C) has reported: it is an incident here too, or somebody says why not.
OF_INCIDENTS = frozenset({VendorNoticeKind.BREACH, VendorNoticeKind.SECURITY_INCIDENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorNotice:
    """A notice that came in. Settled by the incident that it became, or by the word that none is needed."""

    id: str
    vendor: str
    kind: VendorNoticeKind
    received_on: date
    taken_by: str
    due_on: date
    settled_on: date | None = None
    settled_by: str | None = None
    incident: str | None = None
    words: str = ""
    settled_words: str = ""

    @property
    def is_open(self) -> bool:
        """Whether nobody has settled it."""
        return self.settled_on is None


class Disposition(StrEnum):
    """What became of the PHI that a vendor held (45 CFR 164.504(e)(2)(ii)(J))."""

    RETURNED = "returned"
    DESTROYED = "destroyed"
    NOT_FEASIBLE = "not_feasible"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseOut:
    """The end of one agreement; `id` is the agreement's. It counts once another person confirmed it.

    `certificate_sha256` is the hash of the vendor's own certificate. What cannot be returned or destroyed stays
    protected, and is looked at again on `review_on`.
    """

    id: str
    disposition: Disposition
    on: date
    recorded_by: str
    recorded_under: frozenset[str] = frozenset()
    certificate_sha256: str | None = None
    review_on: date | None = None
    confirmed_by: str | None = None
    words: str = ""
