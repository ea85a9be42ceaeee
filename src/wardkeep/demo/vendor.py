"""The simulated vendors as a real process, for demonstration and tests: started, steered, asked what it received."""

import base64
import importlib.util
import json
import os
import select
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

#: The keys a simulator takes unless it is given others.
OPENAI_KEY = "sk-sim-openai-key"
ANTHROPIC_KEY = "sk-ant-sim-anthropic-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request exactly as the vendor received it; ``path`` has its query."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """The first value of a header, by name in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class SimulatorProcess:
    """Context manager: a simulator process on a free loopback port.

    ``tls_cert`` and ``tls_key`` turn HTTPS on; ``ca_file`` is what this class itself then trusts (the certificate by
    default). The port arrives over a pipe, so starting needs no polling, and a process that dies is noticed at once.
    """

    def __init__(
        self,
        *,
        tls_cert: Path | None = None,
        tls_key: Path | None = None,
        ca_file: Path | None = None,
        log: Path | None = None,
        openai_key: str = OPENAI_KEY,
        anthropic_key: str = ANTHROPIC_KEY,
        deadline_seconds: float = 60.0,
        program: tuple[str, ...] = ("-m", "wardkeep.demo.simulator"),
    ) -> None:
        self.openai_key = openai_key
        self.anthropic_key = anthropic_key
        self.port = 0
        self._tls_cert = tls_cert
        self._tls_key = tls_key
        self._log = log
        self._deadline_seconds = deadline_seconds
        self._program = program
        self._trust = ssl.create_default_context(cafile=str(ca_file or tls_cert)) if tls_cert else None
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process is stopped

    @property
    def url(self) -> str:
        """The base URL without a path."""
        return f"{'https' if self._tls_cert else 'http'}://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        """What an OpenAI client takes as its base URL."""
        return f"{self.url}/v1"

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        reading, writing = os.pipe()
        command = [sys.executable, *self._program, "--port-file", f"/dev/fd/{writing}"]
        command += ["--openai-key", self.openai_key, "--anthropic-key", self.anthropic_key]
        if self._tls_cert is not None:
            command += ["--tls-cert", str(self._tls_cert), "--tls-key", str(self._tls_key)]
        if self._log is not None:
            command += ["--log", str(self._log)]
        try:
            self._process = subprocess.Popen(
                command, pass_fds=(writing,), stderr=self._stderr, stdin=subprocess.DEVNULL, env=_environment()
            )
        finally:
            os.close(writing)
        try:
            self.port = int(self._read_line(reading))
        except BaseException:
            self._stop()
            raise
        finally:
            os.close(reading)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def configure(self, **settings: Any) -> dict[str, Any]:
        """Change the behaviour; returns all settings now in force."""
        now: dict[str, Any] = self._control("POST", "/_sim/config", settings)
        return now

    def reset(self) -> None:
        """Forget what was received and go back to the first behaviour."""
        self._control("POST", "/_sim/reset", {})

    def seen(self) -> list[Received]:
        """Everything received since the last reset, oldest first."""
        return [
            Received(
                method=one["method"],
                path=one["path"],
                headers=tuple((name, value) for name, value in one["headers"]),
                body=base64.b64decode(one["body"]),
            )
            for one in self._control("GET", "/_sim/seen", None)
        ]

    def stats(self) -> dict[str, int]:
        """Counts since the last reset: requests, connections, disconnects, kept."""
        counts: dict[str, int] = self._control("GET", "/_sim/stats", None)
        return counts

    def _control(self, method: str, path: str, body: Any) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10, context=self._trust) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["error"]) from error

    def _read_line(self, reading: int) -> bytes:
        line = b""
        give_up = time.monotonic() + self._deadline_seconds
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([reading], [], [], max(0.0, give_up - time.monotonic()))
            part = os.read(reading, 64) if ready else b""
            if not part:
                self._stderr.seek(0)
                complaint = self._stderr.read().decode(errors="replace")
                raise RuntimeError(f"the simulator did not start: {complaint}")
            line += part
        return line

    def _stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        self._stderr.close()


def _environment() -> dict[str, str]:
    # The child must import the very package that is under test, be it the tree or an installed wheel.
    spec = importlib.util.find_spec("wardkeep")
    assert spec is not None
    assert spec.submodule_search_locations
    package_parent = str(Path(spec.submodule_search_locations[0]).resolve().parent)
    inherited = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": f"{package_parent}{os.pathsep}{inherited}" if inherited else package_parent}
