import stat
import tomllib

import pytest
from tests.unit.cli.command import Shell, make_home

from wardkeep.settings import load


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


def test_a_new_home_is_complete_private_and_verifies(shell, tmp_path):
    home = tmp_path / "home"
    made = make_home(shell, home)
    assert made.status == 0
    for path in home.rglob("*"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert load(home).listen.data_port == 8787
    assert shell("verify", home, "--json").json["ok"] is True
    assert shell("verify", "--home", home, "--json").json["size"] == 1
    assert [each.name for each in tmp_path.iterdir()] == ["home"]


def test_credentials_are_in_their_files_and_not_on_the_screen(shell, tmp_path):
    made = make_home(shell, tmp_path / "home", "--json")
    assert made.json["credentials"].keys() == {"first", "second"}
    for name in ("first", "second"):
        credential = (tmp_path / "home" / "credentials" / name).read_text().strip()
        assert credential.startswith("wk_user_")
        assert credential not in made.out + made.err


def test_nothing_is_overwritten(shell, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home)
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    again = make_home(shell, home, "--json")
    assert again.status == 1
    assert again.json["error"]["code"] == "home_exists"
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_an_empty_directory_may_become_the_home(shell, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    assert make_home(shell, home).status == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--officer", "one"], "second_person_required"),
        (["--officer", "one", "--officer", "one"], "value_invalid"),
        (["--officer", "one=privacy_officer,administrator", "--officer", "two=auditor"], "value_invalid"),
        (["--officer", "one=king", "--officer", "two"], "value_invalid"),
        (["--officer", "one", "--officer", "two", "--accept-single-officer"], "second_person_required"),
        (["--officer", "one", "--officer", "two", "--zone", "Nowhere"], "value_invalid"),
        (["--officer", "one", "--officer", "two", "--root", "nothing"], "settings_invalid"),
        (["--officer", "one", "--officer", "two", "--root", "passphrase-env:NOT_SET"], "passphrase_short"),
    ],
)
def test_what_cannot_be_made_leaves_nothing_behind(shell, tmp_path, arguments, code):
    zone = [] if "--zone" in arguments else ["--zone", "UTC"]
    made = shell("init", "--home", tmp_path / "home", "--organisation", "O", "--json", *zone, *arguments)
    assert made.status == 1
    assert made.json["error"]["code"] == code
    assert list(tmp_path.iterdir()) == []


def test_one_officer_by_acceptance(shell, tmp_path):
    made = shell(
        "init", "--home", tmp_path / "home", "--organisation", "O", "--zone", "UTC", "--officer", "alone",
        "--accept-single-officer",
    )  # fmt: skip
    assert made.status == 0
    assert "on record" in made.out


def test_a_passphrase_root_is_not_written_anywhere(shell, tmp_path, monkeypatch):
    monkeypatch.setenv("WK_TEST_PASSPHRASE", "correct horse battery staple")
    home = tmp_path / "home"
    assert make_home(shell, home, "--root", "passphrase-env:WK_TEST_PASSPHRASE").status == 0
    for path in home.rglob("*"):
        assert not path.is_file() or b"battery" not in path.read_bytes()
    assert not (home / "root.key").exists()
    monkeypatch.setenv("WK_TEST_PASSPHRASE", "another passphrase altogether")
    told = shell("doctor", "--home", home, "--json")
    assert told.status == 1
    assert [each["what"] for each in told.json["findings"] if each["standing"] == "fail"] == ["keys"]


def test_names_and_addresses_are_written_as_given(shell, tmp_path):
    home = tmp_path / "home"
    assert make_home(shell, home, "--host", "0.0.0.0", "--name", "ai.clinic.example").status == 0
    listen = tomllib.loads((home / "wardkeep.toml").read_text())["listen"]
    assert listen["hosts"] == ["localhost", "127.0.0.1", "ai.clinic.example"]
    assert load(home).is_tls_on
