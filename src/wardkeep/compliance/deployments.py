"""Deployments, routes and vendor credentials: the only source of upstream addresses.

A base URL decides where PHI goes, so it is held to a narrow grammar: https, no userinfo, query or fragment, never a
cloud metadata address (server-side request forgery: a gateway that fetches 169.254.169.254 hands out its host's
credentials). Plain HTTP only to loopback, or where a recorded statement says that the network is the organisation's.
Names are not resolved here; `transport` refuses addresses when it connects.

A vendor credential is sealed before it becomes a record; whoever opens it acts as the organisation at the vendor.
"""

import ipaddress
import re
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

import msgspec

from wardkeep.compliance.attestations import check_attested
from wardkeep.compliance.errors import NotAllowed, RecordUnreadable
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import clean_id, clean_model, clean_region, invalid, require, taken, unknown
from wardkeep.compliance.vendors import is_own_boundary
from wardkeep.crypto.envelope import EpochKeys, Sealed, open_, seal
from wardkeep.crypto.mac import sha256
from wardkeep.model.dialects import DIALECTS
from wardkeep.model.registry import Deployment, Person, Registry, Route
from wardkeep.model.sensitive import Secret
from wardkeep.policy.roles import Permission
from wardkeep.privacy.errors import PolicyInvalid
from wardkeep.privacy.policies.policy import interactive

_HOST: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?:\.(?!-)[a-z0-9-]{1,63})*")
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?")
_NUMERIC_LABEL: Final = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")
# Instance metadata of the large clouds. Link-local as a whole is refused by range.
_METADATA_NAMES: Final = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"}
)
_METADATA_ADDRESSES: Final = frozenset({"100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"})
_MOST_ATTEMPTS: Final = 5
_LONGEST_SECONDS: Final = 900
_LARGEST_WEIGHT: Final = 100
_NETWORK_RULE: Final = "an address of a model server"


def add_deployment(
    registry: Registry, by: Person, *, deployment: Deployment, sealed_credential: bytes | None = None
) -> tuple[Change, ...]:
    """Record where a model runs, with its credential if it needs one.

    Raises:
        NotAllowed: no permission, the vendor is unknown, the address is not allowed, or the credential is missing.
    """
    require(by, Permission.ROUTE_CHANGE)
    if clean_id(deployment.id, "deployment id") in registry.deployments:
        raise taken("deployment", "Choose another id; routes can then be moved to it.")
    if deployment.vendor not in registry.vendors:
        raise unknown("vendor", "wardkeep route list")
    if deployment.dialect not in DIALECTS:
        raise invalid("dialect", f"one of {', '.join(sorted(DIALECTS))}")
    clean_id(deployment.platform, "platform")
    clean_model(deployment.project, "project")
    clean_model(deployment.model, "model")
    if deployment.region is not None:
        clean_region(deployment.region, "region")
    may_be_plain = deployment.allow_plain_http and is_own_boundary(registry, deployment.vendor)
    check_base_url(deployment.base_url, may_be_plain=may_be_plain)
    _check_entrance(deployment, may_be_plain=may_be_plain)
    check_attested(deployment)
    for name, seconds in (("silence_seconds", deployment.silence_seconds), ("total_seconds", deployment.total_seconds)):
        if seconds is not None and not 1 <= seconds <= _LONGEST_SECONDS:
            raise invalid(name, f"from 1 to {_LONGEST_SECONDS}")
    credential = credential_id(deployment.id) if sealed_credential is not None else deployment.credential
    changes = [Change(kind=Kind.DEPLOYMENTS, id=deployment.id, record=replace(deployment, credential=credential))]
    if sealed_credential is not None:
        changes.append(Change(kind=Kind.SECRETS, id=credential_id(deployment.id), record=sealed_credential))
    elif credential is not None and credential not in registry.secrets:
        raise unknown("vendor credential", "wardkeep route list")
    return tuple(changes)


def _check_entrance(deployment: Deployment, *, may_be_plain: bool) -> None:
    """Refuse a protocol without what it needs: the region that is signed, the endpoint that grants tokens."""
    wanted = DIALECTS[deployment.dialect]
    if wanted.needs_source_region != (deployment.source_region is not None):
        raise invalid("source_region", "the region the call enters by, for Bedrock and only there")
    if deployment.source_region is not None:
        clean_region(deployment.source_region, "source_region")
        host = urlsplit(deployment.base_url).hostname or ""
        if host.endswith(".amazonaws.com") and f".{deployment.source_region}." not in host:
            raise invalid("source_region", "the one in the base URL's host")
    if wanted.needs_token != (deployment.token_url is not None):
        raise invalid("token_url", "where tokens are granted, for Vertex and only there")
    if deployment.token_url is not None:
        check_base_url(deployment.token_url, may_be_plain=may_be_plain)


def replace_credential(
    registry: Registry, by: Person, *, deployment: str, sealed_credential: bytes
) -> tuple[Change, ...]:
    """Put a new vendor credential in place of the old one, which is forgotten. Raises NotAllowed."""
    require(by, Permission.ROUTE_CHANGE)
    found = registry.deployments.get(deployment)
    if found is None:
        raise unknown("deployment", "wardkeep route list")
    identifier = credential_id(deployment)
    return (
        Change(kind=Kind.DEPLOYMENTS, id=deployment, record=replace(found, credential=identifier)),
        Change(kind=Kind.SECRETS, id=identifier, record=sealed_credential),
    )


def add_route(registry: Registry, by: Person, *, route: Route) -> tuple[Change, ...]:
    """Give clients a model name for a deployment. Raises NotAllowed."""
    require(by, Permission.ROUTE_CHANGE)
    if clean_model(route.model, "model name") in registry.routes:
        raise taken("route", "Remove it first (`wardkeep route remove`), or choose another model name.")
    if not {route.deployment, *route.fallbacks} <= registry.deployments.keys():
        raise unknown("deployment", "wardkeep route list")
    if len({route.deployment, *route.fallbacks}) != 1 + len(route.fallbacks):
        raise invalid("list of fallbacks", "of different deployments")
    _check_attempts(route)
    try:
        interactive(route.policy, route.actions)
    except PolicyInvalid as error:
        raise NotAllowed(
            "policy_invalid",
            what=f"The route's privacy policy cannot be used: {error}.",
            why="A class without a known action would go out by accident.",
            fix="`wardkeep deid policies` shows classes and actions; routes take the interactive policies.",
            status=400,
        ) from None
    return (Change(kind=Kind.ROUTES, id=route.model, record=route),)


def _check_attempts(route: Route) -> None:
    """Refuse a budget that is none, and weights of deployments that the route does not have."""
    if not 1 <= route.attempts <= _MOST_ATTEMPTS:
        raise invalid("attempts", f"from 1 to {_MOST_ATTEMPTS}")
    if not 1 <= route.attempt_seconds <= _LONGEST_SECONDS:
        raise invalid("attempt_seconds", f"from 1 to {_LONGEST_SECONDS}")
    if not route.weights.keys() <= {route.deployment, *route.fallbacks}:
        raise invalid("weights", "by the route's own deployments")
    if not all(1 <= weight <= _LARGEST_WEIGHT for weight in route.weights.values()):
        raise invalid("weights", f"from 1 to {_LARGEST_WEIGHT}")


def remove_route(registry: Registry, by: Person, *, model: str) -> tuple[Change, ...]:
    """Take a model name away: calls that name it are refused from the next one on. Raises NotAllowed."""
    require(by, Permission.ROUTE_CHANGE)
    if model not in registry.routes:
        raise unknown("route", "wardkeep route list")
    return (Change(kind=Kind.ROUTES, id=model, record=None),)


def check_base_url(url: str, *, may_be_plain: bool) -> None:
    """Return when PHI may be sent to this address.

    Raises:
        NotAllowed: the URL is ambiguous, not encrypted where it must be, or points at a metadata service.
    """
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url or "%" in url:
        raise invalid("base URL", "plain ASCII without spaces, backslashes or percent signs")
    if "?" in url or "#" in url or "@" in url:
        raise invalid("base URL", "without user, query or fragment; credentials go in with --credential-file")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise invalid("base URL", "like https://api.vendor.example/v1") from None
    host = parts.hostname
    if parts.scheme not in {"https", "http"} or not host or port == 0:
        raise invalid("base URL", "like https://api.vendor.example/v1")
    if _PATH.fullmatch(parts.path) is None or any(step in {".", ".."} for step in parts.path.split("/")):
        raise invalid("base URL", "with a plain path: letters, digits and -._~ between slashes")
    is_loopback = _check_host(host)
    if parts.scheme == "http" and not is_loopback and not may_be_plain:
        raise NotAllowed(
            "plain_http",
            what="The base URL is not encrypted.",
            why="PHI is encrypted in transit (45 CFR 164.312(e)(1)); plain HTTP is for loopback, or inside the "
            "organisation's own boundary when a statement on record says so.",
            fix="Use https, or record an own_boundary agreement for this vendor and set allow_plain_http.",
        )


def _check_host(host: str) -> bool:
    """Return whether the host is loopback. Numeric hosts must be canonical: `2852039166` is 169.254.169.254 to some."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if _HOST.fullmatch(host) is None or _NUMERIC_LABEL.fullmatch(host.rsplit(".", maxsplit=1)[-1]):
            raise invalid("base URL", "with a host name, or an IP address in its usual form") from None
        if host in _METADATA_NAMES:
            raise _metadata() from None
        return host == "localhost" or host.endswith(".localhost")
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None or address in ipaddress.ip_network("64:ff9b::/96"):
            raise invalid("base URL", "with an IPv4 address in its usual form")
    if address.is_link_local or str(address) in _METADATA_ADDRESSES:
        raise _metadata()
    if address.is_unspecified or address.is_multicast or (address.is_reserved and not address.is_loopback):
        raise invalid("base URL", _NETWORK_RULE)
    return address.is_loopback


def _metadata() -> NotAllowed:
    return NotAllowed(
        "metadata_address",
        what="The base URL points at a cloud metadata service.",
        why="A gateway that calls it would hand out its host's credentials.",
        fix="Use the model server's own address.",
    )


_CREDENTIAL_PREFIX: Final = "vendor-credential."
_FOR_INSPECTION: Final = "inspection:"


class _StoredSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ciphertext: bytes
    key_id: str
    commitment: bytes


def credential_id(deployment: str) -> str:
    """Return the name of the secret record of a deployment."""
    return f"{_CREDENTIAL_PREFIX}{deployment}"


def inspection_credential_id(deployment: str) -> str:
    """Return the name of the secret record for asking about a deployment. No deployment's id holds a colon."""
    return credential_id(f"{_FOR_INSPECTION}{deployment}")


def is_for_inspection(identifier: str) -> bool:
    """Whether a secret record is for asking vendors about deployments, which workers never do."""
    return identifier.startswith(f"{_CREDENTIAL_PREFIX}{_FOR_INSPECTION}")


def seal_credential(keys: EpochKeys, *, tenant: str, deployment: str, credential: Secret[str]) -> bytes:
    """Return the record body for a vendor credential.

    Raises:
        NotAllowed: the credential is empty or could break out of a header line (RFC 9110 section 5.5).
    """
    text = credential.reveal().strip()
    if not text or not text.isascii() or not text.isprintable():
        raise invalid("vendor credential", "one line of printable ASCII")
    identifier = credential_id(deployment)
    sealed = seal(
        keys,
        plaintext=text.encode(),
        tenant=tenant,
        table="secrets",
        record_id=sha256(identifier.encode())[:16],
        field="body",
        version=1,
    )
    return msgspec.json.encode(
        _StoredSecret(ciphertext=sealed.ciphertext, key_id=sealed.key_id, commitment=sealed.commitment)
    )


def seal_inspection_credential(keys: EpochKeys, *, tenant: str, deployment: str, credential: Secret[str]) -> bytes:
    """Return the record body for what a vendor is asked with about a deployment. Raises as `seal_credential`."""
    return seal_credential(keys, tenant=tenant, deployment=f"{_FOR_INSPECTION}{deployment}", credential=credential)


def reseal_credential(old: EpochKeys, new: EpochKeys, *, tenant: str, identifier: str, body: bytes) -> bytes:
    """Return the record body of a vendor credential under another epoch. Raises as `open_credential`."""
    credential = open_credential(old, tenant=tenant, identifier=identifier, body=body)
    return seal_credential(
        new, tenant=tenant, deployment=identifier.removeprefix(_CREDENTIAL_PREFIX), credential=credential
    )


def open_credential(keys: EpochKeys, *, tenant: str, identifier: str, body: bytes) -> Secret[str]:
    """Return the vendor credential held in a secret record.

    Raises:
        RecordUnreadable: the record is damaged.
        UnknownKey, RecordTampered: as `crypto.envelope.open_`.
    """
    try:
        stored = msgspec.json.decode(body, type=_StoredSecret)
    except msgspec.DecodeError:
        raise RecordUnreadable("a stored vendor credential cannot be read") from None
    plaintext = open_(
        keys,
        sealed=Sealed(ciphertext=stored.ciphertext, key_id=stored.key_id, commitment=stored.commitment),
        tenant=tenant,
        table="secrets",
        record_id=sha256(identifier.encode())[:16],
        field="body",
        version=1,
    )
    return Secret(plaintext.decode("ascii"))
