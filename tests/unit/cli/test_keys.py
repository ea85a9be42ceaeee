"""Epochs, rewrapping and moves between roots, over the admin socket; and what a crash at each step leaves."""

import asyncio
import json
from dataclasses import replace

import pytest
from tests.simulators import transit
from tests.simulators.roots import vault_process
from tests.unit.cli.command import Shell, make_home, serving

from wardkeep.app.home import open_home, open_root, read_wrapped
from wardkeep.app.roots import open_line
from wardkeep.crypto.errors import KeyUnavailable
from wardkeep.crypto.keys import dump_wrapped, open_keyring
from wardkeep.crypto.rotation import add_root, next_epoch
from wardkeep.settings import clock, load, replace_root, write_root

WHY = ("--reason", "because", "--json")
PASSPHRASE = "harbour lantern oatmeal trellis"


@pytest.fixture
def home(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("NEW_PASSPHRASE", PASSPHRASE)
    made = tmp_path / "home"
    assert make_home(Shell(capsys), made).status == 0
    return made


@pytest.fixture
def ask(capsys, home):
    shell = Shell(capsys)

    def as_(person, *arguments):
        return shell("keys", *arguments, "--home", home, "--as", person)

    return as_


async def opened(home, look=lambda _: None):
    """Open the home as a start does, look, and close it."""
    held = await open_home(load(home), clock)
    try:
        return look(held), [
            json.loads(each.header) async for each in held.ledger.scan(0, (await held.ledger.head()).size)
        ]
    finally:
        await held.close()


def started(home, look=lambda _: None):
    return asyncio.run(opened(home, look))


def actions(headers):
    return [each["detail"]["action"] for each in headers if each["type"] == "control"]


def wrapped_of(home):
    return read_wrapped(load(home).wrapped_keys_path)


def test_an_epoch_begins_on_record_and_what_was_sealed_before_stays_readable(home, ask):
    with serving(home):
        done = ask("first", "rotate", "--epoch", *WHY)
        assert (done.status, done.json["epoch"]) == (0, "e2"), done.err
        assert ask("second", "rotate", "--epoch", *WHY).json["epoch"] == "e3"
        shown = ask("first", "show", "--json").json
        assert (shown["epoch"], shown["epochs"]) == ("e3", ["e1", "e2", "e3"])
        assert "say what to rotate" in ask("first", "rotate", "--reason", "x").err
    held, headers = started(home, lambda each: (each.keys.epoch_id, each.custody.keys.epoch_id))
    assert held == ("e3", "e3")
    assert actions(headers)[-2:] == ["keys.rotate", "keys.rotate"]
    used = [each["key"] for each in headers if each.get("key")]
    assert used == sorted(used)  # an entry of an epoch that ended comes never after one of the next
    assert {"e1", "e2"} <= set(used)


def test_an_epoch_that_was_decided_is_current_after_a_crash(home, ask):
    with serving(home):
        ask("first", "rotate", "--epoch", *WHY)
    path, after = load(home).wrapped_keys_path, wrapped_of(home)
    path.write_bytes(dump_wrapped(replace(after, current_epoch="e1")))  # the entry stood, and then it died
    assert started(home, lambda each: each.keys.epoch_id)[0] == "e2"
    assert wrapped_of(home).current_epoch == "e2"
    path.write_bytes(dump_wrapped(replace(after, current_epoch="e1", epochs={"e1": after.epochs["e1"]})))
    with pytest.raises(KeyUnavailable, match="older than the ledger"):
        started(home)


def test_an_epoch_that_was_not_decided_is_taken_up_by_the_next_attempt(home, ask):
    settings, before = load(home), wrapped_of(home)
    held = next_epoch(open_keyring(open_root(settings, before), before), before)[0]
    settings.wrapped_keys_path.write_bytes(dump_wrapped(held))
    with serving(home):
        assert ask("first", "show", "--json").json["epoch"] == "e1"
        assert ask("first", "rotate", "--epoch", *WHY).json["epoch"] == "e2"
    assert wrapped_of(home).epochs["e2"] == held.epochs["e2"]


def test_rewrapping_keeps_the_root_and_takes_its_newest_version(home, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("CLINIC_VAULT_TOKEN", transit.TOKEN)
    shell, other = Shell(capsys), tmp_path / "other"
    with vault_process() as vault:
        assert make_home(shell, other, "--root", vault.root()).status == 0
        before = wrapped_of(other).tenant_key
        vault.rotate()
        with serving(other):
            rewrap = ("keys", "rewrap", "--home", other, "--as", "first", *WHY)
            assert shell(*rewrap).status == 0
            after = wrapped_of(other).tenant_key
            assert (before[:9], after[:9]) == (b"vault:v1:", b"vault:v2:")
            vault.tell(mode="sealed")
            refused = shell(*rewrap)
            assert refused.status == 1
            assert "unseal" in refused.err
            assert wrapped_of(other).tenant_key == after
            vault.tell(mode="ok")
        assert actions(started(other)[1])[-1] == "keys.rewrap"


def test_the_keys_move_under_another_root_and_back(home, ask, capsys, tmp_path):
    shell, old = Shell(capsys), wrapped_of(home)
    with serving(home):
        move = ("rewrap", "--to", "passphrase-env:NEW_PASSPHRASE", "--id", "m-1")
        assert ask("first", *move, *WHY).status == 0
        again = ask("second", "rewrap", "--to", "file:x", "--id", "m-2", *WHY)
        assert "wrong_status" in again.out
        assert "two" in ask("first", "approve", "m-1", *WHY).err.lower()
        assert wrapped_of(home) == old
        done = ask("second", "approve", "m-1", *WHY)
        assert (done.status, done.json["is_written"]) == (0, True), done.err
        both = wrapped_of(home)
        assert both.other.root_id == done.json["root_id"]
    assert load(home).keys.root == "passphrase-env:NEW_PASSPHRASE"
    found = next(each for each in shell("doctor", "--home", home, "--json").json["findings"] if each["what"] == "keys")
    assert (found["standing"], "both" in found["detail"]) == ("warn", True)

    assert started(home, lambda each: each.custody.opened_by)[0] == both.other.root_id
    moved = wrapped_of(home)
    assert (moved.root_id, moved.other) == (both.other.root_id, None)
    assert actions(started(home)[1])[-3:] == ["root.propose", "root.approve", "root.finish"]

    with serving(home):
        ask("second", "rewrap", "--to", "file:root.key", "--id", "m-back", *WHY)
        assert ask("first", "approve", "m-back", *WHY).status == 0
    assert started(home, lambda each: each.custody.opened_by)[0] == old.root_id
    assert wrapped_of(home).root_id == old.root_id


def test_a_move_is_taken_back_before_a_start_finished_it(home, ask):
    old = wrapped_of(home)
    with serving(home):
        ask("first", "rewrap", "--to", "file:new.key", "--id", "m-1", *WHY)
        ask("second", "approve", "m-1", *WHY)
        assert wrapped_of(home).other is not None
        assert ask("first", "withdraw", "m-1", *WHY).json["is_written"] is True
    assert (wrapped_of(home), load(home).keys.root) == (old, "file:root.key")
    assert started(home, lambda each: each.custody.opened_by)[0] == old.root_id
    with serving(home):
        assert "wrong_status" in ask("first", "withdraw", "m-1", *WHY).out
        moves = ask("first", "show", "--json").json["moves"]
    assert [each["status"] for each in moves] == ["withdrawn"]


def test_whatever_a_crash_leaves_of_a_move_opens(home, ask):
    """Before the entry, between entry and settings, and with both: each start opens, and comes to one root."""
    settings, old = load(home), wrapped_of(home)
    ring = open_keyring(open_root(settings, old), old)
    line = "passphrase-env:NEW_PASSPHRASE"
    both = add_root(ring, old, open_line(line, None, home=home), line)
    settings.wrapped_keys_path.write_bytes(dump_wrapped(both))  # wrapped, and died before anybody decided
    assert started(home, lambda each: each.custody.opened_by)[0] == old.root_id
    assert wrapped_of(home) == old

    settings.wrapped_keys_path.write_bytes(dump_wrapped(both))
    assert write_root(home, line)
    with pytest.raises(KeyUnavailable, match="nobody approved"):
        started(home)
    assert write_root(home, "file:root.key")
    assert started(home, lambda each: each.custody.opened_by)[0] == old.root_id

    with serving(home):
        ask("first", "rewrap", "--to", line, "--id", "m-1", *WHY)
        ask("second", "approve", "m-1", *WHY)
    assert write_root(home, "file:root.key")  # as if it had died before the settings were written
    assert started(home, lambda each: each.custody.opened_by)[0] == old.root_id
    assert wrapped_of(home).other is not None
    both = wrapped_of(home)
    assert write_root(home, line)
    started(home)
    settings.wrapped_keys_path.write_bytes(dump_wrapped(both))  # on record, and died before the old root was left
    assert started(home, lambda each: each.custody.opened_by)[0] == both.other.root_id
    assert wrapped_of(home).other is None


@pytest.mark.parametrize("to", ["file:root.key", "nowhere", "passphrase-env:NOT_SET", "vault:http://127.0.0.1:1/t/k"])
def test_a_root_that_does_not_work_is_not_proposed(home, ask, to):
    with serving(home):
        refused = ask("first", "rewrap", "--to", to, "--id", "m-1", *WHY)
        assert refused.status == 1
        assert ask("first", "show", "--json").json["moves"] == []


def test_backups_of_every_stage_restore_under_the_root_they_were_made_under(home, ask, capsys, tmp_path, monkeypatch):
    shell, passphrase = Shell(capsys), "passphrase-env:NEW_PASSPHRASE"

    def backup():
        made = shell("backup", "make", "--home", home, "--to", tmp_path / "b", "--as", "first", "--json")
        assert made.status == 0, made.err
        return made.json["place"]

    def restored(place, name, root):
        done = shell("restore", "--from", place, "--home", tmp_path / name, "--root", root, "--verify", "--json")
        assert done.status == 0, done.err
        assert done.json["payloads"]["unopenable"] == 0
        return started(tmp_path / name, lambda each: (each.custody.opened_by, each.keys.epoch_id))[0]

    old = wrapped_of(home).root_id
    key_file = tmp_path / "kept.key"
    key_file.write_bytes((home / "root.key").read_bytes())
    key_file.chmod(0o600)
    with serving(home):
        first = backup()
        ask("first", "rotate", "--epoch", *WHY)
        ask("first", "rewrap", "--to", passphrase, "--id", "m-1", *WHY)
        ask("second", "approve", "m-1", *WHY)
        moving = backup()
    with serving(home):
        moved = backup()
    new = wrapped_of(home).root_id
    assert restored(first, "one", f"file:{key_file}") == (old, "e1")
    assert restored(moved, "three", passphrase) == (new, "e2")
    refused = shell("restore", "--from", moved, "--home", tmp_path / "four", "--root", f"file:{key_file}", "--json")
    assert refused.status == 1
    monkeypatch.delenv("NEW_PASSPHRASE")  # where the new root is not at hand, the old one still opens this one
    assert restored(moving, "two", f"file:{key_file}") == (old, "e2")


def test_the_settings_line_is_changed_and_nothing_else():
    text = '[listen]\nhosts = ["a"]\n[keys]\n# root = "file:o"\nroot = "file:x" # here\n\n[log]\nformat = "json"\n'
    changed = replace_root(text, 'vault:https://v/t/k?token-env="T"')
    assert changed == text.replace('"file:x" # here', '"vault:https://v/t/k?token-env=\\"T\\""')
    assert replace_root('[log]\nformat = "json"\n', "file:y") is None
    assert replace_root('keys = {root = "file:x"}\n', "file:y") is None
    assert replace_root('[keys]\nroot = """file:x"""\n', "file:y") == '[keys]\nroot = "file:y"\n'
    assert replace_root('[keys]\nroot = """\nfile:x"""\n', "file:y") is None
