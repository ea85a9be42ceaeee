"""Wardkeep itself: `wardkeep serve` from the project's own `.venv`, on a home made by `wardkeep init`.

Two places belong to whoever wires the command line to the bench: `_bootstrap`, which makes the home with one vendor
at `upstream_url` and one key, and the flags in `start_workers`. Until then the peer is reported as not available.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from peers.contract import Peer, Place, Running, Unavailable
from peers.process import free_port, spawn

_COMMAND = Path(__file__).resolve().parents[2] / ".venv" / "bin" / "wardkeep"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Home:
    """A bootstrapped home directory and the headers its client sends (key, purpose, subject)."""

    path: Path
    headers: Mapping[str, str]


def peer(workers: int) -> Peer:
    """Wardkeep with `workers` worker processes."""
    return Peer(
        name=f"wardkeep-{workers}",
        title=f"Wardkeep ({workers} worker{'s' if workers > 1 else ''})",
        install=install,
        start=partial(start_workers, workers=workers),
    )


def install(env_dir: Path) -> str:
    """Nothing to install: `make` builds `.venv`. Raises `Unavailable` when it is not there."""
    del env_dir
    if not _COMMAND.exists():
        raise Unavailable("no `wardkeep` command in .venv: build the project's environment first")
    return "this checkout"


def start_workers(upstream_url: str, place: Place, *, workers: int) -> Running:
    """Bootstrap a fresh home against `upstream_url` and serve it."""
    port = free_port()
    home = _bootstrap(place.run_dir / "home", upstream_url=upstream_url, port=port)
    spawned = spawn(
        [str(_COMMAND), "serve", "--home", str(home.path), "--workers", str(workers)],
        log=place.run_dir / "wardkeep.log",
        cwd=place.run_dir,
    )
    return Running(url=f"http://127.0.0.1:{port}/v1/chat/completions", headers=home.headers, spawned=(spawned,))


def _bootstrap(path: Path, *, upstream_url: str, port: int) -> _Home:
    raise Unavailable(f"the bench does not know yet how to make {path.name} for {upstream_url} on port {port}")
