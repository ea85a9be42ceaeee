"""A real instance in processes of its own, for the demonstration, the journeys and the benchmarks.

Everything is done as an operator does it: `wardkeep init`, `wardkeep serve`, and the JSON API of the console port with
two officers' personal credentials. Nothing reaches into a process.
"""

import json
import os
import select
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

FIRST: Final = "privacy-officer"
SECOND: Final = "security-officer"
PURPOSES: Final = ("TREAT", "HPAYMT", "HOPERAT")
FEATURES: Final = ("stream", "tools", "json_mode", "json_schema", "thinking", "prompt_caching", "logprobs")
ENDPOINTS: Final = ("/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens")


class InstanceError(Exception):
    """The instance did not start, or refused a step of the set-up; the sentence is its own."""


@dataclass(slots=True, kw_only=True)
class Instance:
    """A home directory and the processes that serve it. Use as a context manager.

    `ca_file` is the authority whose certificates `api` accepts, for an instance that speaks TLS; it is read when used,
    because `init` makes it.
    """

    home: Path
    workers: int = 1
    command: tuple[str, ...] = (sys.executable, "-m", "wardkeep")
    environment: Mapping[str, str] = field(default_factory=dict)
    ca_file: Path | None = None
    deadline_seconds: float = 120.0
    data: str = ""
    console: str = ""
    operations: str = ""
    log: Path | None = None
    _process: subprocess.Popen[bytes] | None = None

    def init(self, *arguments: str, zone: str = "America/New_York") -> None:
        """Make the home with two officers, on ports that the system chooses; `arguments` go to `wardkeep init`."""
        officers = ("--officer", FIRST, "--officer", SECOND)
        self.run("init", "--organisation", "Demonstration Hospital", "--zone", zone, *officers, *arguments)
        settings = self.home / "wardkeep.toml"
        text = settings.read_text()
        for port in ("8787", "8788", "8789"):
            text = text.replace(f"= {port}", "= 0")
        settings.write_text(text)

    def run(self, command: str, *arguments: str) -> str:
        """Run one `wardkeep` command on this home; return what it printed.

        Raises:
            InstanceError: it failed.
        """
        done = subprocess.run(
            [*self.command, command, "--home", str(self.home), *arguments],
            capture_output=True,
            text=True,
            timeout=self.deadline_seconds,
            env={**os.environ, **self.environment},
            check=False,
        )
        if done.returncode != 0:
            raise InstanceError(f"wardkeep {command} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The keeper's process id. Raises InstanceError when it is not running."""
        if self._process is None:
            raise InstanceError("the instance is not running")
        return self._process.pid

    def start(self) -> None:
        """Serve, and return when all faces answer.

        Raises:
            InstanceError: it ended or did not get ready in time.
        """
        self.log = self.home / "serve.log"
        arguments = self.serve_command()
        with self.log.open("ab") as sink:
            sink.write(b"\n")
            start = sink.tell()
            self._process = subprocess.Popen(
                arguments, stderr=sink, stdin=subprocess.DEVNULL, stdout=sink, env={**os.environ, **self.environment}
            )
        self._wait_until_ready(start)

    def serve_command(self) -> list[str]:
        """Return the command line that serves this home."""
        return [*self.command, "serve", "--home", str(self.home), "--workers", str(self.workers)]

    def _wait_until_ready(self, start: int) -> None:
        assert self._process is not None
        assert self.log is not None
        deadline = time.monotonic() + self.deadline_seconds
        ended = os.pidfd_open(self._process.pid)
        try:
            while time.monotonic() < deadline:
                for line in self.log.read_bytes()[start:].split(b"\n"):
                    if line.startswith(b'{"event":"ready"'):
                        ready = json.loads(line)
                        self.data, self.console, self.operations = ready["data"], ready["console"], ready["operations"]
                        return
                if select.select([ended], [], [], 0.02)[0]:
                    break
        finally:
            os.close(ended)
        tail = self.log.read_text()[-2000:]
        self.stop()
        raise InstanceError(f"wardkeep serve did not get ready: {tail}")

    def stop(self) -> int | None:
        """End the instance in an orderly way; return its exit status."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.terminate()
        try:
            return process.wait(self.deadline_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def kill(self) -> None:
        """End the keeper at once, as a crash would."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def credential(self, officer: str) -> str:
        """Return an officer's personal credential."""
        return (self.home / "credentials" / officer).read_text().strip()

    def api(self, officer: str, method: str, path: str, body: object = None) -> Any:
        """Call the control API as an officer.

        Raises:
            InstanceError: it refused; the sentence is the API's own.
        """
        request = urllib.request.Request(
            f"{self.console}/api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"authorization": f"Bearer {self.credential(officer)}", "content-type": "application/json"},
        )
        trusted = ssl.create_default_context(cafile=self.ca_file) if self.ca_file is not None else None
        try:
            with urllib.request.urlopen(request, timeout=self.deadline_seconds, context=trusted) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise InstanceError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error
