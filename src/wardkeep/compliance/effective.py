"""What is so, beside what the written policies promise (45 CFR 164.316(a), (b)(2)(iii)).

Each setting is read from the registry or is what the program does by construction; none is typed in. A setting that
nobody can read now is `not_known`, which is shown as a difference, never as agreement.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from wardkeep.compliance.addressable import addressable_ids
from wardkeep.compliance.catalogue import load_catalogue
from wardkeep.compliance.incidents import discovery, outstanding
from wardkeep.compliance.policy_texts import Enforced, put
from wardkeep.compliance.rights import is_late
from wardkeep.compliance.risks import outside
from wardkeep.compliance.two_people import is_established, is_officer
from wardkeep.compliance.uses import routes_outside
from wardkeep.identity.sessions import IDLE_SECONDS
from wardkeep.model.access import Requirement, Role, Workspace
from wardkeep.model.instant import Instant
from wardkeep.model.registers import AssetKind
from wardkeep.model.registry import Agreement, AgreementStatus, ApiKey, Registry
from wardkeep.policy.roles import conflict

_YES: Final = "yes"
_NO: Final = "no"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

Value = int | str | None


class Agreeing(StrEnum):
    """How a promise and the setting stand to each other. Only `AGREES` is good."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NOT_KNOWN = "not_known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One promise of one policy beside what is so."""

    policy: str
    setting: str
    promised: str
    effective: str | None
    standing: Agreeing


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting: in words, and how it is read."""

    words: str
    read: Callable[[Registry, Instant, date], Value]


def drift_of(
    policy: str,
    promises: Iterable[Enforced],
    variables: Mapping[str, str],
    *,
    registry: Registry,
    now: Instant,
    today: date,
) -> list[Drift]:
    """Return a policy's promises beside the effective settings."""
    found: list[Drift] = []
    for promise in promises:
        setting = SETTINGS.get(promise.setting)
        value = None if setting is None else setting.read(registry, now, today)
        wanted = put(promise.value, variables)
        found.append(
            Drift(
                policy=policy,
                setting=promise.setting,
                promised=f"{promise.holds.replace('_', ' ')} {wanted}",
                effective=None if value is None else str(value),
                standing=_standing(value, promise.holds, wanted),
            )
        )
    return found


def _standing(value: Value, holds: str, wanted: str) -> Agreeing:
    if value is None:
        return Agreeing.NOT_KNOWN
    if holds == "is":
        agrees = str(value) == wanted
    elif not isinstance(value, int):
        agrees = False
    else:
        agrees = value <= int(wanted) if holds == "at_most" else value >= int(wanted)
    return Agreeing.AGREES if agrees else Agreeing.DIFFERS


# ---- how each setting is read ----------------------------------------------------------------------------------------


def _officers(registry: Registry, _: Instant, __: date) -> Value:
    return sum(
        each.is_active and each.credential_mac is not None and is_officer(each) and is_established(each)
        for each in registry.people.values()
    )


def _undecided(registry: Registry, _: Instant, today: date) -> Value:
    held = {name for name, each in registry.decisions.items() if each.holds(today)}
    return sum(name not in held for name in addressable_ids(load_catalogue()))


def _open(registry: Registry) -> list[Workspace]:
    return [each for each in registry.workspaces.values() if each.is_active]


def _second_factor(registry: Registry, _: Instant, __: date) -> Value:
    """The longest of all open workspaces; one that demands none has no bound."""
    places = _open(registry)
    if not places:
        return None
    if any(Requirement.SECOND_FACTOR not in each.requires for each in places):
        return "not demanded everywhere"
    return -(-max(each.second_factor_seconds for each in places) // 3600)


def _idle_minutes(_: Registry, __: Instant, ___: date) -> Value:
    return IDLE_SECONDS // 60


def _live(registry: Registry, now: Instant) -> list[ApiKey]:
    return [
        each
        for each in registry.keys.values()
        if not each.is_revoked and (each.expires_at is None or each.expires_at > now.wall)
    ]


def _longest_key(registry: Registry, now: Instant, _: date) -> Value:
    keys = _live(registry, now)
    if any(each.expires_at is None for each in keys):
        return "no end"
    left = [each.expires_at - now.wall for each in keys if each.expires_at is not None]
    return max((-(-each // timedelta(days=1)) for each in left), default=0)


def _owners_gone(registry: Registry, now: Instant, _: date) -> Value:
    return sum(
        (owner := registry.people.get(each.owner)) is None or not owner.is_active for each in _live(registry, now)
    )


def _in_conflict(registry: Registry, _: Instant, __: date) -> Value:
    return sum(each.is_active and conflict(each.roles) is not None for each in registry.people.values())


def _demanded(*wanted: Requirement) -> Callable[[Registry, Instant, date], Value]:
    def read(registry: Registry, _: Instant, __: date) -> Value:
        places = _open(registry)
        if not places:
            return None
        return _YES if all(not each.requires.isdisjoint(wanted) for each in places) else _NO

    return read


def _subject_demanded(registry: Registry, now: Instant, today: date) -> Value:
    found = _demanded(Requirement.SUBJECT)(registry, now, today)
    return None if found is None else int(found == _YES)


def _asserting(registry: Registry, _: Instant, __: date) -> Value:
    return sum(each.is_active and each.may_assert_person for each in registry.applications.values())


def _releases_alone(registry: Registry, _: Instant, __: date) -> Value:
    """Without a second signature nothing is released (`compliance.releases`); counted all the same."""
    signed = [each for each in registry.releases.values() if each.is_released]
    return sum(each.signed_by == each.prepared_by for each in signed)


def _active(registry: Registry) -> list[Agreement]:
    return [each for each in registry.agreements.values() if each.status is AgreementStatus.ACTIVE]


def _activated_alone(registry: Registry, _: Instant, __: date) -> Value:
    return sum(each.activated_by in {None, each.added_by} for each in _active(registry))


def _training_permitted(registry: Registry, _: Instant, __: date) -> Value:
    return sum(not scope.training_prohibited for each in _active(registry) for scope in each.scopes)


def _longest_retention(registry: Registry, _: Instant, __: date) -> Value:
    return max((scope.retention_days or 0 for each in _active(registry) for scope in each.scopes), default=0)


def _routes_without_agreement(registry: Registry, _: Instant, today: date) -> Value:
    covered = {
        each.vendor
        for each in _active(registry)
        if each.effective_on <= today and (each.expires_on is None or today <= each.expires_on)
    }
    named = [registry.deployments.get(each.deployment) for each in registry.routes.values()]
    return sum(each is None or each.vendor not in covered for each in named)


def _without_region(registry: Registry, _: Instant, __: date) -> Value:
    return sum(each.region is None for each in registry.deployments.values())


def _plain_elsewhere(registry: Registry, _: Instant, __: date) -> Value:
    plain = [each for each in registry.deployments.values() if urlsplit(each.base_url).scheme == "http"]
    return sum(urlsplit(each.base_url).hostname not in _LOOPBACK for each in plain)


def _auditors(registry: Registry, _: Instant, __: date) -> Value:
    return sum(each.is_active and Role.AUDITOR in each.roles for each in registry.people.values())


def _late_notices(registry: Registry, _: Instant, today: date) -> Value:
    return sum(due.due < today for each in registry.incidents.values() for due in outstanding(each))


def _closed_alone(registry: Registry, _: Instant, __: date) -> Value:
    closed = [each for each in registry.incidents.values() if each.closed_by is not None]
    return sum(each.countersigned_by in {None, each.signed_by} for each in closed)


def _oldest_notice(registry: Registry, _: Instant, today: date) -> Value:
    waiting = [
        (today - discovery(each)).days
        for each in registry.incidents.values()
        if any(due.name == "individuals" for due in outstanding(each))
    ]
    return max(waiting, default=0)


def _past_review(registry: Registry, _: Instant, today: date) -> Value:
    held = [each.in_force for each in registry.policies.values() if each.in_force is not None]
    return sum(each.review_on < today for each in held)


def _always(value: int | str) -> Callable[[Registry, Instant, date], Value]:
    """What the program does by construction, and has no switch for."""

    def read(_: Registry, __: Instant, ___: date) -> Value:
        return value

    return read


def _sanctions_alone(registry: Registry, _: Instant, __: date) -> Value:
    return sum(each.confirmed_by in {None, each.proposed_by} for each in registry.sanctions.values())


def _training_required(registry: Registry, _: Instant, __: date) -> Value:
    held = registry.duties.get("duties")
    return _YES if held is not None and held.terms.training else _NO


def _grace(registry: Registry, _: Instant, __: date) -> Value:
    held = registry.duties.get("duties")
    return None if held is None else held.terms.grace_days


def _courses(registry: Registry, _: Instant, __: date) -> Value:
    return len(registry.courses)


def _longest_validity(registry: Registry, _: Instant, __: date) -> Value:
    return max((each.valid_days for each in registry.courses.values()), default=None)


def _lowest_pass(registry: Registry, _: Instant, __: date) -> Value:
    return min((each.pass_percent for each in registry.courses.values()), default=None)


def _risk_age(registry: Registry, _: Instant, today: date) -> Value:
    """The oldest row that counts; without any there is no analysis."""
    return max(
        (((today - each.analysed_on).days) for each in registry.risks.values() if each.holds(today)), default=None
    )


def _risk_routes(registry: Registry, _: Instant, today: date) -> Value:
    return sum(each.startswith("route:") for each in outside(registry, today))


def _use_routes(registry: Registry, _: Instant, __: date) -> Value:
    return len(routes_outside(registry))


def _uses_past(registry: Registry, _: Instant, today: date) -> Value:
    return sum(each.review_on < today for each in registry.uses.values())


def _attestations(registry: Registry, _: Instant, today: date) -> Value:
    """An empty register says nothing about buildings and devices."""
    if not registry.assets:
        return None
    return sum(each.disposed_on is None and not each.is_attested(today) for each in registry.assets.values())


def _disposed(registry: Registry, _: Instant, __: date) -> Value:
    gone = [each for each in registry.assets.values() if each.disposed_on is not None and each.holds_phi]
    return sum(each.certificate_sha256 is None and each.kind is not AssetKind.FACILITY for each in gone)


def _rights_late(registry: Registry, _: Instant, today: date) -> Value:
    return sum(is_late(each, today) for each in registry.rights.values())


SETTINGS: Final[Mapping[str, Setting]] = MappingProxyType(
    {
        "officers.established": Setting(words="officers who can act and count as one of two", read=_officers),
        "addressable.undecided": Setting(words="addressable specifications without a decision", read=_undecided),
        "workspaces.second_factor_hours": Setting(
            words="hours that a second factor counts, in the laxest open workspace", read=_second_factor
        ),
        "workspaces.person_required": Setting(
            words="whether every open workspace demands to know the person",
            read=_demanded(Requirement.PERSON, Requirement.VERIFIED_PERSON),
        ),
        "workspaces.subject_required": Setting(
            words="1 where every open workspace demands a subject", read=_subject_demanded
        ),
        "workspaces.purposes_stated": Setting(
            words="whether a call without purpose is refused: by construction", read=_always(_YES)
        ),
        "sessions.idle_minutes": Setting(words="minutes after which an idle session ends", read=_idle_minutes),
        "keys.longest_days": Setting(words="days until the last live key ends", read=_longest_key),
        "keys.owners_gone": Setting(words="live keys whose owner is not active", read=_owners_gone),
        "people.roles_in_conflict": Setting(words="people with roles that are to be apart", read=_in_conflict),
        "people.auditors": Setting(words="active auditors", read=_auditors),
        "applications.asserting": Setting(words="applications whose mere word for a person is taken", read=_asserting),
        "releases.signed_alone": Setting(words="data sets released by one person", read=_releases_alone),
        "payloads.fields_read": Setting(
            words="what becomes of content that cannot be read: by construction",
            read=_always("every field, unread content refused"),
        ),
        "payloads.cipher": Setting(words="how content is sealed: by construction", read=_always("AES-256-GCM")),
        "agreements.activated_alone": Setting(words="active agreements that one person opened", read=_activated_alone),
        "agreements.training_permitted": Setting(
            words="active scopes that do not forbid training", read=_training_permitted
        ),
        "agreements.longest_retention_days": Setting(
            words="days that a vendor may keep content under an active scope", read=_longest_retention
        ),
        "routes.without_agreement": Setting(
            words="routes whose first vendor has no agreement in force", read=_routes_without_agreement
        ),
        "deployments.without_region": Setting(words="deployments whose region is unknown", read=_without_region),
        "deployments.plain_http_elsewhere": Setting(
            words="deployments reached without TLS beyond this machine", read=_plain_elsewhere
        ),
        "ledger.written_before_sending": Setting(
            words="whether the record is durable before a byte is sent: by construction", read=_always(_YES)
        ),
        "ledger.entries_removable": Setting(
            words="whether an entry can be removed: by construction", read=_always(_NO)
        ),
        "ledger.restored_behind_witness": Setting(
            words="what becomes of a log that is behind a witness: by construction",
            read=_always("refused until two officers acknowledge"),
        ),
        "risks.review_age_days": Setting(words="days since the oldest row of the analysis was judged", read=_risk_age),
        "risks.routes_outside": Setting(words="routes that the risk analysis does not speak of", read=_risk_routes),
        "uses.routes_outside": Setting(words="routes that no approved use names", read=_use_routes),
        "uses.past_review": Setting(words="uses past their day of review", read=_uses_past),
        "assets.attestations_missing": Setting(words="assets in use without an attestation", read=_attestations),
        "assets.disposed_without_certificate": Setting(
            words="disposals of what kept PHI without a certificate", read=_disposed
        ),
        "rights.late": Setting(words="requests of individuals that are late, answered or not", read=_rights_late),
        "incidents.late_notices": Setting(words="notices of incidents that are late", read=_late_notices),
        "incidents.closed_with_one_signature": Setting(
            words="incidents closed without two signatures", read=_closed_alone
        ),
        "incidents.oldest_open_notice_days": Setting(
            words="days since the discovery of the oldest incident whose individuals are not told",
            read=_oldest_notice,
        ),
        "policies.past_review": Setting(words="policies in force past their day of review", read=_past_review),
        "sanctions.decided_alone": Setting(words="sanctions that no second person confirmed", read=_sanctions_alone),
        "duties.training_required": Setting(words="whether overdue training closes the road", read=_training_required),
        "duties.grace_days": Setting(words="days of grace after a due day", read=_grace),
        "training.courses_assigned": Setting(words="courses that are assigned to roles", read=_courses),
        "training.longest_validity_days": Setting(words="days that a passed course counts", read=_longest_validity),
        "training.lowest_pass_percent": Setting(words="percent that pass a course", read=_lowest_pass),
    }
)
