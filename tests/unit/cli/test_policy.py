"""`wardkeep workspace|application|careteam|access|policy` against a served home: each command from beginning to end."""

import pytest
from tests.unit.cli.command import Shell, make_home, serving


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


def test_the_policy_is_explained_imagined_and_compared(shell, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home)
    ward = tmp_path / "ward.toml"
    ward.write_text(
        'id = "ward"\nname = "Ward 7"\nowner = "first"\nmembers = ["first", "nia"]\npurposes = ["TREAT"]\n'
        'data_classes = ["ordinary", "part2"]\nrequires = ["person", "care_team"]\n'
    )
    as_first = ("--home", home, "--as", "first")

    def run(*words):
        done = shell(*words[:2], *as_first, *words[2:], "--json")
        assert done.status == 0, done
        return done.json

    with serving(home):
        run("user", "add", "nia", "--role", "nurse", "--out", tmp_path / "nia")
        nulled = tmp_path / "ward.json"
        refused = shell("workspace", "add", *as_first, "--file", ward, "--json")
        assert (refused.status, refused.json["error"]["code"]) == (1, "form_invalid")
        nulled.write_text(
            '{"id":"ward","name":"Ward 7","owner":"first","members":["first","nia"],"purposes":["TREAT"],"models":null,'
            '"data_classes":["ordinary","part2"],"requires":["person","care_team"]}'
        )
        run("workspace", "add", "--file", nulled)
        assert {each["id"] for each in run("workspace", "list")} == {"default", "ward"}
        run(
            "application", "add", "chart", "--name", "Chart", "--owner", "nia", "--workspace", "ward",
            "--role", "nurse", "--may-assert-person",
        )  # fmt: skip
        assert [each["id"] for each in run("application", "list")] == ["chart"]
        team = run("careteam", "set", "--subject", "p-1", "--workspace", "ward", "--member", "nia", "--reason", "x")
        assert "p-1" not in str(run("careteam", "list"))
        assert run("careteam", "list")[0]["id"] == team["id"]
        asked = run("access", "request", "--role", "billing", "--person", "nia", "--reason", "claims")
        own = shell("access", "approve", *as_first, asked["id"], "--json")
        assert (own.status, own.json["error"]["code"]) == (1, "separation_of_duties")
        assert shell("access", "approve", "--home", home, "--as", "second", asked["id"]).status == 0
        assert run("access", "list")[0]["status"] == "approved"
        assert {"nurse", "billing", "auditor"} <= run("policy", "roles")["permissions"].keys()

        unknown = shell("policy", "explain", *as_first, "--key", "nothing", "--json")
        assert unknown.json["error"]["code"] == "not_found"
        before = asked["ledger_index"]
        assert run("policy", "diff", "--from", "0", "--to", str(before)) == {"uses": 0, "differences": []}
        supposed = tmp_path / "what-if.toml"
        supposed.write_text('disabled_people = ["nia"]\n')
        assert run("policy", "simulate", "--file", supposed) == {"uses": 0, "differences": []}
        run("workspace", "members", "ward", "--remove", "nia", "--reason", "moved")
        run("application", "disable", "chart", "--reason", "ended")
        run("workspace", "close", "ward", "--reason", "ended")
