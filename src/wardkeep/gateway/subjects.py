"""Which key a call's records are sealed under: its subject's, drawn here once, kept by the keeper, remembered here.

A process draws a key of its own when it first meets a subject in a month and epoch; the key travels with the first
records that are sealed under it, and the keeper makes it durable before them. So no call waits for a question, and
processes need not agree. A month, so that how old a subject's newest record may be is known from its keys alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec

from wardkeep.crypto.keys import DataKeys
from wardkeep.crypto.mac import forget_keys, mac
from wardkeep.crypto.subject import TAG_LENGTH, NewSubjectKey, SubjectKey, derive_key, draw_key, subject_tag
from wardkeep.model.instant import Instant
from wardkeep.model.registry import Registry
from wardkeep.model.retention import period_of
from wardkeep.model.stages import Call, Identified, Permitted, Routed
from wardkeep.policy.criteria import UNRESOLVED

_MOST_REMEMBERED: Final = 8192


class UnderSubject(msgspec.Struct, frozen=True, array_like=True):
    """What an append is sealed under: the key's name and, until it is known to be durable, the key itself."""

    name: str
    new: NewSubjectKey | None = None


@dataclass(slots=True, kw_only=True)
class RememberedKey:
    """One subject's key in this process. `new` is set until the keeper has said that it is durable."""

    tag: bytes
    key: SubjectKey = field(repr=False)
    epoch_id: str
    period: int
    under: UnderSubject
    settled: UnderSubject

    def settle(self) -> None:
        """Note that the key is durable: it need not travel again."""
        self.under = self.settled


@dataclass(slots=True, kw_only=True)
class SubjectCache:
    """The subject keys that one process uses now. Not thread-safe: one event loop owns it."""

    keys: DataKeys
    _remembered: dict[bytes, RememberedKey] = field(default_factory=dict, repr=False)
    _followed: set[str] = field(default_factory=set)
    _month: tuple[int, int, int] = (0, 0, 0)

    def key_for(self, tag: bytes, now: Instant, *, is_resolved: bool) -> RememberedKey:
        """Return the key of a subject for this month and epoch, drawn when there is none yet."""
        period, epoch_id = self._period(now.wall_us), self.keys.epoch_id
        found = self._remembered.get(tag)
        if found is not None and found.period == period and found.epoch_id == epoch_id:
            return found
        drawn = draw_key(epoch_id, tag, period=period, is_resolved=is_resolved)
        found = RememberedKey(
            tag=tag,
            key=derive_key(self.keys.epoch_key_for(epoch_id), drawn.name, drawn.material),
            epoch_id=epoch_id,
            period=period,
            under=UnderSubject(drawn.name, drawn),
            settled=UnderSubject(drawn.name),
        )
        self._remembered.pop(tag, None)
        if len(self._remembered) >= _MOST_REMEMBERED:
            # The one met first goes; when it is met again, it gets a further key.
            self._remembered.pop(next(iter(self._remembered)))
        self._remembered[tag] = found
        return found

    def forget(self, tags: Iterable[bytes]) -> None:
        """Forget the keys of subjects that were shredded: nothing more is sealed under them here."""
        if [tag for tag in tags if self._remembered.pop(tag, None) is not None]:
            forget_keys()

    def follow(self, registry: Registry) -> None:
        """Forget the keys of all subjects whose destruction was approved since the last time."""
        fresh = {
            each.id: bytes.fromhex(each.subject)
            for each in registry.shreds.values()
            if each.approved_by is not None and each.id not in self._followed
        }
        if fresh:
            self._followed.update(fresh)
            self.forget(fresh.values())

    def of_routed(self, routed: Routed, now: Instant) -> RememberedKey:
        """Return the key of a call that is about to be sent: its subject's, else its conversation's."""
        subject = routed.safe.permitted.subject
        if subject is not None:
            return self.key_for(self.subject_tag(subject), now, is_resolved=True)
        return self.key_for(self._tag(b"conversation", routed.safe.conversation_key.reveal()), now, is_resolved=False)

    def of_refused(
        self, call: Call, identified: Identified | None, permitted: Permitted | None, now: Instant
    ) -> RememberedKey:
        """Return the key of a call that was refused: the subject it named, else what it belongs to as far as known."""
        stated = call.subject if permitted is None else permitted.subject
        if stated is not None and stated not in UNRESOLVED:
            return self.key_for(self.subject_tag(stated), now, is_resolved=True)
        actor = b"" if identified is None else identified.actor.encode()
        return self.key_for(self._tag(b"handle", actor, (call.conversation or "").encode()), now, is_resolved=False)

    def subject_tag(self, subject: str) -> bytes:
        """Return the blind index of a subject handle: equal handles are found, no handle is read."""
        return subject_tag(self.keys.blind_index_key, subject)

    def _tag(self, *scope: bytes) -> bytes:
        return mac(self.keys.blind_index_key, *scope)[:TAG_LENGTH]

    def _period(self, wall_us: int) -> int:
        start, end, period = self._month
        if not start <= wall_us < end:
            at = datetime.fromtimestamp(wall_us / 1_000_000, UTC)
            start = int(datetime(at.year, at.month, 1, tzinfo=UTC).timestamp()) * 1_000_000
            following = datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)
            period = period_of(at.date())
            self._month = start, int(following.timestamp()) * 1_000_000, period
        return period
