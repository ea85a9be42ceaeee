"""Work places: vendors and agreements, what breaks on a day, routes with their gates, people, keys, controls."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Final

from wardkeep.compliance.profiles import load_profiles
from wardkeep.compliance.terms import invalid
from wardkeep.compliance.two_people import confirmation
from wardkeep.model.access import ApplicationKind, DataClass, Purpose, Requirement, Role
from wardkeep.model.dialects import DIALECTS, ENDPOINTS
from wardkeep.model.reasons import EXPLANATIONS, Reason
from wardkeep.model.registry import AgreementKind, Retention
from wardkeep.policy.roles import Permission
from wardkeep.web.console.asking import read
from wardkeep.web.console.deeds import Doable
from wardkeep.web.console.duties import deeds_of
from wardkeep.web.console.fields import MOST_OFFERED
from wardkeep.web.console.shell import local, part_of, zone_of
from wardkeep.web.page import Page, PageRoute, Visit

_SOON: Final = timedelta(days=60)
_A_PART: Final = 20
_ROUTES: Final = 10
_CALLS: Final = 60


# ---- vendors and agreements ------------------------------------------------------------------------------------------


async def _vendors(visit: Visit) -> Page:
    vendors = (await read(visit, "vendor.list"))["vendors"]
    agreements = (await read(visit, "agreement.list"))["agreements"]
    deployments = (await read(visit, "deployment.list"))["deployments"]
    today = visit.app.clock().day_in(zone_of(visit))
    values = {
        "vendors": [
            {
                **vendor,
                "agreements": [_agreement(each, today) for each in agreements if each["vendor"] == vendor["id"]],
                "deployments": [each for each in deployments if each["vendor"] == vendor["id"]],
            }
            for vendor in vendors
        ],
        "can": Doable(visit),
        "tomorrow": (today + timedelta(1)).isoformat(),
    }
    return Page(template="console/vendors.html", values=values)


def _agreement(told: dict[str, Any], today: date) -> dict[str, Any]:
    last = date.fromisoformat(told["expires_on"]) if told["expires_on"] else None
    left = None if last is None else (last - today).days
    is_over = left is not None and left < 0
    tone = {"active": "good", "draft": "warn", "suspended": "bad", "terminated": ""}[told["status"]]
    if told["status"] == "active" and last is not None and last <= today + _SOON:
        tone = "bad" if is_over else "warn"
    return {**told, "left": left, "is_over": is_over, "tone": tone}


async def _record(visit: Visit) -> Page:
    values = {
        "vendors": sorted(visit.registry.vendors.values(), key=lambda each: each.id),
        "vendor": visit.query.get("vendor", ""),
        "kinds": [each.value for each in AgreementKind],
        "platforms": sorted(load_profiles()),
        "endpoints": sorted(ENDPOINTS),
        "purposes": [each.value for each in Purpose],
        "retentions": [each.value for each in Retention],
        "features": ("stream", "tools", "json_mode", "json_schema", "thinking", "prompt_caching", "logprobs"),
        "today": visit.app.clock().day_in(zone_of(visit)).isoformat(),
    }
    return Page(template="console/agreement_form.html", values=values)


async def _forecast(visit: Visit) -> Page:
    today = visit.app.clock().day_in(zone_of(visit))
    on = visit.query.get("on") or (today + _SOON).isoformat()
    told = await read(visit, "simulate", on=on)
    shut = [_explained(each) for each in told["routes"] if each["reason"] is not None]
    values = {
        "on": told["on"],
        "today": today.isoformat(),
        "expiring": told["expiring"],
        "shut": part_of(visit, shut, _CALLS, name="shut"),
        "open": part_of(visit, [each for each in told["routes"] if each["reason"] is None], _CALLS, name="open"),
    }
    return Page(template="console/forecast.html", values=values)


def _explained(told: dict[str, Any]) -> dict[str, Any]:
    found = next((each for each in Reason if each.value == told["reason"]), None)
    if found is None:
        return {**told, "what": "", "fix": ""}
    return {**told, "what": EXPLANATIONS[found].what, "fix": EXPLANATIONS[found].fix}


# ---- routes ----------------------------------------------------------------------------------------------------------


async def _routes(visit: Visit) -> Page:
    today = visit.app.clock().day_in(zone_of(visit))
    gates = (await read(visit, "simulate", on=today.isoformat()))["routes"]
    routes = (await read(visit, "route.list"))["routes"]
    deployments = (await read(visit, "deployment.list"))["deployments"]
    checks = {each["deployment"]: each for each in (await read(visit, "check.list"))["checks"]}
    part = part_of(visit, routes, _ROUTES)
    values = {
        "routes": [
            {**each, "gates": [_explained(gate) for gate in gates if gate["model"] == each["model"]]}
            for each in part.rows
        ],
        "part": part,
        "deployments": part_of(
            visit,
            [{**each, "check": checks.get(each["id"])} for each in deployments],
            _A_PART,
            name="deployments",
        ),
        "deployment_ids": [each["id"] for each in deployments],
        "vendors": sorted(visit.registry.vendors),
        "platforms": sorted(load_profiles()),
        "dialects": sorted(DIALECTS),
        "classes": [each.value for each in DataClass],
        "can": Doable(visit),
    }
    return Page(template="console/routes.html", values=values)


# ---- people ----------------------------------------------------------------------------------------------------------


async def _people(visit: Visit) -> Page:
    told = (await read(visit, "person.list"))["people"]
    logins = visit.registry.logins
    people = [
        {
            **each,
            "is_enrolled": (login := logins.get(each["id"])) is not None and login.is_complete,
            "counts": confirmation(visit.registry.people[each["id"]]).value,
        }
        for each in told
    ]
    part = part_of(visit, sorted(people, key=lambda each: (not each["is_active"], each["id"])), _A_PART)
    values = {
        "people": part.rows,
        "part": part,
        "roles": [role.value for role in Role],
        "can": Doable(visit),
        "me": "" if visit.person is None else visit.person.id,
    }
    return Page(template="console/people.html", values=values)


# ---- applications, keys, workspaces ----------------------------------------------------------------------------------


async def _keys(visit: Visit) -> Page:
    keys = (await read(visit, "key.list"))["keys"]
    now, zone = visit.app.clock().wall, zone_of(visit)
    shown = []
    for each in keys:
        expires = visit.registry.keys[each["id"]].expires_at
        state = "revoked" if each["is_revoked"] else "expired" if expires is not None and expires <= now else "live"
        used = each["last_used_at"]
        shown.append(
            {
                **each,
                "state": state,
                "expires": None if expires is None else local(expires, zone),
                "used": None if used is None else local(used, zone),
            }
        )
    part = part_of(visit, sorted(shown, key=lambda each: (each["state"] != "live", each["name"])), _A_PART)
    applications = (await read(visit, "application.list"))["applications"]
    workspaces = (await read(visit, "workspace.list"))["workspaces"]
    values = {
        "keys": part.rows,
        "part": part,
        "applications": part_of(visit, applications, _A_PART, name="applications"),
        "workspaces": part_of(visit, workspaces, _A_PART, name="workspaces"),
        "application_ids": _offered([each["id"] for each in applications]),
        "workspace_ids": _offered([each["id"] for each in workspaces]),
        "people": _offered(_active(visit)),
        "models": sorted(visit.registry.routes),
        "purposes": [each.value for each in Purpose],
        "kinds": [each.value for each in ApplicationKind],
        "requirements": [each.value for each in Requirement],
        "roles": [Role.CLINICIAN.value, Role.NURSE.value, Role.BILLING.value, Role.RESEARCHER.value,
                  Role.DEVELOPER.value],
        "me": "" if visit.person is None else visit.person.id,
        "begins": deeds_of(visit, (("workspace.add", "Make a workspace"),)),
        "can": Doable(visit),
    }  # fmt: skip
    return Page(template="console/keys.html", values=values)


def _offered(names: list[str]) -> list[str] | None:
    """Return what a form lets choose from; None is too many, so that the name is typed."""
    return names if len(names) <= MOST_OFFERED else None


def _active(visit: Visit) -> list[str]:
    return sorted(each.id for each in visit.registry.people.values() if each.is_active)


# ---- controls --------------------------------------------------------------------------------------------------------


async def _controls(visit: Visit) -> Page:
    family = visit.query.get("family", "all")
    catalogue = visit.app.catalogue.controls
    kinds = sorted({each.kind for each in catalogue.values()})
    if family not in {"all", *kinds}:
        raise invalid("family", f"one of all, {', '.join(kinds)}")
    told = await read(visit, "evidence.status")
    decisions = (await read(visit, "decision.list"))["decisions"]
    today = visit.app.clock().day_in(zone_of(visit))
    shown = [
        {**each, "asks": catalogue[each["id"]].asks, "kind": catalogue[each["id"]].kind,
         "doubt": catalogue[each["id"]].doubt}
        for each in told["controls"]
        if family in {"all", catalogue[each["id"]].kind}
    ]  # fmt: skip
    values = {
        "controls": shown,
        "families": ["all", *kinds],
        "family": family,
        "counts": _counts(shown),
        "decisions": decisions,
        "standings": ("implemented", "equivalent", "not_reasonable"),
        "until": (today + timedelta(365)).isoformat(),
        "me": "" if visit.person is None else visit.person.id,
        "can": Doable(visit),
    }
    return Page(template="console/controls.html", values=values)


def _counts(shown: Iterable[dict[str, Any]]) -> dict[str, int]:
    counts = dict.fromkeys(("holds", "fails", "not_known"), 0)
    for each in shown:
        counts[each["standing"]] += 1
    return counts


PLACE_ROUTES: Final = (
    PageRoute(method="GET", path="/vendors", handler=_vendors, permission=Permission.REGISTRY_READ),
    PageRoute(method="GET", path="/vendors/forecast", handler=_forecast, permission=Permission.REGISTRY_READ),
    PageRoute(method="GET", path="/vendors/record", handler=_record, permission=Permission.AGREEMENT_ADD),
    PageRoute(method="GET", path="/routes", handler=_routes, permission=Permission.REGISTRY_READ),
    PageRoute(method="GET", path="/people", handler=_people, permission=Permission.REGISTRY_READ),
    PageRoute(method="GET", path="/keys", handler=_keys, permission=Permission.REGISTRY_READ),
    PageRoute(method="GET", path="/controls", handler=_controls, permission=Permission.LEDGER_READ),
)
