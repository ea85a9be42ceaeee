"""Today: what an officer looks at first. What needs a decision, where controls stand, what was called and refused.

Every number is computed when the page is asked for and leads to the records behind it; what could not be computed says
so and is never shown as good.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final

from wardkeep.audit.entry import decode
from wardkeep.audit.errors import DraftMalformed, LedgerError
from wardkeep.compliance.incidents import outstanding
from wardkeep.compliance.oversight import to_close_out, unverified
from wardkeep.compliance.reminders import endings
from wardkeep.compliance.two_people import Confirmation, confirmation
from wardkeep.model.access import RequestStatus
from wardkeep.model.reasons import EXPLANATIONS, Reason
from wardkeep.model.registry import AgreementStatus
from wardkeep.policy.roles import Permission
from wardkeep.web.console.asking import read
from wardkeep.web.console.chart import columns, share, spark
from wardkeep.web.console.shell import here_of, local, may, own_path, zone_of
from wardkeep.web.page import Page, PageRoute, Visit

EXPIRY_DAYS: Final = 60
_KEY_DAYS: Final = 14
_MOST_ENDINGS: Final = 12
_ENDING_PLACES: Final = {
    "policy": "/policies",
    "training": "/training",
    "risk": "/risks",
    "asset": "/assets",
    "use": "/uses",
    "decision": "/controls",
    "access_review": "/reviews",
    "finding": "/findings",
    "vendor_evidence": "/registers/vendor-evidence",
    "vendor_notice": "/registers/vendor-notices",
    "close_out": "/registers/close-outs",
    "outside_test": "/assessments",
}
_PERIODS: Final = ("7", "14", "30", "90")
_FAMILIES: Final = {
    "administrative": "Administrative safeguards (164.308)",
    "physical": "Physical safeguards (164.310)",
    "technical": "Technical safeguards (164.312)",
    "organizational": "Organisation and contracts (164.314, 164.504)",
    "documentation": "Policies and documentation (164.306, 164.316)",
    "privacy": "Privacy rule (164.502 to 164.530)",
    "breach": "Breach notification (164.402 to 164.414)",
}
_ALARMS: Final = {
    "canary": "The ledger's canary did not come back: entries may not be written.",
    "gap": "The ledger's newest entries do not follow one another.",
    "unrecorded_call": "More calls went to vendors than the ledger records.",
    "witness": "No quorum of witnesses has signed lately.",
}


async def _today(visit: Visit) -> Page:
    asked = visit.query.get("days", "14")
    days = int(asked) if asked in _PERIODS else 14
    values = {
        "decisions": sorted(_decisions(visit), key=lambda each: (each["rank"], each["days"])),
        "leads": lambda to: own_path(to, visit.app.page_paths) is not None,
        "controls": await _controls(visit),
        "activity": await _activity(visit, days),
        "health": await _health(visit),
        "periods": [{"days": each, "to": here_of(visit, days=each), "is_here": each == str(days)} for each in _PERIODS],
    }
    return Page(template="console/today.html", values=values)


# ---- what needs a decision -------------------------------------------------------------------------------------------


def _decisions(visit: Visit) -> Iterator[dict[str, Any]]:
    """Yield what waits for somebody, with its urgency: 0 is now, 1 is soon, 2 is when there is time."""
    today = visit.app.clock().day_in(zone_of(visit))
    for name in visit.app.vitals().alarms:
        yield _item(0, "Alarm", _ALARMS.get(name, name), "/ledger?type=alarm", "See the alarms")
    yield from _clocks(visit, today)
    yield from _agreements(visit, today)
    yield from _vendors(visit, today)
    yield from _access(visit)
    yield from _keys(visit)
    yield from _broken_glass(visit)
    yield from _budgets(visit)
    yield from _endings(visit, today)


def _clocks(visit: Visit, today: date) -> Iterator[dict[str, Any]]:
    for incident in visit.registry.incidents.values():
        if incident.closed_by is not None:
            continue
        place = f"/incidents/{incident.id}"
        due = sorted(outstanding(incident), key=lambda each: each.due)
        if not due:
            yield _item(1, "Incident", f"{incident.id} is open", place, "Open the incident")
        for each in due[:2]:
            left = each.days_left(today)
            about = f" ({each.about})" if each.about else ""
            words = f"{incident.id}: notice to {each.name.replace('_', ' ')}{about} is due on {each.due.isoformat()}"
            yield _item(0 if left <= 14 else 1, "Breach clock", words, place, "Open the incident", left)


def _agreements(visit: Visit, today: date) -> Iterator[dict[str, Any]]:
    for agreement in visit.registry.agreements.values():
        if agreement.status is AgreementStatus.DRAFT:
            words = f"{agreement.id} with {agreement.party} waits for a second person to activate it"
            yield _item(1, "Agreement", words, "/approvals", "Decide")
        if agreement.status is AgreementStatus.SUSPENDED:
            words = f"{agreement.id} with {agreement.party} is suspended: its calls are refused"
            yield _item(1, "Agreement", words, "/vendors", "See the vendor")
        last = agreement.expires_on
        if agreement.status is AgreementStatus.ACTIVE and last is not None and last <= today + timedelta(EXPIRY_DAYS):
            left = (last - today).days
            ended = "ended on" if left < 0 else "ends on"
            words = f"{agreement.id} with {agreement.party} {ended} {last.isoformat()}"
            after = f"/vendors/forecast?on={(last + timedelta(1)).isoformat()}"
            yield _item(0 if left <= 14 else 1, "Expiring BAA", words, after, "What breaks", left)
    for checked in visit.registry.route_checks.values():
        if checked.is_closed:
            words = f"{checked.id} is closed: what its vendor tells contradicts the record"
            yield _item(0, "Drift", words, "/routes", "See what was told")
    for compared in visit.registry.reconciliations.values():
        if compared.is_open:
            words = f"{compared.vendor} saw calls from {compared.first.isoformat()} on that the ledger did not"
            yield _item(0, "Unrecorded use", words, "/ledger", "Look into it")
    for vendor in visit.registry.vendors.values():
        if vendor.suspended_because is not None:
            yield _item(1, "Vendor", f"{vendor.id} is suspended: no call goes there", "/vendors", "See the vendor")


def _vendors(visit: Visit, today: date) -> Iterator[dict[str, Any]]:
    for agreement, due in to_close_out(visit.registry, today):
        left = (due - today).days
        words = f"what {agreement.vendor} held under {agreement.id} is to be returned or destroyed"
        yield _item(0 if left <= 0 else 1, "End of a BAA", words, "/registers/close-outs", "Record it", left)
    for name in unverified(visit.registry, today):
        words = f"{name} was not verified within the year"
        yield _item(2, "Vendor", words, "/registers/vendor-evidence", "Record a verification")


def _access(visit: Visit) -> Iterator[dict[str, Any]]:
    waiting = [each for each in visit.registry.access_requests.values() if each.status is RequestStatus.OPEN]
    if waiting:
        words = f"{len(waiting)} request{'s' if len(waiting) > 1 else ''} for access wait for a decision"
        yield _item(1, "Access", words, "/approvals", "Decide")
    for person in visit.registry.people.values():
        if person.is_active and confirmation(person) in {Confirmation.AWAITED, Confirmation.RECOVERED_BY_HOST}:
            yield _item(1, "Officer", f"{person.id} is to be confirmed by another officer", "/people", "See people")
    organisation = visit.registry.organisation
    if organisation is not None and organisation.single_officer_accepted_by is not None:
        words = "A single officer is an accepted risk: two people cannot be told apart"
        yield _item(2, "Accepted risk", words, "/people", "See people")


def _keys(visit: Visit) -> Iterator[dict[str, Any]]:
    now = visit.app.clock().wall
    for key in visit.registry.keys.values():
        if key.is_revoked or key.expires_at is None or not now < key.expires_at <= now + timedelta(_KEY_DAYS):
            continue
        left = (key.expires_at - now).days
        yield _item(1, "Key", f"The key {key.name} ends on {key.expires_at:%Y-%m-%d}", "/keys", "See keys", left)


def _broken_glass(visit: Visit) -> Iterator[dict[str, Any]]:
    now = visit.app.clock().wall
    for glass in visit.registry.break_glass.values():
        if glass.reviewed_at is None:
            stands = "is open" if glass.is_open(now) else "waits for its review"
            left = (glass.review_by - now).days
            words = f"The glass that {glass.person} broke {stands}"
            yield _item(0, "Broken glass", words, "/registers/break-glass", "See it", left)


def _budgets(visit: Visit) -> Iterator[dict[str, Any]]:
    today = visit.app.clock().day_in(zone_of(visit))
    for budget in visit.registry.budgets.values():
        if budget.told_for == budget.period.label(today):
            used = "is used up: its calls are refused" if budget.told_percent >= 100 else "is four fifths used"
            words = f"The budget {budget.id} {used}"
            yield _item(1, "Budget", words, "/registers/budgets", "See budgets")


def _endings(visit: Visit, today: date) -> Iterator[dict[str, Any]]:
    """Yield what else ends soon or has ended; what has a line of its own above is left out."""
    found = [each for each in endings(visit.registry) if each.kind in _ENDING_PLACES]
    soon = sorted((each.last_day, each.kind, each.about) for each in found if (each.last_day - today).days <= _KEY_DAYS)
    for last_day, kind, about in soon[:_MOST_ENDINGS]:
        left = (last_day - today).days
        words = f"{about} {'ended on' if left < 0 else 'counts until'} {last_day.isoformat()}"
        yield _item(1, kind.replace("_", " ").capitalize(), words, _ENDING_PLACES[kind], "Renew", left)


def _item(  # noqa: PLR0917 - read like a sentence where it is used
    rank: int, kind: str, words: str, to: str, label: str, days: int | None = None
) -> dict[str, Any]:
    urgency = ("Now", "Soon", "When there is time")[rank]
    left = None if days is None else f"{_days(days)} left" if days >= 0 else f"{_days(-days)} late"
    return {"rank": rank, "days": days if days is not None else 9999, "urgency": urgency, "kind": kind,
            "words": words, "to": to, "label": label, "left": left}  # fmt: skip


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


# ---- controls, calls, ledger -----------------------------------------------------------------------------------------


async def _controls(visit: Visit) -> dict[str, Any]:
    told = await read(visit, "evidence.status")
    kinds = visit.app.catalogue.controls
    rows: dict[str, dict[str, int]] = {}
    for each in told["controls"]:
        row = rows.setdefault(
            kinds[each["id"]].kind, dict.fromkeys(("strong", "partial", "attested", "fails", "not_known", "all"), 0)
        )
        row["all"] += 1
        row[each["strength"] if each["standing"] == "holds" else each["standing"]] += 1
    families = [
        {
            "name": _FAMILIES.get(kind, kind),
            "kind": kind,
            **row,
            "bar": share(
                [(f"is-{name}", row[name]) for name in ("strong", "partial", "attested", "fails", "not_known")]
            ),
        }
        for kind, row in rows.items()
    ]
    failing = [each for each in told["controls"] if each["standing"] == "fails"]
    return {"families": families, "failing": failing, "window": told["window"], "total": len(told["controls"])}


async def _activity(visit: Visit, days: int) -> dict[str, Any] | None:
    activity = visit.app.activity
    try:
        await activity.follow(most=20_000)
    except LedgerError:
        return None
    found = activity.by_day(now=visit.app.clock().wall, zone=zone_of(visit), days=days)
    calls, refused = found.total("vendor"), found.total("refused")
    codes = {reason.value: EXPLANATIONS[reason].what for reason in Reason}
    return {
        "days": list(zip(found.days, calls, refused, strict=True)),
        "calls": sum(calls),
        "refused": sum(refused),
        "behind": activity.behind,
        "chart": columns(found.days, calls, refused),
        "since": None if activity.since is None else local(activity.since, zone_of(visit)),
        "by": [
            {
                "what": what,
                "rows": [
                    {"name": name, "count": sum(counts), "spark": spark(counts)} for name, counts in found.of(what)[:8]
                ],
            }
            for what in ("vendor", "purpose", "workspace")
        ],
        "reasons": [
            {"code": code, "what": codes.get(code, ""), "count": sum(counts), "spark": spark(counts)}
            for code, counts in found.of("refused")[:12]
        ],
    }


async def _health(visit: Visit) -> dict[str, Any] | None:
    vitals = visit.app.vitals()
    try:
        head = await visit.app.api.reader.ledger.head()
        newest = await visit.app.api.reader.ledger.read(head.size - 1) if head.size else None
    except LedgerError:
        return None
    at = None if newest is None else _at(newest.header)
    return {
        "size": head.size,
        "root": head.root.hex(),
        "newest": None if at is None else local(at, zone_of(visit)),
        "is_writable": vitals.is_writable,
        "published": vitals.published,
        "witnessed": vitals.witnessed,
        "lag": round(vitals.witness_lag_seconds),
        "stamped": vitals.stamped,
        "archived": vitals.archived,
        "canary": round(vitals.canary_age_seconds),
        "workers": vitals.workers,
        "may_open": may(visit, Permission.LEDGER_OPEN),
    }


def _at(header: bytes) -> datetime | None:
    try:
        return datetime.fromisoformat(decode(header).at)
    except (DraftMalformed, ValueError):
        return None


TODAY_ROUTES: Final = (PageRoute(method="GET", path="/today", handler=_today, permission=Permission.LEDGER_READ),)
