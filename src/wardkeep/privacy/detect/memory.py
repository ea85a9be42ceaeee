"""What was found in a text is remembered while its conversation goes on.

Clients send the whole conversation again with every turn, and agents every tool result: without this a conversation of
n turns is read n times over. Kept are places and kinds, never text, under a keyed hash of it (RFC 7693) whose key is
the conversation's: nobody learns from the time an answer takes whether somebody else sent the same words.
"""

from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import blake2b
from threading import Lock
from typing import Final, NamedTuple

from wardkeep.model.spans import IdentifierType, Span

_TEXTS: Final = 4096
_SPANS: Final = 256
"""A text with more finds is read again: forms of thousands of people are not conversations."""


class _Packed(NamedTuple):
    """Spans in a quarter of their memory: there are thousands of texts, with a dozen finds each."""

    places: "array[int]"
    types: tuple[IdentifierType, ...]
    rules: tuple[str, ...]


def _packed(spans: Sequence[Span]) -> _Packed:
    places = array("Q", [place for span in spans for place in (span.start, span.end)])
    return _Packed(places, tuple([span.type for span in spans]), tuple([span.rule for span in spans]))


def _unpacked(packed: _Packed) -> list[Span]:
    return list(map(Span, packed.places[::2], packed.places[1::2], packed.types, packed.rules))


class Memory:
    """Finds by text and conversation; the texts not asked for longest are forgotten first. Safe for threads."""

    def __init__(self, texts: int = _TEXTS) -> None:
        self._texts = texts
        self._found: OrderedDict[bytes, _Packed] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._found)

    def recall(self, scope: bytes, text: str, read: Callable[[str], list[Span]]) -> list[Span]:
        """Return what `read` finds in the text; it is asked only when nobody asked in this scope of late.

        `scope` is a key of 16 to 64 bytes. What `read` raises is passed on, and nothing is remembered.
        """
        name = blake2b(text.encode("utf-8", "surrogatepass"), key=scope, digest_size=16).digest()
        with self._lock:
            found = self._found.get(name)
            if found is not None:
                self._found.move_to_end(name)
                return _unpacked(found)
        spans = read(text)
        if len(spans) <= _SPANS:
            with self._lock:
                self._found[name] = _packed(spans)
                if len(self._found) > self._texts:
                    self._found.popitem(last=False)
        return spans
