"""Check a ledger offline: this one file, the standard library and `cryptography`.

    python verify.py PATH [--public-key FILE | --policy FILE] [--checkpoint FILE]... [--archive DIR]
                          [--timestamps DIR --timestamp-roots FILE] [--headers-only]
                          [--prove INDEX --out FILE] [--certificate FILE] [--json]

PATH is `ledger.db`, a home directory that holds it, a directory of tiles (C2SP tlog-tiles), or one record's proof
(C2SP tlog-proof). 45 CFR 164.312(c)(1)-(2); RFC 6962 section 2.1; C2SP tlog-checkpoint, tlog-cosignature, tlog-policy
and signed-note. Nothing of Wardkeep is imported, so that an auditor can read all that is trusted here.

What is checked, in one pass: the database's own structure; that entries are numbered without gap; that each header
names its own index and the hash before it; that each leaf hash, payload hash, length, id and key commitment field is
what the header's bytes say; then the head, every kept checkpoint, and the signatures, against the recomputed tree. Any
damage is reported with the first wrong index and its class. `--headers-only` leaves the payloads' bytes unread: then
their presence and length are checked, and the answer says so.

What is not: whether what was recorded is true, and whether a tail was cut together with every checkpoint that covered
it. For the latter give `--checkpoint`, a note that was kept elsewhere, best one that witnesses have cosigned, with the
`--policy` that names them. `--archive` compares every leaf with tiles kept elsewhere, and so names the very entry at
which somebody who held the signing key began to rewrite. `--timestamps` holds pairs `<size>.note` and `<size>.tsr`:
each note is held against the tree, and each stamp against the roots. Payloads are not decrypted.

The original is never opened for writing: where a write-ahead log exists, a private copy is checked. In the process
that has the ledger open, check a copy: closing any descriptor of the original would drop its record locks.

    damage         what is wrong                                  first_bad_index
    container      a database page, a tile or the file itself     the entry it was met at, when known
    header         a header's bytes                               that entry
    leaf_hash      a stored leaf hash                             that entry
    id             a stored id                                    that entry
    payload        a payload's bytes, length or presence          that entry
    commitment     the shape of key id or key commitment          that entry
    missing        a gap in the numbering                         the first absent index
    reordered      a header that names another index              that place
    chain          an entry replaced whole, so links break        that entry
    signature      a stored signature, or content it denies       that entry, or the first one not proven
    extra          entries that no signature covers               the first one
    truncated      fewer entries than head or checkpoint state    the first absent index
    head           the head row                                   none
    checkpoint     a kept or given checkpoint or cosignature      none
    forked         a signed checkpoint or archive of another      the first differing entry with an archive,
                   history                                        else none
    unwitnessed    no checkpoint with the policy's quorum         the first entry not covered
    archive        the archive contradicts itself                 none
    timestamp      a time stamp (RFC 3161) does not hold          none
    proof          a record's proof does not hold                 the entry it is for
"""

import argparse
import json
import os
import re
import shutil
import sqlite3
import sys
import tempfile
import threading
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from binascii import hexlify
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256, sha384, sha512
from pathlib import Path
from textwrap import wrap
from typing import Final, NoReturn, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID

_ZERO: Final = bytes(32)
_HASH_BYTES: Final = 32
_COPY_ATTEMPTS: Final = 5
_HEAD_OF_HEADER: Final = re.compile(rb'\{"v":1,"index":(0|[1-9][0-9]{0,18}),"prev":"([0-9a-f]{64})",')
_SEAL_FIELDS: Final = re.compile(
    rb'"ct_sha256":"([0-9a-f]{64})","ct_len":([0-9]+),"key":"([^"\\]{1,64})","commit":"[0-9a-f]{64}"[,}]'
)
# A subject's key is named `<epoch>.<tag>.<serial>`; the entry of its destruction names the tag as its subject.
_TAG: Final = re.compile(rb'"type":"shred",.*?"subject":"([0-9a-f]{32})"')
_COSIGNER: Final = 4
_DASH: Final = b"\xe2\x80\x94"
_TILE: Final = 256
_PROOF_VERSION: Final = "c2sp.org/tlog-proof@v1"
_CERTIFICATE_SCOPE: Final = (
    "This statement says that the stored bytes are the ones that were signed, in their order and without gap. It does "
    "not say that what was recorded is true, that every call was recorded, or that anybody complies with a law. A tail "
    "cut together with every checkpoint that covered it is found only against a checkpoint kept elsewhere."
)
_SCAN: Final = "SELECT idx, id, header, leaf_hash, signature, payload FROM entries ORDER BY idx"
# length() of a blob is read from the row's head, so no page of a payload is touched
_SCAN_LENGTHS: Final = (
    "SELECT idx, id, header, leaf_hash, signature, CASE typeof(payload) WHEN 'null' THEN NULL "
    "WHEN 'blob' THEN length(payload) ELSE -1 END FROM entries ORDER BY idx"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was found.

    `ok` says nothing about signatures unless `signed` is true, about payloads' bytes unless `payloads` is `hashed`, and
    about a tail that was cut after `witnessed` and `archived`. `shredded` payloads are as they were stored, but the key
    of their subject was destroyed: the entry that says so stands in the log.
    """

    ok: bool
    size: int
    root: str
    first_bad_index: int | None
    damage: str | None
    signed: bool
    detail: str
    payloads: str = "hashed"
    shredded: int = 0
    witnessed: int | None = None
    witnesses: tuple[str, ...] = ()
    archived: int | None = None
    stamped: int | None = None
    stamped_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A published key. A log's name is the origin in every checkpoint. `kind` 1 signs notes, 4 cosigns them."""

    name: str
    raw: bytes
    kind: int = 1

    @property
    def tag(self) -> bytes:
        """The key id of signature lines (C2SP signed-note)."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.raw).digest()[:4]

    def signatures_in(self, note: bytes) -> list[bytes]:
        """Return what a note's signature lines carry under this key, not yet verified."""
        return _signatures(note, self)

    def holds(self, signature: object, text: bytes) -> bool:
        """Whether `signature` over `text` is by this key."""
        if not isinstance(signature, bytes):
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Who must have seen a checkpoint (C2SP tlog-policy). A group is met when `needed` of its members are."""

    log: PublicKey
    witnesses: Mapping[str, PublicKey]
    groups: Mapping[str, tuple[int, tuple[str, ...]]]
    quorum: str
    urls: Mapping[str, str] = field(default_factory=dict)

    def is_met(self, cosigned: set[str], name: str | None = None) -> bool:
        """Whether these witnesses (by their names in the policy) are enough."""
        name = self.quorum if name is None else name
        if name == "none" or name in cosigned:
            return True
        needed, members = self.groups.get(name, (1, ()))
        return sum(self.is_met(cosigned, member) for member in members) >= needed


class UnusableInput(Exception):  # noqa: N818 - named for the state found
    """A given file is absent or no key or checkpoint; the caller names the right one."""


class _Bad(Exception):  # noqa: N818
    """The first damage; ends the walk."""

    def __init__(self, damage: str, index: int | None, detail: str) -> None:
        super().__init__(detail)
        self.damage = damage
        self.index = index
        self.detail = detail


@dataclass(slots=True, kw_only=True)
class _Walk:
    """Where the pass stands. `stack` is the compact range over the leaves so far."""

    size: int = 0
    previous: bytes = _ZERO
    facts_epoch: int = 0
    shredded: int = 0
    signatures: bytes = _ZERO
    last_signed: int = -1
    last_signature: bytes = b""
    signed_at: dict[int, bytes] = field(default_factory=dict)
    fitting: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stated:
    """What the store, and checkpoints kept elsewhere, claim about the log."""

    head: tuple[object, ...] | None
    notes: dict[int, tuple[object, object]]
    given: "tuple[_Note, ...]"
    key: PublicKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    origin: str
    size: int
    root: bytes
    text: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Witnessed:
    """The largest given checkpoint that meets the policy, and whose cosignatures it carries."""

    size: int
    names: tuple[str, ...]


def verify(
    path: Path | str,
    public_key: Path | None = None,
    checkpoint: Path | Sequence[Path] | None = None,
    *,
    policy: Path | None = None,
    archive: Path | None = None,
    timestamps: tuple[Path, Path] | None = None,
    hash_payloads: bool = True,
) -> Result:
    """Check the ledger at `path`.

    Args:
        path: the database file, a directory that holds `ledger.db`, or a directory of tiles.
        public_key: the published verifier key; by default the policy's, else `ledger.pub` beside the database.
        checkpoint: signed notes kept elsewhere.
        policy: who must have cosigned; without a given checkpoint the published ones are held to it.
        archive: a directory of tiles kept elsewhere.
        timestamps: a directory of stamped notes, and a file of the authority's root certificates (PEM).
        hash_payloads: False leaves the payloads' bytes unread.

    Raises:
        UnusableInput: a file is absent, or is no key, policy or checkpoint at all.
    """
    database, tiles = _find(Path(path))
    rules = None if policy is None else read_policy(policy)
    beside = database.with_name("ledger.pub") if tiles is None else tiles / "ledger.pub"
    key = rules.log if rules is not None else None
    if public_key is not None or (key is None and beside.is_file()):
        key = read_public_key(public_key or beside)
    files = [checkpoint] if isinstance(checkpoint, Path) else list(checkpoint or ())
    if rules is not None and not files:
        beside_tiles = database.parent / "log" if tiles is None else tiles
        files = [file for name in ("witnessed", "checkpoint") if (file := beside_tiles / name).is_file()]
    stamped = [] if timestamps is None else _stamped_notes(timestamps[0])
    roots = [] if timestamps is None else _read_roots(timestamps[1])
    kept = [_read_bytes(file) for file in (*files, *(note for note, _ in stamped))]
    walk, stack = _Walk(), _Stack()
    found: _Bad | None = None
    witnessed: _Witnessed | None = None
    archived: int | None = None
    newest: _Stamp | None = None
    try:
        newest = _check_stamps(stamped, roots)
        given, witnessed = _given(kept, key, rules)
        if tiles is not None:
            _check_tiles(tiles, key, given, walk, stack)
        else:
            with _readable(database) as readable:
                _check(readable, key, given, walk, stack, hash_payloads=hash_payloads)
                archived = None if archive is None else _compare_archive(readable, archive, key, walk.size)
        _require_quorum(rules, witnessed, 0)
    except _Bad as bad:
        found = bad
    except (sqlite3.Error, OverflowError) as error:
        found = _Bad("container", walk.size, f"the database cannot be read on ({type(error).__name__})")
    unsigned = "" if key is not None else "signatures not checked: no public key"
    return Result(
        ok=found is None,
        size=walk.size,
        root=stack.root().hex(),
        first_bad_index=None if found is None else found.index,
        damage=None if found is None else found.damage,
        signed=key is not None,
        detail=unsigned if found is None else found.detail,
        shredded=walk.shredded,
        payloads="hashed" if hash_payloads and tiles is None else "lengths only" if tiles is None else "not there",
        witnessed=None if witnessed is None else witnessed.size,
        witnesses=() if witnessed is None else witnessed.names,
        archived=archived,
        stamped=None if newest is None else newest.size,
        stamped_at=None if newest is None else newest.at.isoformat(),
    )


def prove(path: Path | str, index: int, checkpoint: Path | None = None) -> bytes:
    """Return the proof (C2SP tlog-proof) that entry `index` is in the tree of a checkpoint, by default the head.

    The header is carried as extra data. Verify the ledger first: this only computes.

    Raises:
        UnusableInput: there is no such ledger or entry, or the checkpoint does not cover it.
    """
    database, tiles = _find(Path(path))
    if tiles is not None:
        raise UnusableInput("a proof is made from a ledger, not from tiles")
    with _readable(database) as readable, closing(_open(readable)) as connection:
        head = connection.execute("SELECT note FROM head").fetchone()
        note = _read_bytes(checkpoint) if checkpoint is not None else b"" if head is None else head[0]
        stated = _parse_note(note)
        header, _ = _row(connection, index)
        if stated is None or not 0 <= index < stated.size or not header:
            raise UnusableInput(f"the checkpoint does not cover an entry {index}")
        path_nodes = _inclusion_path(connection, index, stated.size)
    return _proof_text(header, index, path_nodes) + b"\n\n" + note


def verify_proof(proof: Path, public_key: Path | None = None, policy: Path | None = None) -> Result:
    """Check one record's proof against the log's key, and the policy's witnesses when one is given.

    Raises:
        UnusableInput: a file is absent, or is no proof, or no key is given.
    """
    parsed = _parse_proof(_read_bytes(proof))
    if parsed is None:
        raise UnusableInput(f"{proof} is no proof of a record")
    header, index, nodes, note = parsed
    rules = None if policy is None else read_policy(policy)
    key = read_public_key(public_key) if public_key is not None else rules.log if rules is not None else None
    if key is None:
        raise UnusableInput("a proof proves nothing without the log's public key; give --public-key or --policy")
    found: _Bad | None = None
    witnessed: _Witnessed | None = None
    stated = _parse_note(note)
    try:
        (stated,), witnessed = _given([note], key, rules)
        _check_path(header, index, nodes, stated)
        _require_quorum(rules, witnessed, index)
    except _Bad as bad:
        found = bad
    return Result(
        ok=found is None,
        size=0 if stated is None else stated.size,
        root="" if stated is None else stated.root.hex(),
        first_bad_index=None if found is None else index,
        damage=None if found is None else found.damage,
        signed=True,
        detail=header.decode("utf-8", "replace") if found is None else found.detail,
        payloads="not there",
        witnessed=None if witnessed is None else witnessed.size,
        witnesses=() if witnessed is None else witnessed.names,
    )


def read_public_key(path: Path) -> PublicKey:
    """Parse a published verifier key: name+key id+base64.

    Raises:
        UnusableInput: absent, malformed, or the key id is not this key's.
    """
    key = _parse_key(_read_bytes(path).decode("utf-8", "replace").strip())
    if key is None or key.kind != 1:
        raise UnusableInput(f"{path} holds no Ed25519 verifier key")
    return key


def read_policy(path: Path) -> Policy:
    """Parse a policy file: one log, witnesses, groups, quorum (C2SP tlog-policy).

    Raises:
        UnusableInput: absent or malformed; a policy that is not understood whole proves nothing.
    """
    logs: list[PublicKey] = []
    witnesses: dict[str, PublicKey] = {}
    groups: dict[str, tuple[int, tuple[str, ...]]] = {}
    urls: dict[str, str] = {}
    quorum: str | None = None
    used: set[str] = set()
    for line in _read_bytes(path).decode("utf-8", "replace").split("\n"):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        match words:
            case ["log", text, *_] if (key := _parse_key(text)) is not None and key.kind == 1 and not logs:
                logs.append(key)
            case ["witness", name, text, *url] if (
                (key := _parse_key(text)) is not None
                and key.kind == _COSIGNER
                and name not in {*witnesses, *groups, "none"}
                and all(key.raw != other.raw for other in witnesses.values())
            ):
                witnesses[name] = key
                if url:
                    urls[name] = url[0]
            case ["group", name, count, *members] if (
                name not in {*witnesses, *groups, "none"}
                and members
                and len(set(members)) == len(members)
                and all(member in witnesses or member in groups for member in members)
                and used.isdisjoint(members)
                and (needed := _threshold(count, len(members))) is not None
            ):
                groups[name] = (needed, tuple(members))
                used.update(members)
            case ["quorum", name] if quorum is None and (name == "none" or name in witnesses or name in groups):
                quorum = name
            case _:
                raise UnusableInput(f"{path}: a policy line is not understood: {line[:60]!r}")
    if len(logs) != 1 or quorum is None:
        raise UnusableInput(f"{path}: a policy names one log and one quorum")
    return Policy(log=logs[0], witnesses=witnesses, groups=groups, quorum=quorum, urls=urls)


def certificate(result: Result, *, subject: str, at: datetime, verifier: bytes) -> str:
    """Return a printable statement of what was verified and what was not, for an auditor's file.

    Args:
        result: what was found.
        subject: the path or name of what was checked.
        at: when, aware.
        verifier: the verifier's own bytes; their hash says which program spoke.
    """
    witnesses = ", ".join(result.witnesses) or "none"
    covered = "none" if result.witnessed is None else f"entries 0 to {result.witnessed - 1}, by {witnesses}"
    rows = [
        ("Checked", subject),
        ("At (UTC)", at.astimezone(UTC).isoformat(timespec="seconds")),
        ("Outcome", "no damage found" if result.ok else "DAMAGE FOUND"),
        ("Damage", "-" if result.damage is None else f"{result.damage}: {result.detail}"),
        ("First bad index", "-" if result.first_bad_index is None else str(result.first_bad_index)),
        ("Entries", str(result.size)),
        ("Merkle root (SHA-256)", result.root),
        ("Signatures", "checked against the given key" if result.signed else "NOT checked: no key was given"),
        ("Payloads", f"{result.payloads}; {result.shredded} unreadable since their subject was shredded"),
        ("Witnesses", covered),
        ("Archive", "not compared" if result.archived is None else f"entries 0 to {result.archived - 1} agree"),
        ("Time stamps", "none" if result.stamped is None else f"{result.stamped} entries stood at {result.stamped_at}"),
        ("Verifier (SHA-256)", sha256(verifier).hexdigest()),
    ]
    lines = ["LEDGER VERIFICATION CERTIFICATE", "=" * 78, ""]
    for name, value in rows:
        cut = wrap(value, 54, break_on_hyphens=False) or [""]
        lines += [f"{name:<24}{cut[0]}", *(" " * 24 + rest for rest in cut[1:])]
    lines += [
        "",
        *wrap(_CERTIFICATE_SCOPE, 78),
        "",
        "Verified by: ______________________   Signature: ______________________",
        "",
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0 only for a ledger or proof without damage."""
    parser = argparse.ArgumentParser(prog="verify", description="Check a ledger, or one record's proof, offline.")
    parser.add_argument("path", type=Path, metavar="PATH", help="ledger.db, a home, a directory of tiles, or a proof")
    parser.add_argument("--public-key", type=Path, metavar="FILE", help="default: ledger.pub beside the database")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="log, witnesses and quorum (tlog-policy)")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", action="append", help="a signed note kept elsewhere")
    parser.add_argument("--archive", type=Path, metavar="DIR", help="tiles kept elsewhere, compared leaf by leaf")
    parser.add_argument("--timestamps", type=Path, metavar="DIR", help="pairs of <size>.note and <size>.tsr")
    parser.add_argument("--timestamp-roots", type=Path, metavar="FILE", help="the authority's roots (PEM)")
    parser.add_argument("--headers-only", action="store_true", help="do not hash the payloads")
    parser.add_argument("--prove", type=int, metavar="INDEX", help="after the check, write this entry's proof to --out")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the proof goes")
    parser.add_argument("--certificate", type=Path, metavar="FILE", help="write a printable statement of the outcome")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    if (given.prove is None) != (given.out is None):
        parser.error("--prove and --out belong together")
    if (given.timestamps is None) != (given.timestamp_roots is None):
        parser.error("--timestamps and --timestamp-roots belong together")
    try:
        result = run(
            given.path,
            given.public_key,
            given.checkpoint,
            policy=given.policy,
            archive=given.archive,
            timestamps=None if given.timestamps is None else (given.timestamps, given.timestamp_roots),
            hash_payloads=not given.headers_only,
            prove_index=given.prove,
            out=given.out,
            certificate_file=given.certificate,
        )
    except UnusableInput as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if given.json:
        sys.stdout.write(json.dumps(asdict(result)) + "\n")
    else:
        sys.stdout.write("".join(f"{name}: {value}\n" for name, value in asdict(result).items()))
    return 0 if result.ok else 1


def run(
    path: Path,
    public_key: Path | None = None,
    checkpoint: Sequence[Path] | None = None,
    *,
    policy: Path | None = None,
    archive: Path | None = None,
    timestamps: tuple[Path, Path] | None = None,
    hash_payloads: bool = True,
    prove_index: int | None = None,
    out: Path | None = None,
    certificate_file: Path | None = None,
) -> Result:
    """Verify whatever `path` is, then write the proof and the certificate that were asked for.

    Raises:
        UnusableInput: as `verify`, `verify_proof` and `prove`, or a file cannot be written.
    """
    if is_proof(path):
        result = verify_proof(path, public_key, policy)
    else:
        result = verify(
            path,
            public_key,
            checkpoint,
            policy=policy,
            archive=archive,
            timestamps=timestamps,
            hash_payloads=hash_payloads,
        )
    try:
        if prove_index is not None and out is not None and result.ok:
            out.write_bytes(prove(path, prove_index, checkpoint[0] if checkpoint else None))
        if certificate_file is not None:
            statement = certificate(
                result, subject=str(path), at=datetime.now(UTC), verifier=Path(__file__).read_bytes()
            )
            certificate_file.write_text(statement, encoding="utf-8")
    except OSError as error:
        raise UnusableInput(f"{error.filename} cannot be written ({error.strerror})") from error
    return result


def is_proof(path: Path) -> bool:
    """Whether the file at `path` begins as a record's proof does."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(_PROOF_VERSION)) == _PROOF_VERSION.encode()


# ---- the pass ------------------------------------------------------------------------------------------------------


class _Stack:
    """The compact range of the leaves so far (RFC 6962 section 2.1): perfect subtrees, left to right."""

    __slots__ = ("hashes", "size")

    def __init__(self) -> None:
        self.hashes: list[bytes] = []
        self.size = 0

    def push(self, leaf: bytes) -> None:
        nodes, rest, node = self.hashes, self.size, leaf
        while rest & 1:
            node = sha256(b"\x01" + nodes.pop() + node).digest()
            rest >>= 1
        nodes.append(node)
        self.size += 1

    def root(self) -> bytes:
        if not self.hashes:
            return sha256(b"").digest()
        node = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            node = sha256(b"\x01" + left + node).digest()
        return node


def _check(
    database: str,
    key: PublicKey | None,
    given: tuple[_Note, ...],
    walk: _Walk,
    stack: _Stack,
    *,
    hash_payloads: bool,
) -> None:
    with closing(_open(database)) as connection, _structure_check(database) as structure:
        head = connection.execute("SELECT size, frontier, facts_epoch, signatures, note FROM head").fetchone()
        notes = {
            size: (frontier, note)
            for size, frontier, note in connection.execute("SELECT size, frontier, note FROM checkpoints")
        }
        stated = _Stated(head=head, notes=notes, given=given, key=key)
        roots = _walk_entries(connection, walk, stack, stated, hash_payloads=hash_payloads)
        _check_notes(connection, stated, roots, walk)
        _check_end(stated, walk.size)
        _check_head_size(head, walk.size)
        if head is not None:
            _check_signed(connection, head, stated, walk, stack)
            _check_head(head, walk, stack)
        _check_given(given, roots)
    if structure:
        raise _Bad("container", None, f"the database's structure is damaged: {structure[0][:100]}")


def _given(
    kept: Sequence[bytes], key: PublicKey | None, rules: Policy | None
) -> tuple[tuple[_Note, ...], _Witnessed | None]:
    """Parse the checkpoints that were given; each is signed by the log, and no cosignature on it may be wrong."""
    notes: list[_Note] = []
    best: _Witnessed | None = None
    for note in kept:
        stated = _parse_note(note)
        if stated is None or not _note_holds(note, stated, key):
            raise _Bad("checkpoint", None, "the given checkpoint is not signed by this log's key")
        notes.append(stated)
        if rules is None:
            continue
        names = _cosigners(note, stated, rules)
        if names and rules.is_met(set(names)) and (best is None or stated.size > best.size):
            best = _Witnessed(size=stated.size, names=names)
    return tuple(notes), best


def _cosigners(note: bytes, stated: _Note, rules: Policy) -> tuple[str, ...]:
    """Return the policy's names of those whose cosignature on a note holds (C2SP tlog-cosignature)."""
    held: list[str] = []
    for name, key in rules.witnesses.items():
        for blob in _signatures(note, key):
            at = int.from_bytes(blob[:8], "big")
            if not key.holds(blob[8:], b"cosignature/v1\ntime %d\n%b" % (at, stated.text)):
                raise _Bad("checkpoint", None, f"the cosignature of witness {name} does not hold")
            if name not in held:
                held.append(name)
    return tuple(held)


def _require_quorum(rules: Policy | None, witnessed: _Witnessed | None, index: int) -> None:
    if rules is not None and witnessed is None and rules.quorum != "none":
        raise _Bad("unwitnessed", index, "no given checkpoint carries the cosignatures that the policy asks for")


def _check_given(given: Sequence[_Note], roots: Mapping[int, bytes]) -> None:
    for note in given:
        if note.root != roots.get(note.size, sha256(b"").digest() if note.size == 0 else None):
            raise _Bad("forked", None, f"the given checkpoint of size {note.size} was signed for another history")


def _walk_entries(  # noqa: C901, PLR0912, PLR0915 - the hot loop, a million turns in seconds, so nothing is called in it
    connection: sqlite3.Connection, walk: _Walk, stack: _Stack, stated: _Stated, *, hash_payloads: bool
) -> dict[int, bytes]:
    """Check every entry against itself and its predecessor; return the roots at the sizes that checkpoints state."""
    wanted = {*stated.notes, *(note.size for note in stated.given)}
    roots: dict[int, bytes] = {}
    nodes = stack.hashes
    tags: dict[bytes, int] = {}
    size = 0
    previous = _ZERO
    sha = sha256
    try:
        for index, entry_id, header, leaf_column, signature, payload in connection.execute(
            _SCAN if hash_payloads else _SCAN_LENGTHS
        ):
            if index != size:
                raise _Bad("missing", size, "an entry is missing")
            if type(header) is not bytes:
                raise _Bad("header", size, "the header is not what was stored")
            prefix = b'{"v":1,"index":%d,"prev":"%b",' % (size, hexlify(previous))
            leaf = sha(b"\x00" + header).digest()
            if leaf != leaf_column or not header.startswith(prefix):
                _diagnose(connection, size, previous, stack)
            at = len(prefix)
            start = header.find(b'"id":"', at, at + 40) + 6
            if type(entry_id) is not bytes or header[start : start + 32] != hexlify(entry_id):
                raise _Bad("id", size, "the stored id is not the header's")
            place = header.find(b'"ct_sha256":"', at)
            if payload is not None:
                if place < 0:
                    raise _Bad("payload", size, "there is a payload that the header does not name")
                sealed = _SEAL_FIELDS.match(header, place)
                if sealed is None:
                    raise _Bad("commitment", size, "the header's key id or commitment is malformed")
                if not hash_payloads:
                    length = payload
                elif type(payload) is not bytes or sealed[1] != sha(payload).hexdigest().encode():
                    raise _Bad("payload", size, "the payload is not what the header names")
                else:
                    length = len(payload)
                if int(sealed[2]) != length:
                    raise _Bad("payload", size, "the payload's length is not what the header names")
                name = sealed[3]
                if len(name) > 46:
                    tag = name[-45:-13]
                    tags[tag] = tags.get(tag, 0) + 1
            elif place >= 0:
                raise _Bad("payload", size, "the payload that the header names is absent")
            if header.startswith(b'"type":"control"', at):
                walk.facts_epoch = size + 1
            elif header.startswith(b'"type":"shred"', at):
                gone = _TAG.match(header, at)
                walk.shredded += 0 if gone is None else tags.pop(gone[1], 0)
            node, rest = leaf, size
            while rest & 1:
                node = sha(b"\x01" + nodes.pop() + node).digest()
                rest >>= 1
            nodes.append(node)
            size += 1
            previous = leaf
            if signature is not None:
                if type(signature) is not bytes:
                    raise _Bad("signature", size - 1, "the stored signature is none")
                walk.signatures = sha(walk.signatures + (size - 1).to_bytes(8, "big") + signature).digest()
                walk.last_signed, walk.last_signature = size - 1, signature
            if size in wanted:
                if signature is not None:
                    walk.signed_at[size] = signature
                stack.size = size
                roots[size] = stack.root()
                if size in stated.notes and stated.notes[size][0] == b"".join(nodes):
                    walk.fitting.add(size)
    finally:
        walk.size = stack.size = size
        walk.previous = previous
    return roots


def _check_notes(connection: sqlite3.Connection, stated: _Stated, roots: dict[int, bytes], walk: _Walk) -> None:
    """Compare every kept checkpoint with the tree; where a signed one differs, the entries are what is wrong."""
    for size in sorted(stated.notes):
        note = stated.notes[size][1]
        parsed = _parse_note(note)
        if size not in roots or (parsed is not None and parsed.size == size and parsed.root == roots[size]):
            if size in roots and size not in walk.fitting:
                raise _Bad("checkpoint", None, f"the kept checkpoint of size {size} carries another tree")
            continue
        if stated.key is not None and stated.head is not None and _note_holds(note, parsed, stated.key):
            fork = _Bad("forked", None, f"a kept checkpoint of size {size} was signed for another history")
            _find_bad_signature(connection, stated.head, stated.key, walk, otherwise=fork)
        raise _Bad("checkpoint", None, f"the kept checkpoint of size {size} states another tree")


def _check_end(stated: _Stated, size: int) -> None:
    """Compare the number of entries with every checkpoint's."""
    given = max((note.size for note in stated.given), default=0)
    if given > size:
        raise _Bad("truncated", size, f"a given checkpoint states {given} entries")
    noted = max(stated.notes, default=0)
    if noted > size:
        note = stated.notes[noted][1]
        parsed = _parse_note(note)
        if parsed is None or parsed.size != noted or not _note_holds(note, parsed, stated.key):
            raise _Bad("checkpoint", None, f"the kept checkpoint of size {noted} does not verify")
        raise _Bad("truncated", size, f"a kept checkpoint states {noted} entries")


def _check_head_size(head: tuple[object, ...] | None, size: int) -> None:
    if head is None:
        if size:
            raise _Bad("head", None, "there are entries, but no head")
        return
    stated = head[0]
    if stated == size:
        return
    note = _parse_note(head[4])
    if not isinstance(stated, int) or note is None or note.size != stated:
        raise _Bad("head", None, "the head contradicts its own signed note")
    if stated > size:
        raise _Bad("truncated", size, f"the head states {stated} entries")
    raise _Bad("extra", stated, "there are entries beyond the signed head")


def _check_signed(
    connection: sqlite3.Connection, head: tuple[object, ...], stated: _Stated, walk: _Walk, stack: _Stack
) -> None:
    """Check that the last signature proves the whole tree, and that no stored signature or note was damaged."""
    key = stated.key
    if walk.size and walk.last_signed != walk.size - 1:
        if key is not None and _text_holds(head[4], key, stack.root(), walk.size):
            raise _Bad("signature", walk.size - 1, "the last entry's signature is absent")
        raise _Bad("extra", walk.last_signed + 1, "there are entries that no signature covers")
    if key is None:
        if walk.signatures != head[3]:
            raise _Bad("signature", None, "a stored signature was changed; give the public key to find it")
        return
    if walk.size == 0:
        return
    text = _text(key.name, walk.size, stack.root())
    if walk.signatures != head[3] or not key.holds(walk.last_signature, text):
        wrong_hash = _Bad("head", None, "the head's running hash over signatures is not theirs")
        _find_bad_signature(connection, head, key, walk, otherwise=wrong_hash)
    for size, (_, note) in stated.notes.items():
        # A note that carries its entry's signature needs no second check: that one is covered by the running hash.
        carried = isinstance(note, bytes) and walk.signed_at.get(size) in _signatures(note, key)
        parsed = _parse_note(note)
        if parsed is None or parsed.origin != key.name or not (carried or _note_holds(note, parsed, key)):
            raise _Bad("checkpoint", None, f"the kept checkpoint of size {size} is not signed by this key")


def _find_bad_signature(
    connection: sqlite3.Connection, head: tuple[object, ...], key: PublicKey, walk: _Walk, *, otherwise: _Bad
) -> NoReturn:
    """Verify every stored signature: a good one later proves the content before it, so only signature bytes are bad.

    When all hold, the damage is `otherwise`.
    """
    stack = _Stack()
    suspects: list[int] = []
    proven = -1
    for index, leaf, signature in connection.execute("SELECT idx, leaf_hash, signature FROM entries ORDER BY idx"):
        stack.push(leaf)
        if signature is None:
            continue
        if key.holds(signature, _text(key.name, index + 1, stack.root())):
            proven = index
        else:
            suspects.append(index)
    if not suspects:
        raise otherwise
    if suspects[0] < proven or _text_holds(head[4], key, stack.root(), walk.size):
        raise _Bad("signature", suspects[0], "the stored signature was changed; the entries themselves are proven")
    raise _Bad(
        "signature",
        proven + 1,
        f"entries {proven + 1} to {suspects[0]} are not what was signed, or it was not this key",
    )


def _check_head(head: tuple[object, ...], walk: _Walk, stack: _Stack) -> None:
    stated = _parse_note(head[4])
    if head[1] != b"".join(stack.hashes) or head[2] != walk.facts_epoch:
        raise _Bad("head", None, "the head's tree or facts epoch is not what the entries give")
    if stated is None or stated.size != walk.size or stated.root != stack.root():
        raise _Bad("head", None, "the head's note states another tree")
    if not isinstance(head[4], bytes) or walk.last_signature not in _signatures(head[4]):
        raise _Bad("head", None, "the head's note does not carry the last entry's signature")


# ---- what exactly is wrong with an entry ---------------------------------------------------------------------------


def _diagnose(connection: sqlite3.Connection, index: int, previous: bytes, stack: _Stack) -> NoReturn:
    """Name the damage at or just before `index`, whose header does not fit its hash, its place or its predecessor."""
    header, column = _row(connection, index)
    leaf = sha256(b"\x00" + header).digest()
    named = _HEAD_OF_HEADER.match(header)
    fits = named is not None and int(named[1]) == index and named[2] == previous.hex().encode()
    if leaf != column:
        if named is not None and int(named[1]) != index and _row(connection, int(named[1]))[1] == leaf:
            raise _Bad("reordered", index, f"the header of entry {int(named[1])} stands here")
        if fits and _is_confirmed(connection, index, leaf, stack):
            raise _Bad("leaf_hash", index, "the stored leaf hash is not its header's; the next link proves the header")
        raise _Bad("header", index, "the header is not what its hash says")
    if named is None:
        raise _Bad("header", index, "the header does not begin as every header does")
    if int(named[1]) != index:
        raise _Bad("reordered", index, f"entry {int(named[1])} stands here")
    if index and _is_confirmed(connection, index, leaf, None):
        raise _Bad("chain", index - 1, "the entry was replaced whole: the one after it names another hash")
    raise _Bad("chain", index, "the entry was replaced whole: it does not name the one before it")


def _row(connection: sqlite3.Connection, index: int) -> tuple[bytes, object]:
    found = connection.execute("SELECT header, leaf_hash FROM entries WHERE idx = ?", (index,)).fetchone()
    if found is None or not isinstance(found[0], bytes):
        return b"", None
    return found[0], found[1]


def _is_confirmed(connection: sqlite3.Connection, index: int, leaf: bytes, stack: _Stack | None) -> bool:
    """Whether what follows proves this leaf: the next header's link, or for the last entry the head's root."""
    header, _ = _row(connection, index + 1)
    following = _HEAD_OF_HEADER.match(header)
    if following is not None:
        return following[2] == leaf.hex().encode()
    head = connection.execute("SELECT note FROM head").fetchone()
    stated = None if head is None else _parse_note(head[0])
    if stated is None or stated.size != index + 1:
        return False
    if stack is None:
        return _root_with_original(connection, index, leaf) == stated.root
    trial = _Stack()
    trial.hashes, trial.size = list(stack.hashes), index
    trial.push(leaf)
    return trial.root() == stated.root


def _root_with_original(connection: sqlite3.Connection, index: int, leaf: bytes) -> bytes:
    """Return the root when the entry before the last one had the hash that the last one names."""
    stack = _Stack()
    for (stored,) in connection.execute("SELECT leaf_hash FROM entries WHERE idx < ? ORDER BY idx", (index - 1,)):
        stack.push(stored)
    named = _HEAD_OF_HEADER.match(_row(connection, index)[0])
    stack.push(bytes.fromhex(named[2].decode()) if named is not None else _ZERO)
    stack.push(leaf)
    return stack.root()


# ---- notes ---------------------------------------------------------------------------------------------------------


def _text(origin: str, size: int, root: bytes) -> bytes:
    return f"{origin}\n{size}\n{b64encode(root).decode()}\n".encode()


def _parse_note(note: object) -> _Note | None:
    """Parse a canonical checkpoint; None when it is none."""
    if not isinstance(note, bytes):
        return None
    text = note.partition(b"\n\n")[0] + b"\n"
    try:
        lines = text.decode().split("\n")
        parsed = _Note(origin=lines[0], size=int(lines[1]), root=b64decode(lines[2], validate=True), text=text)
    except (UnicodeDecodeError, ValueError, IndexError, Base64Error):
        return None
    is_canonical = text.startswith(_text(parsed.origin, parsed.size, parsed.root))
    return parsed if is_canonical and parsed.size >= 0 else None


def _signatures(note: bytes, key: PublicKey | None = None) -> list[bytes]:
    """Return the signatures of a note, those of one key when it is given."""
    found = []
    for line in note.partition(b"\n\n")[2].split(b"\n"):
        words = line.split(b" ")
        if len(words) != 3 or words[0] != _DASH or (key is not None and words[1] != key.name.encode()):
            continue
        try:
            blob = b64decode(words[2], validate=True)
        except (ValueError, Base64Error):
            continue
        if (key is None or blob[:4] == key.tag) and b64encode(blob) == words[2]:
            found.append(blob[4:])
    return found


def _note_holds(note: object, stated: _Note | None, key: PublicKey | None) -> bool:
    """Whether a signature by the key holds; without a key only the form is judged."""
    if stated is None or not isinstance(note, bytes):
        return False
    if key is None:
        return True
    return stated.origin == key.name and any(key.holds(found, stated.text) for found in _signatures(note, key))


def _text_holds(note: object, key: PublicKey, root: bytes, size: int) -> bool:
    stated = _parse_note(note)
    return stated is not None and stated.size == size and stated.root == root and _note_holds(note, stated, key)


# ---- keys and policies ---------------------------------------------------------------------------------------------


def _parse_key(text: str) -> PublicKey | None:
    """Parse name+key id+base64(kind | key); None when it is none, or the key id is another key's."""
    name, _, rest = text.partition("+")
    tag, _, encoded = rest.partition("+")
    try:
        raw = b64decode(encoded, validate=True)
    except (ValueError, Base64Error):
        return None
    if not name or len(raw) != 1 + _HASH_BYTES:
        return None
    key = PublicKey(name=name, raw=raw[1:], kind=raw[0])
    return key if key.tag.hex() == tag else None


def _threshold(count: str, members: int) -> int | None:
    """Return how many of a group's members are needed; None when it is no number from 1 to all."""
    if count in {"any", "all"}:
        return 1 if count == "any" else members
    return int(count) if count.isdecimal() and 1 <= int(count) <= members else None


# ---- proofs of one record ------------------------------------------------------------------------------------------


def _inclusion_path(connection: sqlite3.Connection, index: int, size: int) -> list[bytes]:
    """Return the audit path of a leaf (RFC 6962 section 2.1.1): roots of the ranges that the walk down passes by."""
    ranges: list[tuple[int, int]] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + (1 << ((high - low - 1).bit_length() - 1))
        ranges.append((middle, high) if index < middle else (low, middle))
        low, high = (low, middle) if index < middle else (middle, high)
    nodes: list[bytes] = []
    for start, stop in reversed(ranges):
        stack = _Stack()
        for (leaf,) in connection.execute(
            "SELECT leaf_hash FROM entries WHERE idx >= ? AND idx < ? ORDER BY idx", (start, stop)
        ):
            stack.push(leaf)
        nodes.append(stack.root())
    return nodes


def _root_of_path(leaf: bytes, index: int, size: int, nodes: Sequence[bytes]) -> bytes | None:
    """Return the root that a path leads to (RFC 9162 section 2.1.3.2); None when its length does not fit."""
    if not 0 <= index < size:
        return None
    position, last, node = index, size - 1, leaf
    for sibling in nodes:
        if last == 0:
            return None
        if position & 1 or position == last:
            node = sha256(b"\x01" + sibling + node).digest()
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = sha256(b"\x01" + node + sibling).digest()
        position, last = position >> 1, last >> 1
    return node if last == 0 else None


def _check_path(header: bytes, index: int, nodes: Sequence[bytes], stated: _Note) -> None:
    if _root_of_path(sha256(b"\x00" + header).digest(), index, stated.size, nodes) != stated.root:
        raise _Bad("proof", index, "the path does not lead from this header to the signed root")
    named = _HEAD_OF_HEADER.match(header)
    if named is None or int(named[1]) != index:
        raise _Bad("proof", index, "the header names another index")


def _parse_proof(proof: bytes) -> tuple[bytes, int, list[bytes], bytes] | None:
    """Return header, index, path and note of a proof; None when it is none."""
    text, _, note = proof.partition(b"\n\n")
    try:
        lines = text.decode().split("\n")
        if lines[0] != _PROOF_VERSION or not lines[1].startswith("extra ") or not lines[2].startswith("index "):
            return None
        header = b64decode(lines[1][6:], validate=True)
        nodes = [b64decode(line, validate=True) for line in lines[3:]]
        index = int(lines[2][6:])
    except (UnicodeDecodeError, ValueError, IndexError, Base64Error):
        return None
    # one spelling only: spare bits of base64, signs or zeros before a number would make two files of one proof
    if text != _proof_text(header, index, nodes) or any(len(node) != _HASH_BYTES for node in nodes):
        return None
    return header, index, nodes, note


def _proof_text(header: bytes, index: int, nodes: Sequence[bytes]) -> bytes:
    lines = [_PROOF_VERSION, "extra " + b64encode(header).decode(), f"index {index}"]
    return "\n".join([*lines, *(b64encode(node).decode() for node in nodes)]).encode()


# ---- tiles ---------------------------------------------------------------------------------------------------------


def tile_name(kind: str, number: int, width: int = _TILE) -> str:
    """Return a tile's path below the log's prefix (C2SP tlog-tiles); a partial one names its width."""
    rest, parts = divmod(number, 1000)[0], [f"{number % 1000:03}"]
    while rest:
        parts.insert(0, f"x{rest % 1000:03}")
        rest //= 1000
    return f"tile/{kind}/" + "/".join(parts) + ("" if width == _TILE else f".p/{width}")


def _leaves_of(directory: Path, size: int) -> Iterator[bytes]:
    """Yield the leaf hashes of the level-0 tiles."""
    for number in range((size + _TILE - 1) // _TILE):
        width = min(_TILE, size - number * _TILE)
        tile = _read_tile(directory, "0", number, width)
        if len(tile) < width * _HASH_BYTES:
            raise _Bad("container", number * _TILE + len(tile) // _HASH_BYTES, "a tile is cut short")
        for at in range(width):
            yield tile[at * _HASH_BYTES : (at + 1) * _HASH_BYTES]


def _read_tile(directory: Path, kind: str, number: int, width: int) -> bytes:
    """Return a tile; the full one serves as well where only part of it is asked for."""
    for wanted in dict.fromkeys((width, _TILE)):
        file = directory / tile_name(kind, number, wanted)
        if file.is_file():
            return _read_bytes(file)
    raise _Bad("container", number * _TILE, f"the tile {tile_name(kind, number, width)} is absent")


def _published(directory: Path, key: PublicKey | None) -> _Note:
    note = _read_bytes(directory / "checkpoint")
    stated = _parse_note(note)
    if stated is None or not _note_holds(note, stated, key):
        raise _Bad("checkpoint", None, "the checkpoint beside the tiles is not signed by this log's key")
    return stated


def _check_tiles(directory: Path, key: PublicKey | None, given: tuple[_Note, ...], walk: _Walk, stack: _Stack) -> None:
    """Check a log from its tiles and entry bundles alone: every header, its link, its leaf, every level, the root."""
    stated = _published(directory, key)
    wanted = {note.size for note in given}
    roots: dict[int, bytes] = {}
    leaves = _leaves_of(directory, stated.size)
    levels: dict[int, list[bytes]] = {}
    for header in _bundled(directory, stated.size):
        index = stack.size
        leaf = next(leaves)
        if sha256(b"\x00" + header).digest() != leaf:
            raise _Bad("header", index, "the header is not what its tile says")
        if not header.startswith(b'{"v":1,"index":%d,"prev":"%b",' % (index, walk.previous.hex().encode())):
            raise _Bad("chain", index, "the entry does not name its own place or the one before it")
        stack.push(leaf)
        walk.previous, walk.size = leaf, stack.size
        if stack.size in wanted:
            roots[stack.size] = stack.root()
        _fold(levels, 0, leaf)
    if stack.root() != stated.root:
        raise _Bad("forked", None, "the tiles are not the tree that their checkpoint was signed for")
    for level, nodes in levels.items():
        for number in range((len(nodes) + _TILE - 1) // _TILE if level else 0):
            part = nodes[number * _TILE : (number + 1) * _TILE]
            stored = _read_tile(directory, str(level), number, len(part))
            if stored[: len(part) * _HASH_BYTES] != b"".join(part):
                raise _Bad("container", number * _TILE ** (level + 1), f"a tile of level {level} is not its leaves'")
    if given and max(note.size for note in given) > stack.size:
        raise _Bad("truncated", stack.size, "a given checkpoint states more entries")
    _check_given(given, roots)


def _fold(levels: dict[int, list[bytes]], level: int, node: bytes) -> None:
    """Add a node to its level; a full tile becomes one node of the level above."""
    nodes = levels.setdefault(level, [])
    nodes.append(node)
    if len(nodes) % _TILE == 0:
        stack = _Stack()
        for each in nodes[-_TILE:]:
            stack.push(each)
        if level == 0:
            nodes.clear()  # leaves are compared one by one
        _fold(levels, level + 1, stack.root())


def _bundled(directory: Path, size: int) -> Iterator[bytes]:
    """Yield the headers of the entry bundles: each after its length in two bytes."""
    for number in range((size + _TILE - 1) // _TILE):
        width = min(_TILE, size - number * _TILE)
        bundle, at = _read_tile(directory, "entries", number, width), 0
        for place in range(width):
            length = int.from_bytes(bundle[at : at + 2], "big")
            header = bundle[at + 2 : at + 2 + length]
            if len(bundle) < at + 2 or len(header) != length:
                raise _Bad("container", number * _TILE + place, "an entry bundle is cut short")
            at += 2 + length
            yield header


def _compare_archive(database: str, directory: Path, key: PublicKey | None, size: int) -> int:
    """Hold every leaf against tiles kept elsewhere; return how many agree. Tells the very entry a rewrite began at."""
    try:
        stated = _published(directory, key)
        kept = _Stack()
        leaves = list(_leaves_of(directory, stated.size))
    except _Bad as bad:
        raise _Bad("archive", None, f"the archive cannot be used: {bad.detail}") from bad
    for leaf in leaves:
        kept.push(leaf)
    if kept.root() != stated.root:
        raise _Bad("archive", None, "the archive's tiles are not the tree that its checkpoint was signed for")
    with closing(_open(database)) as connection:
        stored = connection.execute("SELECT leaf_hash FROM entries WHERE idx < ? ORDER BY idx", (stated.size,))
        for index, ((leaf,), archived) in enumerate(zip(stored, leaves, strict=False)):
            if leaf != archived:
                raise _Bad("forked", index, "from this entry on, the archive holds another signed history")
    if size < stated.size:
        raise _Bad("truncated", size, f"the archive holds {stated.size} entries")
    return stated.size


# ---- time stamps ---------------------------------------------------------------------------------------------------

_SIGNED_DATA: Final = bytes.fromhex("2a864886f70d010702")
_TST_INFO: Final = bytes.fromhex("2a864886f70d0109100104")
_MESSAGE_DIGEST: Final = bytes.fromhex("2a864886f70d010904")
_CONTENT_TYPE: Final = bytes.fromhex("2a864886f70d010903")
_SIGNING_CERTIFICATE: Final = bytes.fromhex("2a864886f70d010910020c")
_SIGNING_CERTIFICATE_V2: Final = bytes.fromhex("2a864886f70d010910022f")
_Digest: TypeAlias = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
_DIGESTS: Final[dict[bytes, _Digest]] = {
    bytes.fromhex("608648016503040201"): hashes.SHA256(),
    bytes.fromhex("608648016503040202"): hashes.SHA384(),
    bytes.fromhex("608648016503040203"): hashes.SHA512(),
}
_NAMES: Final = {"sha256": sha256, "sha384": sha384, "sha512": sha512}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stamp:
    """A head of this size existed at this time."""

    size: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Der:
    """One element of DER: its tag, its content, and its whole encoding."""

    tag: int
    content: bytes
    whole: bytes

    def parts(self) -> "list[_Der]":
        """Return the elements inside. Raises ValueError."""
        found, at = [], 0
        while at < len(self.content):
            found.append(_der(self.content[at:]))
            at += len(found[-1].whole)
        return found


def _der(data: bytes) -> _Der:
    """Read the first element of DER bytes. Raises ValueError."""
    if len(data) < 2:
        raise ValueError("DER is cut short")
    length, head = data[1], 2
    if length & 0x80:
        count = length & 0x7F
        length, head = int.from_bytes(data[2 : 2 + count], "big"), 2 + count
    if len(data) < head + length:
        raise ValueError("DER is cut short")
    return _Der(tag=data[0], content=data[head : head + length], whole=data[: head + length])


def _stamped_notes(directory: Path) -> list[tuple[Path, Path]]:
    pairs = [(file, file.with_suffix(".tsr")) for file in sorted(directory.glob("*.note"))]
    if not pairs:
        raise UnusableInput(f"{directory} holds no stamped notes")
    return pairs


def _read_roots(file: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read_bytes(file))
    except ValueError as error:
        raise UnusableInput(f"{file} holds no certificates in PEM") from error


def _check_stamps(pairs: Sequence[tuple[Path, Path]], roots: Sequence[x509.Certificate]) -> _Stamp | None:
    """Check every stamp; return the one on the largest head."""
    newest: _Stamp | None = None
    for note_file, stamp_file in pairs:
        note = _parse_note(_read_bytes(note_file))
        try:
            if note is None:
                raise ValueError(f"{note_file.name} is no checkpoint")  # noqa: TRY301 - as bad as a stamp of nothing
            at = _stamp_time(_read_bytes(stamp_file), note.text, roots)
        except (ValueError, LookupError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound) as error:
            raise _Bad("timestamp", None, f"{stamp_file.name}: {str(error) or 'a signature does not hold'}") from error
        if newest is None or note.size > newest.size:
            newest = _Stamp(size=note.size, at=at)
    return newest


def _stamp_time(response: bytes, text: bytes, roots: Sequence[x509.Certificate]) -> datetime:
    """Return the time of a token over `text` (RFC 3161 section 2.4.2). Raises ValueError, InvalidSignature."""
    status, token = _der(response).parts()[:2]
    if status.parts()[0].content not in {b"\x00", b"\x01"} or token.parts()[0].content != _SIGNED_DATA:
        raise ValueError("the authority granted no time stamp")
    fields = token.parts()[1].parts()[0].parts()  # SignedData (RFC 5652 section 5.1)
    content = fields[2].parts()
    info = content[1].parts()[0].content
    if content[0].content != _TST_INFO:
        raise ValueError("the token's content is no time stamp")
    certificates = [
        x509.load_der_x509_certificate(each.whole) for field_ in fields if field_.tag == 0xA0 for each in field_.parts()
    ]
    signer_info = fields[-1].parts()[0].parts()
    stated = _der(info).parts()
    imprint = stated[2].parts()
    if _digest(imprint[0], text) != imprint[1].content:
        raise ValueError("the stamp is for another head")
    at = datetime.strptime(stated[4].content.decode()[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    attributes = {part.parts()[0].content: part.parts()[1].parts()[0] for part in signer_info[3].parts()}
    if attributes[_CONTENT_TYPE].content != _TST_INFO:
        raise ValueError("the signed attributes name another content")
    if attributes[_MESSAGE_DIGEST].content != _digest(signer_info[2], info):
        raise ValueError("the signed attributes are not this token's")
    signer = _signer_of(attributes, certificates)
    signed = b"\x31" + signer_info[3].whole[1:]  # signed as a SET (RFC 5652 section 5.4)
    _verify_by(signer, signer_info[5].content, signed, _DIGESTS[signer_info[2].parts()[0].content])
    _check_chain(signer, certificates, roots, at)
    return at


def _digest(algorithm: _Der, data: bytes) -> bytes:
    known = _DIGESTS.get(algorithm.parts()[0].content)
    if known is None:
        raise ValueError("the digest is not SHA-256, SHA-384 or SHA-512")
    return _NAMES[known.name](data).digest()


def _signer_of(attributes: Mapping[bytes, _Der], certificates: Sequence[x509.Certificate]) -> x509.Certificate:
    """Return the certificate that the token itself names (RFC 5035, RFC 2634): another of the same key is not it."""
    second = attributes.get(_SIGNING_CERTIFICATE_V2)
    first = attributes.get(_SIGNING_CERTIFICATE)
    if second is not None:
        named = second.parts()[0].parts()[0].parts()
        algorithm: hashes.HashAlgorithm = (
            _DIGESTS[named[0].parts()[0].content] if named[0].tag == 0x30 else hashes.SHA256()
        )
        wanted = named[1 if named[0].tag == 0x30 else 0].content
    elif first is not None:
        algorithm = hashes.SHA1()  # noqa: S303 - fixed by RFC 2634; the signature rests on another digest
        wanted = first.parts()[0].parts()[0].parts()[0].content
    else:
        raise ValueError("the token does not name its signer's certificate")
    for certificate in certificates:
        if certificate.fingerprint(algorithm) == wanted:
            return certificate
    raise ValueError("the signer's certificate is not in the token")


def _verify_by(signer: x509.Certificate, signature: bytes, signed: bytes, digest: _Digest) -> None:
    key = signer.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(digest))
    else:
        raise ValueError("the signer's key is neither RSA nor ECDSA")  # noqa: TRY004 - a judgement on data


def _check_chain(
    signer: x509.Certificate,
    certificates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    at: datetime,
) -> None:
    """Follow the issuers to a given root, all valid at the stamp's time (RFC 3161 section 2.3, RFC 5280)."""
    usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise ValueError("the signer's certificate is not for time stamps alone")
    current = signer
    for _ in range(8):
        if not current.not_valid_before_utc <= at <= current.not_valid_after_utc:
            raise ValueError("a certificate was not valid at the stamp's time")
        if current in roots:
            return
        for issuer in (*roots, *certificates):
            if issuer.subject == current.issuer and issuer != current and _issued(issuer, current):
                current = issuer
                break
        else:
            break
    raise ValueError("the signer's certificate does not come from a given root")


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        if not issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, InvalidSignature, ValueError, TypeError):
        return False
    return True


# ---- the file ------------------------------------------------------------------------------------------------------


def _find(path: Path) -> tuple[Path, Path | None]:
    """Return the database, or the directory of tiles, that `path` means. Raises UnusableInput."""
    if path.is_dir() and not (path / "ledger.db").is_file() and (path / "checkpoint").is_file():
        return path / "ledger.db", path
    database = path / "ledger.db" if path.is_dir() else path
    if not database.is_file():
        raise UnusableInput(f"there is no ledger at {database}")
    return database, None


@contextmanager
def _readable(database: Path) -> Iterator[str]:
    """Yield the path of a database without write-ahead log activity: the original when it is at rest, else a copy."""
    beside = [database.with_name(database.name + suffix) for suffix in ("-wal", "-journal")]
    if not any(file.is_file() and file.stat().st_size for file in beside):
        yield f"{database.absolute().as_uri()}?mode=ro&immutable=1"
        return
    with tempfile.TemporaryDirectory(prefix="ledger-verify-") as directory:
        copy = Path(directory, "ledger.db")
        for _ in range(_COPY_ATTEMPTS):
            before = _stand(database, beside[0])
            shutil.copyfile(database, copy)
            for file in beside:
                if file.is_file():
                    shutil.copyfile(file, copy.with_name(copy.name + file.name[len(database.name) :]))
            if _stand(database, beside[0]) == before:
                break
        else:
            raise UnusableInput("the ledger is being written; stop the server, or check a copy of a stopped one")
        with closing(sqlite3.connect(copy)) as connection:
            # fold the log into the copy, so that every later connection reads one plain file
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            connection.execute("PRAGMA journal_mode=DELETE").fetchall()
        yield f"{copy.as_uri()}?mode=ro"


def _stand(database: Path, log: Path) -> tuple[int, int, bytes]:
    """Return what changes when a checkpoint runs. Frames appended meanwhile are cut at the last whole commit."""
    status = database.stat()
    start = b""
    if log.is_file():
        with log.open("rb") as stream:
            start = stream.read(32)
    return status.st_size, status.st_mtime_ns, start


def _open(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True)
    connection.text_factory = bytes
    return connection


@contextmanager
def _structure_check(uri: str) -> Iterator[list[str]]:
    """Run SQLite's own integrity check beside the walk; the list is complete once the block is left."""
    found: list[str] = []

    def run() -> None:
        try:
            with closing(_open(uri)) as connection:
                rows = connection.execute("PRAGMA integrity_check(3)").fetchall()
        except sqlite3.Error as error:
            found.append(type(error).__name__)
            return
        found.extend(row[0].decode("utf-8", "replace") for row in rows if row[0] != b"ok")

    thread = threading.Thread(target=run, name="structure-check")
    thread.start()
    try:
        yield found
    finally:
        thread.join()


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusableInput(f"{path} cannot be read ({os.strerror(error.errno or 0)})") from error


if __name__ == "__main__":
    raise SystemExit(main())
