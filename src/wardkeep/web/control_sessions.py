"""The part of the control API for who is signed in: on which devices, and ending all of somebody's at once.

People end their own on their account's page; here are those who answer for access (45 CFR 164.308(a)(3)(ii)(C)).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from wardkeep.compliance.forms import ReasonForm
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import require, unknown
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route


async def _list(asked: Asked) -> object:
    if asked.app.factors is None:
        raise RefusalError(Refused(reason=Reason.FACTS_UNAVAILABLE))
    sessions, now_us = asked.app.factors.sessions, asked.app.clock().wall_us
    found = []
    for name, live in sorted(sessions.live(now_us).items()):
        if name in asked.registry.people:
            found.append(
                {
                    "person": name,
                    "sessions": len(live),
                    "last_seen": _time(max(each.seen_us for each in live)),
                    "devices": [f"{each.device}, by {each.method}, since {_time(each.created_us)}" for each in live],
                }
            )
    return {"sessions": found}


async def _end_all(asked: Asked, filled: ReasonForm) -> object:
    person = asked.words[0]
    if asked.app.factors is None:
        raise RefusalError(Refused(reason=Reason.FACTS_UNAVAILABLE))

    def plan(registry: Registry, by: Person) -> Sequence[Change]:
        require(by, Permission.PERSON_CHANGE)
        found = registry.people.get(person)
        if found is None:
            raise unknown("person", "wardkeep user list")
        # Nothing of the person changes; the entry that ends their sessions names them.
        return (Change(kind=Kind.PEOPLE, id=person, record=found, note="sessions_ended"),)

    # On record first, as every change; who signs in between is signed out with the others.
    done = await change(asked, "session.endall", filled.reason, plan)
    await asked.app.factors.sessions.end_all(person)
    return done


def _time(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1e6, UTC).isoformat(timespec="seconds")


SESSION_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("sessions", Permission.PERSON_CHANGE, "session.list", _list),
    post_route("people/{}/end-sessions", Permission.PERSON_CHANGE, "session.endall", ReasonForm, _end_all),
)
