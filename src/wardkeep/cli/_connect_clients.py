"""Which settings point each client at the gateway, and where it keeps them.

As its makers document it: the OpenAI SDKs read `OPENAI_BASE_URL` and `OPENAI_API_KEY`; Claude Code the member `env` of
`settings.json`; Codex `model_providers` of `config.toml`, with a command that prints the key; Open WebUI its
environment. What would lead past the gateway in the same file is taken away or named.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from wardkeep.cli._connect_edits import edit_env, edit_json, edit_toml, env_values, json_object, toml_table
from wardkeep.cli._failure import CommandFailed

_KEY_NAME: Final = "wardkeep.key"
# Claude Code: other roads to a vendor, which win over the address or add a second credential.
_CLAUDE_OTHERS: Final = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_CUSTOM_HEADERS",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_VERTEX",
)
_CLAUDE_MODELS: Final = (
    "ANTHROPIC_MODEL",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL",
    "ANTHROPIC_DEFAULT_OPUS_MODEL",
    "ANTHROPIC_DEFAULT_SONNET_MODEL",
)


class ClientName(StrEnum):
    """Clients whose settings we write."""

    OPENAI_ENV = "openai-env"
    CLAUDE_CODE = "claude-code"
    CODEX = "codex"
    OPEN_WEBUI = "open-webui"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a client is pointed at. `origin` has no path; `authority` is the PEM file of a private certificate."""

    origin: str
    key: str
    model: str | None = None
    authority: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """New texts of a client's files, and what its user should know beside them."""

    files: Mapping[Path, str]
    notes: tuple[str, ...] = field(default=())


def settings_of(client: ClientName, file: Path | None) -> Path:
    """Return where a client's settings are; a link is followed, so that it stays one."""
    if file is not None:
        return file.expanduser().resolve()
    if client is ClientName.CLAUDE_CODE:
        return (_directory("CLAUDE_CONFIG_DIR", ".claude") / "settings.json").resolve()
    if client is ClientName.CODEX:
        return (_directory("CODEX_HOME", ".codex") / "config.toml").resolve()
    return Path(".env").resolve()


def files_of(client: ClientName, settings: Path) -> tuple[Path, ...]:
    """Return every file that connecting a client writes."""
    return (settings, settings.with_name(_KEY_NAME)) if client is ClientName.CODEX else (settings,)


def held_key(client: ClientName, settings: Path, texts: Mapping[Path, str], origin: str) -> str | None:
    """Return the credential that a client already sends to `origin`, or None. Raises CommandFailed."""
    text = texts.get(settings, "")
    found: tuple[object, object] = None, None
    if client is ClientName.CODEX:
        provider = toml_table(text).get("model_providers", {})
        ours = provider.get("wardkeep", {}) if isinstance(provider, dict) else {}
        found = ours.get("base_url"), texts.get(settings.with_name(_KEY_NAME), "").strip()
    elif client is ClientName.CLAUDE_CODE:
        env = json_object(text).get("env", {})
        if isinstance(env, dict):
            found = env.get("ANTHROPIC_BASE_URL"), env.get("ANTHROPIC_AUTH_TOKEN")
    else:
        names = ("OPENAI_BASE_URL", "OPENAI_API_KEY")
        if client is ClientName.OPEN_WEBUI:
            names = ("OPENAI_API_BASE_URLS", "OPENAI_API_KEYS")
        values = env_values(text)
        found = (values.get(names[0]), values.get(names[1]))
    return found[1] if found[0] == _base(client, origin) and isinstance(found[1], str) and found[1] else None


def write(client: ClientName, settings: Path, texts: Mapping[Path, str], aim: Aim) -> Written:
    """Return a client's files with the gateway put in. Raises CommandFailed."""
    text = texts.get(settings, "")
    if client is ClientName.CLAUDE_CODE:
        return _claude_code(settings, text, aim)
    if client is ClientName.CODEX:
        return _codex(settings, text, aim)
    if client is ClientName.OPEN_WEBUI:
        return _open_webui(settings, text, aim)
    trust = {} if aim.authority is None else {"SSL_CERT_FILE": aim.authority}
    wanted = {"OPENAI_BASE_URL": _base(client, aim.origin), "OPENAI_API_KEY": aim.key, **trust}
    after = edit_env(text, wanted)
    return Written(files={settings: after}, notes=_elsewhere(after, aim.origin))


def _claude_code(settings: Path, text: str, aim: Aim) -> Written:
    wanted: dict[str, str | None] = {
        "ANTHROPIC_BASE_URL": aim.origin,
        "ANTHROPIC_AUTH_TOKEN": aim.key,
        # Error reports and telemetry go to the maker, not through the gateway.
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        # Fields of betas are not listed, and what is not listed is refused.
        "CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS": "1",
        **dict.fromkeys(_CLAUDE_OTHERS),
        **({} if aim.authority is None else {"NODE_EXTRA_CA_CERTS": aim.authority}),
        **({} if aim.model is None else dict.fromkeys(_CLAUDE_MODELS, aim.model)),
    }
    notes = ["Settings of a project, or managed ones, win over this file: look for ANTHROPIC_ in them."]
    if aim.model is None:
        notes.append("Without --model it asks for its own model names, which a route must have.")
    return Written(files={settings: edit_json(text, wanted)}, notes=tuple(notes))


def _codex(settings: Path, text: str, aim: Aim) -> Written:
    key = settings.with_name(_KEY_NAME)
    provider: dict[str, Any] = {
        "name": "Wardkeep",
        "base_url": _base(ClientName.CODEX, aim.origin),
        "wire_api": "responses",
        # It would repeat a refusal, each time an entry of the ledger.
        "stream_max_retries": 0,
        "auth": {"command": "/bin/cat", "args": [str(key)], "timeout_ms": 5000, "refresh_interval_ms": 0},
    }
    after = edit_toml(text, provider, aim.model)
    notes = ["A project's settings, a profile and -c on the command line win over this file."]
    if aim.authority is not None:
        notes.append(f"Its environment must have SSL_CERT_FILE={aim.authority} for the gateway's certificate.")
    return Written(files={settings: after, key: aim.key + "\n"}, notes=tuple(notes))


def _open_webui(settings: Path, text: str, aim: Aim) -> Written:
    base = _base(ClientName.OPEN_WEBUI, aim.origin)
    wanted: dict[str, str | None] = {
        "ENABLE_OPENAI_API": "True",
        "OPENAI_API_BASE_URLS": base,
        "OPENAI_API_KEYS": aim.key,
        # Its speech and document search fall back to these two, and these to the vendor's own address.
        "OPENAI_API_BASE_URL": base,
        "OPENAI_API_KEY": aim.key,
    }
    after = edit_env(text, wanted)
    started = (
        "Once it has been started it believes its own database instead of these settings: then set the connection in "
        "its admin panel, or start it with ENABLE_PERSISTENT_CONFIG=False."
    )
    notes = [started, *_elsewhere(after, aim.origin)]
    if aim.authority is not None:
        notes.append(f"Its process must trust {aim.authority} for the gateway's certificate.")
    return Written(files={settings: after}, notes=tuple(notes))


def origin_of(url: str) -> str:
    """Return scheme, host and port of the gateway's address.

    Raises:
        CommandFailed: it is no such address, or would carry a key and PHI in clear over a network.
    """
    parts = urlsplit(url)
    try:
        is_whole = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_whole = False
    is_plain = parts.username is None and not parts.query and not parts.fragment and parts.path in {"", "/", "/v1"}
    is_near = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if not is_whole or not is_plain or not (parts.scheme == "https" or (parts.scheme == "http" and is_near)):
        raise CommandFailed(
            "address_not_usable",
            what="This is not an address that a client can be pointed at.",
            why="Outside this machine keys and PHI travel encrypted (45 CFR 164.312(e)(1)).",
            fix="Give https://HOST:PORT, or http://localhost:PORT on this machine, without user, path or query.",
        )
    return f"{parts.scheme}://{parts.netloc}"


def _base(client: ClientName, origin: str) -> str:
    return origin if client is ClientName.CLAUDE_CODE else f"{origin}/v1"


def _elsewhere(text: str, origin: str) -> tuple[str, ...]:
    """Name variables of the same file that still hold another address of a model."""
    others = sorted(
        name
        for name, value in env_values(text).items()
        if name.endswith(("_BASE_URL", "_BASE_URLS", "_API_BASE", "_ENDPOINT")) and value and origin not in value
    )
    return (f"Still pointing elsewhere, past the gateway: {', '.join(others)}.",) if others else ()


def _directory(variable: str, name: str) -> Path:
    chosen = os.environ.get(variable)
    return Path(chosen).expanduser() if chosen else Path.home() / name
