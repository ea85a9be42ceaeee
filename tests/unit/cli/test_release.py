"""A data set from its file to its signed release, by two people, over the real admin socket."""

import hashlib
import json

import pytest
from tests.unit.cli.command import Shell, make_home, serving


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "notes.csv").write_text(
        "patient name,mrn,admit date,note\nRosalind Okafor,48291376,03/14/2024,Okafor is well. Cr 1.7\n"
    )
    (tmp_path / "signed.pdf").write_bytes(b"signed")
    return tmp_path


def test_a_data_set_leaves_by_the_hands_of_two(shell, files):
    home = files / "home"
    make_home(shell, home)
    out, told = files / "out.csv", files / "report.json"
    draft = ("deid", "file", files / "notes.csv", "--out", out, "--policy", "safe_harbor", "--report", told)
    assert shell(*draft, "--home", home).status == 0

    def as_(person, *arguments):
        return shell(*arguments, "--home", home, "--as", person)

    prepare = (
        "release", "prepare", "study-1", "--basis", "safe_harbor", "--dataset", out, "--report", told, "--recipient",
        "University",
    )  # fmt: skip
    with serving(home):
        assert as_("first", *prepare).status == 0
        signing = ("release", "sign", "study-1", "--reason", "read all of it", "--json")
        own = as_("first", *signing, "--no-actual-knowledge").json["error"]
        assert own["code"] == "second_person_required"
        assert as_("second", *signing).json["error"]["code"] == "statement_missing"
        assert as_("second", *signing, "--no-actual-knowledge").status == 0
        (held,) = as_("first", "release", "list", "--json").json["releases"]
        assert held["is_released"]
        assert held["dataset_sha256"] == json.loads(told.read_text())["output_sha256"]
        assert "study-1" in as_("first", "release", "list").out
        entry = int(held["statement"].rpartition(" ")[2])
        shown = as_("first", "audit", "show", str(entry), "--reason", "review", "--json").json
        assert shown["content"]["reason"] == "read all of it"
        place = files / "training"
        export = ("release", "export", "study-1", "--out", place, "--reason", "to train", "--json")
        other = as_("first", *export, "--dataset", files / "notes.csv").json["error"]
        assert other["code"] == "dataset_differs"
        assert not place.exists()
        taken = as_("first", *export, "--dataset", out).json
        assert (place / "out.csv").read_bytes() == out.read_bytes()
        certificate = (place / "CERTIFICATE.md").read_bytes()
        assert hashlib.sha256(certificate).hexdigest() == taken["sha256"]
        assert held["dataset_sha256"] in certificate.decode()
        assert as_("first", *export, "--dataset", out).json["error"]["code"] == "place_taken"
        assert as_("first", "release", "withdraw", "study-1", "--reason", "somebody recognised").status == 0
        assert not as_("first", "release", "list", "--json").json["releases"][0]["is_released"]


def test_a_report_belongs_to_its_bytes_and_its_basis(shell, files):
    home = files / "home"
    make_home(shell, home)
    out, told = files / "out.csv", files / "report.json"
    draft = ("deid", "file", files / "notes.csv", "--out", out, "--policy", "limited_data_set", "--report", told)
    assert shell(*draft, "--home", home).status == 0
    words = ("release", "prepare", "s", "--recipient", "U", "--home", home, "--as", "first", "--json")
    code = shell(*words, "--basis", "safe_harbor", "--dataset", out, "--report", told).json["error"]["code"]
    assert code == "policy_of_another_mode"
    out.write_text(out.read_text() + "more\n")
    code = shell(*words, "--basis", "limited_data_set", "--dataset", out, "--report", told).json["error"]["code"]
    assert code == "report_of_another"
    told.write_text("{}")
    code = shell(*words, "--basis", "limited_data_set", "--dataset", out, "--report", told).json["error"]["code"]
    assert code == "report_unreadable"


def test_shifted_dates_are_written_only_under_a_determination_that_holds(shell, files):
    home = files / "home"
    make_home(shell, home)
    out = files / "out.csv"
    shift = ("deid", "file", files / "notes.csv", "--out", out, "--policy", "safe_harbor", "--set", "DATE=shift")
    told = shell(*shift, "--home", home, "--json")
    assert told.json["error"]["code"] == "policy_invalid"

    def as_(person, *arguments):
        return shell(*arguments, "--home", home, "--as", person)

    record = (
        "release",
        "determination",
        "--expert",
        "A. Statistician",
        "--document",
        files / "signed.pdf",
        "--from",
        "2026-01-01",
    )
    with serving(home):
        assert as_("first", *record, "old", "--until", "2026-01-02", "--shifted-dates").status == 0
        assert as_("first", *record, "plain", "--until", "2099-01-01").status == 0
        assert as_("first", *record, "exp", "--until", "2099-01-01", "--shifted-dates").status == 0
        for name in ("old", "plain", "none"):
            refused = as_("first", *shift, "--expert", name, "--json").json["error"]
            assert refused["code"] == "release_refused"
            assert not out.exists()
        assert as_("first", *shift, "--expert", "exp", "--report", files / "r.json").status == 0
        assert "03/14/2024" not in out.read_text()
        prepare = (
            "release",
            "prepare",
            "s",
            "--dataset",
            out,
            "--report",
            files / "r.json",
            "--recipient",
            "U",
            "--json",
        )
        refused = as_("first", *prepare, "--basis", "safe_harbor").json["error"]
        assert refused["code"] == "basis_missing"
        expert = ("--basis", "expert_determination", "--determination", "exp")
        assert as_("first", *prepare, *expert).status == 0
        use = ("release", "data-use", "dua", "--recipient", "U", "--use", "research")
        assert as_("first", *use, "--document", files / "signed.pdf", "--from", "2026-01-01").status == 0
        assert as_("first", "release", "list", "--json").json["data_uses"][0]["holds"]
