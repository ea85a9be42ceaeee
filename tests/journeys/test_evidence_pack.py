"""The pack of a seeded hospital: whole, true, silent about patients, and checked offline by a process of its own."""

import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from wardkeep.audit.verify_pack import check
from wardkeep.demo.hospital import CALLS, LATE, PEOPLE, seed


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    pytest.importorskip("typst")
    directory = tmp_path_factory.mktemp("hospital")
    made = seed(directory, lambda _: None, directory / "pack")
    return made, directory / "pack"


def facts(pack):
    return json.loads((pack / "facts.json").read_bytes())


def test_a_process_of_its_own_verifies_it_offline(hospital, tmp_path):
    made, pack = hospital
    # Without the package on its path, nor anything else of this process.
    command = [sys.executable, "-I", str(pack / "verify_pack.py"), str(pack), "--json"]
    done = subprocess.run(
        [*command, "--public-key", str(made.home / "ledger.pub")], cwd=tmp_path, env={}, capture_output=True, text=True
    )
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"], told["wrong"], told["key"]) == (0, True, [], "given")
    assert told["proofs"] > 20
    assert told["entries"] > 300
    alone = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
    assert alone["key"] == "the pack's own"
    assert not list(pack.rglob("*.pyc"))


def test_the_facts_are_what_happened(hospital):
    made, pack = hospital
    told = facts(pack)
    assert made.calls + made.refusals == CALLS
    assert told["activity"]["calls"] == made.calls
    assert sum(told["activity"]["refusals"].values()) == made.refusals
    assert 0 < told["activity"]["calls_unresolved"] < made.calls
    assert sum(told["activity"]["vendors"].values()) == made.calls
    assert told["people"]["active"] == 2 + len(PEOPLE) - 1
    assert sum(told["totals"]["standing"].values()) == 125
    standing = {each["id"]: each for each in told["controls"]}
    assert standing["HSR-312-b"]["standing"] == "holds"
    assert any(LATE in each for each in standing["HSR-316-b2-ii"]["wrong"])
    assert told["uses"]["routes_outside"] == ["sim-long"]
    assert [each["id"] for each in told["incidents"]] == ["wrong-recipient"]
    assert told["cannot"]["not_computed"]


def test_it_says_nothing_of_patients_or_prompts(hospital):
    _, pack = hospital
    for file in pack.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert b"Summarise" not in content, file.name
            assert b"patient-0" not in content, file.name


def test_the_report_is_an_archival_pdf(hospital):
    _, pack = hospital
    raw = (pack / "report.pdf").read_bytes()
    assert raw.startswith(b"%PDF-1.7")
    assert b"<pdfaid:part>2</pdfaid:part>" in raw
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in raw


@pytest.mark.parametrize(
    ("name", "module"),
    [("catalog", "catalog"), ("assessment-results", "assessment_results"), ("poam", "poam")],
)
def test_oscal_as_trestle_reads_it(hospital, name, module):
    trestle = pytest.importorskip(f"trestle.oscal.{module}")
    _, pack = hospital
    found = trestle.Model.model_validate(json.loads((pack / "oscal" / f"{name}.json").read_bytes()))
    assert found is not None


def _append(name):
    def spoil(pack):
        (pack / name).write_bytes((pack / name).read_bytes() + b" ")

    return spoil


def _remove(name):
    return lambda pack: (pack / name).unlink()


def _add(pack):
    (pack / "csv" / "more.csv").write_text("a,b\n")


def _other_proof(pack):
    other = min((pack / "proofs").glob("*.proof"))
    shutil.copyfile(other, pack / "manifest.proof")


def _relist(pack, name):
    """What a forger does who knows the manifest but has no ledger: change a file and list it anew."""
    from hashlib import sha256

    manifest = json.loads((pack / "manifest.json").read_bytes())
    manifest["files"][name]["sha256"] = sha256((pack / name).read_bytes()).hexdigest()
    (pack / "manifest.json").write_text(json.dumps(manifest))


def _forge(pack):
    status = (pack / "status.json").read_text()
    (pack / "status.json").write_text(status.replace('"standing": "fails"', '"standing": "holds"'))
    _relist(pack, "status.json")


def _cut_excerpt(pack):
    lines = (pack / "ledger-excerpt.jsonl").read_bytes().splitlines(keepends=True)
    (pack / "ledger-excerpt.jsonl").write_bytes(b"".join(lines[:50] + lines[51:]))


def _bend_proof(pack):
    file = sorted((pack / "proofs").glob("*.proof"))[3]
    text = file.read_text()
    at = text.index("\n", text.index("index ")) + 1
    file.write_text(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :])


SPOILT = {
    "facts changed": (_append("facts.json"), "facts.json was changed"),
    "table changed": (_append("csv/controls.csv"), "csv/controls.csv was changed"),
    "report changed": (_append("report.pdf"), "report.pdf was changed"),
    "file missing": (_remove("oscal/poam.json"), "oscal/poam.json is missing"),
    "file added": (_add, "csv/more.csv is not in the manifest"),
    "proof of another entry": (_other_proof, "the ledger entry names another manifest"),
    "no proof": (_remove("manifest.proof"), "cannot be read"),
    "findings turned to green": (_forge, "the ledger entry names another manifest"),
    "entry left out": (_cut_excerpt, "does not follow"),
    "proof bent": (_bend_proof, "does not hold"),
    "no status": (_remove("status.json"), "status.json cannot be read"),
}


@contextmanager
def copy_of(pack, tmp_path):
    there = tmp_path / "pack"
    shutil.copytree(pack, there)
    yield there


@pytest.mark.parametrize("name", SPOILT)
def test_what_was_done_to_a_pack_is_found(hospital, tmp_path, name):
    made, pack = hospital
    spoil, told = SPOILT[name]
    with copy_of(pack, tmp_path) as there:
        assert check(there, made.home / "ledger.pub").ok
        spoil(there)
        found = check(there, made.home / "ledger.pub")
        assert not found.ok
        assert any(told in each for each in found.wrong)


def test_another_key_proves_nothing(hospital, tmp_path):
    from wardkeep.audit.checkpoint import VerifierKey, parse_verifier_key, verifier_key_text
    from wardkeep.crypto.signing import generate_seed, signing_key

    made, pack = hospital
    name = parse_verifier_key((made.home / "ledger.pub").read_text().strip()).name
    other = tmp_path / "other.pub"
    key = VerifierKey(name=name, public=signing_key(generate_seed()).public)
    other.write_text(verifier_key_text(key) + "\n")
    found = check(pack, other)
    assert not found.ok
    assert found.sealed_in is None
    assert Path(pack).exists()
