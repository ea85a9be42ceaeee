"""What checks stand on: the instance, a scratch place, a deadline; how they run tools and say what they found."""

import json
import os
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from wardkeep.cli._client import Client
from wardkeep.compliance.assessments import CHECKS
from wardkeep.model.assessment import CheckOutcome, CheckResult
from wardkeep.settings import Settings

MOST_NAMED: Final = 50
_LONGEST_NAME: Final = 160
# A closed port of this machine: whatever honours proxies reaches nobody.
_NOBODY: Final = "http://127.0.0.1:9"
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "PYTHONPATH", "VIRTUAL_ENV")
_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One run. `place` keeps what checks write, `scratch` is emptied at the end; `addresses` are live faces.

    `canary` is a made-up text that was sent to the instance, in ledger entry `opened_at`, and stands nowhere else.
    """

    settings: Settings
    client: Client
    place: Path
    scratch: Path
    canary: str
    opened_at: int
    addresses: tuple[str, ...]
    logs: tuple[Path, ...]
    is_offline: bool
    ends_at: float
    sslyze: str

    def seconds_left(self, most: float) -> float:
        """Return for how long a step may run."""
        return max(1.0, min(most, self.ends_at - time.monotonic()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a tool left. `status` is None when it is not here, did not start or did not end in time."""

    status: int | None
    out: bytes = b""
    trouble: str = ""


def run_tool(
    command: Sequence[str], *, seconds: float, is_offline: bool = False, more: Mapping[str, str] | None = None
) -> Done:
    """Run a tool with a bounded time and without our secrets in its environment."""
    environment = {name: os.environ[name] for name in (*_KEPT, *_PROXIES) if name in os.environ}
    if is_offline:
        environment |= {name: _NOBODY for each in _PROXIES[:3] for name in (each, each.lower())}
    try:
        done = subprocess.run(  # noqa: S603 - fixed programs; the operator names the path of one
            list(command),
            capture_output=True,
            timeout=seconds,
            env={**environment, **(more or {})},
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Done(status=None, trouble="out_of_time")
    except OSError:
        return Done(status=None, trouble="tool_missing")
    return Done(status=done.returncode, out=done.stdout)


def passed(check: str, code: str, looked_at: int, **more: Any) -> CheckResult:
    """Return a pass, or an inconclusive result when nothing was looked at."""
    if looked_at < 1:
        return unclear(check, "nothing_to_look_at", **more)
    return _result(check, CheckOutcome.PASS, code, looked_at, **more)


def failed(check: str, code: str, looked_at: int, **more: Any) -> CheckResult:
    """Return a failure."""
    return _result(check, CheckOutcome.FAIL, code, looked_at, **more)


def unclear(check: str, code: str, looked_at: int = 0, **more: Any) -> CheckResult:
    """Return that it is not known."""
    return _result(check, CheckOutcome.INCONCLUSIVE, code, looked_at, **more)


def _result(
    check: str,
    outcome: CheckOutcome,
    code: str,
    looked_at: int,
    *,
    named: Iterable[str] = (),
    tool: str | None = None,
    evidence: bytes | None = None,
) -> CheckResult:
    names = tuple(clean for each in named if (clean := printable(each)))[:MOST_NAMED]
    return CheckResult(
        check=check,
        outcome=outcome,
        severity=CHECKS[check],
        code=code,
        looked_at=looked_at,
        named=names,
        tool=tool,
        evidence_sha256=None if evidence is None else sha256(evidence).hexdigest(),
    )


def printable(words: str) -> str:
    """Return words as one bounded line."""
    return "".join(sign if sign.isprintable() else " " for sign in words).strip()[:_LONGEST_NAME].strip()


def read_json(raw: bytes) -> Any:
    """Return what a tool printed as JSON, or None when it is none."""
    try:
        return json.loads(raw)
    except ValueError:
        return None
