"""Stage 8, whole answers: put the originals back where the vendor's answer has surrogates.

The answer is spliced, not re-serialised, so that everything else stays byte-equal. OpenAI's tool `arguments` are JSON
in a string: the inner document is restored and spliced as one. A signed thinking block stays byte-equal; its signature
leaves in our wrapper.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from wardkeep.gateway.safe import wrap_signature
from wardkeep.model.document import Document, parse
from wardkeep.model.reasons import RefusalError
from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Safe
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.prompt.answer import AnswerWatch
from wardkeep.privacy.prompt.links import carried
from wardkeep.privacy.prompt.reveal import asked_of, strings_in
from wardkeep.privacy.reidentify import restore_dated
from wardkeep.privacy.shift import DateShift
from wardkeep.routing.regions import normalised

# Where a vendor's answer holds the model's words; ids, names of models and usage hold none, and no date is moved there.
_WORDS: Final = frozenset(
    {"content", "text", "refusal", "reasoning_content", "reasoning", "arguments", "input", "instructions"}
)


@dataclass(slots=True)
class _Walk:
    restore: dict[str, str]
    wrap: Callable[[str, str], str]
    changes: dict[int, str]
    shift: DateShift | None = None
    is_input: bool = False
    ordinal: int = 0
    watch: AnswerWatch | None = None

    def value(self, value: object, key: str | None) -> None:
        if isinstance(value, dict):
            kind = value.get("type")
            # A tool that the vendor repeats may have a schema whose `type` is a list.
            if isinstance(kind, str) and kind in {"thinking", "redacted_thinking"}:
                self.signed(value)
                return
            for name, item in value.items():
                self.ordinal += 1
                if kind == "reasoning" and name == "encrypted_content" and item and not self.is_input:
                    self.changes[self.ordinal] = self.wrap("", str(item))
                outside, self.is_input = self.is_input, self.is_input or name == "input"
                self.value(item, name)
                self.is_input = outside
        elif isinstance(value, list):
            for item in value:
                self.value(item, key)
        elif isinstance(value, str):
            if "[" in value or self.shift is not None or self.watch is not None:
                new = self.json_text(value) if key == "arguments" else self.text(value, key)
                if new != value:
                    self.changes[self.ordinal] = new
            self.ordinal += 1
        elif value is not None and not isinstance(value, bool):
            self.ordinal += 1

    def signed(self, block: dict[str, object]) -> None:
        text = str(block.get("thinking", ""))
        for name, item in block.items():
            self.ordinal += 1
            if isinstance(item, str):
                if name in {"signature", "data"} and item:
                    self.changes[self.ordinal] = self.wrap(text, item)
                self.ordinal += 1

    def text(self, value: str, key: str | None) -> str:
        shift = self.shift if self.is_input or key in _WORDS else None
        restored = restore_dated(value, self.restore, shift, is_json=self.is_input)
        if self.watch is None or not (self.is_input or key in _WORDS):
            return restored
        if key == "instructions":
            # An answer's echo of the instructions is no leak: it goes to whoever wrote them.
            return self.watch.unmarked(restored)
        return self.watch.text(restored, is_json=self.is_input or key == "arguments")

    def json_text(self, value: str) -> str:
        try:
            inner = parse(value.encode())
        except RefusalError:
            return self.text(value, "arguments")
        below = _Walk(self.restore, self.wrap, {}, self.shift, is_input=True, watch=self.watch)
        below.value(inner.value, None)
        return inner.replaced(below.changes).decode()


def restore_answer(
    document: Document,
    restore: dict[str, str],
    conversation_key: Secret[bytes],
    shift: DateShift | None = None,
    watch: AnswerWatch | None = None,
) -> bytes:
    """Return the answer's bytes with originals restored, dates moved back, signatures wrapped, and links watched.

    Raises:
        RefusalError: the guard's terms block what the answer holds.
    """
    walk = _Walk(
        restore, lambda text, signature: wrap_signature(text, signature, conversation_key), {}, shift, watch=watch
    )
    walk.value(document.value, None)
    return document.replaced(walk.changes)


def watch_of(safe: Safe, detector: Detector) -> AnswerWatch:
    """Return the watch of a call's answer: what it must not tell others is what the call held.

    `detector` looks for people whom the call did not name, where the terms ask for that.
    """
    return AnswerWatch(
        terms=safe.guard,
        known=lambda: carried(
            safe.restore.values(), safe.permitted.identified.call.document.raw.decode(), safe.guard.hosts
        ),
        system=safe.system,
        canary=safe.canary,
        find=detector.find,
        asked=lambda: asked_of(strings_in(safe.permitted.identified.call.document.value)),
    )


# Messages counts what is written to the vendor's cache and read from it beside `input_tokens`, not in it.
_CACHED: Final = ("cache_creation_input_tokens", "cache_read_input_tokens")


def usage_of(value: dict[str, object]) -> tuple[int | None, int | None]:
    """Return (tokens in, tokens out) as the vendor reports them in either wire format, cached ones included."""
    usage = value.get("usage")
    if not isinstance(usage, dict):
        tokens = value.get("input_tokens")
        return (tokens if isinstance(tokens, int) else None), None
    tokens_in = usage.get("prompt_tokens", usage.get("input_tokens"))
    tokens_out = usage.get("completion_tokens", usage.get("output_tokens"))
    cached = [usage.get(name) for name in _CACHED]
    if any(isinstance(each, int) for each in cached):
        tokens_in = sum(each for each in (tokens_in, *cached) if isinstance(each, int))
    return (tokens_in if isinstance(tokens_in, int) else None), (tokens_out if isinstance(tokens_out, int) else None)


_REGION: Final = re.compile(r"[a-z0-9-]{1,32}")


def reported_region(headers: Iterable[tuple[bytes, bytes]], usage: object) -> str | None:
    """Return the region that the vendor says processed the call: Azure in a header, Anthropic in the usage."""
    told = usage.get("inference_geo") if isinstance(usage, dict) else None
    for name, value in headers:
        if name == b"x-ms-region":
            told = value.decode("latin-1")
    if not isinstance(told, str):
        return None
    found = normalised(told)
    return found if _REGION.fullmatch(found) else None
