"""What the activity part of the control plane takes and shows. Reasons are sealed with what they explain."""

from datetime import date

import msgspec

from wardkeep.compliance.activity_review import DUE_DAYS
from wardkeep.compliance.forms import ReasonForm
from wardkeep.model.activity import ActivityReview, Thresholds, Verdict


class ActivityForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A review to open: from where the last one ended to now."""

    id: str
    sample: int = 25
    due_days: int = DUE_DAYS
    volume: int = 20
    times: int = 3
    new_subjects: int = 20
    many_subjects: int = 50
    first_hour: int = 6
    last_hour: int = 22

    def thresholds(self) -> Thresholds:
        """Return from where on something is unusual."""
        return Thresholds(
            volume=self.volume,
            times=self.times,
            new_subjects=self.new_subjects,
            many_subjects=self.many_subjects,
            first_hour=self.first_hour,
            last_hour=self.last_hour,
        )


class VerdictForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One item judged; `incident` names the incident that it became."""

    item: int
    verdict: Verdict
    incident: str | None = None


def activity_view(record: ActivityReview, today: date) -> dict[str, object]:
    """Return a review as it is shown, with what is still open and whether it is overdue."""
    shown: dict[str, object] = msgspec.to_builtins(record)
    return {**shown, "open": len(record.open_items), "is_overdue": record.is_overdue(today)}
