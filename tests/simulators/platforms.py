"""A running instance with every platform behind it: what the contract of providers and the journeys of SDKs share."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from tests.journeys.house import ZONE, House, today
from tests.simulators.clouds import AWS_ID, AWS_SECRET, AZURE_KEY, REGION

from wardkeep.demo.furnish import create_key, scope
from wardkeep.demo.instance import FIRST, SECOND, Instance
from wardkeep.demo.vendor import ANTHROPIC_KEY, OPENAI_KEY, SimulatorProcess

SIMULATED = (
    *("sim-echo", "sim-tools", "sim-json", "sim-long", "sim-think", "sim-drop", "sim-garbage"),
    *(f"sim-error-{status}" for status in (400, 429, 503, "stream")),
)
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


@dataclass(frozen=True, kw_only=True)
class Platform:
    """One deployment kind: how it is recorded, and how its models are called there."""

    name: str
    platform: str
    dialect: str
    surfaces: tuple[str, ...]
    path: str
    credential: str
    prefix: str = ""
    region: str = "us-test-1"
    more: dict[str, object] = field(default_factory=dict)


def service_account(directory: Path) -> tuple[str, Path]:
    """A service account's key as its JSON, and the file with its public half."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = directory / "google.pem"
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    account = {"type": "service_account", "client_email": "gw@project.example", "private_key": private}
    return json.dumps(account), public


def aws_credential(secret: str = AWS_SECRET) -> str:
    return json.dumps({"access_key_id": AWS_ID, "secret_access_key": secret})


def platforms(url: str, google: str) -> tuple[Platform, ...]:
    vertex = {"token_url": f"{url}/token"}
    location = "/v1/projects/p1/locations/us-test-1"
    return (
        Platform(name="openai", platform="openai-api", dialect="openai", surfaces=(CHAT,), path="/v1",
                 credential=OPENAI_KEY),
        Platform(name="azure", platform="azure-openai", dialect="azure-openai", surfaces=(CHAT,), path="/openai/v1",
                 credential=AZURE_KEY, region="eastus", more={"deployment_type": "Standard"}),
        Platform(name="azure-dated", platform="azure-openai", dialect="azure-openai", surfaces=(CHAT,), path="",
                 credential=AZURE_KEY, region="us", more={"deployment_type": "DataZoneStandard"}),
        Platform(name="vertex-gemini", platform="google-vertex", dialect="vertex-openai", surfaces=(CHAT,),
                 path=location, credential=google, prefix="google/", more=vertex),
        Platform(name="anthropic", platform="anthropic-api", dialect="anthropic", surfaces=(MESSAGES,), path="",
                 credential=ANTHROPIC_KEY),
        Platform(name="bedrock", platform="aws-bedrock", dialect="bedrock-anthropic", surfaces=(MESSAGES,), path="",
                 credential=aws_credential(), prefix="us.anthropic.", region="us", more={"source_region": REGION}),
        Platform(name="converse", platform="aws-bedrock", dialect="bedrock-converse", surfaces=(CHAT,), path="",
                 credential=aws_credential(), prefix="us.vendor.", region="us", more={"source_region": REGION}),
        Platform(name="claude-chat", platform="anthropic-api", dialect="anthropic-chat", surfaces=(CHAT,), path="",
                 credential=ANTHROPIC_KEY),
        Platform(name="gpt-messages", platform="openai-api", dialect="openai-messages", surfaces=(MESSAGES,),
                 path="/v1", credential=OPENAI_KEY),
        Platform(name="converse-messages", platform="aws-bedrock", dialect="bedrock-converse", surfaces=(MESSAGES,),
                 path="", credential=aws_credential(), prefix="us.vendor.", region="us",
                 more={"source_region": REGION}),
        Platform(name="vertex-claude", platform="google-vertex", dialect="vertex-anthropic", surfaces=(MESSAGES,),
                 path=location, credential=google, more=vertex),
        Platform(name="local", platform="self-hosted", dialect="openai", surfaces=(CHAT,), path="/v1",
                 credential=OPENAI_KEY),
    )  # fmt: skip


@dataclass(slots=True)
class Clouds:
    """The house, its clouds, and the platforms by name."""

    house: House
    vendor: SimulatorProcess
    platforms: dict[str, Platform]

    def alias(self, platform: str, model: str) -> str:
        return f"{platform}/{model}"

    def accept(self, **keys: str) -> None:
        self.vendor._control("POST", "/_sim/keys", keys)


def record(instance: Instance, each: Platform, url: str, models: tuple[str, ...] = SIMULATED) -> None:
    """Record one platform: vendor, agreement, a deployment and a route for each model."""
    party = f"{each.name.title()} Party"
    instance.api(FIRST, "POST", "vendors", {"id": each.name, "party": party, "reason": "test"})
    covered: Any = scope(
        [each.prefix + model for model in models],
        platform=each.platform,
        regions=[each.region],
        endpoints=[CHAT, MESSAGES, "/v1/messages/count_tokens", "/v1/responses", "/v1/embeddings", "/converse"],
    )
    agreement = {
        "id": f"baa-{each.name}", "kind": "baa", "vendor": each.name, "party": party, "document_sha256": "0" * 64,
        "effective_on": today().isoformat(), "expires_on": None, "scopes": [covered], "reason": "test",
    }  # fmt: skip
    instance.api(FIRST, "POST", "agreements", agreement)
    instance.api(SECOND, "POST", f"agreements/baa-{each.name}/activate", {"reason": "test"})
    for model in models:
        deployment = {
            "id": f"{each.name}-{model}", "vendor": each.name, "platform": each.platform, "project": "demo",
            "dialect": each.dialect, "base_url": url + each.path, "model": each.prefix + model, "region": each.region,
            "credential": each.credential, "reason": "test", **each.more,
        }  # fmt: skip
        instance.api(FIRST, "POST", "deployments", deployment)
        route = {"model": f"{each.name}/{model}", "deployment": f"{each.name}-{model}", "reason": "test"}
        instance.api(FIRST, "POST", "routes", route)


@contextmanager
def clouds(
    *, workers: int = 1, only: tuple[str, ...] | None = None, models: tuple[str, ...] = SIMULATED
) -> Iterator[Clouds]:
    """Start the clouds and an instance before them."""
    with tempfile.TemporaryDirectory() as directory:
        google, public = service_account(Path(directory))
        os.environ["SIM_GOOGLE_PUBLIC_KEY"] = str(public)
        with SimulatorProcess(program=("-m", "tests.simulators.clouds")) as vendor:
            instance = Instance(home=Path(directory) / "home", workers=workers, deadline_seconds=120.0)
            instance.init(zone=ZONE)
            with instance:
                found = {each.name: each for each in platforms(vendor.url, google) if not only or each.name in only}
                for each in found.values():
                    record(instance, each, vendor.url, models)
                key = create_key(instance, [f"{name}/{model}" for name in found for model in models])
                yield Clouds(House(instance, vendor, key), vendor, found)
