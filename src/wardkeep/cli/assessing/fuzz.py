"""The control API against its own description by schemathesis, on an instance made for it.

Never on the live one: with an officer's credential a made-up request could suspend a vendor. The instance is of the
same installation, in the scratch place, without vendors. What names paths or addresses elsewhere is left out.
"""

import json
import re
import sys
from importlib.util import find_spec
from typing import Any, Final
from xml.etree import ElementTree as ET

from wardkeep.cli.assessing.ground import Ground, failed, passed, run_tool, unclear
from wardkeep.demo.instance import FIRST, Instance, InstanceError
from wardkeep.model.assessment import CheckResult

# Paths of files, addresses of others, and what would end the credential in use.
_LEFT_OUT: Final = r"/api/(backups|sinks|providers|escrow|people|scim|deployments)"
_EXAMPLES: Final = 4
_SECONDS: Final = 150.0


def fuzz(ground: Ground) -> CheckResult:
    """Send made-up requests to every operation that stays inside; none may be answered by a failure of ours."""
    if find_spec("schemathesis") is None:
        return unclear("fuzz", "tool_missing", named=("install the extra `assess`",))
    home, report = ground.scratch / "fuzzed", ground.scratch / "fuzz.xml"
    try:
        instance = Instance(home=home, workers=1)
        instance.init()
        with instance:
            description: dict[str, Any] = instance.api(FIRST, "GET", "openapi.json")
            schema = ground.scratch / "openapi.json"
            schema.write_text(json.dumps(description))
            settings = ground.scratch / "schemathesis.toml"
            settings.write_text(f'headers = {{ Authorization = "Bearer {instance.credential(FIRST)}" }}\n')
            settings.chmod(0o600)
            done = run_tool(
                [
                    *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings), "run", str(schema)),
                    *("--url", instance.console, "--checks", "not_a_server_error", "--phases", "fuzzing"),
                    *("--max-examples", str(_EXAMPLES), "--generation-deterministic", "--no-color"),
                    *("--max-time", str(int(ground.seconds_left(_SECONDS))), "--exclude-path-regex", _LEFT_OUT),
                    *("--request-timeout", "10", "--continue-on-failure", "--no-shrink"),
                    *("--report-junit-path", str(report)),
                ],
                seconds=ground.seconds_left(_SECONDS + 30),
                is_offline=False,
                more={"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
            )
    except InstanceError:
        return unclear("fuzz", "scratch_instance_failed")
    if done.status is None or not report.is_file():
        return unclear("fuzz", done.trouble or "no_answer", tool="schemathesis")
    expected = sum(len(each) for path, each in description["paths"].items() if not re.match(_LEFT_OUT, path))
    return judge_junit(report.read_bytes(), done.status, expected)


def judge_junit(raw: bytes, status: int, expected: int) -> CheckResult:
    """Return what schemathesis reports; an error of its own, or an operation that it did not come to, is no pass."""
    try:
        # Written a moment ago by a program that we started, into a directory of ours.
        cases = list(ET.fromstring(raw).iter("testcase"))  # noqa: S314
    except ET.ParseError:
        return unclear("fuzz", "no_answer", tool="schemathesis")
    bad = [each.get("name", "") for each in cases if each.find("failure") is not None]
    broken = [each.get("name", "") for each in cases if each.find("error") is not None]
    asked = [each for each in cases if each.find("skipped") is None]
    if bad:
        return failed("fuzz", "server_error", len(asked), named=bad, tool="schemathesis")
    if broken or status != 0:
        return unclear("fuzz", "tool_failed", len(asked), named=broken, tool="schemathesis")
    if len(asked) < expected:
        return unclear("fuzz", "out_of_time", len(asked), tool="schemathesis")
    return passed("fuzz", "no_server_error", len(asked), tool="schemathesis", evidence=raw)
