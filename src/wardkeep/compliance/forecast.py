"""What breaks on a given day? The agreements' gate, asked in advance (DESIGN section 6).

Uses the gate that calls pass, `routing.choose.agreement_for`, with another day as its argument, so that the forecast
and the road cannot disagree. It answers for plain calls: no extra features, each purpose that some scope names.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from wardkeep.compliance.geography import load_geography
from wardkeep.compliance.profiles import load_profiles, terms_in_force
from wardkeep.model.dialects import serves
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import AgreementStatus, Deployment, Purpose, Registry, Route, Surface
from wardkeep.routing.choose import Need, agreement_for, unproven_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteForecast:
    """Whether a plain call of one purpose to one endpoint passes on the day: `reason` is None when it does."""

    model: str
    deployment: str
    endpoint: str
    purpose: str
    agreement: str | None
    reason: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """An active agreement whose last day lies between today and the day asked for."""

    agreement: str
    vendor: str
    last_day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The answer for one day in the organisation's zone."""

    on: date
    routes: tuple[RouteForecast, ...]
    expiring: tuple[Expiry, ...]


# What to ask when no agreement of the vendor names a purpose: the reason is the same for each.
_BASELINE: Final = frozenset({Purpose.TREAT.value})


def what_breaks_on(registry: Registry, on: date, *, today: date) -> Forecast:
    """Return for every route whether it is open on a day, and which agreements end until then."""
    terms, geography = terms_in_force(load_profiles(), registry), load_geography()
    return Forecast(
        on=on,
        routes=tuple(
            _forecast(
                registry,
                route,
                surface,
                Need(
                    on=on,
                    surface=surface,
                    features=frozenset(),
                    purpose=purpose,
                    terms=terms,
                    geography=geography,
                ),
            )
            for _, route in sorted(registry.routes.items())
            for surface in _surfaces(registry, route)
            for purpose in _purposes(registry, route)
        ),
        expiring=tuple(
            Expiry(agreement=agreement.id, vendor=agreement.vendor, last_day=agreement.expires_on)
            for _, agreement in sorted(registry.agreements.items())
            if agreement.status is AgreementStatus.ACTIVE
            and agreement.expires_on is not None
            and today <= agreement.expires_on < on
        ),
    )


def _forecast(registry: Registry, route: Route, surface: Surface, need: Need) -> RouteForecast:
    """Ask the gate for each deployment in the order that a call would, as `routing.choose.choose` does."""
    name, agreement, reason = route.deployment, None, Reason.MODEL_UNKNOWN
    for deployment in reversed(_candidates(registry, route, surface)):
        opened = agreement_for(registry, deployment, need)
        if isinstance(opened, Refused):
            if agreement is None:
                name, reason = deployment.id, opened.reason
        elif (unproven := unproven_of(registry, route, deployment)) is not None:
            if agreement is None:
                name, reason = deployment.id, unproven.reason
        elif deployment.credential is not None and deployment.credential not in registry.secrets:
            if agreement is None:
                name, reason = deployment.id, Reason.CREDENTIAL_UNAVAILABLE
        else:
            name, agreement = deployment.id, opened[0].id
    return RouteForecast(
        model=route.model,
        deployment=name,
        endpoint=surface.value,
        purpose=need.purpose,
        agreement=agreement,
        reason=None if agreement is not None else reason,
    )


def _candidates(registry: Registry, route: Route, surface: Surface) -> list[Deployment]:
    found = (registry.deployments.get(name) for name in (route.deployment, *route.fallbacks))
    return [deployment for deployment in found if deployment is not None and serves(deployment.dialect, surface)]


def _surfaces(registry: Registry, route: Route) -> list[Surface]:
    """Return the endpoints that some deployment of the route serves; one that serves none is shown closed."""
    return [surface for surface in Surface if _candidates(registry, route, surface)] or [Surface.OPENAI_CHAT]


def _purposes(registry: Registry, route: Route) -> list[str]:
    found = (registry.deployments.get(name) for name in (route.deployment, *route.fallbacks))
    vendors = {deployment.vendor for deployment in found if deployment is not None}
    named = {
        purpose
        for agreement in registry.agreements.values()
        if agreement.vendor in vendors
        for scope in agreement.scopes
        for purpose in scope.purposes
    }
    return sorted(named or _BASELINE)
