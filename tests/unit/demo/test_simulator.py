"""The simulator process over real sockets: both wire formats, each failure, the control endpoints."""

import base64
import datetime as dt
import hashlib
import ipaddress
import json
import socket
import ssl
import struct
import urllib.error
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wardkeep.demo.simulator import _write_port
from wardkeep.demo.vendor import SimulatorProcess

NOTE = 'Compare [NAME-k7f3q9x2] with [NAME-k7f3q9x2.b]: “café” \\ "quoted"\nsecond line 😀'
TOOL_SCHEMA = {"type": "object", "properties": {"patient": {"type": "string"}}, "required": ["patient"]}
OPENAI_TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": TOOL_SCHEMA}}]
ANTHROPIC_TOOLS = [{"name": "look_up", "input_schema": TOOL_SCHEMA}]
CHUNKS = ["event", "byte", "random", "whole", "7"]


@pytest.fixture(scope="module")
def process():
    with SimulatorProcess() as running:
        yield running


@pytest.fixture
def sim(process):
    process.reset()
    return process


def post(sim, path, body, headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(sim.url + path, data=data, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def get(sim, path, headers):
    request = urllib.request.Request(sim.url + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def openai_headers(sim):
    return {"authorization": f"Bearer {sim.openai_key}", "content-type": "application/json"}


def anthropic_headers(sim):
    return {"x-api-key": sim.anthropic_key, "anthropic-version": "2023-06-01", "content-type": "application/json"}


def chat(sim, model, text=NOTE, **fields):
    body = {"model": model, "messages": [{"role": "user", "content": text}]} | fields
    return post(sim, "/v1/chat/completions", body, openai_headers(sim))


def message(sim, model, text=NOTE, **fields):
    body = {"model": model, "max_tokens": 99, "messages": [{"role": "user", "content": text}]} | fields
    return post(sim, "/v1/messages", body, anthropic_headers(sim))


def data_lines(stream):
    return [line.removeprefix("data: ") for line in stream.decode().splitlines() if line.startswith("data: ")]


def chat_chunks(stream):
    lines = data_lines(stream)
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def message_parts(stream):
    """Reassemble a Messages stream as a client does; asserts the order of its events."""
    names = [line.removeprefix("event: ") for line in stream.decode().splitlines() if line.startswith("event: ")]
    events = [json.loads(line) for line in data_lines(stream)]
    assert names == [event["type"] for event in events]
    assert names[0] == "message_start"
    assert names[-2:] == ["message_delta", "message_stop"]
    blocks = []
    for event in events:
        if event["type"] == "content_block_start":
            assert event["index"] == len(blocks)
            blocks.append(dict(event["content_block"], partial=""))
        elif event["type"] == "content_block_delta":
            block, delta = blocks[event["index"]], event["delta"]
            match delta["type"]:
                case "text_delta":
                    block["text"] += delta["text"]
                case "thinking_delta":
                    block["thinking"] += delta["thinking"]
                case "signature_delta":
                    block["signature"] += delta["signature"]
                case "input_json_delta":
                    block["partial"] += delta["partial_json"]
    return blocks, events


def raw_exchange(sim, body):
    """Send one chat request on a socket of our own and read until the server closes or the answer ends."""
    data = json.dumps(body).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: sim\r\nAuthorization: Bearer {sim.openai_key}\r\n"
        f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", sim.port), timeout=10) as line:
        line.sendall(head.encode() + data)
        received = b""
        while part := line.recv(65536):
            received += part
    head, _, rest = received.partition(b"\r\n\r\n")
    return head, rest


def http_chunks(rest):
    chunks = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        chunks.append(rest[:length])
        rest = rest[length + 2 :]
    return chunks


@pytest.mark.parametrize("chunk", CHUNKS)
def test_chat_answer_and_stream_say_the_same_under_any_cutting(sim, chunk):
    sim.configure(chunk=chunk, seed=11)
    status, headers, body = chat(sim, "sim-echo")
    assert status == 200
    whole = json.loads(body)
    text = whole["choices"][0]["message"]["content"]
    assert whole["object"] == "chat.completion"
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert NOTE in text
    status, headers, stream = chat(sim, "sim-echo", stream=True, stream_options={"include_usage": True})
    assert headers["content-type"].startswith("text/event-stream")
    chunks = chat_chunks(stream)
    assert "".join(one["choices"][0]["delta"].get("content") or "" for one in chunks[:-1]) == text
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == whole["usage"]
    assert all(one["usage"] is None for one in chunks[:-1])


def test_usage_is_streamed_only_when_asked(sim):
    chunks = chat_chunks(chat(sim, "sim-echo", stream=True)[2])
    assert all("usage" not in one and one["choices"] for one in chunks)


def test_several_choices_are_interleaved(sim):
    chunks = chat_chunks(chat(sim, "sim-echo", stream=True, n=2)[2])
    order = [one["choices"][0]["index"] for one in chunks]
    assert order[:4] == [0, 1, 0, 1]
    texts = ["", ""]
    for one in chunks:
        choice = one["choices"][0]
        texts[choice["index"]] += choice["delta"].get("content") or ""
    whole = json.loads(chat(sim, "sim-echo", n=2)[2])
    assert texts == [one["message"]["content"] for one in whole["choices"]]


def test_writes_end_inside_characters_and_events(sim):
    sim.configure(chunk="3")
    body = {"model": "sim-echo", "messages": [{"role": "user", "content": NOTE}], "stream": True}
    chunks = http_chunks(raw_exchange(sim, body)[1])
    assert chunks.pop() == b""
    assert {len(one) for one in chunks[:-1]} == {3}
    # Four bytes never fit into three: the last character of the note arrives in two writes.
    assert any("\ufffd" in one.decode(errors="replace") for one in chunks)
    assert NOTE in "".join(
        one["choices"][0]["delta"].get("content") or "" for one in chat_chunks(b"".join(chunks)) if one["choices"]
    )


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_of_events_can_be_chosen(sim, newline):
    sim.configure(newline=newline, reply="same")
    stream = chat(sim, "sim-echo", stream=True)[2]
    assert stream.endswith(f"data: [DONE]{newline}{newline}".encode())
    assert stream.count(b"\n") == (0 if newline == "\r" else stream.count(newline.encode()))


@pytest.mark.parametrize("stream", [False, True])
def test_chat_tool_call_and_its_result(sim, stream):
    sim.configure(calls=2)
    fields = {"tools": OPENAI_TOOLS, "stream": stream}
    body = chat(sim, "sim-tools", "patient: [NAME-k7f3q9x2]; now", **fields)[2]
    calls = _streamed_calls(body) if stream else json.loads(body)["choices"][0]["message"]["tool_calls"]
    assert [json.loads(one["function"]["arguments"]) for one in calls] == [{"patient": "[NAME-k7f3q9x2]"}] * 2
    assert len({one["id"] for one in calls}) == 2
    history = [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        *[{"role": "tool", "tool_call_id": one["id"], "content": "bed [MRN-1]"} for one in calls],
    ]
    answered = json.loads(
        post(
            sim,
            "/v1/chat/completions",
            {"model": "sim-tools", "messages": history, "tools": OPENAI_TOOLS},
            openai_headers(sim),
        )[2]
    )
    assert answered["choices"][0]["message"]["content"] == "The tool returned: bed [MRN-1]\nbed [MRN-1]"


def _streamed_calls(stream):
    calls = {}
    chunks = chat_chunks(stream)
    for one in chunks:
        for delta in one["choices"][0]["delta"].get("tool_calls", ()):
            if "id" in delta:
                calls[delta["index"]] = {"id": delta["id"], "type": "function", "function": dict(delta["function"])}
            else:
                calls[delta["index"]]["function"]["arguments"] += delta["function"]["arguments"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    return list(calls.values())


def test_a_tool_result_without_its_call_is_refused_by_both(sim):
    history = [{"role": "user", "content": "x"}, {"role": "tool", "tool_call_id": "call_none", "content": "y"}]
    status, _, body = post(sim, "/v1/chat/completions", {"model": "sim-echo", "messages": history}, openai_headers(sim))
    assert (status, json.loads(body)["error"]["param"]) == (400, "messages.[1].role")
    result = [{"type": "tool_result", "tool_use_id": "toolu_none", "content": "y"}]
    status, _, body = message(sim, "sim-echo", result)
    assert (status, json.loads(body)["error"]["type"]) == (400, "invalid_request_error")


def test_response_formats_give_valid_json(sim):
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": TOOL_SCHEMA}}
    made = json.loads(chat(sim, "sim-json", "patient: [NAME-a]", response_format=schema)[2])
    assert json.loads(made["choices"][0]["message"]["content"]) == {"patient": "[NAME-a]"}
    plain = {"response_format": {"type": "json_object"}}
    made = json.loads(chat(sim, "sim-json", f"as json: {NOTE}", **plain)[2])
    assert json.loads(made["choices"][0]["message"]["content"])["words"][:2] == ["as", "json:"]
    assert chat(sim, "sim-json", "without the word", **plain)[0] == 400
    output = {"format": {"type": "json_schema", "schema": TOOL_SCHEMA}}
    made = json.loads(message(sim, "sim-json", "patient: [NAME-a]", output_config=output)[2])
    assert json.loads(made["content"][0]["text"]) == {"patient": "[NAME-a]"}


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings_depend_on_their_input_alone(sim, encoding):
    body = {"model": "sim-embed", "input": ["one", "two", "one"], "encoding_format": encoding, "dimensions": 16}
    status, _, answer = post(sim, "/v1/embeddings", body, openai_headers(sim))
    made = json.loads(answer)
    vectors = [one["embedding"] for one in made["data"]]
    if encoding == "base64":
        vectors = [list(struct.unpack("<16f", base64.b64decode(one))) for one in vectors]
    assert status == 200
    assert [one["index"] for one in made["data"]] == [0, 1, 2]
    assert vectors[0] == vectors[2] != vectors[1]
    assert sum(value * value for value in vectors[0]) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("chunk", CHUNKS)
def test_message_answer_and_stream_say_the_same_under_any_cutting(sim, chunk):
    sim.configure(chunk=chunk, seed=12)
    status, _, body = message(sim, "sim-think")
    whole = json.loads(body)
    assert status == 200
    assert [one["type"] for one in whole["content"]] == ["thinking", "text"]
    assert NOTE in whole["content"][1]["text"]
    blocks, events = message_parts(message(sim, "sim-think", stream=True)[2])
    # Citations come as events of their own when there are any.
    said = [{key: value for key, value in one.items() if value or key != "citations"} for one in whole["content"]]
    assert [{key: value for key, value in one.items() if key != "partial"} for one in blocks] == said
    assert events[-2]["usage"]["output_tokens"] == whole["usage"]["output_tokens"]
    assert events[2] == {"type": "ping"}


@pytest.mark.parametrize("stream", [False, True])
def test_message_tool_use_with_signed_thinking_and_its_result(sim, stream):
    fields = {"tools": ANTHROPIC_TOOLS, "stream": stream}
    body = message(sim, "sim-think-tools", "patient: [NAME-k7f3q9x2]", **fields)[2]
    if stream:
        blocks, events = message_parts(body)
        assert events[-2]["delta"]["stop_reason"] == "tool_use"
        blocks[1]["input"] = json.loads(blocks[1]["partial"])
        content = [{key: value for key, value in one.items() if key != "partial"} for one in blocks]
    else:
        content = json.loads(body)["content"]
    assert content[1]["input"] == {"patient": "[NAME-k7f3q9x2]"}
    result = [{"type": "tool_result", "tool_use_id": content[1]["id"], "content": [{"type": "text", "text": "bed 4"}]}]
    history = [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": content},
        {"role": "user", "content": result},
    ]
    answered = message(sim, "sim-think-tools", messages=history, tools=ANTHROPIC_TOOLS)
    assert json.loads(answered[2])["content"][1]["text"] == "The tool returned: bed 4"
    content[0]["thinking"] += " "
    status, _, body = message(sim, "sim-think-tools", messages=history, tools=ANTHROPIC_TOOLS)
    refused = json.loads(body)
    assert status == 400
    assert refused["error"]["type"] == "invalid_request_error"
    assert refused["error"]["message"] == "messages.1.content.0: Invalid `signature` in `thinking` block"


def test_tokens_are_counted_without_max_tokens(sim):
    body = {"model": "sim-echo", "messages": [{"role": "user", "content": NOTE}]}
    status, _, answer = post(sim, "/v1/messages/count_tokens", body, anthropic_headers(sim))
    assert status == 200
    assert json.loads(answer)["input_tokens"] > 10


def test_models_have_the_shape_of_the_surface(sim):
    status, listed = get(sim, "/v1/models", openai_headers(sim))
    assert status == 200
    assert {"id": "sim-echo", "object": "model", "created": 1735689600, "owned_by": "simulator"} in listed["data"]
    status, listed = get(sim, "/v1/models", anthropic_headers(sim))
    assert listed["has_more"] is False
    assert "sim-echo" in {one["id"] for one in listed["data"]}
    assert get(sim, "/v1/models/sim-echo", anthropic_headers(sim))[1]["type"] == "model"
    assert get(sim, "/v1/models/none", openai_headers(sim))[0] == 404
    assert get(sim, "/v1/models/none", anthropic_headers(sim))[0] == 404


def test_wrong_keys_get_the_vendors_401(sim):
    body = {"model": "sim-echo", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    status, _, answer = post(sim, "/v1/chat/completions", body, {"authorization": "Bearer wrong-key-1234"})
    assert status == 401
    assert json.loads(answer)["error"]["code"] == "invalid_api_key"
    assert b"wrong-key" not in answer
    wrong = anthropic_headers(sim) | {"x-api-key": "wrong"}
    status, _, answer = post(sim, "/v1/messages", body, wrong)
    assert status == 401
    assert json.loads(answer)["error"] == {"type": "authentication_error", "message": "invalid x-api-key"}
    assert post(sim, "/v1/messages", body, {})[0] == 401
    assert post(sim, "/v1/messages", body, {"x-api-key": sim.anthropic_key})[0] == 400


@pytest.mark.parametrize("header", ["x-api-key", "authorization"])
def test_messages_take_the_key_in_either_header(sim, header):
    key = sim.anthropic_key if header == "x-api-key" else f"Bearer {sim.anthropic_key}"
    body = {"model": "sim-echo", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    assert post(sim, "/v1/messages", body, {header: key, "anthropic-version": "2026-10-21"})[0] == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 1.0},
        {"top_p": 1.0},
        {"top_k": 5},
        {"messages": [{"role": "assistant", "content": [{"type": "document", "source": {}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "citations": [{}]}]}]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "search_result", "content": [{"type": "text", "text": "x", "citations": [{}]}]}
                    ],
                }
            ]
        },
    ],
)
def test_what_the_newer_version_refuses_the_older_takes(sim, fields):
    body = {"model": "sim-echo", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]} | fields
    older = anthropic_headers(sim) | {"anthropic-version": "2023-06-01"}
    newer = anthropic_headers(sim) | {"anthropic-version": "2026-10-21"}
    assert post(sim, "/v1/messages", body, older)[0] == 200
    status, _, answer = post(sim, "/v1/messages", body, newer)
    assert (status, json.loads(answer)["error"]["type"]) == (400, "invalid_request_error")


def test_an_unknown_version_is_refused(sim):
    unknown = anthropic_headers(sim) | {"anthropic-version": "2024-01-01"}
    body = {"model": "sim-echo", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    assert post(sim, "/v1/messages", body, unknown)[0] == 400


def test_unknown_models_get_the_vendors_404(sim):
    status, _, answer = chat(sim, "gpt-none")
    assert (status, json.loads(answer)["error"]["code"]) == (404, "model_not_found")
    status, _, answer = message(sim, "claude-none")
    assert (status, json.loads(answer)["error"]) == (404, {"type": "not_found_error", "message": "model: claude-none"})


@pytest.mark.parametrize(
    ("status", "openai_status", "openai_type", "anthropic_type"),
    [
        (400, 400, "invalid_request_error", "invalid_request_error"),
        (401, 401, "invalid_request_error", "authentication_error"),
        (403, 403, "request_forbidden", "permission_error"),
        (404, 404, "invalid_request_error", "not_found_error"),
        (429, 429, "requests", "rate_limit_error"),
        (500, 500, "server_error", "api_error"),
        (503, 503, "service_unavailable_error", "api_error"),
        (529, 503, "service_unavailable_error", "overloaded_error"),
    ],
)
def test_errors_have_the_vendors_shape(sim, status, openai_status, openai_type, anthropic_type):
    got, headers, body = chat(sim, f"sim-error-{status}", stream=True)
    error = json.loads(body)["error"]
    assert (got, error["type"]) == (openai_status, openai_type)
    assert set(error) == {"message", "type", "param", "code"}
    assert (headers["retry-after"] == "1") is (openai_status in {429, 503})
    got, headers, body = message(sim, f"sim-error-{status}")
    error = json.loads(body)
    assert (got, error["error"]["type"]) == (status, anthropic_type)
    assert error["request_id"] == headers["request-id"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"model": "sim-echo"}',
        b'{"model": "sim-echo", "max_tokens": 9, "messages": []}',
        b'{"model": "sim-echo", "max_tokens": 9, "messages": ["x"]}',
        b'{"model": "sim-echo", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], "extra": 1}',
    ],
)
def test_malformed_requests_get_the_vendors_400(sim, body):
    status, _, answer = post(sim, "/v1/chat/completions", body, openai_headers(sim))
    assert (status, json.loads(answer)["error"]["type"]) == (400, "invalid_request_error")
    status, _, answer = post(sim, "/v1/messages", body, anthropic_headers(sim))
    assert (status, json.loads(answer)["error"]["type"]) == (400, "invalid_request_error")


def test_an_unknown_address_is_a_404(sim):
    assert post(sim, "/v1/none", {}, openai_headers(sim))[0] == 404
    assert post(sim, "/v1/messages/none", {}, anthropic_headers(sim))[0] == 404


@pytest.mark.parametrize("stream", [False, True])
def test_drop_closes_after_that_many_bytes(sim, stream):
    sim.configure(drop_after=37, chunk="10")
    body = {"model": "sim-drop", "messages": [{"role": "user", "content": NOTE}], "stream": stream}
    head, rest = raw_exchange(sim, body)
    assert b" 200 " in head
    if stream:
        chunks = http_chunks(rest)
        assert b"" not in chunks
        assert len(b"".join(chunks)) == 37
    else:
        assert len(rest) == 37
        assert b"content-length: 37\r\n" not in head.lower() + b"\r\n"


def test_garbage_is_neither_json_nor_events(sim):
    _, _, body = chat(sim, "sim-garbage")
    with pytest.raises(UnicodeDecodeError):
        json.loads(body)
    _, _, stream = message(sim, "sim-garbage", stream=True)
    assert stream.startswith(b"event: message_start\n")
    assert b"message_stop" not in stream
    assert b"data: {\xff not json" in stream


def test_an_error_inside_a_stream_has_the_vendors_shape(sim):
    last = data_lines(chat(sim, "sim-error-stream", stream=True)[2])[-1]
    assert json.loads(last)["error"]["type"] == "server_error"
    stream = message(sim, "sim-error-stream", stream=True)[2]
    assert stream.split(b"\n\n")[-2].startswith(b"event: error\n")
    assert json.loads(data_lines(stream)[-1])["error"]["type"] == "overloaded_error"
    assert chat(sim, "sim-error-stream")[0] == 500
    assert message(sim, "sim-error-stream")[0] == 500


def test_long_streams_have_many_events(sim):
    sim.configure(events=3000, piece=2)
    texts = [
        event["delta"]["text"]
        for event in message_parts(message(sim, "sim-long", "a", stream=True)[2])[1]
        if event["type"] == "content_block_delta"
    ]
    assert texts == ["a "] * 3000


def test_slow_answers_late_and_notices_a_caller_who_leaves(sim):
    # The wait is far longer than this test: only a simulator that notices the caller's leaving can count it in time.
    sim.configure(delay_ms=600_000)
    data = json.dumps({"model": "sim-slow", "messages": [{"role": "user", "content": "x"}]}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: sim\r\nAuthorization: Bearer {sim.openai_key}\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", sim.port), timeout=0.2) as line:
        line.sendall(head.encode() + data)
        with pytest.raises(TimeoutError):
            line.recv(1)
    assert any(sim.stats()["disconnects"] == 1 for _ in range(500))
    sim.configure(delay_ms=1, event_delay_ms=1)
    assert chat_chunks(chat(sim, "sim-slow", "x", stream=True)[2])[-1]["choices"][0]["finish_reason"] == "stop"


def test_everything_received_is_shown_until_reset(sim):
    chat(sim, "sim-echo", "caf\u00e9")
    status, _, _ = post(sim, "/v1/messages?beta=true", b"\x00\xff", anthropic_headers(sim))
    assert status == 400
    first, second = sim.seen()
    assert (first.method, first.path) == ("POST", "/v1/chat/completions")
    assert first.json()["messages"][0]["content"] == "caf\u00e9"
    assert first.header("Authorization") == f"Bearer {sim.openai_key}"
    assert (second.path, second.body) == ("/v1/messages?beta=true", b"\x00\xff")
    stats = sim.stats()
    assert (stats["requests"], stats["kept"], stats["disconnects"]) == (2, 2, 0)
    assert stats["connections"] >= 2
    sim.configure(reply="x")
    sim.reset()
    assert sim.seen() == []
    assert sim.stats()["requests"] == 0
    assert NOTE in json.loads(chat(sim, "sim-echo")[2])["choices"][0]["message"]["content"]


def test_a_wrong_setting_is_refused_with_its_reason(sim):
    with pytest.raises(ValueError, match="unknown setting 'chunks'"):
        sim.configure(chunks=1)
    assert get(sim, "/_sim/none", {})[0] == 404


def test_a_connection_carries_several_requests(sim):
    before = sim.stats()["connections"]
    data = json.dumps({"model": "sim-count", "messages": [{"role": "user", "content": "x"}]}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: sim\r\nAuthorization: Bearer {sim.openai_key}\r\n"
        f"Content-Length: {len(data)}\r\n"
    )
    with socket.create_connection(("127.0.0.1", sim.port), timeout=10) as line:
        kept = head.encode() + b"\r\n" + data
        line.sendall(kept + kept + head.encode() + b"Connection: close\r\n\r\n" + data)
        received = b""
        while part := line.recv(65536):
            received += part
    assert received.count(b"messages=1 characters=1 tokens=0 tools=0") == 3
    # One for this socket; the other is the request for the figures itself.
    assert sim.stats()["connections"] - before == 2


def test_tls_serves_the_certificate_it_is_given_and_the_log_holds_no_content(tmp_path):
    certificate, key = _self_signed(tmp_path)
    log = tmp_path / "requests.jsonl"
    with SimulatorProcess(tls_cert=certificate, tls_key=key, log=log, openai_key="other-key") as secure:
        context = ssl.create_default_context(cafile=certificate)
        body = json.dumps({"model": "sim-echo", "messages": [{"role": "user", "content": "private words"}]}).encode()
        for path in ("/v1/chat/completions", "/private/path"):
            request = urllib.request.Request(
                secure.url + path, data=body, headers={"authorization": "Bearer other-key"}, method="POST"
            )
            if path == "/private/path":
                with pytest.raises(urllib.error.HTTPError, match="404"):
                    urllib.request.urlopen(request, timeout=10, context=context)
            else:
                with urllib.request.urlopen(request, timeout=10, context=context) as response:
                    assert b"private words" in response.read()
        with (
            socket.create_connection(("127.0.0.1", secure.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as line,
        ):
            shown = hashlib.sha256(line.getpeercert(binary_form=True)).digest()
        wanted = x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(hashes.SHA256())
        assert shown == wanted
        lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["path"], line["status"]) for line in lines] == [("/v1/chat/completions", 200), ("other", 404)]
    assert "private" not in log.read_text()


def test_a_process_that_cannot_start_says_why(tmp_path):
    missing = tmp_path / "missing.pem"
    certificate, _ = _self_signed(tmp_path)
    with pytest.raises(RuntimeError, match="did not start"), SimulatorProcess(tls_cert=certificate, tls_key=missing):
        pytest.fail("it started without its key")


def test_the_port_file_is_whole_and_leaves_nothing_beside_it(tmp_path):
    target = tmp_path / "port"
    target.write_text("stale")
    _write_port(target, 4711)
    assert target.read_text() == "4711\n"
    assert list(tmp_path.iterdir()) == [target]


def _self_signed(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulated vendor")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "vendor.pem", folder / "vendor.key"
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, secret
