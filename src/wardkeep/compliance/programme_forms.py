"""What the programme part of the control plane takes: policies, duties, training, sanctions, checklists."""

from datetime import date

import msgspec

from wardkeep.compliance.forms import Form, ReasonForm
from wardkeep.model.access import Role
from wardkeep.model.programme import ChecklistKind, DutyTerms, SanctionLevel


class PolicyForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A version to propose. `variables` left out are the package's; `own_sha256` names a document of one's own."""

    review_on: date
    variables: dict[str, int] = msgspec.field(default_factory=dict)
    own_sha256: str | None = None


class TextForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The text that is approved or signed, by the hash that stands with it."""

    sha256: str


class DutiesForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All duties that close the road; every term is stated."""

    training: bool
    acknowledgement: bool
    grace_days: int

    def terms(self) -> DutyTerms:
        """Return the value."""
        return DutyTerms(training=self.training, acknowledgement=self.acknowledgement, grace_days=self.grace_days)


class CourseRuleForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who takes a course, from when."""

    roles: frozenset[Role]
    due_on: date
    valid_days: int = 365
    pass_percent: int = 80


class ExtensionForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A later day for one person."""

    person: str
    due_on: date


class AnswersForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Answers to a course's questions: the number of an option for each, counted from 0."""

    version: int
    answers: tuple[int, ...]


class SanctionForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A sanction to propose. `reason` is what happened, sealed."""

    id: str
    person: str
    policy: str
    level: SanctionLevel


class LevelForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The level that is confirmed."""

    level: SanctionLevel


class ChecklistForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A list to open."""

    kind: ChecklistKind
    person: str
    due_on: date


class ItemForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An item that is done."""

    item: str
