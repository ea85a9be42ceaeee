"""What of a sealed call is seen without re-identifying anybody: surrogates stay (45 CFR 164.502(b)).

Of a request what the vendor was sent, never what was asked; of an answer the text with its originals replaced again.
What cannot be replaced surely is withheld: a piece of a stream may hold half a name, a refused call was never
de-identified, and where dates were moved the true ones cannot be told from others.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wardkeep.model.document import apply

HIDDEN: Final = "<hidden>"
MASKED: Final = frozenset({"request", "response", "segment", "aborted", "refusal"})


class _Asked(msgspec.Struct):
    """The part of a request's payload that masking needs."""

    asked: bytes
    edits: list[tuple[int, int, bytes]] = []
    hidden: dict[str, str] = {}
    dates: Any = None


def masked_request(plaintext: bytes) -> dict[str, object]:
    """Return what the vendor was sent, and which surrogates stood for something. Withheld where nothing was sent."""
    try:
        found = msgspec.msgpack.decode(plaintext, type=_Asked)
        sent = apply(found.asked, found.edits).decode()
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        return withheld(plaintext)
    stood = dict.fromkeys(found.hidden, HIDDEN)
    return {"masked": True, "asked": sent, "edits": [], "hidden": stood, "subject": HIDDEN}


def masked_answer(plaintext: bytes, request: bytes | None) -> object:
    """Return an answer with surrogates where originals stand; withheld when its request does not say which they are."""
    try:
        found = msgspec.msgpack.decode(request, type=_Asked) if request is not None else None
        answer = msgspec.json.decode(plaintext)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return withheld(plaintext)
    if found is None or found.dates is not None:
        return withheld(plaintext)
    shown = _replaced(answer, _back(found.hidden))
    text = msgspec.json.encode(shown).decode().casefold()
    if any(_spelled(original).casefold() in text for original in found.hidden.values()):
        # It stands where strings are not: in a number, or across what is told apart here.
        return withheld(plaintext)
    return {"masked": True, "answer": shown}


def withheld(plaintext: bytes) -> dict[str, object]:
    """Return that there is something, and how much."""
    return {"masked": True, "withheld_bytes": len(plaintext)}


def _back(hidden: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (original, surrogate), also as JSON inside a string spells it; the longest first, so that none is torn."""
    pairs = {original: surrogate for surrogate, original in hidden.items() if original}
    pairs |= {_spelled(original): surrogate for original, surrogate in pairs.items()}
    return sorted(pairs.items(), key=lambda pair: -len(pair[0]))


def _spelled(original: str) -> str:
    return msgspec.json.encode(original).decode()[1:-1]


def _replaced(value: Any, pairs: list[tuple[str, str]]) -> Any:
    if isinstance(value, str):
        for original, surrogate in pairs:
            value = value.replace(original, surrogate)
        return value
    if isinstance(value, dict):
        return {_replaced(name, pairs): _replaced(item, pairs) for name, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, pairs) for item in value]
    return value
