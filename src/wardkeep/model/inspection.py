"""Cloud configuration checks: how a vendor is asked about a deployment, what it told, and what follows.

A check is evidence with a date, and the vendor's own word. It opens nothing: a deployment that was never checked is
held to its agreement as before, one whose vendor could not be asked is no further than it was. What contradicts the
record closes the deployment until an officer has looked (45 CFR 164.308(a)(8), 164.314(a)(2)(i)).
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final


class Aspect(StrEnum):
    """What a vendor's own interface can tell of a deployment. Values are shown and stored; never renamed."""

    REGION = "region"
    STORAGE = "storage_region"
    DEPLOYMENT_TYPE = "deployment_type"
    RETENTION = "retention"
    LOGGING = "content_logging"
    CACHE = "cache"
    PROMPTS_SHOWN = "prompts_shown"
    FORWARDING = "forwarding"
    STANDING = "standing"


ACCEPTABLE: Final = frozenset({Aspect.LOGGING, Aspect.CACHE, Aspect.PROMPTS_SHOWN})
"""What an officer may accept as intended: a log or cache inside the organisation's own account. Where calls are
processed, what the vendor keeps and to whom it forwards is the agreement's matter and is mended, not accepted."""

ON: Final = "on"
OFF: Final = "off"
ZERO: Final = "zero"
KEPT: Final = "kept"
SHARED: Final = "shared"
LIVE: Final = "live"
ANYWHERE: Final = "anywhere"


class Judgement(StrEnum):
    """How what was told stands to the record."""

    AGREES = "agrees"
    DRIFT = "drift"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing a vendor told, or why it could not be learned (`means` is None).

    `means` is in our words (the constants above, a region, several by comma), `words` the vendor's own, bounded;
    neither is ever content of a call.
    """

    aspect: Aspect
    means: str | None
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was told beside what the record has it to be."""

    aspect: Aspect
    expected: str
    words: str
    verdict: Judgement

    @property
    def accepted_as(self) -> str:
        """The name under which an officer accepts exactly this; other words are another finding."""
        return f"{self.aspect.value}={self.words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """How a vendor is asked about one deployment (its id), where the deployment's own address does not tell.

    `base_url` is the vendor's interface for administrators, `account` the names it wants in paths (`subscription`,
    `workspace`, ...). The credential is one for administrators: only the keeper opens it, workers never hold it.
    `set_by` is who recorded this: another person opens again what a check so asked had closed.
    """

    id: str
    base_url: str | None = None
    account: dict[str, str] = field(default_factory=dict)
    token_url: str | None = None
    credential: str | None = None
    set_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteCheck:
    """The newest check of one deployment (its id), and what it left standing.

    `drifted_at` is when a contradiction was found that nobody has confirmed since, `drifted` in what: while it is set,
    nothing goes there.
    `accepted` are findings (`Finding.accepted_as`) that an officer took for intended.
    """

    id: str
    at: datetime
    by: str
    asked: str
    findings: tuple[Finding, ...]
    agreed_at: datetime | None = None
    drifted_at: datetime | None = None
    drifted: frozenset[Aspect] = frozenset()
    accepted: frozenset[str] = frozenset()
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None

    @property
    def verdict(self) -> Judgement:
        """The worst of the findings. Nothing learned is inconclusive, never agreement."""
        found = {each.verdict for each in self.findings if each.accepted_as not in self.accepted}
        if Judgement.DRIFT in found:
            return Judgement.DRIFT
        if Judgement.INCONCLUSIVE in found or not self.findings:
            return Judgement.INCONCLUSIVE
        return Judgement.AGREES

    @property
    def contradicting(self) -> frozenset[Aspect]:
        """In what the newest check contradicts the record, without what was accepted."""
        return frozenset(
            each.aspect
            for each in self.findings
            if each.verdict is Judgement.DRIFT and each.accepted_as not in self.accepted
        )

    @property
    def unsettled(self) -> frozenset[Aspect]:
        """What drifted and is not known to agree now, be it that it still contradicts or that nobody could tell."""
        return self.unsettled_of(self.drifted)

    def unsettled_of(self, drifted: frozenset[Aspect]) -> frozenset[Aspect]:
        """Return what contradicts, and what of `drifted` this check does not show to agree."""
        held = frozenset(
            each.aspect
            for each in self.findings
            if each.verdict is not Judgement.AGREES and each.accepted_as not in self.accepted
        )
        told = frozenset(each.aspect for each in self.findings)
        return self.contradicting | (drifted & held) | (drifted - told)

    @property
    def is_closed(self) -> bool:
        """Whether nothing goes to the deployment."""
        return self.drifted_at is not None
