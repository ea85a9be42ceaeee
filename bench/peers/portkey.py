"""Portkey's open-source gateway (Node). Routing only; upstream and provider are chosen by request headers.

`@hono/node-server` is held at 1.13.5, the version of the project's own lock file. With 1.14.2 and later, which the
package's range allows, every streamed answer fails with `TypeError: immutable` (Portkey-AI/gateway issue 1389); with
1.13.5 it does not start on Node 24 (pull request 1605), which the report then says.
"""

import shutil
from pathlib import Path

from peers.contract import Peer, Place, Running, Unavailable
from peers.environment import node_env
from peers.process import free_port, spawn

PACKAGE = "@portkey-ai/gateway"
VERSION = "1.15.2"


def install(env_dir: Path) -> str:
    """Install the npm package without its install scripts."""
    return node_env(env_dir, PACKAGE, VERSION, overrides={"@hono/node-server": "1.13.5"})


def start(upstream_url: str, place: Place) -> Running:
    """Run one Node process, as the package's own start script does."""
    node = shutil.which("node")
    if node is None:
        raise Unavailable("node is not installed")
    port = free_port()
    script = place.env_dir / "node_modules" / PACKAGE / "build" / "start-server.js"
    spawned = spawn(
        [node, str(script), f"--port={port}", "--headless"],
        log=place.run_dir / "portkey.log",
        cwd=place.run_dir,
        environment={"NODE_ENV": "production"},
    )
    return Running(
        url=f"http://127.0.0.1:{port}/v1/chat/completions",
        headers={
            "Authorization": "Bearer sk-bench-upstream",
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": upstream_url,
        },
        spawned=(spawned,),
    )


PEER = Peer(name="portkey", title="Portkey gateway", install=install, start=start)
