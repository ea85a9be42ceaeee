"""The part of the control API for reviews of activity (45 CFR 164.308(a)(1)(ii)(D))."""

from datetime import UTC, datetime
from functools import partial
from typing import Final

from wardkeep.audit.search import row_of
from wardkeep.compliance import activity_forms as form
from wardkeep.compliance import activity_review as activity
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route, today


async def _list(asked: Asked) -> object:
    registry = asked.registry
    shown = [form.activity_view(each, today(asked)) for _, each in sorted(registry.activity.items())]
    for each in shown:
        del each["items"]
    return {
        "reviews": shown,
        "next_start": activity.next_start(registry),
        "is_neglected": activity.is_neglected(
            registry, founded_at=await _founded_at(asked), now=asked.app.clock().wall
        ),
    }


async def _show(asked: Asked) -> object:
    return form.activity_view(activity.find_review(asked.registry, asked.words[0]), today(asked))


async def _open(asked: Asked, filled: form.ActivityForm) -> object:
    organisation = asked.registry.organisation
    if organisation is None:
        raise RefusalError(Refused(reason=Reason.FACTS_UNAVAILABLE))
    thresholds = filled.thresholds()
    activity.check_asked(filled.sample, thresholds)
    picked = await activity.pick(
        asked.app.searcher.index,
        start=activity.next_start(asked.registry),
        sample=filled.sample,
        thresholds=thresholds,
        zone=organisation.zone,
    )
    plan = partial(
        activity.open_review,
        review=filled.id,
        picked=picked,
        sample=filled.sample,
        thresholds=thresholds,
        today=today(asked),
        due_days=filled.due_days,
    )
    return await change(asked, "activity.open", filled.reason, plan, id=filled.id, items=len(picked.items))


async def _sign(asked: Asked, filled: form.VerdictForm) -> object:
    plan = partial(
        activity.sign_item,
        review=asked.words[0],
        number=filled.item,
        verdict=filled.verdict,
        incident=filled.incident,
    )
    return await change(asked, "activity.sign", filled.reason, plan)


async def _founded_at(asked: Asked) -> datetime | None:
    for index, header, _ in await asked.app.searcher.index.ledger.leaves_at([0]):
        return datetime.fromtimestamp(row_of(header, index, None).at_us / 1e6, UTC)
    return None


ACTIVITY_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("activity", Permission.LEDGER_READ, "activity.list", _list),
    get_route("activity/{}", Permission.LEDGER_READ, "activity.show", _show),
    post_route("activity", Permission.ACTIVITY_REVIEW, "activity.open", form.ActivityForm, _open),
    post_route("activity/{}/sign", Permission.ACTIVITY_REVIEW, "activity.sign", form.VerdictForm, _sign),
)
