"""Every list leaves the console in one way: as CSV, or as JSON that the ledger's key signed.

What is listed, and for whom, is the control API's own; here it becomes a file. The `export` entry with the file's hash
is durable before the file leaves, and the file is named after it (45 CFR 164.312(b)).
"""

import asyncio
import csv
import io
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from wardkeep.audit.checkpoint import VerifierKey
from wardkeep.audit.signed_list import canonical, plain, signed_list
from wardkeep.compliance.exploring import record_list
from wardkeep.compliance.terms import unknown
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute
from wardkeep.web.console.asking import read
from wardkeep.web.console.ledger import cell
from wardkeep.web.console.shell import who, zone_of
from wardkeep.web.control import ROUTES
from wardkeep.web.page import Download, Page, PageRoute, Visit


def is_list(route: ApiRoute) -> bool:
    """Whether a route of the API is a list that can be taken whole: it reads, and needs nothing more to be said."""
    return route.method == "GET" and "{}" not in route.parts and not route.query and route.name != "openapi"


async def _export(visit: Visit) -> Page:
    person, _ = who(visit)
    name = visit.form.get("list", "")
    if not any(route.name == name and is_list(route) for route in ROUTES):
        raise unknown("list", "GET /api/openapi.json")
    told = await read(visit, name)
    # Where an answer holds several lists the form says which; what else it holds comes after its list.
    part = visit.form.get("of")
    rows: Any = next((each for key, each in told.items() if isinstance(each, list) and part in {None, "", key}), None)
    if rows is None:
        raise unknown("list", "GET /api/openapi.json")
    organisation = visit.registry.organisation
    is_csv = visit.form.get("format") == "csv"
    content = {
        "name": name,
        "organisation": "" if organisation is None else organisation.name,
        "at": visit.app.clock().wall.isoformat(),
        "zone": zone_of(visit),
        "by": person.id,
        "rows": rows,
    }
    ledger, sign = visit.app.ledger, visit.app.sign
    # In a thread: thousands of rows take longer to write than a call beside them may wait.
    body = await asyncio.to_thread(_csv, rows) if is_csv else await _signed(content, ledger.verifier_key, sign)
    index = await record_list(
        visit.app.api.reader, by=person, name=name, rows=len(rows), sha256=sha256(body).hexdigest()
    )
    stem = f"wardkeep-{name.replace('.', '-')}-{index}"
    download = Download(
        name=f"{stem}.{'csv' if is_csv else 'json'}",
        kind="text/csv; charset=utf-8" if is_csv else "application/json",
        body=body,
    )
    return Page(download=download)


async def _signed(content: Mapping[str, object], key: VerifierKey, sign: Callable[[bytes], bytes]) -> bytes:
    return await asyncio.to_thread(signed_list, content, key, sign)


def _csv(rows: Sequence[Any]) -> bytes:
    """Return rows as a table: one column for each name that any row has, in the order of their first use."""
    shown = [each if isinstance(each, dict) else {"value": each} for each in plain(rows)]
    columns = list(dict.fromkeys(name for row in shown for name in row))
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow([cell(name) for name in columns])
    for row in shown:
        table.writerow([cell(_text(row.get(name))) for name in columns])
    return out.getvalue().encode()


def _text(value: object) -> object:
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return canonical(value).decode() if isinstance(value, list | dict) else value


LISTING_ROUTES: Final = (PageRoute(method="POST", path="/lists", handler=_export, permission=Permission.OWN_ACCOUNT),)
