"""The part of the control API for reviews of access (45 CFR 164.308(a)(4)(ii)(C))."""

from functools import partial
from typing import Final

from wardkeep.compliance import access_reviews, people
from wardkeep.compliance import review_forms as form
from wardkeep.compliance.forms import Form
from wardkeep.compliance.review_evidence import as_csv, campaign_view, evidence, item_view
from wardkeep.model.access_review import ReviewSchedule
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route

_OWN: Final = Permission.OWN_ACCOUNT
_RUN: Final = Permission.REVIEW_CHANGE
_READ: Final = Permission.REGISTRY_READ


async def _list(asked: Asked) -> object:
    registry = asked.registry
    schedule = registry.review_schedules.get("phi", ReviewSchedule())
    return {
        "reviews": [campaign_view(registry, each) for _, each in sorted(registry.reviews.items())],
        "schedule": form.plain_schedule(schedule),
    }


async def _show(asked: Asked) -> object:
    return evidence(asked.registry, asked.words[0])


async def _evidence(asked: Asked) -> object:
    told = evidence(asked.registry, asked.words[0])
    return {**told, "csv": as_csv(told)}


async def _mine(asked: Asked) -> object:
    mine = [
        {"review": item.campaign, **item_view(item)}
        for _, item in sorted(asked.registry.review_items.items())
        if item.is_undecided and asked.by.id in {item.reviewer, item.escalated_to}
    ]
    return {"items": mine}


async def _open(asked: Asked, filled: form.ReviewForm) -> object:
    plan = partial(
        access_reviews.open_review,
        campaign=filled.id,
        kinds=filled.kinds,
        is_phi=filled.is_phi,
        reviewer=filled.reviewer,
        open_days=filled.open_days,
        grace_days=filled.grace_days,
        now=asked.app.clock().wall,
        used=asked.app.last_used,
    )
    return await change(asked, "review.open", filled.reason, plan, id=filled.id)


async def _confirm(asked: Asked, filled: form.ItemsForm) -> object:
    plan = partial(access_reviews.confirm, campaign=asked.words[0], items=filled.items, now=asked.app.clock().wall)
    return await change(asked, "review.confirm", filled.reason, plan)


async def _revoke(asked: Asked, filled: form.RevocationForm) -> object:
    plan = partial(access_reviews.revoke, campaign=asked.words[0], items=filled.items, now=asked.app.clock().wall)
    return await change(asked, "review.revoke", filled.reason, plan)


async def _delegate(asked: Asked, filled: form.DelegationForm) -> object:
    plan = partial(access_reviews.delegate, campaign=asked.words[0], items=filled.items, to=filled.to)
    return await change(asked, "review.delegate", filled.reason, plan)


async def _close(asked: Asked, filled: Form) -> object:
    plan = partial(access_reviews.close, campaign=asked.words[0], now=asked.app.clock().wall)
    return await change(asked, "review.close", filled.reason, plan)


async def _schedule(asked: Asked, filled: form.ScheduleForm) -> object:
    plan = partial(access_reviews.set_schedule, schedule=filled.schedule())
    return await change(asked, "review.schedule", filled.reason, plan)


async def _manager(asked: Asked, filled: form.ManagerForm) -> object:
    plan = partial(people.set_manager, person=asked.words[0], manager=filled.manager)
    return await change(asked, "person.manager", filled.reason, plan)


REVIEW_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("reviews", _READ, "review.list", _list),
    get_route("reviews/{}", _READ, "review.show", _show),
    get_route("reviews/{}/evidence", _READ, "review.evidence", _evidence),
    # Reviewers are owners and managers, not officers: each sees and decides what is theirs.
    get_route("my-reviews", _OWN, "review.mine", _mine),
    post_route("reviews", _RUN, "review.open", form.ReviewForm, _open),
    post_route("reviews/{}/confirm", _OWN, "review.confirm", form.ItemsForm, _confirm),
    post_route("reviews/{}/revoke", _OWN, "review.revoke", form.RevocationForm, _revoke),
    post_route("reviews/{}/delegate", _OWN, "review.delegate", form.DelegationForm, _delegate),
    post_route("reviews/{}/close", _RUN, "review.close", Form, _close),
    post_route("review-schedule", _RUN, "review.schedule", form.ScheduleForm, _schedule),
    post_route("people/{}/manager", Permission.PERSON_CHANGE, "person.manager", form.ManagerForm, _manager),
)
