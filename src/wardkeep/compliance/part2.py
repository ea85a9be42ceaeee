"""Substance use disorder records: consents, tags of sources, and use in proceedings (42 CFR 2.12, 2.31 to 2.33, 2.61).

Pure, as `rights`. What opens takes two people: a consent counts once another confirmed it, a source is cleared once
another approved it. What closes takes one, at once: a revocation, a tag. Whether a document bears a consent or an order
is for the two to judge; which elements it must have is checked here.
"""

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from wardkeep.compliance.custody import refusal
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.terms import clean_id, invalid, require, taken, unknown
from wardkeep.compliance.two_people import check_established, second_person
from wardkeep.model.access import Purpose
from wardkeep.model.part2 import (
    Clearing,
    Consent,
    ConsentKind,
    Consents,
    CourtOrder,
    Source,
    SourceTag,
    is_inherited,
    names_of,
)
from wardkeep.model.reasons import Reason
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

LONGEST_CLEARED: Final = timedelta(days=366)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
# 42 CFR 2.31(a)(5)(ii): one consent for all future uses for these.
_TPO: Final = frozenset({Purpose.TREAT, Purpose.HPAYMT, Purpose.HOPERAT})
_CONSENTS: Final = "wardkeep part2 consents"
_SOURCES: Final = "wardkeep part2 sources"
_ORDERS: Final = "wardkeep part2 orders"


def record_consent(
    registry: Registry, by: Person, *, consent: Consent, individual: str, subject: str, today: date
) -> tuple[Change, ...]:
    """Record a patient's written consent; it opens nothing before another person confirms it.

    `individual` and `subject` are blind indexes; who recorded and confirmed it is set here.

    Raises:
        NotAllowed: no permission, the id is taken, or an element that 42 CFR 2.31(a) asks for is missing.
    """
    require(by, Permission.CARE_TEAM_CHANGE)
    check_established(by)
    clean_id(consent.id, "consent id")
    if any(each.consent(consent.id) is not None for each in registry.consents.values()):
        raise taken("consent", "Record another consent under another id.")
    _check_elements(registry, consent, today)
    record = replace(
        consent,
        recorded_by=by.id,
        recorded_under=by.access_by,
        confirmed_by=None,
        revoked_on=None,
        revoked_by=None,
        words=SEE_THIS_ENTRY,
    )
    held = registry.consents.get(individual)
    changed = Consents(id=individual, subject=subject, held=(*(held.held if held is not None else ()), record))
    return (Change(kind=Kind.CONSENTS, id=individual, record=changed),)


def confirm_consent(registry: Registry, by: Person, *, consent: str, today: date) -> tuple[Change, ...]:
    """Confirm that the signed document says what was recorded. Raises NotAllowed."""
    require(by, Permission.CARE_TEAM_CHANGE)
    held, found = _consent(registry, consent)
    if found.confirmed_by is not None or (found.until is not None and found.until < today):
        raise invalid("consent", "one that nobody confirmed yet and whose last day has not passed")
    note = second_person(registry, by, found.recorded_by, under=found.recorded_under, deed="recorded the consent")
    return (_with(held, replace(found, confirmed_by=by.id), note),)


def revoke_consent(registry: Registry, by: Person, *, consent: str, on: date, today: date) -> tuple[Change, ...]:
    """End a consent at the patient's wish, from the next call on (42 CFR 2.31(a)(6)). Raises NotAllowed."""
    require(by, Permission.CARE_TEAM_CHANGE)
    held, found = _consent(registry, consent)
    if not found.signed_on <= on <= today:
        raise invalid("day of the revocation", "from the signature to today")
    return (_with(held, replace(found, revoked_on=on, revoked_by=by.id), None),)


def tag_source(registry: Registry, by: Person, *, source: str) -> tuple[Change, ...]:
    """Say that what comes from a workspace or application is Part 2: from the next call on it inherits that.

    From the first tag on, every source that nobody cleared counts as one. Raises NotAllowed.
    """
    require(by, Permission.WORKSPACE_CHANGE)
    _check_source(registry, source)
    record = Source(id=source, set_by=by.id, tag=SourceTag.PART2, words=SEE_THIS_ENTRY)
    return (Change(kind=Kind.PART2_SOURCES, id=source, record=record),)


def propose_clearing(registry: Registry, by: Person, *, source: str, until: date, today: date) -> tuple[Change, ...]:
    """Propose that a source holds no such records; why is the reason, sealed. Raises NotAllowed."""
    require(by, Permission.WORKSPACE_CHANGE)
    check_established(by)
    _check_source(registry, source)
    if not today <= until <= today + LONGEST_CLEARED:
        raise invalid("last day", f"within {LONGEST_CLEARED.days} days")
    held = registry.part2_sources.get(source, Source(id=source, set_by=by.id))
    record = replace(held, proposed=Clearing(by=by.id, under=by.access_by, until=until), words=SEE_THIS_ENTRY)
    return (Change(kind=Kind.PART2_SOURCES, id=source, record=record),)


def approve_clearing(registry: Registry, by: Person, *, source: str, today: date) -> tuple[Change, ...]:
    """Clear a source, as another person than the one who proposed it. Raises NotAllowed."""
    require(by, Permission.AGREEMENT_ACTIVATE)
    held = registry.part2_sources.get(source)
    if held is None or held.proposed is None or held.proposed.until < today:
        raise unknown("source that waits to be cleared", _SOURCES)
    proposed = held.proposed
    note = second_person(registry, by, proposed.by, under=proposed.under, deed="proposed to clear the source")
    record = Source(id=source, set_by=by.id, tag=SourceTag.CLEARED, until=proposed.until, words=held.words)
    return (Change(kind=Kind.PART2_SOURCES, id=source, record=record, note=note),)


def record_order(
    registry: Registry, by: Person, *, order: str, subject: str, document_sha256: str, until: date, today: date,
    issued_on: date | None = None,
) -> tuple[Change, ...]:  # fmt: skip
    """Record a court's order with its subpoena (42 CFR 2.61); another person confirms it.

    Nobody saying when it was issued, it counts from today. Raises NotAllowed.
    """
    issued = today if issued_on is None else issued_on
    require(by, Permission.DISCLOSURE_RECORD)
    check_established(by)
    if clean_id(order, "order id") in registry.court_orders:
        raise taken("order", "Choose another id.")
    _check_hash(document_sha256)
    if until < today or issued > today:
        raise invalid("days", "issued today or earlier, and a last day of today or later")
    record = CourtOrder(
        id=order,
        subject=subject,
        document_sha256=document_sha256,
        until=until,
        recorded_by=by.id,
        recorded_under=by.access_by,
        words=SEE_THIS_ENTRY,
        issued_on=issued,
    )
    return (Change(kind=Kind.COURT_ORDERS, id=order, record=record),)


def confirm_order(registry: Registry, by: Person, *, order: str) -> tuple[Change, ...]:
    """Confirm that the order is one of subpart E and reaches these records. Raises NotAllowed."""
    require(by, Permission.DISCLOSURE_RECORD)
    found = _order(registry, order)
    if found.confirmed_by is not None:
        raise invalid("order", "one that nobody confirmed yet")
    note = second_person(registry, by, found.recorded_by, under=found.recorded_under, deed="recorded the order")
    return (Change(kind=Kind.COURT_ORDERS, id=order, record=replace(found, confirmed_by=by.id), note=note),)


def end_order(registry: Registry, by: Person, *, order: str) -> tuple[Change, ...]:
    """End an order from now on. Raises NotAllowed."""
    require(by, Permission.DISCLOSURE_RECORD)
    return (Change(kind=Kind.COURT_ORDERS, id=order, record=replace(_order(registry, order), ended_by=by.id)),)


def is_of_part2(registry: Registry, subject: str, *, stated: bool | None, today: date) -> bool:
    """Whether a disclosure counts as one of such records; where nobody says, it does if there can be any."""
    if stated is not None:
        return stated
    has_consents = any(each.subject == subject for each in registry.consents.values())
    return has_consents or any(each.is_part2(today) for each in registry.part2_sources.values())


def check_basis(registry: Registry, *, subject: str, basis: str | None, on: date, is_proceeding: bool) -> None:
    """Return when such records may go where they went on a day (42 CFR 2.12(d), 2.31(d), 2.61).

    A basis that is named must be one on record for that subject and day: it is kept, and no room for a sentence.

    Raises:
        NotAllowed: it is for a proceeding, and neither the patient's consent to that nor an order counted under
            `basis`; or a basis that is none.
    """
    order, consent = None, None
    if basis is not None:
        order = registry.court_orders.get(clean_id(basis, "basis"))
        held = [each.consent(basis) for each in registry.consents.values() if each.subject == subject]
        consent = next((each for each in held if each is not None and each.counted(on)), None)
    is_ordered = order is not None and order.subject == subject and order.holds(on)
    if is_proceeding and not is_ordered and (consent is None or consent.kind is not ConsentKind.LEGAL):
        raise refusal(Reason.PART2_LEGAL_USE)
    if basis is not None and not is_ordered and consent is None:
        raise unknown("consent or order that counted for that subject and day", _CONSENTS)


def _check_elements(registry: Registry, consent: Consent, today: date) -> None:
    _check_hash(consent.document_sha256)
    if consent.signed_on > today or (consent.until is not None and consent.until < max(consent.signed_on, today)):
        raise invalid("days", "signed today or earlier, and a last day that has not passed")
    if not consent.disclosers or not consent.disclosers <= registry.workspaces.keys():
        raise invalid("list of disclosers", "workspaces that `wardkeep workspace list` shows, one at the least")
    if not (consent.recipients or frozenset()) <= registry.vendors.keys():
        raise unknown("vendor", "wardkeep route list")
    is_whole, rule = _whole(consent)
    if not is_whole or Purpose.ETREAT in consent.purposes:
        raise invalid("consent", rule)


def _whole(consent: Consent) -> tuple[bool, str]:
    """Return whether a consent has what its kind must have, and what that is."""
    if consent.kind is ConsentKind.TREATMENT_PAYMENT_OPERATIONS:
        return bool(consent.purposes) and consent.purposes <= _TPO, "with purposes out of TREAT, HPAYMT and HOPERAT"
    has_last_day = consent.until is not None
    if consent.kind is ConsentKind.SPECIFIC:
        is_named = bool(consent.purposes and consent.recipients)
        return is_named and has_last_day, "with purposes, named recipients and a last day"
    is_alone = not consent.purposes and not consent.recipients
    return is_alone and has_last_day, "alone: a last day, no purpose of use and no vendor (42 CFR 2.31(d))"


def _check_hash(document_sha256: str) -> None:
    if _SHA256.fullmatch(document_sha256) is None:
        raise invalid("document hash", "the SHA-256 of the signed document, 64 hexadecimal digits in lower case")


def _check_source(registry: Registry, source: str) -> None:
    kind, _, name = source.partition(".")
    known = {"workspace": registry.workspaces.keys(), "application": registry.applications.keys()}.get(kind)
    if known is None or name not in known:
        raise unknown("workspace or application, written as workspace.ID or application.ID", _SOURCES)


def _consent(registry: Registry, consent: str) -> tuple[Consents, Consent]:
    """Return a consent that was not revoked, with all of its individual. Raises NotAllowed."""
    for held in registry.consents.values():
        found = held.consent(consent)
        if found is not None and found.revoked_on is None:
            return held, found
    raise unknown("consent that stands", _CONSENTS)


def _order(registry: Registry, order: str) -> CourtOrder:
    found = registry.court_orders.get(order)
    if found is None or found.ended_by is not None:
        raise unknown("order that stands", _ORDERS)
    return found


def _with(held: Consents, changed: Consent, note: str | None) -> Change:
    record = replace(held, held=tuple(changed if each.id == changed.id else each for each in held.held))
    return Change(kind=Kind.CONSENTS, id=held.id, record=record, note=note)


def consents_view(registry: Registry, today: date) -> list[dict[str, object]]:
    """Return every consent, revoked ones too."""
    return [
        {
            "id": each.id,
            "subject": held.subject,
            "kind": each.kind.value,
            "purposes": sorted(each.purposes),
            "disclosers": sorted(each.disclosers),
            "recipients": None if each.recipients is None else sorted(each.recipients),
            "signed_on": each.signed_on.isoformat(),
            "until": None if each.until is None else each.until.isoformat(),
            "document_sha256": each.document_sha256,
            "recorded_by": each.recorded_by,
            "confirmed_by": each.confirmed_by,
            "revoked_on": None if each.revoked_on is None else each.revoked_on.isoformat(),
            "holds": each.holds(today),
            "words": each.words,
        }
        for _, held in sorted(registry.consents.items())
        for each in held.held
    ]


def sources_view(registry: Registry, today: date) -> list[dict[str, object]]:
    """Return every workspace and application, tagged or not, and what its calls inherit today."""
    names = [f"workspace.{each}" for each in sorted(registry.workspaces)]
    shown = []
    for name in names:
        inherits = is_inherited(registry.part2_sources, (name,), today)
        shown.append(_source_view(registry, name, today, inherits=inherits))
    for each in sorted(registry.applications):
        application = registry.applications[each]
        inherits = is_inherited(registry.part2_sources, names_of(application.workspace, each), today)
        shown.append(_source_view(registry, f"application.{each}", today, inherits=inherits))
    return shown


def _source_view(registry: Registry, name: str, today: date, *, inherits: bool) -> dict[str, object]:
    held = registry.part2_sources.get(name)
    proposed = None if held is None else held.proposed
    return {
        "id": name,
        "tag": None if held is None or held.tag is None else held.tag.value,
        "is_cleared": held is not None and held.is_cleared(today),
        "until": None if held is None or held.until is None else held.until.isoformat(),
        "waits_for_another": proposed is not None,
        "proposed_by": None if proposed is None else proposed.by,
        "calls_count_as_part2": inherits,
        "words": "" if held is None else held.words,
    }


def order_view(held: CourtOrder, today: date) -> dict[str, object]:
    """Return an order as it is shown."""
    return {
        "id": held.id,
        "subject": held.subject,
        "document_sha256": held.document_sha256,
        "issued_on": None if held.issued_on is None else held.issued_on.isoformat(),
        "until": held.until.isoformat(),
        "recorded_by": held.recorded_by,
        "confirmed_by": held.confirmed_by,
        "ended_by": held.ended_by,
        "holds": held.holds(today),
        "words": held.words,
    }
