"""Somebody with the host and the stolen signing key cuts or rewrites the log; one witness elsewhere sees it.

Real processes: an instance, and a witness with a state of its own. The forged log is perfect by itself: `verify`
without the witness finds nothing.
"""

import json
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.attacks import forgeries
from tests.journeys.house import fetch, wait_until

from wardkeep.app.home import open_root, read_wrapped
from wardkeep.audit.checkpoint import Checkpoint, VerifierKey, checkpoint_text, signed_note
from wardkeep.audit.tiles import hashes_of
from wardkeep.audit.tree import consistency_proof, leaf_hash, tree_root
from wardkeep.audit.verify import verify
from wardkeep.crypto.keys import open_keyring
from wardkeep.demo.instance import FIRST, SECOND, Instance, InstanceError
from wardkeep.settings import load

FIND_WITHIN_SECONDS = 10.0


def wardkeep(*arguments, check=True):
    command = [sys.executable, "-m", "wardkeep", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=check)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_witness(state: Path, port: int):
    command = [
        sys.executable,
        "-m",
        "wardkeep",
        "witness",
        "serve",
        "--home",
        str(state),
        "--port",
        str(port),
        "--json",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert json.loads(process.stdout.readline())["address"].endswith(str(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=20)


class Place:
    """An instance whose policy names one witness."""

    def __init__(self, directory: Path):
        self.instance = Instance(home=directory / "home")
        self.instance.init()
        self.state = directory / "witness"
        self.port = free_port()
        key = json.loads(
            wardkeep("witness", "init", "--home", self.state, "--name", "witness.example", "--json").stdout
        )
        log_key = (self.instance.home / "ledger.pub").read_text().strip()
        wardkeep("witness", "log", "--home", self.state, "--key", self.instance.home / "ledger.pub")
        policy = self.instance.home / "witnesses.policy"
        policy.write_text(f"log {log_key}\nwitness one {key['key']} http://127.0.0.1:{self.port}\nquorum one\n")
        settings = self.instance.home / "wardkeep.toml"
        text = settings.read_text().replace('policy = ""', 'policy = "witnesses.policy"')
        settings.write_text(text.replace("publish_seconds = 5", "publish_seconds = 1"))

    @property
    def home(self) -> Path:
        return self.instance.home

    def gauge(self, name: str) -> float:
        text = fetch(self.instance.operations + "/metrics")[1].decode()
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith(f"wardkeep_{name} ")))

    def work(self, times: int = 3) -> int:
        """Make entries by reading the audit, wait until they are witnessed, and return the size."""
        for _ in range(times):
            self.instance.api(FIRST, "GET", "ledger/entries?from=0&to=1")
        size = self.instance.api(FIRST, "GET", "ledger/head")["size"]
        wait_until(lambda: self.gauge("witnessed_entries") >= size)
        return size

    def thief(self, home: Path) -> forgeries.Kit:
        """Whoever holds the root key holds the signing key."""
        settings = load(home)
        wrapped = read_wrapped(settings.wrapped_keys_path)
        ring = open_keyring(open_root(settings, wrapped), wrapped)
        return forgeries.Kit(home=home, ring=ring, kept=home, archive=home, policy=home, witness=ring.signer)


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    made.instance.stop()


def copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("run"))


def refused(instance: Instance) -> str:
    with pytest.raises(InstanceError) as caught:
        instance.start()
    return str(caught.value)


def test_what_was_witnessed_cannot_be_cut_rewritten_or_copied_unseen(place, tmp_path):
    with running_witness(place.state, place.port) as address:
        place.instance.start()
        early = tmp_path / "early"
        place.work()
        place.instance.stop()
        copy(place.home, early)
        place.instance.start()
        size = place.work()
        assert verify(place.home / "log", place.home / "ledger.pub").ok
        place.instance.stop()
        newest = tmp_path / "newest"
        copy(place.home, newest)
        proven = verify(place.home, policy=place.home / "witnesses.policy")
        assert proven.ok
        assert proven.witnessed >= size

        # an older copy, keys and control tables and all
        shutil.rmtree(place.home)
        copy(early, place.home)
        assert verify(place.home).ok
        assert "it was cut, or restored from an older copy" in refused(place.instance)

        # history rewritten with the signing key, as long as before and longer
        shutil.rmtree(place.home)
        copy(newest, place.home)
        kit = place.thief(place.home)
        with_origin(
            kit, lambda: forgeries.rewrite(kit, 4, lambda _, header: header.replace(b'"actor":"', b'"actor":"x', 1))
        )
        assert verify(place.home).ok, "the forgery is perfect by itself"
        assert "another history" in refused(place.instance)

        # the newest copy is accepted, and a twin of it is refused as soon as the first has gone on
        shutil.rmtree(place.home)
        copy(newest, place.home)
        place.instance.start()
        size = place.work()
        assert "it was cut" in refused(Instance(home=newest))
        assert json.loads(fetch(address + "/readyz")[1])["ready"] is True

        # the thief, with programs of their own, offers the witness a rolled-back head
        hashes = hashes_of(place.home / "log", 0, 0, size)
        assert offered(address, size - 2, (), forged_note(kit, hashes[: size - 2])) == 409
        assert json.loads(fetch(address + "/readyz")[1])["missing"] == ["rolled_back"]
        assert list((place.state / "evidence").iterdir())

        # and then goes on from the true head with entries of their own: the true instance notices, and stops
        longer = [*hashes, leaf_hash(b"forged")]
        assert offered(address, size, consistency_proof(longer, size), forged_note(kit, longer)) == 200
        wait_until(lambda: ended(place.instance), seconds=FIND_WITHIN_SECONDS)
        assert place.instance.stop() == 1
        assert '"event":"log_disputed"' in place.instance.log.read_text()


def forged_note(kit, hashes):
    name = (kit.home / "ledger.pub").read_text().partition("+")[0]
    key = VerifierKey(name=name, public=kit.ring.signer.public)
    text = checkpoint_text(Checkpoint(origin=name, size=len(hashes), root=tree_root(hashes)))
    return signed_note(text, key, kit.ring.signer.sign(text))


def offered(address, old, proof, note):
    lines = [f"old {old}".encode(), *(b64encode(each) for each in proof)]
    request = urllib.request.Request(address + "/add-checkpoint", data=b"\n".join(lines) + b"\n\n" + note)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def with_origin(kit, work):
    """The catalogue's forger writes notes under the test ledger's name; here it uses this log's own."""
    from tests.unit.audit import samples

    before = samples.ORIGIN
    samples.ORIGIN = (kit.home / "ledger.pub").read_text().partition("+")[0]
    try:
        work()
    finally:
        samples.ORIGIN = before


def ended(instance: Instance) -> bool:
    try:
        return Path(f"/proc/{instance.pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except FileNotFoundError:
        return True


@pytest.mark.slow
def test_silent_witness_is_no_assent_and_two_people_go_on_after_a_loss(place, tmp_path):
    with running_witness(place.state, place.port):
        place.instance.start()
        place.work()
        place.instance.stop()
        early = tmp_path / "early"
        copy(place.home, early)
        place.instance.start()
        place.work()
        place.instance.stop()
    assert "too few for the policy's quorum" in refused(place.instance)
    arguments = [*place.instance.serve_command(), "--unwitnessed"]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while '"event":"ready"' not in process.stderr.readline():
            assert process.poll() is None
        process.terminate()
        process.communicate(timeout=30)

    # the newest ledger is lost; what is left is the early copy
    shutil.rmtree(place.home)
    copy(early, place.home)
    out = tmp_path / "acknowledged.note"
    asked = ["restore", "--home", place.home, "--acknowledge", "--reason", "the array burnt", "--out", out]
    with running_witness(place.state, place.port):
        assert "it was cut" in refused(place.instance)
        assert wardkeep(*asked, "--by", FIRST, check=False).returncode == 1
        assert wardkeep(*asked, "--by", FIRST, "--by", FIRST, check=False).returncode == 1
        told = json.loads(wardkeep(*asked, "--by", FIRST, "--by", SECOND, "--json").stdout)
        assert told["remembered"]["one"] > told["ledger_index"]
        assert "it was cut" in refused(place.instance)  # the witness's operator has not agreed
    wardkeep("witness", "accept", "--home", place.state, "--checkpoint", out)
    with running_witness(place.state, place.port):
        place.instance.start()
        place.work(1)
        entry = place.instance.api(
            FIRST, "GET", f"ledger/entries?from={told['ledger_index']}&to={told['ledger_index'] + 1}"
        )["entries"][0]
        assert entry["detail"]["action"] == "restore.acknowledge"
        assert entry["detail"]["second"] == f"person:{SECOND}"
        assert entry["detail"]["remembered"] == told["remembered"]["one"]
