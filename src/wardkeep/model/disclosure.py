"""Disclosures that people made outside the gateway, and suspensions of their accounting (45 CFR 164.528).

What the gateway itself sent stands in the ledger; these records complete it. A subject stands here by its blind index
only, and what could describe a patient or an agency is sealed in `words`.
"""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class RecipientKind(StrEnum):
    """Who received it, by the kinds that the rule treats apart."""

    LAW_ENFORCEMENT = "law_enforcement"
    HEALTH_OVERSIGHT = "health_oversight"
    PUBLIC_HEALTH = "public_health"
    JUDICIAL = "judicial"
    RESEARCH = "research"
    OTHER = "other"


# Only statements of these suspend an accounting (164.528(a)(2)(i)).
MAY_SUSPEND = frozenset({RecipientKind.LAW_ENFORCEMENT, RecipientKind.HEALTH_OVERSIGHT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """One disclosure on record. `words` seals recipient, address, what was disclosed and why (164.528(b)(2)).

    `is_part2`: of substance use disorder records, under the consent or order that `basis` names; `is_proceeding`: what
    was said of whether it is for a proceeding, None when nobody said.
    """

    id: str
    subject: str
    on: date
    recipient: RecipientKind
    recorded_by: str
    words: bytes = field(default=b"", repr=False)
    withdrawn_by: str | None = None
    is_part2: bool = False
    basis: str | None = None
    is_proceeding: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """An agency's statement that an accounting would impede it. It holds through `until`, unless lifted before.

    An oral statement holds for 30 days at the most (164.528(a)(2)(ii)).
    """

    id: str
    subject: str
    agency: RecipientKind
    stated_on: date
    is_written: bool
    until: date
    recorded_by: str
    lifted_by: str | None = None

    def holds(self, on: date) -> bool:
        """Whether disclosures to this kind of agency are left out of an accounting made that day."""
        return self.lifted_by is None and self.stated_on <= on <= self.until
