"""`wardkeep audit` against a served home: finding entries."""

import pytest
from tests.unit.cli.command import Shell, make_home, serving


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


def test_entries_are_found_from_the_command_line(shell, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home)

    def run(*words):
        return shell("audit", words[0], "--home", home, "--as", "first", *words[1:])

    with serving(home):
        found = run("search", "--type", "control", "--json").json
        assert [each["index"] for each in found["entries"]] == [0]
        assert found["matches"] == 1
        table = run("search", "--type", "control", "--most", "1").out
        assert "1 of 2 entries fit; this search is ledger entry 2." in table
        page = run("search", "--most", "2", "--json").json
        rest = run("search", "--most", "2", "--cursor", page["cursor"], "--json").json
        assert [each["index"] for each in page["entries"] + rest["entries"]] == [2, 1, 0]
        refused = run("search", "--vendor", "a b", "--json")
        assert (refused.status, refused.json["error"]["code"]) == (1, "value_invalid")
        looked = run("text", "--subject", "nobody", "--text", "x", "--reason", "review", "--json").json
        assert (looked["hits"], looked["opened"]) == ([], 0)
        assert "0 records were opened" in run("text", "--subject", "n", "--text", "x", "--reason", "y").out
