"""A second opinion on "may this call go to this vendor?", written from the words of the rule alone.

It shares no code and no structure with `policy.decide` and `routing.choose`: those walk a call through ordered checks,
this one lists *every* defect a world has and opens only when there is none. An agreement's days are turned into the two
instants between which it holds, by a table of zone rules and plain subtraction, where the product turns the instant
into a local day by `zoneinfo`.

A verdict carries, for each stage of the road, the set of reasons that would be truthful. Where the first faulty stage
has one defect only, the reason is unambiguous and the product must give exactly that one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from wardkeep.model.reasons import Reason
from wardkeep.model.registry import (
    Agreement,
    AgreementStatus,
    Deployment,
    Purpose,
    Registry,
    Retention,
    Route,
    Scope,
    Surface,
    Vendor,
)

# --- zones, without zoneinfo -----------------------------------------------------------------------------------------

# A yearly change: month, week (1-based, -1 is the last) of the Sunday, and the wall time of the outgoing offset, in
# minutes, at which clocks are moved.
_Change = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRule:
    """A zone as its legislature states it, valid for 2024 to 2036: minutes east of UTC, and summer time if any."""

    standard: int
    summer: int | None = None
    begins: _Change | None = None
    ends: _Change | None = None


ZONES: dict[str, ZoneRule] = {
    "Etc/UTC": ZoneRule(standard=0),
    "America/New_York": ZoneRule(standard=-300, summer=-240, begins=(3, 2, 120), ends=(11, 1, 120)),
    "America/Los_Angeles": ZoneRule(standard=-480, summer=-420, begins=(3, 2, 120), ends=(11, 1, 120)),
    "America/St_Johns": ZoneRule(standard=-210, summer=-150, begins=(3, 2, 120), ends=(11, 1, 120)),
    "America/Havana": ZoneRule(standard=-300, summer=-240, begins=(3, 2, 0), ends=(11, 1, 60)),
    "America/Phoenix": ZoneRule(standard=-420),
    "Asia/Beirut": ZoneRule(standard=120, summer=180, begins=(3, -1, 0), ends=(10, -1, 0)),
    "Asia/Kolkata": ZoneRule(standard=330),
    "Asia/Kathmandu": ZoneRule(standard=345),
    "Australia/Lord_Howe": ZoneRule(standard=630, summer=660, begins=(10, 1, 120), ends=(4, 1, 120)),
    "Europe/Berlin": ZoneRule(standard=60, summer=120, begins=(3, -1, 120), ends=(10, -1, 180)),
    "Pacific/Apia": ZoneRule(standard=780),
    "Pacific/Chatham": ZoneRule(standard=765, summer=825, begins=(9, -1, 165), ends=(4, 1, 225)),
    "Pacific/Kiritimati": ZoneRule(standard=840),
    "Pacific/Marquesas": ZoneRule(standard=-570),
    "Pacific/Pago_Pago": ZoneRule(standard=-660),
}


def _sunday(year: int, month: int, week: int) -> date:
    if week > 0:
        first = date(year, month, 1)
        return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (week - 1))
    last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def _naive(day: date, minutes: int) -> datetime:
    return datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)  # noqa: DTZ001 - wall time of the zone


def changes(zone: str, year: int) -> list[tuple[datetime, int]]:
    """Return the naive UTC instants of the year's two changes, each with the offset that holds from then on."""
    rule = ZONES[zone]
    if rule.summer is None or rule.begins is None or rule.ends is None:
        return []
    found = []
    for (month, week, at), before, after in (
        (rule.begins, rule.standard, rule.summer),
        (rule.ends, rule.summer, rule.standard),
    ):
        found.append((_naive(_sunday(year, month, week), at - before), after))
    return sorted(found)


def offset_at(zone: str, utc: datetime) -> int:
    """Return the minutes east of UTC that hold in the zone at a naive UTC instant."""
    held = ZONES[zone].standard
    for year in (utc.year - 1, utc.year, utc.year + 1):
        for at, after in changes(zone, year):
            if at <= utc:
                held = after
    return held


def start_of_day(zone: str, day: date) -> datetime:
    """Return the first UTC instant (aware) at which the calendar in the zone shows this day.

    Where clocks jump over midnight the day begins with the jump; where midnight comes twice, with the first.
    """
    rule = ZONES[zone]
    offsets = {rule.standard} if rule.summer is None else {rule.standard, rule.summer}
    candidates = [_naive(day, -offset) for offset in offsets]
    candidates += [at for year in (day.year - 1, day.year, day.year + 1) for at, _ in changes(zone, year)]
    shown = [utc for utc in candidates if (utc + timedelta(minutes=offset_at(zone, utc))).date() == day]
    return min(shown).replace(tzinfo=UTC)


def shown_day(zone: str, utc: datetime) -> date:
    """Return the day the calendar shows: the one day whose start is past and whose next day's start is not."""
    guess = utc.date()
    for day in (guess - timedelta(days=1), guess, guess + timedelta(days=1)):
        if start_of_day(zone, day) <= utc < start_of_day(zone, day + timedelta(days=1)):
            return day
    raise AssertionError("no calendar day")


# --- what is asked ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call as the oracle sees it: what the credential really is, not how it is spelled.

    `key_id` is None when no credential came, `genuine` says whether the secret is the one that was issued.
    """

    key_id: str | None
    genuine: bool
    surface: Surface
    model: str
    purpose: str | None
    subject: str | None
    features: frozenset[str]
    at: datetime
    overdue: frozenset[str] = frozenset()
    unsigned: frozenset[str] = frozenset()


Defects = frozenset[Reason]
Cover = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Open when no stage has a defect. Otherwise the first faulty stage's truthful reasons.

    `covering` are the (deployment id, agreement id, scope position) that carry the call: the product must choose one.
    """

    identify: Defects
    decide: Defects
    choose: Defects
    covering: frozenset[Cover]

    @property
    def is_open(self) -> bool:
        """Whether the call may go."""
        return not (self.identify or self.decide or self.choose)

    @property
    def stage(self) -> str | None:
        """The stage at which the road closes."""
        return next((name for name in ("identify", "decide", "choose") if getattr(self, name)), None)

    @property
    def truthful(self) -> Defects:
        """The reasons that may be given."""
        return self.identify or self.decide or self.choose


def judge(registry: Registry, asked: Asked) -> Verdict:
    """Return the verdict on one call in one world."""
    identify = frozenset(_who(registry, asked))
    decide = frozenset() if identify else frozenset(_may_they(registry, asked))
    if identify or decide:
        return Verdict(identify=identify, decide=decide, choose=frozenset(), covering=frozenset())
    route = registry.routes[asked.model]
    defects, covering = _where(registry, asked, route)
    return Verdict(identify=frozenset(), decide=frozenset(), choose=defects, covering=covering)


def _who(registry: Registry, asked: Asked) -> Iterator[Reason]:
    if asked.key_id is None:
        yield Reason.CREDENTIAL_MISSING
        return
    key = registry.keys.get(asked.key_id)
    if key is None or not asked.genuine:
        # whoever holds no genuine secret learns nothing about the key: this is the only truthful reason
        yield Reason.CREDENTIAL_INVALID
        return
    if key.is_revoked:
        yield Reason.CREDENTIAL_REVOKED
    if key.expires_at is not None and not asked.at < key.expires_at:
        yield Reason.CREDENTIAL_EXPIRED
    owner = registry.people.get(key.owner)
    if owner is None or not owner.is_active:
        yield Reason.OWNER_INACTIVE


def _stated_purpose(registry: Registry, asked: Asked) -> str | None:
    key = registry.keys[asked.key_id or ""]
    if asked.purpose is not None:
        return asked.purpose
    return None if key.default_purpose is None else key.default_purpose.value


def _may_they(registry: Registry, asked: Asked) -> Iterator[Reason]:
    key = registry.keys[asked.key_id or ""]
    if registry.organisation is None:
        yield Reason.FACTS_UNAVAILABLE
    purpose = _stated_purpose(registry, asked)
    if purpose is None:
        yield Reason.PURPOSE_MISSING
    elif purpose not in {known.value for known in Purpose}:
        yield Reason.PURPOSE_UNKNOWN
    elif purpose not in {granted.value for granted in key.purposes}:
        yield Reason.PURPOSE_NOT_PERMITTED
    if asked.model not in key.models:
        yield Reason.ROUTE_NOT_PERMITTED
    route = registry.routes.get(asked.model)
    if route is None:
        yield Reason.MODEL_UNKNOWN
    elif route.requires_subject and asked.subject is None:
        yield Reason.SUBJECT_MISSING
    if key.owner in asked.overdue:
        yield Reason.TRAINING_OVERDUE
    if key.owner in asked.unsigned:
        yield Reason.POLICY_UNSIGNED


def _where(registry: Registry, asked: Asked, route: Route) -> tuple[Defects, frozenset[Cover]]:
    """Lay every deployment of the route beside every scope; the first deployment with a whole fit is the one."""
    named = [registry.deployments.get(name) for name in (route.deployment, *route.fallbacks)]
    considered = [d for d in named if d is not None and asked.surface in GOES_TO[d.dialect]]
    if not considered:
        # a name without a record says nothing of a wire format, so either reason is true of it
        return frozenset({Reason.SURFACE_MISMATCH} | ({Reason.MODEL_UNKNOWN} if None in named else set())), frozenset()
    found: set[Reason] = set()
    for deployment in considered:
        defects, covering = _at(registry, asked, deployment)
        if not defects:
            return frozenset(), covering
        found |= defects
    return frozenset(found), frozenset()


def _at(registry: Registry, asked: Asked, deployment: Deployment) -> tuple[set[Reason], frozenset[Cover]]:
    vendor = registry.vendors.get(deployment.vendor)
    found = set(_place(registry, deployment, vendor))
    covering: set[Cover] = set()
    short: set[Reason] = set()
    for agreement in registry.agreements.values():
        if agreement.vendor != deployment.vendor:
            continue
        standing = set(_standing(registry, asked, agreement, vendor))
        # an agreement without a scope covers nothing, and no single term is the one it lacks
        short |= standing if agreement.scopes else standing | _COVERS_NOTHING
        for position, scope in enumerate(agreement.scopes):
            terms = set(_terms(registry, asked, deployment, scope)) | set(_kept(registry, asked, agreement, scope))
            short |= terms
            if not standing and not terms:
                covering.add((deployment.id, agreement.id, position))
    if not covering:
        found |= short or {Reason.BAA_MISSING}
    return found, frozenset(covering)


_COVERS_NOTHING = frozenset(
    {Reason.BAA_MISSING, Reason.RETENTION_NOT_ACCEPTED} | {r for r in Reason if r.value.startswith("scope_")}
)


def _place(registry: Registry, deployment: Deployment, vendor: Vendor | None) -> Iterator[Reason]:
    """What closes a deployment whatever the agreements say."""
    if vendor is None:
        # nothing is known of the party: no agreement can bear its name
        yield from (Reason.BAA_MISSING, Reason.SCOPE_PARTY, Reason.FACTS_UNAVAILABLE, Reason.VENDOR_SUSPENDED)
    elif vendor.suspended_because is not None:
        yield Reason.VENDOR_SUSPENDED
    if deployment.region is None:
        yield Reason.REGION_UNKNOWN
    if deployment.credential is not None and deployment.credential not in registry.secrets:
        yield Reason.CREDENTIAL_UNAVAILABLE


# Where the bytes of a call go at the vendor, by the protocol spoken to it: an agreement is about that endpoint.
GOES_TO: dict[str, dict[Surface, str]] = {
    "openai": {Surface.OPENAI_CHAT: "/v1/chat/completions"},
    "openai-messages": {Surface.ANTHROPIC_MESSAGES: "/v1/chat/completions"},
    "anthropic": {
        Surface.ANTHROPIC_MESSAGES: "/v1/messages",
        Surface.ANTHROPIC_COUNT_TOKENS: "/v1/messages/count_tokens",
    },
    "anthropic-chat": {Surface.OPENAI_CHAT: "/v1/messages"},
}


def _standing(registry: Registry, asked: Asked, agreement: Agreement, vendor: Vendor | None) -> Iterator[Reason]:
    """What closes an agreement whatever its scopes say."""
    closed = {
        AgreementStatus.DRAFT: Reason.BAA_NOT_ACTIVE,
        AgreementStatus.SUSPENDED: Reason.BAA_SUSPENDED,
        AgreementStatus.TERMINATED: Reason.BAA_TERMINATED,
    }
    if agreement.status in closed:
        yield closed[agreement.status]
    if registry.organisation is not None:
        zone = registry.organisation.zone
        if asked.at < start_of_day(zone, agreement.effective_on):
            yield Reason.BAA_NOT_YET_EFFECTIVE
        if agreement.expires_on is not None and asked.at >= start_of_day(
            zone, agreement.expires_on + timedelta(days=1)
        ):
            yield Reason.BAA_EXPIRED
    if vendor is None or agreement.party != vendor.party:
        yield Reason.SCOPE_PARTY


def _terms(registry: Registry, asked: Asked, deployment: Deployment, scope: Scope) -> Iterator[Reason]:
    """What one scope lacks for this call."""
    asks: tuple[tuple[frozenset[str | None], frozenset[str], Reason], ...] = (
        (frozenset({deployment.platform}), frozenset({scope.platform}), Reason.SCOPE_PLATFORM),
        (frozenset({deployment.project}), scope.projects, Reason.SCOPE_PROJECT),
        (frozenset({GOES_TO[deployment.dialect][asked.surface]}), scope.endpoints, Reason.SCOPE_ENDPOINT),
        (frozenset(asked.features), scope.features, Reason.SCOPE_FEATURE),
        (frozenset({deployment.model}), scope.models, Reason.SCOPE_MODEL),
        (frozenset({deployment.region}), scope.regions, Reason.SCOPE_REGION),
        (frozenset({_stated_purpose(registry, asked)}), scope.purposes, Reason.SCOPE_PURPOSE),
    )
    for needed, granted, reason in asks:
        if needed - granted:
            yield reason
    if not scope.training_prohibited:
        yield Reason.SCOPE_TRAINING


def _kept(registry: Registry, asked: Asked, agreement: Agreement, scope: Scope) -> Iterator[Reason]:
    """What closes a scope under which the vendor keeps something. No model of these worlds is kept by its platform."""
    if scope.retention is Retention.ZERO:
        return
    if scope.retention is Retention.UNKNOWN or scope.retention_days is None or registry.organisation is None:
        yield Reason.SCOPE_RETENTION
        return
    zone = registry.organisation.zone
    reaching = [
        each
        for each in registry.acceptances.values()
        if each.activated_by and not each.withdrawn_by
        if each.agreement == agreement.id and not each.days < scope.retention_days
        if asked.at < start_of_day(zone, each.until + timedelta(days=1))
    ]
    if not reaching:
        yield Reason.RETENTION_NOT_ACCEPTED
