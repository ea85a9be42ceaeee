"""What the reporting part of the control plane takes and shows."""

from datetime import date

import msgspec

from wardkeep.compliance.disclosures import DisclosureWords
from wardkeep.compliance.forms import ReasonForm
from wardkeep.model.disclosure import Disclosure, RecipientKind, Suspension
from wardkeep.model.part2 import NOTICE


class SubjectForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """About whom, and why. `subject` is the handle that calls name."""

    subject: str


class AccountingForm(SubjectForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An accounting of the six years that end with a day: the day of the request; today when it is left out."""

    until: date | None = None


class DisclosureForm(SubjectForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A disclosure made outside the gateway; recipient, address, what and purpose are sealed.

    `is_part2` null counts as substance use disorder records where there can be any; `basis` is the id of the
    consent or order. `is_proceeding` null counts as for a proceeding where the recipient can hold one; before a court
    it is one whatever is said.
    """

    id: str
    on: date
    kind: RecipientKind
    recipient: str
    address: str
    what: str
    purpose: str
    is_part2: bool | None = None
    basis: str | None = None
    is_proceeding: bool | None = None

    def words(self) -> DisclosureWords:
        """Return what is sealed."""
        return DisclosureWords(recipient=self.recipient, address=self.address, what=self.what, purpose=self.purpose)


class SuspensionForm(SubjectForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An agency's statement; who made it is the reason."""

    id: str
    agency: RecipientKind
    stated_on: date
    is_written: bool
    until: date


def disclosure_view(record: Disclosure) -> dict[str, object]:
    """Return a disclosure without its sealed words."""
    shown: dict[str, object] = msgspec.to_builtins(record)
    del shown["words"]
    return {**shown, "notice": NOTICE if record.is_part2 else None}


def suspension_view(record: Suspension, today: date) -> dict[str, object]:
    """Return a suspension and whether it holds today."""
    shown: dict[str, object] = msgspec.to_builtins(record)
    return {**shown, "holds": record.holds(today)}
