"""`/v1/responses` and `/v1/embeddings` with the unmodified SDK, at each platform that serves them."""

import json
from collections.abc import Iterator
from json import JSONDecodeError

import pytest
from openai import APIError, APIStatusError, AsyncOpenAI
from tests.simulators.platforms import Clouds, clouds

NAMES = ("openai", "azure", "azure-dated", "local")
NOTE = "Patient Philippa Quintanilla (MRN: 84713925), phone 415-672-8841, was seen for chest pain."
TOOL = {
    "type": "function", "name": "lookup", "strict": True, "description": "Looks a person up",
    "parameters": {"type": "object", "properties": {"who": {"type": "string"}}},
}  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[Clouds]:
    with clouds(only=NAMES) as found:
        yield found


@pytest.fixture(autouse=True)
def _fresh(running: Clouds) -> None:
    running.vendor.reset()


def client(running: Clouds) -> AsyncOpenAI:
    house = running.house
    return AsyncOpenAI(api_key=house.api_key, base_url=f"{house.instance.data}/v1", max_retries=0)


def seen(running: Clouds):
    (one,) = running.vendor.seen()
    assert b"Quintanilla" not in one.body
    assert b"84713925" not in one.body
    return one.json()


@pytest.mark.parametrize("name", NAMES)
async def test_a_whole_response_comes_restored_and_nothing_is_stored(running, name):
    start = running.house.size()
    answer = await client(running).responses.create(model=f"{name}/sim-echo", input=NOTE, instructions="Be brief.")
    assert "Quintanilla" in answer.output_text
    assert "84713925" in answer.output_text
    assert seen(running)["store"] is False
    (closed,) = [each for each in running.house.headers(start) if each["type"] == "response"]
    assert (closed["decision"], closed["tokens_in"]) == ("answered", answer.usage.input_tokens)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("chunk", "piece"), [("event", 0), ("byte", 3), ("random", 1)])
async def test_a_streamed_response_gives_the_same_text_in_its_deltas_and_at_its_end(running, name, chunk, piece):
    running.vendor.configure(chunk=chunk, piece=piece)
    deltas, done, numbers, last = "", "", [], None
    async for event in await client(running).responses.create(model=f"{name}/sim-echo", input=NOTE, stream=True):
        numbers.append(event.sequence_number)
        deltas += event.delta if event.type == "response.output_text.delta" else ""
        done = event.text if event.type == "response.output_text.done" else done
        last = event
    assert "Quintanilla" in done
    assert deltas == done == last.response.output_text
    assert last.type == "response.completed"
    assert numbers == sorted(set(numbers))
    seen(running)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_tools_are_called_with_the_originals_and_their_results_go_out_masked(running, stream):
    asked = [{"role": "user", "content": NOTE}]
    given = {"model": "openai/sim-tools", "tools": [TOOL]}
    if stream:
        async with client(running).responses.stream(input=asked, **given) as events:
            arguments = ""
            async for event in events:
                arguments += event.delta if event.type == "response.function_call_arguments.delta" else ""
            answer = await events.get_final_response()
        assert arguments == answer.output[0].arguments
    else:
        answer = await client(running).responses.create(input=asked, **given)
    call = answer.output[0]
    who = json.loads(call.arguments)["who"]
    assert "Quintanilla" in who or "84713925" in who
    seen(running)
    running.vendor.reset()
    turn = [
        *asked,
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
        {"type": "function_call_output", "call_id": call.call_id, "output": "Philippa Quintanilla, MRN: 84713925"},
    ]
    again = await client(running).responses.create(input=turn, **given)
    assert "Quintanilla" in again.output_text
    seen(running)


async def test_structured_output_is_parsed(running):
    schema = {"type": "object", "properties": {"who": {"type": "string"}}, "required": ["who"]}
    form = {"format": {"type": "json_schema", "name": "person", "schema": schema}}
    answer = await client(running).responses.create(model="openai/sim-echo", input=NOTE, text=form)
    assert "who" in json.loads(answer.output_text)


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"store": True}, 403, "field_denied"),
        ({"previous_response_id": "resp_1"}, 403, "field_denied"),
        ({"conversation": "conv_1"}, 403, "field_denied"),
        ({"prompt": {"id": "pmpt_1"}}, 403, "field_denied"),
        ({"background": True}, 403, "field_denied"),
        ({"prompt_cache_retention": "24h"}, 403, "field_denied"),
        ({"tools": [{"type": "web_search"}]}, 403, "feature_denied"),
        ({"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}, 403, "feature_denied"),
        ({"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}, 403, "feature_denied"),
        ({"tools": [{"type": "mcp", "server_label": "m", "server_url": "https://m.example"}]}, 403, "feature_denied"),
        ({"tools": [{"type": "computer_use_preview"}]}, 403, "feature_denied"),
        ({"tools": [{"type": "image_generation"}]}, 403, "feature_denied"),
        ({"include": ["web_search_call.action.sources"]}, 400, "field_invalid"),
        ({"metadata": {"a": "b"}}, 403, "terms_feature"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, 403, "field_denied"),
        ({"input": [{"type": "web_search_call", "id": "ws_1"}]}, 403, "feature_denied"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://i.example"}]}]},
            403,
            "content_unreadable",
        ),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, 403, "content_unreadable"),
        ({"input": [{"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"}]}, 400, "field_invalid"),
        ({"tools": [{**TOOL, "parameters": {"const": "508-19-7312"}}]}, 403, "schema_identifies"),
    ],
)
async def test_what_keeps_state_or_leaves_the_agreement_is_refused(running, more, status, code):
    body = {"model": "openai/sim-echo", "input": "hello", **more}
    with pytest.raises(APIStatusError) as caught:
        await client(running).post("/responses", body=body, cast_to=object)
    assert (caught.value.status_code, caught.value.body["code"]) == (status, code)
    assert running.vendor.seen() == []


async def read_stream(asking: AsyncOpenAI, model: str) -> None:
    async for _ in await asking.responses.create(model=model, input=NOTE, stream=True):
        continue


@pytest.mark.parametrize("model", ["sim-drop", "sim-garbage"])
async def test_a_fault_inside_a_stream_is_an_error_and_the_entry_is_closed(running, model):
    start = running.house.size()
    with pytest.raises((APIError, JSONDecodeError)) as caught:
        await read_stream(client(running), f"openai/{model}")
    assert "Quintanilla" not in str(caught.value)
    assert [each["type"] for each in running.house.headers(start)][-1] == "aborted"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_embeddings_are_masked_recorded_and_linked_to_their_subject(running, name, encoding):
    start = running.house.size()
    answer = await client(running).embeddings.create(
        model=f"{name}/sim-echo", input=[NOTE, "A second text"], encoding_format=encoding,
        extra_headers={"Wardkeep-Subject": "subject-1"},
    )  # fmt: skip
    assert len(answer.data) == 2
    assert len(seen(running)["input"]) == 2
    asked, closed = running.house.headers(start)
    assert asked["surface"] == "/v1/embeddings"
    assert asked["subject"] not in (None, "unresolved")
    assert closed["tokens_in"] == answer.usage.prompt_tokens
    assert closed["ct_len"] > 100


async def test_the_same_person_is_embedded_as_the_same_surrogate(running):
    bodies = []
    for text in ("Philippa Quintanilla, MRN: 84713925, has asthma", "Allergies of Philippa Quintanilla, MRN: 84713925"):
        running.vendor.reset()
        await client(running).embeddings.create(model="openai/sim-echo", input=text)
        bodies.append(seen(running)["input"])
    first, second = ({word.strip(",.") for word in body.split() if word.startswith("[")} for body in bodies)
    assert first & second


async def test_token_arrays_are_not_passed_unread(running):
    with pytest.raises(APIStatusError) as caught:
        await client(running).embeddings.create(model="openai/sim-echo", input=[1, 2, 3])
    assert caught.value.body["code"] == "content_unreadable"
    assert running.vendor.seen() == []


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_encrypted_reasoning_comes_back_only_as_it_left_and_only_here(running, stream):
    asking = client(running)
    given = {"model": "openai/sim-think", "include": ["reasoning.encrypted_content"]}
    first = {"role": "user", "content": "Which dose?"}
    if stream:
        async with asking.responses.stream(input=[first], **given) as events:
            answer = await events.get_final_response()
    else:
        answer = await asking.responses.create(input=[first], **given)
    sealed = answer.output[0].model_dump(exclude_none=True)
    assert sealed["encrypted_content"].startswith("wk1.")
    turn = [first, sealed, {"role": "user", "content": "And then?"}]
    assert (await asking.responses.create(input=turn, **given)).status == "completed"
    bent = {**sealed, "encrypted_content": sealed["encrypted_content"][:-2] + "AA"}
    elsewhere = [{"role": "user", "content": "Another conversation"}, sealed]
    for refused in ([first, bent], elsewhere):
        with pytest.raises(APIStatusError) as caught:
            await asking.responses.create(input=refused, **given)
        assert caught.value.body["code"] == "field_invalid"
