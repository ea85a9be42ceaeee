"""What vendors tell, held against the record: regions in their zones, retention as it was promised."""

from dataclasses import replace

import pytest
from tests.unit.compliance.organisation import SCOPE, agreement, deployment, registry

from wardkeep.compliance.geography import load_geography
from wardkeep.model.inspection import ANYWHERE, KEPT, LIVE, OFF, ON, SHARED, ZERO, Aspect, Said
from wardkeep.model.registry import AgreementStatus, Registry, Retention
from wardkeep.routing.drift import findings_of, is_zero_promised

GEOGRAPHY = load_geography()


def verdict(aspect: Aspect, means: str | None, held: Registry | None = None, **changes: object) -> str:
    (found,) = findings_of(
        registry() if held is None else held,
        deployment(**changes),
        [Said(aspect=aspect, means=means, words="as told")],
        GEOGRAPHY,
    )
    assert found.words == "as told"
    return found.verdict.value


@pytest.mark.parametrize("aspect", Aspect)
def test_what_could_not_be_learned_is_inconclusive_whatever_it_is_about(aspect):
    assert verdict(aspect, None) == "inconclusive"


@pytest.mark.parametrize("aspect", [Aspect.REGION, Aspect.STORAGE])
@pytest.mark.parametrize(
    ("region", "told", "is_within"),
    [
        ("us", "us", True),
        ("us", "us-east-1,us-west-2", True),
        ("us", "us-east-1,ca-central-1", False),
        ("us", "global", False),
        ("us", ANYWHERE, False),
        ("us", "", False),
        ("us", "us-nowhere-9", False),
        ("us-east-1", "us-east-1", True),
        ("us-east-1", "us-east-2", False),
        ("eu", "eu-central-1,eu-west-1,eu-north-1", True),
        ("eu", "eu-west-2", False),
        ("eu", "swedencentral", True),
        ("apac", "ap-northeast-1,ap-southeast-2", True),
        ("apac", "us-west-2", False),
        ("us-gov", "us-gov-west-1", True),
        ("us-gov", "us-west-1", False),
        ("global", "ap-south-1", True),
        (None, "us-east-1", False),
    ],
)
def test_every_region_that_is_told_lies_in_the_recorded_one(aspect, region, told, is_within):
    assert verdict(aspect, told, region=region) == ("agrees" if is_within else "drift")


@pytest.mark.parametrize(
    ("aspect", "right", "wrong"),
    [
        (Aspect.LOGGING, OFF, ON),
        (Aspect.CACHE, OFF, ON),
        (Aspect.PROMPTS_SHOWN, OFF, ON),
        (Aspect.FORWARDING, OFF, ON),
        (Aspect.STANDING, LIVE, "archived"),
    ],
)
def test_what_is_to_be_off_is_off(aspect, right, wrong):
    assert (verdict(aspect, right), verdict(aspect, wrong)) == ("agrees", "drift")


def test_the_type_of_deployment_is_the_recorded_one():
    assert verdict(Aspect.DEPLOYMENT_TYPE, "Standard", deployment_type="Standard") == "agrees"
    assert verdict(Aspect.DEPLOYMENT_TYPE, "GlobalStandard", deployment_type="Standard") == "drift"
    assert verdict(Aspect.DEPLOYMENT_TYPE, "Standard", deployment_type=None) == "drift"


def under(*retentions: Retention, **changes: object) -> Registry:
    scopes = tuple(replace(SCOPE, retention=each) for each in retentions)
    held = agreement(**{"status": AgreementStatus.ACTIVE, "scopes": scopes, **changes})
    return registry(agreements={"baa-1": held})


@pytest.mark.parametrize("held", [registry(), under(Retention.ZERO), under(Retention.DAYS_UNDER_BAA, Retention.ZERO)])
def test_where_nothing_may_be_kept_what_keeps_is_drift(held):
    assert [verdict(Aspect.RETENTION, each, held) for each in (ZERO, KEPT, SHARED)] == ["agrees", "drift", "drift"]


def test_days_under_the_agreement_are_not_contradicted_by_what_keeps_but_by_what_shares():
    held = under(Retention.DAYS_UNDER_BAA)
    assert [verdict(Aspect.RETENTION, each, held) for each in (ZERO, KEPT, SHARED)] == ["agrees", "agrees", "drift"]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": AgreementStatus.SUSPENDED},
        {"vendor": "other"},
        {"scopes": (replace(SCOPE, retention=Retention.DAYS_UNDER_BAA, platform="direct"),)},
        {"scopes": (replace(SCOPE, retention=Retention.DAYS_UNDER_BAA, projects=frozenset()),)},
        {"scopes": (replace(SCOPE, retention=Retention.DAYS_UNDER_BAA, models=frozenset()),)},
    ],
)
def test_a_scope_that_is_not_the_deployments_relaxes_nothing(changes):
    assert is_zero_promised(under(Retention.DAYS_UNDER_BAA, **changes), deployment())
