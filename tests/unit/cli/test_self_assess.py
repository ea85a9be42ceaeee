"""`wardkeep self-assess`: what looked at nothing is no pass, and what lies in clear is found."""

import json
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.cli.command import Shell, make_home, serving

from wardkeep.cli._client import client
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli.assessing import attacks, faces, fuzz, outside, packages, records
from wardkeep.cli.assessing.ground import Ground, run_tool
from wardkeep.compliance.assessments import CHECKS
from wardkeep.demo.instance import SECOND, Instance
from wardkeep.model.assessment import CheckOutcome

PASS, FAIL, UNCLEAR = CheckOutcome.PASS, CheckOutcome.FAIL, CheckOutcome.INCONCLUSIVE
HEAVY = ("dependencies", "sbom", "fuzz", "host")


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


def test_a_run_is_recorded_and_what_did_not_pass_is_found(shell, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home)
    settings = home / "wardkeep.toml"
    for port in ("8787", "8788", "8789"):
        settings.write_text(settings.read_text().replace(f"= {port}", "= 0"))
    second = ("--home", home, "--as", "second")
    skipped = [word for name in HEAVY for word in ("--skip", name)]
    with serving(home):
        told = shell("self-assess", *second, "--offline", *skipped, "--json")
        assert told.status == 1
        rows = {each["check"]: each for each in told.json["results"]}
        assert rows.keys() == CHECKS.keys()
        for name in ("ledger", "credentials", "restore", "disguises", "prompt_attacks"):
            assert rows[name]["outcome"] == "pass", name
        # Nobody named the ports or the logs, no policy promises anything yet, nobody tested this.
        for name, why in (
            ("routes", "ports_not_named"),
            ("canary", "logs_not_named"),
            ("drift", "nothing_to_look_at"),
            ("tls", "plain_on_loopback"),
            ("independent_test", "none"),
            ("fuzz", "skipped"),
        ):
            assert (rows[name]["outcome"], rows[name]["code"]) == ("inconclusive", why), rows[name]
        assert rows["routes"]["looked_at"] > 300
        assert not told.json["is_passed"]
        listed = shell("self-assess", "list", *second, "--json").json
        assert [each["id"] for each in listed["assessments"]] == [told.json["assessment"]]
        assert listed["independent_test"].startswith("no independent penetration test")
        found = {each["check"] for each in shell("self-assess", "findings", *second, "--json").json}
        assert found == {name for name, each in rows.items() if each["outcome"] != "pass"}
        kept = home / "assessments"
        assert [each.name for each in kept.iterdir()] == [told.json["assessment"]]

        report = tmp_path / "report.pdf"
        report.write_bytes(b"a report")
        day = (datetime.now(UTC).date() - timedelta(days=3)).isoformat()
        said = ("--kind", "penetration_test", "--party", "Testers", "--tested", day, "--high", "1", "--independent")
        assert shell("self-assess", "import", report, "--id", "t-1", *said, "--reason", "r", *second).status == 0
        shown = shell("self-assess", "list", *second)
        assert f"independent penetration test of {day}" in shown.out
        name = "t-1.high"
        due = (datetime.now(UTC).date() + timedelta(days=9)).isoformat()
        given = ("--owner", "first", "--due", due, "--reason", "r")
        assert shell("self-assess", "assign", name, *given, *second).status == 0
        assert shell("self-assess", "retest", name, "--outcome", "pass", "--reason", "r", *second).status == 0
        rows = {each["id"]: each for each in shell("self-assess", "findings", *second, "--json").json}
        assert rows[name]["closed_on"] is not None


def test_text_in_clear_is_found_in_every_form_it_may_lie_in(shell, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home)
    held = client(home, "first")
    ground = Ground(
        settings=held.settings,
        client=held,
        place=tmp_path,
        scratch=tmp_path,
        canary="canary-0123456789abcdef-end",
        opened_at=0,
        addresses=(),
        logs=(tmp_path / "log",),
        is_offline=True,
        ends_at=time.monotonic() + 60,
        sslyze="sslyze",
    )
    (tmp_path / "log").write_text("nothing")
    assert records.canary(ground).code == "ports_not_named"
    raw = ground.canary.encode()
    for form in (raw, raw.hex().encode(), ground.canary.encode("utf-16-le"), raw[::-1]):
        (home / "left").write_bytes(b"x" * 1_048_570 + form + b"y")
        found = records.canary(ground)
        assert (found.outcome, found.code) == (FAIL, "found_in_clear")
        assert found.named[0].startswith("left")
    (home / "left").unlink()
    (tmp_path / "log").write_text(f"refused {ground.canary}")
    assert records.canary(ground).outcome is FAIL
    (tmp_path / "log").unlink()
    assert records.canary(ground).code == "unreadable"


@pytest.mark.parametrize("lead", ["", "a", "ab", "abc"])
def test_base64_of_the_canary_is_found_at_every_offset(tmp_path, lead):
    import base64

    canary = "canary-0123456789abcdef-end"
    place = tmp_path / "file"
    place.write_bytes(base64.b64encode(f"{lead}{canary} and more".encode()))
    assert records._found(place, records._encodings(canary))


# ---- tools -----------------------------------------------------------------------------------------------------------


def test_an_audit_that_skipped_or_missed_a_package_is_inconclusive():
    installed = {"one": "1", "two": "2", "wardkeep": "0"}
    whole = [{"name": "One", "version": "1", "vulns": []}, {"name": "two", "version": "2", "vulns": []}]
    own = {"name": "wardkeep", "skip_reason": "not found"}
    judge = packages.judge_audit
    assert judge({"dependencies": [*whole, own]}, installed).outcome is PASS
    skipped = [whole[0], {"name": "two", "skip_reason": "could not be audited"}]
    for rows in (skipped, whole[:1], [whole[0], {**whole[1], "version": "3"}], [whole[0], {"name": "two"}]):
        assert judge({"dependencies": rows}, installed).outcome is UNCLEAR
    for broken in (None, [], {}, {"dependencies": "none"}, {"dependencies": []}):
        assert judge(broken, installed).outcome is UNCLEAR
    bad = {"name": "two", "version": "2", "vulns": [{"id": "CVE-2026-1"}]}
    found = judge({"dependencies": [skipped[0], bad]}, installed)
    assert (found.outcome, found.named) == (FAIL, ("two 2 CVE-2026-1",))


def test_a_tool_that_is_missing_or_too_slow_is_neither_success_nor_failure():
    assert run_tool(["/nowhere/tool"], seconds=5).trouble == "tool_missing"
    assert run_tool([sys.executable, "-c", "import time; time.sleep(600)"], seconds=0.2).trouble == "out_of_time"


def test_secrets_of_the_environment_do_not_reach_tools(monkeypatch):
    monkeypatch.setenv("WARDKEEP_ROOT_PASSPHRASE", "secret")
    done = run_tool([sys.executable, "-c", "import os; print('WARDKEEP_ROOT_PASSPHRASE' in os.environ)"], seconds=60)
    assert done.out.strip() == b"False"


def scan(port, **accepted):
    names = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1", "tls_1_3")
    suites = {
        f"{name}_cipher_suites": {
            "status": "COMPLETED",
            "result": {"accepted_cipher_suites": accepted.get(name, ["x"] if name == "tls_1_3" else [])},
        }
        for name in names
    }
    return {"server_location": {"port": port}, "scan_result": suites}


def judged(*scans, targets=1):
    told = {"server_scan_results": list(scans), "sslyze_version": "6"}
    return faces.judge_sslyze(told, ["x"] * targets, b"{}")


def test_sslyze_must_have_scanned_every_port_whole():
    assert judged(scan(1)).outcome is PASS
    assert judged(scan(1, tls_1_0=["y"])).outcome is FAIL
    assert judged(scan(1, tls_1_3=[])).outcome is FAIL
    assert judged(scan(1), targets=2).outcome is UNCLEAR
    assert judged({"scan_result": None}).outcome is UNCLEAR
    assert judged({"scan_result": {}}).outcome is UNCLEAR
    assert faces.judge_sslyze(None, ["x"], b"").outcome is UNCLEAR


def test_a_fuzzing_run_must_have_come_to_every_operation():
    def junit(inner):
        return f'<testsuites><testsuite><testcase name="a" />{inner}</testsuite></testsuites>'.encode()

    assert fuzz.judge_junit(junit(""), 0, 1).outcome is PASS
    assert fuzz.judge_junit(junit(""), 0, 2).outcome is UNCLEAR
    assert fuzz.judge_junit(junit(""), 1, 1).outcome is UNCLEAR
    assert fuzz.judge_junit(junit('<testcase name="b"><failure/></testcase>'), 1, 2).outcome is FAIL
    assert fuzz.judge_junit(junit('<testcase name="b"><error/></testcase>'), 1, 2).outcome is UNCLEAR
    assert fuzz.judge_junit(b"<", 0, 0).outcome is UNCLEAR


def test_reports_of_garak_and_promptfoo_are_counted_and_half_ones_refused():
    lines = [
        {"entry_type": "init"},
        {"entry_type": "eval", "probe": "p", "passed": 8, "total": 10},
        {"entry_type": "eval", "probe": "q", "passed": 4, "total_evaluated": 5, "nones": 1},
        {"entry_type": "completion"},
    ]
    raw = "\n".join(json.dumps(each) for each in lines).encode()
    assert outside.read_garak(raw) == outside.Counts(looked_at=15, failed=3, errors=1)
    stats = {"successes": 1, "failures": 1, "errors": 1}
    rows = [{"success": True}, {"success": False}, {"success": False}]
    told = {"results": {"results": rows, "stats": stats}}
    assert outside.read_promptfoo(json.dumps(told).encode()) == outside.Counts(looked_at=3, failed=1, errors=1)
    stats["successes"] = 2
    for read, broken in (
        (outside.read_garak, raw.rsplit(b"\n", 1)[0]),
        (outside.read_garak, b'{"entry_type":"completion"}'),
        (outside.read_garak, b"\xff"),
        (outside.read_promptfoo, json.dumps(told).encode()),
        (outside.read_promptfoo, b"[]"),
        (outside.read_promptfoo, b"{"),
    ):
        with pytest.raises(CommandFailed):
            read(broken)


def test_the_short_red_team_run_passes_and_would_fail_where_the_screen_is_blind():
    assert attacks.prompt_attacks(None).outcome is PASS
    found = attacks.disguises(None)
    assert (found.outcome, found.looked_at) == (PASS, 18)


@pytest.mark.slow
def test_every_check_on_a_live_instance_within_ten_minutes(tmp_path):
    """The tools themselves; nobody outside is asked, so the dependency audit must be inconclusive."""
    instance = Instance(home=tmp_path / "home", deadline_seconds=600)
    instance.init()
    begun = time.monotonic()
    with instance:
        told = run_tool(
            [
                *(sys.executable, "-m", "wardkeep", "self-assess", "run", "--home", str(instance.home), "--as", SECOND),
                *("--offline", "--json", "--log", str(instance.log), "--address", instance.data),
                *("--address", instance.console, "--address", instance.operations),
            ],
            seconds=600,
        )
    assert time.monotonic() - begun < 600
    rows = {each["check"]: each["outcome"] for each in json.loads(told.out)["results"]}
    assert told.status == 1
    assert rows["dependencies"] == "inconclusive"
    for name in ("ledger", "canary", "routes", "restore", "sbom", "disguises", "prompt_attacks", "fuzz"):
        assert rows[name] == "pass", name
