"""What stands around every page of a signed-in person: navigation by role, and which actions are open to them now.

A link is shown only to whom the page behind it is permitted (45 CFR 164.308(a)(4)); that it is not shown protects
nothing, the page asks again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from wardkeep.identity.sessions import STEP_UP_SECONDS
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.registry import Person
from wardkeep.policy.data_roles import DATA_ROLES
from wardkeep.policy.roles import Permission, permit
from wardkeep.storage.sessions_sqlite import SessionRow
from wardkeep.web.page import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One entry of the navigation. Without a permission it is for everybody who is signed in."""

    path: str
    label: str
    group: str
    permission: Permission | None = None


PLACES: Final = (
    Place(path="/today", label="Today", group="Work", permission=Permission.LEDGER_READ),
    Place(path="/assistant", label="Assistant", group="Work", permission=Permission.OWN_ACCOUNT),
    Place(path="/approvals", label="Approvals", group="Work", permission=Permission.AGREEMENT_ACTIVATE),
    Place(path="/incidents", label="Incidents", group="Work", permission=Permission.LEDGER_READ),
    Place(path="/report", label="Report an incident", group="Work", permission=Permission.OWN_ACCOUNT),
    Place(path="/break-glass", label="Break the glass", group="Work", permission=Permission.OWN_ACCOUNT),
    Place(path="/ledger", label="Ledger", group="Record", permission=Permission.LEDGER_READ),
    Place(path="/individual", label="One individual", group="Record", permission=Permission.LEDGER_READ),
    Place(path="/controls", label="Controls", group="Record", permission=Permission.LEDGER_READ),
    Place(path="/evidence", label="Auditor's room", group="Record", permission=Permission.LEDGER_READ),
    Place(path="/risks", label="Risks", group="Programme", permission=Permission.REGISTRY_READ),
    Place(path="/assets", label="Assets", group="Programme", permission=Permission.REGISTRY_READ),
    Place(path="/uses", label="Uses of AI", group="Programme", permission=Permission.REGISTRY_READ),
    Place(path="/rights", label="Requests of individuals", group="Programme", permission=Permission.LEDGER_READ),
    Place(path="/reviews", label="Access reviews", group="Programme", permission=Permission.REGISTRY_READ),
    Place(path="/activity", label="Activity review", group="Programme", permission=Permission.LEDGER_READ),
    Place(path="/assessments", label="Assessments", group="Programme", permission=Permission.REGISTRY_READ),
    Place(path="/findings", label="Findings", group="Programme", permission=Permission.REGISTRY_READ),
    Place(path="/checklists", label="Joiners and leavers", group="Programme", permission=Permission.REGISTRY_READ),
    Place(path="/registers", label="All registers", group="Programme", permission=Permission.REGISTRY_READ),
    Place(path="/setup", label="Set-up guide", group="Set-up", permission=Permission.VENDOR_CHANGE),
    Place(path="/vendors", label="Vendors and BAAs", group="Set-up", permission=Permission.REGISTRY_READ),
    Place(path="/routes", label="Routes", group="Set-up", permission=Permission.REGISTRY_READ),
    Place(path="/keys", label="Applications and keys", group="Set-up", permission=Permission.REGISTRY_READ),
    Place(path="/people", label="People", group="Set-up", permission=Permission.REGISTRY_READ),
    Place(path="/refusals", label="Refusals", group="Operation", permission=Permission.REGISTRY_READ),
    Place(path="/host", label="This instance", group="Operation", permission=Permission.REGISTRY_READ),
    Place(path="/policies", label="Policies", group="You", permission=Permission.OWN_ACCOUNT),
    Place(path="/training", label="Training", group="You", permission=Permission.OWN_ACCOUNT),
    Place(path="/my-reviews", label="For you to review", group="You", permission=Permission.OWN_ACCOUNT),
    Place(path="/denials", label="Denials to review", group="You", permission=Permission.OWN_ACCOUNT),
    Place(path="/account", label="Your account", group="You"),
)


def home_of(person: Person) -> str:
    """Return the page on which a person begins."""
    if permit(person, Permission.LEDGER_READ) is None:
        return "/today"
    if any(role in DATA_ROLES for role in person.roles):
        return "/assistant"
    return "/routes" if permit(person, Permission.REGISTRY_READ) is None else "/account"


def who(visit: Visit) -> tuple[Person, SessionRow]:
    """Return the person and session that the router has found. Raises RefusalError when a page forgot to ask."""
    if visit.person is None or visit.session is None:
        raise RefusalError(Refused(reason=Reason.CREDENTIAL_MISSING))
    return visit.person, visit.session


def may(visit: Visit, permission: Permission) -> bool:
    """Whether the person of this visit holds a permission."""
    return visit.person is not None and permit(visit.person, permission) is None


def is_fresh(visit: Visit, session: SessionRow) -> bool:
    """Whether the second factor was shown a short time ago: what is dangerous asks for it."""
    return visit.now_us - session.factor_us <= STEP_UP_SECONDS * 1_000_000


def stepped_up(visit: Visit) -> Person:
    """Return the person when their second factor is fresh: what follows is dangerous. Raises RefusalError."""
    person, session = who(visit)
    if not is_fresh(visit, session):
        raise RefusalError(Refused(reason=Reason.MFA_STALE))
    return person


def zone_of(visit: Visit) -> str:
    """Return the organisation's zone."""
    organisation = visit.registry.organisation
    return "UTC" if organisation is None else organisation.zone


def shell_of(visit: Visit) -> dict[str, object] | None:
    """Return what the frame of the page shows, or None for somebody who is not signed in."""
    person, session = visit.person, visit.session
    if person is None or session is None:
        return None
    groups: dict[str, list[dict[str, object]]] = {}
    for place in PLACES:
        if place.permission is None or permit(person, place.permission) is None:
            is_here = visit.path == place.path or visit.path.startswith(place.path + "/")
            item: dict[str, object] = {"path": place.path, "label": place.label, "is_here": is_here}
            groups.setdefault(place.group, []).append(item)
    organisation = visit.registry.organisation
    return {
        "person": person.id,
        "home": home_of(person),
        "organisation": "" if organisation is None else organisation.name,
        "groups": groups,
        "is_fresh": is_fresh(visit, session),
        "here": here_of(visit),
        "done": _done(visit),
    }


def here_of(visit: Visit, **changes: str) -> str:
    """Return this page's own address, with some parts of its query changed."""
    query = {**visit.query, **changes}
    query.pop("done", None)
    kept = {name: value for name, value in query.items() if value}
    return visit.path + (f"?{urlencode(kept)}" if kept else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a long list, and where the rest of it is: a page stays small however many there are."""

    rows: Sequence[Any]
    first: int
    count: int
    newer: str | None
    older: str | None


def part_of(visit: Visit, rows: Sequence[Any], most: int, *, name: str = "from") -> Part:
    """Return the part of a list that the address asks for; `name` tells the lists of one page apart."""
    text = visit.query.get(name, "")
    first = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    first = min(first, max(0, len(rows) - 1)) // most * most
    return Part(
        rows=rows[first : first + most],
        first=first,
        count=len(rows),
        newer=here_of(visit, **{name: str(max(0, first - most))}) if first else None,
        older=here_of(visit, **{name: str(first + most)}) if first + most < len(rows) else None,
    )


def local(at: str | datetime, zone: str) -> dict[str, str]:
    """Return a time as a page shows it: where the organisation is, with the exact UTC beside it."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    if moment.utcoffset() is None:
        moment = datetime.combine(moment.date(), moment.time(), UTC)
    utc = moment.astimezone(UTC)
    there = moment.astimezone(ZoneInfo(zone))
    return {
        "shown": f"{there:%Y-%m-%d %H:%M:%S} {there.tzname()}",
        "utc": f"{utc:%Y-%m-%d %H:%M:%S} UTC",
        "iso": f"{utc:%Y-%m-%dT%H:%M:%SZ}",
    }


def own_path(wanted: str | None, paths: frozenset[str]) -> str | None:
    """Return an address when it is one of our own pages: nothing else is gone on to (no open redirect)."""
    if wanted is None or not wanted.isascii() or not wanted.isprintable() or set(wanted) & set("\\\"'<> "):
        return None
    parts = urlsplit(wanted)
    if parts.scheme or parts.netloc or parts.fragment or not parts.path.startswith("/"):
        return None
    steps = parts.path.split("/")
    for path in paths:
        pattern = path.split("/")
        if len(pattern) == len(steps) and all(a in {"{}", b} for a, b in zip(pattern, steps, strict=True)):
            return wanted
    return None


def _done(visit: Visit) -> int | None:
    """Return the entry that the last step was recorded as; only a number is ever shown."""
    text = visit.query.get("done", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
