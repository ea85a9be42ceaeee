"""Reviews of access: who still needs what they may do (45 CFR 164.308(a)(3)(ii)(B)-(C), 164.308(a)(4)(ii)(C)).

Pure, as `vendors`. The owner of a thing, or the manager of a person, says whether it is still needed; an officer where
it reaches into the control plane; nobody about their own access. What a reviewer revokes ends at once. What nobody
confirmed ends when the campaign closes, which is after its due time and never without a last warning a day before; what
treatment depends on gets a grace, and the last officer is kept and named. `review_clock` takes the steps of time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.leaving import leaving
from wardkeep.compliance.people import check_keeper_remains
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind, Record
from wardkeep.compliance.terms import clean_id, invalid, require, taken, unknown
from wardkeep.compliance.two_people import SINGLE_OFFICER_NOTE, is_officer
from wardkeep.model.access import ApplicationKind, Purpose, Role
from wardkeep.model.access_review import (
    ItemState,
    NoticeKind,
    ReviewCampaign,
    ReviewItem,
    ReviewKind,
    ReviewSchedule,
    Suggestion,
)
from wardkeep.model.registry import AgreementStatus, Person, Registry
from wardkeep.policy.data_roles import DATA_ROLES
from wardkeep.policy.roles import Permission, permissions_of

Used = Callable[[str], datetime | None]

HOST: Final = "host"
PHI_KINDS: Final = frozenset(
    {ReviewKind.ROLE, ReviewKind.MEMBER, ReviewKind.KEY, ReviewKind.APPLICATION, ReviewKind.AGENT}
)
UNUSED_AFTER: Final = timedelta(days=90)
WARNING_AHEAD: Final = timedelta(days=1)
LAST_OFFICER_NOTE: Final = "last_officer_kept"
MOST_AT_ONCE: Final = 1000
_SHORTEST_DAYS: Final = 3
_LONGEST_DAYS: Final = 180
_MOST_PASSED_ON: Final = 5
_CARE: Final = frozenset({Purpose.TREAT, Purpose.ETREAT})
_LIST: Final = "wardkeep review list"


# ---- what a campaign lists -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """What the items of one campaign have in common while they are made."""

    registry: Registry
    campaign: ReviewCampaign
    now: datetime
    used: Used

    def item(
        self,
        kind: ReviewKind,
        subject: str,
        *,
        wanted: str | None,
        about: str | None = None,
        part: str | None = None,
        is_treatment: bool,
        is_control: bool,
        uses: Sequence[str],
        never: Suggestion = Suggestion.NEVER_USED,
        is_ownerless: bool = False,
    ) -> ReviewItem:
        times = [at for name in uses if (at := self.used(name)) is not None]
        last = max(times) if times else None
        suggestion = None
        if is_ownerless:
            suggestion = Suggestion.OWNER_INACTIVE
        elif uses and last is None:
            suggestion = never
        elif last is not None and self.now - last > UNUSED_AFTER:
            suggestion = Suggestion.NOT_USED_90_DAYS
        name = ":".join((kind.value, subject, *((part,) if part is not None else ())))
        return ReviewItem(
            id=f"{self.campaign.id}/{name}",
            campaign=self.campaign.id,
            kind=kind,
            subject=subject,
            part=part,
            reviewer=_reviewer(self.registry, wanted, self.campaign.reviewer, about=about, is_control=is_control),
            is_treatment=is_treatment,
            is_control=is_control,
            suggestion=suggestion,
            last_used_at=last,
        )


def items_of(registry: Registry, campaign: ReviewCampaign, *, now: datetime, used: Used) -> tuple[ReviewItem, ...]:
    """Return everything that the campaign reviews, as it stands now."""
    listing = _Listing(registry=registry, campaign=campaign, now=now, used=used)
    found: list[ReviewItem] = []
    for kind, make in (
        (ReviewKind.PERSON, _people),
        (ReviewKind.ROLE, _roles),
        (ReviewKind.MEMBER, _members),
        (ReviewKind.KEY, _keys),
        (ReviewKind.APPLICATION, _applications),
        (ReviewKind.AGENT, _agents),
        (ReviewKind.VENDOR, _vendors),
    ):
        if kind in campaign.kinds:
            found += make(listing)
    return tuple(found)


def _active_people(registry: Registry) -> list[Person]:
    return [person for _, person in sorted(registry.people.items()) if person.is_active]


def _people(listing: _Listing) -> Iterator[ReviewItem]:
    members = frozenset[str]().union(*(each.members for each in listing.registry.workspaces.values()))
    for person in _active_people(listing.registry):
        reaches_phi = person.id in members or any(_reaches_phi(role) for role in person.roles)
        if listing.campaign.is_phi and not reaches_phi:
            continue
        yield listing.item(
            ReviewKind.PERSON,
            person.id,
            wanted=person.manager,
            about=person.id,
            is_treatment=any(_is_care(role) for role in person.roles),
            is_control=is_control(person.roles),
            uses=(f"person:{person.id}",),
        )


def _roles(listing: _Listing) -> Iterator[ReviewItem]:
    for person in _active_people(listing.registry):
        for role in sorted(person.roles):
            if listing.campaign.is_phi and not _reaches_phi(role):
                continue
            permissions = permissions_of({role}) - {Permission.OWN_ACCOUNT}
            purposes = DATA_ROLES[role].purposes if role in DATA_ROLES else frozenset[Purpose]()
            yield listing.item(
                ReviewKind.ROLE,
                person.id,
                part=role.value,
                wanted=person.manager,
                about=person.id,
                is_treatment=_is_care(role),
                is_control=is_control({role}),
                uses=(
                    *(f"grant:{person.id}:{each.value}" for each in sorted(permissions)),
                    *(f"purpose:{person.id}:{each.value}" for each in sorted(purposes)),
                ),
                never=Suggestion.NEVER_EXERCISED,
            )


def _members(listing: _Listing) -> Iterator[ReviewItem]:
    registry = listing.registry
    for name, place in sorted(registry.workspaces.items()):
        for member in sorted(place.members) if place.is_active else ():
            person = registry.people.get(member)
            if person is None or not person.is_active:
                continue
            yield listing.item(
                ReviewKind.MEMBER,
                member,
                part=name,
                wanted=place.owner,
                about=member,
                is_treatment=not place.purposes.isdisjoint(_CARE) and any(_is_care(role) for role in person.roles),
                is_control=False,
                uses=(f"member:{name}:{member}",),
            )


def _keys(listing: _Listing) -> Iterator[ReviewItem]:
    for name, key in sorted(listing.registry.keys.items()):
        if key.is_revoked or (key.expires_at is not None and key.expires_at <= listing.now):
            continue
        yield listing.item(
            ReviewKind.KEY,
            name,
            wanted=_owner_or_manager(listing.registry, key.owner),
            is_treatment=not key.purposes.isdisjoint(_CARE),
            is_control=False,
            uses=(name,),
            is_ownerless=not _is_active(listing.registry, key.owner),
        )


def _applications(listing: _Listing) -> Iterator[ReviewItem]:
    return _programs(listing, ReviewKind.APPLICATION, ApplicationKind.APPLICATION)


def _agents(listing: _Listing) -> Iterator[ReviewItem]:
    return _programs(listing, ReviewKind.AGENT, ApplicationKind.AGENT)


def _programs(listing: _Listing, kind: ReviewKind, program: ApplicationKind) -> Iterator[ReviewItem]:
    registry = listing.registry
    for name, application in sorted(registry.applications.items()):
        if not application.is_active or application.kind is not program:
            continue
        yield listing.item(
            kind,
            name,
            wanted=_owner_or_manager(registry, application.owner),
            is_treatment=any(_is_care(role) for role in application.roles),
            is_control=False,
            uses=tuple(each for each, key in sorted(registry.keys.items()) if key.application == name) or (name,),
            is_ownerless=not _is_active(registry, application.owner),
        )


def _vendors(listing: _Listing) -> Iterator[ReviewItem]:
    registry = listing.registry
    for name, vendor in sorted(registry.vendors.items()):
        active = [
            each
            for each in registry.agreements.values()
            if each.vendor == name and each.status is AgreementStatus.ACTIVE
        ]
        if vendor.suspended_because is not None or not active:
            continue
        yield listing.item(
            ReviewKind.VENDOR,
            name,
            wanted=None,
            is_treatment=any(not scope.purposes.isdisjoint(_CARE) for each in active for scope in each.scopes),
            is_control=True,
            uses=(),
        )


def is_control(roles: frozenset[Role] | set[Role]) -> bool:
    """Whether roles reach into the control plane beyond one's own account."""
    return bool(permissions_of(roles) - {Permission.OWN_ACCOUNT})


def _is_care(role: Role) -> bool:
    return role in DATA_ROLES and not DATA_ROLES[role].purposes.isdisjoint(_CARE)


def _reaches_phi(role: Role) -> bool:
    return role in DATA_ROLES or Permission.LEDGER_OPEN in permissions_of({role})


def _is_active(registry: Registry, person: str) -> bool:
    found = registry.people.get(person)
    return found is not None and found.is_active


def _owner_or_manager(registry: Registry, owner: str) -> str | None:
    found = registry.people.get(owner)
    return owner if found is None or found.is_active else found.manager


def _reviewer(registry: Registry, wanted: str | None, fallback: str, *, about: str | None, is_control: bool) -> str:
    """Return who reviews: who is wanted, else the campaign's reviewer, else another officer; never about oneself."""
    for name in (wanted, fallback):
        if name is not None and may_review(registry, name, about=about, is_control=is_control):
            return name
    # Looked for last: thousands of people have an item each, and few of them are the reviewer's own.
    officers = (name for name, each in sorted(registry.people.items()) if is_officer(each))
    others = (name for name in officers if may_review(registry, name, about=about, is_control=is_control))
    return next(others, fallback)


def may_review(registry: Registry, reviewer: str, *, about: str | None, is_control: bool) -> bool:
    """Whether a person may review an item: active, not about themselves, an officer where it is the control plane."""
    found = registry.people.get(reviewer)
    if found is None or not found.is_active or not found.roles:
        return False
    return reviewer != about and (is_officer(found) or not is_control)


# ---- what people do --------------------------------------------------------------------------------------------------


def open_review(
    registry: Registry, by: Person, *, campaign: str, kinds: frozenset[ReviewKind], is_phi: bool, reviewer: str | None,
    open_days: int, grace_days: int, now: datetime, used: Used,
) -> tuple[Change, ...]:  # fmt: skip
    """Open a campaign. Raises NotAllowed: no permission, the id is taken, a bound, or there is nothing to review."""
    require(by, Permission.REVIEW_CHANGE)
    if clean_id(campaign, "review id") in registry.reviews:
        raise taken("review", "Choose another id; what was reviewed stays on record.")
    chosen = registry.people.get(reviewer if reviewer is not None else by.id)
    if chosen is None or not chosen.is_active or not is_officer(chosen):
        raise unknown("active officer to review what has no owner", "wardkeep user list")
    if not kinds:
        raise invalid("list of kinds", f"one or more of {', '.join(kind.value for kind in ReviewKind)}")
    _check_days(open_days, grace_days)
    changes = opening(
        registry,
        ReviewCampaign(
            id=campaign,
            opened_by=by.id,
            opened_at=now,
            due_at=now + timedelta(days=open_days),
            kinds=kinds,
            is_phi=is_phi,
            reviewer=chosen.id,
            grace_days=grace_days,
        ),
        used=used,
    )
    if len(changes) == 1:
        raise invalid("review", "of something: nobody and nothing here has access of these kinds")
    return changes


def opening(registry: Registry, campaign: ReviewCampaign, *, used: Used) -> tuple[Change, ...]:
    """Return the campaign and its items as changes."""
    items = items_of(registry, campaign, now=campaign.opened_at, used=used)
    record = replace(campaign, words=SEE_THIS_ENTRY)
    return (
        Change(kind=Kind.REVIEWS, id=campaign.id, record=record),
        *(Change(kind=Kind.REVIEW_ITEMS, id=item.id, record=item) for item in items),
    )


def set_schedule(registry: Registry, by: Person, *, schedule: ReviewSchedule) -> tuple[Change, ...]:
    """Put when reviews of access to PHI open by themselves. Raises NotAllowed."""
    require(by, Permission.REVIEW_CHANGE)
    _check_days(schedule.open_days, schedule.grace_days)
    if not schedule.open_days < schedule.every_days <= 366:
        raise invalid("interval", "longer than a review is open, and at the most 366 days")
    record = replace(schedule, set_by=by.id)
    note = None if schedule.is_active else "reviews_not_scheduled"
    del registry
    return (Change(kind=Kind.REVIEW_SCHEDULES, id=record.id, record=record, note=note),)


def confirm(
    registry: Registry, by: Person, *, campaign: str, items: Sequence[str], now: datetime
) -> tuple[Change, ...]:
    """Say that access is still needed.

    Raises:
        NotAllowed: not theirs to review, their own access, or it is decided.
    """
    changes = []
    for item in _mine(registry, by, campaign, items):
        note = _check_may_decide(registry, by, item)
        decided = _decided(item, ItemState.CONFIRMED, by.id, now)
        changes.append(Change(kind=Kind.REVIEW_ITEMS, id=item.id, record=decided, note=note))
    return tuple(changes)


def revoke(registry: Registry, by: Person, *, campaign: str, items: Sequence[str], now: datetime) -> tuple[Change, ...]:
    """End access that is not needed any more, from the next call on.

    Raises:
        NotAllowed: not theirs to review, their own access, it is decided, or nobody would be left to run the place.
    """
    ended = Ended(registry)
    changes = []
    for item in _mine(registry, by, campaign, items):
        note = _check_may_decide(registry, by, item)
        state = ItemState.REVOKED if ended.end(item, by=by.id) else ItemState.GONE
        decided = _decided(item, state, by.id, now)
        changes.append(Change(kind=Kind.REVIEW_ITEMS, id=item.id, record=decided, note=note))
    return (*ended.changes(), *changes)


def delegate(registry: Registry, by: Person, *, campaign: str, items: Sequence[str], to: str) -> tuple[Change, ...]:
    """Hand items to somebody who knows better; the reviewer may, and whoever runs reviews.

    Raises:
        NotAllowed: not theirs, or the other may not review it.
    """
    is_running = Permission.REVIEW_CHANGE in permissions_of(by.roles)
    changes = []
    for item in _mine(registry, by, campaign, items, is_running=is_running):
        if not may_review(registry, to, about=_about(item), is_control=item.is_control) or to == item.reviewer:
            raise NotAllowed(
                "reviewer_unfit",
                what="This person does not review that.",
                why="A reviewer is active, another than the one whose access it is, and an officer where it is about "
                "the control plane.",
                fix="Name somebody else with --to; `wardkeep user list` shows people.",
            )
        if len(item.passed_on) >= _MOST_PASSED_ON:
            raise _wrong_status(f"The item was handed on {_MOST_PASSED_ON} times.")
        handed = replace(item, reviewer=to, passed_on=(*item.passed_on, item.reviewer), words=SEE_THIS_ENTRY)
        changes.append(Change(kind=Kind.REVIEW_ITEMS, id=item.id, record=handed))
    return tuple(changes)


def close(registry: Registry, by: Person, *, campaign: str, now: datetime) -> tuple[Change, ...]:
    """Close a campaign: when all is decided, or when it is due and its last warning is a day old. Raises NotAllowed."""
    require(by, Permission.REVIEW_CHANGE)
    found = find(registry, campaign)
    if found.closed_at is not None:
        raise _wrong_status("The review is closed.")
    undecided = [item for item in items_in(registry, campaign) if item.is_undecided]
    if undecided and not is_ripe(found, now):
        raise _wrong_status(
            f"{len(undecided)} items are undecided, and the review is not due or its last warning is not a day old."
        )
    return closing(registry, found, by=by.id, now=now)


# ---- what the end does -----------------------------------------------------------------------------------------------


def is_ripe(campaign: ReviewCampaign, now: datetime) -> bool:
    """Whether what nobody confirmed may end: due, and warned of at least a day before."""
    warned = [notice.at for notice in campaign.notices if notice.kind is NoticeKind.LAST_WARNING]
    return now >= campaign.due_at and bool(warned) and now - max(warned) >= WARNING_AHEAD


def closing(registry: Registry, campaign: ReviewCampaign, *, by: str, now: datetime) -> tuple[Change, ...]:
    """Return the end of a campaign: what nobody confirmed ends, or gets its grace, or is the last officer."""
    undecided = [item for item in items_in(registry, campaign.id) if item.state is ItemState.OPEN]
    until = now + timedelta(days=campaign.grace_days)
    waiting = [item for item in undecided if item.is_treatment and campaign.grace_days and _stands(registry, item)]
    in_grace = tuple(
        Change(
            kind=Kind.REVIEW_ITEMS,
            id=item.id,
            record=replace(item, state=ItemState.GRACE, grace_until=until, words=SEE_THIS_ENTRY),
        )
        for item in waiting
    )
    held = {item.id for item in waiting}
    ended = lapsing(registry, campaign, [item for item in undecided if item.id not in held], now=now)
    record = replace(campaign, closed_by=by, closed_at=now, closed_words=SEE_THIS_ENTRY)
    return (Change(kind=Kind.REVIEWS, id=campaign.id, record=record), *in_grace, *ended)


def lapsing(
    registry: Registry, campaign: ReviewCampaign, items: Sequence[ReviewItem], *, now: datetime
) -> tuple[Change, ...]:
    """Return the end of access that nobody confirmed; the last officer is kept, and the entry says so."""
    ended = Ended(registry)
    changes = []
    for item in items:
        note = None
        try:
            state = ItemState.LAPSED if ended.end(item, by=campaign.reviewer) else ItemState.GONE
        except NotAllowed:
            state, note = ItemState.KEPT, LAST_OFFICER_NOTE
        changes.append(Change(kind=Kind.REVIEW_ITEMS, id=item.id, record=_decided(item, state, HOST, now), note=note))
    return (*ended.changes(), *changes)


class Ended:
    """Access that ends together: each end sees those before it, so that two of one person do not undo each other."""

    def __init__(self, registry: Registry) -> None:
        self._held = registry
        self._own: set[Kind] = set()
        self._changes: dict[tuple[Kind, str], Change] = {}

    def end(self, item: ReviewItem, *, by: str) -> bool:
        """End one item's access; return whether it was there.

        Raises:
            NotAllowed: it is the last who can run the place; nothing of it is taken.
        """
        if not _stands(self._held, item):
            return False
        changes = _revocation(self._held, item, by)
        for change in changes:
            if isinstance(change.record, Person):
                _check_officer_remains(self._held, change.record)
        for change in changes:
            records = self._records(change.kind)
            if change.record is None:
                records.pop(change.id, None)
            else:
                records[change.id] = change.record
            self._changes[change.kind, change.id] = change
        return True

    def _records(self, kind: Kind) -> dict[str, Record]:
        """Return a kind's records as a copy of our own: the registry that we were given is never changed in place."""
        if kind not in self._own:
            copied: dict[str, Any] = {kind.value: {**getattr(self._held, kind.value)}}
            self._held = replace(self._held, **copied)
            self._own.add(kind)
        records: dict[str, Record] = getattr(self._held, kind.value)
        return records

    def changes(self) -> tuple[Change, ...]:
        """Return what changed, each record once."""
        return tuple(self._changes.values())


def _revocation(registry: Registry, item: ReviewItem, by: str) -> tuple[Change, ...]:
    name = item.subject
    match item.kind:
        case ReviewKind.PERSON:
            return leaving(registry, name)
        case ReviewKind.ROLE:
            person = registry.people[name]
            left = replace(person, roles=frozenset(role for role in person.roles if role.value != item.part))
            return (Change(kind=Kind.PEOPLE, id=name, record=left),)
        case ReviewKind.MEMBER:
            place = registry.workspaces[item.part or ""]
            return (Change(kind=Kind.WORKSPACES, id=place.id, record=replace(place, members=place.members - {name})),)
        case ReviewKind.KEY:
            return (Change(kind=Kind.KEYS, id=name, record=replace(registry.keys[name], is_revoked=True)),)
        case ReviewKind.APPLICATION | ReviewKind.AGENT:
            application = replace(registry.applications[name], is_active=False)
            return (Change(kind=Kind.APPLICATIONS, id=name, record=application),)
        case ReviewKind.VENDOR:
            # Somebody known stands behind it: a suspension by nobody could never be lifted (`check_opener`).
            vendor = replace(registry.vendors[name], suspended_because=SEE_THIS_ENTRY, suspended_by=by)
            return (Change(kind=Kind.VENDORS, id=name, record=vendor),)


def _stands(registry: Registry, item: ReviewItem) -> bool:
    """Whether the access is still there."""
    match item.kind:
        case ReviewKind.PERSON:
            return _is_active(registry, item.subject)
        case ReviewKind.ROLE:
            person = registry.people.get(item.subject)
            return person is not None and person.is_active and any(role.value == item.part for role in person.roles)
        case ReviewKind.MEMBER:
            place = registry.workspaces.get(item.part or "")
            return place is not None and item.subject in place.members
        case ReviewKind.KEY:
            key = registry.keys.get(item.subject)
            return key is not None and not key.is_revoked
        case ReviewKind.APPLICATION | ReviewKind.AGENT:
            application = registry.applications.get(item.subject)
            return application is not None and application.is_active
        case ReviewKind.VENDOR:
            vendor = registry.vendors.get(item.subject)
            return vendor is not None and vendor.suspended_because is None


def _check_officer_remains(registry: Registry, changed: Person) -> None:
    """Refuse to lose the last who can enrol people, or the last officer. Raises NotAllowed."""
    check_keeper_remains(registry, changed)
    before = any(each.is_active and is_officer(each) for each in registry.people.values())
    after = {**registry.people, changed.id: changed}
    if before and not any(each.is_active and is_officer(each) for each in after.values()):
        raise NotAllowed(
            "last_officer",
            what="This is the last officer.",
            why="Without one nobody could open or close a road, or vouch for another.",
            fix="Enrol and confirm another officer first (`wardkeep user add`, `wardkeep user confirm`).",
            status=409,
        )


# ---- finding ---------------------------------------------------------------------------------------------------------


def find(registry: Registry, campaign: str) -> ReviewCampaign:
    """Return a campaign. Raises NotAllowed when there is none."""
    found = registry.reviews.get(campaign)
    if found is None:
        raise unknown("review", _LIST)
    return found


def items_in(registry: Registry, campaign: str) -> tuple[ReviewItem, ...]:
    """Return a campaign's items by name."""
    found = [item for item in registry.review_items.values() if item.campaign == campaign]
    return tuple(sorted(found, key=lambda item: item.id))


def name_of(item: ReviewItem) -> str:
    """Return an item's name inside its campaign, such as `role:ana:nurse`."""
    return item.id.partition("/")[2]


def _mine(
    registry: Registry, by: Person, campaign: str, items: Sequence[str], *, is_running: bool = False
) -> list[ReviewItem]:
    """Return undecided items that are this person's to decide. Raises NotAllowed."""
    require(by, Permission.OWN_ACCOUNT)
    find(registry, campaign)
    if not 0 < len(set(items)) == len(items) <= MOST_AT_ONCE:
        raise invalid("list of items", f"1 to {MOST_AT_ONCE} different names of items")
    found = []
    for name in items:
        item = registry.review_items.get(f"{campaign}/{name}")
        if item is None or not (is_running or by.id in {item.reviewer, item.escalated_to}):
            # Whoever is not its reviewer learns nothing of what others review.
            raise unknown("item that is yours to review", "wardkeep review mine")
        if not item.is_undecided:
            raise _wrong_status("An item is decided.")
        found.append(item)
    return found


def _check_may_decide(registry: Registry, by: Person, item: ReviewItem) -> str | None:
    """Return the note of the entry, when this person may decide about this item. Raises NotAllowed."""
    if may_review(registry, by.id, about=_about(item), is_control=item.is_control):
        return None
    organisation = registry.organisation
    if organisation is not None and organisation.single_officer_accepted_by == by.id:
        return SINGLE_OFFICER_NOTE
    raise NotAllowed(
        "separation_of_duties",
        what="Nobody reviews their own access, and access to the control plane is for an officer to review.",
        why="Who reviews what they hold would confirm themselves (45 CFR 164.308(a)(4)(ii)(C)).",
        fix="Hand it on with `wardkeep review delegate` to somebody else, or to an officer.",
    )


def _about(item: ReviewItem) -> str | None:
    return item.subject if item.kind in {ReviewKind.PERSON, ReviewKind.ROLE, ReviewKind.MEMBER} else None


def _decided(item: ReviewItem, state: ItemState, by: str, now: datetime) -> ReviewItem:
    return replace(item, state=state, decided_by=by, decided_at=now, grace_until=None, words=SEE_THIS_ENTRY)


def _check_days(open_days: int, grace_days: int) -> None:
    if not _SHORTEST_DAYS <= open_days <= _LONGEST_DAYS:
        raise invalid("time that the review is open", f"{_SHORTEST_DAYS} to {_LONGEST_DAYS} days")
    if not 0 <= grace_days <= 90:
        raise invalid("grace of treatment", "0 to 90 days")


def _wrong_status(what: str) -> NotAllowed:
    return NotAllowed(
        "wrong_status",
        what=what,
        why="A review stands as it was made, and nothing ends without a warning.",
        fix="`wardkeep review show` tells what is undecided, when it is due and which notices were given.",
        status=409,
    )
