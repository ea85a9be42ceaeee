"""Vendors beyond their agreements: evidence, verification, notices, and the end (45 CFR 164.308(b), 164.504(e)).

Pure, as `vendors`. Evidence counts once another person looked at it and until its last day; it never opens a road. A
notice is taken in by anybody, and one of a breach or incident is settled by the incident that it became, or by somebody
who says why it became none. When an agreement ends, what the vendor held is returned or destroyed, on the vendor's
certificate, recorded by one person and confirmed by another.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.terms import clean_id, clean_text, invalid, require, taken, unknown
from wardkeep.compliance.two_people import check_established, second_person
from wardkeep.model.oversight import (
    OF_INCIDENTS,
    CloseOut,
    Disposition,
    EvidenceKind,
    VendorEvidence,
    VendorNotice,
    VendorNoticeKind,
)
from wardkeep.model.registry import Agreement, AgreementKind, AgreementStatus, Person, Registry
from wardkeep.policy.roles import Permission

# A verification is yearly (the proposal of 2025-01-06, 164.308(b)); reports of auditors say their own last day.
VERIFIED_FOR: Final = timedelta(days=366)
LONGEST_EVIDENCE: Final = timedelta(days=3 * 366)
# Ours, where the agreement says nothing shorter: the rule has no number of days.
CLOSE_OUT_DAYS: Final = 30
NOTICE_DAYS: Final = 5
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_EVIDENCE: Final = "wardkeep vendor evidence"
_NOTICES: Final = "wardkeep vendor notices"
_CLOSE_OUTS: Final = "wardkeep vendor close-outs"


def add_evidence(registry: Registry, by: Person, *, evidence: VendorEvidence, today: date) -> tuple[Change, ...]:
    """Record a document about a vendor; what it says of exceptions is the reason, sealed.

    Raises:
        NotAllowed: no permission, the id is taken, no such vendor, or days or a hash that cannot be.
    """
    require(by, Permission.VENDOR_CHANGE)
    check_established(by)
    if clean_id(evidence.id, "evidence id") in registry.vendor_evidence:
        raise taken("evidence", "Record the renewal under another id; the old one stays as it was.")
    _check_vendor(registry, evidence.vendor)
    _check_hash(evidence.document_sha256, "document hash")
    longest = VERIFIED_FOR if evidence.kind is EvidenceKind.VERIFICATION else LONGEST_EVIDENCE
    if not evidence.issued_on <= today <= evidence.until <= evidence.issued_on + longest:
        raise invalid("days", f"issued today or earlier, not over, and at the most {longest.days} days long")
    record = replace(
        evidence,
        added_by=by.id,
        added_under=by.access_by,
        checked_by=None,
        withdrawn_by=None,
        words=SEE_THIS_ENTRY,
    )
    return (Change(kind=Kind.VENDOR_EVIDENCE, id=record.id, record=record),)


def check_evidence(registry: Registry, by: Person, *, evidence: str) -> tuple[Change, ...]:
    """Say that the document was looked at, as another person than the one who recorded it. Raises NotAllowed."""
    require(by, Permission.AGREEMENT_ACTIVATE)
    found = _standing(registry, evidence)
    if found.checked_by is not None:
        raise invalid("evidence", "one that nobody looked at yet")
    note = second_person(registry, by, found.added_by, under=found.added_under, deed="recorded the evidence")
    return (Change(kind=Kind.VENDOR_EVIDENCE, id=evidence, record=replace(found, checked_by=by.id), note=note),)


def withdraw_evidence(registry: Registry, by: Person, *, evidence: str) -> tuple[Change, ...]:
    """Let it count no more, from now on. Raises NotAllowed."""
    require(by, Permission.VENDOR_CHANGE)
    record = replace(_standing(registry, evidence), withdrawn_by=by.id)
    return (Change(kind=Kind.VENDOR_EVIDENCE, id=evidence, record=record),)


def take_notice(
    registry: Registry, by: Person, *, notice: str, vendor: str, kind: VendorNoticeKind, received_on: date, today: date
) -> tuple[Change, ...]:
    """Take in what a vendor tells, as anybody of the workforce; its words are the reason, sealed. Raises NotAllowed."""
    require(by, Permission.OWN_ACCOUNT)
    if clean_id(notice, "notice id") in registry.vendor_notices:
        raise taken("notice", "Choose another id.")
    _check_vendor(registry, vendor)
    if received_on > today:
        raise invalid("day of receipt", "today or earlier")
    record = VendorNotice(
        id=notice,
        vendor=vendor,
        kind=kind,
        received_on=received_on,
        taken_by=by.id,
        due_on=received_on + timedelta(days=NOTICE_DAYS),
        words=SEE_THIS_ENTRY,
    )
    return (Change(kind=Kind.VENDOR_NOTICES, id=notice, record=record),)


def settle_notice(
    registry: Registry, by: Person, *, notice: str, incident: str | None, is_none: bool, today: date
) -> tuple[Change, ...]:
    """Settle a notice: by the incident that it became, or by the word that it is none; why is the reason, sealed.

    Raises:
        NotAllowed: no permission, settled before, no such incident, or neither said of a breach or security incident.
    """
    require(by, Permission.INCIDENT_CHANGE)
    found = registry.vendor_notices.get(notice)
    if found is None or not found.is_open:
        raise unknown("open notice", _NOTICES)
    if incident is not None and incident not in registry.incidents:
        raise unknown("incident", "wardkeep incident list")
    if (incident is not None) == is_none and (is_none or found.kind in OF_INCIDENTS):
        raise invalid("settlement", "the incident that it became, or the word that it is none, and not both")
    record = replace(found, settled_on=today, settled_by=by.id, incident=incident, settled_words=SEE_THIS_ENTRY)
    return (Change(kind=Kind.VENDOR_NOTICES, id=notice, record=record),)


def record_close_out(
    registry: Registry,
    by: Person,
    *,
    agreement: str,
    disposition: Disposition,
    on: date,
    certificate_sha256: str | None,
    review_on: date | None,
    today: date,
) -> tuple[Change, ...]:
    """Record what became of PHI at the end of an agreement; it counts once another person confirmed it.

    Raises:
        NotAllowed: the agreement has not ended, no certificate for what was returned or destroyed, or no day on which
            what stays is looked at again.
    """
    require(by, Permission.VENDOR_CHANGE)
    check_established(by)
    found = _ended(registry, agreement, today)
    held = registry.close_outs.get(agreement)
    if held is not None and held.confirmed_by is not None and held.disposition is not Disposition.NOT_FEASIBLE:
        raise NotAllowed(
            "wrong_status",
            what="The end of this agreement is on record.",
            why="What was confirmed stands as it is.",
            fix=f"`{_CLOSE_OUTS}` shows it.",
            status=409,
        )
    ended = ended_on(found)
    if on > today or (ended is not None and on < found.effective_on):
        raise invalid("day", "from the agreement's first day to today")
    stays = disposition is Disposition.NOT_FEASIBLE
    if stays and (review_on is None or not today <= review_on <= today + VERIFIED_FOR):
        raise invalid("day of the next look", f"within {VERIFIED_FOR.days} days, where PHI stays with the vendor")
    if not stays:
        _check_hash(certificate_sha256 or "", "certificate's hash")
    record = CloseOut(
        id=agreement,
        disposition=disposition,
        on=on,
        recorded_by=by.id,
        recorded_under=by.access_by,
        certificate_sha256=certificate_sha256,
        review_on=review_on if stays else None,
        words=SEE_THIS_ENTRY,
    )
    return (Change(kind=Kind.CLOSE_OUTS, id=agreement, record=record),)


def confirm_close_out(registry: Registry, by: Person, *, agreement: str) -> tuple[Change, ...]:
    """Confirm it, as another person than the one who recorded it. Raises NotAllowed."""
    require(by, Permission.AGREEMENT_ACTIVATE)
    found = registry.close_outs.get(agreement)
    if found is None or found.confirmed_by is not None:
        raise unknown("close-out that waits for confirmation", _CLOSE_OUTS)
    note = second_person(registry, by, found.recorded_by, under=found.recorded_under, deed="recorded the close-out")
    return (Change(kind=Kind.CLOSE_OUTS, id=agreement, record=replace(found, confirmed_by=by.id), note=note),)


def certificate(registry: Registry, *, agreement: str, calls: int, organisation: str, today: date) -> str:
    """Return the certificate for the vendor to sign (45 CFR 164.504(e)(2)(ii)(J)), with what the ledger says was sent.

    Raises:
        NotAllowed: there is no such agreement, or it has not ended.
    """
    found = _ended(registry, agreement, today)
    ended = ended_on(found)
    places = ", ".join(sorted({each.platform for each in found.scopes}))
    days = f"from {found.effective_on}" if ended is None else f"from {found.effective_on} to {ended}"
    parts = (
        f"# Certificate of return or destruction for {clean_text(organisation or 'the covered entity', 'name')}",
        f"Agreement {found.id} with {found.party}, in effect {days}, of the document with SHA-256",
        found.document_sha256,
        f"Under it {calls} calls went to {places}, by our ledger.",
        "We certify that all protected health information received from the organisation named above, or created or",
        "received on its behalf, in any form, with all copies, and what our subcontractors and agents hold, was",
        "[ ] returned   [ ] destroyed, by this method: ____________________   on: ____________",
        "[ ] cannot be returned or destroyed, because: ____________________",
        "Where it cannot, the protections of the agreement continue, and it is used and disclosed for nothing else.",
        "Name, title, signature, date: ________________________________________",
    )
    return "\n\n".join(parts) + "\n"


def ended_on(agreement: Agreement) -> date | None:
    """Return the day on which an agreement ended, None where nobody noted it."""
    if agreement.status is AgreementStatus.TERMINATED:
        return agreement.terminated_on or agreement.expires_on
    return agreement.expires_on


def to_close_out(registry: Registry, today: date) -> Iterator[tuple[Agreement, date]]:
    """Yield the ended agreements of which nobody confirmed what became of PHI, with the last day for it.

    Where another agreement with the vendor counts, what it holds stays under that one.
    """
    active = {
        each.vendor
        for each in registry.agreements.values()
        if each.status in {AgreementStatus.ACTIVE, AgreementStatus.SUSPENDED}
        and (each.expires_on is None or today <= each.expires_on)
    }
    for agreement in registry.agreements.values():
        held = registry.close_outs.get(agreement.id)
        is_over = _is_over(agreement, today)
        if not is_over or agreement.vendor in active or agreement.activated_by is None:
            continue
        if held is not None and held.confirmed_by is not None:
            if held.review_on is not None:
                yield agreement, held.review_on
            continue
        ended = ended_on(agreement)
        yield agreement, today if ended is None else ended + timedelta(days=CLOSE_OUT_DAYS)


def unverified(registry: Registry, today: date) -> tuple[str, ...]:
    """Return the vendors with an active agreement that nobody verified within the year."""
    wanted = {
        each.vendor
        for each in registry.agreements.values()
        if each.status is AgreementStatus.ACTIVE and each.kind is AgreementKind.BAA and not _is_over(each, today)
    }
    verified = {
        each.vendor
        for each in registry.vendor_evidence.values()
        if each.kind is EvidenceKind.VERIFICATION and each.holds(today)
    }
    return tuple(sorted(wanted - verified))


def current(registry: Registry) -> Iterator[VendorEvidence]:
    """Yield what stands of each vendor and kind: of several the one that ends last."""
    newest: dict[tuple[str, EvidenceKind], VendorEvidence] = {}
    for each in registry.vendor_evidence.values():
        if each.checked_by is None or each.withdrawn_by is not None:
            continue
        held = newest.get((each.vendor, each.kind))
        if held is None or held.until < each.until:
            newest[each.vendor, each.kind] = each
    yield from newest.values()


def _is_over(agreement: Agreement, today: date) -> bool:
    if agreement.kind is not AgreementKind.BAA:
        return False
    if agreement.status is AgreementStatus.TERMINATED:
        return True
    return agreement.status is not AgreementStatus.DRAFT and (
        agreement.expires_on is not None and agreement.expires_on < today
    )


def _ended(registry: Registry, agreement: str, today: date) -> Agreement:
    found = registry.agreements.get(agreement)
    if found is None:
        raise unknown("agreement", "wardkeep baa list")
    if not _is_over(found, today):
        raise NotAllowed(
            "wrong_status",
            what="This agreement has not ended.",
            why="What a vendor holds is returned or destroyed at the end (45 CFR 164.504(e)(2)(ii)(J)).",
            fix="End it with `wardkeep baa terminate` first.",
            status=409,
        )
    return found


def _standing(registry: Registry, evidence: str) -> VendorEvidence:
    found = registry.vendor_evidence.get(evidence)
    if found is None or found.withdrawn_by is not None:
        raise unknown("evidence that stands", _EVIDENCE)
    return found


def _check_vendor(registry: Registry, vendor: str) -> None:
    if vendor not in registry.vendors:
        raise unknown("vendor", "wardkeep route list")


def _check_hash(value: str, noun: str) -> None:
    if _SHA256.fullmatch(value) is None:
        raise invalid(noun, "a SHA-256, 64 hexadecimal digits in lower case")


def evidence_view(held: VendorEvidence, today: date) -> dict[str, object]:
    """Return evidence as it is shown."""
    return {
        "id": held.id,
        "vendor": held.vendor,
        "kind": held.kind.value,
        "document_sha256": held.document_sha256,
        "issued_on": held.issued_on.isoformat(),
        "until": held.until.isoformat(),
        "days_left": (held.until - today).days,
        "added_by": held.added_by,
        "checked_by": held.checked_by,
        "withdrawn_by": held.withdrawn_by,
        "holds": held.holds(today),
        "words": held.words,
    }


def notice_view(held: VendorNotice, today: date) -> dict[str, object]:
    """Return a notice as it is shown."""
    return {
        "id": held.id,
        "vendor": held.vendor,
        "kind": held.kind.value,
        "received_on": held.received_on.isoformat(),
        "due_on": held.due_on.isoformat(),
        "settled_on": None if held.settled_on is None else held.settled_on.isoformat(),
        "settled_by": held.settled_by,
        "incident": held.incident,
        "is_open": held.is_open,
        "is_late": (held.settled_on or today) > held.due_on,
        "words": held.words,
        "settled_words": held.settled_words,
    }


def close_outs_view(registry: Registry, today: date) -> list[dict[str, object]]:
    """Return the end of every agreement that is over: what is on record, and what is due."""
    due = {agreement.id: last for agreement, last in to_close_out(registry, today)}
    shown: list[dict[str, object]] = []
    for name, agreement in sorted(registry.agreements.items()):
        if not _is_over(agreement, today):
            continue
        held, last, ended = registry.close_outs.get(name), due.get(name), ended_on(agreement)
        shown.append(
            {
                "id": name,
                "vendor": agreement.vendor,
                "ended_on": None if ended is None else ended.isoformat(),
                "disposition": None if held is None else held.disposition.value,
                "on": None if held is None else held.on.isoformat(),
                "certificate_sha256": None if held is None else held.certificate_sha256,
                "review_on": None if held is None or held.review_on is None else held.review_on.isoformat(),
                "recorded_by": None if held is None else held.recorded_by,
                "confirmed_by": None if held is None else held.confirmed_by,
                "due_on": None if last is None else last.isoformat(),
                "is_late": last is not None and last < today,
                "words": "" if held is None else held.words,
            }
        )
    return shown
