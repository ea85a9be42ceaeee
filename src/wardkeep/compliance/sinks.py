"""Destinations of the record: each needs an agreement that two people opened to it (45 CFR 164.308(b), DESIGN 6).

One officer adds a destination, but only one that an agreement names: it is with the party that receives, one of its
scopes names the host and the region, and another person than its recorder activated it. Pure, as `vendors`. An
agreement that ends, or is suspended, closes the way to its sinks from the next delivery on.
"""

import re
from dataclasses import replace
from datetime import date
from typing import Final

from wardkeep.compliance.covering import not_covered
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import clean_id, clean_region, clean_text, invalid, require, taken, unknown
from wardkeep.model.registry import Person, Registry
from wardkeep.model.sink import SINK_PLATFORM, Sink
from wardkeep.policy.roles import Permission

MOST_SINKS: Final = 16
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?")
_FILE: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,199})?")
_LARGEST_PORT: Final = 65_535


def add_sink(registry: Registry, by: Person, *, sink: Sink, size: int, today: date) -> tuple[Change, ...]:
    """Record a destination; `size` is the ledger's.

    Raises:
        NotAllowed: no permission, the id is taken, an impossible address, or nothing covers it.
    """
    require(by, Permission.SINK_CHANGE)
    if clean_id(sink.id, "sink id") in registry.sinks:
        raise taken("sink", "Choose another id: what was sent to a removed one stays with its name.")
    if len(active_sinks(registry)) >= MOST_SINKS:
        raise invalid("number of sinks", f"at most {MOST_SINKS}")
    if _HOST.fullmatch(sink.host) is None or not 0 < sink.port <= _LARGEST_PORT:
        raise invalid("address", "a host name in lower case and a port")
    if sink.authority and (_FILE.fullmatch(sink.authority) is None or ".." in sink.authority):
        raise invalid("authority", "a PEM file below the home directory")
    if not 0 <= sink.start <= size:
        raise invalid("first entry", f"0 to the ledger's size, {size}")
    record = replace(
        sink,
        region=clean_region(sink.region, "region"),
        party=clean_text(sink.party, "legal name"),
        added_by=by.id,
        removed_by=None,
    )
    because = uncovered(registry, record, today)
    if because is not None:
        raise NotAllowed(
            "sink_uncovered",
            what=f"This destination may not have the record: {because}.",
            why="Headers count as PHI, and whoever gets them is a business associate (45 CFR 164.308(b)).",
            fix=f"Have two people record and activate an agreement with its party; a scope of it names platform "
            f"{SINK_PLATFORM}, endpoint {record.endpoint} and this region (`wardkeep baa`).",
        )
    return (Change(kind=Kind.SINKS, id=record.id, record=record),)


def remove_sink(registry: Registry, by: Person, *, sink: str) -> tuple[Change, ...]:
    """Send nothing more there, from the next delivery on. Raises NotAllowed."""
    require(by, Permission.SINK_CHANGE)
    found = registry.sinks.get(sink)
    if found is None or found.removed_by is not None:
        raise unknown("sink in use", "wardkeep sink list")
    return (Change(kind=Kind.SINKS, id=found.id, record=replace(found, removed_by=by.id)),)


def active_sinks(registry: Registry) -> tuple[Sink, ...]:
    """Return the sinks that are not removed."""
    return tuple(each for _, each in sorted(registry.sinks.items()) if each.removed_by is None)


def uncovered(registry: Registry, sink: Sink, today: date) -> str | None:
    """Return why nothing may be sent there today, or None when an agreement covers it."""
    return not_covered(
        registry,
        sink.agreement,
        party=sink.party,
        region=sink.region,
        platform=SINK_PLATFORM,
        endpoint=sink.endpoint,
        today=today,
    )
