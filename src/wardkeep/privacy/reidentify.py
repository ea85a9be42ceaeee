"""Stage 8 of the road: put the original values back into an answer, whole or while it streams.

Only tokens of this call's map are touched; a token that the map does not know passes unchanged, so one conversation
can never show another's values. Dates that were shifted are moved back first (`privacy.shift`): what a token restores
is the original and is not moved again. Inside JSON (RFC 8259 section 7) values are escaped as often as the strings are
nested.
"""

import json
import re
from collections.abc import Mapping
from typing import Final, Literal

from wardkeep.privacy.shift import DateShift, ShiftedStream
from wardkeep.privacy.tokens import LONGEST, TOKEN

_LITERAL: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_TOKEN_BYTES: Final = re.compile(TOKEN.pattern.encode(), re.IGNORECASE)
_MAX_NESTING: Final = 4


def restore_text(text: str, restore: Mapping[str, str]) -> str:
    """Return the text with this call's tokens replaced by the original surfaces."""
    if not restore or "[" not in text:
        return text
    return TOKEN.sub(lambda found: restore.get(_key(found[0]), found[0]), text)


def restore_dated(text: str, restore: Mapping[str, str], shift: DateShift | None, *, is_json: bool = False) -> str:
    """Return the text with its dates moved back and its tokens replaced; `is_json` for a value that a program reads."""
    return restore_text(text if shift is None else shift.back(text, is_json=is_json), restore)


def restore_json_bytes(body: bytes, restore: Mapping[str, str]) -> bytes:
    """Return a whole JSON document (UTF-8) with tokens inside its strings replaced, escaped for their depth.

    A string that is itself JSON, like the `arguments` of a tool call, is read as JSON. Bytes outside strings with a
    token stay equal.

    Raises:
        UnicodeDecodeError: the body is not UTF-8.
    """
    if not restore or _TOKEN_BYTES.search(body) is None:
        return body
    return _restore_json(body.decode(), restore, 0).encode()


def _restore_json(document: str, restore: Mapping[str, str], nesting: int) -> str:
    def literal(found: re.Match[str]) -> str:
        raw = found[0]
        if "[" not in raw or TOKEN.search(raw) is None:
            return raw
        if "{" in raw or raw.lstrip('" \t').startswith("["):
            try:
                inner = json.loads(raw)
                json.loads(inner)
            except ValueError:
                pass
            else:
                if nesting < _MAX_NESTING:
                    return _quoted(_restore_json(inner, restore, nesting + 1))
        return _restore_escaped(raw, restore)

    return _LITERAL.sub(literal, document)


def _restore_escaped(text: str, restore: Mapping[str, str]) -> str:
    """Restore inside a JSON string."""
    return TOKEN.sub(lambda found: _escaped(restore.get(_key(found[0]), found[0])), text)


class StreamRestorer:
    """Restores a text that comes in pieces. Any cutting gives the same concatenation as the whole text.

    Holds back only what may still become a token of this call. `json_depth=1` is for fragments of JSON (tool
    arguments): replacements are then escaped for a JSON string. With a `shift` dates are moved back as well, and what
    may still become a date is held back too.
    """

    __slots__ = ("_dates", "_held", "_restore", "_substitute")

    def __init__(
        self, restore: Mapping[str, str], json_depth: Literal[0, 1] = 0, shift: DateShift | None = None
    ) -> None:
        self._restore = restore
        self._dates = None if shift is None else ShiftedStream(shift, is_json=json_depth == 1)
        self._substitute = _restore_escaped if json_depth else restore_text
        self._held = ""

    def __repr__(self) -> str:
        return f"StreamRestorer({len(self._restore)} tokens)"

    def feed(self, text: str) -> str:
        """Return what can be released after this piece."""
        return self._feed(text if self._dates is None else self._dates.feed(text))

    def _feed(self, text: str) -> str:
        if not self._held:
            if "[" not in text or not self._restore:
                return text
        else:
            text = self._held + text
            self._held = ""
        opening = text.rfind("[", max(0, len(text) - LONGEST))
        if opening >= 0:
            tail = _key(text[opening:])
            if any(token.startswith(tail) and token != tail for token in self._restore):
                self._held = text[opening:]
                text = text[:opening]
        return self._substitute(text, self._restore)

    def finish(self) -> str:
        """Return what was held back: the stream ended inside what only looked like a token or a date."""
        dated = "" if self._dates is None else self._feed(self._dates.finish())
        held, self._held = self._held, ""
        return dated + held


def _key(token: str) -> str:
    label, dash, tag = token.partition("-")
    return label.upper() + dash + tag.lower()


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted if quoted.isascii() or not _LONE_SURROGATE.search(quoted) else json.dumps(text)


def _escaped(text: str) -> str:
    return _quoted(text)[1:-1]


_LONE_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
