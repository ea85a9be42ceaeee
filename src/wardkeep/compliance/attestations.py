"""Allow-lists of attested deployments: recorded by one person, activated by another (45 CFR 164.308(a)(4), 164.312(d)).

Pure, as `vendors`. A rule says which roots, measurements and versions evidence must show; several may hold at once, so
that a new build is allowed before the old one is withdrawn. Withdrawing takes one person and holds from the next call
on. A rule is never changed: its successor is a new record.
"""

import re
from dataclasses import replace
from typing import Final

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import clean_id, clean_reason, invalid, require, taken, unknown
from wardkeep.compliance.two_people import second_person
from wardkeep.crypto.attestation.anchors import name_of_root, read_roots
from wardkeep.crypto.attestation.evidence import measurement_hash
from wardkeep.crypto.errors import CertificateError
from wardkeep.model.attestation import (
    COVERS,
    MORE_REGISTERS,
    REGISTERS,
    TCB_NEEDED,
    TCB_PARTS,
    AttestationKind,
    AttestationRule,
)
from wardkeep.model.dialects import DIALECTS
from wardkeep.model.registry import Deployment, Person, Registry
from wardkeep.policy.roles import Permission

UNKNOWN_ROOT_NOTE: Final = "root_of_no_known_vendor"
MILAN_NOTE: Final = "milan_allowed"

_LIST: Final = "wardkeep route attestation list"
_HEX: Final = re.compile(r"[0-9a-f]{64}|[0-9a-f]{96}")
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+){1,8}")
_PIN: Final = re.compile(r"sha256/[A-Za-z0-9+/]{43}=")
_MOST_MEASUREMENTS: Final = 64
_MOST_ANCHORS: Final = 8
_MOST_PINS: Final = 4
_HIGHEST: Final = 255


def add_rule(registry: Registry, by: Person, *, rule: AttestationRule, anchors: str) -> tuple[Change, ...]:
    """Record an allow-list; it opens nothing before another person activates it. `anchors` are roots as PEM.

    Raises:
        NotAllowed: no permission, the deployment is not attested so, or a term that cannot be.
    """
    require(by, Permission.AGREEMENT_ADD)
    if clean_id(rule.id, "allow-list id") in registry.attestations:
        raise taken("allow-list", "Record the new measurements under a new id; the old record stays as evidence.")
    deployment = registry.deployments.get(rule.deployment)
    if deployment is None:
        raise unknown("deployment", "wardkeep route list")
    if deployment.attestation is not rule.kind:
        raise invalid("kind of evidence", "the one that the deployment is recorded with (`attestation`)")
    _check_measurements(rule)
    _check_floor(rule)
    try:
        roots = read_roots(anchors)
    except CertificateError:
        raise invalid("list of anchors", "certificates in PEM, each signed by itself") from None
    if not 1 <= len(roots) <= _MOST_ANCHORS:
        raise invalid("list of anchors", f"from 1 to {_MOST_ANCHORS} certificates")
    record = replace(
        rule, anchors=roots, added_by=by.id, added_under=by.access_by, activated_by=None, withdrawn_by=None
    )
    return (Change(kind=Kind.ATTESTATIONS, id=rule.id, record=record, note=_note(record)),)


def activate_rule(registry: Registry, by: Person, *, rule: str) -> tuple[Change, ...]:
    """Let an allow-list hold: another person than the one who recorded it. Raises NotAllowed."""
    require(by, Permission.AGREEMENT_ACTIVATE)
    found = _rule(registry, rule)
    if found.activated_by is not None or found.withdrawn_by is not None:
        raise _settled()
    note = second_person(registry, by, found.added_by, under=found.added_under, deed="recorded the allow-list")
    return (
        Change(kind=Kind.ATTESTATIONS, id=rule, record=replace(found, activated_by=by.id), note=_note(found, note)),
    )


def withdraw_rule(registry: Registry, by: Person, *, rule: str, reason: str) -> tuple[Change, ...]:
    """Take an allow-list back: what it held open closes from the next call on. Raises NotAllowed."""
    require(by, Permission.AGREEMENT_SUSPEND)
    clean_reason(reason)
    found = _rule(registry, rule)
    if found.withdrawn_by is not None:
        raise _settled()
    return (Change(kind=Kind.ATTESTATIONS, id=rule, record=replace(found, withdrawn_by=by.id)),)


def rule_view(rule: AttestationRule) -> dict[str, object]:
    """Return an allow-list as it is shown, with what it proves and what it does not."""
    return {
        "id": rule.id,
        "deployment": rule.deployment,
        "kind": rule.kind.value,
        "covers": COVERS,
        "anchors": [name_of_root(each) for each in rule.anchors],
        "measurements": [{"sha256": measurement_hash(each), **each} for each in rule.measurements],
        "tcb_floor": rule.tcb_floor,
        "allows_milan": rule.allows_milan,
        "added_by": rule.added_by,
        "activated_by": rule.activated_by,
        "withdrawn_by": rule.withdrawn_by,
        "holds": rule.holds,
    }


def check_attested(deployment: Deployment) -> None:
    """Refuse a deployment whose key could not be proven or pinned. Raises NotAllowed."""
    if deployment.attestation is not None:
        wanted = DIALECTS[deployment.dialect]
        if wanted.needs_token or wanted.needs_source_region or deployment.dialect == "azure-openai":
            raise invalid("attestation", "of a deployment that is spoken to directly, not by way of a cloud's front")
        if _PATH.fullmatch(deployment.evidence_path) is None or ".." in deployment.evidence_path:
            raise invalid("evidence_path", "a plain path like /.well-known/attestation")
    check_pins(deployment)


def check_pins(deployment: Deployment) -> None:
    """Refuse pins that are none, or that nothing could be held against. Raises NotAllowed."""
    if len(deployment.pins) > _MOST_PINS or any(_PIN.fullmatch(each) is None for each in deployment.pins):
        raise invalid("list of pins", f"up to {_MOST_PINS}, each `sha256/` and the base64 of a key's SHA-256")
    if (deployment.pins or deployment.attestation is not None) and not deployment.base_url.startswith("https://"):
        raise invalid("base URL", "https where a key is pinned or attested: plain HTTP shows none")
    if deployment.pins and deployment.token_url is not None:
        raise invalid("list of pins", "empty for a deployment whose tokens are granted elsewhere")


def set_pins(registry: Registry, by: Person, *, deployment: str, pins: frozenset[str]) -> tuple[Change, ...]:
    """Put a deployment's pins anew: the next key beside the one in use, then the old one out. Raises NotAllowed."""
    require(by, Permission.ROUTE_CHANGE)
    found = registry.deployments.get(deployment)
    if found is None:
        raise unknown("deployment", "wardkeep route list")
    record = replace(found, pins=pins)
    check_pins(record)
    return (Change(kind=Kind.DEPLOYMENTS, id=deployment, record=record),)


def _check_measurements(rule: AttestationRule) -> None:
    needed, more = REGISTERS[rule.kind], MORE_REGISTERS[rule.kind]
    if not 1 <= len(rule.measurements) <= _MOST_MEASUREMENTS:
        raise invalid("list of measurements", f"from 1 to {_MOST_MEASUREMENTS}")
    for entry in rule.measurements:
        if not needed <= entry.keys() <= needed | more:
            raise invalid("measurement", f"of {', '.join(sorted(needed))}, and if wanted {', '.join(sorted(more))}")
        if any(_HEX.fullmatch(value) is None for value in entry.values()):
            raise invalid("measurement", "each register in lower-case hex, as long as it is measured")
        if not all(entry[name].strip("0") for name in needed - {"RTMR0", "RTMR1", "RTMR2"}):
            raise invalid("measurement", "of something: all zeros is what a debug enclave shows")


def _check_floor(rule: AttestationRule) -> None:
    parts = TCB_PARTS[rule.kind]
    if not rule.tcb_floor.keys() <= parts or not all(0 <= least <= _HIGHEST for least in rule.tcb_floor.values()):
        known = ", ".join(sorted(parts)) or "nothing for this kind"
        raise invalid("version floor", f"of {known}, each from 0 to {_HIGHEST}")
    if rule.kind is AttestationKind.SNP and not rule.tcb_floor.keys() >= TCB_NEEDED:
        raise invalid("version floor", f"stated for each of {', '.join(sorted(TCB_NEEDED))}")
    if rule.allows_milan and rule.kind is not AttestationKind.SNP:
        raise invalid("allows_milan", "left out for this kind of evidence")


def _note(rule: AttestationRule, *more: str | None) -> str | None:
    """Return what the ledger shows of a rule that proves less than others, beside other notes."""
    is_strange = any(name_of_root(each).startswith("sha256:") for each in rule.anchors)
    notes = (MILAN_NOTE if rule.allows_milan else None, UNKNOWN_ROOT_NOTE if is_strange else None, *more)
    return " ".join(each for each in notes if each is not None) or None


def _rule(registry: Registry, rule: str) -> AttestationRule:
    found = registry.attestations.get(rule)
    if found is None:
        raise unknown("allow-list", _LIST)
    return found


def _settled() -> NotAllowed:
    return NotAllowed(
        "wrong_status",
        what="The allow-list is already activated or withdrawn.",
        why="Each step is taken once; new measurements are a new record.",
        fix=f"`{_LIST}` shows where each stands; record a new one with `wardkeep route attestation add`.",
        status=409,
    )
