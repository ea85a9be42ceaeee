"""Files that people give the assistant: held until sent, put into a call as clients put them, read by the road.

The road reads a file (`gateway.files`) and only its text leaves; here it is held in memory alone, of its person alone,
for the time between looking at what the model will see and sending it. Nothing here opens a file.
"""

import base64
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from wardkeep.model.registry import Surface
from wardkeep.web.multipart import Upload

MOST_HELD: Final = 24
_IDLE_US: Final = 15 * 60 * 1_000_000
# The kind is found by what is in the file; what a browser calls it is not believed.
_ANY: Final = "application/pdf"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFile:
    """One file between looking and sending."""

    id: str
    person: str
    upload: Upload = field(repr=False)
    until_us: int


class HeldFiles:
    """The files of all people, one each; the oldest is forgotten when there are too many."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, HeldFile] = OrderedDict()

    def hold(self, identifier: str, person: str, upload: Upload, now_us: int) -> HeldFile:
        """Hold a file instead of the one that the person had here before."""
        self.expire(now_us)
        self.forget(person)
        held = HeldFile(id=identifier, person=person, upload=upload, until_us=now_us + _IDLE_US)
        self._held[person] = held
        while len(self._held) > MOST_HELD:
            self._held.popitem(last=False)
        return held

    def find(self, identifier: str, person: str, now_us: int) -> HeldFile | None:
        """Return the person's own file under this name; somebody else's is as unknown as none."""
        self.expire(now_us)
        held = self._held.get(person)
        return held if held is not None and held.id == identifier else None

    def expire(self, now_us: int) -> None:
        """Forget every file whose time is over, whoever's it is and whether they come back (45 CFR 164.310(d)(1))."""
        for person in [person for person, held in self._held.items() if held.until_us < now_us]:
            del self._held[person]

    def people(self) -> frozenset[str]:
        """Return whose files are held."""
        return frozenset(self._held)

    def forget(self, person: str) -> None:
        """Forget the person's file: it was sent, or they signed out."""
        self._held.pop(person, None)


def content_of(surface: Surface, text: str, *, read: str | None = None, file: bytes | None = None) -> object:
    """Return a message's content: the text alone, or after a file (as it came, or as it was read before)."""
    words = {"type": "text", "text": text}
    if read is not None:
        return [{"type": "text", "text": read}, words]
    if file is None:
        return text
    encoded = base64.b64encode(file).decode()
    if surface is Surface.ANTHROPIC_MESSAGES:
        source = {"type": "base64", "media_type": _ANY, "data": encoded}
        return [{"type": "document", "source": source}, words]
    return [{"type": "file", "file": {"filename": "file", "file_data": f"data:{_ANY};base64,{encoded}"}}, words]


def texts_of(content: object) -> tuple[str | None, str]:
    """Return what a message's content says: the text of its file, if it has one, and the text that was typed."""
    if isinstance(content, str):
        return None, content
    if not isinstance(content, list):
        return None, ""
    texts = [_text(each) for each in content if isinstance(each, dict)]
    return (texts[0], texts[-1]) if len(texts) > 1 else (None, "".join(texts))


def _text(block: dict[str, Any]) -> str:
    source = block.get("source")
    return str(source.get("data", "")) if isinstance(source, dict) else str(block.get("text", ""))
