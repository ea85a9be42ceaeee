"""Incidents: what anybody of the workforce reports, and what officers judge, sign and tell, beside the law's clocks.

45 CFR 164.308(a)(6)(ii), 164.402 to 164.414. The rules are `compliance.incidents`.
"""

from typing import Any, Final

from wardkeep.model.incident import Conclusion, IncidentFactor, IncidentSource, RiskLevel
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.policy.roles import Permission
from wardkeep.web.console.asking import read
from wardkeep.web.console.deeds import Doable
from wardkeep.web.console.shell import local, part_of, zone_of
from wardkeep.web.page import Page, PageRoute, Visit

_A_PART: Final = 30
_QUESTIONS: Final = {
    IncidentFactor.NATURE_AND_EXTENT: "Nature and extent of the PHI: which identifiers, how likely is somebody "
    "re-identified? (164.402(2)(i))",
    IncidentFactor.WHO_RECEIVED: "Who used it or to whom was it disclosed? (164.402(2)(ii))",
    IncidentFactor.ACQUIRED_OR_VIEWED: "Was it really acquired or viewed? (164.402(2)(iii))",
    IncidentFactor.MITIGATION: "How far has the risk been mitigated? (164.402(2)(iv))",
}
_CONCLUSIONS: Final = {
    Conclusion.BREACH: "It is a breach: notices are due",
    Conclusion.LOW_PROBABILITY: "Low probability of compromise, shown by all four factors (164.402(2))",
    Conclusion.WORKFORCE_GOOD_FAITH: "Workforce, in good faith, not further disclosed (164.402(1)(i))",
    Conclusion.INADVERTENT: "Inadvertent, between authorised people (164.402(1)(ii))",
    Conclusion.NOT_RETAINED: "The recipient could not have retained it (164.402(1)(iii))",
    Conclusion.SECURED: "The PHI was secured: unreadable to others",
    Conclusion.NO_PHI: "No PHI was involved",
}


async def _list(visit: Visit) -> Page:
    told = (await read(visit, "incident.list"))["incidents"]
    shown = [{**each, "next": _next_clock(each)} for each in told]
    values = {
        "open": part_of(visit, [each for each in shown if each["closed_by"] is None], _A_PART),
        "closed": part_of(visit, [each for each in shown if each["closed_by"] is not None], _A_PART, name="closed"),
    }
    return Page(template="console/incidents.html", values=values)


def _next_clock(told: dict[str, Any]) -> dict[str, Any] | None:
    waiting = [each for each in told["clocks"] if not each["is_given"]]
    return min(waiting, key=lambda each: str(each["due"]), default=None)


async def _report(visit: Visit) -> Page:
    values = {
        "today": visit.app.clock().day_in(zone_of(visit)).isoformat(),
        "sources": [each.value for each in IncidentSource],
        "entry": visit.query.get("entry", ""),
    }
    return Page(template="console/report.html", values=values)


async def _show(visit: Visit) -> Page:
    told = await read(visit, "incident.show", visit.words[0])
    incident = told.get("incident", told)
    if not isinstance(incident, dict):
        raise RefusalError(Refused(reason=Reason.INTERNAL))
    zone = zone_of(visit)
    values = {
        "incident": incident,
        "factors": [
            {"name": factor.value, "question": question, "judged": incident["factors"].get(factor.value)}
            for factor, question in _QUESTIONS.items()
        ],
        "conclusions": [(each.value, words) for each, words in _CONCLUSIONS.items()],
        "concluded": next(
            (words for each, words in _CONCLUSIONS.items() if each.value == incident["conclusion"]), None
        ),
        "levels": [each.value for each in RiskLevel],
        "steps": [{**each, "when": local(each["at"], zone), "entry": _entry_of(each["words"])}
                  for each in incident["steps"]],
        "vendors": sorted(each.id for each in visit.registry.vendors.values() if each.suspended_because is None),
        "keys": sorted((each.id, each.name) for each in visit.registry.keys.values() if not each.is_revoked),
        "today": visit.app.clock().day_in(zone).isoformat(),
        "can": Doable(visit),
        "me": "" if visit.person is None else visit.person.id,
    }  # fmt: skip
    return Page(template="console/incident.html", values=values)


def _entry_of(words: str) -> int | None:
    """Return the ledger entry in which the words of a step are sealed."""
    number = words.rpartition(" ")[2]
    return int(number) if number.isdigit() else None


INCIDENT_PAGES: Final = (
    PageRoute(method="GET", path="/incidents", handler=_list, permission=Permission.LEDGER_READ),
    PageRoute(method="GET", path="/report", handler=_report, permission=Permission.OWN_ACCOUNT),
    PageRoute(method="GET", path="/incidents/{}", handler=_show, permission=Permission.LEDGER_READ),
)
