"""Wardkeep itself: `wardkeep serve` from the project's own `.venv`, on a home made by `wardkeep init`."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import chat
from peers.contract import Peer, Place, Running, Unavailable
from peers.process import free_port, spawn

_COMMAND = Path(__file__).resolve().parents[2] / ".venv" / "bin" / "wardkeep"
_PYTHON = _COMMAND.with_name("python")
_SERVICES = Path(__file__).resolve().parent.parent / "services"


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
    made = subprocess.run(
        [str(_PYTHON), str(_SERVICES / "wardkeep_home.py"), str(path), upstream_url, chat.MODEL, str(port)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if made.returncode != 0:
        raise Unavailable(f"the home could not be made: {made.stderr.strip()[-300:]}")
    return _Home(path=path, headers={"Authorization": f"Bearer {made.stdout.strip()}"})
