"""The floor: a bare ASGI pass-through on uvicorn (httptools, uvloop). Nothing can be cheaper in this language."""

from pathlib import Path

from peers.contract import Peer, Place, Running
from peers.environment import python_env
from peers.process import free_port, spawn

_SERVICES = Path(__file__).resolve().parent.parent / "services"


def install(env_dir: Path) -> str:
    """Install the server."""
    version = python_env(env_dir, ["uvicorn==0.54.0", "httptools==0.9.0", "uvloop==0.23.0"], report="uvicorn")
    return f"uvicorn {version}"


def start(upstream_url: str, place: Place) -> Running:
    """Run one worker without an access log."""
    port = free_port()
    spawned = spawn(
        [
            str(place.env_dir / "bin" / "uvicorn"),
            *("passthrough:app", "--app-dir", str(_SERVICES), "--host", "127.0.0.1", "--port", str(port)),
            *(
                "--loop",
                "uvloop",
                "--http",
                "httptools",
                "--lifespan",
                "off",
                "--no-access-log",
                "--log-level",
                "error",
            ),
        ],
        log=place.run_dir / "uvicorn.log",
        cwd=place.run_dir,
        environment={"UPSTREAM_URL": upstream_url, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return Running(url=f"http://127.0.0.1:{port}/v1/chat/completions", headers={}, spawned=(spawned,))


PEER = Peer(name="floor", title="bare ASGI pass-through", install=install, start=start)
