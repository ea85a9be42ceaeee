"""What the record says of one individual, for whoever answers them: who saw their data, accounting, a summary.

The control API's own reports (45 CFR 164.528, 164.312(b)): each is a reading on record before it is shown. The handle
is sent in a form, never in an address, where it would be seen and kept; the browser does not keep the page either.
"""

from typing import Any, Final

from wardkeep.policy.roles import Permission
from wardkeep.web.console.asking import body_of, change, route_named
from wardkeep.web.console.fields import facts_of
from wardkeep.web.console.shell import may, stepped_up, zone_of
from wardkeep.web.page import Page, PageRoute, Visit

_REPORTS: Final = {
    "report.whosaw": ("Who saw their data", "viewers"),
    "report.accounting": ("Accounting of disclosures", "for_individual"),
    "report.subject": ("What the record says of them", ""),
}


async def _ask(visit: Visit) -> Page:
    return Page(template="console/subject.html", values=_values(visit))


async def _answer(visit: Visit) -> Page:
    """Make one report and show it once, with the entry that says so."""
    stepped_up(visit)
    name = visit.form.get("report", "")
    title, rows = _REPORTS.get(name, ("", ""))
    # A name that is no report is refused by the API's own words for an unknown action.
    route = route_named(name if title else "", "POST")
    sent = {key: value for key, value in visit.form.items() if key in {"subject", "reason"}}
    told = await change(visit, name, (), body_of(route.form, sent))
    zone = zone_of(visit)
    shown: list[dict[str, Any]] = list(told.get(rows, ())) if rows else []
    values = {
        "made": title,
        "is_complete": told["is_complete"],
        "index": told["read_index"],
        "facts": facts_of(told, without=(rows, "read_index", "is_complete"), zone=zone),
        "rows": [facts_of(each, zone=zone) for each in shown],
        "is_list": bool(rows),
    }
    return Page(template="console/subject.html", values=_values(visit, **values))


def _values(visit: Visit, **made: object) -> dict[str, object]:
    offered = [
        (name, title) for name, (title, _) in _REPORTS.items() if may(visit, route_named(name, "POST").permission)
    ]
    return {"reports": offered, "made": None, **made}


SUBJECT_ROUTES: Final = (
    PageRoute(method="GET", path="/individual", handler=_ask, permission=Permission.LEDGER_READ),
    PageRoute(method="POST", path="/individual", handler=_answer, permission=Permission.LEDGER_READ),
)
