"""Check an exported list offline: this file, the standard library and `cryptography`.

    python verify_list.py FILE --public-key FILE [--json]

FILE is a list that the console gave as signed JSON (`wardkeep.list.v1`). What is checked: that the list, written in its
canonical form, has the hash that the note names, and that the note bears a signature of the log's key. Give the key as
you got it on another way. That a list was whole, or true, is not proved by it: the ledger entry that the file is named
after says who took it, when, and the file's SHA-256.
"""

import argparse
import json
import sys
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT: Final = "wardkeep.list.v1"
_DASH: Final = "\u2014"
_ED25519: Final = 1
_KEY_BYTES: Final = 32
_MEMBERS: Final = frozenset({"format", "list", "note"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was found; `wrong` is empty when the list holds."""

    ok: bool
    list: str = ""
    rows: int = 0
    at: str = ""
    by: str = ""
    origin: str = ""
    sha256: str = ""
    wrong: str = ""


class _Wrong(Exception):  # noqa: N818 - named for the state found
    """The list does not hold; the sentence says why."""


def check(file: Path, public_key: Path) -> Outcome:
    """Check a file; what is wrong is named. Raises OSError: one of them cannot be read."""
    raw = file.read_bytes()
    try:
        name, public = _key(public_key.read_text("utf-8", "replace").strip())
        content, note = _parts(raw)
        text = f"{FORMAT}\n{name}\nsha256:{sha256(_canonical(content)).hexdigest()}\n"
        _check_note(note, text, name, public)
    except _Wrong as found:
        return Outcome(ok=False, sha256=sha256(raw).hexdigest(), wrong=str(found))
    rows = content.get("rows")
    return Outcome(
        ok=True,
        list=str(content.get("name", "")),
        rows=len(rows) if isinstance(rows, list) else 0,
        at=str(content.get("at", "")),
        by=str(content.get("by", "")),
        origin=name,
        sha256=sha256(raw).hexdigest(),
    )


def _parts(raw: bytes) -> tuple[dict[str, Any], str]:
    """Return list and note. A name that stands twice, or a fraction, could be read in two ways."""
    try:
        told = json.loads(raw.decode(), object_pairs_hook=_once, parse_float=_fraction, parse_constant=_fraction)
    except (ValueError, RecursionError):
        raise _Wrong("the file is not JSON") from None
    if not isinstance(told, dict) or told.keys() != _MEMBERS or told["format"] != FORMAT:
        raise _Wrong(f"the file is no {FORMAT}")
    content, note = told["list"], told["note"]
    if not isinstance(content, dict) or not isinstance(note, str):
        raise _Wrong(f"the file is no {FORMAT}")
    return content, note


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Wrong("a name stands twice in one object")
    return found


def _fraction(_: str) -> NoReturn:
    raise _Wrong("there is a number that is not whole, which no list has")


def _canonical(value: object) -> bytes:
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise _Wrong("there is text that is not Unicode") from None


def _check_note(note: str, text: str, name: str, public: bytes) -> None:
    signed, _, lines = note.partition("\n\n")
    if signed + "\n" != text:
        raise _Wrong("the list is not the one that was signed, or another log signed it")
    tag = sha256(name.encode() + b"\n" + bytes([_ED25519]) + public).digest()[:4]
    for line in lines.split("\n"):
        words = line.split(" ")
        if len(words) != 3 or words[:2] != [_DASH, name]:
            continue
        try:
            blob = b64decode(words[2], validate=True)
            Ed25519PublicKey.from_public_bytes(public).verify(blob[4:], text.encode())
        except (ValueError, Base64Error, InvalidSignature):
            continue
        if blob[:4] == tag:
            return
    raise _Wrong("no signature of this key is over the list")


def _key(text: str) -> tuple[str, bytes]:
    """Parse a published key: name+key id+base64(kind | key)."""
    name, _, rest = text.partition("+")
    tag, _, encoded = rest.partition("+")
    try:
        raw = b64decode(encoded, validate=True)
    except (ValueError, Base64Error):
        raise _Wrong("the public key is no Ed25519 verifier key") from None
    if not name or len(raw) != 1 + _KEY_BYTES or raw[0] != _ED25519:
        raise _Wrong("the public key is no Ed25519 verifier key")
    if sha256(name.encode() + b"\n" + raw).digest()[:4].hex() != tag:
        raise _Wrong("the public key's id is another key's")
    return name, raw[1:]


def main(arguments: Sequence[str] | None = None) -> int:
    """Check and tell; 0 only when nothing is wrong."""
    parser = argparse.ArgumentParser(description="Check an exported list offline.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--public-key", type=Path, required=True, help="The ledger's key, got on another way.")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    found = asdict(check(given.file, given.public_key))
    lines = [json.dumps(found)] if given.json else [f"{name}: {value}" for name, value in found.items()]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
