"""`wardkeep policies`, `duties`, `training`, `sanction` and `checklist` against a served home."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.cli.command import Shell, make_home, serving

from wardkeep.compliance.courses import load_courses


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


def test_policies_training_and_the_rest(shell, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home)
    first, second = ("--home", home, "--as", "first"), ("--home", home, "--as", "second")
    day = datetime.now(UTC).date()
    soon = (day + timedelta(days=5)).isoformat()
    with serving(home):
        assert len(shell("policies", "list", *first, "--json").json) == 14
        assert "NOT IN FORCE" in shell("policies", "show", "sanctions", *first).out
        refused = shell("policies", "propose", "sanctions", *first, "--review", soon, "--reason", "r", "--value", "x")
        assert refused.status == 1
        value = ("--value", "level_one_days=10")
        assert shell("policies", "propose", "sanctions", *first, "--review", soon, "--reason", "r", *value).status == 0
        proposed = shell("policies", "show", "sanctions", *second, "--json").json["proposed"]["sha256"]
        approve = ("policies", "approve", "sanctions", "--sha256", proposed, "--reason", "read", "--json")
        assert shell(*approve, *first).json["error"]["code"] == "second_person_required"
        assert shell(*approve, *second).status == 0
        assert "within 10 days" in shell("policies", "show", "sanctions", *first).out
        assert "first" in shell("policies", "signatures", *first).out
        assert shell("policies", "sign", "sanctions", *first, "--sha256", proposed).status == 0
        assert shell("policies", "signatures", *first, "--json").json["missing"]["sanctions"] == ["second"]
        assert "0 of 1 promises" in shell("policies", "drift", *first).out

        assign = ("training", "assign", "hipaa-basics", "--role", "security_officer", "--due", soon, "--reason", "r")
        assert shell("duties", "require", *first, "--training", "--no-acknowledgement", "--reason", "r").status == 1
        assert shell(*assign, *first).status == 0
        assert shell("duties", "require", *first, "--training", "--no-acknowledgement", "--reason", "r").status == 0
        assert "closes the road when overdue; late: nobody" in shell("duties", "show", *first).out
        laxer = ("--no-training", "--no-acknowledgement", "--reason", "r")
        assert shell("duties", "require", *first, *laxer).status == 0
        assert "waiting for another person" in shell("duties", "show", *first).out
        assert shell("duties", "approve", *second, *laxer).status == 0
        assert "What is protected" in shell("training", "show", "hipaa-basics", *second).out
        right = "".join("abcd"[each.right] for each in load_courses()["hipaa-basics"].questions)
        assert shell("training", "take", "hipaa-basics", *second, "--answers", "a").status == 1
        failed = shell("training", "take", "hipaa-basics", *second, "--answers", "d" * len(right))
        assert (failed.status, "not passed" in failed.out) == (1, True)
        assert shell("training", "take", "hipaa-basics", *second, "--answers", right).status == 0
        assert shell("training", "mine", *second, "--json").json[0]["standing"] == "passed"
        assert "passed" in shell("training", "report", *first).out
        assert "security_officer" in shell("training", "list", *first).out
        extend = ("training", "extend", "hipaa-basics", "--person", "second", "--due", soon, "--reason", "r")
        assert shell(*extend, *first).status == 0
        shown = shell("training", "certificate", "hipaa-basics", *first, "--person", "second", "--json").json
        assert shown["agrees"]
        out = tmp_path / "certificate.txt"
        assert "agrees: yes" in shell("training", "certificate", "hipaa-basics", *second, "--out", out).out
        assert out.read_text() == shown["text"]

        sanction = ("s-1", "--level", "careless", "--reason", "looked without a task")
        shown = shell("sanction", "propose", *sanction, *first, "--person", "second", "--policy", "sanctions")
        assert shown.status == 0
        assert shell("sanction", "confirm", *sanction, *second, "--json").json["error"]["code"] == (
            "second_person_required"
        )
        assert shell("sanction", "list", *first, "--json").json[0]["words"].startswith("see ledger entry")

        assert shell("checklist", "open", "leaver", "second", *first, "--due", soon).status == 0
        assert shell("checklist", "attest", "leaver.second", "badges", *first).status == 0
        assert shell("checklist", "attest", "leaver.second", "account", *first).status == 1
        refused = shell("checklist", "close", "leaver.second", *first)
        assert (refused.status, "account" in refused.err) == (1, True)
        listed = shell("checklist", "list", *first)
        assert "leaver.second: due on" in listed.out
        assert shell("checklist", "list", *first, "--json").json[0]["is_late"] is False
