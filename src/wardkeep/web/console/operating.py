"""What whoever runs the instance looks at: the newest refusals as they come, the instance itself, backups and drills.

Refusals are shown without a person, a subject or a purpose, from what is counted anyway (`compliance.activity`): the
operator learns why calls fail and reads no record. Who may read the ledger finds each entry behind its number.
"""

import contextlib
from typing import Any, Final

from wardkeep.audit.errors import LedgerError
from wardkeep.compliance.activity import RefusedCall
from wardkeep.model.reasons import EXPLANATIONS, Reason
from wardkeep.policy.roles import Permission
from wardkeep.web.console.duties import deeds_of
from wardkeep.web.console.shell import local, may, zone_of
from wardkeep.web.page import Page, PageRoute, Visit

_MOST_COUNTED: Final = 20_000
_DEEDS: Final = (("backup.make", "Make a backup"), ("backup.drill", "Try a backup out"))


async def _refusals(visit: Visit) -> Page:
    activity = visit.app.activity
    with contextlib.suppress(LedgerError):
        await activity.follow(most=_MOST_COUNTED)
    values = {
        "rows": [_shown(each, zone_of(visit)) for each in reversed(activity.refused)],
        "behind": activity.behind,
        "may_read": may(visit, Permission.LEDGER_READ),
    }
    return Page(template="console/refusals.html", values=values)


def _shown(refused: RefusedCall, zone: str) -> dict[str, Any]:
    told = next((EXPLANATIONS[each] for each in Reason if each.value == refused.reason), None)
    return {
        "index": refused.index,
        "at": local(refused.at, zone),
        "reason": refused.reason,
        "what": "" if told is None else told.what,
        "fix": "" if told is None else told.fix,
        "key": refused.key,
        "route": refused.route or refused.surface or "",
    }


async def _host(visit: Visit) -> Page:
    values = {"vitals": visit.app.vitals(), "missing": visit.app.missing(), "deeds": deeds_of(visit, _DEEDS)}
    return Page(template="console/host.html", values=values)


OPERATING_ROUTES: Final = (
    PageRoute(method="GET", path="/refusals", handler=_refusals, permission=Permission.REGISTRY_READ),
    PageRoute(method="GET", path="/host", handler=_host, permission=Permission.REGISTRY_READ),
)
