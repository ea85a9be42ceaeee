"""Whose word a text is: ordinals are those of the reader, in every wire format."""

import orjson
import pytest

from wardkeep.gateway.origins import origins
from wardkeep.model.document import parse
from wardkeep.model.guard import Origin
from wardkeep.model.wire import anthropic_messages, openai_chat, openai_responses
from wardkeep.model.wire.grammar import read

CHAT = {
    "model": "m",
    "temperature": 0.5,
    "messages": [
        {"role": "system", "content": "S1"},
        {"role": "user", "content": [{"type": "text", "text": "U1"}]},
        {"role": "assistant", "content": "H1", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "T1"},
    ],
}  # fmt: skip
MESSAGES = {
    "model": "m",
    "max_tokens": 5,
    "system": [{"type": "text", "text": "S1"}],
    "messages": [
        {"role": "user", "content": [
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "D1"}, "title": "D2"},
            {"type": "text", "text": "U1"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"q": "H1"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "T1"}]},
    ],
}  # fmt: skip
RESPONSES = {
    "model": "m",
    "instructions": "S1",
    "input": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "U1"}]},
        {"type": "function_call_output", "call_id": "c", "output": "T1"},
        {"type": "message", "role": "assistant", "content": "H1"},
    ],
}


@pytest.mark.parametrize(
    ("body", "grammar"),
    [
        (CHAT, openai_chat.REQUEST),
        (MESSAGES, anthropic_messages.REQUEST),
        (RESPONSES, openai_responses.REQUEST),
        ({"model": "m", "input": "U1", "instructions": "S1"}, openai_responses.REQUEST),
    ],
)
def test_every_text_has_the_origin_of_its_place(body, grammar):
    document = parse(orjson.dumps(body))
    by_ordinal = origins(document.value)
    first = {"S": Origin.SYSTEM, "U": Origin.USER, "H": Origin.HISTORY, "T": Origin.TOOL, "D": Origin.DOCUMENT}
    told = {
        leaf.text: by_ordinal[ordinal]
        for ordinal, leaf in read(document, grammar).leaves
        if len(leaf.text) == 2 and leaf.text[1].isdigit()
    }
    assert told
    assert told == {text: first[text[0]] for text in told}
