"""Emergency mode: care goes on while the ledger cannot be written (45 CFR 164.308(a)(7)(ii)(C), 164.312(a)(2)(ii)).

Only while it cannot, declared by two officers or by one with a code of their sealed envelope, for a time; then calls of
people who broke the glass, never of keys alone, are recorded in the spool on a second path (`audit.spool`). They pass
the same gate as ever: what changes is where the record waits. When the ledger takes records again, all that waits is
appended before anything else, in its order, each entry marked with its number in the spool. The declaration, each
breaking of the glass and the end are entries like any other, and wait in the same spool.

What is declared is kept in memory: a process that starts needs the ledger, and then there is no such emergency.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

import msgspec

from wardkeep.audit.entry import Draft, spooled
from wardkeep.audit.errors import LedgerTimeout, LedgerUnavailable, StaleFacts
from wardkeep.audit.ledger import StoredLedger
from wardkeep.audit.spool import Spool, Spooled
from wardkeep.audit.subjects import SubjectKeys
from wardkeep.compliance.control import Control
from wardkeep.compliance.entries import EntryMaker
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import Change, encode_payload
from wardkeep.compliance.terms import clean_reason, invalid, require, unknown
from wardkeep.crypto.errors import KeyDestroyed
from wardkeep.model.instant import Instant
from wardkeep.model.registry import Person
from wardkeep.policy.roles import Permission

T = TypeVar("T")

DEADLINE_SECONDS: Final = 2.0
_MERGE_SECONDS: Final = 60.0
CONFIRM_WITHIN: Final = timedelta(minutes=30)
_SHORTEST_MINUTES: Final = 5
_LONGEST_MINUTES: Final = 240
_SHOW: Final = "wardkeep emergency show"
# What people may change meanwhile: who may see more, which is on record at once; nothing that opens a road.
_CHANGES: Final = frozenset({"glass.begin", "glass.end"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One emergency: asked for by somebody, open once `until` is set, over when it has ended or its time is up."""

    id: str
    asked_by: str
    asked_at: datetime
    minutes: int
    opened_by: str | None = None
    until: datetime | None = None
    ended_at: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether calls are taken under it."""
        return self.until is not None and self.ended_at is None and now < self.until

    def waits(self, now: datetime) -> bool:
        """Whether a second person may still confirm it."""
        return self.until is None and self.ended_at is None and now < self.asked_at + CONFIRM_WITHIN


class _Parent(msgspec.Struct, frozen=True):
    parent: str | None = None


@dataclass(slots=True, kw_only=True)
class Emergency:
    """What is declared, and what waits in the spool. One an instance, on the keeper's event loop."""

    spool: Spool | None
    ledger: StoredLedger
    subjects: SubjectKeys
    control: Control
    entries: EntryMaker
    clock: Callable[[], Instant]
    current: Declared | None = None
    damaged_at: int | None = None
    _waits: bool = False
    _calls: set[str] = field(default_factory=set)
    _writer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "wardkeep-spool"))
    _running: "asyncio.Future[object] | None" = None
    _merging: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def waiting(self) -> int:
        """How many appends wait in the spool."""
        return self.spool.size if self.spool is not None else 0

    @property
    def is_alarming(self) -> bool:
        """Whether an officer has to know: it is asked for or open, records wait, or some were lost."""
        now, current = self.clock().wall, self.current
        return (
            self._waits
            or self.damaged_at is not None
            or (current is not None and (current.is_open(now) or current.waits(now)))
        )

    @property
    def stands_in(self) -> bool:
        """Whether records go into the spool now: the ledger takes none, and an emergency is open or ends its calls."""
        current = self.current
        is_open = current is not None and current.is_open(self.clock().wall)
        return (is_open or bool(self._calls)) and not self.ledger.writable

    # ---- what people do ---------------------------------------------------------------------------------------------

    async def declare(self, by: Person, *, minutes: int, reason: str, spent: Sequence[Change]) -> Declared:
        """Ask for an emergency; with a spent code of the sealed envelope it is open at once.

        Raises:
            NotAllowed: no permission, the ledger takes records, one stands already, no spool, a bound.
            LedgerUnavailable: the spool takes no record either, so nothing is declared.
        """
        require(by, Permission.INCIDENT_CHANGE)
        now, words = self.clock().wall, clean_reason(reason)
        self._require_needed()
        if not _SHORTEST_MINUTES <= minutes <= _LONGEST_MINUTES:
            raise invalid("time box", f"{_SHORTEST_MINUTES} to {_LONGEST_MINUTES} minutes")
        if self.current is not None and (self.current.is_open(now) or self.current.waits(now)):
            raise _wrong_status("An emergency is declared already.")
        asked = Declared(id=f"em-{secrets.token_hex(6)}", asked_by=by.id, asked_at=now, minutes=minutes)
        if spent:
            asked = replace(asked, opened_by=by.id, until=now + timedelta(minutes=minutes))
        await self._record(by.id, "emergency.declare", words, spent, asked)
        self.control.show(spent)
        self.current = asked
        return asked

    async def confirm(self, by: Person, *, name: str, reason: str) -> Declared:
        """Open it as the second person. Raises as `declare`."""
        require(by, Permission.INCIDENT_CHANGE)
        words, current, now = clean_reason(reason), self.current, self.clock().wall
        self._require_needed()
        if current is None or current.id != name or not current.waits(now):
            raise unknown("emergency that waits for a second person", _SHOW)
        if by.id == current.asked_by:
            raise NotAllowed(
                "second_person_required",
                what="Who asks for an emergency does not confirm it.",
                why="One person alone would take the record off its usual path (45 CFR 164.308(a)(7)).",
                fix="Ask another officer, or declare it with a code of your sealed envelope.",
            )
        opened = replace(current, opened_by=by.id, until=now + timedelta(minutes=current.minutes))
        await self._record(by.id, "emergency.confirm", words, (), opened)
        self.current = opened
        return opened

    async def end(self, by: Person, *, reason: str) -> Declared:
        """End it before its time; calls under way are still closed in the spool. Raises as `declare`."""
        require(by, Permission.INCIDENT_CHANGE)
        words, current, now = clean_reason(reason), self.current, self.clock().wall
        if current is None or not (current.is_open(now) or current.waits(now)):
            raise unknown("emergency", _SHOW)
        ended = replace(current, ended_at=now)
        await self._record(by.id, "emergency.end", words, (), ended)
        self.current = ended
        return ended

    # ---- what is recorded meanwhile ---------------------------------------------------------------------------------

    async def keep_change(self, action: str, draft: Draft) -> bool:
        """Put a change into the spool where an emergency allows it; return whether it was. Raises LedgerUnavailable."""
        current = self.current
        if action not in _CHANGES or current is None or not current.is_open(self.clock().wall) or not self.stands_in:
            return False
        await self.append([Spooled([draft])])
        return True

    def refusal(self, drafts: Sequence[Draft], *, is_break_glass: bool) -> LedgerUnavailable | StaleFacts | None:
        """Return why these drafts may not wait in the spool, or None: they open or go on with a call that may."""
        if all(draft.kind != "request" for draft in drafts):
            mine = all(_call_of(draft) in self._calls for draft in drafts)
            return None if mine else LedgerUnavailable("the ledger is down, and this call is none of the emergency")
        current = self.current
        if current is None or not current.is_open(self.clock().wall) or not is_break_glass:
            return LedgerUnavailable("the ledger is down; in an emergency only people who broke the glass are served")
        if any(draft.facts_epoch is not None and draft.facts_epoch < self.control.registry.epoch for draft in drafts):
            return StaleFacts("the facts are older than the newest change")
        return None

    async def append(self, given: Sequence[Spooled]) -> list[int]:
        """Make appends durable in the spool; return their numbers.

        Raises:
            LedgerUnavailable: neither ledger nor spool takes them, or the spool does not answer in time.
        """
        spool = self.spool
        if spool is None:
            raise LedgerUnavailable("the ledger is down, and no spool is set")
        async with self._merging:  # what is merged is removed: nothing may be added meanwhile
            self._waits = True
            numbers = await self._in_thread(lambda: spool.append(given))
        for draft in (draft for each in given for draft in each.drafts):
            if draft.kind == "request":
                self._calls.add(draft.id.hex())
            elif draft.closes is not None:
                self._calls.discard(draft.closes.hex())
        return numbers

    # ---- the merge --------------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Append to the ledger what waits, if anything does and the ledger takes records. Raises LedgerError."""
        if not self._waits or not self.ledger.writable:
            return
        async with self._merging:
            if self._waits:
                await self._merge()

    async def begin(self) -> None:
        """Merge what an earlier process left in the spool. Raises LedgerError."""
        self._waits = self.spool is not None
        await self.settle()

    async def close(self) -> None:
        """Release the spool; what waits there is merged at the next start."""
        if self.spool is not None:
            await asyncio.to_thread(self.spool.close)
        self._writer.shutdown(wait=False)

    async def _merge(self) -> None:
        spool = self.spool
        if spool is None:
            return
        waiting, damaged_at = await self._in_thread(spool.read, within_seconds=_MERGE_SECONDS)
        there = await self.ledger.indices_of([draft.id for each in waiting for draft in each.drafts])
        for number, each in enumerate(waiting):
            await self._take_up(number, each, frozenset(there))
        if waiting or damaged_at is not None:
            detail: dict[str, str | int | bool] = {"merged": len(waiting), "already_there": len(there)}
            if damaged_at is not None:
                detail["damaged_at"] = damaged_at
            await self._note("emergency.merged", detail)
        self.damaged_at = self.damaged_at if damaged_at is None else damaged_at
        await self._in_thread(spool.clear if damaged_at is None else spool.put_aside)
        self._calls.clear()
        self._waits = False

    async def _take_up(self, number: int, each: Spooled, there: frozenset[bytes]) -> None:
        if each.key is not None:
            try:
                await self.subjects.keep([each.key])
            except KeyDestroyed:
                return  # its subject was shredded meanwhile: what is sealed under it can never be read again
        drafts = [spooled(draft, number) for draft in each.drafts if draft.id not in there]
        if len(drafts) == 1 and drafts[0].kind == "control":
            await self.control.take_up(drafts[0])
        elif drafts:
            await self.ledger.append(drafts)

    async def _note(self, action: str, detail: dict[str, str | int | bool]) -> None:
        payload = encode_payload(action, "the ledger takes records again", ())
        await self.control.take_up(
            self.entries.draft("control", actor="host", detail={"action": action, **detail}, payload=payload)
        )

    # ---- within -----------------------------------------------------------------------------------------------------

    def _require_needed(self) -> None:
        if self.spool is None:
            raise NotAllowed(
                "emergency_not_set_up",
                what="This instance has no second path for records.",
                why="Without a record of it nothing is sent, in an emergency neither (45 CFR 164.312(b)).",
                fix="Follow the downtime procedure (docs/downtime.md). For the next time set `ledger.spool`.",
                status=409,
            )
        if self.ledger.writable:
            raise _wrong_status("The ledger takes records, so there is nothing to declare.")

    async def _record(self, by: str, action: str, reason: str, changes: Sequence[Change], declared: Declared) -> None:
        detail: dict[str, str | int | bool] = {"action": action, "emergency": declared.id, "minutes": declared.minutes}
        if changes:
            detail["proof"] = "offline_code"
        payload = encode_payload(action, reason, changes)
        draft = self.entries.draft("control", actor=f"person:{by}", detail=detail, payload=payload)
        if self.ledger.writable:
            await self.control.take_up(draft)
        else:
            await self.append([Spooled([draft])])

    async def _in_thread(self, work: Callable[[], T], *, within_seconds: float = DEADLINE_SECONDS) -> T:
        """Run in the spool's thread; a disk that hangs refuses who waits, and whoever comes until it answers."""
        if self._running is not None and not self._running.done():
            raise LedgerUnavailable("the spool's disk does not answer")
        running = asyncio.get_running_loop().run_in_executor(self._writer, work)
        self._running = running  # type: ignore[assignment]  # one T a call
        try:
            async with asyncio.timeout(within_seconds):
                return await asyncio.shield(running)
        except TimeoutError as error:
            raise LedgerTimeout("the spool's disk does not answer") from error


def view(emergency: Emergency) -> dict[str, object]:
    """Return it as it is shown."""
    now, current = emergency.clock().wall, emergency.current
    return {
        "is_set_up": emergency.spool is not None,
        "ledger_writable": emergency.ledger.writable,
        "waiting": emergency.waiting,
        "damaged_at": emergency.damaged_at,
        "emergency": None if current is None else declared_view(current, now),
    }


def declared_view(declared: Declared, now: datetime) -> dict[str, object]:
    """Return one emergency as it is shown."""
    return {
        "id": declared.id,
        "asked_by": declared.asked_by,
        "asked_at": declared.asked_at.isoformat(),
        "minutes": declared.minutes,
        "opened_by": declared.opened_by,
        "until": None if declared.until is None else declared.until.isoformat(),
        "ended_at": None if declared.ended_at is None else declared.ended_at.isoformat(),
        "is_open": declared.is_open(now),
        "waits_for_second_person": declared.waits(now),
    }


def _call_of(draft: Draft) -> str | None:
    """Return the request that a draft belongs to."""
    if draft.closes is not None:
        return draft.closes.hex()
    return msgspec.json.decode(draft.body, type=_Parent).parent


def _wrong_status(what: str) -> NotAllowed:
    return NotAllowed(
        "wrong_status",
        what=what,
        why="An emergency is for the time in which nothing can be recorded where it belongs.",
        fix=f"`{_SHOW}` shows how it stands.",
        status=409,
    )
