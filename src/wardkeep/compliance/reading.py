"""Reading the audit is audited (45 CFR 164.312(b), 164.308(a)(1)(ii)(D)).

The `read` entry is durable before anything is shown. Headers hold no prompts but count as PHI; opening a sealed payload
is a disclosure inside the organisation and needs a reason in words, which is sealed. Without a purpose surrogates
stay; with one, and the permission, originals are seen, and the entry says that they were revealed and for what.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from wardkeep.audit.entry import decode
from wardkeep.audit.ledger import Entry, Head, Ledger
from wardkeep.compliance.entries import EntryMaker, peek
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import Kind
from wardkeep.compliance.revealing import HIDDEN, MASKED, masked_answer, masked_request, withheld
from wardkeep.compliance.terms import clean_reason, invalid, require
from wardkeep.compliance.usage import Adding, account
from wardkeep.model.access import Purpose
from wardkeep.model.part2 import NOTICE
from wardkeep.model.reasons import Reason
from wardkeep.model.registry import Person
from wardkeep.policy.roles import Permission

MOST_HEADERS: Final = 500
# What was refused for want of a consent was such a record.
_PART2: Final = frozenset({Reason.SUBSTANCE_USE_CONSENT_MISSING.value, Reason.CONSENT_RECIPIENT_NOT_NAMED.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """Stored headers, exactly as in the leaves, and the index of the `read` entry made for showing them."""

    headers: Sequence[bytes]
    read_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One opened entry: never logged, shown to one person once. `read_index` is the entry that records it."""

    header: bytes
    content: object
    read_index: int
    notice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReader:
    """The only way to the ledger's content for people."""

    ledger: Ledger
    entries: EntryMaker

    async def head(self, *, by: Person) -> Head:
        """Return the signed head; it names no entry, so showing it is not recorded. Raises NotAllowed."""
        require(by, Permission.LEDGER_READ)
        return await self.ledger.head()

    async def headers(self, *, by: Person, start: int, stop: int) -> Headers:
        """Return headers with start <= index < stop.

        Raises:
            NotAllowed: no permission, or the range is empty or too long.
            LedgerUnavailable: the read could not be recorded, so nothing is shown.
        """
        require(by, Permission.LEDGER_READ)
        if not 0 <= start < stop <= start + MOST_HEADERS:
            raise invalid("range", f"from 0 on, 1 to {MOST_HEADERS} entries")
        index = await self._record(by, {"action": "headers", "from": start, "to": stop}, b"{}")
        return Headers(headers=[entry.header async for entry in self.ledger.scan(start, stop)], read_index=index)

    async def account(self, *, by: Person, into: Adding) -> int:
        """Add up what calls used; return the index of the `read` entry.

        Raises:
            NotAllowed: no permission.
            LedgerUnavailable: the read could not be recorded, so nothing is added up.
        """
        require(by, Permission.LEDGER_READ)
        detail: dict[str, str | int | bool] = {
            "action": "usage", "from": into.first.isoformat(), "to": into.last.isoformat()
        }  # fmt: skip
        index = await self._record(by, detail, b"{}")
        await account(self.ledger, index, into)
        return index

    async def open(self, *, by: Person, index: int, reason: str, purpose: Purpose | None = None) -> Content:
        """Return one entry's content: with a `purpose` the originals of a call, without one the surrogates.

        Raises:
            NotAllowed: no permission, no reason, no such entry or nothing sealed in it.
            LedgerUnavailable: the read could not be recorded, so nothing is shown.
            EntryUnopenable: the payload does not open; the attempt stands recorded.
        """
        require(by, Permission.LEDGER_OPEN)
        if purpose is not None:
            require(by, Permission.IDENTITY_REVEAL)
        words = clean_reason(reason)
        entry = await self.ledger.read(index) if index >= 0 else None
        if entry is None or entry.payload is None:
            raise NotAllowed(
                "not_found",
                what="There is no sealed content at this index.",
                why="The ledger is shorter, or the entry has a header only.",
                fix="`wardkeep audit list` shows the entries.",
                status=404,
            )
        sealed_reason = msgspec.json.encode({"reason": words})
        detail: dict[str, str | int | bool] = {"action": "open", "entry": index}
        if purpose is not None:
            detail["reveals"] = True
        read_index = await self._record(by, detail, sealed_reason, purpose)
        plaintext = await self.entries.content(entry.header, entry.payload)
        kind = peek(entry.header).type
        is_plain = purpose is not None or kind not in MASKED
        return Content(
            header=entry.header,
            content=presented(kind, plaintext) if is_plain else await self._masked(entry, plaintext),
            read_index=read_index,
            notice=await self._notice(entry),
        )

    async def note_reading(self, by: Person, detail: dict[str, str | int | bool], reason: str) -> int:
        """Record that somebody is shown what `detail` says, before it is shown; return the entry's index.

        Raises:
            NotAllowed: no permission.
            LedgerUnavailable: the read could not be recorded, so nothing is shown.
        """
        require(by, Permission.LEDGER_READ)
        return await self._record(by, detail, msgspec.json.encode({"reason": reason}))

    async def _notice(self, entry: Entry) -> str | None:
        """Return the statement that goes with substance use disorder records (42 CFR 2.32(a)), answers to them too."""
        header = decode(entry.header)
        if header.parent is not None:
            request = await self._request_of(header.parent)
            header = header if request is None else decode(request.header)
        is_part2 = header.decision in _PART2 or (header.detail is not None and header.detail.get("p2") is True)
        return NOTICE if is_part2 else None

    async def _request_of(self, parent: str) -> Entry | None:
        call = bytes.fromhex(parent)
        at = (await self.ledger.indices_of([call])).get(call)
        return await self.ledger.read(at) if at is not None else None

    async def _masked(self, entry: Entry, plaintext: bytes) -> object:
        """Return what of a call is seen without re-identifying anybody."""
        header = decode(entry.header)
        if header.type == "request":
            return masked_request(plaintext)
        if header.type != "response" or header.parent is None or header.seq:
            return withheld(plaintext)
        request = await self._request_of(header.parent)
        if request is None or request.payload is None:
            return withheld(plaintext)
        return masked_answer(plaintext, await self.entries.content(request.header, request.payload))

    async def _record(
        self, by: Person, detail: dict[str, str | int | bool], payload: bytes, purpose: Purpose | None = None
    ) -> int:
        draft = self.entries.draft(
            "read",
            actor=f"person:{by.id}",
            detail=detail,
            payload=payload,
            purpose=None if purpose is None else purpose.value,
        )
        return (await self.ledger.append([draft]))[0].index


def presented(kind: str, plaintext: bytes) -> object:
    """Return the payload as JSON can carry it: control and read are JSON, requests MessagePack, answers text."""
    try:
        if kind == "control":
            return _without_secrets(msgspec.json.decode(plaintext))
        if kind == "read":
            return msgspec.json.decode(plaintext)
        if kind in {"request", "refusal"}:
            return _printable(msgspec.msgpack.decode(plaintext))
    except msgspec.DecodeError:
        return _printable(plaintext)
    return _printable(plaintext)


def _without_secrets(payload: Any) -> Any:
    """Return a control payload without credential MACs, sealed credentials and logins: a reader has no use for them."""
    changes = payload.get("changes", []) if isinstance(payload, dict) else []
    for change in changes:
        record = change["record"]
        if change["kind"] in {Kind.SECRETS, Kind.LOGINS, Kind.OFFLINE_CODES} and record is not None:
            change["record"] = HIDDEN
        elif isinstance(record, dict):
            if isinstance(record.get("sign_on"), dict):
                record["sign_on"]["secret"] = HIDDEN
            record.update(
                {name: HIDDEN for name in ("mac", "credential_mac", "ticket_mac") if record.get(name) is not None}
            )
    return payload


def _printable(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {str(_printable(key)): _printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_printable(item) for item in value]
    return value
