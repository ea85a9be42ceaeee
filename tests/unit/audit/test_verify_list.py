"""Signed lists: what the console signs holds, and nothing else does."""

import copy
import json
import subprocess
import sys
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardkeep.audit import checkpoint, verify_list
from wardkeep.audit.checkpoint import VerifierKey, verifier_key_text
from wardkeep.audit.errors import NoteInvalid
from wardkeep.audit.signed_list import FORMAT, canonical, note_text, signed_list
from wardkeep.crypto.signing import signing_key

SIGNER = signing_key(b"a seed for a test alone, public.")
KEY = VerifierKey(name="wardkeep/t1", public=SIGNER.public)
CONTENT = {
    "name": "risk.list",
    "at": datetime(2026, 11, 23, tzinfo=UTC).isoformat(),
    "by": "privacy-officer",
    "rows": [
        {"id": "r1", "words": "\u201e<script>\u2028 \U0001f9ea", "until": date(2027, 1, 1), "share": 0.5, "n": 3},
        {"id": "r2", "words": None, "roles": ["b", "a"], "is_open": True},
    ],
}


@pytest.fixture
def files(tmp_path):
    (tmp_path / "ledger.pub").write_text(verifier_key_text(KEY) + "\n")
    (tmp_path / "list.json").write_bytes(signed_list(CONTENT, KEY, SIGNER.sign))
    return tmp_path


def outcome(files, told=None, raw=None):
    if told is not None:
        raw = json.dumps(told).encode()
    if raw is not None:
        (files / "list.json").write_bytes(raw)
    return verify_list.check(files / "list.json", files / "ledger.pub")


def test_a_signed_list_holds_and_says_what_it_is(files):
    found = outcome(files)
    assert (found.ok, found.list, found.rows, found.by, found.origin) == (
        True, "risk.list", 2, "privacy-officer", "wardkeep/t1",
    )  # fmt: skip


def test_only_its_words_are_signed_not_how_a_tool_lays_them_out(files):
    told = json.loads((files / "list.json").read_bytes())
    assert outcome(files, raw=json.dumps(told, indent=7, sort_keys=True).encode()).ok


def leaves(value, path=()):
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, (*path, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from leaves(each, (*path, number))
    else:
        yield path


def test_a_change_of_any_value_is_found(files):
    told = json.loads((files / "list.json").read_bytes())
    for path in leaves(told):
        changed = copy.deepcopy(told)
        place = changed
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = "changed"
        assert not outcome(files, changed).ok, path
    for shorter in (told["list"]["rows"][:1], [*told["list"]["rows"], {}], list(reversed(told["list"]["rows"]))):
        assert not outcome(files, {**told, "list": {**told["list"], "rows": shorter}}).ok


def test_what_can_be_read_in_two_ways_is_refused(files):
    raw = (files / "list.json").read_bytes()
    assert "twice" in outcome(files, raw=raw.replace(b'"id": "r1"', b'"id": "r9","id": "r1"')).wrong
    assert "not whole" in outcome(files, raw=raw.replace(b'"n": 3', b'"n": 3.0')).wrong
    assert "not whole" in outcome(files, raw=raw.replace(b'"n": 3', b'"n": NaN')).wrong
    assert "not JSON" in outcome(files, raw=b"\xff" + raw).wrong
    assert "not JSON" in outcome(files, raw=b"[" * 200_000).wrong
    assert not outcome(files, raw=raw.replace(b'"r1"', b'"\\ud800"')).ok


def test_another_key_signs_nothing(files):
    other = signing_key(b"another seed for the same test..")
    (files / "list.json").write_bytes(signed_list(CONTENT, KEY, other.sign))
    assert not outcome(files).ok
    key = VerifierKey(name="wardkeep/t2", public=SIGNER.public)
    (files / "list.json").write_bytes(signed_list(CONTENT, key, SIGNER.sign))
    assert not outcome(files).ok
    (files / "ledger.pub").write_text("no key")
    assert "public key" in outcome(files).wrong


def test_a_signed_list_is_never_taken_for_a_checkpoint_of_the_same_key():
    """The key signs heads too: what it signs of a list must be no head, and no head a list."""
    note = json.loads(signed_list(CONTENT, KEY, SIGNER.sign))["note"].encode()
    with pytest.raises(NoteInvalid):
        checkpoint.verify(note, KEY)
    assert note_text(KEY.name, canonical(CONTENT["name"])).startswith(FORMAT.encode() + b"\n")


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc\u00e9", max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(plain_values)
def test_what_is_signed_is_what_a_reader_of_json_writes_again(value):
    told = json.loads(signed_list({"rows": [value]}, KEY, SIGNER.sign))
    assert verify_list._canonical(told["list"]) == canonical({"rows": [value]})


def test_the_one_file_checks_without_us(files):
    command = [sys.executable, "-I", verify_list.__file__, str(files / "list.json"), "--public-key",
               str(files / "ledger.pub"), "--json"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["rows"]) == (0, 2)
    told = json.loads((files / "list.json").read_bytes())
    told["list"]["by"] = "somebody"
    (files / "list.json").write_text(json.dumps(told))
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
