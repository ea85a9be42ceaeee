"""Someone with the disk changes the ledger: every change is found, named, and placed at its exact index."""

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from tests.unit.audit import samples

from wardkeep.audit import verify as verifier
from wardkeep.audit.errors import LedgerDamaged
from wardkeep.audit.tree import leaf_hash
from wardkeep.audit.verify import UnusableInput, verify

RING = samples.keyring()
SIZES = (1, 3, 8, 1, 1, 20, 6, 10)  # batch boundaries after 1, 4, 12, 13, 14, 34, 40, 50
BOUNDARIES = (0, 3, 11, 12, 13, 33, 39, 49)
TOTAL = sum(SIZES)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    home = tmp_path_factory.mktemp("original")
    asyncio.run(samples.write_batches(home, RING, SIZES))
    return home


@pytest.fixture
def home(original, tmp_path):
    shutil.copytree(original, tmp_path / "home")
    return tmp_path / "home"


def change(home: Path, *statements):
    with closing(sqlite3.connect(home / "ledger.db", isolation_level=None)) as connection:
        for statement in statements:
            sql, values = statement if isinstance(statement, tuple) else (statement, ())
            connection.execute(sql, values)


def column(home: Path, name: str, index: int):
    with closing(sqlite3.connect(home / "ledger.db")) as connection:
        return connection.execute(f"SELECT {name} FROM entries WHERE idx = ?", (index,)).fetchone()[0]


def put(home: Path, name: str, index: int, value):
    change(home, (f"UPDATE entries SET {name} = ? WHERE idx = ?", (value, index)))


def flip(blob: bytes, bit: int) -> bytes:
    changed = bytearray(blob)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def found(home: Path, **options):
    result = verify(home, **options)
    assert result.ok == (result.damage is None)
    return result.damage, result.first_bad_index


def test_untouched_ledger_is_whole(home):
    result = verify(home)
    assert (result.ok, result.size, result.damage, result.signed) == (True, TOTAL, None, True)


@pytest.mark.parametrize("index", range(TOTAL))
def test_flipped_bit_in_a_header(home, index):
    header = column(home, "header", index)
    # the sequencer's fields, the id, a field in the middle, the last byte: one bit of each region
    for byte in (2, 6, 12, 16, 30, 80, 98, 110, 118, 130, len(header) // 2, len(header) - 1):
        put(home, "header", index, flip(header, byte * 8 + index % 8))
        assert found(home) == ("header", index), byte
    put(home, "header", index, header)
    assert found(home) == (None, None)


@pytest.mark.parametrize("index", range(TOTAL))
def test_flipped_bit_in_a_leaf_hash(home, index):
    leaf = column(home, "leaf_hash", index)
    for bit in (0, 100 + index, 255):
        put(home, "leaf_hash", index, flip(leaf, bit))
        assert found(home) == ("leaf_hash", index)


@pytest.mark.parametrize("index", range(0, TOTAL, 7))
def test_flipped_bit_in_an_id(home, index):
    put(home, "id", index, flip(column(home, "id", index), index))
    assert found(home) == ("id", index)


@pytest.mark.parametrize("index", [0, 1, 3, 24, 49 - 1])
def test_flipped_bit_in_a_payload_and_a_payload_cut_off_or_removed(home, index):
    payload = column(home, "payload", index)
    assert payload is not None
    for value in (flip(payload, 0), flip(payload, len(payload) * 8 - 1), payload[:-1], payload + b"x", None, "text"):
        put(home, "payload", index, value)
        assert found(home) == ("payload", index)


def test_payload_where_the_header_names_none(home):
    put(home, "payload", 2, b"x")
    assert found(home) == ("payload", 2)


@pytest.mark.parametrize("index", BOUNDARIES)
def test_flipped_bit_in_a_signature(home, index):
    signature = column(home, "signature", index)
    for bit in (0, 255, 511):
        put(home, "signature", index, flip(signature, bit))
        assert found(home) == ("signature", index)
    put(home, "signature", index, "text")
    assert found(home) == ("signature", index)
    put(home, "signature", index, None)
    assert verify(home).ok is False


def test_signature_damage_is_seen_without_the_key_too(home):
    put(home, "signature", 12, flip(column(home, "signature", 12), 5))
    (home / "ledger.pub").unlink()
    assert found(home) == ("signature", None)


@pytest.mark.parametrize("index", [0, 1, 17, 40, 49])
def test_deleted_entry(home, index):
    change(home, ("DELETE FROM entries WHERE idx = ?", (index,)))
    assert found(home) == ("truncated" if index == TOTAL - 1 else "missing", index)


def test_deleted_entry_with_the_rest_moved_up(home):
    change(home, "DELETE FROM entries WHERE idx = 17", "UPDATE entries SET idx = -idx WHERE idx > 17")
    change(home, "UPDATE entries SET idx = -idx - 1 WHERE idx < 0")
    assert found(home) == ("reordered", 17)


@pytest.mark.parametrize(("one", "two"), [(0, 1), (5, 40), (48, 49), (0, 49)])
def test_swapped_rows_and_swapped_headers(home, one, two):
    change(
        home,
        ("UPDATE entries SET idx = -1 WHERE idx = ?", (one,)),
        ("UPDATE entries SET idx = ? WHERE idx = ?", (one, two)),
        ("UPDATE entries SET idx = ? WHERE idx = -1", (two,)),
    )
    assert found(home) == ("reordered", one)


@pytest.mark.parametrize(("one", "two"), [(0, 1), (5, 40), (48, 49)])
def test_swapped_headers_alone(home, one, two):
    first, second = column(home, "header", one), column(home, "header", two)
    put(home, "header", one, second)
    put(home, "header", two, first)
    assert found(home) == ("reordered", one)


def test_swapped_payloads(home):
    first, second = column(home, "payload", 6), column(home, "payload", 30)
    put(home, "payload", 6, second)
    put(home, "payload", 30, first)
    assert found(home) == ("payload", 6)


@pytest.mark.parametrize("index", [0, 1, 4, 17, 33, 47, 48, 49])
def test_entry_replaced_with_a_matching_leaf_hash(home, index):
    header = column(home, "header", index).replace(b"app-1", b"app-9")
    put(home, "header", index, header)
    put(home, "leaf_hash", index, leaf_hash(header))
    damage, bad = found(home)
    if index == TOTAL - 1:
        assert (damage, bad) == ("signature", 40)  # the last batch as a whole is not what was signed
    else:
        assert (damage, bad) == ("chain", index)


@pytest.mark.parametrize("index", [1, 17, 48, 49])
def test_link_replaced_with_a_matching_leaf_hash(home, index):
    header = column(home, "header", index)
    header = header.replace(header[24:90], header[24:88] + (b"00" if header[88:90] != b"00" else b"11"))
    put(home, "header", index, header)
    put(home, "leaf_hash", index, leaf_hash(header))
    damage, bad = found(home)
    assert damage in ("chain", "header")
    assert bad == index


@pytest.mark.parametrize("index", [0, 12, 14, 20, 45])
def test_rest_of_history_rewritten_with_matching_links(home, index):
    """Without the signing key the forger stops at the first signed head; the last proven one bounds the damage."""
    previous = None
    for at in range(index, TOTAL):
        header = column(home, "header", at)
        if at == index:
            header = header.replace(b"app-1", b"app-9")
        if previous is not None:
            start = header.index(b'"prev":"') + 8
            header = header[:start] + previous.hex().encode() + header[start + 64 :]
        previous = leaf_hash(header)
        put(home, "header", at, header)
        put(home, "leaf_hash", at, previous)
    last_proven = max((b for b in BOUNDARIES if b < index), default=-1)
    assert found(home) == ("signature", last_proven + 1)


def test_cut_tail_is_found_against_the_head(home):
    change(home, "DELETE FROM entries WHERE idx >= 40")
    assert found(home) == ("truncated", 40)


def test_cut_tail_with_a_rewound_head_is_found_against_a_kept_checkpoint(original, home, tmp_path):
    outside = tmp_path / "kept.note"
    with closing(sqlite3.connect(original / "ledger.db")) as connection:
        outside.write_bytes(connection.execute("SELECT note FROM head").fetchone()[0])
    assert found(home, checkpoint=outside) == (None, None)
    rewind(home, 40)
    assert found(home) == ("truncated", 40)  # against the checkpoint kept inside
    change(home, "DELETE FROM checkpoints WHERE size > 40")
    assert found(home) == (None, None)  # the host alone cannot prove it, as the documentation says
    assert found(home, checkpoint=outside) == ("truncated", 40)


def rewind(home: Path, size: int):
    """Cut the log at a signed boundary and restore the head as it was then: what the disk's owner can do."""
    from wardkeep.audit.checkpoint import Checkpoint, VerifierKey, checkpoint_text, signed_note
    from wardkeep.audit.sequence import NO_SIGNATURES, signatures_after
    from wardkeep.audit.tree import EMPTY, extend, pack, root

    with closing(sqlite3.connect(home / "ledger.db")) as connection:
        rows = connection.execute("SELECT idx, leaf_hash, signature FROM entries WHERE idx < ?", (size,)).fetchall()
    frontier = extend(EMPTY, [row[1] for row in rows])
    running = NO_SIGNATURES
    for index, _, signature in rows:
        running = running if signature is None else signatures_after(running, index, signature)
    text = checkpoint_text(Checkpoint(origin=samples.ORIGIN, size=size, root=root(frontier)))
    note = signed_note(text, VerifierKey(name=samples.ORIGIN, public=RING.signer.public), rows[-1][2])
    change(
        home,
        ("DELETE FROM entries WHERE idx >= ?", (size,)),
        ("UPDATE head SET size = ?, frontier = ?, signatures = ?, note = ?", (size, pack(frontier), running, note)),
    )


def test_checkpoint_of_another_history_is_a_fork(home, tmp_path):
    from wardkeep.audit.checkpoint import Checkpoint, VerifierKey, checkpoint_text, signed_note

    outside = tmp_path / "kept.note"
    key = VerifierKey(name=samples.ORIGIN, public=RING.signer.public)
    text = checkpoint_text(Checkpoint(origin=samples.ORIGIN, size=30, root=b"\x01" * 32))
    outside.write_bytes(signed_note(text, key, RING.signer.sign(text)))
    assert found(home, checkpoint=outside) == ("forked", None)
    outside.write_bytes(signed_note(text, key, bytes(64)))
    assert found(home, checkpoint=outside) == ("checkpoint", None)
    outside.write_bytes(b"no note")
    assert found(home, checkpoint=outside) == ("checkpoint", None)


def test_added_entry_without_signature(home):
    header = column(home, "header", 49)
    change(home, ("INSERT INTO entries VALUES(50, ?, ?, ?, NULL, NULL)", (bytes(16), header, leaf_hash(header))))
    assert found(home) == ("reordered", 50)
    put(home, "id", 50, bytes(16))
    forged = b'{"v":1,"index":50,"prev":"%b","type":"read","id":"%b"}' % (
        leaf_hash(header).hex().encode(),
        b"0" * 32,
    )
    put(home, "header", 50, forged)
    put(home, "leaf_hash", 50, leaf_hash(forged))
    assert found(home) == ("extra", 50)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE head SET frontier = x'00'",
        "UPDATE head SET facts_epoch = 0",
        "UPDATE head SET note = x'00'",
        "UPDATE head SET signatures = x'00'",
        "UPDATE head SET size = 7",
        "UPDATE head SET size = 70",
        "UPDATE head SET size = 'x'",
        "DELETE FROM head",
    ],
)
def test_changed_head(home, statement):
    change(home, statement)
    assert found(home) == ("head", None)


@pytest.mark.parametrize(
    "statement", ["UPDATE checkpoints SET note = x'00'", "UPDATE checkpoints SET frontier = x'00'"]
)
def test_changed_kept_checkpoint(home, statement):
    change(home, statement)
    assert found(home) == ("checkpoint", None)


def test_commitment_field_of_another_shape(home, tmp_path):
    """Even the holder of the signing key cannot leave out what binds a payload to its key: the shape is checked."""
    header = column(home, "header", 0)
    start = header.index(b'"commit":"')
    header = header[: start + 10] + b"xyz" + header[start + 13 :]
    put(home, "header", 0, header)
    put(home, "leaf_hash", 0, leaf_hash(header))
    assert found(home) == ("commitment", 0)


@pytest.mark.parametrize("kind", ["header", "leaf_hash", "id"])
def test_value_of_another_type(home, kind):
    change(home, f"UPDATE entries SET {kind} = 5 WHERE idx = 9")
    damage, bad = found(home)
    assert damage == kind
    assert bad == 9


def test_wrong_key_proves_nothing(home):
    other = samples.keyring()
    from wardkeep.audit.checkpoint import VerifierKey, verifier_key_text

    key = VerifierKey(name=samples.ORIGIN, public=other.signer.public)
    (home / "ledger.pub").write_text(verifier_key_text(key))
    assert found(home) == ("signature", 0)


def test_any_flipped_byte_of_the_file_is_noticed_or_harmless(home):
    """Harmless means: every entry, signature and head still reads as the very bytes that were signed."""
    whole = (home / "ledger.db").read_bytes()
    expected = verify(home)
    noticed = 0
    for at in range(0, len(whole), len(whole) // 150):
        (home / "ledger.db").write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        result = verify(home)
        if result.ok:
            assert (result.size, result.root) == (expected.size, expected.root)
        else:
            noticed += 1
    assert noticed > 20


def test_overwritten_page_is_container_damage(home):
    whole = bytearray((home / "ledger.db").read_bytes())
    size = int.from_bytes(whole[16:18], "big")  # the page size, as a SQLite file states it
    assert len(whole) >= 4 * size
    for page in range(1, len(whole) // size):
        start = page * size
        damaged = bytes(whole[:start]) + bytes([0xFF]) * 64 + bytes(whole[start + 64 :])
        (home / "ledger.db").write_bytes(damaged)
        assert found(home)[0] == "container"
    (home / "ledger.db").write_bytes(b"x" * 9000)
    assert found(home)[0] == "container"


class TestStart:
    """The server refuses to start on damage in the part it proves at start."""

    @pytest.mark.parametrize(
        ("statement", "index"),
        [
            ("UPDATE entries SET leaf_hash = x'00' WHERE idx = 49", 49),
            ("DELETE FROM entries WHERE idx = 49", 49),
            ("UPDATE head SET note = x'00'", None),
            ("UPDATE head SET frontier = x'00'", None),
            ("UPDATE head SET facts_epoch = 3", None),
            ("UPDATE head SET size = 49", 49),
            ("DELETE FROM head", 0),
            ("UPDATE checkpoints SET note = x'00'", None),
            ("UPDATE checkpoints SET frontier = x'00'", None),
        ],
    )
    async def test_on_a_closed_ledger(self, home, statement, index):
        change(home, statement)
        with pytest.raises(LedgerDamaged) as caught:
            samples.open_ledger(home, RING)
        assert caught.value.index == index

    @pytest.mark.parametrize(
        ("statement", "index"),
        [
            ("UPDATE entries SET leaf_hash = x'00' WHERE idx = 20", 20),
            ("UPDATE entries SET header = x'00' WHERE idx = 20", 20),
            ("UPDATE entries SET payload = x'00' WHERE idx = 21", 21),
            ("DELETE FROM entries WHERE idx = 22", 22),
            ("DELETE FROM entries WHERE idx > 40", 41),
        ],
    )
    async def test_in_the_tail_after_the_last_checkpoint(self, home, statement, index):
        change(home, "DELETE FROM checkpoints", statement)
        with pytest.raises(LedgerDamaged) as caught:
            samples.open_ledger(home, RING)
        assert caught.value.index == index

    async def test_entry_replaced_whole_in_the_tail(self, home):
        header = column(home, "header", 20).replace(b"app-1", b"app-9")
        change(home, "DELETE FROM checkpoints")
        put(home, "header", 20, header)
        put(home, "leaf_hash", 20, leaf_hash(header))
        with pytest.raises(LedgerDamaged) as caught:
            samples.open_ledger(home, RING)
        assert caught.value.index == 21

    async def test_untouched_ledger_starts(self, home):
        ledger = samples.open_ledger(home, RING)
        await ledger.append([samples.draft()])
        await ledger.close()
        assert verify(home).size == TOTAL + 1


class TestCommandLine:
    """The verifier is one file that runs on its own."""

    def run(self, *arguments):
        command = [sys.executable, "-I", verifier.__file__, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def test_whole_ledger_exits_0(self, home):
        done = self.run(home, "--json")
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert {"ok", "size", "root", "first_bad_index", "damage"} <= answer.keys()
        assert (answer["ok"], answer["size"]) == (True, TOTAL)
        assert f"size: {TOTAL}" in self.run(home / "ledger.db").stdout

    def test_damage_exits_1_and_names_the_index(self, home):
        put(home, "payload", 3, b"x")
        done = self.run(home, "--json", "--public-key", home / "ledger.pub")
        assert done.returncode == 1
        assert json.loads(done.stdout)["first_bad_index"] == 3

    def test_unusable_input_exits_2(self, home, tmp_path):
        for arguments in (
            [tmp_path / "absent"],
            [home, "--public-key", tmp_path / "absent"],
            [home, "--checkpoint", tmp_path / "absent"],
            [home, "--public-key", home / "ledger.db"],
        ):
            done = self.run(*arguments)
            assert done.returncode == 2
            assert "Traceback" not in done.stderr

    def test_the_original_is_not_touched(self, home):
        before = {file.name: (sha256(file.read_bytes()).digest(), file.stat().st_mtime_ns) for file in home.iterdir()}
        self.run(home)
        after = {file.name: (sha256(file.read_bytes()).digest(), file.stat().st_mtime_ns) for file in home.iterdir()}
        assert before == after


def test_verifier_imports_the_standard_library_and_cryptography_only():
    import ast

    names = set()
    for node in ast.walk(ast.parse(Path(verifier.__file__).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
    assert names - set(sys.stdlib_module_names) == {"cryptography"}


def test_malformed_public_key_is_no_verdict(home):
    (home / "ledger.pub").write_text("a+00000000+AQ==")
    with pytest.raises(UnusableInput):
        verify(home)
