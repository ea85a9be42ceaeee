"""ferrogw: a Go gateway delivered as a wheel. Routing only: no detection, no BAA, no durable audit.

Its own rate limit (on by default) is lifted, else the run would measure 429s; proxy authentication stays on.
"""

import secrets
from pathlib import Path

from peers.contract import Peer, Place, Running
from peers.environment import python_env
from peers.process import free_port, spawn

VERSION = "1.5.10"
_CONFIGURATION = "strategy:\n  mode: single\ntargets:\n  - virtual_key: openai\n"


def install(env_dir: Path) -> str:
    """Install the wheel that carries the binary."""
    return python_env(env_dir, [f"ferrogw=={VERSION}"], report="ferrogw")


def start(upstream_url: str, place: Place) -> Running:
    """Run the binary with one OpenAI target at `upstream_url`."""
    port = free_port()
    key = f"fgw_{secrets.token_hex(16)}"
    configuration = place.run_dir / "config.yaml"
    configuration.write_text(_CONFIGURATION)
    spawned = spawn(
        [str(place.env_dir / "bin" / "ferrogw"), "serve"],
        log=place.run_dir / "ferrogw.log",
        cwd=place.run_dir,
        environment={
            "GATEWAY_CONFIG": str(configuration),
            "MASTER_KEY": key,
            "OPENAI_API_KEY": "sk-bench-upstream",
            "OPENAI_BASE_URL": upstream_url,
            "PORT": str(port),
            "RATE_LIMIT_RPS": "1000000",
            "RATE_LIMIT_BURST": "1000000",
        },
    )
    return Running(
        url=f"http://127.0.0.1:{port}/v1/chat/completions",
        headers={"Authorization": f"Bearer {key}"},
        spawned=(spawned,),
    )


PEER = Peer(name="ferrogw", title="ferrogw (Go)", install=install, start=start)
