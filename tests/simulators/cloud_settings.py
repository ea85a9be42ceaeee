"""What the vendors' interfaces for administrators tell, at the protocol's level; a part of `tests.simulators.clouds`.

`POST /_sim/settings` changes what is told from then on: `{"bedrock": {...}, "azure": {...}, ...}`, merged by platform.
A `status` in a platform's settings makes each of its questions be answered with that status.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from wardkeep.demo.simulator import Outcome, Seen

ADMIN_KEY = "sk-admin-simulated"
ANTHROPIC_ADMIN = "sk-ant-admin-simulated"
PRINCIPAL = {"tenant_id": "tenant-1", "client_id": "client-1", "client_secret": "principal-secret-1"}
ARM_TOKEN = "arm-token-simulated"
REGIONS = frozenset({"us-test-1", "us-east-1", "us-east-2", "us-west-2"})
GOOD: dict[str, dict[str, Any]] = {
    "bedrock": {
        "regions": ["us-east-1", "us-west-2"],
        "retention": {},
        "logging": {},
    },
    "azure": {"location": "eastus", "sku": "Standard", "content_logging": "false"},
    "openai": {"status": "active", "residency": "US_STORAGE_PROCESSING", "project": "organization_default",
               "organization": "zero_data_retention"},
    "anthropic": {"workspace_geo": "us", "allowed": ["us"], "default": "us", "archived_at": None},
    "usage": {"openai": [], "anthropic": [], "embeddings": []},
    "vertex": {"logging": {}, "disable_cache": True},
    "local": {"kind": "llama.cpp", "slots": False, "remote_host": None},
}  # fmt: skip

_PROFILE = re.compile(r"/inference-profiles/(?P<profile>[^/]+)")
_ACCOUNT = re.compile(
    r"/subscriptions/sub-1/resourceGroups/group-1/providers/Microsoft\.CognitiveServices/accounts/demo"
    r"(?P<rest>/deployments/[^/]+)?"
)
_SCOPE = re.compile(r"Credential=\S+?/\d{8}/([\w-]+)/bedrock")


def _json(value: object, status: int = 200) -> Outcome:
    return Outcome(status=status, headers=((b"content-type", b"application/json"),), body=orjson.dumps(value))


@dataclass(slots=True)
class CloudSettings:
    """The settings of every platform, as they are told now."""

    held: dict[str, dict[str, Any]] = field(default_factory=lambda: {name: {**each} for name, each in GOOD.items()})

    def change(self, changes: dict[str, dict[str, Any]]) -> None:
        """Tell otherwise from now on; an empty object puts everything right."""
        if not changes:
            self.held = {name: {**each} for name, each in GOOD.items()}
        for name, each in changes.items():
            self.held[name].update(each)

    def told(
        self, request: Seen, refused_aws: Callable[[Seen, frozenset[str]], bool], granted: set[str]
    ) -> Outcome | None:
        """Answer a question about settings; None for every other request."""
        path, bearer = request.path, request.header("authorization").removeprefix("Bearer ")
        if path in {"/data-retention", "/logging/modelinvocations"} or _PROFILE.fullmatch(path):
            return self._checked("bedrock", not refused_aws(request, REGIONS), lambda: self._bedrock(request))
        if path == "/tenant-1/oauth2/v2.0/token":
            return self._arm_token(request)
        if found := _ACCOUNT.fullmatch(path):
            return self._checked("azure", bearer == ARM_TOKEN, lambda: self._azure(request, found["rest"]))
        if path.startswith("/v1/organization/usage/"):
            kind = "openai" if path.endswith("/completions") else "embeddings"
            return self._checked("usage", bearer == ADMIN_KEY, lambda: self._usage(request, kind))
        if path == "/v1/organizations/usage_report/messages":
            is_right = request.header("x-api-key") == ANTHROPIC_ADMIN
            return self._checked("usage", is_right, lambda: self._usage(request, "anthropic"))
        if path.startswith("/v1/organization/"):
            return self._checked("openai", bearer == ADMIN_KEY, lambda: self._openai(path))
        if path == "/v1/organizations/workspaces/demo":
            is_right = request.header("x-api-key") == ANTHROPIC_ADMIN and bool(request.header("anthropic-version"))
            return self._checked("anthropic", is_right, self._anthropic)
        if path.endswith(("/cacheConfig", ":fetchPublisherModelConfig")):
            return self._checked("vertex", bearer in granted, lambda: self._vertex(path))
        if path in {"/props", "/slots", "/api/show", "/version", "/server_info"}:
            return self._checked("local", True, lambda: self._local(path))
        return None

    def _checked(self, platform: str, is_known: bool, tell: Callable[[], Outcome]) -> Outcome:
        status = self.held[platform].get("status_code")
        if status is not None:
            return _json({"error": "as told"}, int(status))
        return tell() if is_known else _json({"error": "who are you"}, 403)

    def _bedrock(self, request: Seen) -> Outcome:
        held = self.held["bedrock"]
        scope = _SCOPE.search(request.header("authorization"))
        region = scope[1] if scope else "us-test-1"
        if request.path == "/data-retention":
            return _json({"mode": held["retention"].get(region, "none"), "updatedAt": "2026-10-01T00:00:00Z"})
        if request.path == "/logging/modelinvocations":
            return _json({"loggingConfig": held["logging"][region]} if region in held["logging"] else {})
        profile = unquote(request.path.rpartition("/")[2])
        models = [{"modelArn": f"arn:aws:bedrock:{each}::foundation-model/x"} for each in held["regions"]]
        return _json(
            {"inferenceProfileId": profile, "models": models, "status": "ACTIVE", "type": "SYSTEM_DEFINED",
             "inferenceProfileName": profile,
             "inferenceProfileArn": f"arn:aws:bedrock:us-east-1:1:inference-profile/{profile}"}
        )  # fmt: skip

    def _arm_token(self, request: Seen) -> Outcome:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        is_right = (
            form.get("grant_type") == "client_credentials"
            and form.get("client_id") == PRINCIPAL["client_id"]
            and form.get("client_secret") == PRINCIPAL["client_secret"]
            and form.get("scope") == "https://management.azure.com/.default"
        )
        return _json({"access_token": ARM_TOKEN, "expires_in": 3599} if is_right else {}, 200 if is_right else 401)

    def _azure(self, request: Seen, deployment: str | None) -> Outcome:
        held = self.held["azure"]
        if "api-version" not in parse_qs(urlsplit(request.target).query):
            return _json({"error": {"code": "MissingApiVersionParameter"}}, 400)
        if deployment:
            return _json(
                {"sku": {"name": held["sku"], "capacity": 10}, "properties": {"provisioningState": "Succeeded"}}
            )
        listed = [{"name": "VirtualNetworks"}]
        if held["content_logging"] is not None:
            listed.append({"name": "ContentLogging", "value": held["content_logging"]})
        listed += held.get("more", [])
        return _json({"location": held["location"], "kind": "OpenAI", "properties": {"capabilities": listed}})

    def _openai(self, path: str) -> Outcome:
        held = self.held["openai"]
        if path == "/v1/organization/data_retention":
            return _json({"object": "organization.data_retention", "type": held["organization"]})
        if path == "/v1/organization/projects/demo/data_retention":
            return _json({"object": "project.data_retention", "type": held["project"]})
        if path == "/v1/organization/projects/demo":
            return _json({"id": "demo", "object": "organization.project", "name": "Clinic",
                          "status": held["status"], "residency": held["residency"]})  # fmt: skip
        return _json({"error": {"message": "no such project"}}, 404)

    def _usage(self, request: Seen, kind: str) -> Outcome:
        """Tell one bucket a page, as set: `[{"day": ..., "results": [...]}]`."""
        query = parse_qs(urlsplit(request.target).query)
        is_right = query.get("bucket_width") == ["1d"] and query.get("group_by[]") == ["model"]
        if not is_right or not ({"start_time", "starting_at"} & query.keys()):
            return _json({"error": {"message": "wrong query"}}, 400)
        buckets, at = self.held["usage"][kind], int(query.get("page", ["0"])[0])
        shown = [
            {
                "object": "bucket", "results": each["results"], "starting_at": f"{each['day']}T00:00:00Z",
                "start_time": int(datetime.fromisoformat(f"{each['day']}T00:00:00+00:00").timestamp()),
            }
            for each in buckets[at : at + 1]
        ]  # fmt: skip
        has_more = at + 1 < len(buckets)
        return _json({"data": shown, "has_more": has_more, "next_page": str(at + 1) if has_more else None})

    def _anthropic(self) -> Outcome:
        held = self.held["anthropic"]
        residency = {"workspace_geo": held["workspace_geo"], "allowed_inference_geos": held["allowed"],
                     "default_inference_geo": held["default"]}  # fmt: skip
        return _json({"id": "demo", "type": "workspace", "name": "Clinic", "archived_at": held["archived_at"],
                      "data_residency": residency})  # fmt: skip

    def _vertex(self, path: str) -> Outcome:
        held = self.held["vertex"]
        if path == "/v1/projects/p1/cacheConfig":
            return _json({"name": "projects/p1/cacheConfig", "disableCache": held["disable_cache"]})
        return _json({"loggingConfig": held["logging"]} if held["logging"] else {})

    def _local(self, path: str) -> Outcome:
        held = self.held["local"]
        kind, is_open = held["kind"], held["slots"]
        if kind == "llama.cpp" and path == "/props":
            told = {} if held.get("is_silent") else {"endpoint_slots": is_open}
            return _json({"default_generation_settings": {}, "total_slots": 1, **told})
        if kind == "llama.cpp" and path == "/slots":
            return _json(
                [{"id": 0, "prompt": "somebody's"}] if is_open else {"error": {"code": 501}}, 200 if is_open else 501
            )
        if kind == "ollama" and path == "/api/show":
            shown = {"details": {"family": "x"}, "model_info": {}}
            return _json({**shown, "remote_host": held["remote_host"]} if held["remote_host"] else shown)
        if kind == "vllm" and path == "/version":
            return _json({"version": "0.11.0"})
        if kind == "vllm" and path == "/server_info" and is_open:
            return _json({"vllm_config": "x"})
        return _json({"detail": "Not Found"}, 404)
