"""Places for the duties that are lists: what is on record, and what may be done with each, by the API's own forms."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from wardkeep.policy.roles import Permission
from wardkeep.web.console.asking import read, route_named
from wardkeep.web.console.deeds import Doable
from wardkeep.web.console.fields import facts_of, fields_of
from wardkeep.web.console.shell import part_of
from wardkeep.web.page import Page, PageHandler, PageRoute, Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """One place. `listed` is the API's list and the name under which it stands there; `named` the record's own id.

    `deeds` may be done with a record, `begins` without one.
    """

    path: str
    title: str
    about: str
    listed: tuple[str, str]
    permission: Permission
    empty: str
    named: str = "id"
    deeds: tuple[tuple[str, str], ...] = ()
    begins: tuple[tuple[str, str], ...] = ()
    opens: str | None = None


_A_PART: Final = 20

DUTIES: Final = (
    Duty(
        path="/reviews",
        title="Access reviews",
        about="Owners and managers look at who can do what; what nobody confirms ends when the review closes "
        "(164.308(a)(4)(ii)(C)).",
        listed=("review.list", "reviews"),
        permission=Permission.REGISTRY_READ,
        empty="No review has been opened yet. One opens by itself each quarter for access to health information.",
        deeds=(("review.close", "Close"),),
        begins=(("review.open", "Open a review"), ("review.schedule", "Change the schedule")),
    ),
    Duty(
        path="/my-reviews",
        title="For you to review",
        about="Access that you answer for: confirm what is still needed, end what is not. What nobody confirms ends.",
        listed=("review.mine", "items"),
        permission=Permission.OWN_ACCOUNT,
        empty="Nothing waits for you.",
        named="review",
        deeds=(("review.confirm", "Confirm"), ("review.revoke", "End access"), ("review.delegate", "Hand on")),
    ),
    Duty(
        path="/activity",
        title="Activity review",
        about="Samples of the record, looked at by somebody and signed off (164.308(a)(1)(ii)(D)).",
        listed=("activity.list", "reviews"),
        permission=Permission.LEDGER_READ,
        empty="No activity has been reviewed yet: an auditor opens the first review.",
        begins=(("activity.open", "Open a review of activity"),),
    ),
    Duty(
        path="/risks",
        title="Risks",
        about="What could happen to patients' information, how likely, and what is done about it "
        "(164.308(a)(1)(ii)(A)-(B)).",
        listed=("risk.list", "risks"),
        permission=Permission.REGISTRY_READ,
        empty="No risk is on record. A risk analysis begins with what could happen to what you have.",
        deeds=(("risk.accept", "Accept"),),
        begins=(("risk.put", "Record a risk"),),
    ),
    Duty(
        path="/assets",
        title="Assets",
        about="Facilities, devices, media and systems that hold patients' information, and what became of them "
        "(164.310).",
        listed=("asset.list", "assets"),
        permission=Permission.REGISTRY_READ,
        empty="Nothing is on record. What is not listed cannot be protected.",
        deeds=(("asset.attest", "Attest"), ("asset.event", "Record an event"), ("asset.dispose", "Dispose")),
        begins=(("asset.add", "Record an asset"),),
    ),
    Duty(
        path="/uses",
        title="Uses of AI",
        about="For what the organisation uses which model, who answers for it, and who approved it.",
        listed=("use.list", "uses"),
        permission=Permission.REGISTRY_READ,
        empty="No use is on record.",
        deeds=(("use.approve", "Approve"), ("use.end", "End")),
        begins=(("use.propose", "Propose a use"),),
    ),
    Duty(
        path="/rights",
        title="Requests of individuals",
        about="Access, amendment and accounting with the rule's clocks (164.524, 164.526, 164.528); restrictions, "
        "confidential communication and complaints (164.522, 164.530(d)). On what each may be denied is listed by "
        "wardkeep rights grounds.",
        listed=("right.list", "requests"),
        permission=Permission.LEDGER_READ,
        empty="No request is on record. Anybody of the workforce takes one in.",
        deeds=(
            ("right.extend", "Extend once"),
            ("right.set", "Decide on the record set"),
            ("right.answer", "Record the answer"),
            ("right.letter", "Letter of a denial"),
            ("right.review", "Have a denial reviewed"),
            ("right.disagree", "Record a disagreement"),
            ("right.rebut", "Record our rebuttal"),
        ),
        begins=(("right.take", "Take a request in"),),
    ),
    Duty(
        path="/denials",
        title="Denials to review",
        about="Denied requests for access that you review as a licensed professional who had no part in them; what you "
        "decide is followed (164.524(a)(4)).",
        listed=("right.mine", "requests"),
        permission=Permission.OWN_ACCOUNT,
        empty="Nothing waits for you.",
        deeds=(("right.reviewed", "Decide"),),
    ),
    Duty(
        path="/assessments",
        title="Assessments",
        about="What the program's own checks found, newest first; inconclusive is never a pass, and it is no "
        "penetration test (164.308(a)(8)). A run is made on the host: wardkeep self-assess run.",
        listed=("assessment.list", "assessments"),
        permission=Permission.REGISTRY_READ,
        empty="No assessment was made yet.",
        begins=(("assessment.import", "Import a test by others"),),
    ),
    Duty(
        path="/findings",
        title="Findings",
        about="What assessments and tests found, who mends it by when, and whether it passed since.",
        listed=("finding.list", "findings"),
        permission=Permission.REGISTRY_READ,
        empty="There is no finding.",
        deeds=(("finding.assign", "Give to somebody"), ("finding.retest", "Record a retest")),
    ),
    Duty(
        path="/checklists",
        title="Joiners and leavers",
        about="What is done when somebody joins or leaves, attested item by item (164.308(a)(3)(ii)).",
        listed=("checklist.list", "checklists"),
        permission=Permission.REGISTRY_READ,
        empty="No list is open.",
        deeds=(("checklist.attest", "Attest an item"), ("checklist.close", "Close")),
        begins=(("checklist.open", "Open a list"),),
    ),
)


async def _show(visit: Visit, duty: Duty) -> Page:
    told = await read(visit, duty.listed[0])
    part = part_of(visit, told[duty.listed[1]], _A_PART)
    rows: list[dict[str, Any]] = list(part.rows)
    can = Doable(visit)
    values = {
        "duty": duty,
        "part": part,
        "rows": [
            {
                "id": str(row.get(duty.named, "")),
                "name": str(row.get("item") or row.get("name") or row.get(duty.named, "")),
                "facts": facts_of(row, without=(duty.named, "name")),
                "item": str(row.get("item") or row.get("id") or "") if duty.named != "id" else "",
            }
            for row in rows
        ],
        "more": facts_of(told, without=(duty.listed[1],)),
        "deeds": [_deed(visit, name, label) for name, label in duty.deeds if can(name)],
        "begins": [_deed(visit, name, label) for name, label in duty.begins if can(name)],
    }
    return Page(template="console/duty.html", values=values)


def _deed(visit: Visit, name: str, label: str) -> dict[str, Any]:
    form = route_named(name, "POST").form
    return {"name": name, "label": label, "fields": fields_of(form, visit.registry)}


def _handler(duty: Duty) -> PageHandler:
    return partial(_show, duty=duty)


def route_of(duty: Duty) -> PageRoute:
    """Return the page of a duty."""
    return PageRoute(method="GET", path=duty.path, handler=_handler(duty), permission=duty.permission)


DUTY_ROUTES: Final = tuple(route_of(duty) for duty in DUTIES)
