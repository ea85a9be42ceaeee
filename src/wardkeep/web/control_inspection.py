"""The part of the control API for cloud configuration checks."""

from functools import partial
from typing import Final

from wardkeep.compliance import forms as common
from wardkeep.compliance import inspection_forms as form
from wardkeep.compliance import inspections
from wardkeep.compliance.deployments import seal_inspection_credential
from wardkeep.compliance.inspecting import Checker
from wardkeep.model.sensitive import Secret
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, actor, change, get_route, post_route


async def _list(asked: Asked) -> object:
    registry = asked.registry
    return {
        "checks": [inspections.check_view(each) for _, each in sorted(registry.route_checks.items())],
        "unchecked": sorted(registry.deployments.keys() - registry.route_checks.keys()),
        "inspections": [inspections.inspection_view(each) for _, each in sorted(registry.inspections.items())],
    }


async def _set(asked: Asked, filled: form.InspectionForm) -> object:
    name = inspections.find_deployment(asked.registry, asked.words[0]).id
    sealed = (
        None
        if filled.credential is None
        else seal_inspection_credential(
            asked.app.keys, tenant=asked.app.tenant, deployment=name, credential=Secret(filled.credential)
        )
    )
    plan = partial(inspections.set_inspection, inspection=filled.inspection(name), sealed_credential=sealed)
    return await change(asked, "deployment.inspection", filled.reason, plan)


async def _check(asked: Asked, filled: common.Form) -> object:  # noqa: ARG001 - what is recorded is what the vendor told
    checker = Checker(control=asked.app.control, keys=asked.app.keys, clock=asked.app.clock)
    return await checker.check(asked.words[0], by=actor(asked.by))


async def _confirm(asked: Asked, filled: form.ConfirmationForm) -> object:
    plan = partial(
        inspections.confirm_check, deployment=asked.words[0], accept=filled.accept, at=asked.app.clock().wall
    )
    return await change(asked, "deployment.confirm", filled.reason, plan)


INSPECTION_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("checks", Permission.REGISTRY_READ, "check.list", _list),
    post_route(
        "deployments/{}/inspection", Permission.ROUTE_CHANGE, "deployment.inspection", form.InspectionForm, _set
    ),
    # Asking only ever closes: whoever may suspend an agreement may have a vendor asked.
    post_route("deployments/{}/check", Permission.AGREEMENT_SUSPEND, "deployment.check", common.Form, _check),
    post_route(
        "deployments/{}/confirm", Permission.AGREEMENT_ACTIVATE, "deployment.confirm", form.ConfirmationForm, _confirm
    ),
)
