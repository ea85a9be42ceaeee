"""What the registers of the control plane take: risks, assets, uses of AI."""

from datetime import date

import msgspec

from wardkeep.compliance.forms import ReasonForm
from wardkeep.model.access import Purpose
from wardkeep.model.registers import AssetEvent, AssetKind, ClauseStanding, HumanReview, Treatment


class RiskForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A risk, judged; likelihood and impact from 1 to 5, without and with the measures. `reason` says why."""

    id: str
    about: str
    threat: str
    likelihood: int
    impact: int
    residual_likelihood: int
    residual_impact: int
    treatment: Treatment
    owner: str
    until: date


class AssetForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something to put into the register."""

    id: str
    kind: AssetKind
    owner: str
    holds_phi: bool
    is_encrypted: bool
    place: str | None = None


class AttestationForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An attestation; `reason` says what was looked at."""

    until: date


class EventForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What happened to an asset; `reason` says it in words."""

    what: AssetEvent
    on: date


class DisposalForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A disposal; the certificate by its hash."""

    certificate_sha256: str | None = None


class UseForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A use of AI to propose; `reason` is what it is for."""

    id: str
    owner: str
    routes: frozenset[str]
    purposes: frozenset[Purpose]
    human_review: HumanReview
    is_patient_facing: bool
    review_on: date
    tells_patients: bool = False
    model_card_sha256: str | None = None


class ClauseForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How one clause stands; `place` where it is present."""

    standing: ClauseStanding
    place: str | None = None


class ClausesForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Clauses as they were read, by the catalogue's ids."""

    clauses: dict[str, ClauseForm]
