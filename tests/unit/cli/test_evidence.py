"""`wardkeep evidence` against a served home."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.cli.command import Shell, make_home, serving


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


def test_controls_and_clocks(shell, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home)
    as_first = ("--home", home, "--as", "first")
    with serving(home):
        told = shell("evidence", "controls", *as_first)
        assert told.status == 0
        assert "[UNCONFIRMED]" in told.out
        assert len(shell("evidence", "controls", *as_first, "--json").json["controls"]) == 125
        assert "not law" in shell("evidence", "controls", *as_first, "--profile", "nprm_strict").out
        small = ("--known", "2027-12-31", "--individuals", "499")
        told = shell("evidence", "breach-clocks", *as_first, *small, "--residents", "TX=499", "--json")
        assert [each["due"] for each in told.json["deadlines"]] == ["2028-02-29", "2028-02-29"]
        assert "State law may be earlier" in shell("evidence", "breach-clocks", *as_first, *small).out
        refused = shell("evidence", "breach-clocks", *as_first, *small, "--residents", "TX", "--json")
        assert (refused.status, refused.json["error"]["code"]) == (1, "value_invalid")
        told = shell("evidence", "right-clock", "access", *as_first, "--received", "2028-01-30", "--json")
        assert told.json["deadlines"][0]["due"] == "2028-02-29"
        told = shell("evidence", "status", *as_first)
        assert "HSR-312-b" in told.out
        assert "controls are not known" in told.out
        assert len(shell("evidence", "status", *as_first, "--all", "--json").json["controls"]) == 125
        words = ("HSR-312-c2", "--home", home, "--decision", "implemented", "--reason", "it is", "--json")
        until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
        assert shell("evidence", "decide", *words, "--as", "first", "--until", until).status == 0
        assert shell("evidence", "approve", *words, "--as", "second").status == 0
        found = shell("evidence", "decisions", *as_first, "--json").json
        assert [each["id"] for each in found if each["holds"]] == ["HSR-312-c2"]
        assert "equivalent" not in shell("evidence", "decisions", *as_first).out
