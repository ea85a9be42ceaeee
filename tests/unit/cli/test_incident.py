"""`wardkeep incident` against a served home: each command from beginning to end."""

import pytest
from tests.unit.cli.command import Shell, make_home, serving

LETTER = """
what_happened = "A file went astray."
types_of_information = "Names."
steps_for_individuals = "Watch your bills."
what_we_do = "We look into it."
[contact]
toll_free = "1-800-555-0100"
"""


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


def test_a_breach_and_a_false_alarm(shell, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home)
    (tmp_path / "count.toml").write_text("individuals = 2\nresidents = {TX = 2}\n[reach]\nstart = 0\nstop = 1\n")
    (tmp_path / "letter.toml").write_text(LETTER)

    def run(*words, who="first"):
        done = shell("incident", words[0], "--home", home, "--as", who, *words[1:], "--json")
        assert done.status == 0, done
        return done.json

    because = ("--reason", "as it was told")
    with serving(home):
        run("open", "inc-1", "--known", "2026-01-31", *because)
        run("note", "inc-1", *because)
        run("discovery", "inc-1", "--should-have-known", "2026-01-01", *because)
        assert run("count", "inc-1", "--file", tmp_path / "count.toml", *because)["computed"] == 0
        run("delay", "inc-1", "--stated", "2026-01-15", *because)
        run("sign", "inc-1", "--conclusion", "breach", *because)
        run("countersign", "inc-1", "--conclusion", "breach", *because, who="second")
        assert "1-800-555-0100" in run("letter", "inc-1", "--file", tmp_path / "letter.toml", *because)["letter"]
        shown = run("show", "inc-1")
        assert [each["due"] for each in shown["clocks"]] == ["2026-03-02", "2027-03-01"]
        text = shell("incident", "show", "inc-1", "--home", home, "--as", "first").out
        assert "signed by two" in text
        assert "see ledger entry" in text
        refused = shell("incident", "close", "inc-1", "--home", home, "--as", "first", *because, "--json")
        assert (refused.status, refused.json["error"]["code"]) == (1, "wrong_status")
        for name in ("individuals", "secretary_annual"):
            run("notice", "inc-1", name, "--on", "2026-02-28", *because)
        run("close", "inc-1", *because)
        assert [each["id"] for each in run("breaches", "--year", "2026")] == ["inc-1"]

        run("open", "inc-2", "--known", "2026-02-01", "--source", "alarm", *because)
        for factor in ("nature_and_extent", "who_received", "acquired_or_viewed", "mitigation"):
            run("judge", "inc-2", "--factor", factor, "--level", "low", *because)
        run("sign", "inc-2", "--conclusion", "low_probability", *because)
        run("countersign", "inc-2", "--conclusion", "low_probability", *because, who="second")
        absent = shell(
            "incident",
            "contain",
            "inc-2",
            "--home",
            home,
            "--as",
            "first",
            "--suspend-vendor",
            "none",
            *because,
            "--json",
        )
        assert (absent.status, absent.json["error"]["code"]) == (1, "not_found")
        listing = shell("incident", "list", "--home", home, "--as", "first").out
        assert "closed as breach" in listing
        assert "low_probability, signed by two" in listing
        assert [each["id"] for each in run("list")] == ["inc-1", "inc-2"]
