"""Break-glass as values: a person's time-boxed wider access in an emergency, and what became of it.

45 CFR 164.312(a)(2)(ii), 164.308(a)(7)(ii)(C). For people, never for keys. It widens who may see; agreements, residency
and the record of it stay as they are. Words are sealed in the entry of their step.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class GlassMethod(StrEnum):
    """How the person proved themselves when they broke the glass."""

    TOTP = "totp"
    OFFLINE_CODE = "offline_code"
    SESSION = "session"


class GlassOutcome(StrEnum):
    """What the reviewer found."""

    JUSTIFIED = "justified"
    MISUSED = "misused"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlass:
    """One emergency access of one person in one workspace, to one subject or to any.

    `ticket_mac` is the HMAC of the ticket that proves the person to applications while it lasts; whoever holds the
    ticket can be that person in that workspace until `until`. `subject_tag` None is any subject.
    """

    id: str
    person: str
    workspace: str
    method: GlassMethod
    began_at: datetime
    until: datetime
    review_by: datetime
    ticket_mac: bytes = field(repr=False)
    subject_tag: str | None = None
    words: str | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    reviewed_at: datetime | None = None
    reviewed_by: str | None = None
    outcome: GlassOutcome | None = None
    review_words: str | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether it widens anything now."""
        return self.ended_at is None and self.began_at <= now < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineCodes:
    """Codes of the person `id`, printed and sealed in an envelope, each good once. Only HMACs are kept."""

    id: str
    macs: tuple[bytes, ...] = field(repr=False)
    made_by: str
    made_at: datetime
