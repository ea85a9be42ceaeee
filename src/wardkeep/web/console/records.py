"""One record with a page of its own: a review of activity, a review of access, the clauses of an agreement.

What is shown and done is the control API's, as in `duties`; these have more to them than a list can show.
"""

from typing import Any, Final

from wardkeep.model.activity import Verdict
from wardkeep.model.registers import ClauseStanding
from wardkeep.policy.roles import Permission
from wardkeep.web.console.asking import read
from wardkeep.web.console.deeds import Doable
from wardkeep.web.console.duties import deeds_of
from wardkeep.web.console.fields import facts_of
from wardkeep.web.console.shell import part_of, who, zone_of
from wardkeep.web.page import Page, PageRoute, Visit

_A_PART: Final = 20
_SIGNALS: Final = {
    "sample": "Drawn by lot",
    "volume": "Many more calls in a day than usual",
    "hours": "Outside the hours of work",
    "new_subjects": "Many patients they never called about before",
    "many_subjects": "Many different patients in a day",
}


async def _activity(visit: Visit) -> Page:
    """Show what was picked for review; who may judge finds a form beside each (45 CFR 164.308(a)(1)(ii)(D))."""
    told = await read(visit, "activity.show", visit.words[0])
    # What waits comes first: a review is to be finished.
    items = sorted(told["items"], key=lambda each: (each["verdict"] is not None, each["number"]))
    values = {
        "review": told,
        "part": part_of(visit, items, _A_PART),
        "signals": _SIGNALS,
        "verdicts": [each.value for each in Verdict],
        "facts": facts_of(told["thresholds"]),
        "can": Doable(visit),
    }
    return Page(template="console/activity.html", values=values)


async def _review(visit: Visit) -> Page:
    """Show a review of access with every item, who decided it and where that is on record."""
    told = await read(visit, "review.show", visit.words[0])
    person, _ = who(visit)
    values: dict[str, Any] = {
        "review": told["review"],
        "facts": facts_of(told["review"], without=("id", "notices"), zone=zone_of(visit)),
        "part": part_of(visit, told["items"], _A_PART),
        "mine": sum(
            1
            for each in told["items"]
            if person.id in {each["reviewer"], each["escalated_to"]} and each["decided_by"] is None
        ),
        "deeds": deeds_of(visit, (("review.close", "Close"),)),
    }
    return Page(template="console/review.html", values=values)


async def _clauses(visit: Visit) -> Page:
    """Show what the rule asks of the agreement, clause by clause, as people read it (45 CFR 164.504(e)(2))."""
    told = await read(visit, "clause.list", visit.words[0])
    controls = visit.app.catalogue.controls
    values = {
        **told,
        "clauses": [
            {**each, "title": each["title"].removeprefix("Contract: ").capitalize(), "asks": controls[each["id"]].asks}
            for each in told["clauses"]
        ],
        "read_count": sum(1 for each in told["clauses"] if each["standing"] is not None),
        "standings": [each.value for each in ClauseStanding],
        "can": Doable(visit),
    }
    return Page(template="console/clauses.html", values=values)


RECORD_ROUTES: Final = (
    PageRoute(method="GET", path="/activity/{}", handler=_activity, permission=Permission.LEDGER_READ),
    PageRoute(method="GET", path="/reviews/{}", handler=_review, permission=Permission.REGISTRY_READ),
    PageRoute(method="GET", path="/vendors/agreements/{}", handler=_clauses, permission=Permission.REGISTRY_READ),
)
