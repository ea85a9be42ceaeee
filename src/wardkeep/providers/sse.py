"""Server-sent events read as they arrive (WHATWG HTML "server-sent events"), for protocols that are translated.

An event that cannot be read ends the stream: what cannot be read cannot be restored.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from wardkeep.transport.errors import AnswerInvalid, AnswerTooLarge

MAX_EVENT_BYTES: Final = 4 * 1024 * 1024
DONE: Final = b"[DONE]"


@dataclass(slots=True)
class EventReader:
    """Feeds on bytes in any chunking, yields the JSON of whole events; None is the closing word of chat streams."""

    _buffer: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> list[dict[str, Any] | None]:
        """Take bytes; return the events that are whole now. Raises AnswerInvalid or AnswerTooLarge."""
        buffer = self._buffer
        if not buffer and data.endswith(b"\n\n") and b"\r" not in data:
            # The usual case by far: whole events, nothing kept from before.
            return [told for event in data[:-2].split(b"\n\n") if (told := _payload(event)) is not _NOTHING]
        buffer += data
        if b"\r" in buffer:
            # A lone CR at the end waits for its LF.
            tail = b"\r" if buffer.endswith(b"\r") else b""
            self._buffer = buffer = bytearray(buffer[: -1 if tail else None].replace(b"\r\n", b"\n") + tail)
        end = buffer.rfind(b"\n\n")
        if end < 0:
            if len(buffer) > MAX_EVENT_BYTES:
                raise AnswerTooLarge("one event is larger than an event may be")
            return []
        whole = bytes(buffer[:end])
        del buffer[: end + 2]
        return [told for event in whole.split(b"\n\n") if (told := _payload(event)) is not _NOTHING]

    def finish(self) -> list[dict[str, Any] | None]:
        """Return the last event where no blank line closed it. Raises AnswerInvalid."""
        rest = bytes(self._buffer).strip()
        self._buffer.clear()
        told = _payload(rest) if rest else _NOTHING
        return [] if told is _NOTHING else [told]


_NOTHING: Final[dict[str, Any]] = {}


def _payload(event: bytes) -> dict[str, Any] | None:
    payload = event[event.rfind(b"\n") + 1 :]
    if payload.startswith(b"data: ") and event.count(b"data:", 0, -len(payload)) == 0:
        payload = payload[6:]
    else:
        data = [line[5:].lstrip(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
        if not data:
            return _NOTHING
        payload = b"\n".join(data)
    if payload == DONE:
        return None
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise AnswerInvalid("an event is not JSON") from None
    if not isinstance(value, dict):
        raise AnswerInvalid("an event is not an object")
    return value
