"""Files in requests: found in every wire format, and only the blocks that carry them change."""

import base64

import orjson
import pytest
from tests.unit.gateway.test_safe import permitted

from wardkeep.gateway.files import attached, may_have_files, read_files
from wardkeep.gateway.origins import origins
from wardkeep.model.guard import Origin
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import Surface
from wardkeep.model.stages import Call
from wardkeep.model.wire import anthropic_messages, openai_chat, openai_responses
from wardkeep.model.wire.grammar import read
from wardkeep.privacy.documents.process import FileReader

TEXT = base64.b64encode(b"Letter: Rosalind Okafor takes apixaban.").decode()
URL = f"data:text/plain;base64,{TEXT}"
CHAT = {
    "model": "m",
    "seed": 12345678901234567890,
    "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": "Read."},
            {"type": "file", "file": {"filename": "a.txt", "file_data": URL}},
            {"type": "image_url", "image_url": {"url": URL, "detail": "high"}}]},
    ],
}  # fmt: skip
MESSAGES = {
    "model": "m",
    "max_tokens": 5,
    "messages": [
        {"role": "user", "content": [
            {"type": "document", "title": "T", "source": {"type": "base64", "media_type": "text/plain", "data": TEXT}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": TEXT},
             "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {
            "type": "image", "source": {"type": "base64", "data": TEXT}}}]},
    ],
}  # fmt: skip
RESPONSES = {
    "model": "m",
    "input": [{"type": "message", "role": "user", "content": [
        {"type": "input_file", "filename": "a.txt", "file_data": URL},
        {"type": "input_image", "image_url": URL}]}],
}  # fmt: skip
CASES = [
    (CHAT, Surface.OPENAI_CHAT, openai_chat.REQUEST),
    (MESSAGES, Surface.ANTHROPIC_MESSAGES, anthropic_messages.REQUEST),
    (RESPONSES, Surface.OPENAI_RESPONSES, openai_responses.REQUEST),
]


@pytest.mark.parametrize(("body", "surface", "grammar"), CASES)
async def test_each_file_gives_way_to_its_text_and_the_grammar_takes_it(body, surface, grammar):
    call = permitted(body, surface).identified.call
    assert may_have_files(call)
    assert len(attached(call.document.value)) == 2
    done = await read_files(call, FileReader())
    assert isinstance(done, Call)
    assert done.original == call.document.raw
    assert done.id == call.id
    found = [(n, leaf.text) for n, leaf in read(done.document, grammar).leaves if "apixaban" in leaf.text]
    assert len(found) == 2
    by_ordinal = origins(done.document.value)
    assert {by_ordinal[n] for n, _ in found} == {Origin.DOCUMENT}
    assert b"12345678901234567890" in done.document.raw or surface is not Surface.OPENAI_CHAT
    assert done.document.raw.count(TEXT.encode()) == (1 if surface is Surface.ANTHROPIC_MESSAGES else 0)


@pytest.mark.parametrize(
    "url", ["https://files.example/a.pdf", "data:text/plain,hello", "data:text/plain;base64", "file-123"]
)
def test_what_is_elsewhere_is_no_file_of_the_request(url):
    block = {"type": "image_url", "image_url": {"url": url}}
    assert attached({"messages": [{"role": "user", "content": [block]}]}) == []


async def test_too_many_or_damaged_files_are_refused_by_name():
    block = {"type": "input_image", "image_url": URL}
    call = permitted({"model": "m", "input": [{"role": "user", "content": [block] * 9}]}).identified.call
    assert await read_files(call, FileReader()) == Refused(reason=Reason.FILE_NOT_READ, field="too_many")
    bad = {"type": "input_image", "image_url": "data:image/png;base64,!!!"}
    call = permitted({"model": "m", "input": [{"role": "user", "content": [bad]}]}).identified.call
    assert await read_files(call, FileReader()) == Refused(reason=Reason.FILE_NOT_READ, field="damaged")


async def test_the_files_of_a_request_share_what_one_may_have():
    url = "data:text/plain;base64," + base64.b64encode(b"words " * 100_000).decode()
    block = {"type": "input_file", "file_data": url}
    call = permitted({"model": "m", "input": [{"role": "user", "content": [block] * 2}]}).identified.call
    assert await read_files(call, FileReader()) == Refused(reason=Reason.FILE_NOT_READ, field="too_large")
    assert await read_files(call, FileReader(wall_seconds=0.0)) == Refused(
        reason=Reason.FILE_NOT_READ, field="too_slow"
    )


async def test_a_call_without_files_is_the_same_call():
    call = permitted({"model": "m", "messages": [{"role": "user", "content": "base64 is an encoding"}]}).identified.call
    assert await read_files(call, FileReader()) is call
    assert orjson.loads(call.document.raw)["model"] == "m"
