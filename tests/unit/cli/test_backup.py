"""Backups, drills, restores and escrow: over the admin socket, and offline into a new home."""

import asyncio
import json
import shutil
from datetime import date

import pytest
from tests.unit.cli.command import Shell, make_home, serving

from wardkeep.app.home import open_home
from wardkeep.crypto.errors import UnknownKey
from wardkeep.crypto.subject import draw_key, subject_tag
from wardkeep.model.retention import period_of
from wardkeep.settings import clock, load

WHY = ("--reason", "because", "--json")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("backup")


async def keep_subjects(home):
    opened = await open_home(load(home), clock)
    try:
        names = []
        for name in ("mrn-1", "mrn-2"):
            tag = subject_tag(opened.keys.blind_index_key, name)
            key = draw_key("e1", tag, period=period_of(date(2015, 3, 1)), is_resolved=True)
            await opened.subjects.keep([key])
            names.append(key.name)
        return names
    finally:
        await opened.close()


async def found_keys(home, names):
    opened = await open_home(load(home), clock)
    try:
        there = []
        for name in names:
            try:
                await opened.subjects.find(name)
            except UnknownKey:
                there.append(False)
            else:
                there.append(True)
        kinds = [each.header async for each in opened.ledger.scan(0, (await opened.ledger.head()).size)]
        return there, [json.loads(each) for each in kinds]
    finally:
        await opened.close()


def test_a_backup_is_restored_and_never_brings_a_shredded_key_back(capsys, place):
    shell = Shell(capsys)
    home, seal, root = place / "home", place / "elsewhere.seal", place / "root.key"
    make_home(shell, home)
    names = asyncio.run(keep_subjects(home))
    shutil.copy(home / "root.key", root)

    def as_(person, *arguments):
        return shell(*arguments, "--home", home, "--as", person)

    def restore(source, to, *more):
        return shell("restore", "--from", source, "--home", place / to, "--root", f"file:{root}", "--json", *more)

    with serving(home):
        make = ("backup", "make", "--to", place / "backups", "--json")
        inside = as_("second", *make, "--seal-to", place / "backups" / "seal")
        assert inside.json["error"]["code"] == "value_invalid"
        made = as_("second", *make, "--seal-to", seal)
        assert made.status == 0
        backup = made.json["place"]
        old_seal = seal.read_bytes()
        drill = as_("second", "backup", "drill", "--from", backup, "--seal", seal, "--json")
        assert (drill.status, drill.json["subject_keys"], drill.json["entries"]) == (0, 2, made.json["entries"])
        # everything in it is sealed: no store, no key, no tag in clear
        for file in (place / "backups").rglob("*.sealed"):
            content = file.read_bytes()
            assert not content.startswith(b"SQLite")
            assert names[0].encode() not in content
        assert as_("first", "shred", "propose", "s-1", "--subject", "mrn-1", "--of-age", *WHY).status == 0
        assert as_("second", "shred", "approve", "s-1", "--of-age", *WHY).status == 0
        newer = as_("second", *make, "--seal-to", seal).json["place"]
        assert seal.read_bytes() != old_seal
        failed = as_("second", "backup", "drill", "--from", backup, "--seal", seal, "--json")
        assert failed.json["error"]["code"] == "backup_failed"

    # the newer one: the shredded key is gone, the other is there
    done = restore(newer, "newer", "--seal", seal, "--verify")
    assert (done.status, done.json["subject_keys"], done.json["payloads"]["unopenable"]) == (0, 1, 0)
    there, headers = asyncio.run(found_keys(place / "newer", names))
    assert there == [False, True]
    assert headers[-1]["type"] == "backup"
    drills = [each["detail"] for each in headers if each["detail"].get("action") == "backup.drill"]
    assert [each["ok"] for each in drills] == [True]
    assert all("milliseconds" in each for each in drills)
    # the older one with today's seal opens no subject key at all, and without a seal there is none
    assert restore(backup, "older", "--seal", seal).json["error"]["code"] == "backup_unusable"
    assert not (place / "older").exists()
    assert restore(backup, "without").json["subject_keys"] is None
    assert asyncio.run(found_keys(place / "without", names))[0] == [False, False]
    # a newer ledger beside a table from before, by hand: what was decided is carried out again at the start
    seal_then = place / "then.seal"
    seal_then.write_bytes(old_seal)
    assert restore(backup, "then", "--seal", seal_then).status == 0
    for name in ("subjects.db", "subjects.seal"):
        shutil.copy(place / "then" / name, place / "newer" / name)
    assert asyncio.run(found_keys(place / "newer", names))[0] == [False, True]


def test_a_damaged_or_foreign_backup_is_not_restored(capsys, place):
    shell = Shell(capsys)
    home = place / "small"
    make_home(shell, home)
    with serving(home):
        made = shell(
            "backup", "make", "--to", place / "few", "--home", home, "--as", "second", "--json"
        ).json  # fmt: skip
    root = f"file:{home / 'root.key'}"

    def restored(change):
        copy = place / "damaged"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(made["place"], copy)
        change(copy)
        outcome = shell("restore", "--from", copy, "--home", place / "no", "--root", root, "--json")
        assert not (place / "no").exists()
        return outcome

    def flip(name):
        def change(copy):
            raw = bytearray((copy / name).read_bytes())
            raw[len(raw) // 2] ^= 1
            (copy / name).write_bytes(raw)

        return change

    for name in ("ledger.db.sealed", "keys.json.sealed", "control.db.sealed", "manifest.sig"):
        assert restored(flip(name)).status == 1, name
    assert restored(lambda copy: (copy / "ledger.db.sealed").unlink()).status == 1

    def lying(copy):
        manifest = json.loads((copy / "manifest.json").read_text())
        manifest["entries"] += 1
        (copy / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")

    assert restored(lying).status == 1

    def escaping(copy):
        manifest = json.loads((copy / "manifest.json").read_text())
        manifest["files"][0]["name"] = "../outside"
        (copy / "manifest.json").write_text(json.dumps(manifest))

    assert restored(escaping).json["error"]["code"] == "backup_unusable"
    other = place / "other.key"
    other.write_bytes(b"o" * 32)
    other.chmod(0o600)
    wrong = shell("restore", "--from", made["place"], "--home", place / "no", "--root", f"file:{other}", "--json")
    assert wrong.json["error"]["code"] == "keys_unusable"
    taken = shell("restore", "--from", made["place"], "--home", home, "--root", root, "--json")
    assert taken.json["error"]["code"] == "home_exists"


def test_the_root_key_comes_back_from_its_shares(capsys, place):
    shell = Shell(capsys)
    home = place / "escrowed"
    make_home(shell, home)
    split = ("escrow", "split", "--home", home, "--json")
    assert shell(*split, "--needed", 1, "--shares", 3, "--out", place / "x").json["error"]["code"] == "value_invalid"
    made = shell(*split, "--needed", 2, "--shares", 3, "--out", place / "shares").json
    assert len(made["files"]) == 3
    for first, second in ((0, 1), (2, 0)):
        out = place / f"root-{first}{second}.key"
        told = shell(
            "escrow",
            "combine",
            "--share",
            made["files"][first],
            "--share",
            made["files"][second],
            "--out",
            out,
            "--json",
        )
        assert told.json["root_id"] == made["root_id"]
        assert out.read_bytes() == (home / "root.key").read_bytes()
        assert out.stat().st_mode & 0o777 == 0o600
    few = shell("escrow", "combine", "--share", made["files"][0], "--out", place / "few.key", "--json")
    assert few.json["error"]["code"] == "keys_unusable"
    assert not (place / "few.key").exists()
