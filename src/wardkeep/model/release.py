"""Records of data sets that leave: what makes a release lawful, who reviewed it, what they stated.

45 CFR 164.514(b) (Safe Harbor or an Expert Determination), (c) (codes), (e) (limited data sets under a data use
agreement). All are values; `compliance.releases` changes them, each change a ledger entry. They name hashes of data
sets and documents, never content.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class ReleaseBasis(StrEnum):
    """Why a data set may leave."""

    SAFE_HARBOR = "safe_harbor"
    """164.514(b)(2): the eighteen are gone, and nobody knows that what is left identifies."""
    EXPERT_DETERMINATION = "expert_determination"
    """164.514(b)(1): an expert found the risk very small, by documented methods, for a time."""
    LIMITED_DATA_SET = "limited_data_set"
    """164.514(e): still PHI, for research, public health or operations, under a data use agreement."""


class DataUse(StrEnum):
    """What a limited data set may be for, 164.514(e)(3)(i)."""

    RESEARCH = "research"
    PUBLIC_HEALTH = "public_health"
    OPERATIONS = "health_care_operations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Determination:
    """An Expert Determination on record. It holds from one day to another: what is known of re-identification grows.

    `allows_shifted_dates` says that it covers dates that were shifted. `ended_by` ends it before its day.
    """

    id: str
    expert: str
    document_sha256: str
    effective_on: date
    expires_on: date
    allows_shifted_dates: bool
    added_by: str
    ended_by: str | None = None

    def holds(self, on: date) -> bool:
        """Whether it covers a release on a day, its last day included."""
        return self.ended_by is None and self.effective_on <= on <= self.expires_on


@dataclass(frozen=True, slots=True, kw_only=True)
class DataUseAgreement:
    """A data use agreement, 164.514(e)(4): who receives a limited data set, for what, until when."""

    id: str
    recipient: str
    use: DataUse
    document_sha256: str
    effective_on: date
    expires_on: date | None
    added_by: str
    ended_by: str | None = None

    def holds(self, on: date) -> bool:
        """Whether a limited data set may go out under it on a day."""
        return self.ended_by is None and self.effective_on <= on and (self.expires_on is None or on <= self.expires_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """That a signed data set was taken out to train a model, under the certificate with this hash."""

    on: date
    by: str
    certificate_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One data set and what is on record about its leaving. Nothing may leave before `signed_by`.

    `dataset_sha256` and `report_sha256` bind it to exact bytes. `shifts_dates` and `policy` are what its detection
    report says. `permission_sha256` is the customer's contract that permits de-identification, where the organisation
    acts as a business associate (164.502(d), 164.504(e)(2)(i)). `no_actual_knowledge` is the signer's own statement.
    """

    id: str
    basis: ReleaseBasis
    policy: str
    dataset_sha256: str
    report_sha256: str
    recipient: str
    shifts_dates: bool
    is_associate: bool
    prepared_by: str
    permission_sha256: str | None = None
    determination: str | None = None
    data_use: str | None = None
    signed_by: str | None = None
    signed_on: date | None = None
    no_actual_knowledge: bool = False
    withdrawn_by: str | None = None
    statement: str | None = None
    exports: tuple[Export, ...] = ()

    @property
    def is_released(self) -> bool:
        """Whether it was signed and not withdrawn."""
        return self.signed_by is not None and self.withdrawn_by is None
