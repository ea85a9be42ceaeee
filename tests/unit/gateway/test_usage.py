"""What vendors report of tokens: nothing that is paid for is left out, whole or streamed."""

import orjson
import pytest

from wardkeep.gateway.answers import usage_of
from wardkeep.gateway.streaming import EventStream
from wardkeep.model.sensitive import Secret

CACHED = {"cache_creation_input_tokens": 70_000, "cache_read_input_tokens": 200_000}


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"input_tokens": 4, "output_tokens": 9, **CACHED}, (270_004, 9)),
        ({"input_tokens": 4, "output_tokens": 9, "cache_read_input_tokens": None}, (4, 9)),
        ({"cache_read_input_tokens": 6, "output_tokens": 9}, (6, 9)),
        # The others count cached tokens in what they report.
        ({"prompt_tokens": 8, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 6}}, (8, 2)),
        ({"input_tokens": 8, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 6}}, (8, 2)),
        ({"output_tokens": 9}, (None, 9)),
    ],
)
def test_tokens_from_the_vendors_cache_are_counted_once(usage, tokens):
    assert usage_of({"usage": usage}) == tokens


def event(value) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (value["type"].encode(), orjson.dumps(value))


@pytest.mark.parametrize("last", [{}, {"input_tokens": 4}, {"input_tokens": 4, **CACHED}])
def test_a_stream_that_tells_them_at_its_start_or_end_counts_them_once(last):
    events = EventStream(restore={}, conversation_key=Secret(b"k" * 32), is_anthropic=True)
    events.feed(
        event({"type": "message_start", "message": {"usage": {"input_tokens": 4, "output_tokens": 1, **CACHED}}})
    )
    events.feed(event({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 9, **last}}))
    assert (events.tokens_in, events.tokens_out) == (270_004, 9)
