"""The page of a register: what is on record, and what may be done with each record, by the API's own list and forms.

Which registers there are stands in `registers`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from wardkeep.policy.roles import Permission
from wardkeep.web.console.asking import read, route_named
from wardkeep.web.console.deeds import Doable
from wardkeep.web.console.fields import facts_of, fields_of
from wardkeep.web.console.shell import part_of, zone_of
from wardkeep.web.page import Page, PageHandler, PageRoute, Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """One place. `listed` is the API's list and the name under which it stands there; `named` the record's own id.

    `deeds` may be done with a record, `begins` without one. `opens` is where a record has a page of its own.
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
_FEW_DEEDS: Final = 3
# Where a record says how it stands, and in which colour beside the word.
_STANDINGS: Final = ("standing", "status", "state")
_TONES: Final = {
    "good": frozenset({"agrees", "active", "approved", "holds", "passed", "confirmed", "answered", "covered", "ok"}),
    "bad": frozenset({"differs", "fails", "failed", "expired", "overdue", "suspended", "revoked", "denied", "late"}),
    "warn": frozenset({"open", "proposed", "draft", "grace", "not_known", "undecided", "pending", "inconclusive"}),
}


async def _show(visit: Visit, duty: Duty) -> Page:
    told = await read(visit, duty.listed[0])
    # Each record bears its own forms: with many of them a page stays small by fewer records.
    most = _A_PART if len(duty.deeds) <= _FEW_DEEDS else _A_PART // 2
    part = part_of(visit, told[duty.listed[1]], most)
    rows: list[dict[str, Any]] = [each if isinstance(each, dict) else {duty.named: each} for each in part.rows]
    values = {
        "duty": duty,
        "part": part,
        "rows": [
            {
                "id": str(row.get(duty.named, "")),
                "page": None if duty.opens is None else f"{duty.opens}/{quote(str(row.get(duty.named, '')), safe='')}",
                "name": str(row.get("item") or row.get("name") or row.get(duty.named, "")),
                "facts": facts_of(row, without=(duty.named, "name", *_STANDINGS), zone=zone_of(visit)),
                **_tag(row),
                "item": str(row.get("item") or row.get("id") or "") if duty.named != "id" else "",
            }
            for row in rows
        ],
        "more": facts_of(told, without=(duty.listed[1],), zone=zone_of(visit)),
        "deeds": deeds_of(visit, duty.deeds),
        "begins": deeds_of(visit, duty.begins),
    }
    return Page(template="console/duty.html", values=values)


def _tag(row: Mapping[str, Any]) -> dict[str, str]:
    """Return how a record stands, as a word; what is late says so before anything else."""
    word = "overdue" if row.get("is_overdue") is True else next((row[each] for each in _STANDINGS if row.get(each)), "")
    word = str(word)
    tone = next((name for name, words in _TONES.items() if word in words), "")
    return {"tag": word.replace("_", " "), "tone": tone}


def deeds_of(visit: Visit, named: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return the deeds that this person may try, each with the fields of its form."""
    can = Doable(visit)
    return [
        {"name": name, "label": label, "fields": fields_of(route_named(name, "POST").form, visit.registry)}
        for name, label in named
        if can(name)
    ]


def _handler(duty: Duty) -> PageHandler:
    return partial(_show, duty=duty)


def route_of(duty: Duty) -> PageRoute:
    """Return the page of a duty."""
    return PageRoute(method="GET", path=duty.path, handler=_handler(duty), permission=duty.permission)
