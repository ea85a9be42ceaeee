import json

import pytest
from tests.unit.cli.command import Shell, make_home, serving

AGREEMENT = """
id = "baa-1"
kind = "baa"
vendor = "openai"
party = "OpenAI OpCo, LLC"
effective_on = 2026-01-01
expires_on = 2099-01-31
[[scopes]]
platform = "openai-api"
projects = ["proj-1"]
endpoints = ["/v1/chat/completions"]
features = []
models = ["gpt-x"]
regions = ["us"]
purposes = ["TREAT"]
retention = "zero"
training_prohibited = true
"""
ROUTE = """
[vendor]
id = "openai"
party = "OpenAI OpCo, LLC"
[deployment]
id = "openai-us"
vendor = "openai"
platform = "openai-api"
project = "proj-1"
dialect = "openai"
base_url = "https://us.api.openai.com/v1"
model = "gpt-x"
region = "us"
[route]
model = "chat"
deployment = "openai-us"
"""


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "baa.toml").write_text(AGREEMENT)
    (tmp_path / "route.toml").write_text(ROUTE)
    (tmp_path / "signed.pdf").write_bytes(b"signed")
    (tmp_path / "vendor.key").write_text("sk-canary\n")
    return tmp_path


def test_an_instance_is_set_up_by_two_people(shell, files):
    home = files / "home"
    make_home(shell, home)

    def as_(person, *arguments):
        return shell(*arguments, "--home", home, "--as", person)

    with serving(home):
        route = ("route", "add", "--file", files / "route.toml", "--credential-file", files / "vendor.key")
        assert as_("first", *route).status == 0
        again = as_("first", *route, "--json")  # refused before the vendor credential is replaced
        assert (again.status, again.json["error"]["code"]) == (1, "already_exists")
        assert "nothing was changed" in again.json["error"]["why"]
        assert as_("first", "route", "add", "--model", "chat2", "--deployment", "openai-us").status == 0
        agreement = ("baa", "add", "--file", files / "baa.toml", "--document", files / "signed.pdf")
        assert as_("first", *agreement).status == 0
        refused = as_("first", "baa", "activate", "baa-1", "--json")
        assert (refused.status, refused.json["error"]["code"]) == (1, "second_person_required")
        assert "ledger entry" in refused.json["error"]["why"]
        assert as_("second", "baa", "activate", "baa-1").status == 0
        assert "open" in as_("second", "baa", "simulate", "--on", "2099-01-31").out
        assert "expired" in as_("second", "baa", "simulate", "--on", "2099-02-01").out
        assert as_("second", "user", "add", "dev1", "--role", "developer", "--out", files / "dev1").status == 0
        assert (files / "dev1").read_text().startswith("wk_user_")
        assert as_("second", "user", "roles", "dev1", "--role", "nurse", "--reason", "moved").status == 0
        assert as_("second", "user", "credential", "dev1", "--reason", "lost", "--json").json["credential"]
        made = as_(
            "second", "key", "create", "--name", "App", "--owner", "dev1", "--model", "chat", "--purpose", "TREAT",
            "--expires-at", "2098-01-01", "--json",
        )  # fmt: skip
        assert made.json["credential"].startswith("wk_live_")
        (listed,) = as_("second", "key", "list", "--json").json
        assert (listed["id"], listed["expires_at"]) == (made.json["id"], "2098-01-01T00:00:00Z")
        assert as_("second", "key", "revoke", made.json["id"], "--reason", "rotated").status == 0
        assert as_("second", "baa", "suspend", "baa-1", "--reason", "breach notice").status == 0
        assert "suspended" in as_("second", "baa", "list").out
        assert as_("second", "baa", "resume", "baa-1", "--reason", "settled").status == 1
        assert as_("first", "baa", "resume", "baa-1", "--reason", "settled").status == 0
        assert as_("first", "baa", "terminate", "baa-1", "--reason", "ended").status == 0
        assert as_("first", "route", "remove", "chat2", "--reason", "unused").status == 0
        assert as_("second", "user", "disable", "dev1", "--reason", "left").status == 0
        assert {each["id"] for each in as_("first", "user", "list", "--json").json} == {"first", "second", "dev1"}
        routes = as_("first", "route", "list", "--json").json
        assert [each["model"] for each in routes["routes"]] == ["chat"]
        assert "canary" not in json.dumps(routes)
        listed = as_("first", "audit", "list", "--from", "0", "--to", "3", "--json").json
        assert [each["index"] for each in listed["entries"]] == [0, 1, 2]
        assert "bootstrap" in as_("first", "audit", "list").out
        shown = as_("first", "audit", "show", "0", "--reason", "review", "--json").json
        assert shown["content"]["action"] == "bootstrap"
        head = as_("first", "audit", "head")
        assert head.out.startswith("size: ")
    kept = files / "kept.note"
    kept.write_text(head.out.partition("\n\n")[2])
    assert shell("verify", "--home", home, "--checkpoint", kept).status == 0


def test_the_document_must_be_named_and_be_the_one_that_was_signed(shell, files):
    home = files / "home"
    make_home(shell, home)
    told = shell("baa", "add", "--home", home, "--as", "first", "--file", files / "baa.toml", "--json")
    assert told.json["error"]["code"] == "document_missing"
    (files / "other.toml").write_text(f'document_sha256 = "{"0" * 64}"\n' + AGREEMENT)
    told = shell(
        "baa", "add", "--home", home, "--as", "first", "--file", files / "other.toml",
        "--document", files / "signed.pdf", "--json",
    )  # fmt: skip
    assert told.json["error"]["code"] == "document_differs"


@pytest.mark.parametrize("content", ["= broken", "[other]\nx = 1", 'vendor = "text"'])
def test_a_route_file_of_another_shape_is_refused(shell, files, content):
    make_home(shell, files / "home")
    (files / "bad.toml").write_text(content)
    told = shell("route", "add", "--home", files / "home", "--as", "first", "--file", files / "bad.toml", "--json")
    assert (told.status, told.json["error"]["code"]) == (1, "file_unreadable")


def test_a_vendor_credential_in_the_route_file_is_refused(shell, files):
    home = files / "home"
    make_home(shell, home)
    (files / "bad.toml").write_text(ROUTE.replace('region = "us"', 'region = "us"\ncredential = "sk-canary"'))
    with serving(home):
        told = shell("route", "add", "--home", home, "--as", "first", "--file", files / "bad.toml", "--json")
    assert told.json["error"]["code"] == "credential_in_file"
    assert "canary" not in told.out + told.err


def test_it_must_be_said_who_is_acting(shell, files, monkeypatch):
    home = files / "home"
    make_home(shell, home)
    told = shell("user", "list", "--home", home, "--json")
    assert told.json["error"]["code"] == "who_is_asking"
    told = shell("user", "list", "--home", home, "--as", "nobody", "--json")
    assert told.json["error"]["code"] == "credential_unreadable"
    told = shell("user", "list", "--home", home, "--as", "../root.key", "--json")
    assert told.json["error"]["code"] == "credential_unreadable"
    (home / "credentials" / "first").chmod(0o640)
    told = shell("user", "list", "--home", home, "--as", "first", "--json")
    assert told.json["error"]["code"] == "credential_exposed"
    monkeypatch.setenv("WARDKEEP_CREDENTIAL_FILE", str(home / "credentials" / "second"))
    with serving(home):
        assert shell("user", "list", "--home", home).status == 0
        (files / "wrong").write_text("wk_user_wrong")
        (files / "wrong").chmod(0o600)
        monkeypatch.setenv("WARDKEEP_CREDENTIAL_FILE", str(files / "wrong"))
        assert shell("user", "list", "--home", home, "--json").json["error"]["code"] == "credential_invalid"


def test_without_a_server_a_change_says_how_to_start_one(shell, files):
    make_home(shell, files / "home")
    told = shell("user", "list", "--home", files / "home", "--as", "first", "--json")
    assert told.status == 1
    assert told.json["error"]["code"] == "server_not_running"
    assert "wardkeep serve" in told.err


def test_without_a_home_every_command_names_init(shell, files):
    for command in (
        ["user", "list"],
        ["baa", "list"],
        ["key", "list"],
        ["route", "list"],
        ["audit", "head"],
        ["serve"],
    ):
        told = shell(*command, "--home", files / "nowhere")
        assert told.status == 1
        assert "wardkeep init" in told.err


def test_a_second_server_on_one_home_is_refused(shell, files):
    make_home(shell, files / "home")
    with serving(files / "home"):
        told = shell("serve", "--home", files / "home", "--workers", "1", "--json")
    assert told.status == 1
    assert told.json["error"]["code"] == "store_unusable"
