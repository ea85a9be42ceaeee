"""Furnishes an instance with two simulated vendors, their agreements, routes and a key, by the control API alone."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from wardkeep.demo.instance import ENDPOINTS, FEATURES, FIRST, PURPOSES, SECOND, Instance

OPENAI_VENDOR: Final = "northwind"
ANTHROPIC_VENDOR: Final = "meridian"
PARTIES: Final = {OPENAI_VENDOR: "Northwind Models, Inc.", ANTHROPIC_VENDOR: "Meridian Inference, LLC"}
AGREEMENTS: Final = {OPENAI_VENDOR: "baa-northwind", ANTHROPIC_VENDOR: "baa-meridian"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendors:
    """Where the simulated vendors are, and the credentials they take."""

    openai_url: str
    anthropic_url: str
    openai_key: str
    anthropic_key: str
    ca_file: str | None = None


def furnish(
    instance: Instance, vendors: Vendors, models: Iterable[str], *, expires_on: date | None = None, today: date
) -> str:
    """Record vendors, agreements (activated by the second officer) and one route a model; return an application key."""
    names = sorted(set(models))
    for vendor, party in PARTIES.items():
        instance.api(FIRST, "POST", "vendors", {"id": vendor, "party": party, "reason": "demonstration"})
        agree(instance, vendor, AGREEMENTS[vendor], names, expires_on=expires_on, today=today)
    for model in names:
        add_deployment(
            instance, f"n-{model}", OPENAI_VENDOR, "openai", vendors.openai_url, model, vendors.openai_key, vendors
        )
        add_deployment(
            instance,
            f"m-{model}",
            ANTHROPIC_VENDOR,
            "anthropic",
            vendors.anthropic_url,
            model,
            vendors.anthropic_key,
            vendors,
        )
        add_route(instance, model, f"n-{model}", f"m-{model}")
    return create_key(instance, names)


def agree(
    instance: Instance, vendor: str, agreement: str, models: Iterable[str], *, expires_on: date | None, today: date
) -> None:
    """Record an agreement as the first officer and activate it as the second."""
    body: dict[str, object] = {
        "id": agreement,
        "kind": "baa",
        "vendor": vendor,
        "party": PARTIES[vendor],
        "document_sha256": hashlib.sha256(agreement.encode()).hexdigest(),
        "effective_on": today.isoformat(),
        "expires_on": None if expires_on is None else expires_on.isoformat(),
        "scopes": [scope(models)],
        "reason": "demonstration",
    }
    instance.api(FIRST, "POST", "agreements", body)
    instance.api(SECOND, "POST", f"agreements/{agreement}/activate", {"reason": "demonstration"})


def scope(models: Iterable[str], **changes: object) -> Mapping[str, object]:
    """Return a scope that covers the models here, with some terms changed."""
    return {
        "platform": "direct",
        "projects": ["demo"],
        "endpoints": list(ENDPOINTS),
        "features": list(FEATURES),
        "models": sorted(models),
        "regions": ["us-test-1"],
        "purposes": list(PURPOSES),
        "retention": "zero",
        "training_prohibited": True,
        **changes,
    }


def add_deployment(
    instance: Instance, name: str, vendor: str, dialect: str, url: str, model: str, credential: str, vendors: Vendors
) -> None:
    """Record where a model runs."""
    body = {
        "id": name,
        "vendor": vendor,
        "platform": "direct",
        "project": "demo",
        "dialect": dialect,
        "base_url": url,
        "model": model,
        "region": "us-test-1",
        "credential": credential,
        "ca_file": vendors.ca_file,
        "reason": "demonstration",
    }
    instance.api(FIRST, "POST", "deployments", body)


def add_route(instance: Instance, model: str, deployment: str, *fallbacks: str) -> None:
    """Let clients use a model name."""
    body = {"model": model, "deployment": deployment, "fallbacks": list(fallbacks), "reason": "demonstration"}
    instance.api(FIRST, "POST", "routes", body)


def create_key(instance: Instance, models: Iterable[str], **changes: object) -> str:
    """Make an application key for the models; TREAT unless the call says otherwise."""
    body = {
        "name": "demo-app",
        "owner": SECOND,
        "models": sorted(models),
        "purposes": list(PURPOSES),
        "default_purpose": "TREAT",
        "calls_per_minute": 1_000_000,
        "calls_at_once": 4096,
        "reason": "demonstration",
        **changes,
    }
    return str(instance.api(FIRST, "POST", "keys", body)["credential"])
