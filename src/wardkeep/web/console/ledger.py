"""The ledger explorer: look for entries by filters in the address, see one call's life, check it, open it, export.

Looking, opening and exporting are readings, and each is an entry before anything is shown. Opening takes a fresh second
factor and a reason in words.
"""

import csv
import hashlib
import io
from base64 import b64encode
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import msgspec

from wardkeep.audit.entry import StoredHeader, decode
from wardkeep.audit.errors import DraftMalformed
from wardkeep.compliance.entries import peek
from wardkeep.compliance.exploring import FIELDS, Found, Life, Wanted, find, life_of, prove, record_export
from wardkeep.compliance.reading import Content
from wardkeep.compliance.rights import about_entry
from wardkeep.compliance.terms import invalid
from wardkeep.model.access import Purpose
from wardkeep.model.document import apply
from wardkeep.model.reasons import EXPLANATIONS, Reason
from wardkeep.model.registry import Registry
from wardkeep.policy.roles import Permission
from wardkeep.web.console.shell import here_of, local, may, stepped_up, who, zone_of
from wardkeep.web.page import Download, Page, PageRoute, Visit

_A_PAGE: Final = 50
_AN_EXPORT: Final = 5_000
_TYPES: Final = (
    "request", "response", "segment", "aborted", "refusal", "control", "read", "session", "alarm", "start", "canary",
)  # fmt: skip
_COLUMNS: Final = (
    "index", "at", "type", "actor", "workspace", "purpose", "subject", "route", "vendor", "deployment", "model",
    "region", "baa", "decision", "status", "tokens_in", "tokens_out", "parent", "id",
)  # fmt: skip
_SAYS: Final = {
    "request": "A call was permitted, and recorded before the vendor heard of it.",
    "response": "The vendor's answer; it was released after this entry was durable.",
    "segment": "A piece of a streamed answer; it was released after this entry was durable.",
    "aborted": "A call ended without a whole answer; the entry says how much was released.",
    "refusal": "A call or a change was refused, with its reason.",
    "control": "A change of what is permitted; it took effect after this entry was durable.",
    "read": "Somebody was shown content of the ledger.",
    "start": "The instance started.",
    "canary": "The instance's own proof that entries are written and can be read back.",
    "session": "Somebody signed in or out, or showed their second factor.",
    "alarm": "The watch over the record raised or cleared an alarm.",
}


def wanted_of(sent: Mapping[str, str]) -> Wanted:
    """Return the filters of an address. Raises NotAllowed."""
    day = sent.get("day", "").strip()
    try:
        on = date.fromisoformat(day) if day else None
    except ValueError:
        raise invalid("day", "given as YYYY-MM-DD") from None
    fields = {name: value for name in FIELDS if (value := sent.get(name, "").strip()) and len(value) <= 200}
    return Wanted(fields=fields, day=on)


async def _list(visit: Visit) -> Page:
    person, _ = who(visit)
    before = _whole(visit.query["before"]) if visit.query.get("before") else None
    wanted = wanted_of(visit.query)
    api = visit.app.api
    found = await find(
        visit.app.ledger, api.reader, by=person, wanted=wanted, before=before, most=_A_PAGE, zone=zone_of(visit)
    )
    known = visit.registry
    filters = {**dict.fromkeys(FIELDS, ""), **wanted.fields, "day": wanted.day.isoformat() if wanted.day else ""}
    values = {
        "filters": filters,
        "is_filtered": not wanted.is_all,
        "types": _TYPES,
        "vendors": sorted(known.vendors),
        "workspaces": sorted(known.workspaces),
        "routes": sorted(known.routes),
        "agreements": sorted(known.agreements),
        "purposes": ("TREAT", "HPAYMT", "HOPERAT", "HRESCH", "ETREAT"),
        "rows": [_row(header, zone_of(visit)) for header in found.headers],
        "looked": _looked(found),
        "older": None if found.older is None else here_of(visit, before=str(found.older)),
        "newest": here_of(visit, before="") if before is not None else None,
        "hidden": {name: value for name, value in filters.items() if value},
        "before": visit.query.get("before", ""),
    }
    return Page(template="console/ledger.html", values=values)


def _looked(found: Found) -> dict[str, int]:
    return {"from": found.looked_from, "to": max(found.looked_from, found.looked_to - 1), "size": found.size,
            "count": found.looked_to - found.looked_from, "read": found.read_index}  # fmt: skip


def _row(header: bytes, zone: str) -> dict[str, Any]:
    try:
        entry = decode(header)
    except DraftMalformed:
        return {"index": -1, "type": "unreadable", "at": local("1970-01-01T00:00:00Z", zone), "actor": "", "what": "",
                "vendor": "", "purpose": "", "decision": "", "is_bad": True}  # fmt: skip
    return {
        "index": entry.index,
        "type": entry.type,
        "at": local(entry.at, zone),
        "actor": entry.actor or "",
        "what": _what(entry),
        "vendor": entry.vendor or "",
        "purpose": entry.purpose or "",
        "decision": entry.decision or "",
        "is_bad": entry.type in {"refusal", "aborted"} or (entry.type == "alarm" and entry.decision == "raised"),
    }


def _what(entry: StoredHeader) -> str:
    detail = entry.detail or {}
    match entry.type:
        case "request" | "refusal" if entry.route:
            return str(entry.route)
        case "response" | "aborted" | "segment":
            return f"call {entry.parent or ''}"[:18]
        case "control":
            return f"{detail.get('action', '')} {detail.get('changed', '')}"
        case "alarm":
            return str(detail.get("alarm", ""))
        case _:
            return str(detail.get("action", entry.surface or ""))


# ---- one entry -------------------------------------------------------------------------------------------------------


async def _entry(visit: Visit) -> Page:
    person, _ = who(visit)
    index = _whole(visit.words[0])
    life = await life_of(visit.app.ledger, visit.app.api.reader, by=person, index=index)
    proof = await prove(visit.app.ledger, index) if visit.query.get("check") == "1" else None
    values = {
        **_told(visit, life),
        "proof": proof,
        "purposes": [each.value for each in Purpose] if may(visit, Permission.IDENTITY_REVEAL) else [],
        "may_open": may(visit, Permission.LEDGER_OPEN) and life.payload_bytes is not None,
        "opened": None,
    }
    return Page(template="console/entry.html", values=values)


def _told(visit: Visit, life: Life) -> dict[str, Any]:
    zone, header = zone_of(visit), life.header
    about = life.request if life.request is not None else header
    agreement = visit.registry.agreements.get(about.baa or "")
    reason = next((each for each in Reason if each.value == header.decision), None)
    detail = about.detail or {}
    hidden = [part.partition("=") for part in str(detail.get("hidden", "")).split(",") if "=" in part]
    end = None
    if life.request is not None and life.closing is not None:
        end = {
            "index": life.closing.index,
            "at": local(life.closing.at, zone),
            "decision": life.closing.decision,
            "status": life.closing.status,
            "tokens_in": life.closing.tokens_in,
            "tokens_out": life.closing.tokens_out,
            "released": (life.closing.detail or {}).get("released_bytes"),
        }
    return {
        "index": header.index,
        "entry": header,
        "says": _SAYS.get(header.type, ""),
        "at": local(header.at, zone),
        "about": about,
        "about_at": local(about.at, zone),
        "is_call": about.type == "request",
        "who": _who(visit, about),
        "why": None if reason is None else EXPLANATIONS[reason],
        "agreement": agreement,
        "hidden": [{"name": name, "count": count} for name, _, count in hidden],
        "features": [each for each in str(detail.get("features", "")).split(",") if each],
        "detail": sorted((header.detail or {}).items()),
        "segments": life.segments,
        "end": end,
        "is_whole": life.is_whole,
        "raw": life.raw.decode(errors="replace"),
        "leaf_hash": life.leaf_hash.hex(),
        "payload_bytes": life.payload_bytes,
        "size": life.size,
        "read": life.read_index,
        "previous": header.index - 1 if header.index else None,
        "next": header.index + 1 if header.index + 1 < life.size else None,
    }


def _who(visit: Visit, about: StoredHeader) -> dict[str, Any]:
    kind, _, name = (about.actor or "").partition(":")
    key = visit.registry.keys.get(name) if kind == "key" else None
    detail = about.detail or {}
    return {
        "actor": about.actor or "",
        "key": None if key is None else key.name,
        "application": None if key is None else key.application,
        "owner": detail.get("owner") or (None if key is None else key.owner),
        "person": detail.get("person") or (name if kind == "person" else None),
        "assurance": detail.get("assurance"),
    }


async def _open(visit: Visit) -> Page:
    """Show what is sealed: a disclosure inside the organisation, with a reason, after a fresh second factor."""
    person = stepped_up(visit)
    index, reader = _whole(visit.words[0]), visit.app.api.reader
    stated = visit.form.get("purpose", "")
    purpose = next((each for each in Purpose if each.value == stated), None)
    shown = await reader.open(by=person, index=index, reason=visit.form.get("reason", ""), purpose=purpose)
    life = await life_of(visit.app.ledger, reader, by=person, index=index)
    values = {
        **_told(visit, life),
        "proof": None,
        "may_open": False,
        "opened": opened_of(visit.registry, index, shown),
        "opened_as": shown.read_index,
    }
    return Page(template="console/entry.html", values=values)


def opened_of(registry: Registry, index: int, shown: Content) -> dict[str, Any]:
    """Return what was sealed, with what goes with it wherever it is read.

    That is what individuals asked to have amended (45 CFR 164.526(c)(1), (d)(5)) and the statement of 42 CFR 2.32.
    """
    return {
        **_opened(peek(shown.header).type, shown.content),
        "amendments": about_entry(registry, index),
        "notice": shown.notice,
    }


def _opened(kind: str, content: object) -> dict[str, Any]:
    """Return what was sealed as a page shows it: for a call what was asked beside what the vendor was sent."""
    if kind in {"request", "refusal"} and isinstance(content, dict) and isinstance(content.get("asked"), str):
        asked = content["asked"].encode()
        edits = content.get("edits")
        sent = None
        if isinstance(edits, list):
            made = [(start, stop, new.encode() if isinstance(new, str) else b"?") for start, stop, new in edits]
            sent = _pretty(apply(asked, made))
        restored = content.get("hidden")
        names = sorted(restored.items()) if isinstance(restored, dict) else []
        return {"asked": _pretty(asked), "sent": sent, "names": names, "subject": content.get("subject"), "text": None}
    text = content if isinstance(content, str) else msgspec.json.format(msgspec.json.encode(content)).decode()
    return {"asked": None, "sent": None, "names": [], "subject": None, "text": text}


def _pretty(raw: bytes) -> str:
    try:
        return msgspec.json.format(raw).decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return raw.decode(errors="replace")


async def _proof(visit: Visit) -> Page:
    """Give the proof as a file that `wardkeep verify` checks anywhere."""
    person, _ = who(visit)
    index = _whole(visit.words[0])
    found = await prove(visit.app.ledger, index)
    digest = hashlib.sha256(found.text).hexdigest()
    await record_export(visit.app.api.reader, by=person, rows=1, start=index, stop=index + 1, sha256=digest)
    name = f"wardkeep-entry-{index}.tlog-proof"
    return Page(download=Download(name=name, kind="application/octet-stream", body=found.text))


# ---- export ----------------------------------------------------------------------------------------------------------


async def _export(visit: Visit) -> Page:
    """Give what the filters find as a file; its hash is on record before it leaves."""
    person, _ = who(visit)
    before = _whole(visit.form["before"]) if visit.form.get("before") else None
    wanted = wanted_of(visit.form)
    ledger, reader = visit.app.ledger, visit.app.api.reader
    found = await find(ledger, reader, by=person, wanted=wanted, before=before, most=_AN_EXPORT, zone=zone_of(visit))
    is_csv = visit.form.get("format") == "csv"
    body = _csv(found) if is_csv else await _signed_json(visit, found, wanted)
    index = await record_export(
        reader, by=person, rows=len(found.headers), start=found.looked_from, stop=found.looked_to,
        sha256=hashlib.sha256(body).hexdigest(),
    )  # fmt: skip
    name = f"wardkeep-ledger-export-{index}.{'csv' if is_csv else 'json'}"
    return Page(
        download=Download(name=name, kind="text/csv; charset=utf-8" if is_csv else "application/json", body=body)
    )


def _csv(found: Found) -> bytes:
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(_COLUMNS)
    for header in found.headers:
        row = msgspec.json.decode(header)
        table.writerow([cell(row.get(name)) for name in _COLUMNS])
    return out.getvalue().encode()


def cell(value: object) -> str:
    """Return a value as a cell that no spreadsheet takes for a formula (OWASP "CSV injection")."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} and not text.lstrip("-").isdigit() else text


async def _signed_json(visit: Visit, found: Found, wanted: Wanted) -> bytes:
    """Return the exact leaves and the signed head of the log they are in."""
    head = await visit.app.ledger.head()
    return msgspec.json.format(
        msgspec.json.encode(
            {
                "format": "wardkeep.ledger-export.v1",
                "wanted": {**wanted.fields, "day": None if wanted.day is None else wanted.day.isoformat()},
                "looked_from": found.looked_from,
                "looked_to": found.looked_to,
                "entries": [
                    {"header": msgspec.Raw(header), "leaf": b64encode(header).decode()} for header in found.headers
                ],
                "checkpoint": head.note.decode(),
                "check": "`leaf` is the Merkle leaf byte by byte (RFC 6962); `checkpoint` is signed by the log. "
                "`wardkeep verify --prove INDEX` proves each entry against it; the entry that this file is named after "
                "holds this file's SHA-256.",
            }
        )
    )


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise invalid("index", "a whole number")
    return int(text)


LEDGER_ROUTES: Final = (
    PageRoute(method="GET", path="/ledger", handler=_list, permission=Permission.LEDGER_READ),
    PageRoute(method="POST", path="/ledger", handler=_export, permission=Permission.LEDGER_READ),
    PageRoute(method="GET", path="/ledger/{}", handler=_entry, permission=Permission.LEDGER_READ),
    PageRoute(method="POST", path="/ledger/{}/open", handler=_open, permission=Permission.LEDGER_OPEN),
    PageRoute(method="POST", path="/ledger/{}/proof", handler=_proof, permission=Permission.LEDGER_READ),
)
