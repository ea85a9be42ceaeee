"""Reviews of access as values: campaigns, their items, and when the next one opens by itself (45 CFR 164.308(a)(4)).

A campaign lists what people, programs and vendors may do; somebody who answers for each says whether it is still
needed. What nobody confirms ends when the campaign closes. Words that people write are sealed in the entry of their
step; `words` says which entry that is.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ReviewKind(StrEnum):
    """What an item is about. The value is the first part of the item's name."""

    PERSON = "person"
    ROLE = "role"
    MEMBER = "member"
    KEY = "key"
    APPLICATION = "application"
    AGENT = "agent"
    VENDOR = "vendor"


class ItemState(StrEnum):
    """Where an item stands.

    `LAPSED`: nobody confirmed, so it ended. `KEPT`: nobody confirmed, but it is the last officer. `GRACE`: nobody
    confirmed, and as treatment depends on it, it ends on `grace_until`. `GONE`: it had ended before.
    """

    OPEN = "open"
    CONFIRMED = "confirmed"
    REVOKED = "revoked"
    GRACE = "grace"
    LAPSED = "lapsed"
    KEPT = "kept"
    GONE = "gone"


class Suggestion(StrEnum):
    """What use says of an item; nothing is decided by it."""

    NEVER_USED = "never_used"
    NOT_USED_90_DAYS = "not_used_90_days"
    NEVER_EXERCISED = "permission_never_exercised"
    OWNER_INACTIVE = "owner_inactive"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewItem:
    """One thing that somebody may do. `subject` is the record's id, `part` the role or workspace where there is one.

    `is_control`: it reaches into the control plane, so an officer reviews it. `is_treatment`: care depends on it.
    """

    id: str
    campaign: str
    kind: ReviewKind
    subject: str
    reviewer: str
    part: str | None = None
    escalated_to: str | None = None
    passed_on: tuple[str, ...] = ()
    is_treatment: bool = False
    is_control: bool = True
    suggestion: Suggestion | None = None
    last_used_at: datetime | None = None
    state: ItemState = ItemState.OPEN
    decided_by: str | None = None
    decided_at: datetime | None = None
    grace_until: datetime | None = None
    words: str | None = None

    @property
    def is_undecided(self) -> bool:
        """Whether somebody may still confirm it."""
        return self.state in {ItemState.OPEN, ItemState.GRACE}


class NoticeKind(StrEnum):
    """What was said before a campaign closes."""

    REMINDER = "reminder"
    ESCALATION = "escalation"
    LAST_WARNING = "last_warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewNotice:
    """One notice: when, which, and how many items were undecided."""

    at: datetime
    kind: NoticeKind
    undecided: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewCampaign:
    """One campaign. `reviewer` reviews what has no owner or manager; `is_phi` leaves out what does not reach PHI."""

    id: str
    opened_by: str
    opened_at: datetime
    due_at: datetime
    kinds: frozenset[ReviewKind]
    reviewer: str
    is_phi: bool = False
    grace_days: int = 0
    words: str | None = None
    notices: tuple[ReviewNotice, ...] = ()
    closed_by: str | None = None
    closed_at: datetime | None = None
    closed_words: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSchedule:
    """How often a review of access to PHI opens by itself, how long it is open, and the grace of treatment after it."""

    id: str = "phi"
    every_days: int = 91
    open_days: int = 30
    grace_days: int = 14
    is_active: bool = True
    set_by: str | None = None
