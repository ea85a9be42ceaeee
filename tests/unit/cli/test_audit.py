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


def test_reports_and_disclosures_from_the_command_line(shell, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home)
    (tmp_path / "words.toml").write_text('recipient = "A"\naddress = "B"\nwhat = "C"\npurpose = "D"\n')

    def run(group, command, *words):
        done = shell(group, command, "--home", home, "--as", "first", *words)
        assert done.status == 0, done
        return done

    about = ("--subject", "s-1", "--reason", "asked")
    with serving(home):
        more = ("--on", "2026-01-31", "--kind", "law_enforcement", "--file", tmp_path / "words.toml")
        run("disclosure", "add", "d1", *about, *more)
        told = run("report", "accounting", *about, "--json").json
        assert [each["recipient"] for each in told["for_individual"]] == ["A"]
        run("disclosure", "suspend", "s1", *about, "--agency", "law_enforcement", "--stated", "2026-01-01",
            "--until", "2099-01-01", "--written")  # fmt: skip
        assert "NOT FOR THE INDIVIDUAL: 1 disclosures" in run("report", "accounting", *about).out
        run("disclosure", "lift", "s1", "--reason", "settled")
        run("disclosure", "withdraw", "d1", "--reason", "another patient's")
        assert "No disclosure that the rule" in run("report", "accounting", *about).out
        assert "s1" in run("disclosure", "list").out
        assert run("disclosure", "list", "--json").json["disclosures"][0]["withdrawn_by"] == "first"
        assert "person:first" in run("report", "who-saw", *about).out
        assert "Complete as far as the record goes." in run("report", "who-saw", *about).out
        assert run("report", "subject", *about, "--json").json["calls"] == 0
        assert "by_vendor" in run("report", "subject", *about).out


def test_activity_is_reviewed_from_the_command_line(shell, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home)

    def run(command, *words, who="second"):
        done = shell("activity", command, "--home", home, "--as", who, *words)
        assert done.status == 0, done
        return done

    with serving(home):
        assert "No review yet." in run("list").out
        shell("audit", "search", "--home", home, "--as", "first")
        opened = run("open", "w1", "--sample", "10", "--reason", "weekly", "--json").json
        shown = run("show", "w1", "--json").json
        assert (shown["start"], shown["open"], shown["is_overdue"]) == (0, opened["items"], False)
        item = next(each["number"] for each in shown["items"] if each["who"] == "person:first")
        run("sign", "w1", "--item", item, "--verdict", "expected", "--reason", "a look at the record")
        assert "see ledger entry" in run("show", "w1").out
        own = shell("activity", "sign", "w1", "--item", item, "--verdict", "expected", "--reason", "x",
                    "--home", home, "--as", "first", "--json")  # fmt: skip
        assert own.json["error"]["code"] == "already_exists"
        assert run("list", "--json").json["reviews"][0]["open"] == opened["items"] - 1
        assert "w1" in run("list").out


def test_the_record_is_handed_over_from_the_command_line(shell, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home)

    def run(*words):
        return shell(*words, "--home", home, "--as", "first")

    with serving(home):
        out = tmp_path / "entries.ndjson"
        done = run("audit", "export", "--format", "fhir", "--out", out, "--reason", "asked", "--json").json
        lines = out.read_text().splitlines()
        assert (done["entries"], len(lines)) == (1, 1)
        assert '"resourceType":"AuditEvent"' in lines[0]
        again = run("audit", "export", "--format", "cef", "--out", out, "--reason", "asked", "--json")
        assert (again.status, again.json["error"]["code"]) == (1, "file_exists")
        printed = run("audit", "export", "--format", "cef", "--reason", "asked", "--to", "1")
        assert printed.out.startswith("CEF:0|Wardkeep|")
        assert "1 entries were exported; this export is ledger entry" in printed.err
        assert "There is no sink." in run("sink", "list").out
        refused = run("sink", "add", "siem", "--format", "atna", "--host", "siem.example", "--port", "6514",
                      "--agreement", "none", "--party", "x", "--region", "us", "--reason", "x", "--json")  # fmt: skip
        assert (refused.status, refused.json["error"]["code"]) == (1, "sink_uncovered")
        absent = run("sink", "remove", "siem", "--reason", "x", "--json")
        assert absent.json["error"]["code"] == "not_found"
        assert run("sink", "list", "--json").json == []
