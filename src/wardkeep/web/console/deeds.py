"""Doing something from a page: one form, one change of the control API, one ledger entry, back to the page.

What may be done is the API's own list, its permissions and its forms; here is only how a browser sends it. Deeds
ask for a second factor of the last minutes. A credential that is shown once is shown here and stands in no address.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from wardkeep.audit.errors import StaleFacts
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.policy.roles import Permission
from wardkeep.web.console.asking import body_of, change, route_named
from wardkeep.web.console.shell import may, own_path, stepped_up
from wardkeep.web.page import Page, PageRoute, Visit

# A page's own fields: no form of the API may have one of these names, or the browser would send it twice.
OWN_FIELDS: Final = frozenset({"deed", "deed-on", "back"})
# Whoever reports must not be held up: it opens nothing and shows nothing. Breaking the glass asks for a fresh code.
_EASY: Final = frozenset({"incident.open", "right.take", "glass.begin"})


@dataclass(frozen=True, slots=True)
class Doable:
    """Asks for a template whether the visitor may do something; that it is shown protects nothing."""

    visit: Visit

    def __call__(self, deed: str) -> bool:
        """Whether the API would let this person try."""
        return may(self.visit, route_named(deed, "POST").permission)


async def _do(visit: Visit) -> Page:
    deed, on = visit.form.get("deed", ""), visit.form.get("deed-on", "")
    if deed not in _EASY:
        stepped_up(visit)
    back = own_path(visit.form.get("back"), visit.app.page_paths) or "/home"
    route = route_named(deed, "POST")
    sent = {name: value for name, value in visit.form.items() if name not in OWN_FIELDS}
    words = (on,) if "{}" in route.parts else ()
    try:
        answer = await change(visit, deed, words, body_of(route.form, sent))
    except StaleFacts:
        raise RefusalError(Refused(reason=Reason.FACTS_CHANGING)) from None
    index = answer.get("ledger_index")
    shown = _shown_once(answer)
    if shown is not None:
        values = {
            "deed": deed,
            "id": answer.get("id", on),
            "credential": shown,
            "index": index,
            "back": back,
            "data": visit.app.vitals().data_address,
            "model": next(iter(sorted(visit.registry.routes)), "MODEL"),
        }
        return Page(template="console/shown_once.html", values=values)
    if isinstance(answer.get("letter"), str):
        return Page(template="console/letter.html", values={**answer, "index": index, "back": back})
    return Page(to=_with(back, index))


def _shown_once(answer: dict[str, object]) -> str | None:
    """Return what is in no other answer: a credential, a ticket, codes, a certificate with or without its key."""
    parts: list[str] = []
    for name in ("credential", "ticket", "codes", "certificate", "private_key"):
        held = answer.get(name)
        parts += held if isinstance(held, list) else [held] if isinstance(held, str) else []
    return "\n".join(parts) or None


def _with(back: str, index: object) -> str:
    if not isinstance(index, int):
        return back
    return f"{back}{'&' if urlsplit(back).query else '?'}done={index}"


DEED_ROUTES: Final = (PageRoute(method="POST", path="/deeds", handler=_do, permission=Permission.OWN_ACCOUNT),)
