"""Facilities, systems, devices and media (45 CFR 164.310): a register that people attest.

Pure, as `policies`. An attestation ends; what is disposed of names its certificate by hash. What people write about
maintenance, visitors and movements is sealed. The network map is made from the live configuration alone.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Final
from urllib.parse import urlsplit

import msgspec

from wardkeep.compliance.destinations import standings
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.terms import clean_id, invalid, require, taken, unknown
from wardkeep.model.destination import DestinationKind, Place
from wardkeep.model.registers import Asset, AssetEvent, AssetKind, Happened
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

LONGEST: Final = timedelta(days=366)
MOST_EVENTS: Final = 1000
_LIST: Final = "wardkeep asset list"
_HASH_LENGTH: Final = 64


def add_asset(
    registry: Registry, by: Person, *, asset: str, kind: AssetKind, owner: str, holds_phi: bool, is_encrypted: bool,
    place: str | None,
) -> tuple[Change, ...]:  # fmt: skip
    """Put something into the register; `place` is a facility of it. Raises NotAllowed."""
    require(by, Permission.CONTROL_DECIDE)
    if clean_id(asset, "asset id") in registry.assets:
        raise taken("asset", "Use another id; what was disposed of keeps its row.")
    if (person := registry.people.get(owner)) is None or not person.is_active:
        raise unknown("active person to own it", "wardkeep user list")
    where = None if place is None else registry.assets.get(place)
    if place is not None and (where is None or where.kind is not AssetKind.FACILITY):
        raise unknown("facility", _LIST)
    if place is None and kind is not AssetKind.FACILITY:
        raise invalid("place", "a facility of the register")
    record = Asset(id=asset, kind=kind, owner=owner, holds_phi=holds_phi, is_encrypted=is_encrypted, place=place)
    return (Change(kind=Kind.ASSETS, id=asset, record=record),)


def attest_asset(registry: Registry, by: Person, *, asset: str, until: date, today: date) -> tuple[Change, ...]:
    """Say that its safeguards were looked at and stand; counts through `until`, a year away at the most."""
    require(by, Permission.CONTROL_DECIDE)
    found = _in_use(registry, asset)
    if not today <= until <= today + LONGEST:
        raise invalid("last day", "from today to a year from today")
    record = replace(found, attested_by=by.id, attested_on=today, attested_until=until)
    return (Change(kind=Kind.ASSETS, id=asset, record=record),)


def note_event(
    registry: Registry, by: Person, *, asset: str, what: AssetEvent, on: date, today: date
) -> tuple[Change, ...]:
    """Record maintenance, visitors, a movement or a wipe; the words are the reason, sealed. Raises NotAllowed."""
    require(by, Permission.CONTROL_DECIDE)
    found = _in_use(registry, asset)
    if on > today or len(found.events) >= MOST_EVENTS:
        raise invalid("event", f"of today or earlier, and at the most {MOST_EVENTS} for an asset")
    event = Happened(what=what, on=on, by=by.id, words=SEE_THIS_ENTRY)
    return (Change(kind=Kind.ASSETS, id=asset, record=replace(found, events=(*found.events, event))),)


def dispose_asset(
    registry: Registry, by: Person, *, asset: str, certificate_sha256: str | None, today: date
) -> tuple[Change, ...]:
    """Take something out of use; what held PHI names the certificate of its destruction.

    Raises:
        NotAllowed: no permission, no such asset in use, things are still in it, or no certificate.
    """
    require(by, Permission.CONTROL_DECIDE)
    found = _in_use(registry, asset)
    if any(each.place == asset and each.disposed_on is None for each in registry.assets.values()):
        raise NotAllowed(
            "wrong_status",
            what="There are assets in this place.",
            why="What is in a place that is given up would be nowhere.",
            fix="Dispose of them first, or put them into another place.",
            status=409,
        )
    is_hash = certificate_sha256 is None or (
        len(certificate_sha256) == _HASH_LENGTH and set(certificate_sha256) <= set("0123456789abcdef")
    )
    if not is_hash or (found.holds_phi and found.kind is not AssetKind.FACILITY and certificate_sha256 is None):
        raise invalid("certificate of disposal", "the sha256 of the document, 64 hexadecimal digits")
    record = replace(found, disposed_on=today, disposed_by=by.id, certificate_sha256=certificate_sha256)
    return (Change(kind=Kind.ASSETS, id=asset, record=record),)


def asset_view(asset: Asset, today: date) -> dict[str, object]:
    """Return an asset as it is shown."""
    plain: dict[str, object] = msgspec.to_builtins(asset, order="deterministic")
    return {**plain, "is_attested": asset.is_attested(today), "is_in_use": asset.disposed_on is None}


def network_map(registry: Registry, places: Iterable[Place], today: date) -> list[dict[str, object]]:
    """Return where data goes, from the live configuration: each deployment and destination with host and region."""
    served = {
        name: sorted(model for model, route in registry.routes.items() if name in {route.deployment, *route.fallbacks})
        for name in registry.deployments
    }
    edges: list[dict[str, object]] = [
        {
            "from": "gateway",
            "to": each.vendor,
            "deployment": name,
            "host": urlsplit(each.base_url).hostname,
            "region": each.region,
            "is_tls": urlsplit(each.base_url).scheme == "https",
            "routes": served[name],
        }
        for name, each in sorted(registry.deployments.items())
    ]
    # Sinks speak TLS and nothing else; of other places it is not known here.
    others: list[dict[str, object]] = [
        {
            "from": "gateway",
            "to": row.party,
            "deployment": row.id,
            "host": row.where,
            "region": row.region,
            "is_tls": True if row.kind is DestinationKind.SINK else None,
            "routes": [],
        }
        for row in standings(registry, places, today)
        if row.kind is not DestinationKind.VENDOR
    ]
    return edges + others


def _in_use(registry: Registry, asset: str) -> Asset:
    found = registry.assets.get(asset)
    if found is None or found.disposed_on is not None:
        raise unknown("asset in use", _LIST)
    return found
