"""Each term of an agreement closes the road by itself, with its own reason; fallbacks pass the same gate, in order."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from wardkeep.model.attestation import AttestationKind, AttestationRule
from wardkeep.model.dialects import ENDPOINTS
from wardkeep.model.document import parse
from wardkeep.model.inspection import RouteCheck
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import (
    Agreement,
    AgreementKind,
    AgreementStatus,
    ApiKey,
    Deployment,
    Organisation,
    Person,
    Purpose,
    Registry,
    Retention,
    Route,
    Scope,
    Surface,
    Vendor,
)
from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Call, Facts, Identified, Permitted, Routed, Safe, SafeBody
from wardkeep.model.terms import Terms
from wardkeep.routing.choose import Need, agreement_for, choose

TODAY = date(2028, 2, 29)
SCOPE = Scope(
    platform="direct",
    projects=frozenset({"p1"}),
    endpoints=frozenset({"/v1/chat/completions"}),
    features=frozenset({"stream", "tools"}),
    models=frozenset({"m1"}),
    regions=frozenset({"us"}),
    purposes=frozenset({"TREAT"}),
    retention=Retention.ZERO,
    training_prohibited=True,
)
AGREEMENT = Agreement(
    id="baa",
    kind=AgreementKind.BAA,
    vendor="v1",
    party="Party One",
    status=AgreementStatus.ACTIVE,
    document_sha256="0" * 64,
    effective_on=date(2026, 1, 1),
    expires_on=TODAY,
    scopes=(SCOPE,),
    added_by="one",
    activated_by="two",
)
VENDOR = Vendor(id="v1", party="Party One")
DEPLOYMENT = Deployment(
    id="d1",
    vendor="v1",
    platform="direct",
    project="p1",
    dialect="openai",
    base_url="https://vendor.example/v1",
    model="m1",
    region="us",
)
ROUTE = Route(model="alias", deployment="d1")
TERMS = Terms(
    platform="direct",
    version=1,
    dialects=frozenset({"openai", "anthropic"}),
    endpoints=frozenset({"/v1/chat/completions", "/v1/messages"}),
    features=frozenset({"stream", "tools"}),
)
REGISTRY = Registry(
    epoch=1,
    organisation=Organisation(name="Clinic", tenant="t", zone="Etc/UTC", officers=()),
    vendors={"v1": VENDOR},
    agreements={"baa": AGREEMENT},
    deployments={"d1": DEPLOYMENT},
    routes={"alias": ROUTE},
)


def safe(
    registry: Registry = REGISTRY,
    *,
    route: Route = ROUTE,
    features: frozenset[str] = frozenset({"tools"}),
    surface: Surface = Surface.OPENAI_CHAT,
    purpose: Purpose = Purpose.TREAT,
    today: date = TODAY,
) -> Safe:
    document = parse(b'{"model": "alias", "messages": []}')
    call = Call(id=bytes(16), surface=surface, document=document, credential=None, received=Instant(0, 0, "b"))
    key = ApiKey(
        id="k", mac=b"", name="n", owner="o", workspace="w", models=frozenset(), purposes=frozenset(),
        default_purpose=None, expires_at=None,
    )  # fmt: skip
    owner = Person(id="o", roles=frozenset(), is_active=True)
    facts = Facts(registry=registry, today=today, now=call.received, policy_version="1", terms={"direct": TERMS})
    permitted = Permitted(
        identified=Identified(call=call, key=key, owner=owner),
        facts=facts,
        route=route,
        purpose=purpose,
        subject=None,
        keeps=frozenset(),
    )
    return Safe(
        permitted=permitted,
        body=SafeBody(document=document, changes={}, model_ordinal=1),
        features=features,
        restore={},
        counts={},
        conversation_key=Secret(b""),
    )


def closed(result: Routed | Refused) -> Reason:
    assert isinstance(result, Refused)
    return result.reason


def with_agreement(**changes: object) -> Registry:
    return replace(REGISTRY, agreements={"baa": replace(AGREEMENT, **changes)})


def with_scope(**changes: object) -> Registry:
    return with_agreement(scopes=(replace(SCOPE, **changes),))


def with_deployment(**changes: object) -> Registry:
    return replace(REGISTRY, deployments={"d1": replace(DEPLOYMENT, **changes)})


def test_a_call_inside_an_active_agreement_is_routed_with_the_vendors_model_name() -> None:
    routed = choose(safe())
    assert isinstance(routed, Routed)
    assert (routed.agreement, routed.scope, routed.deployment) == (AGREEMENT, SCOPE, DEPLOYMENT)
    assert routed.upstream_body == b'{"model": "m1", "messages": []}'


@pytest.mark.parametrize(
    ("registry", "reason"),
    [
        (replace(REGISTRY, agreements={}), Reason.BAA_MISSING),
        (replace(REGISTRY, vendors={}), Reason.BAA_MISSING),
        (
            replace(REGISTRY, vendors={"v1": replace(VENDOR, suspended_because="one: incident")}),
            Reason.VENDOR_SUSPENDED,
        ),
        (replace(REGISTRY, vendors={"v1": replace(VENDOR, suspended_because="")}), Reason.VENDOR_SUSPENDED),
        (replace(REGISTRY, vendors={"v1": replace(VENDOR, party="Party Two")}), Reason.SCOPE_PARTY),
        (with_agreement(vendor="v2"), Reason.BAA_MISSING),
        (with_agreement(scopes=()), Reason.BAA_MISSING),
        (with_agreement(status=AgreementStatus.DRAFT), Reason.BAA_NOT_ACTIVE),
        (with_agreement(status=AgreementStatus.SUSPENDED), Reason.BAA_SUSPENDED),
        (with_agreement(status=AgreementStatus.TERMINATED), Reason.BAA_TERMINATED),
        (with_agreement(effective_on=date(2028, 3, 1), expires_on=None), Reason.BAA_NOT_YET_EFFECTIVE),
        (with_agreement(expires_on=date(2028, 2, 28)), Reason.BAA_EXPIRED),
        (with_agreement(party="Party Two"), Reason.SCOPE_PARTY),
        (with_scope(platform="other"), Reason.SCOPE_PLATFORM),
        (with_scope(projects=frozenset()), Reason.SCOPE_PROJECT),
        (with_scope(endpoints=frozenset({"/v1/messages"})), Reason.SCOPE_ENDPOINT),
        (with_scope(features=frozenset({"stream"})), Reason.SCOPE_FEATURE),
        (with_scope(models=frozenset({"alias"})), Reason.SCOPE_MODEL),
        (with_scope(regions=frozenset({"eu"})), Reason.SCOPE_REGION),
        (with_scope(purposes=frozenset({"HPAYMT"})), Reason.SCOPE_PURPOSE),
        (with_scope(retention=Retention.DAYS_UNDER_BAA), Reason.SCOPE_RETENTION),
        (with_scope(retention=Retention.UNKNOWN), Reason.SCOPE_RETENTION),
        (with_scope(training_prohibited=False), Reason.SCOPE_TRAINING),
        (with_deployment(region=None), Reason.REGION_UNKNOWN),
        (with_deployment(dialect="anthropic"), Reason.SURFACE_MISMATCH),
        (with_deployment(credential="c1"), Reason.CREDENTIAL_UNAVAILABLE),
    ],
)
def test_each_term_closes_the_road_with_its_own_reason(registry: Registry, reason: Reason) -> None:
    assert closed(choose(safe(registry))) is reason


def test_a_call_without_features_needs_none() -> None:
    assert isinstance(choose(safe(with_scope(features=frozenset()), features=frozenset())), Routed)


def test_an_own_boundary_statement_opens_like_an_agreement_and_only_inside_its_scope() -> None:
    own = AgreementKind.OWN_BOUNDARY
    assert isinstance(choose(safe(with_agreement(kind=own))), Routed)
    assert closed(choose(safe(with_agreement(kind=own, status=AgreementStatus.SUSPENDED)))) is Reason.BAA_SUSPENDED
    assert (
        closed(choose(safe(with_agreement(kind=own, scopes=(replace(SCOPE, regions=frozenset()),)))))
        is Reason.SCOPE_REGION
    )


def test_the_agreement_nearest_to_opening_names_the_reason() -> None:
    suspended = replace(AGREEMENT, id="a", status=AgreementStatus.SUSPENDED)
    narrow = replace(AGREEMENT, id="b", scopes=(replace(SCOPE, regions=frozenset({"eu"})),))
    for order in ((suspended, narrow), (narrow, suspended)):
        registry = replace(REGISTRY, agreements={a.id: a for a in order})
        assert closed(choose(safe(registry))) is Reason.SCOPE_REGION


# --- fallbacks: the same gate, in order ------------------------------------------------------------------------------

SECOND = replace(DEPLOYMENT, id="d2", region="eu")
THIRD = replace(DEPLOYMENT, id="d3", project="p3")


def falling_back(*fallbacks: str, covered: frozenset[str] = frozenset({"us"})) -> Safe:
    registry = replace(
        with_scope(regions=covered, projects=frozenset({"p1", "p3"})),
        deployments={"d1": DEPLOYMENT, "d2": SECOND, "d3": THIRD},
    )
    return safe(registry, route=replace(ROUTE, fallbacks=fallbacks))


def chosen(result: Routed | Refused) -> str:
    assert isinstance(result, Routed)
    return result.deployment.id


def test_the_first_deployment_that_may_is_chosen() -> None:
    everywhere = frozenset({"us", "eu"})
    assert chosen(choose(falling_back("d2", "d3", covered=everywhere))) == "d1"
    only_eu = falling_back("d3", "d2", covered=frozenset({"eu"}))
    assert chosen(choose(only_eu)) == "d2"
    stale = replace(only_eu.permitted.facts.registry, agreements={})
    assert closed(choose(safe(stale, route=replace(ROUTE, fallbacks=("d3", "d2"))))) is Reason.BAA_MISSING


def test_fallbacks_are_tried_in_their_order() -> None:
    opened = falling_back("d3", "d2", covered=frozenset({"us", "eu"}))
    registry = replace(opened.permitted.facts.registry, deployments={"d2": SECOND, "d3": THIRD})
    assert chosen(choose(safe(registry, route=replace(ROUTE, fallbacks=("d3", "d2"))))) == "d3"
    assert chosen(choose(safe(registry, route=replace(ROUTE, fallbacks=("d2", "d3"))))) == "d2"


def test_a_fallback_in_another_wire_format_is_not_considered() -> None:
    registry = replace(
        REGISTRY, agreements={}, deployments={"d1": DEPLOYMENT, "d2": replace(SECOND, dialect="anthropic")}
    )
    assert closed(choose(safe(registry, route=replace(ROUTE, fallbacks=("d2",))))) is Reason.BAA_MISSING


def test_agreement_for_answers_for_any_day() -> None:
    asked = Need(on=TODAY, surface=Surface.OPENAI_CHAT, features=frozenset(), purpose="TREAT", terms={"direct": TERMS})
    assert agreement_for(REGISTRY, DEPLOYMENT, asked) == (AGREEMENT, SCOPE)
    late = agreement_for(REGISTRY, DEPLOYMENT, replace(asked, on=date(2028, 3, 1)))
    assert isinstance(late, Refused)
    assert late.reason is Reason.BAA_EXPIRED
    evergreen = with_agreement(expires_on=None)
    assert not isinstance(agreement_for(evergreen, DEPLOYMENT, replace(asked, on=date(9999, 12, 31))), Refused)


@pytest.mark.parametrize(
    ("dialect", "surface", "goes_to"),
    [
        ("anthropic-chat", Surface.OPENAI_CHAT, "/v1/messages"),
        ("openai-messages", Surface.ANTHROPIC_MESSAGES, "/v1/chat/completions"),
        ("bedrock-converse", Surface.OPENAI_CHAT, "/converse"),
        ("bedrock-converse", Surface.ANTHROPIC_MESSAGES, "/converse"),
        ("bedrock-anthropic", Surface.ANTHROPIC_MESSAGES, "/v1/messages"),
        ("vertex-openai", Surface.OPENAI_CHAT, "/v1/chat/completions"),
    ],
)
def test_a_scope_and_the_terms_are_about_the_endpoint_that_the_bytes_go_to(
    dialect: str, surface: Surface, goes_to: str
) -> None:
    deployment = replace(DEPLOYMENT, dialect=dialect)
    terms = replace(TERMS, dialects=frozenset({dialect}), endpoints=ENDPOINTS)
    asked = Need(on=TODAY, surface=surface, features=frozenset(), purpose="TREAT", terms={"direct": terms})
    only, all_else = frozenset({goes_to}), ENDPOINTS - {goes_to}
    assert not isinstance(agreement_for(with_scope(endpoints=only), deployment, asked), Refused)
    assert closed_by(agreement_for(with_scope(endpoints=all_else), deployment, asked)) is Reason.SCOPE_ENDPOINT
    outside = replace(asked, terms={"direct": replace(terms, endpoints=all_else)})
    assert closed_by(agreement_for(with_scope(endpoints=only), deployment, outside)) is Reason.TERMS_ENDPOINT


def closed_by(result: tuple[Agreement, Scope] | Refused) -> Reason:
    assert isinstance(result, Refused)
    return result.reason


RULE = AttestationRule(
    id="r", deployment="d1", kind=AttestationKind.NITRO, anchors=(), measurements=(), activated_by="two"
)


def attested(*rules: AttestationRule) -> Registry:
    place = replace(DEPLOYMENT, attestation=AttestationKind.NITRO)
    return replace(REGISTRY, deployments={"d1": place}, attestations={each.id: each for each in rules})


@pytest.mark.parametrize(
    "rules",
    [
        (),
        (replace(RULE, activated_by=None),),
        (replace(RULE, withdrawn_by="one"),),
        (replace(RULE, kind=AttestationKind.SNP),),
        (replace(RULE, deployment="d2"),),
    ],
)
def test_an_attested_deployment_is_closed_without_an_allow_list_that_holds(rules: tuple[AttestationRule, ...]) -> None:
    assert closed(choose(safe(attested(*rules)))) is Reason.ATTESTATION_RULE_MISSING
    assert isinstance(choose(safe(attested(RULE, *(replace(each, id="other") for each in rules)))), Routed)


def test_a_deployment_that_a_check_closed_is_passed_over_until_it_is_confirmed() -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    drifted = RouteCheck(id="d1", at=at, by="host", asked="vendor.example", findings=(), drifted_at=at)
    held = replace(REGISTRY, route_checks={"d1": drifted})
    assert closed(choose(safe(held))) is Reason.ROUTE_DRIFTED
    for check in (replace(drifted, drifted_at=None), replace(drifted, id="d2")):
        assert isinstance(choose(safe(replace(REGISTRY, route_checks={check.id: check}))), Routed)


def test_a_route_for_attested_deployments_takes_no_other() -> None:
    route = replace(ROUTE, requires_attestation=True)
    assert closed(choose(safe(route=route))) is Reason.ATTESTATION_REQUIRED
    assert isinstance(choose(safe(attested(RULE), route=route)), Routed)
