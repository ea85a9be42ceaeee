"""The part of the control API for attested deployments and pinned keys."""

from functools import partial
from typing import Final

from wardkeep.compliance import attestation_forms as form
from wardkeep.compliance import attestations
from wardkeep.compliance import forms as common
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route


async def _list(asked: Asked) -> object:
    rules = asked.registry.attestations
    return {"attestations": [attestations.rule_view(each) for _, each in sorted(rules.items())]}


async def _add(asked: Asked, filled: form.AllowListForm) -> object:
    plan = partial(attestations.add_rule, rule=filled.rule(), anchors=filled.anchors)
    return await change(asked, "attestation.add", filled.reason, plan, id=filled.id)


async def _activate(asked: Asked, filled: common.Form) -> object:
    plan = partial(attestations.activate_rule, rule=asked.words[0])
    return await change(asked, "attestation.activate", filled.reason, plan)


async def _withdraw(asked: Asked, filled: common.ReasonForm) -> object:
    plan = partial(attestations.withdraw_rule, rule=asked.words[0], reason=filled.reason)
    return await change(asked, "attestation.withdraw", filled.reason, plan)


async def _pin(asked: Asked, filled: form.PinsForm) -> object:
    plan = partial(attestations.set_pins, deployment=asked.words[0], pins=filled.pins)
    return await change(asked, "deployment.pins", filled.reason, plan)


ATTESTATION_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("attestations", Permission.REGISTRY_READ, "attestation.list", _list),
    post_route("attestations", Permission.AGREEMENT_ADD, "attestation.add", form.AllowListForm, _add),
    post_route(
        "attestations/{}/activate", Permission.AGREEMENT_ACTIVATE, "attestation.activate", common.Form, _activate
    ),
    post_route(
        "attestations/{}/withdraw", Permission.AGREEMENT_SUSPEND, "attestation.withdraw", common.ReasonForm, _withdraw
    ),
    post_route("deployments/{}/pins", Permission.ROUTE_CHANGE, "deployment.pins", form.PinsForm, _pin),
)
