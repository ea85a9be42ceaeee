"""Incidents as values: what is known of one, how it was judged, and what was done about it.

45 CFR 164.308(a)(6)(ii), 164.402 to 164.414. Words that people write may name a patient, so none stand here: each says
in which ledger entry they are sealed.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class IncidentSource(StrEnum):
    """What made somebody open it."""

    REPORT = "report"
    ALARM = "alarm"
    LEDGER = "ledger"


class IncidentFactor(StrEnum):
    """The four factors of 45 CFR 164.402(2)(i) to (iv)."""

    NATURE_AND_EXTENT = "nature_and_extent"
    WHO_RECEIVED = "who_received"
    ACQUIRED_OR_VIEWED = "acquired_or_viewed"
    MITIGATION = "mitigation"


class RiskLevel(StrEnum):
    """How a factor was judged."""

    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"


class Conclusion(StrEnum):
    """What an incident is. Only `BREACH` starts notices; all others need two signatures before the clocks stop.

    `LOW_PROBABILITY`: 164.402(2). `WORKFORCE_GOOD_FAITH`, `INADVERTENT`, `NOT_RETAINED`: the exceptions of 164.402(1).
    `SECURED`: the PHI was unusable, unreadable or indecipherable to others. `NO_PHI`: none was involved.
    """

    BREACH = "breach"
    LOW_PROBABILITY = "low_probability"
    WORKFORCE_GOOD_FAITH = "workforce_good_faith"
    INADVERTENT = "inadvertent"
    NOT_RETAINED = "not_retained"
    SECURED = "secured"
    NO_PHI = "no_phi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One factor's level, by whom, and where the words are sealed."""

    level: RiskLevel
    by: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the timeline: when, who, what was done, and where the words are sealed."""

    at: datetime
    by: str
    what: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Which calls an incident reached: ledger entries start <= index < stop, narrowed by what is not None."""

    start: int
    stop: int
    vendor: str | None = None
    actor: str | None = None
    workspace: str | None = None
    purpose: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notice that was given: to whom (`individuals`, `media`, `secretary`, ...), about which State, on what day."""

    name: str
    on: date
    by: str
    about: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident. It is presumed a breach until two people signed that it is none (45 CFR 164.402(2)).

    `individuals` is None while nobody counted; `calls_unresolved` are calls in its reach that name no subject.
    `signed_under` is the first signer's `Person.access_by`, as in `Agreement`.
    """

    id: str
    source: IncidentSource
    opened_by: str
    opened_at: datetime
    known_on: date
    should_have_known_on: date | None = None
    entry: int | None = None
    is_associate: bool = False
    reach: Reach | None = None
    individuals: int | None = None
    calls_unresolved: int = 0
    residents: dict[str, int] = field(default_factory=dict)
    factors: dict[IncidentFactor, Judged] = field(default_factory=dict)
    conclusion: Conclusion | None = None
    signed_by: str | None = None
    signed_under: frozenset[str] = frozenset()
    countersigned_by: str | None = None
    delay_stated_on: date | None = None
    delay_until: date | None = None
    notices: tuple[Notice, ...] = ()
    closed_by: str | None = None
    steps: tuple[Step, ...] = ()

    @property
    def is_settled_as_no_breach(self) -> bool:
        """Whether two people signed that it is no breach: only then do the clocks stop."""
        return self.countersigned_by is not None and self.conclusion not in {None, Conclusion.BREACH}
