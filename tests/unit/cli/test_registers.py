"""`wardkeep risk`, `asset`, `use` and `rights` against a served home."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.cli.command import Shell, make_home, serving


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


def test_registers(shell, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home)
    first, second = ("--home", home, "--as", "first"), ("--home", home, "--as", "second")
    why = ("--reason", "r")
    day = datetime.now(UTC).date()
    soon, past = (day + timedelta(days=50)).isoformat(), (day - timedelta(days=2)).isoformat()
    with serving(home):
        assert "phishing" in shell("risk", "suggest", *first).out
        assert "NOT IN THE ANALYSIS: organisation" in shell("risk", "list", *first).out
        judge = ("r-1", "--about", "organisation", "--threat", "phishing", "--treatment", "accept", "--owner", "first")
        scale = ("--before", "4x4", "--after", "2x4", "--until", soon)
        assert shell("risk", "put", *judge, *scale, *why, *first).status == 0
        assert shell("risk", "put", *judge, "--before", "4", "--after", "2x4", "--until", soon, *why, *first).status
        refused = shell("risk", "accept", "r-1", *why, *first, "--json")
        assert refused.json["error"]["code"] == "second_person_required"
        assert shell("risk", "accept", "r-1", *why, *second).status == 0
        assert shell("risk", "list", *first, "--json").json["outside"] == []

        assert (
            shell("asset", "add", "site", "--kind", "facility", "--owner", "first", "--no-phi", *why, *first).status
            == 0
        )
        disk = ("asset", "add", "disk", "--kind", "medium", "--owner", "first", "--place", "site", "--encrypted")
        assert shell(*disk, *why, *first).status == 0
        assert shell("asset", "attest", "site", "--until", soon, *why, *first).status == 0
        assert shell("asset", "event", "disk", "--what", "wiped", "--on", past, *why, *first).status == 0
        assert shell("asset", "dispose", "disk", *why, *first).status == 1
        assert shell("asset", "dispose", "disk", "--certificate", "ab" * 32, *why, *first).status == 0
        assert {each["id"] for each in shell("asset", "list", *first, "--json").json} == {"site", "disk"}
        assert "Nothing leaves" in shell("asset", "map", *first).out

        use = ("use", "propose", "u", "--owner", "first", "--route", "none", "--purpose", "TREAT")
        refused = shell(*use, "--human-review", "none", "--review", soon, *why, *first, "--json")
        assert refused.json["error"]["code"] == "not_found"
        assert shell("use", "list", *first, "--json").json == {"uses": [], "routes_outside": []}

        take = ("rights", "take", "q", "--right", "access", "--subject", "handle-1", "--received", past)
        assert shell(*take, *why, *second).status == 0
        shown = shell("rights", "list", *first, "--json").json[0]
        assert "handle-1" not in str(shown)
        assert shell("rights", "extend", "q", "--on", past, *why, *first).status == 0
        assert shell("rights", "answer", "q", "--outcome", "granted", "--on", past, *why, *first).status == 0
        assert "granted" in shell("rights", "list", *first).out
