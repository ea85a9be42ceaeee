"""Substance use disorder records (42 CFR Part 2): consents, where such records come from, and court orders, as values.

A subject stands here by blind index, as in `model.individuals`. What a consent says in words is sealed in the entry
that `words` names. Nothing here reads a clock: days come in.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from wardkeep.model.access import Purpose
from wardkeep.model.disclosure import RecipientKind

# 42 CFR 2.32(a)(2): the short form of the statement that goes with every disclosure made on consent.
NOTICE = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."

# Those before whom records may not be used against the patient (42 CFR 2.12(d)(1)).
OF_PROCEEDINGS = frozenset({RecipientKind.JUDICIAL, RecipientKind.LAW_ENFORCEMENT})
# Administrative and legislative proceedings are held before these too: one of them unless somebody says otherwise.
_MAY_BE_OF_PROCEEDINGS = frozenset({RecipientKind.HEALTH_OVERSIGHT, RecipientKind.OTHER})


class ConsentKind(StrEnum):
    """What a consent is for: all future treatment, payment and operations, what it names, or legal proceedings.

    The last stands alone and opens no road (42 CFR 2.31(a), (d)).
    """

    TREATMENT_PAYMENT_OPERATIONS = "treatment_payment_operations"
    SPECIFIC = "specific"
    LEGAL = "legal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A patient's written consent (42 CFR 2.31(a)): what may go from whom to whom, for what, until when.

    `disclosers` are workspaces, `recipients` vendors; recipients None are those that treat, pay and help to operate,
    which only the first kind may say. `until` is the last day; None only there. It counts once another person
    confirmed it, and no more from its revocation on (2.31(c)).
    """

    id: str
    kind: ConsentKind
    purposes: frozenset[Purpose]
    disclosers: frozenset[str]
    recipients: frozenset[str] | None
    signed_on: date
    until: date | None
    document_sha256: str
    recorded_by: str
    recorded_under: frozenset[str] = frozenset()
    confirmed_by: str | None = None
    revoked_on: date | None = None
    revoked_by: str | None = None
    words: str = ""

    def holds(self, on: date) -> bool:
        """Whether it counts on a day."""
        is_in_time = self.signed_on <= on and (self.until is None or on <= self.until)
        return self.confirmed_by is not None and self.revoked_on is None and is_in_time

    def counted(self, on: date) -> bool:
        """Whether it counted on the day of something past: what was revoked later stood until then (2.31(c))."""
        stood = replace(self, revoked_on=None) if self.revoked_on is not None and on < self.revoked_on else self
        return stood.holds(on)

    def covers(self, purpose: Purpose | None, workspace: str, on: date) -> bool:
        """Whether records may go from a workspace for a purpose on a day."""
        return (
            self.kind is not ConsentKind.LEGAL
            and purpose in self.purposes
            and workspace in self.disclosers
            and self.holds(on)
        )

    def reaches(self, vendor: str) -> bool:
        """Whether this recipient is one that it names."""
        return self.recipients is None or vendor in self.recipients


@dataclass(frozen=True, slots=True, kw_only=True)
class Consents:
    """All consents of one individual; `id` is the index under which the road finds them."""

    id: str
    subject: str
    held: tuple[Consent, ...]

    def consent(self, name: str) -> Consent | None:
        """Return one of them."""
        return next((each for each in self.held if each.id == name), None)


class SourceTag(StrEnum):
    """What is known of where records come from. What bears no tag is not cleared."""

    PART2 = "part2"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearing:
    """That somebody judged a source to hold no such records; it waits for another person."""

    by: str
    under: frozenset[str]
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A workspace or application, and whether what comes from it is Part 2; `id` is `workspace.ward`, `application.x`.

    `tag` None is untagged. Cleared counts through `until`, and from the day after as Part 2 until somebody looks again:
    what the tag before it was is not known any more. While a clearing waits, the tag before it stands.
    """

    id: str
    set_by: str
    tag: SourceTag | None = None
    until: date | None = None
    proposed: Clearing | None = None
    words: str = ""

    def is_cleared(self, on: date) -> bool:
        """Whether what comes from it is known not to be Part 2 on a day."""
        return self.tag is SourceTag.CLEARED and self.until is not None and on <= self.until

    def is_part2(self, on: date | None) -> bool:
        """Whether it counts as tagged on a day: a clearing that has ended closes again, and none counts on no day."""
        if self.tag is SourceTag.CLEARED:
            return on is None or not self.is_cleared(on)
        return self.tag is SourceTag.PART2


@dataclass(frozen=True, slots=True, kw_only=True)
class CourtOrder:
    """An order under 42 CFR subpart E with its subpoena (2.61), about one subject; another person confirms it.

    It counts from the day it was issued; one on record without that day counts on none.
    """

    id: str
    subject: str
    document_sha256: str
    until: date
    recorded_by: str
    recorded_under: frozenset[str] = frozenset()
    confirmed_by: str | None = None
    ended_by: str | None = None
    words: str = ""
    issued_on: date | None = None

    def holds(self, on: date) -> bool:
        """Whether it counts on a day."""
        is_in_time = self.issued_on is not None and self.issued_on <= on <= self.until
        return self.confirmed_by is not None and self.ended_by is None and is_in_time


def is_for_proceeding(recipient: RecipientKind, *, stated: bool | None) -> bool:
    """Whether a disclosure counts as one for a proceeding: to a court whatever is stated, to some if unstated."""
    if recipient in OF_PROCEEDINGS:
        return True
    return recipient in _MAY_BE_OF_PROCEEDINGS if stated is None else stated


def names_of(workspace: str, application: str | None) -> tuple[str, ...]:
    """Return under which names the source of a call may be tagged."""
    here = f"workspace.{workspace}"
    return (here,) if application is None else (f"application.{application}", here)


def is_inherited(sources: dict[str, Source], names: Iterable[str], on: date | None) -> bool:
    """Whether a call's records are Part 2 by where they come from, whatever the call states.

    A tagged source hands its tag on, and so does one whose clearing has ended. Once any source is tagged, one that
    nobody cleared could hold the same records: untagged is not cleared.
    """
    held = [sources[name] for name in names if name in sources]
    if any(each.is_part2(on) for each in held):
        return True
    if not any(each.is_part2(on) for each in sources.values()):
        return False
    return not any(on is not None and each.is_cleared(on) for each in held)
