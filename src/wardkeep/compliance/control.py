"""The holder of the registry: every change is first a ledger entry, then applied, then published (DESIGN section 11).

Truth: the ledger. `control.db` is its reduction up to `applied_index`; at start later entries are replayed through the
same code. Freshness: the registry's epoch is the newest control entry's index + 1, and the ledger refuses whatever was
decided on an older one, so that a suspension holds from the next call on.

Lives in the keeper only. Changes are serialised, and planned against the registry that they will change.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from wardkeep.audit.entry import Draft
from wardkeep.audit.errors import LedgerTimeout, LedgerUnavailable, StaleFacts
from wardkeep.audit.ledger import Ledger
from wardkeep.compliance.entries import EntryMaker, peek
from wardkeep.compliance.errors import ControlAhead
from wardkeep.compliance.records import Change, apply, decode_payload, encode_payload, load, stamped, stored
from wardkeep.compliance.terms import clean_id, clean_reason
from wardkeep.model.registry import Registry
from wardkeep.storage.control_sqlite import NOTHING_APPLIED, ControlFile

Plan = Callable[[Registry], Sequence[Change]]
Keep = Callable[[str, Draft], Awaitable[bool]]
"""Puts a change elsewhere while the ledger is down, where that is allowed; says whether it was."""

WAITS: Final = -1
"""In place of an index: the entry waits in the spool of an emergency."""

# A header is bounded (`audit.entry.MAX_LEAF_BYTES`); what does not fit here is sealed in full all the same.
_MOST_NAMED: Final = 4
_LONGEST_NAME: Final = 40
_MOST_TRIES: Final = 3


class Control:
    """The current registry and the only way to change it. Make it with `open_control`."""

    def __init__(self, *, ledger: Ledger, store: ControlFile, entries: EntryMaker, registry: Registry) -> None:
        self._ledger = ledger
        self._store = store
        self._entries = entries
        self._registry = registry
        self._listeners: list[Callable[[Registry], None]] = []
        self._one_at_a_time = asyncio.Lock()
        self._keep: Keep = _nowhere
        self._settle: Callable[[], Awaitable[None]] = _nothing

    @property
    def registry(self) -> Registry:
        """What is true now. Never changed in place."""
        return self._registry

    def on_change(self, listener: Callable[[Registry], None]) -> None:
        """Call `listener` with each new registry, in order, on the event loop. It must not raise or block."""
        self._listeners.append(listener)

    def in_an_outage(self, *, keep: Keep, settle: Callable[[], Awaitable[None]]) -> None:
        """Ask `keep` when the ledger takes no change, and `settle` before each: what waits elsewhere comes first."""
        self._keep, self._settle = keep, settle

    async def change(self, *, by: str, action: str, reason: str, plan: Plan) -> int:
        """Record, apply and publish one change; return its ledger index, or `WAITS`.

        `plan` is asked for the changes while no other change can come between; it may be asked again.

        Raises:
            NotAllowed: `plan` refused, or the reason is not one line; nothing was recorded or changed.
            LedgerUnavailable: the ledger refused; nothing changed. With LedgerTimeout the entry may yet appear; then it
                is applied and published as any other.
            ControlNotApplied: the entry stands but the store failed: calls are refused until a restart replays it.
        """
        words = clean_reason(reason)
        clean_id(action, "action")
        await self._settle()
        async with self._one_at_a_time:
            for last in (False,) * (_MOST_TRIES - 1) + (True,):
                try:
                    return await self._commit(by, action, words, tuple(plan(self._registry)))
                except StaleFacts:
                    # An earlier change whose caller was told of a timeout has landed, and is published by now.
                    if last:
                        raise
        raise AssertionError("unreachable")

    async def refused(self, *, by: str, action: str, code: str) -> int | None:
        """Record that somebody was refused a change; return the index, or None while the ledger cannot be written."""
        draft = self._entries.draft("refusal", actor=by, decision=code, detail={"action": action}, payload=b"{}")
        try:
            return (await self._ledger.append([draft]))[0].index
        except LedgerUnavailable:
            # Nothing was changed and nothing shown, so the refusal itself may stand without its record (DESIGN 11).
            return None

    async def note_session(self, *, by: str, action: str, method: str) -> int:
        """Record a sign-in, a step-up or a session's end, before it takes effect (45 CFR 164.308(a)(5)(ii)(C)).

        Raises:
            LedgerUnavailable: it is not on record, so nobody is signed in.
        """
        draft = self._entries.draft("session", actor=by, detail={"action": action, "method": method}, payload=b"{}")
        return (await self._ledger.append([draft]))[0].index

    async def _commit(self, by: str, action: str, reason: str, changes: tuple[Change, ...]) -> int:
        draft = self._entries.draft(
            "control",
            actor=by,
            detail=_detail(action, changes),
            payload=encode_payload(action, reason, changes),
            facts_epoch=self._registry.epoch,
        )
        try:
            return await self._append(draft, changes)
        except LedgerUnavailable as error:
            # After a timeout the entry may yet appear, so that nothing else may stand for it.
            if isinstance(error, LedgerTimeout) or not await self._keep(action, draft):
                raise
            self.show(changes)
            return WAITS

    async def take_up(self, draft: Draft) -> int:
        """Append, apply and publish a change that waited elsewhere, from its own sealed payload; return its index.

        Raises:
            EntryUnopenable, RecordUnreadable: it cannot be read.
            LedgerUnavailable, ControlNotApplied: as `change`.
        """
        payload = b"" if draft.payload is None else draft.payload
        return await self._append(draft, decode_payload(self._entries.opened(draft.body, payload)))

    def show(self, changes: Sequence[Change]) -> None:
        """Have changes hold that wait elsewhere to be appended. Nothing is written here, and no epoch begins."""
        if changes:
            self._registry = apply(self._registry, changes, epoch=self._registry.epoch)
            for listener in self._listeners:
                listener(self._registry)

    async def _append(self, draft: Draft, changes: tuple[Change, ...]) -> int:
        loop = asyncio.get_running_loop()

        def apply_at(index: int) -> None:
            # In the ledger's thread, before anything later is committed; also when our caller gave up waiting.
            self._store.apply(index, *stored(stamped(changes, index)))
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._publish, index, changes)

        receipt = await self._ledger.append_control(draft, apply_at)
        self._publish(receipt.index, changes)
        return receipt.index

    def _publish(self, index: int, changes: Sequence[Change]) -> None:
        if index < self._registry.epoch:
            return
        self._registry = apply(self._registry, stamped(changes, index), epoch=index + 1)
        for listener in self._listeners:
            listener(self._registry)


async def open_control(*, ledger: Ledger, store: ControlFile, entries: EntryMaker) -> Control:
    """Return the control of a ledger and its store, after replaying what the store has not seen.

    Raises:
        ControlAhead: the store has seen an entry that the ledger does not have.
        RecordUnreadable, EntryUnopenable: a record or a sealed control payload cannot be read.
        LedgerUnavailable, StoreError: the disk does not answer.
    """
    applied, records = store.load_all()
    head = await ledger.head()
    newest = head.facts_epoch - 1
    if applied > newest:
        raise ControlAhead(
            f"the control store has applied entry {applied}, but the ledger's newest control entry is "
            f"{newest if newest > NOTHING_APPLIED else 'none'}: the ledger was cut, or restored from an old copy. "
            "Restore the newest ledger, or verify it against a kept checkpoint, before starting."
        )
    registry = load(records, epoch=applied + 1)
    async for entry in ledger.scan(applied + 1, newest + 1):
        if peek(entry.header).type != "control" or entry.payload is None:
            continue
        changes = stamped(decode_payload(entries.opened(entry.header, entry.payload)), entry.index)
        store.apply(entry.index, *stored(changes))
        registry = apply(registry, changes, epoch=entry.index + 1)
    return Control(ledger=ledger, store=store, entries=entries, registry=registry)


async def _nowhere(action: str, draft: Draft) -> bool:  # noqa: ARG001 - a `Keep`
    return False


async def _nothing() -> None:
    """Nothing waits anywhere."""


def _detail(action: str, changes: Sequence[Change]) -> dict[str, str | int | bool]:
    """Return what the leaf says of a change: its action, which records, and notes such as the single-officer one."""
    named = [f"{change.kind.value}/{change.id[:_LONGEST_NAME]}" for change in changes[:_MOST_NAMED]]
    detail: dict[str, str | int | bool] = {"action": action, "changed": " ".join(named), "changes": len(changes)}
    notes = sorted({change.note for change in changes if change.note is not None})
    if notes:
        detail["note"] = " ".join(notes)
    return detail
