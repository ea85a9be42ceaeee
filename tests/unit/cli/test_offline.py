import hashlib
import io
import json
import sys

import pytest
from tests.unit.cli.command import Shell, make_home

from wardkeep.cli.main import COMMANDS


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


@pytest.fixture
def typed(monkeypatch):
    def given(data):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return given


def findings(outcome):
    return {each["what"]: each for each in outcome.json["findings"]}


def test_help_names_every_command(shell):
    told = shell("--help")
    assert told.status == 0
    assert all(f" {name} " in told.out for name in COMMANDS)
    assert shell("nonsense").status != 0


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_home_and_json(shell, name):
    told = shell(name, "--help")
    assert told.status == 0
    assert told.out.strip()


def test_doctor_finds_a_healthy_home_well_and_says_what_could_be_better(shell, tmp_path):
    make_home(shell, tmp_path / "home")
    told = shell("doctor", "--home", tmp_path / "home", "--json")
    assert told.status == 0
    found = findings(told)
    assert found["ledger"]["standing"] == "ok"
    assert found["credentials"]["standing"] == "warn"
    assert found["server"]["detail"] == "not running"
    assert all(
        each["fix"] for each in found.values() if each["standing"] != "ok" and not each["what"].startswith("hard")
    )


def test_doctor_finds_exposed_files(shell, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home)
    (home / "root.key").chmod(0o644)
    told = shell("doctor", "--home", home, "--json")
    assert told.status == 1
    assert findings(told)["file modes"]["standing"] == "fail"
    assert findings(told)["keys"]["standing"] == "fail"


def test_doctor_and_verify_find_a_damaged_ledger(shell, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home)
    raw = (home / "ledger.db").read_bytes()
    at = raw.index(b'"type":"control"')
    (home / "ledger.db").write_bytes(raw[:at] + b'"type":"contrul"' + raw[at + 16 :])
    told = shell("verify", "--home", home, "--json")
    assert (told.status, told.json["ok"], told.json["first_bad_index"]) == (1, False, 0)
    assert findings(shell("doctor", "--home", home, "--json"))["ledger"]["standing"] == "fail"


def test_doctor_works_without_a_home(shell, tmp_path):
    told = shell("doctor", "--home", tmp_path / "nowhere", "--json")
    assert told.status == 1
    assert "wardkeep init" in findings(told)["settings"]["detail"]
    assert findings(told)["detector"]["standing"] == "ok"


def test_doctor_finds_unusable_tls(shell, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home, "--host", "0.0.0.0")
    assert findings(shell("doctor", "--home", home, "--json"))["TLS"]["standing"] == "ok"
    (home / "tls" / "server.crt").write_text("nothing")
    assert findings(shell("doctor", "--home", home, "--json"))["TLS"]["standing"] == "fail"


def test_verify_of_nothing_says_so(shell, tmp_path):
    told = shell("verify", tmp_path / "nothing", "--json")
    assert (told.status, told.json["error"]["code"]) == (1, "input_unusable")


LINES = [{"id": n, "text": f"{n} Call 202-555-{n % 10000:04d} today" + "é" * (n % 3)} for n in range(150)]


def test_spans_keep_their_order_over_processes(shell, typed):
    data = "\n".join(json.dumps(line, ensure_ascii=False) for line in LINES).encode() + b"\n\n"
    typed(data)
    one = shell("deid", "spans")
    typed(data)
    two = shell("deid", "spans", "--jobs", "2")
    assert one.status == two.status == 0
    assert one.out == two.out
    rows = [json.loads(line) for line in one.out.splitlines()]
    assert [row["id"] for row in rows] == list(range(150))
    assert all(
        LINES[row["id"]]["text"][span["start"] : span["end"]].startswith("202-555")
        for row in rows
        for span in row["spans"]
        if span["type"] == "PHONE"
    )
    assert sum(span["type"] == "PHONE" for row in rows for span in row["spans"]) == 150


@pytest.mark.parametrize(
    ("jobs", "bad"),
    [
        ("1", b"not json canary"),
        ("1", b'{"id":1,"text":5}'),
        ("1", b'"canary"'),
        ("1", b"\xff\xfe"),
        ("2", b"not json canary"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_not_repeated(shell, typed, jobs, bad):
    good = b'{"id":1,"text":"fine"}\n'
    typed(good * 129 + bad + b"\n" + good)
    told = shell("deid", "spans", "--jobs", jobs)
    assert told.status == 1
    assert "canary" not in told.out + told.err
    assert "line 130" in told.err or bad.startswith(b"\xff")


def test_text_is_replaced_by_surrogates_of_one_run(shell, typed):
    text = "Call Dr. Maria Gonzalez at 202-555-0147. Dr. Maria Gonzalez answers."
    typed(text.encode())
    first = shell("deid", "text")
    assert "Gonzalez" not in first.out
    assert "0147" not in first.out
    typed(text.encode())
    assert shell("deid", "text").out != first.out
    typed(b"")
    assert shell("deid", "text").out == ""


def test_explain_names_rule_and_place_and_never_the_text(shell, typed):
    typed(b"Call 202-555-0147")
    told = shell("deid", "explain", "--json")
    assert [(each["start"], each["end"], each["type"]) for each in told.json] == [(5, 17, "PHONE")]
    typed(b"Call 202-555-0147")
    assert "0147" not in shell("deid", "explain").out


def test_policies_are_shown_with_their_rules(shell):
    told = shell("deid", "policies", "--json")
    assert {each["name"] for each in told.json["policies"]} == {"strict", "balanced", "safe_harbor", "limited_data_set"}
    assert len({each["citation"] for each in told.json["classes"]}) == 19
    assert "164.514(b)(2)(i)(G)" in shell("deid", "policies").out


def test_a_text_under_safe_harbor_and_its_report(shell, typed, tmp_path):
    note = b"Patient Rosalind Okafor, 94 years old, of Boston, MA 02115, seen 03/14/2024 by Dr. Alan Whitfield."
    typed(note)
    report = tmp_path / "report.json"
    told = shell("deid", "text", "--policy", "safe_harbor", "--set", "PROVIDER=allow", "--report", report)
    assert told.status == 0
    assert "90+ years old" in told.out
    assert "MA 021" in told.out
    assert "seen 2024 by Dr. Alan Whitfield" in told.out
    held = json.loads(report.read_text())
    assert report.stat().st_mode & 0o077 == 0
    assert held["found"]["DATE"] == {"citation": "45 CFR 164.514(b)(2)(i)(C)", "count": 1, "actions": {"generalise": 1}}
    assert held["policy"]["actions"]["PROVIDER"] == "allow"
    assert any("PROVIDER" in risk for risk in held["residual_risk"])
    assert all(len(digest) == 64 for digest in held["method"]["data"].values())
    assert "data/lexicon.z" in held["method"]["data"]
    assert "Okafor" not in report.read_text()


def test_a_policy_that_says_nonsense_is_refused_with_what_there_is(shell, typed, tmp_path):
    for words in (["--policy", "lax"], ["--set", "NOSE=mask"], ["--set", "SSN"], ["--set", "SSN=hide"]):
        typed(b"x")
        told = shell("deid", "text", *words, "--json")
        assert told.status == 1
        assert told.json["error"]["code"] == "policy_invalid"
    own = tmp_path / "own.toml"
    own.write_text('name = "own"')
    typed(b"x")
    assert shell("deid", "text", "--policy-file", own, "--json").json["error"]["code"] == "policy_invalid"


def test_a_blocked_class_is_not_passed_on(shell, typed):
    typed(b"Call 202-555-0147")
    told = shell("deid", "text", "--set", "PHONE=block", "--json")
    assert (told.status, told.json["error"]["code"]) == (1, "class_blocked")
    assert "0147" not in told.out + told.err


def test_explain_says_class_and_action(shell, typed):
    typed(b"Seen by Dr. Alan Whitfield on 03/14/2024.")
    told = shell("deid", "explain", "--policy", "safe_harbor", "--json")
    assert [(each["class"], each["action"]) for each in told.json] == [
        ("PROVIDER", "surrogate"),
        ("DATE", "generalise"),
    ]


def test_a_file_is_written_with_its_report_and_never_over_another(shell, tmp_path):
    source, out, report = tmp_path / "in.csv", tmp_path / "out.csv", tmp_path / "report.json"
    source.write_text("patient name,note\nRosalind Okafor,Okafor called 202-555-0147\n")
    words = ("deid", "file", source, "--out", out, "--policy", "safe_harbor", "--report", report, "--json")
    told = shell(*words)
    assert told.status == 0
    assert "Okafor" not in out.read_text()
    assert out.stat().st_mode & 0o077 == 0
    assert told.json["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert json.loads(report.read_text())["output_sha256"] == told.json["sha256"]
    assert shell(*words).json["error"]["code"] == "file_exists"
    assert "draft" in shell("deid", "file", source, "--out", tmp_path / "b", "--policy", "safe_harbor").out


def test_a_file_that_cannot_be_read_leaves_nothing_behind(shell, tmp_path):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("a,b\nRosalind Okafor\n")
    told = shell("deid", "file", source, "--out", out, "--json")
    assert (told.status, told.json["error"]["code"]) == (1, "document_unreadable")
    assert "row 2" in told.json["error"]["what"]
    assert "Okafor" not in told.out + told.err
    assert not out.exists()
    unknown = tmp_path / "scan.pdf"
    unknown.write_bytes(b"%PDF-1.7")
    assert shell("deid", "file", unknown, "--out", out, "--json").json["error"]["code"] == "document_unreadable"
