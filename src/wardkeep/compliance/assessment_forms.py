"""What the register of assessments takes: runs, results, tests by others, findings (45 CFR 164.308(a)(8))."""

from datetime import date

import msgspec

from wardkeep.compliance.forms import ReasonForm
from wardkeep.model.assessment import CheckOutcome, OutsideKind, Severity


class AssessmentForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A run that begins."""

    id: str


class ResultForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one check found; names are of packages, files, routes or settings, never of people."""

    check: str
    outcome: CheckOutcome
    severity: Severity
    code: str
    looked_at: int
    named: tuple[str, ...] = ()
    tool: str | None = None
    evidence_sha256: str | None = None
    seconds: float = 0.0


class ResultsForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every check found; one that is not here was not made."""

    results: tuple[ResultForm, ...]


class OutsideForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A test that others made, by its report's hash; how many findings of which severity it lists."""

    id: str
    kind: OutsideKind
    party: str
    tested_on: date
    expires_on: date
    document_sha256: str
    is_independent: bool = False
    looked_at: int = 0
    critical: int = 0
    high: int = 0
    medium: int = 0
    low: int = 0
    errors: int = 0


class AssignForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who mends a finding, by when."""

    owner: str
    due_on: date


class RetestForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a retest of a finding found; `reason` says what was looked at."""

    outcome: CheckOutcome
