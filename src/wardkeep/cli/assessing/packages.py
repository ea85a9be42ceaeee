"""What this installation is made of: known vulnerabilities, and a bill of materials (CycloneDX, ECMA-424).

`pip-audit` leaves out what it cannot look up and still exits 0, so its exit status is never believed: every installed
distribution must have been looked up. It tells the advisory service names and versions of packages and nothing else.
"""

import re
import sys
from importlib.metadata import distributions, version
from typing import Any, Final

from wardkeep.cli.assessing.ground import Ground, failed, passed, read_json, run_tool, unclear
from wardkeep.model.assessment import CheckResult

_OURS: Final = "wardkeep"
_EXTRA: Final = "install the extra `assess`"


def dependencies(ground: Ground) -> CheckResult:
    """Ask for known vulnerabilities of every installed package."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--desc", "off"]
    done = run_tool([*command, "--timeout", "10"], seconds=ground.seconds_left(120), is_offline=ground.is_offline)
    if done.status is None:
        return unclear("dependencies", done.trouble, named=(_EXTRA,))
    return judge_audit(read_json(done.out), installed())


def judge_audit(told: Any, expected: dict[str, str]) -> CheckResult:
    """Return what an audit in JSON says of the packages that are installed."""
    rows = told.get("dependencies") if isinstance(told, dict) else None
    if not isinstance(rows, list) or not all(isinstance(each, dict) and "name" in each for each in rows):
        return unclear("dependencies", "no_answer", named=("no advisory service answered", _EXTRA))
    tool = "pip-audit"
    known = {_same(str(each["name"])): each for each in rows}
    bad = [
        f"{each['name']} {each.get('version', '')} {found.get('id', 'unnamed')}"
        for each in rows
        for found in each.get("vulns") or ()
    ]
    asked = {name for name, each in known.items() if "skip_reason" not in each and "vulns" in each}
    if bad:
        return failed("dependencies", "vulnerable", len(asked), named=bad, tool=tool)
    wrong = [
        f"{name} {version} was not looked up"
        for name, version in sorted(expected.items())
        if name != _OURS and (name not in asked or known[name].get("version") != version)
    ]
    if wrong:
        return unclear("dependencies", "skipped", len(asked), named=wrong, tool=tool)
    return passed("dependencies", "none_known", len(asked), tool=tool)


def sbom(ground: Ground) -> CheckResult:
    """Write the bill of materials and compare it with what is installed."""
    place = ground.place / "sbom.json"
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--of", "JSON", "--sv", "1.6", "--validate"]
    done = run_tool([*command, "-o", str(place)], seconds=ground.seconds_left(120), is_offline=True)
    if done.status != 0 or not place.is_file():
        return unclear("sbom", done.trouble or "tool_missing", named=(_EXTRA,))
    raw = place.read_bytes()
    told = read_json(raw)
    rows = told.get("components", []) if isinstance(told, dict) else []
    listed = {_same(str(each.get("name"))): each.get("version") for each in rows if isinstance(each, dict)}
    root = told.get("metadata", {}).get("component", {}) if isinstance(told, dict) else {}
    listed[_same(str(root.get("name")))] = root.get("version")
    tool = f"cyclonedx-bom {version('cyclonedx-bom')}"
    wrong = [f"{name} {held}" for name, held in sorted(installed().items()) if listed.get(name) != held]
    if wrong:
        return failed("sbom", "incomplete", len(listed), named=wrong, tool=tool, evidence=raw)
    return passed("sbom", "whole", len(listed), tool=tool, evidence=raw)


def installed() -> dict[str, str]:
    """Return every installed distribution with its version."""
    return {_same(each.name): each.version for each in distributions() if each.name}


def _same(name: str) -> str:
    """Return a name as all its spellings are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
