"""The part of the control API for what must be kept and what is destroyed: holds, retention rules, shreds."""

from functools import partial
from typing import Final

from wardkeep.compliance import custody
from wardkeep.compliance import custody_forms as form
from wardkeep.compliance.custody import Standing
from wardkeep.compliance.forms import ReasonForm
from wardkeep.compliance.records import Change
from wardkeep.compliance.terms import invalid
from wardkeep.model.registry import Registry
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, actor, change, get_route, post_route, today

_HOLD: Final = Permission.RECORD_HOLD
_DESTROY: Final = Permission.RECORD_DESTROY


async def _holds(asked: Asked) -> object:
    return form.holds_view(asked.registry)


async def _place(asked: Asked, filled: form.HoldForm) -> object:
    names = filled.subject is not None or filled.tag is not None
    if names == filled.is_everybody:
        raise invalid("subject", "named by handle or tag, or everybody")
    subject = asked.app.shredder.tag(subject=filled.subject, tag=filled.tag) if names else None
    plan = partial(custody.place_hold, hold=filled.id, cause=filled.cause, subject=subject, now=asked.app.clock().wall)
    return await change(asked, "hold.place", filled.reason, plan, id=filled.id)


async def _release(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(custody.release_hold, hold=asked.words[0], now=asked.app.clock().wall)
    return await change(asked, "hold.release", filled.reason, plan)


async def _rules(asked: Asked) -> object:
    return form.retention_view(asked.registry)


async def _set_rule(asked: Asked, filled: form.RetentionForm) -> object:
    return await change(asked, "retention.set", filled.reason, partial(custody.set_rule, rule=filled.rule()))


async def _remove_rule(asked: Asked, filled: ReasonForm) -> object:
    return await change(asked, "retention.remove", filled.reason, partial(custody.remove_rule, rule=asked.words[0]))


async def _shreds(asked: Asked) -> object:
    stones = {each.shred: each for each in await asked.app.shredder.subjects.tombstones()}
    return form.shreds_view(asked.registry, stones)


async def _propose(asked: Asked, filled: form.ShredForm) -> object:
    shredder = asked.app.shredder
    stated = filled.stated()
    tag = shredder.tag(subject=filled.subject, tag=filled.tag)
    plan = partial(
        custody.propose_shred,
        shred=filled.id,
        standing=await shredder.standing(tag),
        stated=stated,
        today=today(asked),
        now=asked.app.clock().wall,
    )
    return await change(asked, "shred.propose", filled.reason, plan, id=filled.id, tag=tag)


async def _approve(asked: Asked, filled: form.StatedForm) -> object:
    stated, day, name = filled.stated(), today(asked), asked.words[0]

    def plan(registry: Registry, standing: Standing) -> tuple[Change, ...]:
        by = registry.people.get(asked.by.id)
        return custody.approve_shred(
            registry,
            by if by is not None else asked.by,
            shred=name,
            standing=standing,
            stated=stated,
            today=day,
            now=asked.app.clock().wall,
        )

    done = await asked.app.shredder.approve(shred=name, by=actor(asked.by), reason=filled.reason, plan=plan)
    return {"ledger_index": done.ledger_index, "keys": done.keys, "seconds": done.seconds}


async def _withdraw(asked: Asked, filled: ReasonForm) -> object:
    return await change(asked, "shred.withdraw", filled.reason, partial(custody.withdraw_shred, shred=asked.words[0]))


CUSTODY_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("holds", Permission.REGISTRY_READ, "hold.list", _holds),
    post_route("holds", _HOLD, "hold.place", form.HoldForm, _place),
    post_route("holds/{}/release", _HOLD, "hold.release", ReasonForm, _release),
    get_route("retention", Permission.REGISTRY_READ, "retention.list", _rules),
    post_route("retention", _HOLD, "retention.set", form.RetentionForm, _set_rule),
    post_route("retention/{}/remove", _HOLD, "retention.remove", ReasonForm, _remove_rule),
    get_route("shreds", Permission.REGISTRY_READ, "shred.list", _shreds),
    post_route("shreds", _DESTROY, "shred.propose", form.ShredForm, _propose),
    post_route("shreds/{}/approve", _DESTROY, "shred.approve", form.StatedForm, _approve),
    post_route("shreds/{}/withdraw", _DESTROY, "shred.withdraw", ReasonForm, _withdraw),
)
