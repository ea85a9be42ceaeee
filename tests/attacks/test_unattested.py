"""A deployment that must prove what it runs, and does not: no byte of a call reaches it (DESIGN sections 6 and 9).

The vendor is a process with a TLS key of its own that gives evidence good, or bad in one way; the instance is a real
one. After each refusal the vendor has seen nothing but the question for evidence, which carries a nonce and no more.
"""

import asyncio
import base64
import itertools
import json
import os
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.journeys.house import CHAT, ZONE, ask, text_of, today
from tests.simulators.attested_vendor import NITRO_WAYS, SNP_WAYS, make_keys, peer_key
from tests.simulators.evidence import MEASURED, PCRS

from wardkeep.crypto.ca import create_authority, issue_server_certificate
from wardkeep.demo.furnish import OPENAI_VENDOR, PARTIES, create_key, scope
from wardkeep.demo.instance import FIRST, SECOND, Instance, InstanceError
from wardkeep.demo.vendor import SimulatorProcess

NAME, RECORD = "Rosalind Okafor", "40718265"
NOTE = f"Patient {NAME} (MRN: {RECORD}) was seen for chest pain."
MODEL = "sim-echo"
PROGRAM = ("-m", "tests.simulators.attested_vendor")
FLOOR = {"boot_loader": 4, "tee": 1, "snp": 23, "microcode": 72}


@dataclass(slots=True)
class Guarded:
    """An instance before an enclave, and the means to say what the enclave may run."""

    instance: Instance
    vendor: SimulatorProcess
    directory: Path
    key: str
    rules: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    now_holds: dict[str, str] = field(default_factory=dict)

    def post(self, officer: str, path: str, **body) -> dict:
        return self.instance.api(officer, "POST", path, {"reason": "test", **body})

    def evidence(self, way: str | None = None) -> int:
        """Choose how evidence is given; return how often it was asked for."""
        query = "" if way is None else f"?say={way}"
        trusted = ssl.create_default_context(cafile=self.directory / "ca.crt")
        with urllib.request.urlopen(f"{self.vendor.url}/_sim/evidence{query}", context=trusted, timeout=60) as answer:
            return json.load(answer)["asked"]

    def allow(self, deployment: str) -> str:
        """Activate a fresh allow-list in place of the last, so that no proof of before is good any more."""
        name = f"{deployment}-{next(self.rules)}"
        kind = deployment.split("-", maxsplit=1)[0]
        self.post(FIRST, "attestations", id=name, deployment=deployment, kind=kind, **self.terms(kind))
        self.post(SECOND, f"attestations/{name}/activate")
        if deployment in self.now_holds:
            self.post(FIRST, f"attestations/{self.now_holds[deployment]}/withdraw")
        self.now_holds[deployment] = name
        return name

    def terms(self, kind: str) -> dict:
        if kind == "snp":
            anchors = (self.directory / "ark.pem").read_text()
            return {"anchors": anchors, "measurements": [{"MEASUREMENT": MEASURED.hex()}], "tcb_floor": FLOOR}
        allowed = {f"PCR{number}": PCRS[number].hex() for number in (0, 1, 2)}
        return {"anchors": (self.directory / "root.pem").read_text(), "measurements": [allowed]}

    def ask(self, route: str):
        self.vendor.reset()
        return asyncio.run(ask(self.instance.data, self.key, CHAT, route, NOTE))

    def entry(self, index: int) -> dict:
        page = self.instance.api(FIRST, "GET", f"ledger/entries?from={index}&to={index + 1}")
        return page["entries"][0]

    def refused(self, route: str, code: str) -> dict:
        """Ask; the call is refused, on record, and the vendor has seen nothing. Returns the entry."""
        answer = self.ask(route)
        assert answer.code == code, answer.body
        assert self.vendor.seen() == []
        assert RECORD.encode() not in answer.body
        entry = self.entry(answer.index)
        assert (entry["type"], entry["decision"]) == ("refusal", code)
        return entry


DEPLOYMENTS = {"nitro": "nitro", "snp": "snp", "nitro-unready": "nitro", "nitro-stranger": "nitro", "plain": None}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory) -> Iterator[Guarded]:
    directory = tmp_path_factory.mktemp("enclave")
    now = datetime.now(UTC)
    files = issue_server_certificate(create_authority(directory, now=now), directory, names=["127.0.0.1"], now=now)
    make_keys(directory)
    os.environ["SIM_ENCLAVE"] = str(directory)
    instance = Instance(home=directory / "home", deadline_seconds=120.0)
    instance.init(zone=ZONE)
    authority = directory / "ca.crt"
    with (
        SimulatorProcess(tls_cert=files.certificate, tls_key=files.key, ca_file=authority, program=PROGRAM) as vendor,
        instance,
    ):
        guarded = Guarded(instance, vendor, directory, "")
        guarded.post(FIRST, "vendors", id=OPENAI_VENDOR, party=PARTIES[OPENAI_VENDOR])
        agreement = {
            "id": "baa", "kind": "baa", "vendor": OPENAI_VENDOR, "party": PARTIES[OPENAI_VENDOR],
            "document_sha256": "0" * 64, "effective_on": today().isoformat(), "expires_on": None,
            "scopes": [scope([MODEL])],
        }  # fmt: skip
        guarded.post(FIRST, "agreements", **agreement)
        guarded.post(SECOND, "agreements/baa/activate")
        for name, kind in DEPLOYMENTS.items():
            deployment = {
                "id": name, "vendor": OPENAI_VENDOR, "platform": "direct", "project": "demo", "dialect": "openai",
                "base_url": vendor.openai_url, "model": MODEL, "region": "us-test-1", "credential": vendor.openai_key,
                "ca_file": str(authority), "attestation": kind,
            }  # fmt: skip
            guarded.post(FIRST, "deployments", **deployment)
            guarded.post(FIRST, "routes", model=f"by-{name}", deployment=name)
        guarded.post(FIRST, "routes", model="only-attested", deployment="plain", requires_attestation=True)
        guarded.post(FIRST, "routes", model="attested-first", deployment="nitro", fallbacks=["plain"], attempts=2)
        guarded.key = create_key(instance, [*(f"by-{name}" for name in DEPLOYMENTS), "only-attested", "attested-first"])
        yield guarded


def test_nothing_goes_out_before_an_allow_list_is_active(guarded):
    guarded.evidence("good")
    guarded.refused("by-nitro-unready", "attestation_rule_missing")
    terms = {"id": "unready", "deployment": "nitro-unready", "kind": "nitro", **guarded.terms("nitro")}
    guarded.post(FIRST, "attestations", **terms)
    guarded.refused("by-nitro-unready", "attestation_rule_missing")
    with pytest.raises(InstanceError, match="second_person_required"):
        guarded.post(FIRST, "attestations/unready/activate")
    guarded.refused("by-nitro-unready", "attestation_rule_missing")
    guarded.post(SECOND, "attestations/unready/activate")
    assert guarded.ask("by-nitro-unready").status == 200


@pytest.mark.parametrize("way", NITRO_WAYS)
def test_no_byte_reaches_an_enclave_whose_evidence_is_bad(guarded, way):
    guarded.evidence("good")
    guarded.allow("nitro")
    assert guarded.ask("by-nitro").status == 200  # also keeps what is replayed
    guarded.allow("nitro")
    guarded.evidence(way)
    check = NITRO_WAYS[way]
    entry = guarded.refused("by-nitro", "attestation_failed" if check else "attestation_unavailable")
    assert entry.get("detail", {}).get("check") == check


@pytest.mark.parametrize("way", SNP_WAYS)
def test_no_byte_reaches_a_guest_whose_report_is_bad(guarded, way):
    guarded.allow("snp")
    guarded.evidence(way)
    assert guarded.refused("by-snp", "attestation_failed")["detail"]["check"] == SNP_WAYS[way]


@pytest.mark.parametrize("kind", ["nitro", "snp"])
def test_good_evidence_opens_the_road_and_stands_in_the_record(guarded, kind):
    rule = guarded.allow(kind)
    before = guarded.evidence("good" if kind == "nitro" else "snp")
    answer = guarded.ask(f"by-{kind}")
    assert answer.status == 200
    assert NAME in text_of(answer)
    assert [each.path for each in guarded.vendor.seen()] == ["/v1/chat/completions"]
    assert guarded.entry(answer.index)["detail"]["attested"] == kind
    detail = guarded.entry(answer.index + 1)["detail"]
    assert detail["attested"] == f"{kind}, CPU only"
    assert detail["attested_rule"] == rule
    assert detail["peer_key"] == peer_key(guarded.directory / "server.crt").hex()
    assert len(detail["measurement"]) == 64
    # The proof is kept: the next call asks for no evidence, whatever would be given.
    guarded.evidence("garbage")
    assert guarded.ask(f"by-{kind}").status == 200
    assert guarded.evidence() == before + 1


def test_calls_that_come_together_share_one_question(guarded):
    guarded.allow("nitro")
    before = guarded.evidence("good")

    async def all_at_once():
        return await asyncio.gather(
            *(ask(guarded.instance.data, guarded.key, CHAT, "by-nitro", NOTE) for _ in range(8))
        )

    assert {answer.status for answer in asyncio.run(all_at_once())} == {200}
    assert guarded.evidence() == before + 1


def test_a_withdrawn_allow_list_closes_the_next_call(guarded):
    guarded.evidence("good")
    rule = guarded.allow("nitro")
    assert guarded.ask("by-nitro").status == 200
    guarded.post(FIRST, f"attestations/{rule}/withdraw")
    del guarded.now_holds["nitro"]
    guarded.refused("by-nitro", "attestation_rule_missing")


def test_evidence_of_another_machine_passed_on_opens_nothing(guarded, tmp_path_factory):
    """Somebody with a good certificate for the name, in front of the good enclave: its evidence is for another key."""
    place = tmp_path_factory.mktemp("between")
    stranger = issue_server_certificate(_files(guarded.directory), place, names=["127.0.0.1"], now=datetime.now(UTC))
    guarded.evidence("good")
    guarded.allow("nitro-stranger")
    assert guarded.ask("by-nitro-stranger").status == 200
    authority = guarded.directory / "ca.crt"
    with SimulatorProcess(
        tls_cert=stranger.certificate, tls_key=stranger.key, ca_file=authority, program=PROGRAM
    ) as between:
        moved = {
            "id": "nitro-between", "vendor": OPENAI_VENDOR, "platform": "direct", "project": "demo",
            "dialect": "openai", "base_url": between.openai_url, "model": MODEL, "region": "us-test-1",
            "credential": between.openai_key, "ca_file": str(authority), "attestation": "nitro",
        }  # fmt: skip
        guarded.post(FIRST, "deployments", **moved)
        guarded.post(FIRST, "routes", model="between", deployment="nitro-between")
        key = create_key(guarded.instance, ["between"], name="between")
        guarded.allow("nitro-between")
        # `server.crt`, which its evidence is made for, is the good enclave's.
        answer = asyncio.run(ask(guarded.instance.data, key, CHAT, "between", NOTE))
        assert answer.code == "attestation_failed"
        assert guarded.entry(answer.index)["detail"]["check"] == "peer_key"
        assert between.seen() == []


def test_a_route_for_attested_deployments_passes_over_the_others(guarded):
    guarded.refused("only-attested", "attestation_required")


def test_a_fallback_that_the_route_allows_is_taken_and_both_are_on_record(guarded):
    guarded.evidence("debug")
    guarded.allow("nitro")
    answer = guarded.ask("attested-first")
    assert answer.status == 200
    entry = guarded.entry(answer.index)
    assert entry["deployment"] == "plain"
    assert entry["detail"]["attempt"] == 2


def test_a_pinned_key_is_the_only_one_that_is_spoken_to(guarded):
    good = "sha256/" + base64.b64encode(peer_key(guarded.directory / "server.crt")).decode()
    other = "sha256/" + base64.b64encode(bytes(32)).decode()
    guarded.post(FIRST, "deployments/plain/pins", pins=[other])
    answer = guarded.ask("by-plain")
    assert answer.code == "peer_key_unexpected"
    assert guarded.vendor.seen() == []
    guarded.post(FIRST, "deployments/plain/pins", pins=[other, good])
    assert guarded.ask("by-plain").status == 200
    guarded.post(FIRST, "deployments/plain/pins", pins=[])
    assert guarded.ask("by-plain").status == 200
    with pytest.raises(InstanceError, match="value_invalid"):
        guarded.post(FIRST, "deployments/plain/pins", pins=["sha256/short"])


def test_the_commands_record_and_show_what_is_proven(guarded, tmp_path):
    allow = tmp_path / "allow.json"
    allow.write_text(json.dumps({"measurement": guarded.terms("nitro")["measurements"]}))
    common = ("--home", str(guarded.instance.home), "--as")
    added = command(
        guarded, "add", "by-command", "--deployment", "nitro", "--kind", "nitro", "--anchor",
        str(guarded.directory / "root.pem"), "--allow", str(allow), *common, FIRST,
    )  # fmt: skip
    assert "second person" in added
    assert "holds from the next call on" in command(guarded, "activate", "by-command", *common, SECOND)
    listed = json.loads(command(guarded, "list", "--json", *common, FIRST))
    rule = next(each for each in listed if each["id"] == "by-command")
    assert rule["holds"]
    assert rule["anchors"][0].startswith("sha256:")  # no known vendor's
    shown = wardkeep(guarded, "route", "show", "by-nitro", *common, FIRST)
    assert "nitro evidence required" in shown
    assert "Not proven: what a GPU does" in shown
    assert "withdrawn" in command(guarded, "withdraw", "by-command", "--reason", "test", *common, FIRST)


def command(guarded: Guarded, *words: str) -> str:
    return wardkeep(guarded, "route", "attestation", *words)


def wardkeep(guarded: Guarded, *words: str) -> str:
    done = subprocess.run([*guarded.instance.command, *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return " ".join(done.stdout.split())


def _files(directory: Path):
    from wardkeep.crypto.ca import CertificateFiles

    return CertificateFiles(certificate=directory / "ca.crt", key=directory / "ca.key")
