"""Start, await and stop the processes of a peer. Each is the leader of its own session, so its tree can be found."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class NotReadyError(Exception):
    """A process ended, or did not answer, before its time was up; the log named in the sentence says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spawned:
    """A process we started, and the file that holds what it printed."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its process id, which is also its session's and group's."""
        return self.process.pid


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def spawn(
    command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Spawned:
    """Start `command` in a new session with only a basic environment and `environment`.

    The caller's variables stay outside: proxies, vendors' keys or tuning of whoever runs the bench would change the
    result, and a key has no business in a peer's process.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SSL_CERT_FILE") if name in os.environ}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**kept, **(environment or {})},
            cwd=cwd,
            start_new_session=True,
        )
    return Spawned(process=process, log=log)


def wait_until(is_ready: Callable[[], bool], *, spawned: Spawned, seconds: float) -> None:
    """Ask `is_ready` until it says yes; raises `NotReadyError` when the process ends or the time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if spawned.process.poll() is not None:
            raise NotReadyError(f"ended with status {spawned.process.returncode} while starting, see {_name(spawned)}")
        try:
            if is_ready():
                return
        except OSError:
            pass  # not listening yet; asked again until the deadline
        time.sleep(0.1)
    raise NotReadyError(f"did not answer 200 within {seconds:.0f} s, see {_name(spawned)}")


def stop(spawned: Spawned) -> None:
    """End the process and its group: politely, then by force after five seconds."""
    _signal_group(spawned, signal.SIGTERM)
    try:
        spawned.process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        _signal_group(spawned, signal.SIGKILL)
        spawned.process.wait(timeout=5)
        return
    _signal_group(spawned, signal.SIGKILL)  # workers that outlived their leader


def _name(spawned: Spawned) -> str:
    """The log as the report names it: where the checkout lies is nobody's business."""
    return "/".join(spawned.log.parts[-2:])


def _signal_group(spawned: Spawned, number: signal.Signals) -> None:
    try:
        os.killpg(spawned.pid, number)
    except ProcessLookupError:
        return
