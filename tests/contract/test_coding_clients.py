"""Claude Code and Codex, unmodified and connected by `wardkeep connect`: one whole turn with a tool call each.

The client reads a file in which a patient is named; what it reads goes to the model as a tool's result, so the vendor
must see a surrogate and the client the name. `npm install --prefix tests/simulators/coding` brings both; each is
skipped without.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.house import Bookkeeper
from tests.simulators.platforms import Clouds, clouds
from tests.unit.cli.command import Shell

from wardkeep.demo.instance import FIRST, SECOND

CLIENTS = Path(__file__).parents[1] / "simulators" / "coding" / "node_modules" / ".bin"
NAME, RECORD = "Philippa Quintanilla", "84713925"
NOTE = f"Patient {NAME} (MRN: {RECORD}) was seen for chest pain.\n"
MODEL = "sim-tools"
PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def running() -> Iterator[Clouds]:
    if not any((CLIENTS / name).exists() for name in ("claude", "codex")):
        pytest.skip("no coding client here: npm install --prefix tests/simulators/coding")
    with clouds(only=("openai", "anthropic"), models=(MODEL,)) as found:
        yield found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    work.mkdir()
    (work / "note.txt").write_text(NOTE)
    return work


def client_of(name: str) -> str:
    program = CLIENTS / name
    if not program.exists():
        pytest.skip(f"no {name} here: npm install --prefix tests/simulators/coding")
    return str(program)


def connect(running: Clouds, shell: Shell, client: str, model: str, home: Path) -> dict[str, str]:
    """Connect a client as its user would; return the environment that it is then started with."""
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "XDG_STATE_HOME": str(home / "state")}
    key = home / "key"
    key.write_text(running.house.api_key)
    key.chmod(0o600)
    where = home / ("settings.json" if client == "claude-code" else "config.toml")
    done = shell(
        "connect", client, "--url", running.house.instance.data, "--model", model, "--key-file", key, "--file", where,
        "--yes",
    )  # fmt: skip
    assert done.status == 0, done.err
    directory = "CLAUDE_CONFIG_DIR" if client == "claude-code" else "CODEX_HOME"
    return {**environment, directory: str(home)}


def adopt(running: Clouds, platform: str) -> None:
    """Have two people adopt the second version of a platform's terms, which lists what the client sends."""
    api = running.house.instance.api
    api(FIRST, "POST", f"terms/{platform}/propose", {"version": 2, "reason": "read with the vendor's page"})
    api(SECOND, "POST", f"terms/{platform}/adopt", {"version": 2, "reason": "read with the vendor's page"})


def run(command: list[str], place: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=place, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip


def last_of(running: Clouds) -> dict[str, Any]:
    """The newest closing header on record."""
    books = Bookkeeper(running.house.instance.home)
    return [each.header for each in books.stored() if each.type == "response"][-1]


def test_claude_code_reads_a_file_and_the_vendor_saw_no_name(running, place, tmp_path, capsys):
    program, shell = client_of("claude"), Shell(capsys)
    home = tmp_path / "claude"
    home.mkdir()
    environment = connect(running, shell, "claude-code", f"anthropic/{MODEL}", home)
    command = [program, "-p", "Read the note and say what it is about.", "--output-format", "json"]
    running.vendor.reset()
    running.vendor.configure(tool="Read", arguments=json.dumps({"file_path": str(place / "note.txt")}))

    refused = run(command, place, environment)
    assert "outside" in refused.stdout
    assert not [each for each in running.vendor.seen() if each.path == "/v1/messages"]

    adopt(running, "anthropic-api")
    done = run(command, place, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["num_turns"] == 2
    assert NAME in told["result"]
    assert RECORD in told["result"]
    seen = [each for each in running.vendor.seen() if each.path == "/v1/messages"]
    assert len(seen) >= 2
    assert not any("Quintanilla" in str(each.body) or RECORD in str(each.body) for each in seen)
    sent = {value for each in seen for name, value in each.headers if name == "anthropic-beta"}
    assert sent
    assert not any("claude-code" in value for value in sent)
    assert last_of(running)["detail"]["dropped"] == "beta.claude-code-20250219"


def test_codex_runs_a_command_and_the_vendor_saw_no_name_and_nothing_of_the_installation(
    running, place, tmp_path, capsys
):
    program, shell = client_of("codex"), Shell(capsys)
    home = tmp_path / "codex"
    home.mkdir()
    environment = connect(running, shell, "codex", f"openai/{MODEL}", home)
    running.vendor.reset()
    running.vendor.configure(tool="exec_command", arguments=json.dumps({"cmd": "cat note.txt"}))
    command = [program, "exec", "--skip-git-repo-check", "--json", "Read the note and say what it is about."]
    done = run(command, place, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    texts = [each["item"]["text"] for each in said if each.get("item", {}).get("type") == "agent_message"]
    assert NAME in texts[-1]
    assert RECORD in texts[-1]
    seen = [each for each in running.vendor.seen() if each.path == "/v1/responses"]
    assert len(seen) == 2
    bodies = [json.loads(each.body) for each in seen]
    assert not any("client_metadata" in body for body in bodies)
    assert any(tool["type"] == "namespace" for tool in bodies[0]["tools"])
    assert not any("Quintanilla" in str(each.body) or RECORD in str(each.body) for each in seen)
    assert last_of(running)["detail"]["dropped"] == "client_metadata"
