"""The documents say what the program does: examples are run, tables are compared, paths and links exist.

A document that is wrong about a safeguard is a missing safeguard. Blocks are named in their fence, after the language.
"""

import ast
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import pytest
import typer.main
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wardkeep.audit import verify as verifier
from wardkeep.audit.entry import StoredHeader
from wardkeep.cli.main import COMMANDS, build
from wardkeep.demo.instance import Instance
from wardkeep.demo.vendor import SimulatorProcess
from wardkeep.gateway import pipeline
from wardkeep.model.document import parse
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.registry import Surface
from wardkeep.model.wire import anthropic_messages, openai_chat
from wardkeep.model.wire.grammar import read
from wardkeep.settings import Settings
from wardkeep.settings import parse as parse_settings
from wardkeep.web import data
from wardkeep.web.errors import body_of
from wardkeep.web.metrics import Metrics, exposition

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "wardkeep"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    document: str
    language: str
    name: str
    text: str

    @property
    def lines(self) -> list[str]:
        return [line for line in self.text.replace("\\\n", " ").splitlines() if line.strip()]


def name_of(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def all_blocks() -> Iterator[Block]:
    for document in DOCUMENTS:
        for info, text in FENCE.findall(document.read_text(encoding="utf-8")):
            language, _, name = info.partition(" ")
            yield Block(document=name_of(document), language=language, name=name, text=text)


BLOCKS = list(all_blocks())
SHELL_LINES = [(block.document, line) for block in BLOCKS if block.language == "sh" for line in block.lines]


def prose(document: str) -> str:
    return FENCE.sub("", text_of(document))


def block(document: str, name: str) -> Block:
    (found,) = (each for each in BLOCKS if each.document == document and each.name == name)
    return found


def rows(document: str, marker: str) -> list[list[str]]:
    """Return the cells of the table that follows a `<!-- marker: ... -->` comment."""
    _, _, after = text_of(document).partition(f"<!-- {marker}:")
    assert after, f"{document} has no table marked {marker}"
    lines = after.split("-->\n", 1)[1].split("\n\n", 1)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


# --- the command line -------------------------------------------------------------------------------------------------

PROGRAM = typer.main.get_command(build())


def resolve(words: list[str]):
    """Return the command that the first words name, and the words after them."""
    command, context = PROGRAM, PROGRAM.make_context("wardkeep", ["init"])
    while words and hasattr(command, "resolve_command"):
        _, command, words = command.resolve_command(context, words)
    return command, words


def commands(command=PROGRAM, path: str = "wardkeep") -> Iterator[tuple[str, object]]:
    for name, below in command.commands.items():
        if hasattr(below, "commands"):
            yield from commands(below, f"{path} {name}")
        else:
            yield f"{path} {name}", below


WARDKEEP_LINES = sorted({line for _, line in SHELL_LINES if line.startswith("wardkeep ")})


@pytest.mark.parametrize("line", WARDKEEP_LINES)
def test_every_command_in_a_block_is_accepted_by_the_parser(line):
    command, rest = resolve(shlex.split(line)[1:])
    context = command.make_context("wardkeep", rest)
    assert not hasattr(command, "commands")
    assert context.params["home"] is not None


def mentions() -> Iterator[tuple[str, str]]:
    for document in DOCUMENTS:
        for words in INLINE.findall(prose(name_of(document))):
            yield name_of(document), words
    for file in sorted(SRC.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for words in INLINE.findall(node.value):
                    yield file.relative_to(ROOT).as_posix(), words


MENTIONS = sorted({(where, words) for where, words in mentions() if words.startswith("wardkeep ")})


@pytest.mark.parametrize(("where", "words"), MENTIONS)
def test_every_command_named_in_a_sentence_exists(where, words):
    given = [word for word in words.split()[1:] if word != "..."]
    command, rest = resolve([word for word in given if not word.startswith("-")][:2] if given else [])
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert {word for word in rest if word.startswith("-")} <= known
    assert {word for word in given if word.startswith("--")} <= known


def test_the_table_of_commands_is_the_program_s_own():
    listed = {path.strip("`"): told for path, told in rows("docs/operating.md", "commands")}
    real = {path: command.help.split(". ")[0].split("\n")[0].rstrip(".") + "." for path, command in commands()}
    assert {path.split()[1] for path in real} == set(COMMANDS)
    assert {path: told.split(". ")[0].rstrip(".") + "." for path, told in listed.items()} == real


def test_every_make_target_in_a_block_exists():
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    named = {line.split()[1] for _, line in SHELL_LINES if line.startswith("make ")}
    assert named
    assert named <= targets


def test_the_makefile_runs_commands_that_exist():
    for words in re.findall(r"\$\(BIN\)/wardkeep ([a-z]+)", text_of("Makefile")):
        assert words in COMMANDS


def test_there_are_exactly_two_set_up_commands():
    section = text_of("README.md").split("\n## Set up\n", 1)[1]
    assert FENCE.search(section).group(2).splitlines() == ["make run", "make test"]


def test_ci_runs_what_the_readme_names():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)
    called = [line for line in script.read_text().splitlines() if line.startswith("make ")]
    assert [line.split()[1] for line in called] == ["test", "demo"]


# --- what can be parsed -----------------------------------------------------------------------------------------------


def test_every_block_says_its_language():
    assert {each.language for each in BLOCKS} <= {"sh", "python", "toml", "json", "text"}


@pytest.mark.parametrize("each", [each for each in BLOCKS if each.language == "python"], ids=lambda each: each.document)
def test_python_compiles(each):
    compile(each.text, each.document, "exec")


@pytest.mark.parametrize("each", [each for each in BLOCKS if each.language == "json"], ids=lambda each: each.document)
def test_json_parses(each):
    assert parse(each.text.encode()).scalars > 0


@pytest.mark.parametrize("each", [each for each in BLOCKS if each.language == "toml"], ids=lambda each: each.document)
def test_toml_parses(each):
    assert tomllib.loads(each.text)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_to_files(document):
    for link in LINK.findall(document.read_text(encoding="utf-8")):
        if not link.startswith("https://"):
            assert (document.parent / link.partition("#")[0]).exists(), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_paths_exist(document):
    for words in INLINE.findall(prose(name_of(document))):
        if re.fullmatch(r"(src|tests|docs|bench|\.ci)/[\w./-]+", words):
            assert (ROOT / words).exists(), words


def test_every_control_and_test_of_a_threat_exists():
    table = [line for line in text_of("THREATS.md").splitlines() if line.startswith("| ")]
    threats = [line.strip("| ").split(" | ") for line in table if not line.startswith(("| threat ", "|---"))]
    assert len(threats) > 50
    for threat, control, test in threats:
        for path in INLINE.findall(control):
            assert not path.endswith(".py") or (SRC / path).is_file(), path
        tests = [path for path in INLINE.findall(test) if path.endswith(".py")]
        assert all((ROOT / "tests" / path).is_file() for path in tests), test
        assert tests or test == "no test yet", threat


# --- what is claimed --------------------------------------------------------------------------------------------------

CLAIM = re.compile(r"hipaa[- ]complian|\bcertified\b|\bcertification\b", re.IGNORECASE)
SPOKEN = [*DOCUMENTS, ROOT / "pyproject.toml", ROOT / "Makefile", *sorted(SRC.rglob("*.py"))]


@pytest.mark.parametrize("file", SPOKEN, ids=name_of)
def test_nothing_claims_compliance(file):
    assert CLAIM.search(file.read_text(encoding="utf-8")) is None


@pytest.mark.parametrize(
    "fact",
    [
        "Tamper-evident only once somebody else holds a head",
        "Root on the host can read memory",
        "Detection",
        "back-channel logout",
        "`content_unreadable`",
        "`/v1/responses/{id}`",
        "Pseudonymised text is still PHI",
    ],
)
def test_the_limits_are_said(fact):
    assert fact in text_of("docs/limits.md")


# --- tables against the program ---------------------------------------------------------------------------------------


def made_by_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_errors", ROOT / "docs" / "make_errors.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_refusals_is_current():
    assert made_by_script().table() == text_of("docs/errors.md")


def test_every_code_that_a_document_names_exists():
    codes = {reason.value for reason in Reason} | {row[0].strip("`") for row in rows("docs/operating.md", "events")}
    for document in ("docs/developers.md", "docs/operating.md", "docs/limits.md"):
        for words in INLINE.findall(prose(document)):
            if re.fullmatch(
                r"(field|feature|content|path|scope|schema|opaque|beta|baa|ledger|detector)_[a-z_]+", words
            ):
                assert words in codes or words in {"ledger_index", "baa_"}, words


def test_the_table_of_metrics_is_the_program_s_own():
    counts = Metrics()
    counts.count_refused(Reason.BAA_EXPIRED)
    counts.count_answered(200)
    counts.observe("/v1/messages", 0.1)
    gauges = re.search(r"def _gauges.*?return (\{.*?\})", (SRC / "app" / "serving.py").read_text(), re.DOTALL)
    names = re.findall(r'"([a-z_]+)": float', gauges[1])
    shown = exposition(counts.snapshot(), dict.fromkeys(names, 1.0)).decode()
    real = set(re.findall(r"^# TYPE (\w+) ", shown, re.MULTILINE))
    assert {row[0].strip("`") for row in rows("docs/operating.md", "metrics")} == real


def test_the_table_of_log_events_is_the_program_s_own():
    calls = [
        node
        for file in SRC.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and "log" in {getattr(node.func, "id", ""), getattr(node.func, "attr", "")}
    ]
    real = {part.value for call in calls for part in ast.walk(call.args[0]) if isinstance(part, ast.Constant)}
    assert {row[0].strip("`") for row in rows("docs/operating.md", "events")} == real


def test_the_settings_shown_are_the_defaults():
    home = Path("home")
    assert parse_settings(block("docs/operating.md", "settings").text, home) == Settings(home=home)


def test_the_endpoints_listed_are_those_served():
    table = text_of("docs/developers.md").split("| endpoint | method |\n|---|---|\n", 1)[1].split("\n\n", 1)[0]
    cells = [row.strip("| ").split(" | ") for row in table.splitlines()]
    assert {(told.split(":")[0], path.strip("`")) for path, told in cells} == set(data.ROUTES)


def test_the_headers_listed_are_those_read_and_sent():
    spoken = set(re.findall(r"`(Wardkeep-[A-Z][A-Za-z-]+)`", text_of("docs/developers.md")))
    code = Path(data.__file__).read_text() + Path(pipeline.__file__).read_text()
    assert {name.lower() for name in spoken} == set(re.findall(r'b"(wardkeep-[a-z-]+[a-z])"', code))


GRAMMARS = {
    Surface.OPENAI_CHAT: (openai_chat.REQUEST, {"model": "m", "messages": []}),
    Surface.ANTHROPIC_MESSAGES: (anthropic_messages.REQUEST, {"model": "m", "messages": [], "max_tokens": 1}),
}


@pytest.mark.parametrize("row", rows("docs/developers.md", "refused fields"), ids=lambda row: row[1].strip("`"))
def test_a_field_listed_as_refused_is_refused(row):
    grammar, least = GRAMMARS[Surface(row[0].strip("`"))]
    read(parse(json.dumps(least).encode()), grammar)
    body = {**least, **json.loads("{" + row[1].strip("`") + "}")}
    with pytest.raises(RefusalError) as refusal:
        read(parse(json.dumps(body).encode()), grammar)
    assert refusal.value.refused.reason == row[2].strip("`")


def test_the_body_with_declared_identities_is_read():
    reading = read(parse(block("docs/developers.md", "openai-body").text.encode()), openai_chat.REQUEST)
    assert "wardkeep" in reading.marks


def test_the_refusal_shown_is_the_one_sent():
    shown = json.loads(block("docs/developers.md", "refusal").text)["error"]
    sent = body_of(Refused(reason=Reason.BAA_EXPIRED), anthropic=False, index=41)["error"]
    start, _, end = shown.pop("message").partition(" ... ")
    message = sent.pop("message")
    assert message.startswith(start)
    assert message.endswith(end)
    assert shown == sent


def test_the_glossary_has_one_row_a_word_in_order():
    words = re.findall(r"^\| ([^|]+?) \| ", text_of("docs/glossary.md"), re.MULTILINE)[1:]
    assert len(words) > 40
    assert words == sorted(set(words), key=str.casefold)


def test_decisions_are_numbered_without_gap_and_have_a_status():
    found = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [each.name[:4] for each in found] == [f"{number:04}" for number in range(1, len(found) + 1)]
    for number, each in enumerate(found, 1):
        text = each.read_text(encoding="utf-8")
        assert text.startswith(f"# {number}. ")
        for part in ("\nStatus: ", "\n## Context\n", "\n## Decision\n", "\n## Consequences\n"):
            assert part in text


# --- the ledger's page ------------------------------------------------------------------------------------------------


def test_every_header_field_is_explained():
    explained = set(INLINE.findall(text_of("docs/ledger.md").split("### Header fields", 1)[1].split("\n## ", 1)[0]))
    assert set(StoredHeader.__struct_fields__) <= explained


def test_the_classes_of_damage_are_the_verifier_s():
    table = verifier.__doc__.split("first_bad_index\n", 1)[1]
    real = set(re.findall(r"^    ([a-z_]+)  ", table, re.MULTILINE))
    listed = text_of("docs/ledger.md").split("| `damage` |", 1)[1].split("\n\n", 1)[0]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", listed, re.MULTILINE)) == real


def test_the_worked_example_holds():
    leaf = block("docs/ledger.md", "leaf").text.strip().encode()
    hashed = sha256(b"\x00" + leaf).digest()
    assert f"leaf hash is `{hashed.hex()}`" in text_of("docs/ledger.md")
    name, _, key = block("docs/ledger.md", "key").text.strip().split("+")
    signature = bytes.fromhex(block("docs/ledger.md", "signature").text)
    root = b64encode(hashed).decode()
    Ed25519PublicKey.from_public_bytes(b64decode(key)[1:]).verify(signature, f"{name}\n1\n{root}\n".encode())


# --- the way through, with real processes -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The README followed to the letter; only ports, the vendor's address and its model's name are this machine's."""

    place: Path
    instance: Instance
    vendor: SimulatorProcess
    environment: dict[str, str]

    def run(self, script: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.place,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def python(self, script: str) -> str:
        return self.run(f"python - <<'END'\n{script}END")


@pytest.fixture(scope="module")
def followed(tmp_path_factory) -> Iterator[Followed]:
    place = tmp_path_factory.mktemp("way")
    commands_here = place / "bin"
    commands_here.mkdir()
    for name, target in (("python", ""), ("wardkeep", "-m wardkeep ")):
        shim = commands_here / name
        shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {target}"$@"\n')
        shim.chmod(0o700)
    found = [str(SRC.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        "PATH": f"{commands_here}:{os.environ['PATH']}",
        "PYTHONPATH": ":".join(found),
        "WARDKEEP_HOME": "clinic",
    }
    with SimulatorProcess() as vendor:
        instance = Instance(home=place / "clinic")
        way = Followed(place=place, instance=instance, vendor=vendor, environment=environment)
        way.run(block("README.md", "operator-init").text)
        settings = place / "clinic" / "wardkeep.toml"
        settings.write_text(re.sub(r"_port = \d+", "_port = 0", settings.read_text()))
        for name in ("baa.toml", "route.toml"):
            text = block("README.md", name).text.replace("gpt-5-2025-08-07", "sim-echo")
            (place / name).write_text(text.replace("https://us.api.openai.com/v1", vendor.openai_url))
        (place / "signed-baa.pdf").write_bytes(b"the signed document")
        (place / "vendor.key").write_text(vendor.openai_key)
        instance.start()
        try:
            way.run(block("README.md", "operator-steps").text)
            yield way
        finally:
            instance.stop()


def test_the_operator_s_steps_open_a_road(followed):
    assert followed.instance.api("ben", "GET", "routes")["routes"][0]["model"] == "clinic-gpt"
    (agreement,) = followed.instance.api("ben", "GET", "agreements")["agreements"]
    assert (agreement["status"], agreement["added_by"], agreement["activated_by"]) == ("active", "ana", "ben")


def test_a_vendor_s_credential_is_replaced(followed):
    (followed.place / "deployment.toml").write_text((followed.place / "route.toml").read_text().split("[route]")[0])
    (followed.place / "new-vendor.key").write_text(followed.vendor.openai_key)
    assert "new vendor credential" in followed.run(block("docs/operating.md", "replace-credential").text)


def test_an_officer_is_enrolled_and_confirmed(followed):
    printed = followed.run(block("docs/operating.md", "officers").text)
    assert "carla is confirmed" in printed
    people = {each["id"]: each for each in followed.instance.api("ben", "GET", "people")["people"]}
    assert people["carla"]["confirmation"] == "confirmed"


def assert_governed(followed: Followed, printed: str) -> None:
    assert "John Sample" in printed
    seen = followed.vendor.seen()[-1].body
    assert b"Sample" not in seen
    assert b"00412233" not in seen
    assert b"hypertension" in seen


def test_the_first_call_by_the_openai_client(followed):
    pytest.importorskip("openai")
    example = block("README.md", "openai").text.replace("http://localhost:8787", followed.instance.data)
    assert_governed(followed, followed.python(example))


def test_the_first_call_by_the_anthropic_client(followed):
    pytest.importorskip("anthropic")
    terms = tomllib.loads((followed.place / "baa.toml").read_text())["scopes"][0]
    scope = {**terms, "endpoints": ["/v1/messages"]}
    agreement = {
        "id": "baa-anthropic",
        "kind": "baa",
        "vendor": "anthropic",
        "party": "Anthropic, PBC",
        "document_sha256": "0" * 64,
        "effective_on": "2026-01-01",
        "expires_on": None,
        "scopes": [scope],
    }
    deployment = {
        "id": "claude-us",
        "platform": terms["platform"],
        "vendor": "anthropic",
        "project": "proj-clinic",
        "dialect": "anthropic",
        "base_url": followed.vendor.url,
        "model": "sim-echo",
        "region": "us",
        "credential": followed.vendor.anthropic_key,
    }
    api = followed.instance.api
    api("ana", "POST", "vendors", {"id": "anthropic", "party": "Anthropic, PBC"})
    api("ana", "POST", "agreements", agreement)
    api("ben", "POST", "agreements/baa-anthropic/activate", {})
    api("ana", "POST", "deployments", deployment)
    api("ana", "POST", "routes", {"model": "clinic-claude", "deployment": "claude-us"})
    wanted = {"models": ["clinic-claude"], "purposes": ["TREAT"], "default_purpose": "TREAT"}
    key = api("ben", "POST", "keys", {"name": "notes", "owner": "ana", **wanted})
    (followed.place / "notes.key").write_text(key["credential"])
    example = block("README.md", "anthropic").text.replace("http://localhost:8787", followed.instance.data)
    assert_governed(followed, followed.python(example.replace("portal.key", "notes.key")))


def test_the_ledger_verifies_by_every_way_the_documents_show(followed):
    head = followed.run(block("README.md", "operator-verify").text)
    assert "\nok: True\n" in head
    (followed.place / "kept.note").write_text(head.split("\n\n", 1)[1].split("\nok: True\n")[0] + "\n")
    followed.instance.stop()
    for name in ("ledger.db", "ledger.pub"):
        shutil.copyfile(followed.place / "clinic" / name, followed.place / name)
    (followed.place / "src").symlink_to(SRC.parent)
    result = json.loads(followed.run(block("docs/ledger.md", "verify-alone").text))
    assert result["ok"]
    assert result["signed"]
    printed = followed.python(block("docs/ledger.md", "root").text)
    assert printed == f"{result['size']} {result['root']}\n"


def test_an_officer_is_recovered_on_the_host(followed):
    followed.instance.stop()
    assert "wardkeep user confirm ana" in followed.run(block("docs/operating.md", "recover-officer").text)
    assert (followed.place / "ana.credential").read_text().startswith("wk_user_")
    assert verifier.verify(followed.place / "clinic").ok
