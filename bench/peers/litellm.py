"""LiteLLM's proxy, one worker, without a database: key check, routing and its default callbacks.

1.106.10 is asked for first; where the package index cannot satisfy it (it wants a certifi younger than some indexes
offer) 1.106.1 is taken, and the report names the version that ran. Cost map and telemetry stay offline.
"""

import json
import secrets
from pathlib import Path

from peers.contract import Peer, Place, Running
from peers.environment import python_env_first
from peers.process import Spawned, free_port, spawn

VERSIONS = ("1.106.10", "1.106.1")


def install(env_dir: Path) -> str:
    """Install the proxy."""
    return python_env_first(env_dir, [[f"litellm[proxy]=={version}"] for version in VERSIONS], report="litellm")


def start(upstream_url: str, place: Place) -> Running:
    """Run the plain proxy."""
    return start_proxy(upstream_url, place, guardrails=[], beside=())


def start_proxy(
    upstream_url: str, place: Place, *, guardrails: list[dict[str, object]], beside: tuple[Spawned, ...]
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
            *("--telemetry", "False"),
        ],
        log=place.run_dir / "litellm.log",
        cwd=place.run_dir,
        environment={
            "LITELLM_MASTER_KEY": key,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOG": "ERROR",
            "PYTHONUNBUFFERED": "1",
        },
    )
    return Running(
        url=f"http://127.0.0.1:{port}/v1/chat/completions",
        headers={"Authorization": f"Bearer {key}"},
        spawned=(spawned, *beside),
    )


PEER = Peer(name="litellm", title="LiteLLM", install=install, start=start)
