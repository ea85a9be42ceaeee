"""`wardkeep review` against a served home: each command from beginning to end."""

import csv
import json
import stat

import pytest
from tests.unit.cli.command import Shell, make_home, serving


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


def test_a_review_from_its_opening_to_its_evidence(shell, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home)

    def run(group, *words, who="first", is_json=True):
        return shell(group, words[0], "--home", home, "--as", who, *words[1:], *(["--json"] if is_json else []))

    because = ("--reason", "as it was told")
    with serving(home):
        run("user", "add", "nia", "--role", "nurse", "--out", home / "credentials" / "nia")
        assert run("user", "manager", "nia", "--to", "second").status == 0
        assert {each["id"]: each["manager"] for each in run("user", "list").json}["nia"] == "second"
        assert run("review", "open", "q4", "--kind", "role", "--phi", "--days", "30").json["id"] == "q4"
        assert "role:nia:nurse" in run("review", "mine", who="second", is_json=False).out
        assert "role:nia:nurse" not in run("review", "mine").out
        assert run("review", "confirm", "q4", "role:nia:nurse").json["error"]["code"] == "not_found"
        early = run("review", "close", "q4")
        assert (early.status, early.json["error"]["code"]) == (1, "wrong_status")
        assert run("review", "delegate", "q4", "role:nia:nurse", "--to", "first", *because, who="second").status == 0
        done = run("review", "revoke", "q4", "role:nia:nurse", *because).json
        rest = [each["item"] for each in run("review", "mine").json]
        assert run("review", "confirm", "q4", *rest).status == 0
        theirs = [each["item"] for each in run("review", "mine", who="second").json]
        assert run("review", "confirm", "q4", *theirs, who="second").status == 0
        assert run("review", "close", "q4").status == 0
        shown = run("review", "show", "q4", is_json=False).out
        assert "revoked" in shown
        out = tmp_path / "out"
        written = run("review", "evidence", "q4", "--out", out).json
        assert done["ledger_index"] in written["ledger_entries"]
        whole = json.loads((out / "review-q4.json").read_text())
        assert whole["is_complete"]
        with (out / "review-q4.csv").open(newline="") as table:
            rows = {row["item"]: row for row in csv.DictReader(table)}
        assert (rows["role:nia:nurse"]["state"], rows["role:nia:nurse"]["decided_by"]) == ("revoked", "first")
        assert stat.S_IMODE((out / "review-q4.csv").stat().st_mode) == 0o600
        assert run("review", "evidence", "q4", "--out", out).json["error"]["code"] == "file_exists"
        assert {each["id"]: each["roles"] for each in run("user", "list").json}["nia"] == []
        assert run("review", "schedule", "--every", "60", *because).status == 0
        assert "every 60 days" in run("review", "list", is_json=False).out
