"""What the registers of substance use disorder records take: consents, sources, court orders (42 CFR Part 2)."""

from datetime import date

from wardkeep.compliance.forms import ReasonForm
from wardkeep.model.access import Purpose
from wardkeep.model.part2 import Consent, ConsentKind


class ConsentForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A patient's written consent. How much and what kind of information it names is the reason, sealed.

    `disclosers` are workspaces. `recipients` are vendors; null are those that treat, pay and help to operate.
    """

    id: str
    subject: str
    kind: ConsentKind
    disclosers: frozenset[str]
    signed_on: date
    document_sha256: str
    purposes: frozenset[Purpose] = frozenset()
    recipients: frozenset[str] | None = None
    until: date | None = None

    def consent(self) -> Consent:
        """Return the record; who recorded it is set with it."""
        return Consent(
            id=self.id,
            kind=self.kind,
            purposes=self.purposes,
            disclosers=self.disclosers,
            recipients=self.recipients or None,
            signed_on=self.signed_on,
            until=self.until,
            document_sha256=self.document_sha256,
            recorded_by="",
        )


class ConsentEndForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The day on which the patient revoked it."""

    on: date


class ClearingForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Until when a source counts as holding no such records; `reason` says what was looked at."""

    until: date


class OrderForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A court's order with its subpoena; what it orders is the reason, sealed. `issued_on` null is today."""

    id: str
    subject: str
    document_sha256: str
    until: date
    issued_on: date | None = None
