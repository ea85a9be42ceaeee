"""What time asks of reviews of access: notices, escalation, the end, and the next one (45 CFR 164.308(a)(4)(ii)(C)).

Pure but for `tend`, which the keeper calls again and again. A step that was missed while nothing ran is taken when it
runs again, and the end waits for a last warning that is a day old: access never ends because a server was down.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from wardkeep.compliance.access_reviews import (
    HOST,
    PHI_KINDS,
    Used,
    closing,
    is_ripe,
    lapsing,
    may_review,
    opening,
)
from wardkeep.compliance.control import Control
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.two_people import is_officer
from wardkeep.model.access import Role
from wardkeep.model.access_review import (
    ItemState,
    NoticeKind,
    ReviewCampaign,
    ReviewItem,
    ReviewNotice,
    ReviewSchedule,
)
from wardkeep.model.instant import Instant
from wardkeep.model.registry import Registry

_WARN_BEFORE: Final = timedelta(days=3)
_DEFAULT: Final = ReviewSchedule()


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One step that time asks for: the action and reason of its entry, which campaign, how many items, its changes."""

    action: str
    reason: str
    campaign: str
    items: int
    changes: tuple[Change, ...]


async def tend(control: Control, clock: Callable[[], Instant], used: Used, *, founded_at: datetime | None) -> list[Due]:
    """Take every step that is due now, each an entry of its own; return them. Raises LedgerUnavailable."""
    taken: list[Due] = []
    while (due := next(steps(control.registry, clock().wall, used, founded_at=founded_at), None)) is not None:
        now = clock().wall

        def plan(registry: Registry, now: datetime = now, wanted: Due = due) -> Sequence[Change]:
            again = next(
                (
                    each
                    for each in steps(registry, now, used, founded_at=founded_at)
                    if (each.action, each.campaign) == (wanted.action, wanted.campaign)
                ),
                None,
            )
            # Somebody may have decided in between; then the entry says that the step found nothing more to do.
            return again.changes if again is not None else ()

        await control.change(by=HOST, action=due.action, reason=due.reason, plan=plan)
        taken.append(due)
    return taken


def steps(registry: Registry, now: datetime, used: Used, *, founded_at: datetime | None) -> Iterator[Due]:
    """Yield the steps that are due, most urgent first."""
    if registry.organisation is None:
        return
    undecided = _undecided(registry)
    for _, campaign in sorted(registry.reviews.items()):
        items = undecided.get(campaign.id, ())
        if campaign.closed_at is None:
            yield from _of_open(registry, campaign, items, now)
        else:
            over = [item for item in items if item.grace_until is not None and item.grace_until <= now]
            if over:
                yield Due(
                    action="review.grace-over",
                    reason=f"the grace of review {campaign.id} is over",
                    campaign=campaign.id,
                    items=len(over),
                    changes=lapsing(registry, campaign, over, now=now),
                )
    yield from _next_one(registry, now, used, founded_at)


def _undecided(registry: Registry) -> dict[str, list[ReviewItem]]:
    """Return undecided items by campaign and name: one look at all, because years of campaigns stay on record."""
    found: dict[str, list[ReviewItem]] = {}
    for item in registry.review_items.values():
        if item.is_undecided:
            found.setdefault(item.campaign, []).append(item)
    return {campaign: sorted(items, key=lambda item: item.id) for campaign, items in found.items()}


def _of_open(registry: Registry, campaign: ReviewCampaign, items: Sequence[ReviewItem], now: datetime) -> Iterator[Due]:
    undecided = [item for item in items if item.state is ItemState.OPEN]
    if not undecided or is_ripe(campaign, now):
        yield Due(
            action="review.close",
            reason=f"review {campaign.id} is due" if undecided else f"all of review {campaign.id} is decided",
            campaign=campaign.id,
            items=len(undecided),
            changes=closing(registry, campaign, by=HOST, now=now),
        )
        return
    for kind, at in _notice_times(campaign):
        if at <= now and not any(notice.kind is kind for notice in campaign.notices):
            notice = ReviewNotice(at=now, kind=kind, undecided=len(undecided), words=SEE_THIS_ENTRY)
            record = replace(campaign, notices=(*campaign.notices, notice))
            escalated = _escalated(registry, campaign, undecided) if kind is not NoticeKind.REMINDER else ()
            yield Due(
                action=f"review.{kind.value.replace('_', '-')}",
                reason=f"{len(undecided)} items of review {campaign.id} are undecided",
                campaign=campaign.id,
                items=len(undecided),
                changes=(Change(kind=Kind.REVIEWS, id=campaign.id, record=record), *escalated),
            )
            return


def _notice_times(campaign: ReviewCampaign) -> tuple[tuple[NoticeKind, datetime], ...]:
    span = campaign.due_at - campaign.opened_at
    return (
        (NoticeKind.REMINDER, campaign.opened_at + span / 2),
        (NoticeKind.ESCALATION, campaign.opened_at + span * 3 / 4),
        (NoticeKind.LAST_WARNING, campaign.due_at - min(_WARN_BEFORE, span / 8) - timedelta(days=1)),
    )


def _escalated(registry: Registry, campaign: ReviewCampaign, items: Sequence[ReviewItem]) -> Iterator[Change]:
    """Let the reviewer's manager, the campaign's reviewer or another officer decide as well."""
    officers = sorted(name for name, each in registry.people.items() if is_officer(each))
    for item in items:
        if item.escalated_to is not None:
            continue
        reviewer = registry.people.get(item.reviewer)
        manager = reviewer.manager if reviewer is not None else None
        about = item.subject if item.subject in registry.people else None
        for name in (manager, campaign.reviewer, *officers):
            if (
                name is not None
                and name != item.reviewer
                and may_review(registry, name, about=about, is_control=item.is_control)
            ):
                yield Change(kind=Kind.REVIEW_ITEMS, id=item.id, record=replace(item, escalated_to=name))
                break


def _next_one(registry: Registry, now: datetime, used: Used, founded_at: datetime | None) -> Iterator[Due]:
    """Open the review of access to PHI of a new quarter, when none is open and the last began long enough ago."""
    schedule = registry.review_schedules.get(_DEFAULT.id, _DEFAULT)
    begun = [each.opened_at for each in registry.reviews.values() if each.is_phi]
    last = max(begun) if begun else founded_at
    is_one_open = any(each.is_phi and each.closed_at is None for each in registry.reviews.values())
    if not schedule.is_active or last is None or is_one_open or now - last < timedelta(days=schedule.every_days):
        return
    reviewer = _officer(registry)
    name = f"phi-{now:%Y-%m-%d}"
    if reviewer is None or name in registry.reviews:
        return
    campaign = ReviewCampaign(
        id=name,
        opened_by=HOST,
        opened_at=now,
        due_at=now + timedelta(days=schedule.open_days),
        kinds=PHI_KINDS,
        is_phi=True,
        reviewer=reviewer,
        grace_days=schedule.grace_days,
    )
    changes = opening(registry, campaign, used=used)
    if len(changes) > 1:
        yield Due(
            action="review.open",
            reason="access to health information is reviewed every quarter",
            campaign=name,
            items=len(changes) - 1,
            changes=changes,
        )


def _officer(registry: Registry) -> str | None:
    """Return the privacy officer, else another active officer."""
    active = [each for _, each in sorted(registry.people.items()) if each.is_active and is_officer(each)]
    first = [each for each in active if Role.PRIVACY_OFFICER in each.roles]
    return next((each.id for each in (*first, *active)), None)
