"""Make a peer's own environment: a virtual environment with pip, or a directory with npm."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from peers.contract import Unavailable

_STAMP = "installed.json"
_INSTALL_SECONDS = 1200


def python_env(env_dir: Path, requirements: Sequence[str], *, report: str) -> str:
    """A virtual environment with `requirements`; returns the version of the distribution named `report`.

    Raises `Unavailable` with pip's last error line. What was installed before with the same list is left alone.
    """
    wanted = json.dumps(sorted(requirements))
    stamp = env_dir / _STAMP
    if not (stamp.exists() and stamp.read_text() == wanted):
        shutil.rmtree(env_dir, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(env_dir)])
        _run([str(env_dir / "bin" / "python"), "-m", "pip", "install", "--quiet", *requirements])
        stamp.write_text(wanted)
    site = next((env_dir / "lib").glob("python*/site-packages"))
    found = next(iter(importlib.metadata.distributions(name=report, path=[str(site)])), None)
    if found is None:
        raise Unavailable(f"pip installed no {report}")
    return found.version


def python_env_first(env_dir: Path, candidates: Sequence[Sequence[str]], *, report: str) -> str:
    """As `python_env`, with the first of several requirement lists that resolves on this package index."""
    failures: list[str] = []
    stamp = env_dir / _STAMP
    if stamp.exists():
        for requirements in candidates:
            if stamp.read_text() == json.dumps(sorted(requirements)):
                return python_env(env_dir, requirements, report=report)
    for requirements in candidates:
        try:
            return python_env(env_dir, requirements, report=report)
        except Unavailable as unavailable:
            failures.append(f"{requirements[0]}: {unavailable}")
    raise Unavailable("; ".join(failures))


def node_env(env_dir: Path, package: str, version: str, *, overrides: Mapping[str, str]) -> str:
    """A directory with one npm `package`, install scripts off; returns its version.

    `overrides` holds dependencies of it at a version of ours. Raises `Unavailable` when there is no Node, or with
    npm's last error line.
    """
    if shutil.which("npm") is None or shutil.which("node") is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise Unavailable("node and npm are not installed")
        _run(["apt-get", "update", "-qq"])
        _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "nodejs", "npm"])
    wanted = json.dumps({"private": True, "dependencies": {package: version}, "overrides": dict(overrides)})
    stamp = env_dir / _STAMP
    if not (stamp.exists() and stamp.read_text() == wanted):
        shutil.rmtree(env_dir, ignore_errors=True)
        env_dir.mkdir(parents=True)
        (env_dir / "package.json").write_text(wanted)
        _run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(env_dir)])
        stamp.write_text(wanted)
    manifest = env_dir / "node_modules" / package / "package.json"
    return str(json.loads(manifest.read_text())["version"])


def _run(command: Sequence[str]) -> None:
    print(f"  $ {' '.join(command[:6])} ...", file=sys.stderr, flush=True)
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, errors="replace", timeout=_INSTALL_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{Path(command[0]).name} did not finish in {_INSTALL_SECONDS} s") from error
    if done.returncode != 0:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()] or lines or ["no message"]
        raise Unavailable(errors[-1].strip()[:200])
