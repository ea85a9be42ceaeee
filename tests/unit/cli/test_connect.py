"""`wardkeep connect`: real settings files, written so that their readers see the gateway, and put back to the byte."""

import json
import os
import pty
import stat
import subprocess
import sys
import tomllib

import pytest
from tests.unit.cli.command import Shell, make_home, serving

from wardkeep.identity.keys import new_credential

URL = "https://gate.example:8787"
KEY = new_credential("live", b"m" * 32, lambda size: b"\x07" * size).shown_once.reveal()
OTHER_KEY = new_credential("live", b"m" * 32, lambda size: b"\x09" * size).shown_once.reveal()
PERSON = new_credential("user", b"m" * 32, lambda size: b"\x07" * size).shown_once.reveal()

ENV = """\
# keep me
export OPENAI_API_KEY="sk-vendor-secret"
PLAIN=1

OPENAI_API_KEY=sk-second
LAST='x y'
"""
CLAUDE = """\
{
    "model": "opus",
    "env": {
        "ANTHROPIC_API_KEY": "sk-ant-vendor-secret",
        "CLAUDE_CODE_USE_BEDROCK": "1",
        "EDITOR": "vi"
    },
    "permissions": {"allow": []}
}
"""
CODEX = """\
# mine
model = "o-large"
model_provider = "azure"  # the old one
notify = [
  ["a"],
  ["b"]
]

[model_providers.azure]
name = "Azure"
base_url = "https://vendor.example"
experimental_bearer_token = "sk-vendor-secret"

[model_providers.wardkeep]
name = "stale"
[model_providers.wardkeep.auth]
command = "old"

[mcp_servers.docs]
command = "docs"
"""
ROUTE = """\
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
model = "clinic-gpt"
deployment = "openai-us"
"""


@pytest.fixture(autouse=True)
def _own_directories(tmp_path, monkeypatch):
    for name, place in (
        ("XDG_STATE_HOME", "state"), ("CLAUDE_CONFIG_DIR", "claude"), ("CODEX_HOME", "codex"), ("HOME", "user"),
    ):  # fmt: skip
        monkeypatch.setenv(name, str(tmp_path / place))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "key").write_text(KEY + "\n")


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


@pytest.fixture
def connect(shell, tmp_path):
    def run(client, *more, key=None):
        (tmp_path / "key").write_text((key or KEY) + "\n")
        return shell("connect", client, "--url", URL, "--key-file", tmp_path / "key", *more)

    return run


def place_of(client, tmp_path):
    return {
        "openai-env": tmp_path / "here" / ".env",
        "open-webui": tmp_path / "here" / ".env",
        "claude-code": tmp_path / "claude" / "settings.json",
        "codex": tmp_path / "codex" / "config.toml",
    }[client]


BEFORE = {"openai-env": ENV, "open-webui": ENV, "claude-code": CLAUDE, "codex": CODEX}
CLIENTS = tuple(BEFORE)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def as_a_shell_reads(path, *names):
    """What `set -a; . FILE` gives a program: the reader that the OpenAI SDKs are started under."""
    printed = " ".join(f'"${{{name}-}}"' for name in names)
    script = f"set -a; . {path}; printf '%s\\n' {printed}"
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()


class TestWhatIsWritten:
    def test_env_lines_lead_to_the_gateway_and_the_others_stay(self, connect, tmp_path):
        path = place_of("openai-env", tmp_path)
        path.write_text(ENV)
        assert connect("openai-env", "--yes").status == 0
        assert as_a_shell_reads(path, "OPENAI_BASE_URL", "OPENAI_API_KEY", "PLAIN", "LAST") == [
            f"{URL}/v1", KEY, "1", "x y",
        ]  # fmt: skip
        assert path.read_text().startswith(f"# keep me\nexport OPENAI_API_KEY={KEY}\nPLAIN=1\n\nLAST='x y'\n")

    def test_open_webui_has_no_way_back_to_a_vendor(self, connect, tmp_path):
        path = place_of("open-webui", tmp_path)
        path.write_text(ENV + "RAG_OPENAI_API_BASE_URL=https://vendor.example/v1\n")
        done = connect("open-webui", "--yes", "--json")
        names = ("OPENAI_API_BASE_URLS", "OPENAI_API_KEYS", "OPENAI_API_BASE_URL", "OPENAI_API_KEY")
        assert as_a_shell_reads(path, *names) == [f"{URL}/v1", KEY, f"{URL}/v1", KEY]
        assert any("RAG_OPENAI_API_BASE_URL" in note for note in done.json["notes"])

    def test_claude_code_keeps_its_other_settings(self, connect, tmp_path):
        path = place_of("claude-code", tmp_path)
        path.parent.mkdir()
        path.write_text(CLAUDE)
        assert connect("claude-code", "--yes", "--model", "clinic-claude").status == 0
        written = json.loads(path.read_text())
        env = written["env"]
        assert (env["ANTHROPIC_BASE_URL"], env["ANTHROPIC_AUTH_TOKEN"], env["EDITOR"]) == (URL, KEY, "vi")
        assert env["ANTHROPIC_MODEL"] == env["ANTHROPIC_DEFAULT_HAIKU_MODEL"] == "clinic-claude"
        # A second credential, or another road to a vendor, would win over the address.
        assert not {"ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_BEDROCK"} & env.keys()
        assert {name: written[name] for name in ("model", "permissions")} == {
            "model": "opus", "permissions": {"allow": []},
        }  # fmt: skip
        assert '\n    "model": "opus"' in path.read_text()

    def test_codex_uses_the_provider_and_keeps_the_others(self, connect, tmp_path):
        path = place_of("codex", tmp_path)
        path.parent.mkdir()
        path.write_text(CODEX)
        assert connect("codex", "--yes").status == 0
        expected = tomllib.loads(CODEX)
        expected |= {"model_provider": "wardkeep", "web_search": "disabled"}
        expected["model_providers"]["wardkeep"] = {
            "name": "Wardkeep",
            "base_url": f"{URL}/v1",
            "wire_api": "responses",
            "stream_max_retries": 0,
            "auth": {
                "command": "/bin/cat",
                "args": [str(path.with_name("wardkeep.key"))],
                "timeout_ms": 5000,
                "refresh_interval_ms": 0,
            },
        }
        assert tomllib.loads(path.read_text()) == expected
        assert "# mine" in path.read_text()
        said = expected["model_providers"]["wardkeep"]["auth"]
        printed = subprocess.run([said["command"], *said["args"]], capture_output=True, text=True, check=True)
        assert printed.stdout == KEY + "\n"

    @pytest.mark.parametrize("client", CLIENTS)
    def test_from_nothing_and_readable_by_nobody_else(self, connect, tmp_path, client):
        path = place_of(client, tmp_path)
        assert connect(client, "--yes").status == 0
        files = list(path.parent.iterdir()) if client in {"codex", "claude-code"} else [path]
        records = list((tmp_path / "state" / "wardkeep" / "connect").iterdir())
        assert {mode(each) for each in [*files, *records]} == {0o600}
        assert KEY in "".join(each.read_text() for each in files)

    @pytest.mark.parametrize("client", CLIENTS)
    def test_a_second_time_changes_nothing(self, connect, tmp_path, client):
        path = place_of(client, tmp_path)
        path.parent.mkdir(exist_ok=True)
        path.write_text(BEFORE[client])
        connect(client, "--yes")
        first = path.read_bytes()
        again = connect(client, "--json")
        assert again.status == 0
        assert again.json["is_written"] is False
        assert path.read_bytes() == first

    def test_a_file_that_others_can_read_is_closed_also_when_nothing_else_changes(self, connect, tmp_path):
        path = place_of("openai-env", tmp_path)
        connect("openai-env", "--yes")
        path.chmod(0o644)
        assert connect("openai-env", "--yes").status == 0
        assert mode(path) == 0o600

    def test_a_link_stays_one(self, connect, tmp_path):
        real, link = tmp_path / "dotfiles.env", place_of("openai-env", tmp_path)
        real.write_text("A=1\n")
        link.symlink_to(real)
        connect("openai-env", "--yes")
        assert link.is_symlink()
        assert KEY in real.read_text()
        connect("openai-env", "--undo")
        assert (link.is_symlink(), real.read_text()) == (True, "A=1\n")

    def test_line_ends_of_another_system_stay(self, connect, tmp_path):
        path = place_of("openai-env", tmp_path)
        path.write_bytes(b"A=1\r\nB=2\r\n")
        connect("openai-env", "--yes")
        assert path.read_bytes().startswith(b"A=1\r\nB=2\r\nOPENAI_BASE_URL=")
        assert b"\n" not in path.read_bytes().replace(b"\r\n", b"")


class TestUndo:
    @pytest.mark.parametrize("client", CLIENTS)
    @pytest.mark.parametrize("times", [1, 2])
    def test_is_exact_to_the_byte_and_the_mode(self, connect, tmp_path, client, times):
        path = place_of(client, tmp_path)
        path.parent.mkdir(exist_ok=True)
        path.write_text(BEFORE[client])
        path.chmod(0o640)
        for key in (KEY, OTHER_KEY)[:times]:
            assert connect(client, "--yes", key=key).status == 0
        done = connect(client, "--undo", "--json")
        assert (done.status, done.json["records_left"]) == (0, 0)
        assert (path.read_text(), mode(path)) == (BEFORE[client], 0o640)
        assert not path.with_name("wardkeep.key").exists()
        assert connect(client, "--undo", "--json").json["error"]["code"] == "not_connected"

    @pytest.mark.parametrize("client", CLIENTS)
    def test_a_file_that_was_not_there_is_gone_again(self, connect, tmp_path, client):
        connect(client, "--yes")
        assert connect(client, "--undo").status == 0
        assert not place_of(client, tmp_path).exists()

    def test_what_was_changed_since_stays_and_is_shown(self, connect, tmp_path):
        path = place_of("openai-env", tmp_path)
        path.write_text(ENV)
        connect("openai-env", "--yes")
        mended = path.read_text() + "ADDED=later\nADDED_TOKEN=hush\n"
        path.write_text(mended)
        refused = connect("openai-env", "--undo", "--json")
        assert refused.status == 1
        assert refused.json["error"]["code"] == "changed_since"
        assert "+ADDED=later" in refused.json["error"]["what"]
        assert not any(secret in refused.out + refused.err for secret in ("hush", "sk-", KEY))
        assert path.read_text() == mended

    def test_connecting_again_after_a_change_keeps_both_ways_back(self, connect, tmp_path):
        path = place_of("openai-env", tmp_path)
        path.write_text("A=1\n")
        connect("openai-env", "--yes")
        mended = path.read_text() + "B=2\n"
        path.write_text(mended)
        connect("openai-env", "--yes", key=OTHER_KEY)
        assert connect("openai-env", "--undo", "--json").json["records_left"] == 1
        assert path.read_text() == mended

    def test_files_that_a_crash_left_half_changed_are_put_back(self, connect, tmp_path):
        path = place_of("codex", tmp_path)
        path.parent.mkdir()
        path.write_text(CODEX)
        connect("codex", "--yes")
        path.write_text(CODEX)  # as if the crash had come before this file, and after the key's
        assert connect("codex", "--undo").status == 0
        assert path.read_text() == CODEX
        assert not path.with_name("wardkeep.key").exists()

    def test_a_record_that_was_changed_puts_nothing_back(self, connect, tmp_path):
        path = place_of("openai-env", tmp_path)
        path.write_text("A=1\n")
        connect("openai-env", "--yes")
        (record,) = (tmp_path / "state" / "wardkeep" / "connect").iterdir()
        kept = json.loads(record.read_text())
        kept["files"][0]["before"] = "RVZJTD0x"
        record.write_text(json.dumps(kept))
        assert connect("openai-env", "--undo", "--json").json["error"]["code"] == "record_unreadable"
        assert KEY in path.read_text()


class TestWhatIsShown:
    @pytest.mark.parametrize("client", CLIENTS)
    def test_the_change_without_any_credential(self, connect, tmp_path, client):
        path = place_of(client, tmp_path)
        path.parent.mkdir(exist_ok=True)
        path.write_text(BEFORE[client])
        for more in (("--print",), ("--yes",), ("--undo",)):
            told = connect(client, *more)
            assert told.status == 0
            assert not any(secret in told.out + told.err for secret in ("sk-", KEY, KEY[-20:]))
        assert URL in connect(client, "--print").out

    @pytest.mark.parametrize("client", CLIENTS)
    def test_print_changes_nothing_and_asks_for_no_key(self, shell, tmp_path, client):
        told = shell("connect", client, "--url", URL, "--print", "--json")
        assert (told.status, told.json["is_written"]) == (0, False)
        assert URL in told.json["diff"]
        assert not place_of(client, tmp_path).exists()
        assert not (tmp_path / "state").exists()

    def test_nothing_is_written_that_nobody_agreed_to(self, connect, tmp_path):
        assert connect("openai-env", "--json").json["error"]["code"] == "not_confirmed"
        assert not place_of("openai-env", tmp_path).exists()

    def test_a_person_at_a_terminal_is_asked_after_the_change_was_shown(self, tmp_path):
        path = place_of("openai-env", tmp_path)
        for answer, is_written in ((b"n\n", False), (b"y\n", True)):
            ours, theirs = pty.openpty()
            command = ["-m", "wardkeep", "connect", "openai-env", "--url", URL, "--key-file", str(tmp_path / "key")]
            process = subprocess.Popen(
                [sys.executable, *command], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            os.write(ours, answer)
            out, _ = process.communicate(timeout=120)
            os.close(theirs)
            os.close(ours)
            assert out.index(b"OPENAI_BASE_URL") < out.index(b"Write this?")
            assert path.exists() is is_written
            assert (process.returncode == 0) is is_written


class TestRefusals:
    @pytest.mark.parametrize("given", ["sk-vendor", PERSON, KEY[:-1] + "!", ""])
    def test_only_an_application_s_key(self, connect, tmp_path, given):
        (tmp_path / "key").write_text(given)
        refused = connect("openai-env", "--yes", "--json", key=given or "\n")
        assert refused.json["error"]["code"] == "key_unusable"
        assert given not in refused.err or not given
        assert not place_of("openai-env", tmp_path).exists()

    @pytest.mark.parametrize(
        "url",
        ["http://gate.example:8787", "ftp://gate.example", "https://user:pw@gate.example", "https://gate.example/x",
         "https://gate.example?key=1", "gate.example", "https://gate.example:99999", ""],
    )  # fmt: skip
    def test_only_an_address_that_keeps_a_key_secret(self, shell, url):
        told = shell("connect", "openai-env", "--url", url, "--print", "--json")
        assert told.json["error"]["code"] == "address_not_usable"

    @pytest.mark.parametrize("url", ["http://localhost:8787", "http://127.0.0.1:1/v1", "https://gate.example/"])
    def test_addresses_that_do(self, shell, url):
        assert shell("connect", "openai-env", "--url", url, "--print").status == 0

    @pytest.mark.parametrize(
        ("client", "text"),
        [
            ("openai-env", 'A="one\ntwo"\n'),
            ("claude-code", '{"env": 1}'),
            ("claude-code", '{"env": {}, "env": {}}'),
            ("claude-code", "{// comment\n}"),
            ("claude-code", "[]"),
            ("codex", "model = \n"),
            ("codex", "model_providers = { azure = {} }\n"),
            ("codex", 'text = """\nmodel_provider = 1\n"""\n'),
            ("codex", "[model_providers]\nwardkeep.name = 'x'\n"),
        ],
    )
    def test_a_file_that_cannot_be_edited_without_doubt_is_left_alone(self, connect, tmp_path, client, text):
        path = place_of(client, tmp_path)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        assert connect(client, "--yes", "--json").json["error"]["code"] == "settings_not_editable"
        assert path.read_text() == text

    def test_a_file_that_is_no_text_is_left_alone(self, connect, tmp_path):
        path = place_of("openai-env", tmp_path)
        path.write_bytes(b"\xff\xfe")
        assert connect("openai-env", "--yes", "--json").json["error"]["code"] == "settings_not_editable"

    def test_a_place_that_cannot_be_written(self, connect, tmp_path):
        place_of("openai-env", tmp_path).with_name(".env").mkdir()
        assert connect("openai-env", "--yes").status == 1


class TestAKeyMadeHere:
    def test_goes_into_the_settings_and_nowhere_else(self, shell, tmp_path):
        home = tmp_path / "home"
        make_home(shell, home)
        settings = home / "wardkeep.toml"
        settings.write_text(settings.read_text().replace("data_port = 8787", "data_port = 18787"))
        arguments = (
            "connect", "codex", "--home", home, "--as", "first", "--owner", "first",
            "--model", "clinic-gpt", "--purpose", "TREAT",
        )  # fmt: skip
        (tmp_path / "route.toml").write_text(ROUTE)
        (tmp_path / "vendor.key").write_text("sk-vendor")
        with serving(home):
            route = ("--file", tmp_path / "route.toml", "--credential-file", tmp_path / "vendor.key")
            assert shell("route", "add", "--home", home, "--as", "first", *route).status == 0
            assert shell(*arguments, "--json").json["error"]["code"] == "not_confirmed"
            assert shell("key", "list", "--home", home, "--as", "first", "--json").json == []
            told = shell(*arguments, "--yes")
            assert told.status == 0, told.err
            again = shell(*arguments, "--json")
            keys = shell("key", "list", "--home", home, "--as", "first", "--json").json
        path = place_of("codex", tmp_path)
        key = path.with_name("wardkeep.key").read_text().strip()
        assert key.startswith("wk_live_")
        assert key not in told.out + told.err
        assert again.json["is_written"] is False
        (made,) = keys
        assert (made["models"], made["default_purpose"]) == (["clinic-gpt"], "TREAT")
        written = tomllib.loads(path.read_text())
        assert written["model_providers"]["wardkeep"]["base_url"] == "http://localhost:18787/v1"
        assert written["model"] == "clinic-gpt"

    def test_needs_its_models_and_purposes_named(self, shell):
        told = shell("connect", "codex", "--url", URL, "--owner", "first", "--json", "--yes")
        assert told.json["error"]["code"] == "options_missing"
