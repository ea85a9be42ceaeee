"""Carries out what two people decided to destroy, in an order that a crash cannot turn round (DESIGN section 4).

The subject is closed: nothing more is sealed under its keys. What stands about it is looked up, the decision becomes a
`control` entry, the keys are destroyed, and a `shred` entry that names the tag says so; from it `wardkeep verify` names
the payloads as shredded. What a crash leaves half done is finished at the next start, before anybody is served.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from wardkeep.audit.entry import timestamp
from wardkeep.audit.errors import ControlNotApplied, LedgerTimeout
from wardkeep.audit.ledger import Ledger
from wardkeep.audit.subjects import SubjectKeys
from wardkeep.compliance.affected import affected_of
from wardkeep.compliance.control import Control
from wardkeep.compliance.custody import Standing, find_open
from wardkeep.compliance.entries import EntryMaker
from wardkeep.compliance.errors import EntryUnopenable
from wardkeep.compliance.records import Change
from wardkeep.compliance.terms import clean_handle, invalid
from wardkeep.compliance.two_people import HOST
from wardkeep.crypto.errors import UnknownKey
from wardkeep.crypto.subject import is_subject_key, subject_tag, tag_of
from wardkeep.model.custody import Shred
from wardkeep.model.incident import Incident
from wardkeep.model.instant import Instant
from wardkeep.model.registry import Registry
from wardkeep.storage.subjects_sqlite import Tombstone

_UNRESOLVED: Final = "unresolved"
_HEAD_BYTES: Final = 200
_TAG: Final = re.compile(r"[0-9a-f]{32}")


class _Told(msgspec.Struct, frozen=True):
    """The header fields that say whom an entry is about."""

    subject: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A shred that was carried out: the decision's entry, how many keys went, and how long that took."""

    ledger_index: int
    keys: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shredder:
    """The one way to destroy a subject's keys. `blind_index_key` turns handles into tags."""

    control: Control
    ledger: Ledger
    entries: EntryMaker
    subjects: SubjectKeys
    blind_index_key: bytes
    clock: Callable[[], Instant]

    def tag(self, *, subject: str | None, tag: str | None) -> str:
        """Return the tag of a handle, or a tag as given. Raises NotAllowed: neither, both, no handle, or no tag."""
        if (subject is None) == (tag is None):
            raise invalid("subject", "given as a handle, or as the tag that headers show")
        if subject is not None:
            return subject_tag(self.blind_index_key, clean_handle(subject, "subject")).hex()
        if tag is None or not _TAG.fullmatch(tag.lower()):
            raise invalid("tag", "32 hexadecimal digits, as headers show it")
        return tag.lower()

    async def standing(self, tag: str) -> Standing:
        """Return what is known of a subject now. Raises LedgerUnavailable, EntryUnopenable."""
        held = await self.subjects.held(bytes.fromhex(tag))
        is_resolved = held is not None and held.is_resolved
        opened = [each for each in self.control.registry.incidents.values() if each.closed_by is None]
        touching = [each.id for each in opened if await self._touches(each, tag, is_resolved=is_resolved)]
        return Standing(
            subject=tag,
            newest_period=None if held is None else held.newest_period,
            incidents=frozenset(each.id for each in opened),
            touching=frozenset(touching),
        )

    async def approve(
        self, *, shred: str, by: str, reason: str, plan: Callable[[Registry, Standing], tuple[Change, ...]]
    ) -> Done:
        """Decide and destroy. `plan` is asked with what stands while nothing about the subject can be added.

        Raises:
            NotAllowed: `plan` refused; nothing was destroyed.
            LedgerUnavailable: not decided, or decided and not known to be done: then it is finished at the next start,
                and nothing more is taken about the subject before, as that would be destroyed too.
        """
        tag = find_open(self.control.registry, shred).subject
        closed = bytes.fromhex(tag)
        self.subjects.closed.add(closed)
        may_be_decided = False
        try:
            standing = await self.standing(tag)
            try:
                index = await self.control.change(
                    by=by, action="shred.approve", reason=reason, plan=lambda registry: plan(registry, standing)
                )
            except (LedgerTimeout, ControlNotApplied):
                may_be_decided = True
                raise
            may_be_decided = True
            began = self.clock().mono_ns
            stone = await self.carry_out(self.control.registry.shreds[shred])
            may_be_decided = False
            return Done(ledger_index=index, keys=stone.keys, seconds=(self.clock().mono_ns - began) / 1e9)
        finally:
            if not may_be_decided:
                self.subjects.closed.discard(closed)

    async def carry_out(self, shred: Shred) -> Tombstone:
        """Destroy the keys of an approved shred, and say so in the ledger. Idempotent. Raises LedgerUnavailable."""
        stone = await self.subjects.destroy(shred.id, bytes.fromhex(shred.subject), timestamp(self.clock().wall))
        if not stone.is_told:
            await self.tell(stone, by=f"person:{shred.approved_by}")
        return stone

    async def tell(self, stone: Tombstone, *, by: str) -> None:
        """Append the `shred` entry of a tombstone. Raises LedgerUnavailable."""
        detail: dict[str, str | int | bool] = {"action": "shred", "shred": stone.shred, "keys": stone.keys}
        draft = self.entries.draft("shred", actor=by, subject=stone.tag.hex(), detail=detail, payload=b"{}")
        await self.ledger.append([draft])
        await self.subjects.told(stone.shred)

    async def finish(self) -> list[str]:
        """Finish what was decided and not done, at start; return which. Raises LedgerUnavailable."""
        told = {stone.shred for stone in await self.subjects.tombstones() if stone.is_told}
        left = [
            each
            for _, each in sorted(self.control.registry.shreds.items())
            if each.approved_by is not None and each.id not in told
        ]
        for each in left:
            await self.carry_out(each)
        return [each.id for each in left]

    async def reapply(self) -> int:
        """After a restore: tell again of every shred whose entry the restored ledger lacks; return how many.

        With `finish`, which destroys again what a restored table brought back, no shredded key outlives a restore.
        Raises LedgerUnavailable.
        """
        head = await self.ledger.head()
        told = set()
        async for entry in self.ledger.scan(0, head.size):
            if b'"type":"shred"' in entry.header[:_HEAD_BYTES]:
                told.add(str(msgspec.json.decode(entry.header)["detail"]["shred"]))
        left = [stone for stone in await self.subjects.tombstones() if stone.shred not in told]
        for stone in left:
            await self.tell(stone, by=HOST)
        return len(left)

    async def _touches(self, incident: Incident, tag: str, *, is_resolved: bool) -> bool:
        """Whether an open incident touches the subject; one whose reach nobody stated may touch anybody."""
        if incident.reach is not None:
            affected = await affected_of(self.ledger, incident.reach)
            return tag in affected.subjects or (affected.unresolved > 0 and not is_resolved)
        entry = None if incident.entry is None else await self.ledger.read(incident.entry)
        if entry is None:
            return True
        try:
            told = msgspec.json.decode(entry.header, type=_Told)
            about = tag_of(told.key).hex() if told.key is not None and is_subject_key(told.key) else told.subject
        except (msgspec.DecodeError, UnknownKey) as error:
            raise EntryUnopenable("a stored header does not parse") from error
        return about in {None, _UNRESOLVED, tag}
