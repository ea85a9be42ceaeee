"""What the registers of vendors take beside agreements: evidence, notices, close-outs."""

from datetime import date

from wardkeep.compliance.forms import ReasonForm
from wardkeep.model.oversight import Disposition, EvidenceKind, VendorEvidence, VendorNoticeKind


class EvidenceForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A document about a vendor, by its hash; what it says of exceptions is the reason, sealed."""

    id: str
    vendor: str
    kind: EvidenceKind
    document_sha256: str
    issued_on: date
    until: date

    def evidence(self) -> VendorEvidence:
        """Return the record; who recorded it is set with it."""
        return VendorEvidence(
            id=self.id,
            vendor=self.vendor,
            kind=self.kind,
            document_sha256=self.document_sha256,
            issued_on=self.issued_on,
            until=self.until,
            added_by="",
        )


class VendorNoticeForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a vendor tells; its words are the reason, sealed."""

    id: str
    vendor: str
    kind: VendorNoticeKind
    received_on: date


class SettlementForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The incident that a notice became, or that it is none; `reason` says why."""

    incident: str | None = None
    is_none: bool = False


class CloseOutForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What became of PHI at the end: with the vendor's certificate, or with the day of the next look."""

    disposition: Disposition
    on: date
    certificate_sha256: str | None = None
    review_on: date | None = None
