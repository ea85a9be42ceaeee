"""cloakwall: a standard-library proxy with regular-expression masking and a hash-chained, fsynced audit log.

Run as `cloakwall serve --restore`, which is nearest to what Wardkeep does: reversible tokens in both directions.
"""

from pathlib import Path

from peers.contract import Peer, Place, Running
from peers.environment import python_env
from peers.process import free_port, spawn

VERSION = "0.3.1"


def install(env_dir: Path) -> str:
    """Install the proxy; it has no dependencies."""
    return python_env(env_dir, [f"cloakwall=={VERSION}"], report="cloakwall")


def start(upstream_url: str, place: Place) -> Running:
    """Run the proxy with a fresh audit log; the caller's key goes upstream."""
    port = free_port()
    audit = place.run_dir / "audit.log"
    audit.unlink(missing_ok=True)
    command = [str(place.env_dir / "bin" / "cloakwall"), "serve", "--upstream", upstream_url]
    spawned = spawn(
        [*command, "--port", str(port), "--restore", "--audit-path", str(audit)],
        log=place.run_dir / "cloakwall.log",
        cwd=place.run_dir,
        environment={"PYTHONUNBUFFERED": "1"},
    )
    return Running(
        url=f"http://127.0.0.1:{port}/v1/chat/completions",
        headers={"Authorization": "Bearer sk-bench-upstream"},
        spawned=(spawned,),
    )


PEER = Peer(name="cloakwall", title="cloakwall --restore", install=install, start=start)
