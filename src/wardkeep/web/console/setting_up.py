"""The way in: the first page for everybody, and the guided set-up from nothing to the first governed call.

The first page holds nothing of the registry: whoever reaches the port may read it. The set-up is computed from what is
on record, so it can be left and taken up again, by two officers in turn; each step is one of the console's own forms.
"""

import contextlib
from typing import Final

from wardkeep.audit.errors import LedgerError
from wardkeep.model.registry import AgreementStatus, Registry
from wardkeep.policy.roles import Permission
from wardkeep.web.console.deeds import Doable
from wardkeep.web.console.shell import home_of, may, who
from wardkeep.web.page import Page, PageRoute, Visit

_MOST_COUNTED: Final = 2_000


async def _front(visit: Visit) -> Page:
    if visit.session is not None:
        return Page(to="/home")
    missing = visit.app.missing()
    return Page(template="console/front.html", values={"missing": missing})


async def _set_up(visit: Visit) -> Page:
    person, _ = who(visit)
    registry = visit.registry
    with contextlib.suppress(LedgerError):
        # The first call is to be seen when it was made, not at the next count.
        await visit.app.activity.follow(most=_MOST_COUNTED)
    organisation = registry.organisation
    values = {
        "steps": steps_of(registry),
        "organisation": organisation,
        "officers": [
            {"id": each, "is_enrolled": (login := registry.logins.get(each)) is not None and login.is_complete}
            for each in (organisation.officers if organisation is not None else ())
        ],
        "drafts": [each for _, each in sorted(registry.agreements.items()) if each.status is AgreementStatus.DRAFT],
        "me": person.id,
        "can": Doable(visit),
        "data": visit.app.vitals().data_address,
        "vendor": next(iter(sorted(registry.vendors)), ""),
        "has_calls": any(each for each in visit.app.activity.hours.values()),
    }
    return Page(template="console/setting_up.html", values=values)


def steps_of(registry: Registry) -> dict[str, bool]:
    """Return the steps from nothing to a governed call, each with whether it is done."""
    active = [each for each in registry.agreements.values() if each.status is AgreementStatus.ACTIVE]
    organisation = registry.organisation
    enrolled = [name for name, login in registry.logins.items() if login.is_complete]
    officers = set(organisation.officers) if organisation is not None else set()
    wanted = 1 if organisation is not None and organisation.single_officer_accepted_by is not None else 2
    return {
        "officers": len(officers & set(enrolled)) >= wanted,
        "vendor": bool(registry.vendors),
        "agreement": bool(registry.agreements),
        "activated": bool(active),
        "deployment": bool(registry.deployments),
        "route": bool(registry.routes),
        "key": any(not key.is_revoked for key in registry.keys.values()),
    }


def is_set_up(registry: Registry) -> bool:
    """Whether a call could be made at all: a route, a key, an active agreement."""
    steps = steps_of(registry)
    return all(steps[name] for name in ("activated", "route", "key"))


async def _home(visit: Visit) -> Page:
    person, _ = who(visit)
    if not is_set_up(visit.registry) and may(visit, Permission.VENDOR_CHANGE):
        return Page(to="/setup")
    return Page(to=home_of(person))


SET_UP_ROUTES: Final = (
    PageRoute(method="GET", path="/", handler=_front, is_open=True),
    PageRoute(method="GET", path="/home", handler=_home),
    PageRoute(method="GET", path="/setup", handler=_set_up, permission=Permission.REGISTRY_READ),
)
