"""The ways in which somebody with the disk, or also with the signing key, can change a ledger. One catalogue for all
tests that hunt them: each attack says what the verifier must call it, and at which index."""

import shutil
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.unit.audit import samples

from wardkeep.audit.checkpoint import Checkpoint, VerifierKey, checkpoint_text, signed_note
from wardkeep.audit.sequence import NO_SIGNATURES, signatures_after
from wardkeep.audit.tiles import Leaf, write_checkpoint, write_tiles
from wardkeep.audit.tree import EMPTY, extend, leaf_hash, pack, root
from wardkeep.audit.verify import tile_name
from wardkeep.crypto.keys import Keyring
from wardkeep.crypto.signing import SigningKey, generate_seed, signing_key

SIZES = (1, 3, 8, 1, 1, 20, 6, 10)  # batch boundaries after 1, 4, 12, 13, 14, 34, 40, 50
BOUNDARIES = (0, 3, 11, 12, 13, 33, 39, 49)
TOTAL = sum(SIZES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """A damaged copy to be: its home, the log's keys, and what was kept elsewhere before the attack."""

    home: Path
    ring: Keyring
    kept: Path
    archive: Path
    policy: Path
    witness: SigningKey

    def change(self, *statements: str | tuple[str, tuple]) -> None:
        with closing(sqlite3.connect(self.home / "ledger.db", isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(*((statement,) if isinstance(statement, str) else statement))

    def column(self, name: str, index: int) -> Any:
        with closing(sqlite3.connect(self.home / "ledger.db")) as connection:
            return connection.execute(f"SELECT {name} FROM entries WHERE idx = ?", (index,)).fetchone()[0]

    def put(self, name: str, index: int, value: Any) -> None:
        self.change((f"UPDATE entries SET {name} = ? WHERE idx = ?", (value, index)))

    def rows(self) -> list[tuple]:
        with closing(sqlite3.connect(self.home / "ledger.db")) as connection:
            return connection.execute(
                "SELECT idx, id, header, leaf_hash, signature, payload FROM entries ORDER BY idx"
            ).fetchall()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """`options` names what the auditor brings: `kept`, `archive`, `policy`. `damage` None: not found without them."""

    name: str
    do: Callable[[Kit], None]
    damage: str | None
    index: int | None
    options: tuple[str, ...] = ()
    edit: dict[str, Any] = field(default_factory=dict)


def flip(blob: bytes, bit: int) -> bytes:
    changed = bytearray(blob)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def log_key(ring: Keyring) -> VerifierKey:
    return VerifierKey(name=samples.ORIGIN, public=ring.signer.public)


def note_for(signer: SigningKey, size: int, tree: bytes) -> bytes:
    key = VerifierKey(name=samples.ORIGIN, public=signer.public)
    text = checkpoint_text(Checkpoint(origin=samples.ORIGIN, size=size, root=tree))
    return signed_note(text, key, signer.sign(text))


def witness_key(signer: SigningKey) -> tuple[bytes, str]:
    tag = sha256(b"witness.example\n\x04" + signer.public).digest()[:4]
    encoded = b64encode(b"\x04" + signer.public).decode()
    return tag, f"witness.example+{tag.hex()}+{encoded}"


def cosigned(note: bytes, signer: SigningKey, at: int = 1_800_000_000) -> bytes:
    text = note.partition(b"\n\n")[0] + b"\n"
    blob = witness_key(signer)[0] + at.to_bytes(8, "big") + signer.sign(b"cosignature/v1\ntime %d\n%b" % (at, text))
    return note + b"\xe2\x80\x94 witness.example " + b64encode(blob) + b"\n"


def make_kit(original: Path, place: Path, ring: Keyring) -> Kit:
    """Copy a whole ledger, and keep elsewhere what an auditor keeps: a cosigned checkpoint, tiles, a policy."""
    home = place / "home"
    shutil.copytree(original, home)
    witness = signing_key(generate_seed())
    kit = Kit(
        home=home,
        ring=ring,
        kept=place / "kept.note",
        archive=place / "archive",
        policy=place / "policy",
        witness=witness,
    )
    rows = kit.rows()
    tree = root(extend(EMPTY, [row[3] for row in rows]))
    note = note_for(ring.signer, len(rows), tree)
    kit.kept.write_bytes(cosigned(note, witness))
    write_tiles(kit.archive, published=0, leaves=[Leaf(header=row[2], hash=row[3]) for row in rows])
    write_checkpoint(kit.archive, note)
    key_line = (home / "ledger.pub").read_text().strip()
    kit.policy.write_text(f"log {key_line}\nwitness one {witness_key(witness)[1]}\nquorum one\n")
    return kit


def rewrite(kit: Kit, start: int, edit: Callable[[int, bytes], bytes], *, upto: int | None = None) -> None:
    """Forge history from `start` on, with the signing key: links, leaf hashes, signatures, checkpoints, head."""
    rows = [list(row) for row in kit.rows()][:upto]
    previous, frontier, running = bytes(32), EMPTY, NO_SIGNATURES
    statements: list[str | tuple[str, tuple]] = ["DELETE FROM checkpoints"]
    note = b""
    for row in rows:
        index, header = row[0], row[2]
        if index >= start:
            header = edit(index, header)
            at = header.index(b'"prev":"') + 8
            header = header[:at] + previous.hex().encode() + header[at + 64 :]
        previous = leaf_hash(header)
        frontier = extend(frontier, [previous])
        signature = None
        if row[4] is not None or index == len(rows) - 1:
            text = checkpoint_text(Checkpoint(origin=samples.ORIGIN, size=index + 1, root=root(frontier)))
            signature = kit.ring.signer.sign(text)
            running = signatures_after(running, index, signature)
            note = signed_note(text, log_key(kit.ring), signature)
        statements.append(
            ("UPDATE entries SET header=?, leaf_hash=?, signature=? WHERE idx=?", (header, previous, signature, index))
        )
    statements.append(("DELETE FROM entries WHERE idx >= ?", (len(rows),)))
    statements.append(
        ("UPDATE head SET size=?, frontier=?, signatures=?, note=?", (len(rows), pack(frontier), running, note))
    )
    kit.change(*statements)


def retell(index: int, header: bytes) -> bytes:
    return header.replace(b"app-1", b"app-9")


def relink(kit: Kit, start: int) -> None:
    """Rewrite the rest of history with matching links and hashes, but without the signing key."""
    previous = None
    for index in range(start, TOTAL):
        header = kit.column("header", index)
        header = retell(index, header) if index == start else header
        if previous is not None:
            at = header.index(b'"prev":"') + 8
            header = header[:at] + previous.hex().encode() + header[at + 64 :]
        previous = leaf_hash(header)
        kit.put("header", index, header)
        kit.put("leaf_hash", index, previous)


def replace_whole(kit: Kit, index: int) -> None:
    header = retell(index, kit.column("header", index))
    kit.put("header", index, header)
    kit.put("leaf_hash", index, leaf_hash(header))


def swap(kit: Kit, one: int, two: int) -> None:
    kit.change(
        ("UPDATE entries SET idx = -1 WHERE idx = ?", (one,)),
        ("UPDATE entries SET idx = ? WHERE idx = ?", (one, two)),
        ("UPDATE entries SET idx = ? WHERE idx = -1", (two,)),
    )


def exchange(kit: Kit, name: str, one: int, two: int) -> None:
    first, second = kit.column(name, one), kit.column(name, two)
    kit.put(name, one, second)
    kit.put(name, two, first)


def move_up(kit: Kit, index: int) -> None:
    kit.change(
        ("DELETE FROM entries WHERE idx = ?", (index,)),
        ("UPDATE entries SET idx = -idx WHERE idx > ?", (index,)),
        "UPDATE entries SET idx = -idx - 1 WHERE idx < 0",
    )


def add(kit: Kit, *, is_chained: bool) -> None:
    last = kit.column("header", TOTAL - 1)
    link = leaf_hash(last).hex().encode() if is_chained else b"0" * 64
    header = b'{"v":1,"index":%d,"prev":"%b","type":"read","id":"%b"}' % (TOTAL, link, b"0" * 32)
    kit.change(("INSERT INTO entries VALUES(?, ?, ?, ?, NULL, NULL)", (TOTAL, bytes(16), header, leaf_hash(header))))


def malform(kit: Kit, index: int) -> None:
    header = kit.column("header", index)
    at = header.index(b'"commit":"') + 10
    header = header[:at] + b"xyz" + header[at + 3 :]
    kit.put("header", index, header)
    kit.put("leaf_hash", index, leaf_hash(header))


def lengthen(kit: Kit, index: int) -> None:
    header = kit.column("header", index)
    at = header.index(b'"ct_len":') + 9
    end = header.index(b",", at)
    header = header[:at] + str(int(header[at:end]) + 1).encode() + header[end:]
    kit.put("header", index, header)
    kit.put("leaf_hash", index, leaf_hash(header))


def unname(kit: Kit, index: int) -> None:
    """The header no longer begins as every header does, and its hash matches."""
    header = kit.column("header", index).replace(b'{"v":1,', b'{"v":2,', 1)
    kit.put("header", index, header)
    kit.put("leaf_hash", index, leaf_hash(header))


def rewind(kit: Kit, size: int) -> None:
    """Cut the log at a signed boundary and restore the head as it was then: needs no key."""
    rows = kit.rows()[:size]
    frontier, running = extend(EMPTY, [row[3] for row in rows]), NO_SIGNATURES
    for row in rows:
        running = running if row[4] is None else signatures_after(running, row[0], row[4])
    text = checkpoint_text(Checkpoint(origin=samples.ORIGIN, size=size, root=root(frontier)))
    note = signed_note(text, log_key(kit.ring), rows[-1][4])
    kit.change(
        ("DELETE FROM entries WHERE idx >= ?", (size,)),
        ("DELETE FROM checkpoints WHERE size > ?", (size,)),
        ("UPDATE head SET size = ?, frontier = ?, signatures = ?, note = ?", (size, pack(frontier), running, note)),
    )


def damage_pages(kit: Kit) -> None:
    whole = bytearray((kit.home / "ledger.db").read_bytes())
    with closing(sqlite3.connect(kit.home / "ledger.db")) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'open_requests'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    start = (page - 1) * size
    whole[start : start + 16] = b"\xff" * 16
    (kit.home / "ledger.db").write_bytes(whole)


def spoil_archive(kit: Kit, kind: str) -> None:
    file = kit.archive / tile_name(kind, 0, TOTAL)
    file.write_bytes(flip(file.read_bytes(), 1000))


def cut_archive(kit: Kit) -> None:
    file = kit.archive / tile_name("0", 0, TOTAL)
    file.write_bytes(file.read_bytes()[:-40])


def spoil_cosignature(kit: Kit) -> None:
    text, _, lines = kit.kept.read_bytes().partition(b"\n\n")
    ours, theirs = lines.rstrip(b"\n").split(b"\n")
    words = theirs.split(b" ")
    words[2] = b64encode(flip(b64decode(words[2]), 300))
    kit.kept.write_bytes(text + b"\n\n" + ours + b"\n" + b" ".join(words) + b"\n")


def uncosign(kit: Kit) -> None:
    text, _, lines = kit.kept.read_bytes().partition(b"\n\n")
    kit.kept.write_bytes(text + b"\n\n" + lines.split(b"\n")[0] + b"\n")


def fork_note(kit: Kit) -> None:
    """A checkpoint that was really signed, for another history: what a split view leaves in an auditor's hand."""
    kit.kept.write_bytes(note_for(kit.ring.signer, 30, b"\x01" * 32))


def false_checkpoint(kit: Kit, *, is_signed: bool) -> None:
    signer = kit.ring.signer if is_signed else signing_key(generate_seed())
    kit.change(("UPDATE checkpoints SET note = ?", (note_for(signer, TOTAL, b"\x02" * 32),)))


def cut_with_bad_checkpoint(kit: Kit) -> None:
    kit.change(
        ("DELETE FROM entries WHERE idx >= ?", (40,)), ("UPDATE checkpoints SET note = ? WHERE size > 40", (b"x",))
    )


def unsigned_checkpoint(kit: Kit) -> None:
    """The kept checkpoint states the right tree, under a signature of nobody's, and its entry's is no help."""
    with closing(sqlite3.connect(kit.home / "ledger.db")) as connection:
        size, note = connection.execute("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
    text = note.partition(b"\n\n")[0] + b"\n"
    forged = signed_note(text, log_key(kit.ring), bytes(64))
    kit.change(("UPDATE checkpoints SET note = ? WHERE size = ?", (forged, size)))


def drop_last_signature(kit: Kit) -> None:
    kit.put("signature", TOTAL - 1, None)


def drop_last_signature_and_note(kit: Kit) -> None:
    kit.put("signature", TOTAL - 1, None)
    kit.change(("UPDATE head SET note = ?", (note_for(signing_key(generate_seed()), TOTAL, _tree(kit)),)))


def _tree(kit: Kit) -> bytes:
    return root(extend(EMPTY, [row[3] for row in kit.rows()]))


def foreign_note(kit: Kit) -> None:
    kit.change(("UPDATE head SET note = ?", (note_for(signing_key(generate_seed()), TOTAL, _tree(kit)),)))


def other_tree_note(kit: Kit) -> None:
    kit.change(("UPDATE head SET note = ?", (note_for(kit.ring.signer, TOTAL, b"\x03" * 32),)))


def borrowed_note(kit: Kit) -> None:
    text = checkpoint_text(Checkpoint(origin=samples.ORIGIN, size=TOTAL, root=b"\x05" * 32))
    kit.change(("UPDATE head SET note = ?", (signed_note(text, log_key(kit.ring), kit.column("signature", 49)),)))


def other_log(kit: Kit) -> None:
    other = signing_key(generate_seed())
    kit.kept.write_bytes(note_for(other, TOTAL, _tree(kit)))


def _sql(*statements: str | tuple[str, tuple]) -> Callable[[Kit], None]:
    return lambda kit: kit.change(*statements)


def _put(name: str, index: int, edit: Callable[[Any], Any]) -> Callable[[Kit], None]:
    return lambda kit: kit.put(name, index, edit(kit.column(name, index)))


ATTACKS: tuple[Attack, ...] = (
    # with the disk alone
    Attack(name="bit of a header", do=_put("header", 17, lambda b: flip(b, 1100)), damage="header", index=17),
    Attack(
        name="header of another type", do=_sql("UPDATE entries SET header = 5 WHERE idx = 9"), damage="header", index=9
    ),
    Attack(name="header that begins otherwise", do=lambda kit: unname(kit, 9), damage="header", index=9),
    Attack(name="bit of a leaf hash", do=_put("leaf_hash", 20, lambda b: flip(b, 7)), damage="leaf_hash", index=20),
    Attack(
        name="bit of the last leaf hash", do=_put("leaf_hash", 49, lambda b: flip(b, 7)), damage="leaf_hash", index=49
    ),
    Attack(name="bit of an id", do=_put("id", 22, lambda b: flip(b, 3)), damage="id", index=22),
    Attack(name="id of another type", do=_sql("UPDATE entries SET id = 5 WHERE idx = 9"), damage="id", index=9),
    Attack(name="bit of a payload", do=_put("payload", 24, lambda b: flip(b, 9)), damage="payload", index=24),
    Attack(name="payload cut", do=_put("payload", 24, lambda b: b[:-1]), damage="payload", index=24),
    Attack(name="payload erased", do=_put("payload", 24, lambda _: None), damage="payload", index=24),
    Attack(name="payload invented", do=_put("payload", 2, lambda _: b"x"), damage="payload", index=2),
    Attack(name="payload of another type", do=_put("payload", 24, lambda _: "text"), damage="payload", index=24),
    Attack(name="payloads exchanged", do=lambda kit: exchange(kit, "payload", 6, 30), damage="payload", index=6),
    Attack(name="length restated", do=lambda kit: lengthen(kit, 0), damage="payload", index=0),
    Attack(name="commitment malformed", do=lambda kit: malform(kit, 0), damage="commitment", index=0),
    Attack(name="entry deleted", do=_sql("DELETE FROM entries WHERE idx = 17"), damage="missing", index=17),
    Attack(name="first entry deleted", do=_sql("DELETE FROM entries WHERE idx = 0"), damage="missing", index=0),
    Attack(name="entry deleted, rest moved up", do=lambda kit: move_up(kit, 17), damage="reordered", index=17),
    Attack(name="rows swapped", do=lambda kit: swap(kit, 5, 40), damage="reordered", index=5),
    Attack(name="headers exchanged", do=lambda kit: exchange(kit, "header", 5, 40), damage="reordered", index=5),
    Attack(name="entry replaced whole", do=lambda kit: replace_whole(kit, 17), damage="chain", index=17),
    Attack(
        name="entry before the last replaced whole", do=lambda kit: replace_whole(kit, 48), damage="chain", index=48
    ),
    Attack(name="last entry replaced whole", do=lambda kit: replace_whole(kit, 49), damage="signature", index=40),
    Attack(name="rest relinked without the key", do=lambda kit: relink(kit, 20), damage="signature", index=14),
    Attack(name="bit of a signature", do=_put("signature", 12, lambda b: flip(b, 5)), damage="signature", index=12),
    Attack(name="signature of another type", do=_put("signature", 12, lambda _: "x"), damage="signature", index=12),
    Attack(name="signature a number", do=_put("signature", 12, lambda _: 5), damage="signature", index=12),
    Attack(
        name="bit of a signature, no key at hand",
        do=_put("signature", 12, lambda b: flip(b, 5)),
        damage="signature",
        index=None,
        options=("keyless",),
    ),
    Attack(
        name="tail cut, checkpoints too",
        do=_sql("DELETE FROM entries WHERE idx >= 40", "DELETE FROM checkpoints"),
        damage="truncated",
        index=40,
    ),
    Attack(name="head note with a borrowed signature", do=borrowed_note, damage="head", index=None),
    Attack(name="last signature dropped", do=drop_last_signature, damage="signature", index=49),
    Attack(name="last signature and note dropped", do=drop_last_signature_and_note, damage="extra", index=40),
    Attack(name="entry added", do=lambda kit: add(kit, is_chained=True), damage="extra", index=50),
    Attack(name="entry added unchained", do=lambda kit: add(kit, is_chained=False), damage="chain", index=50),
    Attack(name="tail cut", do=_sql("DELETE FROM entries WHERE idx >= 40"), damage="truncated", index=40),
    Attack(name="last entry cut", do=_sql("DELETE FROM entries WHERE idx >= 49"), damage="truncated", index=49),
    Attack(name="tail cut, checkpoint spoiled", do=cut_with_bad_checkpoint, damage="checkpoint", index=None),
    Attack(name="head removed", do=_sql("DELETE FROM head"), damage="head", index=None),
    Attack(name="head tree", do=_sql("UPDATE head SET frontier = x'00'"), damage="head", index=None),
    Attack(name="head epoch", do=_sql("UPDATE head SET facts_epoch = 0"), damage="head", index=None),
    Attack(name="head size", do=_sql("UPDATE head SET size = 7"), damage="head", index=None),
    Attack(name="head signatures", do=_sql("UPDATE head SET signatures = x'00'"), damage="head", index=None),
    Attack(name="head note of another tree", do=other_tree_note, damage="head", index=None),
    Attack(name="head note by another", do=foreign_note, damage="head", index=None),
    Attack(
        name="kept checkpoint's tree",
        do=_sql("UPDATE checkpoints SET frontier = x'00'"),
        damage="checkpoint",
        index=None,
    ),
    Attack(name="kept checkpoint signed by nobody", do=unsigned_checkpoint, damage="checkpoint", index=None),
    Attack(
        name="kept checkpoint of another history",
        do=lambda kit: false_checkpoint(kit, is_signed=True),
        damage="forked",
        index=None,
    ),
    Attack(name="page overwritten", do=damage_pages, damage="container", index=None),
    # against what was kept elsewhere
    Attack(
        name="tail cut and head rewound",
        do=lambda kit: rewind(kit, 40),
        damage="truncated",
        index=40,
        options=("kept",),
    ),
    Attack(name="split view", do=fork_note, damage="forked", index=None, options=("kept",)),
    Attack(name="checkpoint by another key", do=other_log, damage="checkpoint", index=None, options=("kept",)),
    Attack(
        name="cosignature spoiled",
        do=spoil_cosignature,
        damage="checkpoint",
        index=None,
        options=("kept", "policy"),
    ),
    Attack(name="not witnessed", do=uncosign, damage="unwitnessed", index=0, options=("kept", "policy")),
    # with the signing key too
    Attack(
        name="rolled back with the key",
        do=lambda kit: rewrite(kit, 50, retell, upto=30),
        damage="truncated",
        index=30,
        options=("kept", "policy"),
    ),
    Attack(
        name="rewritten with the key, against a checkpoint",
        do=lambda kit: rewrite(kit, 23, retell),
        damage="forked",
        index=None,
        options=("kept", "policy"),
    ),
    Attack(
        name="rewritten with the key, against an archive",
        do=lambda kit: rewrite(kit, 23, retell),
        damage="forked",
        index=23,
        options=("archive",),
    ),
    Attack(
        name="rolled back with the key, against an archive",
        do=lambda kit: rewrite(kit, 50, retell, upto=30),
        damage="truncated",
        index=30,
        options=("archive",),
    ),
    Attack(
        name="archive spoiled",
        do=lambda kit: spoil_archive(kit, "0"),
        damage="archive",
        index=None,
        options=("archive",),
    ),
    Attack(name="archive cut", do=cut_archive, damage="archive", index=None, options=("archive",)),
)
