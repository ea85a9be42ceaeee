"""Registers of the programme as values: risks, assets, uses of AI, requests of individuals.

45 CFR 164.308(a)(1)(ii)(A)-(B), 164.310, 164.524 to 164.528. What people write is sealed in the entry that `words`
names; the records hold ids, days, numbers and hashes only.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from wardkeep.model.access import Purpose
from wardkeep.model.individuals import DenialReview, Disagreement, Ground, RecordSet


class Treatment(StrEnum):
    """What is done about a risk."""

    REDUCE = "reduce"
    AVOID = "avoid"
    TRANSFER = "transfer"
    ACCEPT = "accept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """One row of the risk analysis: a threat to a subject, before and after the measures that stand.

    `about` is `route:chat`, `vendor:openai`, `asset:rack-1`, `use:triage` or `organisation`; likelihood and impact go
    from 1 to 5. An accepted risk counts once another person accepted it, through `until`.
    """

    id: str
    about: str
    threat: str
    likelihood: int
    impact: int
    residual_likelihood: int
    residual_impact: int
    treatment: Treatment
    owner: str
    until: date
    analysed_by: str
    analysed_on: date
    analysed_under: frozenset[str] = frozenset()
    accepted_by: str | None = None
    words: str = ""

    @property
    def score(self) -> int:
        """What is left, from 1 to 25."""
        return self.residual_likelihood * self.residual_impact

    def holds(self, on: date) -> bool:
        """Whether the row counts on a day: its last day has not passed, and an acceptance was given."""
        return on <= self.until and (self.treatment is not Treatment.ACCEPT or self.accepted_by is not None)


class AssetKind(StrEnum):
    """What an asset is."""

    FACILITY = "facility"
    SYSTEM = "system"
    DEVICE = "device"
    MEDIUM = "medium"


class AssetEvent(StrEnum):
    """What happened to an asset that is to be on record (45 CFR 164.310(a)(2)(iii)-(iv), (d)(2))."""

    MAINTENANCE = "maintenance"
    VISITORS = "visitors"
    MOVED = "moved"
    WIPED = "wiped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One event of an asset."""

    what: AssetEvent
    on: date
    by: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A place, system, device or medium. `certificate_sha256` is the hash of the certificate of disposal."""

    id: str
    kind: AssetKind
    owner: str
    holds_phi: bool
    is_encrypted: bool
    place: str | None = None
    attested_by: str | None = None
    attested_on: date | None = None
    attested_until: date | None = None
    disposed_on: date | None = None
    disposed_by: str | None = None
    certificate_sha256: str | None = None
    events: tuple[Happened, ...] = ()

    def is_attested(self, on: date) -> bool:
        """Whether somebody's word about its safeguards counts on a day."""
        return self.attested_until is not None and on <= self.attested_until


class HumanReview(StrEnum):
    """Whether a person reads the answers before they count."""

    EVERY_ANSWER = "every_answer"
    SAMPLE = "sample"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCase:
    """One use of AI. It counts once another person approved it, through `review_on`.

    `tells_patients`: messages that no clinician read carry a notice and a way to reach a person.
    """

    id: str
    owner: str
    routes: frozenset[str]
    purposes: frozenset[Purpose]
    human_review: HumanReview
    is_patient_facing: bool
    tells_patients: bool
    review_on: date
    proposed_by: str
    model_card_sha256: str | None = None
    proposed_under: frozenset[str] = frozenset()
    approved_by: str | None = None
    words: str = ""

    def holds(self, on: date) -> bool:
        """Whether it counts on a day."""
        return self.approved_by is not None and on <= self.review_on


class Outcome(StrEnum):
    """What an individual was answered."""

    GRANTED = "granted"
    PARTLY = "partly"
    DENIED = "denied"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsRequest:
    """A request of an individual. `subject` is the blind index of the handle; `right` as in `RequestKind`.

    `individual` is the index that the road knows. `through` names the representative who asks. `entries` are those of
    the ledger that an amendment is about. A denial stands with its ground, and may be reviewed or disagreed with.
    """

    id: str
    right: str
    subject: str
    received_on: date
    taken_by: str
    extended_on: date | None = None
    answered_on: date | None = None
    answered_by: str | None = None
    outcome: Outcome | None = None
    words: str = ""
    answer_words: str = ""
    individual: str = ""
    through: str | None = None
    is_paid_in_full: bool = False
    entries: tuple[int, ...] = ()
    record_set: RecordSet | None = None
    record_set_by: str | None = None
    record_set_words: str = ""
    ground: Ground | None = None
    review: DenialReview | None = None
    disagreement: Disagreement | None = None

    @property
    def is_open(self) -> bool:
        """Whether it waits for an answer, or for the review of a denial."""
        return self.answered_on is None or (self.review is not None and self.review.decided_on is None)


class ClauseStanding(StrEnum):
    """How a clause that the rule asks for stands in the signed document."""

    PRESENT = "present"
    ABSENT = "absent"
    NOT_NEEDED = "not_needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One clause, as somebody read it: `place` is where it stands, such as `4.2(b)`."""

    standing: ClauseStanding
    place: str | None
    by: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ClauseList:
    """The clauses of one agreement (45 CFR 164.504(e)(2), 164.314(a)(2)); `id` is the agreement's.

    It is of the document with this hash and of no other. It counts once another person checked it.
    """

    id: str
    document_sha256: str
    read_by: str
    clauses: dict[str, Clause]
    read_under: frozenset[str] = frozenset()
    checked_by: str | None = None
    checked_on: date | None = None
