"""Check a ledger offline: this one file, the standard library and `cryptography`.

    python verify.py PATH [--public-key FILE] [--checkpoint FILE] [--json]

PATH is `ledger.db` or a home directory that holds it. 45 CFR 164.312(c)(1)-(2); RFC 6962 section 2.1; C2SP
tlog-checkpoint and signed-note. Nothing of Wardkeep is imported, so that an auditor can read all that is trusted here.

What is checked, in one pass: the database's own structure; that entries are numbered without gap; that each header
names its own index and the hash before it; that each leaf hash, payload hash, length, id and key commitment field is
what the header's bytes say; then the head, every kept checkpoint, and the signatures, against the recomputed tree. Any
damage is reported with the first wrong index and its class.

What is not: whether what was recorded is true, and whether a tail was cut together with every checkpoint that covered
it. For the latter give `--checkpoint`, a note that was kept elsewhere. Payloads are not decrypted.

The original is never opened for writing: where a write-ahead log exists, a private copy is checked. In the process
that has the ledger open, check a copy: closing any descriptor of the original would drop its record locks.

    damage         what is wrong                                  first_bad_index
    container      a database page or the file itself             the entry it was met at, when known
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
    checkpoint     a kept or given checkpoint                     none
    forked         a signed checkpoint of another history         none
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
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_ZERO: Final = bytes(32)
_HASH_BYTES: Final = 32
_COPY_ATTEMPTS: Final = 5
_HEAD_OF_HEADER: Final = re.compile(rb'\{"v":1,"index":(0|[1-9][0-9]{0,18}),"prev":"([0-9a-f]{64})",')
_SEAL_FIELDS: Final = re.compile(
    rb'"ct_sha256":"([0-9a-f]{64})","ct_len":([0-9]+),"key":"[^"\\]{1,64}","commit":"[0-9a-f]{64}"[,}]'
)
_SCAN: Final = "SELECT idx, id, header, leaf_hash, signature, payload FROM entries ORDER BY idx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was found. `ok` says nothing about signatures unless `signed` is true."""

    ok: bool
    size: int
    root: str
    first_bad_index: int | None
    damage: str | None
    signed: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """The log's published key: its name is the origin in every checkpoint."""

    name: str
    raw: bytes

    @property
    def tag(self) -> bytes:
        """The key id of signature lines (C2SP signed-note)."""
        return sha256(self.name.encode() + b"\n\x01" + self.raw).digest()[:4]

    def holds(self, signature: object, text: bytes) -> bool:
        """Whether `signature` over `text` is by this key."""
        if not isinstance(signature, bytes):
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


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
    signatures: bytes = _ZERO
    last_signed: int = -1
    last_signature: bytes = b""
    signed_at: dict[int, bytes] = field(default_factory=dict)
    fitting: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stated:
    """What the store, and a checkpoint kept elsewhere, claim about the log."""

    head: tuple[object, ...] | None
    notes: dict[int, tuple[object, object]]
    given: "_Note | None"
    key: PublicKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    origin: str
    size: int
    root: bytes
    text: bytes


def verify(path: Path | str, public_key: Path | None = None, checkpoint: Path | None = None) -> Result:
    """Check the ledger at `path`.

    Args:
        path: the database file, or a directory that holds `ledger.db`.
        public_key: the published verifier key; by default `ledger.pub` beside the database, when it is there.
        checkpoint: a signed note kept elsewhere.

    Raises:
        UnusableInput: a file is absent, or is no key or checkpoint at all.
    """
    database = Path(path)
    if database.is_dir():
        database /= "ledger.db"
    if not database.is_file():
        raise UnusableInput(f"there is no ledger at {database}")
    beside = database.with_name("ledger.pub")
    key_file = public_key or (beside if beside.is_file() else None)
    key = None if key_file is None else read_public_key(key_file)
    kept = None if checkpoint is None else _read_bytes(checkpoint)
    walk, stack = _Walk(), _Stack()
    found: _Bad | None = None
    try:
        with _readable(database) as readable:
            _check(readable, key, kept, walk, stack)
    except _Bad as bad:
        found = bad
    except (sqlite3.Error, OverflowError) as error:
        found = _Bad("container", walk.size, f"the database cannot be read on ({type(error).__name__})")
    return _result(walk, stack, key, found)


def read_public_key(path: Path) -> PublicKey:
    """Parse a published verifier key: name+key id+base64.

    Raises:
        UnusableInput: absent, malformed, or the key id is not this key's.
    """
    name, _, rest = _read_bytes(path).decode("utf-8", "replace").strip().partition("+")
    tag, _, encoded = rest.partition("+")
    try:
        raw = b64decode(encoded, validate=True)
    except (ValueError, Base64Error) as error:
        raise UnusableInput(f"{path} holds no verifier key") from error
    key = PublicKey(name=name, raw=raw[1:])
    if not name or raw[:1] != b"\x01" or len(key.raw) != _HASH_BYTES or key.tag.hex() != tag:
        raise UnusableInput(f"{path} holds no Ed25519 verifier key")
    return key


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0 only for a ledger without damage."""
    parser = argparse.ArgumentParser(prog="verify", description="Check a ledger offline.")
    parser.add_argument("path", type=Path, metavar="PATH", help="ledger.db, or a home directory")
    parser.add_argument("--public-key", type=Path, metavar="FILE", help="default: ledger.pub beside the database")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="a signed note kept elsewhere")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    try:
        result = verify(given.path, given.public_key, given.checkpoint)
    except UnusableInput as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if given.json:
        sys.stdout.write(json.dumps(asdict(result)) + "\n")
    else:
        sys.stdout.write("".join(f"{name}: {value}\n" for name, value in asdict(result).items()))
    return 0 if result.ok else 1


# ---- the pass ------------------------------------------------------------------------------------------------------


class _Stack:
    """The compact range of the leaves so far (RFC 6962 section 2.1): perfect subtrees, left to right."""

    __slots__ = ("hashes", "size")

    def __init__(self) -> None:
        self.hashes: list[bytes] = []
        self.size = 0

    def push(self, leaf: bytes) -> None:
        hashes, rest, node = self.hashes, self.size, leaf
        while rest & 1:
            node = sha256(b"\x01" + hashes.pop() + node).digest()
            rest >>= 1
        hashes.append(node)
        self.size += 1

    def root(self) -> bytes:
        if not self.hashes:
            return sha256(b"").digest()
        node = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            node = sha256(b"\x01" + left + node).digest()
        return node


def _check(database: str, key: PublicKey | None, kept: bytes | None, walk: _Walk, stack: _Stack) -> None:
    with closing(_open(database)) as connection, _structure_check(database) as structure:
        head = connection.execute("SELECT size, frontier, facts_epoch, signatures, note FROM head").fetchone()
        notes = {
            size: (frontier, note)
            for size, frontier, note in connection.execute("SELECT size, frontier, note FROM checkpoints")
        }
        given = None if kept is None else _parse_note(kept)
        if kept is not None and (given is None or not _note_holds(kept, given, key)):
            raise _Bad("checkpoint", None, "the given checkpoint is not signed by this log's key")
        stated = _Stated(head=head, notes=notes, given=given, key=key)
        roots = _walk_entries(connection, walk, stack, stated)
        _check_notes(connection, stated, roots, walk)
        _check_end(stated, walk.size)
        _check_head_size(head, walk.size)
        if head is not None:
            _check_signed(connection, head, stated, walk, stack)
            _check_head(head, walk, stack)
        if given is not None and given.root != roots.get(given.size, given.root if given.size == 0 else None):
            raise _Bad("forked", None, "the given checkpoint was signed for another history of this size")
    if structure:
        raise _Bad("container", None, f"the database's structure is damaged: {structure[0][:100]}")


def _walk_entries(  # noqa: C901, PLR0912, PLR0915 - the hot loop, a million turns in seconds, so nothing is called in it
    connection: sqlite3.Connection, walk: _Walk, stack: _Stack, stated: _Stated
) -> dict[int, bytes]:
    """Check every entry against itself and its predecessor; return the roots at the sizes that checkpoints state."""
    notes = stated.notes
    given_size = -1 if stated.given is None else stated.given.size
    roots: dict[int, bytes] = {}
    hashes = stack.hashes
    size = 0
    previous = _ZERO
    try:
        for index, entry_id, header, leaf_column, signature, payload in connection.execute(_SCAN):
            if index != size:
                raise _Bad("missing", size, "an entry is missing")
            if type(header) is not bytes:
                raise _Bad("header", size, "the header is not what was stored")
            prefix = b'{"v":1,"index":%d,"prev":"%b",' % (size, previous.hex().encode())
            leaf = sha256(b"\x00" + header).digest()
            if leaf != leaf_column or not header.startswith(prefix):
                _diagnose(connection, size, previous, stack)
            at = len(prefix)
            start = header.find(b'"id":"', at, at + 40) + 6
            if type(entry_id) is not bytes or header[start : start + 33] != entry_id.hex().encode() + b'"':
                raise _Bad("id", size, "the stored id is not the header's")
            if payload is None:
                if b'"ct_sha256":"' in header:
                    raise _Bad("payload", size, "the payload that the header names is absent")
            else:
                sealed = _SEAL_FIELDS.search(header, at)
                if sealed is None:
                    if b'"ct_sha256":"' in header:
                        raise _Bad("commitment", size, "the header's key id or commitment is malformed")
                    raise _Bad("payload", size, "there is a payload that the header does not name")
                if type(payload) is not bytes or sealed[1] != sha256(payload).hexdigest().encode():
                    raise _Bad("payload", size, "the payload is not what the header names")
                if int(sealed[2]) != len(payload):
                    raise _Bad("payload", size, "the payload's length is not what the header names")
            if header.startswith(b'"type":"control"', at):
                walk.facts_epoch = size + 1
            node, rest = leaf, size
            while rest & 1:
                node = sha256(b"\x01" + hashes.pop() + node).digest()
                rest >>= 1
            hashes.append(node)
            size += 1
            previous = leaf
            if signature is not None:
                if type(signature) is not bytes:
                    raise _Bad("signature", size - 1, "the stored signature is none")
                walk.signatures = sha256(walk.signatures + (size - 1).to_bytes(8, "big") + signature).digest()
                walk.last_signed, walk.last_signature = size - 1, signature
            if size in notes:
                if signature is not None:
                    walk.signed_at[size] = signature
                stack.size = size
                roots[size] = stack.root()
                if notes[size][0] == b"".join(hashes):
                    walk.fitting.add(size)
            elif size == given_size:
                stack.size = size
                roots[size] = stack.root()
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
            _find_bad_signature(connection, stated.head, stated.key, walk)
        raise _Bad("checkpoint", None, f"the kept checkpoint of size {size} states another tree")


def _check_end(stated: _Stated, size: int) -> None:
    """Compare the number of entries with every checkpoint's."""
    if stated.given is not None and stated.given.size > size:
        raise _Bad("truncated", size, f"the given checkpoint states {stated.given.size} entries")
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
        _find_bad_signature(connection, head, key, walk)
    for size, (_, note) in stated.notes.items():
        # A note that carries its entry's signature needs no second check: that one is covered by the running hash.
        carried = isinstance(note, bytes) and walk.signed_at.get(size) in _signatures(note, key)
        parsed = _parse_note(note)
        if parsed is None or parsed.origin != key.name or not (carried or _note_holds(note, parsed, key)):
            raise _Bad("checkpoint", None, f"the kept checkpoint of size {size} is not signed by this key")


def _find_bad_signature(
    connection: sqlite3.Connection, head: tuple[object, ...], key: PublicKey, walk: _Walk
) -> NoReturn:
    """Verify every stored signature: a good one later proves the content before it, so only signature bytes are bad."""
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
        raise _Bad("head", None, "the head's running hash over signatures is not theirs")
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
        if len(words) != 3 or (key is not None and words[1] != key.name.encode()):
            continue
        try:
            blob = b64decode(words[2], validate=True)
        except (ValueError, Base64Error):
            continue
        if key is None or blob[:4] == key.tag:
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


# ---- the file ------------------------------------------------------------------------------------------------------


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
    connection.execute("PRAGMA cache_size=-65536")
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


def _result(walk: _Walk, stack: _Stack, key: PublicKey | None, bad: _Bad | None) -> Result:
    unsigned = "" if key is not None else "signatures not checked: no public key"
    return Result(
        ok=bad is None,
        size=walk.size,
        root=stack.root().hex(),
        first_bad_index=None if bad is None else bad.index,
        damage=None if bad is None else bad.damage,
        signed=key is not None,
        detail=unsigned if bad is None else bad.detail,
    )


if __name__ == "__main__":
    raise SystemExit(main())
