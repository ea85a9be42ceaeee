"""LiteLLM's proxy, one worker, without a database: key check, routing and its default callbacks.

Three rows, because its settings change what a call costs: `litellm` with the production settings of its documentation
(`LITELLM_MODE=PRODUCTION`, `LITELLM_LOG=ERROR`), `litellm-quickstart` as its quick start begins it (a configuration, a
master key, nothing else set), and `litellm-debug` with `--detailed_debug`, which its older quick starts carry and its
documentation warns about. The quick start's PostgreSQL, where keys and spend are kept, is left out of all three: that
favours the peer. Goals are held against `litellm`.

1.106.10 is asked for first; where the package index cannot satisfy it (it wants a certifi younger than some indexes
offer) 1.106.1 is taken, and the report names the version that ran. Cost map and telemetry stay offline.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from peers.contract import Peer, Place, Running
from peers.environment import python_env_first
from peers.process import Spawned, free_port, spawn

VERSIONS = ("1.106.10", "1.106.1")
PRODUCTION = MappingProxyType({"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR"})


def install(env_dir: Path) -> str:
    """Install the proxy."""
    return python_env_first(env_dir, [[f"litellm[proxy]=={version}"] for version in VERSIONS], report="litellm")


def start(upstream_url: str, place: Place) -> Running:
    """Run the plain proxy."""
    return start_proxy(upstream_url, place, guardrails=[], beside=())


def start_quickly(upstream_url: str, place: Place) -> Running:
    """Run the proxy as its quick start does."""
    return start_proxy(upstream_url, place, guardrails=[], beside=(), settings={})


def start_talking(upstream_url: str, place: Place) -> Running:
    """Run the proxy as its older quick starts do."""
    return start_proxy(upstream_url, place, guardrails=[], beside=(), settings={}, options=("--detailed_debug",))


def start_proxy(
    upstream_url: str,
    place: Place,
    *,
    guardrails: list[dict[str, object]],
    beside: tuple[Spawned, ...],
    settings: Mapping[str, str] = PRODUCTION,
    options: Sequence[str] = (),
) -> Running:
    """Run the proxy with `guardrails`; `beside` are the services that belong to it and count as its cost."""
    port = free_port()
    key = f"sk-{secrets.token_hex(32)}"  # weak master keys are refused
    configuration = {
        "model_list": [
            {
                "model_name": "gpt-4o-mini",
                "litellm_params": {
                    "model": "openai/gpt-4o-mini",
                    "api_base": upstream_url,
                    "api_key": "sk-bench-upstream",
                },
            }
        ],
        "guardrails": guardrails,
    }
    path = place.run_dir / "config.yaml"
    path.write_text(json.dumps(configuration))  # JSON is YAML
    spawned = spawn(
        [
            str(place.env_dir / "bin" / "litellm"),
            *("--config", str(path), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"),
            *("--telemetry", "False", *options),
        ],
        log=place.run_dir / "litellm.log",
        cwd=place.run_dir,
        environment={
            "LITELLM_MASTER_KEY": key,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            **settings,
            "PYTHONUNBUFFERED": "1",
        },
    )
    return Running(
        url=f"http://127.0.0.1:{port}/v1/chat/completions",
        headers={"Authorization": f"Bearer {key}"},
        spawned=(spawned, *beside),
    )


PEER = Peer(name="litellm", title="LiteLLM (production settings)", install=install, start=start)
QUICKSTART = Peer(
    name="litellm-quickstart",
    title="LiteLLM (quick start)",
    install=install,
    start=start_quickly,
    env="litellm",
)
DEBUG = Peer(
    name="litellm-debug", title="LiteLLM (--detailed_debug)", install=install, start=start_talking, env="litellm"
)
