"""Handing entries over in a format of others: headers only, one `read` entry a job (45 CFR 164.312(b)).

The job's entry says format and range before the first line is shown; the pages that follow it stay inside that range.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from wardkeep.audit.formats import Producer, render
from wardkeep.audit.ledger import StoredLedger
from wardkeep.compliance.entries import EntryMaker
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.terms import clean_reason, invalid, require
from wardkeep.crypto.mac import is_equal, mac
from wardkeep.model.instant import Instant
from wardkeep.model.registry import Person
from wardkeep.model.sink import ExportFormat
from wardkeep.policy.roles import Permission

PAGE: Final = 1000
_LABEL: Final = b"audit-export-cursor"
_MAC_BYTES: Final = 16
_CURSOR_US: Final = 15 * 60 * 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPage:
    """Some lines of a job; `cursor` gives the next ones, None when there are none."""

    lines: Sequence[bytes]
    cursor: str | None
    read_index: int


class _Job(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    read_index: int
    form: ExportFormat
    next: int
    stop: int
    until_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """Exports of one ledger. `mac_key` binds a cursor to its person and job."""

    ledger: StoredLedger
    entries: EntryMaker
    mac_key: bytes
    clock: Callable[[], Instant]
    producer: Producer

    async def begin(self, *, by: Person, form: ExportFormat, start: int, stop: int | None, reason: str) -> ExportPage:
        """Record the job and return its first lines; without `stop` to the ledger's end.

        Raises:
            NotAllowed: no permission, no reason, or no such range.
            LedgerUnavailable: the job could not be recorded, so nothing is shown.
        """
        require(by, Permission.LEDGER_READ)
        words = clean_reason(reason)
        size = (await self.ledger.head()).size
        end = size if stop is None else stop
        if not 0 <= start < end <= size:
            raise invalid("range", f"0 or more, and at the most the ledger's {size} entries")
        detail: dict[str, str | int | bool] = {"action": "export", "format": form.value, "from": start, "to": end}
        payload = msgspec.json.encode({"reason": words})
        draft = self.entries.draft("read", actor=f"person:{by.id}", detail=detail, payload=payload)
        (receipt,) = await self.ledger.append([draft])
        until_us = self.clock().wall_us + _CURSOR_US
        return await self._page(by, _Job(read_index=receipt.index, form=form, next=start, stop=end, until_us=until_us))

    async def resume(self, *, by: Person, cursor: str) -> ExportPage:
        """Return the next lines of a job. Raises NotAllowed: the cursor is not this person's, or a quarter hour old."""
        require(by, Permission.LEDGER_READ)
        try:
            raw = base64.urlsafe_b64decode(cursor.encode("ascii"))
            job = msgspec.msgpack.decode(raw[_MAC_BYTES:], type=_Job)
        except (ValueError, msgspec.DecodeError):
            raise _stale() from None
        if not is_equal(raw[:_MAC_BYTES], self._mac(raw[_MAC_BYTES:], by)) or job.until_us < self.clock().wall_us:
            raise _stale()
        return await self._page(by, job)

    async def _page(self, by: Person, job: _Job) -> ExportPage:
        leaves = await self.ledger.leaves(job.next, min(job.stop, job.next + PAGE))
        following = job.next + len(leaves)
        cursor = None
        if leaves and following < job.stop:
            until_us = self.clock().wall_us + _CURSOR_US
            body = msgspec.msgpack.encode(msgspec.structs.replace(job, next=following, until_us=until_us))
            cursor = base64.urlsafe_b64encode(self._mac(body, by) + body).decode()
        lines = [render(job.form, header, hashed, self.producer) for header, hashed in leaves]
        return ExportPage(lines=lines, cursor=cursor, read_index=job.read_index)

    def _mac(self, body: bytes, by: Person) -> bytes:
        return mac(self.mac_key, _LABEL, body, by.id.encode())[:_MAC_BYTES]


def _stale() -> NotAllowed:
    return NotAllowed(
        "cursor_invalid",
        what="This cursor does not continue this export.",
        why="It holds for one person and a quarter of an hour, because the export was recorded once.",
        fix="Begin the export again at the first entry that is missing.",
        status=400,
    )
