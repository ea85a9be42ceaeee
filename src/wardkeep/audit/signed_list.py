"""Lists as files that are checked anywhere: canonical JSON, its hash in a note that the ledger's key signed.

45 CFR 164.316(b), 164.312(c)(1): what was taken out of the instance can be told from what somebody made of it later.
The file is `{"format", "list", "note"}`. The canonical form of `list` is JSON with sorted names, no blanks, and no
numbers but whole ones, so that any reader of JSON writes the same bytes again (a subset of RFC 8785). The note is a
C2SP signed-note whose text no checkpoint can have: its first line is the format, its second the log's name.

`audit.verify_list` is the other side; it imports nothing of ours.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec

from wardkeep.audit.checkpoint import VerifierKey, signed_note

FORMAT: Final = "wardkeep.list.v1"


def signed_list(content: Mapping[str, object], key: VerifierKey, sign: Callable[[bytes], bytes]) -> bytes:
    """Return the file: the list, and the note that signs it."""
    shown = plain(content)
    text = note_text(key.name, canonical(shown))
    note = signed_note(text, key, sign(text)).decode()
    return msgspec.json.format(msgspec.json.encode({"format": FORMAT, "list": shown, "note": note}))


def note_text(origin: str, body: bytes) -> bytes:
    """Return the bytes that are signed for a canonical list."""
    return f"{FORMAT}\n{origin}\nsha256:{sha256(body).hexdigest()}\n".encode()


def canonical(value: object) -> bytes:
    """Return the one way to write a plain value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def plain(value: object) -> Any:
    """Return a value as JSON has it without fractions: those become the text that Python writes of them."""
    return _exact(msgspec.to_builtins(value, str_keys=True))


def _exact(value: object) -> Any:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return {str(name): _exact(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_exact(each) for each in value]
    return value
