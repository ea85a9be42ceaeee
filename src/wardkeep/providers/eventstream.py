"""The binary framing of AWS event streams (`application/vnd.amazon.eventstream`): prelude, headers, payload, two CRCs.

A frame whose checksums do not agree is not read: what cannot be read cannot be restored, so the stream ends there.
"""

import struct
import zlib
from dataclasses import dataclass, field
from typing import Final

from wardkeep.transport.errors import AnswerInvalid, AnswerTooLarge

MAX_FRAME_BYTES: Final = 4 * 1024 * 1024
_PRELUDE: Final = struct.Struct(">III")
_CRC: Final = struct.Struct(">I")
_SHORT: Final = struct.Struct(">H")
_STRING: Final = 7
# Bytes of a header value by its type; strings and byte arrays (6, 7) carry their length.
_SIZES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One message: its string headers and its payload."""

    headers: dict[str, str]
    payload: bytes


@dataclass(slots=True)
class FrameReader:
    """Feeds on bytes in any chunking, yields whole frames. Raises AnswerInvalid or AnswerTooLarge."""

    _buffer: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes; return the frames that are whole now."""
        buffer = self._buffer
        buffer += data
        found: list[Frame] = []
        while len(buffer) >= _PRELUDE.size:
            total, headers_length, prelude_crc = _PRELUDE.unpack_from(buffer)
            if zlib.crc32(buffer[: _PRELUDE.size - 4]) != prelude_crc or headers_length > total - 16 or total < 16:
                raise AnswerInvalid("an event-stream prelude does not agree with its checksum")
            if total > MAX_FRAME_BYTES:
                raise AnswerTooLarge("an event-stream frame is larger than a frame may be")
            if len(buffer) < total:
                break
            frame = bytes(buffer[:total])
            del buffer[:total]
            if zlib.crc32(frame[:-4]) != _CRC.unpack_from(frame, total - 4)[0]:
                raise AnswerInvalid("an event-stream message does not agree with its checksum")
            start = _PRELUDE.size + headers_length
            found.append(Frame(headers=_headers(frame[_PRELUDE.size : start]), payload=frame[start:-4]))
        return found

    def finish(self) -> None:
        """Return when nothing is left. Raises AnswerInvalid for half a frame."""
        if self._buffer:
            raise AnswerInvalid("the event stream ended inside a frame")


def _headers(raw: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(raw):
            name_end = at + 1 + raw[at]
            name = raw[at + 1 : name_end].decode("ascii")
            kind = raw[name_end]
            at = name_end + 1
            if kind in _SIZES:
                at += _SIZES[kind]
                continue
            length = _SHORT.unpack_from(raw, at)[0]
            value = raw[at + 2 : at + 2 + length]
            if len(value) != length:
                raise AnswerInvalid("an event-stream header is cut short")
            if kind == _STRING:
                found[name] = value.decode("utf-8")
            at += 2 + length
    except (IndexError, struct.error, UnicodeDecodeError):
        raise AnswerInvalid("an event-stream header cannot be read") from None
    return found
