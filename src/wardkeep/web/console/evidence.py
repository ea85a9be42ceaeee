"""The auditor's room: what can be taken away and checked elsewhere, and what this program cannot show.

An evidence pack is made as `wardkeep evidence pack` makes it: the facts are a reading on record, and the hash of the
manifest stands in a ledger entry before the archive leaves (45 CFR 164.316(b), 164.312(c)(1)).
"""

import asyncio
import io
import zipfile
from collections.abc import Mapping
from datetime import date, timedelta
from hashlib import sha256
from typing import Any, Final

import msgspec

from wardkeep.audit.checkpoint import verifier_key_text
from wardkeep.compliance.pack_contents import pack_contents, pack_manifest
from wardkeep.policy.roles import Permission
from wardkeep.web.console.asking import change, read
from wardkeep.web.console.shell import zone_of
from wardkeep.web.page import Download, Page, PageRoute, Visit

_FAMILIES: Final = {
    "": "All controls",
    "HSR-308*": "Administrative safeguards (164.308)",
    "HSR-310*": "Physical safeguards (164.310)",
    "HSR-312*": "Technical safeguards (164.312)",
    "HPR-*": "Privacy rule",
    "HBN-*": "Breach notification",
}


async def _room(visit: Visit) -> Page:
    today = visit.app.clock().day_in(zone_of(visit))
    known = visit.app.catalogue.controls
    head = await visit.app.ledger.head()
    values = {
        "families": [(each, words) for each, words in _FAMILIES.items() if _names(each, known)],
        "first": date(today.year, 1, 1).isoformat() if today.month > 1 else (today - timedelta(90)).isoformat(),
        "today": today.isoformat(),
        "limits": await read(visit, "evidence.limits"),
        "key": verifier_key_text(visit.app.ledger.verifier_key),
        "head": head.note.decode(),
        "size": head.size,
    }
    return Page(template="console/evidence.html", values=values)


def _names(family: str, known: Mapping[str, object]) -> bool:
    return not family or any(each.startswith(family[:-1]) for each in known)


async def _pack(visit: Visit) -> Page:
    family = visit.form.get("family", "")
    body: dict[str, object] = {
        "first": visit.form.get("first", ""),
        "last": visit.form.get("last", ""),
        "controls": [family] if family in _FAMILIES and family else [],
        "reason": visit.form.get("reason", ""),
    }
    told = await change(visit, "evidence.pack", (), body)
    # In a thread: tables, OSCAL and the printed report take longer than a call beside them may wait.
    contents, manifest = await asyncio.to_thread(_made, told, is_printed=visit.form.get("pdf") == "on")
    bound = await change(visit, "evidence.bind", (), {"sha256": sha256(manifest).hexdigest()})
    whole = {**contents, "manifest.json": manifest, "manifest.proof": str(bound["proof"]).encode()}
    archive = await asyncio.to_thread(_archive, whole)
    name = f"wardkeep-evidence-{bound['ledger_index']}.zip"
    return Page(download=Download(name=name, kind="application/zip", body=archive))


def _made(told: Mapping[str, Any], *, is_printed: bool) -> tuple[dict[str, bytes], bytes]:
    facts = msgspec.json.decode(msgspec.json.encode(told))
    contents = pack_contents(facts, is_printed=is_printed)
    return contents, pack_manifest(facts, contents)


def _archive(whole: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in sorted(whole.items()):
            archive.writestr(zipfile.ZipInfo(f"evidence/{name}"), body, zipfile.ZIP_DEFLATED)
    return out.getvalue()


async def _key(visit: Visit) -> Page:
    text = verifier_key_text(visit.app.ledger.verifier_key) + "\n"
    return Page(download=Download(name="ledger.pub", kind="text/plain; charset=utf-8", body=text.encode()))


EVIDENCE_PAGES: Final = (
    PageRoute(method="GET", path="/evidence", handler=_room, permission=Permission.LEDGER_READ),
    PageRoute(method="POST", path="/evidence/pack", handler=_pack, permission=Permission.LEDGER_READ),
    PageRoute(method="POST", path="/evidence/key", handler=_key, permission=Permission.LEDGER_READ),
)
