"""Policies, acknowledgements, training and sanctions as values (45 CFR 164.308(a)(1), (a)(5), 164.316, 164.530)."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from wardkeep.model.access import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """One version of a written policy of this organisation.

    `sha256` is the hash of the text that people read: the package's text `text_version` with `variables` filled in, or
    a document of the organisation's own (`is_own`). In force once another person approved it; `review_on` is the last
    day before it counts as not reviewed. `proposed_under` is as in `Agreement`.
    """

    number: int
    text_version: int
    sha256: str
    variables: dict[str, str]
    proposed_by: str
    proposed_on: date
    review_on: date
    proposed_under: frozenset[str] = frozenset()
    approved_by: str | None = None
    approved_on: date | None = None
    is_own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRecord:
    """A policy: the version in force, and the one that waits for approval. Older ones are in the ledger."""

    id: str
    in_force: PolicyVersion | None = None
    proposed: PolicyVersion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """That a person read and acknowledged exactly this text."""

    number: int
    sha256: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatures:
    """What one person acknowledged, by policy; `id` is the person's."""

    id: str
    signed: dict[str, Signature] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseRule:
    """Who takes a course, and from which day nobody of them works without; `id` is the course's."""

    id: str
    roles: frozenset[Role]
    due_on: date
    valid_days: int
    pass_percent: int
    set_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A passed course. `sha256` is the hash of the printed certificate, `content_sha256` of what was taught."""

    course: str
    version: int
    content_sha256: str
    score_percent: int
    passed_on: date
    until: date
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecord:
    """One person's training; `id` is the person's. `due` are days of their own, later than the rule's."""

    id: str
    certificates: dict[str, Certificate] = field(default_factory=dict)
    due: dict[str, date] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyTerms:
    """Which duties close the road to PHI, and how many days after they were due."""

    training: bool = False
    acknowledgement: bool = False
    grace_days: int = 0

    def is_as_strict_as(self, other: "DutyTerms") -> bool:
        """Whether nothing that `other` closes would open."""
        return (
            self.training >= other.training
            and self.acknowledgement >= other.acknowledgement
            and self.grace_days <= other.grace_days
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Duties:
    """The organisation's setting; what would loosen it waits in `proposed` for another person."""

    id: str
    terms: DutyTerms
    set_by: str
    proposed: DutyTerms | None = None
    proposed_by: str | None = None
    proposed_under: frozenset[str] = frozenset()


class SanctionLevel(StrEnum):
    """How grave a violation was: unintended, careless, deliberate, or for gain or to harm."""

    UNINTENDED = "unintended"
    CARELESS = "careless"
    DELIBERATE = "deliberate"
    MALICIOUS = "malicious"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sanction:
    """One sanction (45 CFR 164.308(a)(1)(ii)(C), 164.530(e)). The facts are sealed in the entry that `words` names."""

    id: str
    person: str
    policy: str
    level: SanctionLevel
    on: date
    proposed_by: str
    proposed_under: frozenset[str] = frozenset()
    confirmed_by: str | None = None
    words: str = ""


class ChecklistKind(StrEnum):
    """What a checklist is for."""

    JOINER = "joiner"
    LEAVER = "leaver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """That somebody says an item is done."""

    by: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    """A person's joining or leaving: what people attest. What the registry shows by itself is not kept here."""

    id: str
    kind: ChecklistKind
    person: str
    opened_by: str
    opened_on: date
    due_on: date
    attested: dict[str, Attested] = field(default_factory=dict)
    closed_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """By person the last day before they are late; None where the duty is not declared required."""

    training: dict[str, date] | None = None
    policies: dict[str, date] | None = None


def grace_ends(due: date, terms: DutyTerms) -> date:
    """Return the last day of grace."""
    return due + timedelta(days=terms.grace_days)
