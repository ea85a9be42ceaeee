"""Stage 5: the deployment behind the route, if an active agreement covers this exact call.

Pure. The gate is asked for every deployment that could be tried, fallbacks included. An agreement opens nothing by its
existence: status, dates in the organisation's zone, legal party, and one scope that holds the platform, project,
endpoint, model, region, purpose, every feature used, retention and no training, all at once. The endpoint is the one at
the vendor that the bytes go to, not the client's where a dialect translates. What a scope opened may still stand
outside the platform's terms (`routing.terms`), which only close.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from wardkeep.model.access import DataClass
from wardkeep.model.attestation import AttestationRule
from wardkeep.model.dialects import DIALECTS, endpoint_of, serves
from wardkeep.model.document import apply
from wardkeep.model.individuals import bars_named, bars_unnamed
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.registry import (
    Agreement,
    AgreementKind,
    AgreementStatus,
    Deployment,
    Purpose,
    Registry,
    Retention,
    Route,
    Scope,
    Surface,
)
from wardkeep.model.residency import Geography, PlatformRegions, Told
from wardkeep.model.stages import Call, Permitted, Routed, Safe
from wardkeep.model.terms import Terms
from wardkeep.routing.drift import closing
from wardkeep.routing.order import WELL, Standing, ordered
from wardkeep.routing.regions import processed_in, residency_forbids
from wardkeep.routing.terms import outside

_CLOSED: Final = {
    AgreementStatus.DRAFT: Reason.BAA_NOT_ACTIVE,
    AgreementStatus.SUSPENDED: Reason.BAA_SUSPENDED,
    AgreementStatus.TERMINATED: Reason.BAA_TERMINATED,
}
# When several agreements with a vendor refuse, the one nearest to opening names the reason.
_NEARNESS: Final = (
    Reason.BAA_MISSING,
    Reason.BAA_TERMINATED,
    Reason.BAA_NOT_ACTIVE,
    Reason.BAA_EXPIRED,
    Reason.BAA_NOT_YET_EFFECTIVE,
    Reason.BAA_SUSPENDED,
    Reason.SCOPE_PARTY,
    Reason.SCOPE_PLATFORM,
    Reason.SCOPE_PROJECT,
    Reason.SCOPE_ENDPOINT,
    Reason.SCOPE_MODEL,
    Reason.SCOPE_REGION,
    Reason.SCOPE_FEATURE,
    Reason.SCOPE_PURPOSE,
    Reason.SCOPE_RETENTION,
    Reason.RETENTION_NOT_ACCEPTED,
    Reason.TERMS_RETENTION,
    Reason.SCOPE_TRAINING,
)
_RANK: Final = {reason: rank for rank, reason in enumerate(_NEARNESS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one call needs opened, whichever deployment it goes to. `terms` are the platforms' terms by platform."""

    on: date
    surface: Surface
    features: frozenset[str]
    purpose: str
    terms: Mapping[str, Terms]
    traits: frozenset[str] = frozenset()
    fields: Iterable[str] = ()
    geography: Geography = field(default_factory=Geography)
    workspace: str = ""
    data_classes: frozenset[str] = frozenset({"ordinary"})


def choose(safe: Safe, standing: Standing = WELL) -> Routed | Refused:
    """Return the route with the agreement and scope that open it, or the reason that it stays closed.

    `standing` only orders the deployments; each is held against the same gate.
    """
    permitted = safe.permitted
    registry, call = permitted.facts.registry, permitted.identified.call
    need = Need(
        on=permitted.facts.today,
        surface=call.surface,
        features=safe.features,
        purpose=permitted.purpose.value,
        terms=permitted.facts.terms,
        traits=safe.traits,
        fields=call.document.value,
        geography=permitted.facts.geography,
        workspace=permitted.identified.key.workspace,
        data_classes=permitted.data_classes,
    )
    first: Refused | None = None
    otherwise = Reason.MODEL_UNKNOWN
    for name in ordered(permitted.route, safe.conversation_key.reveal(), standing):
        deployment = registry.deployments.get(name)
        if deployment is None:
            continue
        if not serves(deployment.dialect, call.surface):
            otherwise = Reason.SURFACE_MISMATCH
            continue
        opened = agreement_for(registry, deployment, need)
        if isinstance(opened, Refused):
            first = first or opened
        elif not _is_within(safe.geography, deployment.region):
            first = first or Refused(reason=Reason.SCOPE_REGION, field="inference_geo")
        elif (barred := restricted(safe.permitted, deployment)) is not None:
            first = first or barred
        elif not consented(safe.permitted, deployment, opened[0]):
            first = first or Refused(reason=Reason.CONSENT_RECIPIENT_NOT_NAMED)
        elif (unproven := unproven_of(registry, permitted.route, deployment)) is not None:
            first = first or unproven
        elif deployment.credential is not None and deployment.credential not in registry.secrets:
            first = first or Refused(reason=Reason.CREDENTIAL_UNAVAILABLE)
        else:
            try:
                return _routed(safe, deployment, *opened)
            except RefusalError as error:
                first = first or error.refused
    return first or Refused(reason=otherwise, field="model")


def restricted(permitted: Permitted, deployment: Deployment) -> Refused | None:
    """Return why this vendor is not to have it: a restriction agreed with the individual (45 CFR 164.522(a)(1))."""
    held, purpose = permitted.facts.registry.restrictions, permitted.purpose
    if not held or purpose is Purpose.ETREAT:
        return None
    if permitted.subject is None:
        is_barred = bars_unnamed(held.values(), purpose, deployment.vendor)
        return Refused(reason=Reason.RESTRICTION_SUBJECT_UNNAMED) if is_barred else None
    tag = permitted.identified.individual_tag
    if tag is None or bars_named(held.get(tag), purpose, deployment.vendor):
        return Refused(reason=Reason.RESTRICTION_AGREED)
    return None


def consented(permitted: Permitted, deployment: Deployment, agreement: Agreement) -> bool:
    """Whether substance use disorder records may go to this vendor (42 CFR 2.31(a)(4), 2.33).

    What stays inside the own boundary goes to nobody, and a medical emergency needs no consent (2.12(c)(3), 2.51).
    """
    purpose, facts = permitted.purpose, permitted.facts
    if DataClass.PART2 not in permitted.data_classes or purpose is Purpose.ETREAT:
        return True
    if agreement.kind is AgreementKind.OWN_BOUNDARY:
        return True
    tag, workspace = permitted.identified.individual_tag, permitted.identified.key.workspace
    held = facts.registry.consents.get(tag) if tag is not None and permitted.subject is not None else None
    return held is not None and any(
        each.covers(purpose, workspace, facts.today) and each.reaches(deployment.vendor) for each in held.held
    )


def unproven_of(registry: Registry, route: Route, deployment: Deployment) -> Refused | None:
    """Return why what the deployment runs could not be proven, or is contradicted by its vendor.

    That it is proven is found on the live connection. A check that drifted holds until an officer confirmed it.
    """
    if closing(registry, deployment):
        return Refused(reason=Reason.ROUTE_DRIFTED)
    if deployment.attestation is None:
        return Refused(reason=Reason.ATTESTATION_REQUIRED) if route.requires_attestation else None
    return (
        None
        if rules_of(registry.attestations.values(), deployment)
        else Refused(reason=Reason.ATTESTATION_RULE_MISSING)
    )


def rules_of(rules: Iterable[AttestationRule], deployment: Deployment) -> tuple[AttestationRule, ...]:
    """Return the rules that hold for a deployment: of the kind it must show, activated, not withdrawn."""
    return tuple(
        each
        for each in rules
        if each.deployment == deployment.id and each.kind is deployment.attestation and each.holds
    )


def _routed(safe: Safe, deployment: Deployment, agreement: Agreement, scope: Scope) -> Routed:
    call = safe.permitted.identified.call
    terms = safe.permitted.facts.terms[deployment.platform]
    edits = safe.body.edits(
        deployment.model,
        insert=_inserted(safe, deployment, terms.regions.told),
        without=_left_out(call, deployment),
        is_stateless="store" in DIALECTS[deployment.dialect].without,
    )
    body = apply(call.document.raw, edits)
    translate = DIALECTS[deployment.dialect].translate.get(call.surface)
    return Routed(
        safe=safe,
        deployment=deployment,
        agreement=agreement,
        scope=scope,
        edits=edits,
        upstream_body=body if translate is None else translate(body),
    )


def _inserted(safe: Safe, deployment: Deployment, told: Told) -> bytes:
    """Return the members that the vendor's protocol wants in the body, and the geography where the request tells it."""
    dialect, call = DIALECTS[deployment.dialect], safe.permitted.identified.call
    if told is Told.REQUEST and "inference_geo" not in call.document.value and deployment.region == "us":
        return b'"inference_geo":"us"'
    if dialect.betas_in_body and safe.betas:
        names = ",".join(f'"{beta}"' for beta in safe.betas)
        return dialect.insert + f',"anthropic_beta":[{names}]'.encode()
    return dialect.insert


def _left_out(call: Call, deployment: Deployment) -> frozenset[str]:
    """Return the members that stand elsewhere in the vendor's protocol, as far as the body has them."""
    without = DIALECTS[deployment.dialect].without
    return without.intersection(call.document.value) if without else without


def agreement_for(registry: Registry, deployment: Deployment, need: Need) -> tuple[Agreement, Scope] | Refused:
    """Return the agreement and the one scope that cover the call, or the reason nearest to opening."""
    vendor = registry.vendors.get(deployment.vendor)
    if vendor is None:
        return Refused(reason=Reason.BAA_MISSING)
    if vendor.suspended_because is not None:
        return Refused(reason=Reason.VENDOR_SUSPENDED)
    if deployment.region is None:
        return Refused(reason=Reason.REGION_UNKNOWN)
    terms = need.terms.get(deployment.platform)
    retained = 0 if terms is None else terms.retained_days(deployment.model)
    endpoint = endpoint_of(deployment.dialect, need.surface)
    nearest = Reason.BAA_MISSING
    for agreement in registry.agreements.values():
        if agreement.vendor != deployment.vendor:
            continue
        reason = _standing(agreement, need.on)
        if reason is None and agreement.party != vendor.party:
            reason = Reason.SCOPE_PARTY
        if reason is None:
            for scope in agreement.scopes:
                misfit = _misfit(scope, deployment, need, endpoint) or _keeps(
                    registry, agreement.id, scope, on=need.on, least=retained
                )
                if misfit is None:
                    uses = need.features | need.traits
                    beyond = outside(terms, deployment, endpoint=endpoint, uses=uses, fields=need.fields)
                    return beyond or _forbidden(registry, deployment, need, terms) or (agreement, scope)
                nearest = _nearer(nearest, misfit)
            continue
        nearest = _nearer(nearest, reason)
    return Refused(reason=nearest)


def _forbidden(registry: Registry, deployment: Deployment, need: Need, terms: Terms | None) -> Refused | None:
    """Return why the place where the call would be processed is not known or not allowed."""
    region = processed_in(deployment, PlatformRegions() if terms is None else terms.regions)
    if isinstance(region, Refused) or not registry.residency:
        return region if isinstance(region, Refused) else None
    return residency_forbids(
        registry.residency.values(),
        need.geography,
        workspace=need.workspace,
        data_classes=need.data_classes,
        region=region,
    )


def _keeps(registry: Registry, agreement: str, scope: Scope, *, on: date, least: int) -> Reason | None:
    """Return why what the vendor keeps is not accepted: zero is zero, and days need an acceptance that reaches them.

    `least` is for how many days the platform keeps what the model is sent, whatever was agreed.
    """
    if scope.retention is Retention.ZERO:
        return Reason.TERMS_RETENTION if least else None
    if scope.retention is not Retention.DAYS_UNDER_BAA or scope.retention_days is None:
        return Reason.SCOPE_RETENTION
    if least > scope.retention_days:
        return Reason.TERMS_RETENTION
    is_accepted = any(
        each.agreement == agreement and each.days >= scope.retention_days and each.holds(on)
        for each in registry.acceptances.values()
    )
    return None if is_accepted else Reason.RETENTION_NOT_ACCEPTED


def _is_within(geography: str | None, region: str | None) -> bool:
    """Return whether the geography that the request names, if any, is the deployment's own: `us` is `us-east-1`'s."""
    return geography is None or (region is not None and (region == geography or region.startswith(f"{geography}-")))


def _nearer(one: Reason, other: Reason) -> Reason:
    return one if _RANK[one] >= _RANK[other] else other


def _standing(agreement: Agreement, on: date) -> Reason | None:
    """Return why the agreement as a whole is closed on a day. It holds through its last day."""
    if agreement.status is not AgreementStatus.ACTIVE:
        return _CLOSED[agreement.status]
    if agreement.activated_by is None:
        return Reason.BAA_NOT_ACTIVE
    if on < agreement.effective_on:
        return Reason.BAA_NOT_YET_EFFECTIVE
    if agreement.expires_on is not None and on > agreement.expires_on:
        return Reason.BAA_EXPIRED
    return None


def _misfit(scope: Scope, deployment: Deployment, need: Need, endpoint: str | None) -> Reason | None:
    """Return the first term of the scope that this call falls outside of."""
    tests = (
        (scope.platform == deployment.platform, Reason.SCOPE_PLATFORM),
        (deployment.project in scope.projects, Reason.SCOPE_PROJECT),
        (endpoint in scope.endpoints, Reason.SCOPE_ENDPOINT),
        (deployment.model in scope.models, Reason.SCOPE_MODEL),
        (deployment.region in scope.regions, Reason.SCOPE_REGION),
        (need.features <= scope.features, Reason.SCOPE_FEATURE),
        (need.purpose in scope.purposes, Reason.SCOPE_PURPOSE),
        (scope.retention is not Retention.UNKNOWN, Reason.SCOPE_RETENTION),
        (scope.training_prohibited, Reason.SCOPE_TRAINING),
    )
    return next((reason for holds, reason in tests if not holds), None)
