"""The register of destinations: every place that data goes to, whose it is, where, and under which agreement.

45 CFR 164.308(b), 164.314(a); DESIGN 6. Made from what is configured (settings, deployments, sinks, identity
providers), completed by officers, who also state places that the product does not know. A place that the product can
close is closed where it is used: a deployment at each call, a sink at each delivery. For the others, those that hold
PHI and have no agreement keep the instance from starting. Pure.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Final
from urllib.parse import urlsplit

import msgspec

from wardkeep.compliance.covering import not_covered, not_in_force
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.sinks import active_sinks, uncovered
from wardkeep.compliance.terms import clean_id, clean_region, clean_text, invalid, require, taken, unknown
from wardkeep.model.destination import (
    PLACE_ENDPOINT,
    PLACE_PLATFORM,
    Carries,
    Destination,
    DestinationKind,
    Gate,
    Place,
    Standing,
)
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

UNCOVERED: Final = "destination_uncovered"
_LIST: Final = "wardkeep destination list"
_WHY: Final = "Whoever holds PHI for you is a business associate, sealed or not (45 CFR 164.308(b), 164.314(a))."


def standings(registry: Registry, places: Iterable[Place], today: date) -> tuple[Standing, ...]:
    """Return every destination there is, and what stands against it today."""
    stated = {name: each for name, each in sorted(registry.destinations.items()) if each.withdrawn_by is None}
    rows = [_of_place(registry, place, stated.pop(place.id, None), today) for place in places]
    rows += [_of_statement(registry, each, today) for each in stated.values()]
    return (*rows, *_of_records(registry, today))


def closing(rows: Iterable[Standing]) -> tuple[Standing, ...]:
    """Return the rows that keep an instance from starting."""
    return tuple(row for row in rows if row.gate is Gate.START and row.refused is not None)


def require_covered(rows: Iterable[Standing]) -> None:
    """Return when every place that holds PHI is covered. Raises NotAllowed, naming each that is not."""
    found = closing(rows)
    if found:
        named = "; ".join(f"{row.id} ({row.kind.value}, {row.where}): {row.refused}" for row in found)
        raise NotAllowed(UNCOVERED, what=f"It does not start: {named}.", why=_WHY, fix=how_to_mend(found[0]))


def how_to_mend(row: Standing) -> str:
    """Return what opens a place, in words for whoever is refused."""
    away = "take it out of wardkeep.toml" if row.made_from == "settings" else "withdraw it"
    return (
        f"Have two people record and activate an agreement with its party, a scope of which names platform "
        f"{PLACE_PLATFORM}, endpoint {PLACE_ENDPOINT}{row.id} and its region (`wardkeep baa`), state it with "
        f"`wardkeep destination state`, or {away}. `wardkeep serve --setup` starts without taking calls for that."
    )


def state_destination(
    registry: Registry, by: Person, *, destination: Destination, places: Iterable[Place], today: date
) -> tuple[Change, ...]:
    """Say whose a place is, where, and under which agreement; what the settings know of it is not said anew.

    Raises:
        NotAllowed: no permission, it is stated already, a value is impossible, or nothing covers it.
    """
    require(by, Permission.SINK_CHANGE)
    clean_id(destination.id, "destination id")
    old = registry.destinations.get(destination.id)
    if old is not None and old.withdrawn_by is None:
        raise taken("statement about this destination", "Withdraw it first; the ledger keeps both.")
    place = next((each for each in places if each.id == destination.id), None)
    known = destination if place is None else replace(
        destination, kind=place.kind, where=place.where, carries=place.carries
    )  # fmt: skip
    record = replace(
        known,
        where=clean_text(known.where, "place"),
        party=clean_text(known.party, "legal name"),
        region=clean_region(known.region, "region"),
        added_by=by.id,
        withdrawn_by=None,
    )
    if place is None and record.kind in {DestinationKind.SINK, DestinationKind.VENDOR}:
        raise invalid("kind", "another one: sinks and deployments are recorded as such and appear by themselves")
    because = _uncovered(registry, record, is_here=place is not None and place.is_here, today=today)
    if because is not None:
        raise NotAllowed(
            UNCOVERED,
            what=f"This destination may not have PHI: {because}.",
            why=_WHY,
            fix=f"Have two people record and activate an agreement with its party; a scope of it names platform "
            f"{PLACE_PLATFORM}, endpoint {record.endpoint} and this region (`wardkeep baa`).",
        )
    return (Change(kind=Kind.DESTINATIONS, id=record.id, record=record),)


def withdraw_destination(registry: Registry, by: Person, *, destination: str) -> tuple[Change, ...]:
    """Take a statement back. A place that the settings name is then unstated. Raises NotAllowed."""
    require(by, Permission.SINK_CHANGE)
    found = registry.destinations.get(destination)
    if found is None or found.withdrawn_by is not None:
        raise unknown("destination that somebody stated", _LIST)
    return (Change(kind=Kind.DESTINATIONS, id=found.id, record=replace(found, withdrawn_by=by.id)),)


def standing_view(row: Standing) -> dict[str, object]:
    """Return a row as it is shown."""
    shown: dict[str, object] = msgspec.to_builtins(row)
    return {**shown, "is_phi": row.carries.is_phi, "to_mend": None if row.refused is None else _mend(row)}


def _mend(row: Standing) -> str:
    if row.gate is Gate.START:
        return how_to_mend(row)
    return "Its use is closed until an agreement that covers it is in force (`wardkeep baa`)."


def _uncovered(registry: Registry, record: Destination, *, is_here: bool, today: date) -> str | None:
    if record.agreement is None:
        # A disk of this machine may be the organisation's own; anybody else's word for that is not enough.
        return None if is_here or not record.carries.is_phi else "no agreement is named"
    return not_covered(
        registry,
        record.agreement,
        party=record.party,
        region=record.region,
        platform=PLACE_PLATFORM,
        endpoint=record.endpoint,
        today=today,
    )


def _of_place(registry: Registry, place: Place, said: Destination | None, today: date) -> Standing:
    gate = Gate.START if place.carries.is_phi else Gate.NOT_NEEDED
    row = Standing(
        id=place.id,
        kind=place.kind,
        where=place.where,
        carries=place.carries,
        made_from="settings",
        gate=gate,
        region=place.region,
        agreement=place.agreement,
    )
    if said is not None:
        because = _uncovered(registry, said, is_here=place.is_here, today=today)
        return replace(row, party=said.party, region=said.region, agreement=said.agreement, refused=because)
    if not place.carries.is_phi:
        return row
    if place.agreement is not None:
        agreement = registry.agreements.get(place.agreement)
        party = None if agreement is None else agreement.party
        return replace(row, party=party, refused=not_in_force(registry, place.agreement, today))
    if place.is_here:
        return replace(row, note="taken for the organisation's own: nobody has stated whose machine this is")
    return replace(row, refused="nobody stated whose it is and under which agreement")


def _of_statement(registry: Registry, said: Destination, today: date) -> Standing:
    return Standing(
        id=said.id,
        kind=said.kind,
        where=said.where,
        carries=said.carries,
        made_from="officer",
        gate=Gate.START if said.carries.is_phi else Gate.STATED,
        party=said.party,
        region=said.region,
        agreement=said.agreement,
        refused=_uncovered(registry, said, is_here=False, today=today),
    )


def _of_records(registry: Registry, today: date) -> Iterable[Standing]:
    for name, each in sorted(registry.deployments.items()):
        vendor = registry.vendors.get(each.vendor)
        held = sorted(
            agreement.id
            for agreement in registry.agreements.values()
            if agreement.vendor == each.vendor and not_in_force(registry, agreement.id, today) is None
        )
        yield Standing(
            id=f"vendor.{name}",
            kind=DestinationKind.VENDOR,
            where=urlsplit(each.base_url).hostname or "",
            carries=Carries.CONTENT,
            made_from="record",
            gate=Gate.EACH_CALL,
            party=None if vendor is None else vendor.party,
            region=each.region,
            agreement=", ".join(held) or None,
            refused=None if held else "no agreement with its vendor is in force",
        )
    for sink in active_sinks(registry):
        yield Standing(
            id=f"sink.{sink.id}",
            kind=DestinationKind.SINK,
            where=sink.host,
            carries=Carries.HEADERS,
            made_from="record",
            gate=Gate.EACH_DELIVERY,
            party=sink.party,
            region=sink.region,
            agreement=sink.agreement,
            refused=uncovered(registry, sink, today),
        )
    for name, provider in sorted(registry.identity_providers.items()):
        if provider.is_active:
            yield Standing(
                id=f"identity.{name}",
                kind=DestinationKind.IDENTITY_PROVIDER,
                where=urlsplit(provider.issuer).hostname or provider.issuer,
                carries=Carries.WORKFORCE,
                made_from="record",
                gate=Gate.NOT_NEEDED,
            )
