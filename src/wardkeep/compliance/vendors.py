"""Vendors and agreements: record, activate, suspend, resume, terminate (45 CFR 164.308(b), 164.314(a), 164.504(e)).

Pure: each function takes the registry and the person who asks, and returns the changes or raises `NotAllowed`. Opening
a road takes two people, the one who recorded (or suspended) and another who opens; closing takes one, at once. Who
counts as two is `two_people`. What people write as a reason is sealed in the ledger entry; records only point there.
"""

import re
from dataclasses import replace
from datetime import date
from typing import Final

from wardkeep.compliance.acceptances import LONGEST_DAYS_KEPT
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.terms import (
    clean_id,
    clean_model,
    clean_reason,
    clean_region,
    clean_text,
    invalid,
    require,
    taken,
    unknown,
)
from wardkeep.compliance.two_people import check_opener, second_person
from wardkeep.model.destination import PLACE_ENDPOINT, PLACE_PLATFORM
from wardkeep.model.dialects import ENDPOINTS
from wardkeep.model.registry import (
    Agreement,
    AgreementKind,
    AgreementStatus,
    Person,
    Purpose,
    Registry,
    Retention,
    Scope,
    Vendor,
)
from wardkeep.model.sink import SINK_ENDPOINT, SINK_PLATFORM
from wardkeep.policy.roles import Permission

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SINK: Final = re.compile(re.escape(SINK_ENDPOINT) + r"[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?")
_PLACE: Final = re.compile(re.escape(PLACE_ENDPOINT) + r"[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,127})")
_PURPOSES: Final = frozenset(purpose.value for purpose in Purpose)
_LIST: Final = "wardkeep baa list"


def add_vendor(registry: Registry, by: Person, *, vendor: str, party: str) -> tuple[Change, ...]:
    """Record a vendor under the legal name that its agreements must bear. Raises NotAllowed."""
    require(by, Permission.VENDOR_CHANGE)
    if clean_id(vendor, "vendor id") in registry.vendors:
        raise taken("vendor", "Record agreements for it, or choose another id for another party.")
    record = Vendor(id=vendor, party=clean_text(party, "legal name"))
    return (Change(kind=Kind.VENDORS, id=vendor, record=record),)


def suspend_vendor(registry: Registry, by: Person, *, vendor: str, reason: str) -> tuple[Change, ...]:
    """Close every road to a vendor, from the next call on. Raises NotAllowed."""
    require(by, Permission.AGREEMENT_SUSPEND)
    found = _vendor(registry, vendor)
    if found.suspended_because is not None:
        raise _wrong_status(
            "The vendor is already suspended.", "`wardkeep route list` names the entry with the reason."
        )
    clean_reason(reason)
    record = replace(found, suspended_because=SEE_THIS_ENTRY, suspended_by=by.id)
    return (Change(kind=Kind.VENDORS, id=vendor, record=record),)


def resume_vendor(registry: Registry, by: Person, *, vendor: str, reason: str) -> tuple[Change, ...]:
    """Open the roads to a suspended vendor again: another person than the one who closed them. Raises NotAllowed."""
    require(by, Permission.AGREEMENT_ACTIVATE)
    clean_reason(reason)
    found = _vendor(registry, vendor)
    if found.suspended_because is None:
        raise _wrong_status("The vendor is not suspended.", "Nothing needs to be done.")
    note = check_opener(registry, by, found.suspended_by, deed="suspended the vendor")
    record = replace(found, suspended_because=None, suspended_by=None)
    return (Change(kind=Kind.VENDORS, id=vendor, record=record, note=note),)


def add_agreement(registry: Registry, by: Person, *, agreement: Agreement) -> tuple[Change, ...]:
    """Record an agreement as a draft. It opens nothing before another person activates it.

    `status`, `added_by` and `activated_by` of what is given are not believed; they are set here.

    Raises:
        NotAllowed: no permission, the vendor is unknown, or a term is missing or cannot be.
    """
    require(by, Permission.AGREEMENT_ADD)
    if clean_id(agreement.id, "agreement id") in registry.agreements:
        raise taken("agreement", "Record the renewal under a new id; the old record stays as evidence.")
    _vendor(registry, agreement.vendor)
    if _SHA256.fullmatch(agreement.document_sha256) is None:
        raise invalid("document hash", "the SHA-256 of the signed document, 64 hexadecimal digits in lower case")
    if agreement.expires_on is not None and agreement.expires_on < agreement.effective_on:
        raise invalid("last day", "on or after the effective day")
    if not agreement.scopes:
        raise invalid("scope list", "at least one scope; an agreement without scope covers nothing")
    for scope in agreement.scopes:
        _check_scope(scope)
    record = replace(
        agreement,
        party=clean_text(agreement.party, "legal name"),
        status=AgreementStatus.DRAFT,
        added_by=by.id,
        activated_by=None,
        status_reason=None,
        suspended_by=None,
        added_under=by.access_by,
        terminated_on=None,
    )
    return (Change(kind=Kind.AGREEMENTS, id=agreement.id, record=record),)


def activate(registry: Registry, by: Person, *, agreement: str, today: date) -> tuple[Change, ...]:
    """Activate a draft: never by who recorded it, unless the single-officer risk was accepted. Raises NotAllowed."""
    require(by, Permission.AGREEMENT_ACTIVATE)
    found = _agreement(registry, agreement)
    if found.status is not AgreementStatus.DRAFT:
        raise _wrong_status("Only a draft can be activated.", _next_step(found.status))
    if found.expires_on is not None and found.expires_on < today:
        raise _wrong_status("The agreement's last day has passed.", "Record the renewal with `wardkeep baa add`.")
    note = second_person(registry, by, found.added_by, under=found.added_under, deed="recorded the agreement")
    record = replace(found, status=AgreementStatus.ACTIVE, activated_by=by.id, status_reason=None)
    return (Change(kind=Kind.AGREEMENTS, id=agreement, record=record, note=note),)


def suspend(registry: Registry, by: Person, *, agreement: str, reason: str) -> tuple[Change, ...]:
    """Suspend an active agreement, from the next call on. Raises NotAllowed."""
    require(by, Permission.AGREEMENT_SUSPEND)
    found = _agreement(registry, agreement)
    if found.status is not AgreementStatus.ACTIVE:
        raise _wrong_status("Only an active agreement can be suspended.", _next_step(found.status))
    clean_reason(reason)
    record = replace(found, status=AgreementStatus.SUSPENDED, status_reason=SEE_THIS_ENTRY, suspended_by=by.id)
    return (Change(kind=Kind.AGREEMENTS, id=agreement, record=record),)


def resume(registry: Registry, by: Person, *, agreement: str, reason: str) -> tuple[Change, ...]:
    """Activate a suspended agreement again: another person than the one who suspended it. Raises NotAllowed."""
    require(by, Permission.AGREEMENT_ACTIVATE)
    clean_reason(reason)
    found = _agreement(registry, agreement)
    if found.status is not AgreementStatus.SUSPENDED:
        raise _wrong_status("Only a suspended agreement can be resumed.", _next_step(found.status))
    note = check_opener(registry, by, found.suspended_by, deed="suspended the agreement")
    record = replace(found, status=AgreementStatus.ACTIVE, status_reason=None, suspended_by=None)
    return (Change(kind=Kind.AGREEMENTS, id=agreement, record=record, note=note),)


def terminate(
    registry: Registry, by: Person, *, agreement: str, reason: str, today: date | None = None
) -> tuple[Change, ...]:
    """End an agreement for good (45 CFR 164.504(e)(2)(iii)); a later one is a new record. Raises NotAllowed."""
    require(by, Permission.AGREEMENT_SUSPEND)
    found = _agreement(registry, agreement)
    if found.status is AgreementStatus.TERMINATED:
        raise _wrong_status("The agreement is already terminated.", _next_step(found.status))
    clean_reason(reason)
    record = replace(found, status=AgreementStatus.TERMINATED, status_reason=SEE_THIS_ENTRY, terminated_on=today)
    return (Change(kind=Kind.AGREEMENTS, id=agreement, record=record),)


def _check_scope(scope: Scope) -> None:
    """Refuse a scope with an open term: what is not written down is not covered, so it would mislead its reader."""
    clean_id(scope.platform, "platform of a scope")
    for noun, names in (
        ("projects", scope.projects),
        ("endpoints", scope.endpoints),
        ("models", scope.models),
        ("regions", scope.regions),
        ("purposes", scope.purposes),
    ):
        if not names:
            raise invalid(f"list of {noun} of a scope", "complete: name each one; there are no wildcards")
    for name in scope.projects | scope.models:
        clean_model(name, "project or model of a scope")
    for name in scope.regions:
        clean_region(name, "region of a scope")
    for name in scope.features:
        clean_id(name, "feature of a scope")
    if (scope.retention is Retention.DAYS_UNDER_BAA) != (scope.retention_days is not None):
        raise invalid("number of days kept of a scope", "stated with days_under_baa, and only with it")
    if scope.retention_days is not None and not 1 <= scope.retention_days <= LONGEST_DAYS_KEPT:
        raise invalid("number of days kept of a scope", f"from 1 to {LONGEST_DAYS_KEPT}")
    _check_endpoints(scope)
    if not scope.purposes <= _PURPOSES:
        raise invalid("list of purposes of a scope", f"out of {', '.join(sorted(_PURPOSES))}")


def _check_endpoints(scope: Scope) -> None:
    """Refuse endpoints that nothing of this platform is called."""
    if scope.platform == SINK_PLATFORM:
        if not all(_SINK.fullmatch(each) for each in scope.endpoints):
            raise invalid("list of endpoints of a scope", f"{SINK_ENDPOINT}HOST for each destination of the record")
    elif scope.platform == PLACE_PLATFORM:
        if not all(_PLACE.fullmatch(each) for each in scope.endpoints):
            raise invalid("list of endpoints of a scope", f"{PLACE_ENDPOINT}ID for each row of the register")
    elif not scope.endpoints <= ENDPOINTS:
        raise invalid("list of endpoints of a scope", f"out of {', '.join(sorted(ENDPOINTS))}")


def _agreement(registry: Registry, agreement: str) -> Agreement:
    found = registry.agreements.get(agreement)
    if found is None:
        raise unknown("agreement", _LIST)
    return found


def _vendor(registry: Registry, vendor: str) -> Vendor:
    found = registry.vendors.get(vendor)
    if found is None:
        raise unknown("vendor", "wardkeep route list")
    return found


def _wrong_status(what: str, fix: str) -> NotAllowed:
    return NotAllowed(
        "wrong_status", what=what, why="Each step follows from the agreement's status.", fix=fix, status=409
    )


def _next_step(status: AgreementStatus) -> str:
    match status:
        case AgreementStatus.DRAFT:
            return "A second person activates it with `wardkeep baa activate`."
        case AgreementStatus.ACTIVE:
            return "It is active; `wardkeep baa suspend` closes it."
        case AgreementStatus.SUSPENDED:
            return "It is suspended; a second person resumes it with `wardkeep baa resume`."
        case AgreementStatus.TERMINATED:
            return "It is terminated; record a new agreement with `wardkeep baa add`."


def is_own_boundary(registry: Registry, vendor: str) -> bool:
    """Whether a statement on record says that no other party is involved, and still stands."""
    return any(
        agreement.vendor == vendor
        and agreement.kind is AgreementKind.OWN_BOUNDARY
        and agreement.status is not AgreementStatus.TERMINATED
        for agreement in registry.agreements.values()
    )
