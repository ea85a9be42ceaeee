"""Assessments of this instance as values: checks, tests by others, findings (45 CFR 164.308(a)(8)).

What people write is sealed in the entry that `words` names; the records hold names of checks and packages, numbers,
days and hashes only. An outcome that nobody knows is `INCONCLUSIVE` and is never counted as a pass.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class CheckOutcome(StrEnum):
    """What a check found. Only `PASS` is good; a check that could not look is `INCONCLUSIVE`."""

    PASS = "pass"  # noqa: S105 - an outcome
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class Severity(StrEnum):
    """How much a finding matters; it sets the day by which it is to be mended."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check found: how many it looked at, a code, and names of packages, files, routes or settings.

    `evidence_sha256` is the hash of what it wrote, such as the bill of materials.
    """

    check: str
    outcome: CheckOutcome
    severity: Severity
    code: str
    looked_at: int
    named: tuple[str, ...] = ()
    tool: str | None = None
    evidence_sha256: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """One run of the checks. Without `ended_at` it was not finished and counts for nothing."""

    id: str
    run_by: str
    began_at: datetime
    version: str
    ended_at: datetime | None = None
    results: tuple[CheckResult, ...] = ()
    words: str = ""

    @property
    def is_passed(self) -> bool:
        """Whether it was finished and every check passed."""
        return self.ended_at is not None and all(each.outcome is CheckOutcome.PASS for each in self.results)


class OutsideKind(StrEnum):
    """What kind of test was made outside this program."""

    PENETRATION_TEST = "penetration_test"
    GARAK = "garak"
    PROMPTFOO = "promptfoo"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideTest:
    """A test whose report is named by its hash. `failed` counts by severity; `looked_at` is 0 if unsaid."""

    id: str
    kind: OutsideKind
    party: str
    is_independent: bool
    tested_on: date
    expires_on: date
    document_sha256: str
    looked_at: int
    imported_by: str
    failed: dict[Severity, int] = field(default_factory=dict)
    errors: int = 0
    words: str = ""

    def holds(self, on: date) -> bool:
        """Whether it counts on a day."""
        return self.tested_on <= on <= self.expires_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Retest:
    """A finding, looked at again: by an assessment, or by a person about a test from outside."""

    on: date
    by: str
    outcome: CheckOutcome
    assessment: str | None = None
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFinding:
    """Something to mend. It is closed by a retest that passed and by nothing else."""

    id: str
    source: str
    check: str
    severity: Severity
    outcome: CheckOutcome
    opened_on: date
    owner: str
    due_on: date
    retests: tuple[Retest, ...] = ()
    closed_on: date | None = None

    def is_overdue(self, on: date) -> bool:
        """Whether it is open after its last day."""
        return self.closed_on is None and on > self.due_on
