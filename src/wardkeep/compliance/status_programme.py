"""More queries of live status: what the programme's registers and the calls on record show.

Each says in words what it asks. Where a rule asks for a policy, the query asks that it is in force, reviewed, signed by
all whom it binds, and that everything it promises is so (`_kept`). Where it asks for what a program does, the query
looks at calls on record. What neither shows stays not known (`compliance.status`).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from wardkeep.audit.entry import StoredHeader
from wardkeep.compliance import duties, oversight
from wardkeep.compliance.activity_review import DUE_DAYS, EVERY_DAYS
from wardkeep.compliance.catalogue import load_catalogue
from wardkeep.compliance.checklists import missing
from wardkeep.compliance.clauses import clause_ids, stands
from wardkeep.compliance.effective import Agreeing, drift_of
from wardkeep.compliance.incidents import discovery, outstanding
from wardkeep.compliance.policies import in_force, unsigned, unsigned_of
from wardkeep.compliance.policy_texts import Texts, load_texts, text_of
from wardkeep.compliance.rights import is_late
from wardkeep.compliance.risks import outside
from wardkeep.compliance.status import QUERIES, Finding, Query, Run, Window
from wardkeep.compliance.status_evidence import EVIDENCE_QUERIES
from wardkeep.compliance.two_people import Confirmation, confirmation, is_officer
from wardkeep.model.access_review import ItemState
from wardkeep.model.incident import Conclusion
from wardkeep.model.instant import Instant
from wardkeep.model.programme import ChecklistKind
from wardkeep.model.registers import AssetEvent, AssetKind, Treatment
from wardkeep.model.registry import AgreementKind, AgreementStatus, Registry
from wardkeep.model.release import ReleaseBasis
from wardkeep.policy.roles import conflict

_SAMPLES: Final = 3
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_POINTER: Final = re.compile(r"see ledger entry (\d+)")
_REVIEW_EVERY: Final = timedelta(days=92)
_EXCEPTIONS: Final = frozenset({Conclusion.WORKFORCE_GOOD_FAITH, Conclusion.INADVERTENT, Conclusion.NOT_RETAINED})
_SIGNED_WITHIN: Final = timedelta(days=60)


# ---- policies --------------------------------------------------------------------------------------------------------


def _kept(policy: str) -> Run:
    """A policy is kept: in force, reviewed, signed by all whom it binds, and what it promises is so."""

    def run(registry: Registry, window: Window, today: date) -> Finding:
        texts = load_texts()
        version = in_force(registry, policy)
        if version is None:
            return Finding(looked_at=1, wrong=(f"policy {policy} is not in force",))
        wrong = [f"policy {policy} is past its review"] if version.review_on < today else []
        wrong += [f"{each} has not signed {policy}" for each in unsigned_of(registry, texts, policy)]
        promises = drift_of(
            policy,
            text_of(texts, policy, version.text_version).enforced_by,
            version.variables,
            registry=registry,
            now=_instant(window.read_at),
            today=today,
        )
        wrong += [f"{each.setting}: {each.standing.value}" for each in promises if each.standing is not Agreeing.AGREES]
        looked_at = 2 + len(promises) + sum(each.is_active for each in registry.people.values())
        return Finding(looked_at=looked_at, wrong=tuple(wrong), samples=_entries_about(window, "policy"))

    return run


def _kept_query(policy: str) -> Query:
    return Query(
        words=f"policy {policy} is in force, reviewed, signed by all whom it binds, and all that it promises is so",
        run=_kept(policy),
    )


def _all_in_force(registry: Registry, window: Window, today: date) -> Finding:
    texts = load_texts()
    held = {name: in_force(registry, name) for name in sorted(texts)}
    wrong = [f"policy {name}" for name, each in held.items() if each is None or each.review_on < today]
    return Finding(looked_at=len(texts), wrong=tuple(wrong), samples=_entries_about(window, "policy"))


def _documented(registry: Registry, window: Window, _: date) -> Finding:
    held = {name: each.in_force for name, each in registry.policies.items() if each.in_force is not None}
    wrong = [
        f"policy {name}"
        for name, each in sorted(held.items())
        if len(each.sha256) != 64 or each.approved_by in {None, each.proposed_by}
    ]
    return Finding(looked_at=len(held), wrong=tuple(wrong), samples=_entries_about(window, "policy"))


def _available(registry: Registry, window: Window, _: date) -> Finding:
    missing_signatures = unsigned(registry, load_texts())
    wrong = [f"{person} has not signed {name}" for name, people in missing_signatures.items() for person in people]
    return Finding(looked_at=len(missing_signatures), wrong=tuple(wrong), samples=_entries_about(window, "policy.sign"))


def _updated(registry: Registry, window: Window, today: date) -> Finding:
    texts: Texts = load_texts()
    held = {name: each.in_force for name, each in registry.policies.items() if each.in_force is not None}
    wrong = [
        f"policy {name}"
        for name, each in sorted(held.items())
        if each.review_on < today or (not each.is_own and each.text_version < max(texts.get(name, {0: None})))
    ]
    return Finding(looked_at=len(held), wrong=tuple(wrong), samples=_entries_about(window, "policy"))


# ---- people ----------------------------------------------------------------------------------------------------------


def _trained(registry: Registry, window: Window, today: date) -> Finding:
    terms = duties.terms_of(registry)
    people = [each for each in registry.people.values() if each.is_active and list(duties.due_days(registry, each))]
    wrong = [f"training of {each} is overdue" for each in sorted(duties.overdue(registry, terms, today))]
    if people and not terms.training:
        wrong.append("overdue training does not close the road")
    return Finding(looked_at=len(people), wrong=tuple(wrong), samples=_entries_about(window, "training"))


def _workforce(registry: Registry, _: Window, __: date) -> Finding:
    people = [each for each in registry.people.values() if each.is_active and each.roles]
    wrong = [f"{each.id} holds roles that are to be apart" for each in people if conflict(each.roles) is not None]
    wrong += [
        f"{each.id} awaits confirmation"
        for each in people
        if is_officer(each) and confirmation(each) is Confirmation.AWAITED
    ]
    wrong += [f"{each.id} was enrolled by themselves" for each in people if each.enrolled_by == each.id]
    return Finding(looked_at=len(people), wrong=tuple(sorted(wrong)))


def _lists(kind: ChecklistKind) -> Run:
    def run(registry: Registry, window: Window, today: date) -> Finding:
        held = [each for each in registry.checklists.values() if each.kind is kind]
        late = [each for each in held if each.closed_on is None and each.due_on < today]
        texts = load_texts()
        wrong = [f"{each.id}: {', '.join(missing(registry, each, texts, today))}" for each in late]
        return Finding(looked_at=len(held), wrong=tuple(sorted(wrong)), samples=_entries_about(window, "checklist"))

    return run


def _keys_are_narrow(registry: Registry, _: Window, __: date) -> Finding:
    live = [each for each in registry.keys.values() if not each.is_revoked]
    wrong = [
        each
        for each in live
        if not each.purposes
        or not each.models
        or (place := registry.workspaces.get(each.workspace)) is None
        or not place.is_active
    ]
    return Finding(looked_at=len(live), wrong=tuple(sorted(f"key {each.id}" for each in wrong)))


def _access_reviewed(registry: Registry, window: Window, today: date) -> Finding:
    closed = [each for each in registry.reviews.values() if each.closed_at is not None]
    if not closed:
        return Finding(looked_at=0)
    newest = max(each.closed_at.date() for each in closed if each.closed_at is not None)
    wrong = [f"the last review of access ended on {newest}"] if today - newest > _REVIEW_EVERY else []
    ended = {each.id for each in closed}
    items = [each for each in registry.review_items.values() if each.campaign in ended]
    wrong += [f"item {each.id} is undecided" for each in items if each.state is ItemState.OPEN]
    return Finding(looked_at=len(items) + 1, wrong=tuple(wrong), samples=_entries_about(window, "review"))


def _sign_ins(_: Registry, window: Window, __: date) -> Finding:
    return _headers(
        window,
        lambda each: bool(each.actor) and each.detail is not None and bool(each.detail.get("method")),
        "session",
    )


def _logins(registry: Registry, _: Window, __: date) -> Finding:
    held = sorted(registry.logins.items())
    wrong = [f"the login of {name} has no second factor" for name, each in held if not each.is_complete]
    return Finding(looked_at=len(held), wrong=tuple(wrong))


def _sanctions(registry: Registry, window: Window, today: date) -> Finding:
    found = _kept("sanctions")(registry, window, today)
    return Finding(
        looked_at=found.looked_at + len(registry.sanctions),
        wrong=found.wrong,
        samples=_entries_about(window, "sanction") or found.samples,
    )


# ---- calls on record -------------------------------------------------------------------------------------------------


def _permitted(_: Registry, window: Window, __: date) -> Finding:
    return _headers(
        window, lambda each: each.decision == "permitted" and bool(each.actor) and bool(each.workspace), "request"
    )


def _known_callers(registry: Registry, window: Window, __: date) -> Finding:
    def is_known(each: StoredHeader) -> bool:
        name, _, rest = (each.actor or "").partition(":")
        key = registry.keys.get(rest) if name == "key" else None
        return key is not None and key.owner in registry.people

    return _headers(window, is_known, "request")


def _sealed(_: Registry, window: Window, __: date) -> Finding:
    return _headers(window, lambda each: None not in {each.ct_sha256, each.key, each.commit}, "request", "response")


def _bound(_: Registry, window: Window, __: date) -> Finding:
    with_content = [each for each in window.headers if each.ct_len is not None]
    wrong = [f"entry {each.index}" for each in with_content if None in {each.ct_sha256, each.commit}]
    samples = tuple(each.index for each in with_content[-_SAMPLES:])
    return Finding(looked_at=len(with_content), wrong=tuple(wrong), samples=samples)


def _over_tls(registry: Registry, window: Window, __: date) -> Finding:
    places = {name: urlsplit(each.base_url) for name, each in registry.deployments.items()}
    wrong = [
        f"deployment {name}"
        for name, each in sorted(places.items())
        if each.scheme != "https" and each.hostname not in _LOOPBACK
    ]
    return Finding(looked_at=len(places), wrong=tuple(wrong), samples=_entries_about(window, "deployment"))


# ---- risks, assets, incidents, rights, releases ----------------------------------------------------------------------


def _analysed(registry: Registry, window: Window, today: date) -> Finding:
    if not registry.risks:
        return Finding(looked_at=1, wrong=("there is no analysis",))
    wrong = [f"{each} is not in the analysis" for each in outside(registry, today)]
    return Finding(looked_at=len(registry.risks), wrong=tuple(wrong), samples=_entries_about(window, "risk"))


def _treated(registry: Registry, window: Window, today: date) -> Finding:
    held = sorted(registry.risks.items())
    wrong = [f"risk {name}" for name, each in held if not each.holds(today)]
    wrong += [
        f"risk {name} has no active owner"
        for name, each in held
        if (owner := registry.people.get(each.owner)) is None or not owner.is_active
    ]
    wrong += [
        f"risk {name} was accepted by one person"
        for name, each in held
        if each.treatment is Treatment.ACCEPT and each.accepted_by == each.analysed_by
    ]
    return Finding(looked_at=len(held), wrong=tuple(wrong), samples=_entries_about(window, "risk"))


def _attested(*kinds: AssetKind) -> Run:
    def run(registry: Registry, window: Window, today: date) -> Finding:
        held = [each for each in registry.assets.values() if each.disposed_on is None and each.kind in kinds]
        wrong = [f"asset {each.id}" for each in held if not each.is_attested(today)]
        return Finding(looked_at=len(held), wrong=tuple(sorted(wrong)), samples=_entries_about(window, "asset"))

    return run


def _happened(*events: AssetEvent) -> Run:
    """What is on record of these events; that all of them are on record is people's word."""

    def run(registry: Registry, _: Window, __: date) -> Finding:
        found = [event for each in registry.assets.values() for event in each.events if event.what in events]
        return Finding(looked_at=len(found), samples=_pointed(each.words for each in found))

    return run


def _disposed(registry: Registry, window: Window, _: date) -> Finding:
    gone = [
        each
        for each in registry.assets.values()
        if each.disposed_on is not None and each.holds_phi and each.kind is not AssetKind.FACILITY
    ]
    wrong = [f"asset {each.id}" for each in gone if each.certificate_sha256 is None]
    samples = _entries_about(window, "asset.dispose")
    return Finding(looked_at=len(gone), wrong=tuple(sorted(wrong)), samples=samples)


def _accounted(registry: Registry, window: Window, _: date) -> Finding:
    held = [each for each in registry.assets.values() if each.kind in {AssetKind.DEVICE, AssetKind.MEDIUM}]
    wrong = [
        f"asset {each.id}"
        for each in held
        if each.disposed_on is None and ((p := registry.people.get(each.owner)) is None or not p.is_active)
    ]
    return Finding(looked_at=len(held), wrong=tuple(sorted(wrong)), samples=_entries_about(window, "asset"))


def _responded(registry: Registry, window: Window, today: date) -> Finding:
    held = sorted(registry.incidents.items())
    wrong = [f"incident {name}" for name, each in held if any(due.due < today for due in outstanding(each))]
    wrong += [
        f"incident {name} is not judged"
        for name, each in held
        if each.countersigned_by is None and today - discovery(each) > _SIGNED_WITHIN
    ]
    return Finding(looked_at=len(held), wrong=tuple(wrong), samples=_entries_about(window, "incident"))


def _discovered(registry: Registry, window: Window, _: date) -> Finding:
    held = sorted(registry.incidents.items())
    wrong = [f"incident {name}" for name, each in held if discovery(each) > each.opened_at.date()]
    return Finding(looked_at=len(held), wrong=tuple(wrong), samples=_entries_about(window, "incident.open"))


def _proved(registry: Registry, _: Window, __: date) -> Finding:
    steps = [(name, step) for name, each in sorted(registry.incidents.items()) for step in each.steps]
    wrong = [f"a step of incident {name}" for name, step in steps if _POINTER.fullmatch(step.words) is None]
    return Finding(looked_at=len(steps), wrong=tuple(wrong), samples=_pointed(step.words for _, step in steps))


def _delayed(registry: Registry, window: Window, _: date) -> Finding:
    held = [each for each in registry.incidents.values() if each.delay_stated_on is not None]
    return Finding(looked_at=len(held), samples=_entries_about(window, "incident.delay"))


def _in_time(right: str) -> Run:
    def run(registry: Registry, window: Window, today: date) -> Finding:
        held = [each for each in registry.rights.values() if each.right == right]
        wrong = [f"request {each.id}" for each in held if is_late(each, today)]
        return Finding(looked_at=len(held), wrong=tuple(sorted(wrong)), samples=_entries_about(window, "right"))

    return run


def _released(*bases: ReleaseBasis) -> Run:
    def run(registry: Registry, window: Window, _: date) -> Finding:
        held = [each for each in registry.releases.values() if each.is_released and each.basis in bases]
        wrong = [f"release {each.id}" for each in held if each.signed_by == each.prepared_by]
        for each in held:
            signed = each.signed_on
            if each.basis is ReleaseBasis.SAFE_HARBOR and not each.no_actual_knowledge:
                wrong.append(f"release {each.id}")
            if each.basis is ReleaseBasis.EXPERT_DETERMINATION:
                found = registry.determinations.get(each.determination or "")
                if found is None or signed is None or not found.holds(signed):
                    wrong.append(f"release {each.id}")
            if each.basis is ReleaseBasis.LIMITED_DATA_SET:
                use = registry.data_uses.get(each.data_use or "")
                if use is None or signed is None or not use.holds(signed):
                    wrong.append(f"release {each.id}")
        samples = _entries_about(window, "release")
        return Finding(looked_at=len(held), wrong=tuple(sorted(set(wrong))), samples=samples)

    return run


def _violations(registry: Registry, window: Window, _: date) -> Finding:
    """A vendor that is suspended serves nobody: no request of the window came after its suspension."""
    closed = {name for name, each in registry.vendors.items() if each.suspended_because is not None}
    since = {
        name: int(found.group(1))
        for name in closed
        if (found := _POINTER.search(registry.vendors[name].suspended_because or "")) is not None
    }
    wrong = [
        f"entry {each.index}"
        for each in window.headers
        if each.type == "request" and each.vendor in since and each.index > since[each.vendor]
    ]
    samples = tuple(sorted(since.values())[-_SAMPLES:])
    return Finding(looked_at=len(since), wrong=tuple(wrong), samples=samples)


def _contracts(registry: Registry, window: Window, today: date) -> Finding:
    """Every vendor that a route reaches has an active agreement whose document is named by its hash."""
    reached = {
        registry.deployments[name].vendor
        for route in registry.routes.values()
        for name in (route.deployment, *route.fallbacks)
        if name in registry.deployments
    }
    good = {
        each.vendor
        for each in registry.agreements.values()
        if each.status is AgreementStatus.ACTIVE
        and len(each.document_sha256) == 64
        and each.effective_on <= today
        and (each.expires_on is None or today <= each.expires_on)
    }
    wrong = tuple(f"vendor {each}" for each in sorted(reached - good))
    return Finding(looked_at=len(reached), wrong=wrong, samples=_entries_about(window, "agreement"))


def _closed_out(registry: Registry, window: Window, today: date) -> Finding:
    """Every business associate agreement that ended: what the vendor held was returned or destroyed in time."""
    over = oversight.close_outs_view(registry, today)
    wrong = [f"agreement {each['id']}" for each in over if each["is_late"]]
    return Finding(looked_at=len(over), wrong=tuple(sorted(wrong)), samples=_entries_about(window, "vendor.closeout"))


def _assured(registry: Registry, window: Window, today: date) -> Finding:
    """Calls and places have agreements, and no evidence of a vendor has run out without another in its place."""
    found = QUERIES["HSR-308-b1"].run(registry, window, today)
    stands = list(oversight.current(registry))
    over = [f"evidence {each.id} has run out" for each in stands if each.until < today]
    return Finding(looked_at=found.looked_at + len(stands), wrong=found.wrong + tuple(sorted(over)),
                   samples=found.samples)  # fmt: skip


def _noticed(registry: Registry, window: Window, today: date) -> Finding:
    """Incidents are responded to, and so are the notices of vendors."""
    found = _responded(registry, window, today)
    notices = registry.vendor_notices.values()
    late = [f"notice {each.id}" for each in notices if (each.settled_on or today) > each.due_on]
    return Finding(looked_at=found.looked_at + len(notices), wrong=found.wrong + tuple(sorted(late)),
                   samples=found.samples)  # fmt: skip


def _clause(name: str) -> Run:
    """The clause stands in the document of every active business associate agreement, as two people read it."""

    def run(registry: Registry, window: Window, _: date) -> Finding:
        active = [
            each
            for each in registry.agreements.values()
            if each.status is AgreementStatus.ACTIVE and each.kind is AgreementKind.BAA
        ]
        wrong = [f"agreement {each.id}" for each in active if not stands(registry, each, name)]
        return Finding(looked_at=len(active), wrong=tuple(sorted(wrong)), samples=_entries_about(window, "clause"))

    return run


def _to_the_end(registry: Registry, window: Window, today: date) -> Finding:
    clause, ended = _clause("HPR-504-e2-ii-J")(registry, window, today), _closed_out(registry, window, today)
    return Finding(
        looked_at=clause.looked_at + ended.looked_at,
        wrong=clause.wrong + ended.wrong,
        samples=clause.samples or ended.samples,
    )


def _security_clauses(registry: Registry, window: Window, today: date) -> Finding:
    """45 CFR 164.314(a)(2)(i)(A)-(C): comply with the Security Rule, bind subcontractors, report incidents."""
    found = [_clause(f"HPR-504-e2-ii-{letter}")(registry, window, today) for letter in "BCD"]
    wrong = {each for one in found for each in one.wrong}
    return Finding(looked_at=found[0].looked_at, wrong=tuple(sorted(wrong)), samples=found[0].samples)


def _activity_reviewed(registry: Registry, window: Window, today: date) -> Finding:
    held = list(registry.activity.values())
    if not held:
        return Finding(looked_at=0)
    newest = max(each.ended_at.date() for each in held)
    wrong = [f"activity is reviewed until {newest}"] if (today - newest).days > EVERY_DAYS + DUE_DAYS else []
    wrong += [f"review {each.id} is overdue" for each in held if each.is_overdue(today)]
    looked_at = 1 + sum(len(each.items) for each in held)
    return Finding(looked_at=looked_at, wrong=tuple(sorted(wrong)), samples=_entries_about(window, "activity"))


def _glass_reviewed(registry: Registry, window: Window, _: date) -> Finding:
    held = list(registry.break_glass.values())
    wrong = [each for each in held if each.reviewed_at is None and window.read_at > each.review_by]
    wrong += [each for each in held if each.reviewed_by == each.person]
    samples = _pointed(each.words or "" for each in held)
    return Finding(
        looked_at=len(held), wrong=tuple(sorted({f"emergency access {each.id}" for each in wrong})), samples=samples
    )


def _exceptions(registry: Registry, window: Window, _: date) -> Finding:
    held = [each for each in registry.incidents.values() if each.conclusion in _EXCEPTIONS]
    wrong = [f"incident {each.id}" for each in held if each.countersigned_by in {None, each.signed_by}]
    return Finding(looked_at=len(held), wrong=tuple(sorted(wrong)), samples=_entries_about(window, "incident"))


# ---- what the queries share ------------------------------------------------------------------------------------------


def _headers(window: Window, holds: Callable[[StoredHeader], bool], *kinds: str) -> Finding:
    looked_at = [each for each in window.headers if each.type in kinds]
    return Finding(
        looked_at=len(looked_at),
        wrong=tuple(f"entry {each.index}" for each in looked_at if not holds(each)),
        samples=tuple(each.index for each in looked_at[-_SAMPLES:]),
    )


def _entries_about(window: Window, action: str) -> tuple[int, ...]:
    """Return the newest changes whose action is this one or begins with it."""
    found = [
        each.index
        for each in window.headers
        if each.type == "control"
        and each.detail is not None
        and (str(each.detail.get("action", "")) + ".").startswith(action + ".")
    ]
    return tuple(found[-_SAMPLES:])


def _pointed(words: Iterable[str]) -> tuple[int, ...]:
    found = (_POINTER.fullmatch(each) for each in words)
    return tuple(sorted({int(each.group(1)) for each in found if each is not None})[-_SAMPLES:])


def _instant(at: datetime) -> Instant:
    wall_us = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return Instant(wall_us, 0, "")


_TRAINED: Final = Query(
    words="nobody whom a course is assigned to is overdue with it, and overdue training closes the road",
    run=_trained,
)
_SEALED: Final = Query(
    words="the content of every request and answer of the window is sealed under a key that its header names",
    run=_sealed,
)
_TLS: Final = Query(words="every deployment beyond this machine is reached over TLS", run=_over_tls)
_RELEASES: Final = "every release was signed by another person, on a basis that held on that day"

PROGRAMME_QUERIES: Final[Mapping[str, Query]] = MappingProxyType(
    {
        "HSR-306-e": _kept_query("model-change"),
        "HSR-308-a1-A": Query(
            words="every route, vendor, asset and use that is live stands in a row of the analysis that counts today",
            run=_analysed,
        ),
        "HSR-308-a1-B": Query(
            words="every risk is treated, has an active owner, and an acceptance is of two people and has not ended",
            run=_treated,
        ),
        "HSR-308-a1-C": Query(
            words="policy sanctions is in force, reviewed and signed, and two people decided every sanction",
            run=_sanctions,
        ),
        "HSR-308-a1-D": Query(
            words="activity is reviewed without a gap longer than two weeks, and nothing of a review is overdue",
            run=_activity_reviewed,
        ),
        "HSR-308-a3": Query(
            words="everybody active was enrolled by another, awaits no confirmation, and holds no roles to be apart",
            run=_workforce,
        ),
        "HSR-308-a3-B": Query(words="no joiner's list is late", run=_lists(ChecklistKind.JOINER)),
        "HSR-308-a4-B": Query(
            words="every live key names purposes, models and an open workspace", run=_keys_are_narrow
        ),
        "HSR-308-a4-C": Query(
            words="a review of access closed within 92 days, and nothing of the closed ones is undecided",
            run=_access_reviewed,
        ),
        "HSR-308-a5": _TRAINED,
        "HSR-308-a5-C": Query(words="every sign-in of the window names a person and a method", run=_sign_ins),
        "HSR-308-a5-D": Query(words="no login rests on a password alone", run=_logins),
        "HSR-308-a6": _kept_query("incident-breach"),
        "HSR-308-a6-ii": Query(
            words="no notice of an incident is late, each was judged by two people within 60 days, and no notice of a "
            "vendor waited too long",
            run=_noticed,
        ),
        "HSR-308-a7": _kept_query("contingency"),
        "HSR-310-a1": Query(words="every facility is attested", run=_attested(AssetKind.FACILITY)),
        "HSR-310-a2-ii": Query(words="every facility is attested", run=_attested(AssetKind.FACILITY)),
        "HSR-310-a2-iii": Query(
            words="visitors are on record; that all of them are is people's word", run=_happened(AssetEvent.VISITORS)
        ),
        "HSR-310-a2-iv": Query(
            words="maintenance is on record; that all of it is is people's word", run=_happened(AssetEvent.MAINTENANCE)
        ),
        "HSR-310-b": _kept_query("devices-facilities"),
        "HSR-310-c": Query(
            words="every device and system is attested", run=_attested(AssetKind.DEVICE, AssetKind.SYSTEM)
        ),
        "HSR-310-d1": Query(
            words="every device and medium is attested", run=_attested(AssetKind.DEVICE, AssetKind.MEDIUM)
        ),
        "HSR-310-d2-i": Query(words="every disposal of what kept PHI names its certificate", run=_disposed),
        "HSR-310-d2-ii": Query(
            words="wipes are on record; that nothing was used again without is people's word",
            run=_happened(AssetEvent.WIPED),
        ),
        "HSR-310-d2-iii": Query(words="every device and medium in use has an active owner", run=_accounted),
        "HSR-312-a1": Query(
            words="every request of the window was permitted, for a caller, in a workspace", run=_permitted
        ),
        "HSR-312-a2-ii": Query(
            words="every emergency access was reviewed in time, by somebody else", run=_glass_reviewed
        ),
        "HSR-312-a2-iii": _kept_query("workforce-access"),
        "HSR-312-a2-iv": _SEALED,
        "HSR-312-c2": Query(
            words="every entry of the window with content binds it by hash and key commitment", run=_bound
        ),
        "HSR-312-d": Query(
            words="every request of the window came with a key on record, whose owner is on record", run=_known_callers
        ),
        "HSR-312-e1": _TLS,
        "HSR-312-e2-i": _TLS,
        "HSR-312-e2-ii": _TLS,
        "HSR-314-a1": Query(
            words="every vendor that a route reaches has an active agreement whose document is named by its hash",
            run=_contracts,
        ),
        "HSR-316-a": Query(words="all policies are in force and within their review", run=_all_in_force),
        "HSR-316-b1": Query(
            words="every policy in force is named by its hash and was approved by another person", run=_documented
        ),
        "HSR-316-b2-ii": Query(words="everybody whom a policy binds has signed the text in force", run=_available),
        "HSR-316-b2-iii": Query(
            words="no policy in force is past its review or older than the text that ships", run=_updated
        ),
        "HPR-502-b": _kept_query("minimum-necessary"),
        "HPR-504-e1-ii": Query(words="no request of the window went to a vendor after its suspension", run=_violations),
        "HPR-514-a": Query(words=_RELEASES, run=_released(ReleaseBasis.SAFE_HARBOR, ReleaseBasis.EXPERT_DETERMINATION)),
        "HPR-514-b1": Query(words=_RELEASES, run=_released(ReleaseBasis.EXPERT_DETERMINATION)),
        "HPR-514-b2": Query(words=_RELEASES, run=_released(ReleaseBasis.SAFE_HARBOR)),
        "HPR-514-d": _kept_query("minimum-necessary"),
        "HPR-514-e": Query(words=_RELEASES, run=_released(ReleaseBasis.LIMITED_DATA_SET)),
        "HPR-524": Query(words="no request for access is late, answered or not", run=_in_time("access")),
        "HPR-526": Query(words="no request for amendment is late, answered or not", run=_in_time("amendment")),
        "HPR-528": Query(words="no request for an accounting is late, answered or not", run=_in_time("accounting")),
        "HPR-530-b": _TRAINED,
        "HBN-402-def": Query(words="two people signed that an exception applies", run=_exceptions),
        "HBN-402-unsec": _SEALED,
        "HBN-404-a2": Query(words="no incident counts as discovered later than it was opened", run=_discovered),
        "HBN-412": Query(words="delays rest on a statement on record; what it said is sealed", run=_delayed),
        "HBN-414": Query(words="every step of every incident is a ledger entry", run=_proved),
    }
)


def all_queries() -> Mapping[str, Query]:
    """Return every query, by control; a roll-up stands on the specifications below it."""
    own: dict[str, Query] = {**QUERIES, **PROGRAMME_QUERIES, **EVIDENCE_QUERIES}
    for name in clause_ids(load_catalogue()):
        words = "two people read the clause in the document of every active business associate agreement"
        own[name] = Query(words=words, run=_clause(name))
    own["HSR-308-b1"] = Query(
        words="every request of the window names an agreement on record, so does every other place on record with PHI, "
        "and no evidence of a vendor has run out",
        run=_assured,
    )
    own["HPR-504-e2-ii-J"] = Query(
        words="two people read the clause in the document of every active business associate agreement, and at the end "
        "of one what the vendor held was returned or destroyed in time",
        run=_to_the_end,
    )
    own["HSR-314-a2-i"] = Query(
        words="the clauses on safeguards, reports and subcontractors stand in every active agreement",
        run=_security_clauses,
    )
    below = tuple(name for name in load_catalogue().controls if name.startswith("HSR-308-a1-") and name in own)

    def rolled(registry: Registry, window: Window, today: date) -> Finding:
        found = {name: own[name].run(registry, window, today) for name in below}
        wrong = [name for name, each in found.items() if each.wrong or not each.looked_at]
        missing_below = {"HSR-308-a1-A", "HSR-308-a1-B", "HSR-308-a1-C", "HSR-308-a1-D"} - found.keys()
        return Finding(looked_at=4, wrong=tuple(sorted({*wrong, *(f"{each}: not computed" for each in missing_below)})))

    own["HSR-308-a1"] = Query(words="its four specifications hold", run=rolled)
    return own
