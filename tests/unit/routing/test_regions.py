"""Residency: what platforms tell is held against the record, the unknown is refused, rules and laws narrow."""

from dataclasses import replace

import pytest

from wardkeep.compliance.geography import load_geography, load_laws
from wardkeep.compliance.profiles import load_profiles
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import Deployment
from wardkeep.model.residency import ResidencyRule
from wardkeep.routing.regions import agrees, processed_in, residency_forbids

PROFILES = load_profiles()
GEOGRAPHY = load_geography()
UNKNOWN, CONTRADICTED = Reason.REGION_UNKNOWN, Reason.REGION_CONTRADICTED


def deployment(platform: str, url: str, region: str | None, **more: object) -> Deployment:
    given = Deployment(
        id="d", vendor="v", platform=platform, project="p", dialect="openai", base_url=url, model="m", region=region
    )
    return replace(given, **more)


def told(found: Deployment) -> str | Reason:
    answer = processed_in(found, PROFILES[found.platform][1].terms.regions)
    return answer.reason if isinstance(answer, Refused) else answer


OPENAI = "https://{}api.openai.com/v1"
VERTEX = "https://{}aiplatform.googleapis.com/v1/projects/p/locations/l"
BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com"
AZURE = "https://resource.openai.azure.com/openai/v1"

CASES = [
    ("openai-api", OPENAI.format("us."), "us", {}, "us"),
    ("openai-api", OPENAI.format("eu."), "eu", {}, "eu"),
    ("openai-api", OPENAI.format("us."), "eu", {}, CONTRADICTED),
    ("openai-api", OPENAI.format(""), "us", {}, CONTRADICTED),
    ("openai-api", OPENAI.format(""), "global", {}, "global"),
    ("openai-api", OPENAI.format("au."), "au", {}, UNKNOWN),
    ("openai-api", OPENAI.format("xx."), "us", {}, UNKNOWN),
    ("openai-api", "https://us.api.openai.com.evil.example/v1", "us", {}, UNKNOWN),
    ("openai-api", "https://evil.example/v1", "us", {}, UNKNOWN),
    ("openai-api", OPENAI.format("us."), None, {}, UNKNOWN),
    ("openai-api", "http://127.0.0.1:8080/v1", "us", {}, "us"),
    ("google-vertex", VERTEX.format("us-east5-"), "us-east5", {}, "us-east5"),
    ("google-vertex", VERTEX.format("us-east5-"), "us", {}, CONTRADICTED),
    ("google-vertex", VERTEX.format(""), "us-east5", {}, CONTRADICTED),
    ("google-vertex", VERTEX.format(""), "global", {}, "global"),
    ("google-vertex", "https://aiplatform.us.rep.googleapis.com/v1", "us", {}, "us"),
    ("google-vertex", "https://a.b-aiplatform.googleapis.com/v1", "a.b", {}, UNKNOWN),
    ("google-vertex", "https://-aiplatform.googleapis.com/v1", "", {}, UNKNOWN),
    ("aws-bedrock", BEDROCK, "us-east-1", {"model": "anthropic.claude", "source_region": "us-east-1"}, "us-east-1"),
    ("aws-bedrock", BEDROCK, "us", {"model": "anthropic.claude", "source_region": "us-east-1"}, CONTRADICTED),
    ("aws-bedrock", BEDROCK, "us", {"model": "us.anthropic.claude", "source_region": "us-east-1"}, "us"),
    ("aws-bedrock", BEDROCK, "us-east-1", {"model": "us.anthropic.c", "source_region": "us-east-1"}, CONTRADICTED),
    ("aws-bedrock", BEDROCK, "us", {"model": "global.anthropic.claude", "source_region": "us-east-1"}, CONTRADICTED),
    ("aws-bedrock", BEDROCK, "global", {"model": "global.anthropic.c", "source_region": "us-east-1"}, "global"),
    ("aws-bedrock", BEDROCK, "us-gov", {"model": "us-gov.anthropic.c", "source_region": "us-gov-west-1"}, "us-gov"),
    ("aws-bedrock", BEDROCK, "eu", {"model": "eu.anthropic.claude", "source_region": "eu-west-1"}, "eu"),
    (
        "aws-bedrock",
        BEDROCK,
        "us",
        {"model": "arn:aws:bedrock:us-east-1:1:application-inference-profile/x", "source_region": "us-east-1"},
        UNKNOWN,
    ),
    ("aws-bedrock", BEDROCK, "us-east-1", {"model": "anthropic.claude"}, UNKNOWN),
    ("azure-openai", AZURE, "eastus", {"deployment_type": "Standard"}, "eastus"),
    ("azure-openai", AZURE, "us", {"deployment_type": "Standard"}, CONTRADICTED),
    ("azure-openai", AZURE, "global", {"deployment_type": "ProvisionedManaged"}, CONTRADICTED),
    ("azure-openai", AZURE, "us", {"deployment_type": "DataZoneStandard"}, "us"),
    ("azure-openai", AZURE, "eastus", {"deployment_type": "DataZoneStandard"}, CONTRADICTED),
    ("azure-openai", AZURE, "eastus", {"deployment_type": "GlobalStandard"}, CONTRADICTED),
    ("azure-openai", AZURE, "global", {"deployment_type": "GlobalStandard"}, "global"),
    ("azure-openai", AZURE, "eastus", {}, UNKNOWN),
    ("azure-openai", AZURE, "eastus", {"deployment_type": "Batch"}, UNKNOWN),
    ("anthropic-api", "https://api.anthropic.com", "us", {}, "us"),
    ("anthropic-api", "https://api.anthropic.com", "global", {}, "global"),
    ("anthropic-api", "https://api.anthropic.com", "eu", {}, UNKNOWN),
    ("self-hosted", "https://gpu.hospital.example/v1", "basement-1", {}, "basement-1"),
]


@pytest.mark.parametrize(("platform", "url", "region", "more", "expected"), CASES)
def test_what_the_platform_tells_is_held_against_the_record(platform, url, region, more, expected):
    assert told(deployment(platform, url, region, **more)) == expected


def rule(**changes: object) -> ResidencyRule:
    given = ResidencyRule(
        id="r", workspace="*", data_classes=frozenset({"ordinary"}), regions=None, laws=frozenset(), added_by="p"
    )
    return replace(given, **changes)


TEXAS = rule(laws=frozenset({"tx-sb1188"}))
FLORIDA = rule(laws=frozenset({"fl-408-051"}))


@pytest.mark.parametrize(
    ("rules", "region", "expected"),
    [
        ([], "eu", None),
        ([TEXAS], "us-east-1", None),
        ([TEXAS], "eastus", None),
        ([TEXAS], "us", None),
        ([TEXAS], "ca-central-1", Reason.RESIDENCY_FORBIDS),
        ([FLORIDA], "ca-central-1", None),
        ([FLORIDA, TEXAS], "canadacentral", Reason.RESIDENCY_FORBIDS),
        ([TEXAS], "eu-west-1", Reason.RESIDENCY_FORBIDS),
        ([TEXAS], "global", Reason.RESIDENCY_FORBIDS),
        ([TEXAS], "apac", Reason.RESIDENCY_FORBIDS),
        ([TEXAS], "basement-1", Reason.REGION_UNKNOWN),
        ([rule(regions=frozenset({"us-east-1"}))], "us-east-1", None),
        ([rule(regions=frozenset({"us-east-1"}))], "us-east-2", Reason.RESIDENCY_FORBIDS),
        ([rule(regions=frozenset())], "us-east-1", Reason.RESIDENCY_FORBIDS),
        ([rule(regions=frozenset({"us"}), workspace="other")], "eu", None),
        ([rule(regions=frozenset({"us"}), workspace="w")], "eu", Reason.RESIDENCY_FORBIDS),
        ([rule(regions=frozenset({"us"}), data_classes=frozenset({"part2"}))], "eu", None),
        ([rule(regions=None, laws=frozenset({"a law of a later version"}))], "us", Reason.RESIDENCY_FORBIDS),
    ],
)
def test_every_rule_that_concerns_the_call_holds(rules, region, expected):
    found = residency_forbids(rules, GEOGRAPHY, workspace="w", data_classes=frozenset({"ordinary"}), region=region)
    assert (None if found is None else found.reason) is expected


def test_every_law_says_what_it_was_read_from_and_what_is_doubtful():
    for law in load_laws().values():
        assert law.citation
        assert law.doubts
        assert law.certainty in {"read", "memory"}
        assert law.places <= set(GEOGRAPHY.place_of.values())


@pytest.mark.parametrize(
    ("reported", "region", "expected"),
    [
        ("East US", "eastus", True),
        ("West US 3", "us", True),
        ("Sweden Central", "us", False),
        ("us", "us", True),
        ("global", "us", False),
        ("nowhere", "us", False),
    ],
)
def test_a_report_agrees_with_the_region_or_the_country_that_was_recorded(reported, region, expected):
    assert agrees(reported, region, GEOGRAPHY) is expected
