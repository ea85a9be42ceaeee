"""What the evidence part of the control plane takes and shows: clocks asked for by dates and counts."""

from datetime import date

import msgspec

from wardkeep.compliance.clocks import Deadline, Right, breach_deadlines, discovered_on, right_deadline
from wardkeep.compliance.forms import ReasonForm
from wardkeep.compliance.terms import invalid
from wardkeep.model.decision import Decision


class BreachClocksForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The dates and counts of a breach; `residents` is by State. Nothing is recorded."""

    individuals: int
    known_on: date | None = None
    should_have_known_on: date | None = None
    residents: dict[str, int] = {}
    is_associate: bool = False

    def deadlines(self) -> tuple[Deadline, ...]:
        """Return the clocks. Raises NotAllowed: no day of discovery, or counts that cannot be."""
        discovered = discovered_on(known=self.known_on, should_have_known=self.should_have_known_on)
        if discovered is None:
            raise invalid("day of discovery", "at least one of known_on and should_have_known_on")
        try:
            return breach_deadlines(
                discovered, individuals=self.individuals, residents=self.residents, is_associate=self.is_associate
            )
        except (ValueError, OverflowError):
            raise invalid(
                "count", "0 or more, the States together at the most the total, the day within the calendar"
            ) from None


class RightClockForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request of an individual; `extended_on` is the day of the written statement of an extension."""

    right: Right
    received_on: date
    extended_on: date | None = None

    def deadline(self) -> Deadline:
        """Return the clock. Raises NotAllowed: the day is outside the calendar."""
        try:
            return right_deadline(self.right, self.received_on, extended_on=self.extended_on)
        except OverflowError:
            raise invalid("day", "within the calendar") from None


class DecisionForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A decision on an addressable specification; `reason` says why, and is sealed."""

    decision: Decision
    until: date


class ApprovalForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The approval of a decision; it names what is approved."""

    decision: Decision


def deadline_view(deadline: Deadline, today: date) -> dict[str, object]:
    """Return a deadline as it is shown on a day."""
    return {
        "name": deadline.name,
        "about": deadline.about,
        "control": deadline.control,
        "citation": deadline.citation,
        "starts": deadline.starts.isoformat(),
        "due": deadline.due.isoformat(),
        "days_left": deadline.days_left(today),
    }
