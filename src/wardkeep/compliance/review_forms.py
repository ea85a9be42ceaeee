"""What the review part of the control plane takes."""

import msgspec

from wardkeep.compliance.forms import Form, ReasonForm
from wardkeep.model.access_review import ReviewKind, ReviewSchedule


class ReviewForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A review to open. `reviewer` null is oneself; `is_phi` leaves out what does not reach health information."""

    id: str
    kinds: frozenset[ReviewKind] = frozenset(ReviewKind)
    is_phi: bool = False
    reviewer: str | None = None
    open_days: int = 30
    grace_days: int = 14


class ItemsForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Items to confirm, by their names."""

    items: tuple[str, ...]


class RevocationForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Items to end, and why."""

    items: tuple[str, ...]


class DelegationForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Items to hand to another reviewer, and why."""

    items: tuple[str, ...]
    to: str


class ScheduleForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When reviews of access to health information open by themselves."""

    every_days: int = 91
    open_days: int = 30
    grace_days: int = 14
    is_active: bool = True

    def schedule(self) -> ReviewSchedule:
        """Return the record, not set by anybody yet."""
        return ReviewSchedule(
            every_days=self.every_days,
            open_days=self.open_days,
            grace_days=self.grace_days,
            is_active=self.is_active,
        )


class ManagerForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who answers for a person's access; null is nobody."""

    manager: str | None


def plain_schedule(schedule: ReviewSchedule) -> dict[str, object]:
    """Return a schedule as it is shown."""
    shown: dict[str, object] = msgspec.to_builtins(schedule)
    return shown
