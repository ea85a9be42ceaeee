"""The facts of an evidence pack: what is on record of a period, for an auditor (45 CFR 164.316(b), 164.414(b)).

Everything comes from the ledger's headers and the registry as they are now; nothing is typed in. No sealed content is
opened and no subject is named. Pure but for `read_period`, which reads headers and leaf hashes.

The state of the registers is that of the day on which the pack is made; the counts of calls are those of the period.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from wardkeep.audit.entry import StoredHeader, decode, timestamp
from wardkeep.audit.errors import DraftMalformed
from wardkeep.audit.ledger import StoredLedger
from wardkeep.compliance.addressable import register_view
from wardkeep.compliance.assets import asset_view, network_map
from wardkeep.compliance.catalogue import Catalogue
from wardkeep.compliance.checklists import checklist_view
from wardkeep.compliance.clauses import clauses_view
from wardkeep.compliance.duties import duties_view
from wardkeep.compliance.incident_forms import incident_view
from wardkeep.compliance.policies import drifts, must_sign, policy_view, unsigned
from wardkeep.compliance.policy_texts import Texts, text_of
from wardkeep.compliance.rights import request_view
from wardkeep.compliance.risks import gone, outside, risk_view
from wardkeep.compliance.sanctions import sanction_view
from wardkeep.compliance.status import Standing, Status, status_view
from wardkeep.compliance.terms import invalid
from wardkeep.compliance.training import report
from wardkeep.compliance.uses import routes_outside, use_view
from wardkeep.model.instant import Instant
from wardkeep.model.registry import Agreement, AgreementKind, Registry

MOST_EXCERPT: Final = 5_000
# What a header says where the call named no subject (`gateway.record`).
_UNRESOLVED: Final = "unresolved"
LONGEST: Final = timedelta(days=366 * 6)

_WITNESS: Final = (
    "A tail that was cut together with every head that covered it is not found: hold the head of this pack against "
    "one that a witness administered elsewhere has signed."
)
_HOST: Final = (
    "Whoever controls the host and its keys can go around the gateway. Compare the calls with the vendors' own usage "
    "reports, and block direct egress."
)
_WHEN: Final = (
    "The status of a control speaks of the newest entries and of the registers on the day of the pack, not of every "
    "day of the period."
)
# What no pack of this program shows; beside it stand the controls that nothing computes, from the catalogue itself.
CANNOT: Final = (
    "It does not show that the organisation keeps the law, only what this program enforced, counted and was told.",
    "It does not show what never came to the gateway: AI used on other ways, paper, telephone, private devices.",
    "It does not show whether people's judgements are sound: assessments, acceptances, attestations, reasons.",
    "It does not show what was said. Prompts, answers and reasons are sealed and were not opened for this pack.",
    "It proves that the stored bytes are the ones that were signed, in order; not that what was recorded is true.",
    _WITNESS,
    _HOST,
    "Detection of identifiers misses some. Text with surrogates is still protected health information.",
    _WHEN,
    "No law of a State is computed, and no row that nobody confirmed.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Entries of a period: all headers counted, the newest kept as an excerpt; `start` and `stop` are indices."""

    start: int
    stop: int
    headers: tuple[StoredHeader, ...]
    excerpt: tuple[bytes, ...]


async def read_period(ledger: StoredLedger, first: date, last: date, zone: str) -> Period:
    """Return the entries of the days from `first` through `last` in the organisation's zone.

    Entries stand in the order of their commit, so both ends are found by halving; a clock that was set back by less
    than the program tolerates may put an entry a moment outside.

    Raises:
        LedgerUnavailable: the ledger does not answer.
        DraftMalformed: a header cannot be read.
    """
    size = (await ledger.head()).size
    place = ZoneInfo(zone)
    begins = timestamp(datetime.combine(first, time.min, place).astimezone(UTC))
    ends = timestamp(datetime.combine(last + timedelta(days=1), time.min, place).astimezone(UTC))
    start = await _first_at(ledger, size, begins)
    stop = await _first_at(ledger, size, ends)
    leaves = await ledger.leaves(start, stop)
    return Period(
        start=start,
        stop=stop,
        headers=tuple(decode(header) for header, _ in leaves),
        excerpt=tuple(header for header, _ in leaves[-MOST_EXCERPT:]),
    )


async def _first_at(ledger: StoredLedger, size: int, moment: str) -> int:
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        found = await ledger.leaves_at([middle])
        if not found:
            raise DraftMalformed("an entry is missing")
        if decode(found[0][1]).at < moment:
            low = middle + 1
        else:
            high = middle
    return low


def check_period(first: date, last: date, today: date) -> None:
    """Return when the days are a period. Raises NotAllowed."""
    if not first <= last <= today or last - first > LONGEST:
        raise invalid(
            "period", "the first day no later than the last, the last today or earlier, six years at the most"
        )


def chosen(catalogue: Catalogue, wanted: Sequence[str]) -> frozenset[str]:
    """Return the controls that are wanted: ids, or beginnings of ids that end with `*`; nothing wanted is all.

    Raises:
        NotAllowed: one names no control.
    """
    if not wanted:
        return frozenset(catalogue.controls)
    found: set[str] = set()
    for each in wanted:
        matching = {
            name for name in catalogue.controls if name == each or (each.endswith("*") and name.startswith(each[:-1]))
        }
        if not matching:
            raise invalid("control", "an id of the catalogue, or the beginning of ids followed by *")
        found |= matching
    return frozenset(found)


def pack_facts(
    registry: Registry,
    *,
    catalogue: Catalogue,
    statuses: Sequence[Status],
    wanted: frozenset[str],
    period: Period,
    first: date,
    last: date,
    now: Instant,
    today: date,
    texts: Texts,
    version: str,
    head: Mapping[str, object],
) -> dict[str, Any]:
    """Return all facts of a pack as JSON can carry them."""
    shown = [each for each in statuses if each.control.id in wanted]
    organisation = registry.organisation
    return {
        "about": {
            "organisation": None if organisation is None else organisation.name,
            "zone": None if organisation is None else organisation.zone,
            "tenant": None if organisation is None else organisation.tenant,
            "single_officer_accepted_by": None if organisation is None else organisation.single_officer_accepted_by,
            "from": first.isoformat(),
            "to": last.isoformat(),
            "made_at": now.text,
            "product": f"wardkeep {version}",
            "catalogue_as_of": catalogue.as_of,
            "ledger": dict(head),
            "entries": {"from": period.start, "to": period.stop, "excerpt": len(period.excerpt)},
        },
        "controls": [_control(each, texts) for each in shown],
        "totals": _totals(shown),
        "activity": _activity(period.headers),
        "vendors": _vendors(registry, period.headers, catalogue),
        "network": network_map(registry, (), today),
        "people": _people(registry),
        "policies": _policies(registry, texts, now, today),
        "duties": duties_view(registry, texts, today),
        "training": report(registry, today),
        "decisions": register_view(registry, catalogue, today),
        "incidents": [incident_view(each, today) for _, each in sorted(registry.incidents.items())],
        "risks": {
            "rows": [risk_view(each, today) for _, each in sorted(registry.risks.items())],
            "outside": list(outside(registry, today)),
            "gone": list(gone(registry)),
        },
        "assets": [asset_view(each, today) for _, each in sorted(registry.assets.items())],
        "uses": {
            "rows": [use_view(each, today) for _, each in sorted(registry.uses.items())],
            "routes_outside": list(routes_outside(registry)),
        },
        "rights": [request_view(each, today) for _, each in sorted(registry.rights.items())],
        "sanctions": [
            {name: value for name, value in sanction_view(each).items() if name != "person"}
            for _, each in sorted(registry.sanctions.items())
        ],
        "checklists": [checklist_view(registry, each, texts, today) for _, each in sorted(registry.checklists.items())],
        "reviews": [
            {
                "id": each.id,
                "opened_at": timestamp(each.opened_at),
                "due_at": timestamp(each.due_at),
                "closed_at": None if each.closed_at is None else timestamp(each.closed_at),
                "items": dict(Counter(i.state.value for i in registry.review_items.values() if i.campaign == each.id)),
            }
            for _, each in sorted(registry.reviews.items())
        ],
        "cannot": limits(catalogue, statuses),
        "excerpt": [header.decode() for header in period.excerpt],
    }


def limits(catalogue: Catalogue, statuses: Sequence[Status]) -> dict[str, Any]:
    """Return what the program cannot show: said once, and computed from the catalogue and the queries there are."""
    return {
        "said": list(CANNOT),
        "not_computed": [_brief(each) for each in statuses if each.query is None and not each.control.is_unconfirmed],
        "unconfirmed": [_brief(each) for each in statuses if each.control.is_unconfirmed],
        "attested": [_brief(each) for each in statuses if each.query and each.control.strength.value == "attested"],
        "overlays": [{"id": each.id, "citation": each.citation, "title": each.title} for each in catalogue.overlays],
    }


def _brief(status: Status) -> dict[str, str]:
    return {"id": status.control.id, "citation": status.control.citation, "title": status.control.title}


def _control(status: Status, texts: Texts) -> dict[str, object]:
    control = status.control
    implementing = [
        name for name, versions in sorted(texts.items()) if control.id in versions[max(versions)].implements
    ]
    return {
        **status_view(status),
        "asks": control.asks,
        "designation": control.designation.value,
        "kind": control.kind,
        "reviewed": control.reviewed,
        "policies": implementing,
    }


def _totals(shown: Iterable[Status]) -> dict[str, Any]:
    by_standing = Counter(each.standing.value for each in shown)
    families: dict[str, Counter[str]] = {}
    for each in shown:
        families.setdefault(each.control.kind, Counter())[each.standing.value] += 1
    return {
        "standing": {each.value: by_standing.get(each.value, 0) for each in Standing},
        "families": {
            name: {each.value: count.get(each.value, 0) for each in Standing} for name, count in families.items()
        },
    }


def _activity(headers: Iterable[StoredHeader]) -> dict[str, Any]:
    """Return counts of the period; nothing in them names anybody but vendors, purposes and workspaces."""
    found: dict[str, Counter[str]] = {
        name: Counter() for name in ("kinds", "vendors", "purposes", "workspaces", "refusals", "days", "actions")
    }
    resolved = 0
    for each in headers:
        found["kinds"][each.type] += 1
        if each.type == "request":
            found["vendors"][f"{each.vendor} under {each.baa}"] += 1
            found["purposes"][str(each.purpose)] += 1
            found["workspaces"][str(each.workspace)] += 1
            found["days"][each.at[:10]] += 1
            resolved += each.subject not in {None, _UNRESOLVED}
        elif each.type == "refusal":
            found["refusals"][str(each.decision)] += 1
        elif each.type == "control" and each.detail is not None:
            found["actions"][str(each.detail.get("action"))] += 1
    counted: dict[str, Any] = {name: dict(sorted(count.items())) for name, count in found.items()}
    requests = found["kinds"]["request"]
    return {**counted, "calls": requests, "calls_with_subject": resolved, "calls_unresolved": requests - resolved}


def _clauses(registry: Registry, agreement: str, catalogue: Catalogue) -> dict[str, object] | None:
    """Return the clauses of a business associate agreement as they were read; other agreements have none to read."""
    if registry.agreements[agreement].kind is not AgreementKind.BAA:
        return None
    return clauses_view(registry, agreement, catalogue)


def _vendors(registry: Registry, headers: Iterable[StoredHeader], catalogue: Catalogue) -> list[dict[str, object]]:
    calls = Counter(each.baa for each in headers if each.type == "request")
    return [
        {
            "id": name,
            "party": vendor.party,
            "is_suspended": vendor.suspended_because is not None,
            "suspended_because": vendor.suspended_because,
            "agreements": [
                {**_agreement(each, calls.get(each.id, 0)), "clauses": _clauses(registry, each.id, catalogue)}
                for _, each in sorted(registry.agreements.items())
                if each.vendor == name
            ],
        }
        for name, vendor in sorted(registry.vendors.items())
    ]


def _agreement(agreement: Agreement, calls: int) -> dict[str, object]:
    scopes = agreement.scopes
    return {
        "id": agreement.id,
        "kind": agreement.kind.value,
        "status": agreement.status.value,
        "document_sha256": agreement.document_sha256,
        "effective_on": agreement.effective_on.isoformat(),
        "expires_on": None if agreement.expires_on is None else agreement.expires_on.isoformat(),
        "added_by": agreement.added_by,
        "activated_by": agreement.activated_by,
        "retention": sorted({each.retention.value for each in scopes}),
        "training_prohibited": all(each.training_prohibited for each in scopes),
        "regions": sorted({region for each in scopes for region in each.regions}),
        "models": sorted({model for each in scopes for model in each.models}),
        "calls": calls,
    }


def _people(registry: Registry) -> dict[str, object]:
    active = [each for each in registry.people.values() if each.is_active]
    roles = Counter(role.value for each in active for role in each.roles)
    return {
        "active": len(active),
        "left": len(registry.people) - len(active),
        "roles": dict(sorted(roles.items())),
        "keys_live": sum(not each.is_revoked for each in registry.keys.values()),
        "keys_revoked": sum(each.is_revoked for each in registry.keys.values()),
        "workspaces": [
            {"id": name, "members": len(each.members), "requires": sorted(one.value for one in each.requires)}
            for name, each in sorted(registry.workspaces.items())
            if each.is_active
        ],
    }


def _policies(registry: Registry, texts: Texts, now: Instant, today: date) -> dict[str, object]:
    waiting = unsigned(registry, texts)
    nobody = next(iter(registry.people.values()))
    rows = []
    for name in sorted(texts):
        text = text_of(texts, name)
        bound = sum(must_sign(each, text) for each in registry.people.values())
        shown = policy_view(registry, text, nobody, today)
        rows.append(
            {
                **{key: shown[key] for key in ("id", "title", "number", "sha256", "approved_by", "review_on")},
                "is_past_review": shown["is_past_review"],
                "bound": bound,
                "unsigned": len(waiting.get(name, ())),
            }
        )
    promises = [msgspec.to_builtins(each) for each in drifts(registry, texts, now, today)]
    return {"rows": rows, "promises": promises}
