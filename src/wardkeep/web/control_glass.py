"""The part of the control API for breaking the glass (45 CFR 164.312(a)(2)(ii))."""

import os
from functools import partial
from typing import Final

from wardkeep.compliance import break_glass
from wardkeep.compliance import glass_forms as form
from wardkeep.compliance.forms import Form
from wardkeep.compliance.terms import clean_handle, clean_workspace
from wardkeep.identity.keys import new_credential, subject_tag
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route


async def _list(asked: Asked) -> object:
    now = asked.app.clock().wall
    return {
        "break_glass": [break_glass.glass_view(each, now) for _, each in sorted(asked.registry.break_glass.items())]
    }


async def _mine(asked: Asked) -> object:
    now, glasses = asked.app.clock().wall, sorted(asked.registry.break_glass.items())
    return {"break_glass": [break_glass.glass_view(each, now) for _, each in glasses if each.person == asked.by.id]}


async def _begin(asked: Asked, filled: form.GlassForm) -> object:
    subject = None if filled.subject is None else clean_handle(filled.subject, "subject")
    if asked.app.factors is None:
        raise RefusalError(Refused(reason=Reason.MFA_STALE))
    workspace = clean_workspace(filled.workspace, "workspace")
    mac_key = asked.app.keys.api_key_key
    proof = await asked.app.factors.prove(asked.registry, asked.by, filled.code)
    glass = new_credential("glass", mac_key, os.urandom)
    plan = partial(
        break_glass.begin,
        glass=glass,
        workspace=workspace,
        subject_tag=None if subject is None else subject_tag(mac_key, workspace, subject),
        method=proof.method,
        minutes=filled.minutes,
        reason=filled.reason,
        now=asked.app.clock().wall,
        spent_code=proof.spent,
    )
    shown = glass.shown_once.reveal()
    return await change(asked, "glass.begin", filled.reason, plan, id=glass.id, ticket=shown)


async def _end(asked: Asked, filled: Form) -> object:
    plan = partial(break_glass.end, glass=asked.words[0], now=asked.app.clock().wall)
    return await change(asked, "glass.end", filled.reason, plan)


async def _review(asked: Asked, filled: form.GlassReviewForm) -> object:
    plan = partial(break_glass.review, glass=asked.words[0], outcome=filled.outcome, now=asked.app.clock().wall)
    return await change(asked, "glass.review", filled.reason, plan)


async def _codes(asked: Asked, filled: form.OfflineCodesForm) -> object:
    codes = break_glass.new_codes(asked.app.keys.api_key_key, filled.person, os.urandom)
    plan = partial(break_glass.make_codes, person=filled.person, macs=tuple(codes.values()), now=asked.app.clock().wall)
    return await change(asked, "glass.codes", filled.reason, plan, codes=list(codes))


GLASS_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("break-glass", Permission.REGISTRY_READ, "glass.list", _list),
    get_route("break-glass/mine", Permission.OWN_ACCOUNT, "glass.mine", _mine),
    post_route("break-glass", Permission.OWN_ACCOUNT, "glass.begin", form.GlassForm, _begin),
    post_route("break-glass/{}/end", Permission.OWN_ACCOUNT, "glass.end", Form, _end),
    post_route("break-glass/{}/review", Permission.REVIEW_CHANGE, "glass.review", form.GlassReviewForm, _review),
    post_route("offline-codes", Permission.PERSON_CHANGE, "glass.codes", form.OfflineCodesForm, _codes),
)
