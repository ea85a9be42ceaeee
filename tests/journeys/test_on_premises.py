"""A model inside the organisation's own boundary: no business associate, so no BAA, but a statement on record.

`own_boundary` says that no other party is involved (45 CFR 160.103 defines who is a business associate). Identifiers
are replaced all the same, and suspending the statement closes the route. What the model server received is read from
the wire in front of it. The simulator stands in for the model server; with `WARDKEEP_GGUF` naming a weights file and
llama.cpp's server installed (or its Python binding, in the environment of the interpreter that `WARDKEEP_GGUF_PYTHON`
names), a real one runs as well.
"""

import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.journeys.house import ZONE, ask, check_ledger, events, fetch, text_of, today, wait_until

from wardkeep.demo.furnish import Vendors, add_deployment, add_route, create_key, scope
from wardkeep.demo.instance import FIRST, SECOND, Instance
from wardkeep.demo.vendor import SimulatorProcess

OWN = "own-machines"
STATEMENT = "own-boundary"
CHAT = "/v1/chat/completions"
NAME, RECORD, PHONE = "Rosalind Okafor", "40718265", "415-555-0132"
NOTE = (
    f"Patient {NAME} (MRN: {RECORD}, phone {PHONE}) was seen for chest pain. Say in one sentence who was seen and why."
)
MODEL_STARTS_SECONDS = 120.0
MODEL_ANSWERS_SECONDS = 110.0


@pytest.fixture(autouse=True)
def _fresh_vendor() -> None:
    """This file has instances of its own."""


# ---- the wire in front of the model server ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Tapped:
    """Where the tap listens, and the bodies that passed it, oldest first."""

    url: str
    bodies: list[bytes]


@contextmanager
def tap(server_url: str) -> Iterator[Tapped]:
    """Pass every request on to a model server, and its answer back as it arrives; keep the request bodies."""
    target = urlsplit(server_url)
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            bodies.append(body)
            line = http.client.HTTPConnection(target.hostname, target.port, timeout=MODEL_ANSWERS_SECONDS)
            try:
                kept = {name: self.headers[name] for name in ("content-type", "authorization") if name in self.headers}
                line.request("POST", self.path, body, kept)
                self._pass_back(line.getresponse())
            finally:
                line.close()

        def _pass_back(self, answer: http.client.HTTPResponse) -> None:
            self.send_response(answer.status)
            self.send_header("content-type", answer.headers["content-type"])
            self.end_headers()
            while piece := answer.read1():
                self.wfile.write(piece)

        def log_message(self, *_) -> None:
            """Keep quiet: the request line is nobody's business."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Tapped(url=f"http://127.0.0.1:{server.server_address[1]}", bodies=bodies)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# ---- the instance ----------------------------------------------------------------------------------------------------


def record_statement(instance: Instance, models: list[str]) -> None:
    """Say as the first officer that these models run inside the boundary; the statement is still a draft."""
    statement = {
        "id": STATEMENT,
        "kind": "own_boundary",
        "vendor": OWN,
        "party": "Demonstration Hospital",
        "document_sha256": hashlib.sha256(STATEMENT.encode()).hexdigest(),
        "effective_on": today().isoformat(),
        "expires_on": None,
        "scopes": [scope(models, regions=["on-premises"])],
        "reason": "the model runs on our own machines",
    }
    instance.api(FIRST, "POST", "agreements", statement)


def furnish_own(instance: Instance, model_url: str, model: str, credential: str | None) -> str:
    """Record the own machines, the draft statement, and a route to them; return a key."""
    instance.api(FIRST, "POST", "vendors", {"id": OWN, "party": "Demonstration Hospital", "reason": "own machines"})
    record_statement(instance, [model])
    body = {
        "id": "in-house",
        "vendor": OWN,
        "platform": "direct",
        "project": "demo",
        "dialect": "openai",
        "base_url": f"{model_url}/v1",
        "model": model,
        "region": "on-premises",
        "credential": credential,
        "reason": "own machines",
    }
    instance.api(FIRST, "POST", "deployments", body)
    add_route(instance, model, "in-house")
    return create_key(instance, [model])


def step(instance: Instance, officer: str, verb: str) -> None:
    instance.api(officer, "POST", f"agreements/{STATEMENT}/{verb}", {"reason": "review of the boundary"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running instance, the wire to its model server, and a key."""

    instance: Instance
    wire: Tapped
    api_key: str


@pytest.fixture
def site(tmp_path) -> Iterator[Site]:
    instance = Instance(home=tmp_path / "home")
    with SimulatorProcess() as vendor, tap(vendor.url) as wire:
        instance.init(zone=ZONE)
        with instance:
            yield Site(
                instance=instance,
                wire=wire,
                api_key=furnish_own(instance, wire.url, "sim-echo", vendor.openai_key),
            )


async def talk(site: Site, **more: object):
    return await ask(site.instance.data, site.api_key, CHAT, "sim-echo", NOTE, **more)


def assert_nothing_identifiable(body: bytes) -> None:
    assert not [each for each in (NAME, "Okafor", RECORD, PHONE) if each.encode() in body]


# ---- the stand-in ----------------------------------------------------------------------------------------------------


async def test_a_statement_opens_the_route_without_any_baa_and_suspending_it_closes_it(site):
    drafted = await talk(site)
    assert (drafted.status, drafted.code) == (403, "baa_not_active")

    step(site.instance, SECOND, "activate")
    listed = site.instance.api(FIRST, "GET", "agreements")["agreements"]
    assert [(each["kind"], each["status"]) for each in listed] == [("own_boundary", "active")]
    opened = await talk(site)
    assert opened.status == 200
    assert NOTE in text_of(opened)
    assert len(site.wire.bodies) == 1

    step(site.instance, FIRST, "suspend")
    suspended = await talk(site)
    assert (suspended.status, suspended.code) == (403, "baa_suspended")
    assert len(site.wire.bodies) == 1

    step(site.instance, SECOND, "resume")
    assert (await talk(site)).status == 200
    assert len(site.wire.bodies) == 2


@pytest.mark.parametrize("stream", [False, True])
async def test_identifiers_do_not_reach_the_own_model_either(site, stream):
    step(site.instance, SECOND, "activate")
    answer = await talk(site, stream=stream)
    assert answer.status == 200
    assert NOTE in text_of(answer)
    (body,) = site.wire.bodies
    assert_nothing_identifiable(body)
    assert "Patient [" in json.loads(body)["messages"][0]["content"]
    assert answer.index is not None
    header = site.instance.api(FIRST, "GET", f"ledger/entries?from={answer.index}&to={answer.index + 1}")["entries"][0]
    assert (header["baa"], header["vendor"], header["region"]) == (STATEMENT, OWN, "on-premises")
    site.instance.stop()
    assert check_ledger(site.instance.home) > answer.index


async def test_the_statement_covers_its_own_machines_only(site):
    """A vendor outside the boundary gains nothing from it."""
    step(site.instance, SECOND, "activate")
    site.instance.api(
        FIRST, "POST", "vendors", {"id": "outsider", "party": "Northwind Models, Inc.", "reason": "another party"}
    )
    terms = Vendors(openai_url=site.wire.url, anthropic_url=site.wire.url, openai_key="", anthropic_key="")
    address = f"{site.wire.url}/v1"
    add_deployment(site.instance, "outside", "outsider", "openai", address, "sim-echo", "unused", terms)
    add_route(site.instance, "outside", "outside")
    key = create_key(site.instance, ["outside"])
    refused = await ask(site.instance.data, key, CHAT, "outside", NOTE)
    assert (refused.status, refused.code) == (403, "baa_missing")
    assert site.wire.bodies == []


# ---- a real model ----------------------------------------------------------------------------------------------------


def server_command(weights: Path, port: int) -> list[str] | None:
    """How to serve the weights with what is installed: llama.cpp's own server, or its Python binding's."""
    where = ["--model", str(weights), "--host", "127.0.0.1", "--port", str(port)]
    # Small base models carry no chat template, and llama.cpp's default one makes them end before their first word.
    template = os.environ.get("WARDKEEP_GGUF_TEMPLATE", "gemma")
    native = shutil.which("llama-server")
    if native is not None:
        return [native, *where, "--ctx-size", "1024", "--chat-template", template]
    python = os.environ.get("WARDKEEP_GGUF_PYTHON", sys.executable)
    if has_binding(python):
        return [python, "-m", "llama_cpp.server", *where, "--n_ctx", "1024", "--chat_format", template]
    return None


def has_binding(python: str) -> bool:
    """Whether this interpreter, which may be another environment's, can run the binding's server."""
    command = [python, "-c", "import llama_cpp.server"]
    return subprocess.run(command, env=apart(), capture_output=True, check=False).returncode == 0


def apart() -> dict[str, str]:
    """The environment of a program that is not ours."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


@pytest.fixture
def model_url(tmp_path) -> Iterator[str]:
    named = os.environ.get("WARDKEEP_GGUF")
    if not named:
        pytest.skip("WARDKEEP_GGUF does not name a GGUF weights file")
    weights = Path(named)
    assert weights.is_file(), "WARDKEEP_GGUF names no file"
    port = free_port()
    command = server_command(weights, port)
    if command is None:
        pytest.skip("neither llama-server nor llama-cpp-python[server] is installed")
    with (tmp_path / "model.log").open("wb") as log:
        process = subprocess.Popen(command, env=apart(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, "the model server ended while it was starting"
        try:
            return fetch(f"{url}/v1/models")[0] == 200
        except OSError:
            return False

    try:
        wait_until(answers, seconds=MODEL_STARTS_SECONDS)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def post(url: str, key: str, body: Mapping[str, object]) -> tuple[int, Mapping[str, str], bytes]:
    """A call that may take as long as a small machine needs to think."""
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=MODEL_ANSWERS_SECONDS)
    try:
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        line.request("POST", CHAT, json.dumps(body), headers)
        answer = line.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        line.close()


@pytest.mark.slow
def test_a_real_model_on_this_machine_answers_and_hears_no_identifier(tmp_path, model_url):
    instance = Instance(home=tmp_path / "home")
    question = {"model": "local", "messages": [{"role": "user", "content": NOTE}], "max_tokens": 64, "temperature": 0}
    with tap(model_url) as wire:
        instance.init(zone=ZONE)
        with instance:
            key = furnish_own(instance, wire.url, "local", None)
            step(instance, SECOND, "activate")
            status, headers, body = post(instance.data, key, question)
            assert status == 200, body
            assert json.loads(body)["choices"][0]["message"]["content"].strip()
            assert int(headers["wardkeep-ledger-index"]) > 0
            status, _, body = post(instance.data, key, {**question, "stream": True})
            assert status == 200
            deltas = [choice["delta"].get("content") or "" for event in events(body) for choice in event["choices"]]
            assert len(deltas) > 2
            assert "".join(deltas).strip()
            assert b"data: [DONE]" in body
        assert len(wire.bodies) == 2
        for heard in wire.bodies:
            assert_nothing_identifiable(heard)
