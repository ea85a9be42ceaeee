import json

import pytest
from tests.unit.cli.command import Shell, make_home, serving


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


@pytest.fixture
def home(shell, tmp_path):
    make_home(shell, tmp_path / "home")
    return tmp_path / "home"


def recover(shell, home, officer="first", *more):
    return shell("recover", "--home", home, "--officer", officer, "--reason", "lost with the laptop", "--json", *more)


def replace_credential(home, officer, credential):
    path = home / "credentials" / officer
    path.write_text(credential)


def findings(shell, home):
    told = shell("doctor", "--home", home, "--json")
    return told.status, {each["what"]: each for each in told.json["findings"]}


def test_a_recovered_officer_is_on_record_and_counts_once_the_other_confirms(shell, home):
    made = recover(shell, home)
    assert made.status == 0
    assert made.json["is_to_be_confirmed"] is True
    status, found = findings(shell, home)
    assert (status, found["officer first"]["standing"]) == (0, "warn")
    assert found["officers"]["standing"] == "warn"
    with serving(home):
        told = shell("user", "list", "--home", home, "--as", "first", "--json")
        assert told.json["error"]["code"] == "credential_invalid"
        replace_credential(home, "first", made.json["credential"])
        listed = {each["id"]: each for each in shell("user", "list", "--home", home, "--as", "first", "--json").json}
        assert (listed["first"]["confirmation"], listed["first"]["enrolled_by"]) == ("awaited", "host:operator")
        own = shell("user", "confirm", "first", "--home", home, "--as", "first", "--json")
        assert own.json["error"]["code"] == "second_person_required"
        assert shell("user", "confirm", "first", "--home", home, "--as", "second").status == 0
        assert "confirmed" in shell("user", "list", "--home", home, "--as", "second").out
        entry = shell(
            "audit", "show", str(made.json["ledger_index"]), "--home", home, "--as", "second", "--reason", "r", "--json"
        ).json
    assert entry["header"]["actor"] == "host:operator"
    assert entry["header"]["detail"]["note"] == "host_recovery"
    assert entry["content"]["reason"] == "lost with the laptop"
    assert shell("verify", "--home", home).status == 0
    status, found = findings(shell, home)
    assert (status, found["officers"]["standing"]) == (0, "ok")
    assert "officer first" not in found


def test_a_recovery_that_nobody_can_confirm_stands_and_is_shown(shell, home):
    assert recover(shell, home, "first").json["is_to_be_confirmed"] is True
    assert recover(shell, home, "second").json["is_to_be_confirmed"] is False
    assert "host_recovery" in findings(shell, home)[1]["officer second"]["detail"]


def test_the_credential_may_go_to_a_file(shell, home, tmp_path):
    told = recover(shell, home, "first", "--out", tmp_path / "new")
    assert (tmp_path / "new").read_text().startswith("wk_user_")
    assert "wk_user_" not in told.out + told.err
    told = shell("recover", "--home", home, "--officer", "first", "--reason", "again")
    assert "wardkeep user confirm first" in told.out


def test_nothing_is_recovered_beside_a_running_server_or_without_the_root_key(shell, home):
    with serving(home):
        assert recover(shell, home).json["error"]["code"] == "store_unusable"
    (home / "root.key").rename(home / "elsewhere")
    assert recover(shell, home).json["error"]["code"] == "keys_unusable"


def test_only_an_officer_is_recovered_and_only_with_a_reason(shell, home):
    assert recover(shell, home, "nobody").json["error"]["code"] == "not_found"
    assert shell("recover", "--home", home, "--officer", "first").status != 0
    assert json.loads(shell("verify", "--home", home, "--json").out)["size"] == 1
