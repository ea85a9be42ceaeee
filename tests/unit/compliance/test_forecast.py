from dataclasses import replace
from datetime import date

import pytest
from tests.unit.compliance.organisation import SCOPE, TODAY, agreement, deployment, registry, working_registry

from wardkeep.compliance.forecast import what_breaks_on
from wardkeep.model.attestation import AttestationKind, AttestationRule
from wardkeep.model.reasons import Reason
from wardkeep.model.registry import AgreementStatus, Route, Vendor

# The scope of these tests names none of the other surfaces.
OUTSIDE = frozenset({"/v1/responses", "/v1/embeddings"})


def routes_on(held, on):
    return [row for row in what_breaks_on(held, on, today=TODAY).routes if row.endpoint not in OUTSIDE]


def reasons(held, on):
    return {(row.model, row.endpoint, row.purpose): row.reason for row in routes_on(held, on)}


def test_surfaces_outside_the_scope_are_told():
    rows = what_breaks_on(working_registry(), TODAY, today=TODAY).routes
    assert {row.reason for row in rows if row.endpoint in OUTSIDE} == {Reason.SCOPE_ENDPOINT}


def test_an_open_road_is_open_until_the_end_of_its_last_day():
    held = working_registry()
    chat = "/v1/chat/completions"
    assert reasons(held, date(2027, 2, 28)) == {("chat", chat, "HPAYMT"): None, ("chat", chat, "TREAT"): None}
    assert set(reasons(held, date(2027, 3, 1)).values()) == {Reason.BAA_EXPIRED}
    assert set(reasons(held, date(2025, 12, 31)).values()) == {Reason.BAA_NOT_YET_EFFECTIVE}


def test_what_ends_before_the_day_is_listed():
    held = working_registry()
    assert what_breaks_on(held, date(2027, 2, 28), today=TODAY).expiring == ()
    (ending,) = what_breaks_on(held, date(2027, 3, 1), today=TODAY).expiring
    assert (ending.agreement, ending.last_day) == ("baa-1", date(2027, 2, 28))
    assert what_breaks_on(held, date(2028, 3, 1), today=date(2027, 12, 1)).expiring == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"agreements": {}}, Reason.BAA_MISSING),
        ({"agreements": {"baa-1": agreement()}}, Reason.BAA_NOT_ACTIVE),
        ({"agreements": {"baa-1": agreement(status=AgreementStatus.SUSPENDED)}}, Reason.BAA_SUSPENDED),
        ({"vendors": {"openai": Vendor(id="openai", party="X", suspended_because="y")}}, Reason.VENDOR_SUSPENDED),
        ({"vendors": {"openai": Vendor(id="openai", party="Another party")}}, Reason.SCOPE_PARTY),
        ({"deployments": {}}, Reason.MODEL_UNKNOWN),
        ({"deployments": {"openai-us": deployment(region=None)}}, Reason.REGION_UNKNOWN),
        ({"deployments": {"openai-us": deployment(model="other")}}, Reason.SCOPE_MODEL),
        ({"deployments": {"openai-us": deployment(credential="absent")}}, Reason.CREDENTIAL_UNAVAILABLE),
    ],
)
def test_a_closed_road_names_its_reason(changes, reason):
    assert set(reasons(replace(working_registry(), **changes), TODAY).values()) == {reason}


def test_an_anthropic_deployment_is_asked_for_its_two_endpoints():
    scope = replace(SCOPE, platform="anthropic-api", endpoints=frozenset({"/v1/messages"}))
    held = working_registry(
        deployments={"openai-us": deployment(dialect="anthropic", platform="anthropic-api")},
        agreements={"baa-1": agreement(status=AgreementStatus.ACTIVE, activated_by="security", scopes=(scope,))},
    )
    found = reasons(held, TODAY)
    assert found["chat", "/v1/messages", "TREAT"] is None
    assert found["chat", "/v1/messages/count_tokens", "TREAT"] is Reason.SCOPE_ENDPOINT


def test_a_translated_deployment_is_held_against_the_endpoint_at_its_vendor():
    scope = replace(SCOPE, platform="anthropic-api", endpoints=frozenset({"/v1/messages"}))
    held = working_registry(
        deployments={"openai-us": deployment(dialect="anthropic-chat", platform="anthropic-api")},
        agreements={"baa-1": agreement(status=AgreementStatus.ACTIVE, activated_by="security", scopes=(scope,))},
    )
    assert {(row.endpoint, row.reason) for row in what_breaks_on(held, TODAY, today=TODAY).routes} == {
        ("/v1/chat/completions", None)
    }
    asked_of_us = replace(scope, endpoints=frozenset({"/v1/chat/completions"}))
    held = replace(held, agreements={"baa-1": replace(held.agreements["baa-1"], scopes=(asked_of_us,))})
    assert set(reasons(held, TODAY).values()) == {Reason.SCOPE_ENDPOINT}


def test_no_routes_no_forecast():
    assert what_breaks_on(registry(), TODAY, today=TODAY).routes == ()
    two = working_registry(
        routes={name: Route(model=name, deployment="openai-us") for name in ("b", "a")},
    )
    assert [row.model for row in routes_on(two, TODAY)] == ["a", "a", "b", "b"]


def test_a_fallback_keeps_a_road_open_and_is_named():
    other = deployment(id="second", vendor="other")
    held = working_registry(
        deployments={"openai-us": deployment(), "second": other},
        routes={"chat": Route(model="chat", deployment="second", fallbacks=("openai-us",))},
    )
    rows = routes_on(held, TODAY)
    assert {(row.deployment, row.agreement, row.reason) for row in rows} == {("openai-us", "baa-1", None)}
    closed = routes_on(held, date(2028, 1, 1))
    assert {(row.deployment, row.reason) for row in closed} == {("second", Reason.BAA_MISSING)}


def test_each_wire_format_has_its_own_candidates():
    spoken = deployment(id="second", dialect="anthropic")
    held = working_registry(
        deployments={"openai-us": deployment(), "second": spoken},
        routes={"chat": Route(model="chat", deployment="openai-us", fallbacks=("second",))},
    )
    found = reasons(held, TODAY)
    assert found["chat", "/v1/chat/completions", "TREAT"] is None
    assert found["chat", "/v1/messages", "TREAT"] is Reason.SCOPE_ENDPOINT


def test_an_attested_deployment_is_foretold_closed_without_an_allow_list_that_holds():
    held = working_registry()
    (name,) = held.deployments
    place = replace(held.deployments[name], attestation=AttestationKind.NITRO)
    held = replace(held, deployments={name: place})
    assert set(reasons(held, TODAY).values()) == {Reason.ATTESTATION_RULE_MISSING}
    rule = AttestationRule(
        id="r", deployment=name, kind=AttestationKind.NITRO, anchors=(), measurements=(), activated_by="security"
    )
    assert set(reasons(replace(held, attestations={"r": rule}), TODAY).values()) == {None}
