"""A request that would take PHI outside what was signed: stored, batched, searched, sent to third parties, schemas.

Each case is one thing a client can really ask, walked through de-identification and the gate with the platform's own
profile. The scope is as wide as an officer could write it, so that it is the terms that close; every answer is a
machine-readable reason with the place.
"""

from dataclasses import dataclass, field, replace
from datetime import date

import orjson
import pytest

from wardkeep.compliance.profiles import load_profiles, terms_in_force
from wardkeep.gateway.safe import make_safe
from wardkeep.model.document import parse
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
    RiskAcceptance,
    Route,
    Scope,
    Surface,
    Vendor,
)
from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Call, Facts, Identified, Permitted, Routed
from wardkeep.privacy.detect.detector import Detector
from wardkeep.routing.choose import choose

TODAY = date(2026, 11, 23)
PROFILES = load_profiles()
CHAT, MESSAGES = Surface.OPENAI_CHAT, Surface.ANTHROPIC_MESSAGES
SAID = [{"role": "user", "content": "Which dose of apixaban?"}]
BODIES = {CHAT: {"model": "m", "messages": SAID}, MESSAGES: {"model": "m", "messages": SAID, "max_tokens": 5}}
PLATFORMS = {CHAT: "openai-api", MESSAGES: "anthropic-api"}
ADDRESSES = {"openai-api": "https://us.api.openai.com/v1", "anthropic-api": "https://api.anthropic.com"}
EVERYTHING = frozenset().union(*(version.features for each in PROFILES.values() for version in each.values()))


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector("balanced")


@dataclass(frozen=True, kw_only=True)
class Case:
    surface: Surface
    name: str
    body: dict = field(default_factory=dict)
    reason: Reason
    place: str | None = None
    betas: tuple[str, ...] = ()
    platform: str | None = None
    model: str = "model-1"
    scope: dict = field(default_factory=dict)
    acceptances: tuple[RiskAcceptance, ...] = ()


def outcome(case: Case, detector: Detector) -> Routed | Refused:
    surface = case.surface
    platform = case.platform or PLATFORMS[surface]
    terms = {
        "platform": platform, "projects": frozenset({"p"}), "endpoints": frozenset(s.value for s in Surface),
        "features": EVERYTHING | {"web_search"}, "models": frozenset({case.model}), "regions": frozenset({"us"}),
        "purposes": frozenset(p.value for p in Purpose), "retention": Retention.ZERO, "training_prohibited": True,
    }  # fmt: skip
    agreement = Agreement(
        id="baa", kind=AgreementKind.BAA, vendor="v", party="Party", status=AgreementStatus.ACTIVE,
        document_sha256="0" * 64, effective_on=date(2026, 1, 1), expires_on=None,
        scopes=(Scope(**{**terms, **case.scope}),), added_by="a", activated_by="b",
    )  # fmt: skip
    deployment = Deployment(
        id="d", vendor="v", platform=platform, project="p",
        dialect="anthropic" if surface.is_anthropic else "openai", model=case.model,
        base_url=ADDRESSES.get(platform, "https://v.example/v1"),
        region="us",
    )  # fmt: skip
    registry = Registry(
        epoch=1, organisation=Organisation(name="o", tenant="t", zone="Etc/UTC", officers=()),
        vendors={"v": Vendor(id="v", party="Party")}, agreements={"baa": agreement},
        acceptances={each.id: each for each in case.acceptances}, deployments={"d": deployment},
    )  # fmt: skip
    now = Instant(1_795_000_000_000_000, 1, "boot")
    call = Call(
        id=bytes(16), surface=surface, document=parse(orjson.dumps({**BODIES[surface], **case.body})), credential=None,
        received=now, betas=case.betas,
    )  # fmt: skip
    key = ApiKey(
        id="k", mac=b"m", name="app", owner="p", workspace="w", models=frozenset({"m"}), purposes=frozenset(Purpose),
        default_purpose=Purpose.TREAT, expires_at=None,
    )  # fmt: skip
    permitted = Permitted(
        identified=Identified(call=call, key=key, owner=Person(id="p", roles=frozenset(), is_active=True)),
        facts=Facts(
            registry=registry, today=TODAY, now=now, policy_version="1", terms=terms_in_force(PROFILES, registry)
        ),
        route=Route(model="m", deployment="d"), purpose=Purpose.TREAT, subject=None, keeps=frozenset({"DATE", "AGE"}),
    )  # fmt: skip
    safe = make_safe(permitted, detector, Secret(b"s" * 32))
    return safe if isinstance(safe, Refused) else choose(safe)


def chat(name: str, body: dict, reason: Reason, place: str | None = None, **more: object) -> Case:
    return Case(surface=CHAT, name=f"chat {name}", body=body, reason=reason, place=place, **more)


def messages(name: str, body: dict, reason: Reason, place: str | None = None, **more: object) -> Case:
    return Case(surface=MESSAGES, name=f"messages {name}", body=body, reason=reason, place=place, **more)


def parameters(schema: dict) -> dict:
    return {"tools": [{"type": "function", "function": {"name": "lookup", "parameters": schema}}]}


def tool(schema: dict, **more: object) -> dict:
    return {"tools": [{"name": "lookup", "input_schema": schema, **more}]}


def server_tool(kind: str) -> dict:
    return {"tools": [{"type": kind, "name": kind.rsplit("_", 1)[0]}]}


FEATURE, FIELD, DENIED = Reason.FEATURE_DENIED, Reason.TERMS_FEATURE, Reason.FIELD_DENIED
SCHEMA, UNREAD = Reason.SCHEMA_IDENTIFIES, Reason.CONTENT_UNREADABLE
SSN = "508-19-7312"
SHORT_YEAR = {"retention": Retention.DAYS_UNDER_BAA, "retention_days": 30}
ACCEPTED = RiskAcceptance(
    id="r", agreement="baa", days=30, until=date(2027, 1, 1), added_by="a", activated_by="b", withdrawn_by=None
)

CASES = [
    chat("store", {"store": True}, DENIED, "store"),
    chat("background", {"background": True}, DENIED, "background"),
    chat("background named", {"background": False}, Reason.TERMS_FIELD, "background"),
    chat("previous response", {"previous_response_id": "resp_1"}, DENIED, "previous_response_id"),
    chat("conversation", {"conversation": "conv_1"}, DENIED, "conversation"),
    chat("cache for a day", {"prompt_cache_retention": "24h"}, DENIED, "prompt_cache_retention"),
    chat("metadata of stored completions", {"metadata": {"shift": "a"}}, FIELD, "metadata"),
    chat("scale tier", {"service_tier": "scale"}, FIELD, "service_tier.scale"),
    chat("web search options", {"web_search_options": {"search_context_size": "low"}}, FEATURE, "web_search_options"),
    chat("web search tool", {"tools": [{"type": "web_search"}]}, FEATURE, "tools[0].type"),
    chat("web search preview", {"tools": [{"type": "web_search_preview"}]}, FEATURE, "tools[0].type"),
    chat("code interpreter", {"tools": [{"type": "code_interpreter"}]}, FEATURE, "tools[0].type"),
    chat("file search", {"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}, FEATURE, "tools[0].type"),
    chat("mcp", {"tools": [{"type": "mcp", "server_url": "https://m.example"}]}, FEATURE, "tools[0].type"),
    chat("image generation", {"tools": [{"type": "image_generation"}]}, FEATURE, "tools[0].type"),
    chat("computer use", {"tools": [{"type": "computer_use_preview"}]}, FEATURE, "tools[0].type"),
    chat("shell", {"tools": [{"type": "local_shell"}]}, FEATURE, "tools[0].type"),
    chat(
        "file id",
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]},
        UNREAD,
        "messages[0].content[0]",
    ),
    chat(
        "image address",
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://i.example"}}]}]},
        UNREAD,
        "messages[0].content[0]",
    ),
    chat("audio answer", {"audio": {"voice": "alloy", "format": "wav"}}, UNREAD, "audio"),
    chat("audio modality", {"modalities": ["text", "audio"]}, UNREAD, "modalities"),
    chat("user location", {"user_location": {"city": "x"}}, Reason.FIELD_UNLISTED, "user_location"),
    chat("container", {"container": "c"}, Reason.FIELD_UNLISTED, "container"),
    chat("number in a schema's const", parameters({"properties": {"id": {"const": SSN}}}), SCHEMA),
    chat("number in a schema's enum", parameters({"properties": {"id": {"enum": ["a", SSN]}}}), SCHEMA),
    chat("number as a property's name", parameters({"properties": {SSN: {"type": "string"}}}), SCHEMA),
    chat("number in a pattern", parameters({"properties": {"id": {"pattern": f"^{SSN}$"}}}), SCHEMA),
    chat("number in a default", parameters({"properties": {"id": {"default": SSN}}}), SCHEMA),
    chat(
        "number in a description",
        {"tools": [{"type": "function", "function": {"name": "f", "description": f"Patient with SSN {SSN}"}}]},
        SCHEMA,
    ),
    chat(
        "number in an answer's schema",
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"const": SSN}}}},
        SCHEMA,
    ),
    chat("a model that is kept", {}, Reason.TERMS_RETENTION, platform="aws-bedrock", model="openai.gpt-5"),
    chat("a platform without terms", {}, Reason.TERMS_MISSING, platform="gemini-developer-api"),
    chat("another platform's protocol", {}, Reason.TERMS_MISSING, platform="anthropic-api"),
    chat("retention unknown", {}, Reason.SCOPE_RETENTION, scope={"retention": Retention.UNKNOWN}),
    chat("retention not accepted", {}, Reason.RETENTION_NOT_ACCEPTED, scope=SHORT_YEAR),
    chat(
        "retention unknown but accepted",
        {},
        Reason.SCOPE_RETENTION,
        scope={"retention": Retention.UNKNOWN},
        acceptances=(ACCEPTED,),
    ),
    chat("training", {}, Reason.SCOPE_TRAINING, scope={"training_prohibited": False}),
    messages("web search", server_tool("web_search_20250305"), FEATURE, "tools[0].type"),
    messages("web fetch", server_tool("web_fetch_20250910"), FEATURE, "tools[0].type"),
    messages("code execution", server_tool("code_execution_20250825"), FEATURE, "tools[0].type"),
    messages("computer", server_tool("computer_20250124"), FEATURE, "tools[0].type"),
    messages("tool search", server_tool("tool_search_tool_regex_20251119"), FEATURE, "tools[0].type"),
    messages("memory", server_tool("memory_20250818"), FEATURE, "tools[0].type"),
    messages("bash", server_tool("bash_20250124"), FEATURE, "tools[0].type"),
    messages("mcp toolset", {"tools": [{"type": "mcp_toolset", "mcp_server_name": "m"}]}, FEATURE, "tools[0].type"),
    messages("mcp servers", {"mcp_servers": [{"type": "url", "url": "https://m.example"}]}, FEATURE, "mcp_servers"),
    messages("mcp servers, empty", {"mcp_servers": []}, Reason.TERMS_FIELD, "mcp_servers"),
    messages("container", {"container": "c"}, FEATURE, "container"),
    messages(
        "context management", {"context_management": {"edits": [{"type": "x"}]}}, FEATURE, "context_management"
    ),
    messages(
        "file id",
        {"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "file", "file_id": "f"}}]}]},
        UNREAD,
        "messages[0].content[0].source.type",
    ),
    messages(
        "document address",
        {"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "url", "url": "u"}}]}]},
        UNREAD,
        "messages[0].content[0].source.type",
    ),
    messages(
        "container upload",
        {"messages": [{"role": "user", "content": [{"type": "container_upload", "file_id": "f"}]}]},
        FEATURE,
        "messages[0].content[0]",
    ),
    messages("files beta", {}, Reason.BETA_UNLISTED, "anthropic-beta", betas=("files-api-2025-04-14",)),
    messages("skills beta", {}, Reason.BETA_UNLISTED, "anthropic-beta", betas=("skills-2025-10-02",)),
    messages("mcp beta", {}, Reason.BETA_UNLISTED, "anthropic-beta", betas=("mcp-client-2025-11-20",)),
    messages("code execution beta", {}, Reason.BETA_UNLISTED, "anthropic-beta", betas=("code-execution-2025-08-25",)),
    messages("compaction beta", {}, Reason.BETA_UNLISTED, "anthropic-beta", betas=("compact-2026-01-12",)),
    messages("fast mode", {"speed": "fast"}, Reason.FIELD_INVALID, "speed"),
    messages("another geography", {"inference_geo": "global"}, Reason.FIELD_INVALID, "inference_geo"),
    messages("number in a schema's const", tool({"properties": {"id": {"const": SSN}}}), SCHEMA),
    messages("number in a schema's enum", tool({"properties": {"id": {"enum": [SSN]}}}), SCHEMA),
    messages("number as a property's name", tool({"properties": {SSN: {}}}), SCHEMA),
    messages("number in an example", tool({}, input_examples=[{"id": SSN}]), SCHEMA),
    messages(
        "number in an output schema",
        {"output_config": {"format": {"type": "json_schema", "schema": {"const": SSN}}}},
        SCHEMA,
    ),
    messages("a model that is kept", {}, Reason.TERMS_RETENTION, model="claude-fable-5"),
    messages("a dated model that is kept", {}, Reason.TERMS_RETENTION, model="claude-mythos-5-20261001"),
    messages(
        "fewer days agreed than kept",
        {},
        Reason.TERMS_RETENTION,
        model="claude-fable-5",
        scope={"retention": Retention.DAYS_UNDER_BAA, "retention_days": 7},
        acceptances=(ACCEPTED,),
    ),
    messages("another platform's beta", {}, FIELD, "beta.context-1m-2025-08-07", betas=("context-1m-2025-08-07",),
             platform="self-hosted"),
    messages("another platform's tier", {"service_tier": "auto"}, FIELD, "service_tier.auto", platform="self-hosted"),
    messages("retention not accepted", {}, Reason.RETENTION_NOT_ACCEPTED, scope=SHORT_YEAR),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_stands_outside_the_terms_is_refused_by_name(case: Case, detector: Detector) -> None:
    assert outcome(case, detector) == Refused(reason=case.reason, field=case.place)


def test_both_wire_formats_have_many_cases() -> None:
    assert min(sum(case.surface is surface for case in CASES) for surface in (CHAT, MESSAGES)) >= 25


@pytest.mark.parametrize("surface", [CHAT, MESSAGES])
def test_a_plain_call_is_inside_the_terms(surface: Surface, detector: Detector) -> None:
    plain = Case(surface=surface, name="plain", reason=Reason.INTERNAL)
    assert isinstance(outcome(plain, detector), Routed)


OPEN, SHUT = None, Reason.RETENTION_NOT_ACCEPTED
NEAR = {
    "as accepted": (ACCEPTED, OPEN),
    "its last day": (replace(ACCEPTED, until=TODAY), OPEN),
    "past": (replace(ACCEPTED, until=date(2026, 11, 22)), SHUT),
    "by one person": (replace(ACCEPTED, activated_by=None), SHUT),
    "withdrawn": (replace(ACCEPTED, withdrawn_by="c"), SHUT),
    "of another agreement": (replace(ACCEPTED, agreement="baa-2"), SHUT),
    "of fewer days": (replace(ACCEPTED, days=29), SHUT),
}


@pytest.mark.parametrize("name", NEAR)
def test_days_kept_open_only_with_an_acceptance_that_reaches_them(name: str, detector: Detector) -> None:
    acceptance, reason = NEAR[name]
    case = Case(
        surface=MESSAGES, name=name, reason=Reason.INTERNAL, model="claude-fable-5", scope=SHORT_YEAR,
        acceptances=(acceptance,),
    )  # fmt: skip
    found = outcome(case, detector)
    assert (found.reason if isinstance(found, Refused) else None) is reason


def test_where_the_request_tells_the_geography_it_is_put_in(detector: Detector) -> None:
    plain = outcome(Case(surface=MESSAGES, name="plain", reason=Reason.INTERNAL), detector)
    assert isinstance(plain, Routed)
    assert orjson.loads(plain.upstream_body)["inference_geo"] == "us"
    named = outcome(Case(surface=MESSAGES, name="n", reason=Reason.INTERNAL, body={"inference_geo": "us"}), detector)
    assert isinstance(named, Routed)
    assert named.upstream_body.count(b"inference_geo") == 1
