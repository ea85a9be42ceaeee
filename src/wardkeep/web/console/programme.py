"""What the whole workforce reads, signs and learns: policies and courses (45 CFR 164.316, 164.308(a)(5))."""

from typing import Any, Final

from wardkeep.policy.roles import Permission
from wardkeep.web.console.asking import body_of, change, read, route_named
from wardkeep.web.console.deeds import Doable
from wardkeep.web.console.duties import deeds_of
from wardkeep.web.console.shell import who
from wardkeep.web.page import Page, PageRoute, Visit

_COURSE_DEEDS: Final = (("training.assign", "Assign it to roles"), ("training.extend", "Give somebody more time"))


async def _policies(visit: Visit) -> Page:
    told = (await read(visit, "policy.list"))["policies"]
    values = {
        "mine": [each for each in told if each["binds_me"] and each["number"] is not None and not each["signed_by_me"]],
        "policies": told,
    }
    return Page(template="console/policies.html", values=values)


async def _policy(visit: Visit) -> Page:
    told = await read(visit, "policy.show", visit.words[0])
    person, _ = who(visit)
    values = {"policy": told, "can": Doable(visit), "me": person.id}
    return Page(template="console/policy.html", values=values)


async def _training(visit: Visit) -> Page:
    values: dict[str, Any] = {
        "mine": (await read(visit, "training.mine"))["rows"],
        "courses": (await read(visit, "training.list"))["courses"],
    }
    return Page(template="console/training.html", values=values)


async def _course(visit: Visit) -> Page:
    told = await read(visit, "training.show", visit.words[0])
    mine = (await read(visit, "training.mine"))["rows"]
    row = next((each for each in mine if each["course"] == told["id"]), None)
    deeds = deeds_of(visit, _COURSE_DEEDS)
    return Page(template="console/course.html", values={"course": told, "row": row, "result": None, "deeds": deeds})


async def _answer(visit: Visit) -> Page:
    """Score the answers, put them on record, and say of each wrong one why."""
    route = route_named("training.answer", "POST")
    told = await read(visit, "training.show", visit.words[0])
    body = body_of(route.form, visit.form)
    result = await change(visit, "training.answer", (visit.words[0],), body)
    return Page(template="console/course.html", values={"course": told, "row": None, "result": result, "deeds": []})


PROGRAMME_PAGES: Final = (
    PageRoute(method="GET", path="/policies", handler=_policies, permission=Permission.OWN_ACCOUNT),
    PageRoute(method="GET", path="/policies/{}", handler=_policy, permission=Permission.OWN_ACCOUNT),
    PageRoute(method="GET", path="/training", handler=_training, permission=Permission.OWN_ACCOUNT),
    PageRoute(method="GET", path="/training/{}", handler=_course, permission=Permission.OWN_ACCOUNT),
    PageRoute(method="POST", path="/training/{}/answers", handler=_answer, permission=Permission.OWN_ACCOUNT),
)
