"""AWS frames in any chunking, held against botocore's own decoder, and frames that lie."""

import random
import struct
import zlib

import pytest
from botocore.eventstream import EventStreamBuffer
from tests.simulators.clouds import event, frame

from wardkeep.providers.bedrock import AnthropicFrames
from wardkeep.providers.eventstream import MAX_FRAME_BYTES, FrameReader
from wardkeep.transport.errors import AnswerInvalid, AnswerTooLarge

FRAMES = [event("chunk", {"n": number, "text": "x" * number}) for number in range(12)]
STREAM = b"".join(FRAMES)


@pytest.mark.parametrize("seed", range(20))
def test_any_chunking_gives_the_same_frames_as_the_vendors_sdk(seed):
    chance = random.Random(seed)
    reader, at, found = FrameReader(), 0, []
    while at < len(STREAM):
        step = chance.choice((1, 2, 3, 7, 40, 4096))
        found += reader.feed(STREAM[at : at + step])
        at += step
    reader.finish()
    right = EventStreamBuffer()
    right.add_data(STREAM)
    assert [(each.headers, each.payload) for each in found] == [(each.headers, each.payload) for each in right]


def read_whole(data: bytes) -> None:
    reader = FrameReader()
    reader.feed(data)
    reader.finish()


@pytest.mark.parametrize("position", [0, 5, 9, 14, 40, len(FRAMES[3]) - 1])
def test_a_changed_byte_ends_the_stream(position):
    bad = bytearray(FRAMES[3])
    bad[position] ^= 0x01
    with pytest.raises((AnswerInvalid, AnswerTooLarge)):
        read_whole(bytes(bad))


def test_half_a_frame_at_the_end_is_invalid():
    reader = FrameReader()
    assert reader.feed(FRAMES[2][:-1]) == []
    with pytest.raises(AnswerInvalid):
        reader.finish()


def test_a_frame_that_announces_too_much_is_not_waited_for():
    prelude = struct.pack(">II", MAX_FRAME_BYTES + 1, 0)
    with pytest.raises(AnswerTooLarge):
        FrameReader().feed(prelude + struct.pack(">I", zlib.crc32(prelude)))


@pytest.mark.parametrize(("total", "headers"), [(15, 0), (16, 1), (20, 5), (0, 0)])
def test_lengths_that_cannot_be_are_invalid(total, headers):
    prelude = struct.pack(">II", total, headers)
    with pytest.raises(AnswerInvalid):
        FrameReader().feed(prelude + struct.pack(">I", zlib.crc32(prelude)) + b"\0" * 16)


@pytest.mark.parametrize(
    "raw", [b"\x05ab", b"\x01a\x07\x00\x09x", b"\x01a\x63", b"\x01\xff\x07\x00\x00", b"\x01a"], ids=range(5)
)
def test_headers_that_do_not_parse_are_invalid(raw):
    body = struct.pack(">II", 16 + len(raw), len(raw))
    body += struct.pack(">I", zlib.crc32(body)) + raw
    with pytest.raises(AnswerInvalid):
        FrameReader().feed(body + struct.pack(">I", zlib.crc32(body)))


def test_headers_of_other_types_are_passed_over():
    raw = b"\x01a\x00" + b"\x01b\x04\x00\x00\x00\x01" + b"\x01c\x06\x00\x02xx" + b"\x01d\x07\x00\x01y"
    body = struct.pack(">II", 16 + len(raw), len(raw))
    body += struct.pack(">I", zlib.crc32(body)) + raw
    (found,) = FrameReader().feed(body + struct.pack(">I", zlib.crc32(body)))
    assert found.headers == {"d": "y"}


@pytest.mark.parametrize(
    "payload", [{"bytes": "%%"}, {}, {"bytes": "e30="}, {"bytes": "eyJ0eXBlIjogIngKIn0="}, {"bytes": 7}]
)
def test_a_chunk_that_carries_no_event_is_invalid(payload):
    with pytest.raises(AnswerInvalid):
        AnthropicFrames().feed(event("chunk", payload))


def test_an_exception_becomes_an_error_event_of_the_format():
    named = {":exception-type": "throttlingException", ":message-type": "exception"}
    out = AnthropicFrames().feed(frame(named, b'{"message":"slow down"}'))
    assert out.startswith(b"event: error\ndata: ")
    assert b'"rate_limit_error"' in out
