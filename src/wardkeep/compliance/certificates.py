"""Client certificates of applications, people and provisioning clients (45 CFR 164.312(d)).

Pure, as `people`. A certificate is bound by its key, never by a name in it, and counts from the next call on in every
worker; revoked, it counts never again. Each kind of holder takes the permission that changes that kind.
"""

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.people import check_may_act_for
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import clean_id, invalid, require, taken, unknown
from wardkeep.model.certificate import ClientCertificate, HolderKind, holder_name
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

DAYS_MAX: Final = 397
_TAKES: Final = MappingProxyType(
    {
        HolderKind.APPLICATION: Permission.APPLICATION_CHANGE,
        HolderKind.PERSON: Permission.PERSON_CHANGE,
        HolderKind.SCIM: Permission.PERSON_CHANGE,
    }
)


def check_holder(registry: Registry, by: Person, *, kind: HolderKind, holder: str) -> None:
    """Return when `by` may bind a certificate to this holder, who is active. Raises NotAllowed."""
    require(by, _TAKES[kind])
    clean_id(holder, f"id of the {kind.value}")
    match kind:
        case HolderKind.APPLICATION:
            application = registry.applications.get(holder)
            if application is None or not application.is_active:
                raise unknown("active application", "wardkeep application list")
        case HolderKind.PERSON:
            person = registry.people.get(holder)
            if person is None or not person.is_active:
                raise unknown("active person", "wardkeep user list")
            # Who binds a key to somebody may hold that key: it must open no more to them than they have.
            check_may_act_for(by, person)
        case HolderKind.SCIM:
            client = registry.scim_clients.get(holder)
            if client is None or not client.is_active:
                raise unknown("active provisioning client", "wardkeep scim list")


def bind(
    registry: Registry,
    by: Person,
    *,
    kind: HolderKind,
    holder: str,
    peer_key: str,
    not_after: datetime,
    is_ours: bool,
    now: datetime,
) -> tuple[Change, ...]:
    """Bind a key to its holder. Raises NotAllowed: it is bound already, was once, or its certificate has ended."""
    check_holder(registry, by, kind=kind, holder=holder)
    if peer_key in registry.certificates:
        raise taken("certificate for this key", "Make a new private key: one key stands for one holder, and once only.")
    if not_after <= now:
        raise invalid("certificate", "one that has not ended")
    record = ClientCertificate(
        id=peer_key, holder=holder_name(kind, holder), not_after=not_after, made_by=by.id, is_ours=is_ours
    )
    return (Change(kind=Kind.CERTIFICATES, id=peer_key, record=record),)


def revoke(registry: Registry, by: Person, *, certificate: str) -> tuple[Change, ...]:
    """Refuse a certificate from the next call on, for good. Raises NotAllowed."""
    found = registry.certificates.get(certificate)
    if found is None:
        raise unknown("certificate", "wardkeep application certificate list")
    require(by, _TAKES[HolderKind(found.holder.partition(":")[0])])
    if found.is_revoked:
        raise NotAllowed(
            "wrong_status",
            what="The certificate is already revoked.",
            why="A revoked certificate never works again.",
            fix="Make another one with `wardkeep application certificate add` if it is needed.",
            status=409,
        )
    return (Change(kind=Kind.CERTIFICATES, id=certificate, record=replace(found, is_revoked=True)),)
