"""What a vendor told, held against what is on record of a deployment (DESIGN section 6).

Pure. Retention is held to the strictest of the active scopes that name the deployment: an agreement of zero retention
is contradicted by a vendor that keeps, one of retained days is not, and neither by one that shares what it keeps.
"""

from collections.abc import Iterable
from typing import Final

from wardkeep.model.inspection import (
    ANYWHERE,
    KEPT,
    LIVE,
    OFF,
    SHARED,
    ZERO,
    Aspect,
    Finding,
    Judgement,
    RouteCheck,
    Said,
)
from wardkeep.model.registry import AgreementStatus, Deployment, Registry, Retention
from wardkeep.model.residency import Geography
from wardkeep.routing.regions import agrees

GLOBAL: Final = "global"

# Zones of several countries, as clouds name them; a country's own zone (`us`, `ca`, `jp`) is its place.
_ZONES: Final = {
    "eu": frozenset({"EU", "BE", "DE", "ES", "FI", "FR", "IE", "IT", "NL", "PL", "SE"}),
    "apac": frozenset({"APAC", "AU", "IN", "JP", "KR", "SG"}),
}
_GOVERNMENT: Final = "us-gov"


def closing(registry: Registry, deployment: Deployment) -> tuple[RouteCheck, ...]:
    """Return the checks that close a deployment: its own, and those of the same place under another id.

    What drifted is the vendor's account, so that recording it anew opens nothing by itself: an officer confirms the new
    record after a check of its own.
    """
    own = registry.route_checks.get(deployment.id)
    opened_at = None if own is None else own.confirmed_at
    return tuple(
        each
        for each in registry.route_checks.values()
        if each.drifted_at is not None
        and (
            each.id == deployment.id
            or (
                _is_same_place(registry.deployments.get(each.id), deployment)
                and (opened_at is None or opened_at <= each.drifted_at)
            )
        )
    )


def _is_same_place(one: Deployment | None, other: Deployment) -> bool:
    """Whether two records are of one model of one account, as agreements name it."""
    return one is not None and (one.vendor, one.platform, one.project, one.model) == (
        other.vendor,
        other.platform,
        other.project,
        other.model,
    )


def findings_of(
    registry: Registry, deployment: Deployment, said: Iterable[Said], geography: Geography
) -> tuple[Finding, ...]:
    """Return each thing that was told with its verdict."""
    return tuple(_finding(registry, deployment, each, geography) for each in said)


def _finding(registry: Registry, deployment: Deployment, said: Said, geography: Geography) -> Finding:
    expected, holds = _held(registry, deployment, said, geography)
    told = Judgement.AGREES if holds else Judgement.DRIFT
    verdict = Judgement.INCONCLUSIVE if said.means is None else told
    return Finding(aspect=said.aspect, expected=expected, words=said.words, verdict=verdict)


def _held(registry: Registry, deployment: Deployment, said: Said, geography: Geography) -> tuple[str, bool]:
    """Return what the record has, and whether what was told fits it."""
    means = said.means or ""
    match said.aspect:
        case Aspect.REGION | Aspect.STORAGE:
            region = deployment.region or "unknown"
            return region, _lies_in(means, region, geography)
        case Aspect.DEPLOYMENT_TYPE:
            kind = deployment.deployment_type or "unknown"
            return kind, means == kind
        case Aspect.RETENTION:
            if is_zero_promised(registry, deployment):
                return ZERO, means == ZERO
            return "days under the agreement", means in {ZERO, KEPT} and means != SHARED
        case Aspect.STANDING:
            return LIVE, means == LIVE
        case _:
            return OFF, means == OFF


def _lies_in(means: str, region: str, geography: Geography) -> bool:
    """Whether every region that was told lies in the recorded one; in `global` each does."""
    if region == GLOBAL:
        return True
    told = [each for each in means.split(",") if each]
    return bool(told) and all(each not in {GLOBAL, ANYWHERE} and _is_part(each, region, geography) for each in told)


def _is_part(name: str, region: str, geography: Geography) -> bool:
    """Whether a region is the recorded one or lies in it; what has no known place lies nowhere."""
    if region == _GOVERNMENT:
        return name == region or name.startswith(f"{_GOVERNMENT}-")
    zone = _ZONES.get(region)
    if zone is None:
        return agrees(name, region, geography)
    return name == region or geography.place_of.get(name) in zone


def is_zero_promised(registry: Registry, deployment: Deployment) -> bool:
    """Whether an active scope that names the deployment promises that nothing is kept; without any it is expected."""
    scopes = [
        scope
        for agreement in registry.agreements.values()
        if agreement.vendor == deployment.vendor and agreement.status is AgreementStatus.ACTIVE
        for scope in agreement.scopes
        if scope.platform == deployment.platform
        and deployment.project in scope.projects
        and deployment.model in scope.models
    ]
    return not scopes or any(scope.retention is not Retention.DAYS_UNDER_BAA for scope in scopes)
