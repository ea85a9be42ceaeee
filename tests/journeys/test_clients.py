"""Real clients, unmodified, pointed at the gateway by their base URL: what they show is what was asked about.

The fixture ``gateway`` has ``url`` and ``api_key`` (a key with a default purpose, so that no client needs a header of
ours) and routes the ``sim-*`` models to the simulated vendors. The vendor answers with whatever it was sent; a name in
an answer that had been replaced on the way out was therefore restored on the way back.
"""

import json
import os
import re
import subprocess
import sys
import urllib.request

import pytest

NAME = "Maria Gonzalez"
DOCTOR = "Alan Whitfield"
ACCENTED = "José Núñez"
RECORD = "48151623"
PHONE = "415-555-0132"
NOTE = f"Patient {NAME} (MRN: {RECORD}, phone {PHONE}) was seen by Dr. {DOCTOR} for chest pain."
LABELLED = f"patient_name: {NAME}; mrn: {RECORD}; clinician: Dr. {DOCTOR}"
PARAMETERS = {
    "type": "object",
    "properties": {"patient_name": {"type": "string"}, "mrn": {"type": "string"}},
    "required": ["patient_name", "mrn"],
    "additionalProperties": False,
}
OPENAI_TOOL = {
    "type": "function",
    "function": {"name": "find_record", "description": "Find a record.", "parameters": PARAMETERS},
}
ANTHROPIC_TOOL = {"name": "find_record", "description": "Find a record.", "input_schema": PARAMETERS}
ARGUMENTS = {"patient_name": NAME, "mrn": RECORD}
RESULT = f"{NAME}, ward 7, call {PHONE}"
#: Our own form of a replaced identifier; none may reach a client.
TOKEN = re.compile(r"\[[A-Z_]+-[a-z0-9]{4,}(\.[a-z]+)?\]")


def assert_whole(text):
    """The note came back word for word."""
    assert NOTE in text
    assert not TOKEN.search(text)


class TestOpenAI:
    @pytest.fixture
    def sdk(self):
        return pytest.importorskip("openai")

    @pytest.fixture
    def client(self, sdk, gateway):
        with sdk.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.api_key, max_retries=0) as client:
            yield client

    def test_chat(self, client):
        answer = client.chat.completions.create(
            model="sim-echo", messages=[{"role": "system", "content": "Be short."}, {"role": "user", "content": NOTE}]
        )
        assert_whole(answer.choices[0].message.content)
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage.total_tokens > 0

    def test_stream_says_what_the_answer_says(self, client):
        messages = [{"role": "user", "content": NOTE}]
        whole = client.chat.completions.create(model="sim-echo", messages=messages).choices[0].message.content
        chunks = list(
            client.chat.completions.create(
                model="sim-echo", messages=messages, stream=True, stream_options={"include_usage": True}
            )
        )
        assert "".join(one.choices[0].delta.content or "" for one in chunks if one.choices) == whole
        assert chunks[-1].usage.completion_tokens > 0
        assert_whole(whole)

    async def test_async_stream(self, sdk, gateway):
        async with sdk.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.api_key, max_retries=0) as client:
            stream = await client.chat.completions.create(
                model="sim-echo", messages=[{"role": "user", "content": NOTE}], stream=True
            )
            assert_whole("".join([one.choices[0].delta.content or "" async for one in stream]))

    def test_several_turns(self, client):
        messages = [{"role": "user", "content": NOTE}]
        first = client.chat.completions.create(model="sim-echo", messages=messages).choices[0].message
        messages += [first.model_dump(exclude_none=True), {"role": "user", "content": f"And what of {NAME} tomorrow?"}]
        second = client.chat.completions.create(model="sim-echo", messages=messages).choices[0].message
        assert f"And what of {NAME} tomorrow?" in second.content
        assert not TOKEN.search(second.content)

    @pytest.mark.parametrize("name", [NAME, ACCENTED], ids=["ascii", "accented"])
    def test_tool_call_and_its_result(self, client, name):
        messages = [{"role": "user", "content": f"patient_name: {name}; mrn: {RECORD}; clinician: Dr. {DOCTOR}"}]
        asked = client.chat.completions.create(model="sim-tools", messages=messages, tools=[OPENAI_TOOL])
        message = asked.choices[0].message
        assert asked.choices[0].finish_reason == "tool_calls"
        (call,) = message.tool_calls
        assert call.function.name == "find_record"
        assert json.loads(call.function.arguments) == {"patient_name": name, "mrn": RECORD}
        messages += [
            message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": call.id, "content": json.dumps({"found": f"{name}, ward 7"})},
        ]
        answer = client.chat.completions.create(model="sim-tools", messages=messages, tools=[OPENAI_TOOL])
        text = answer.choices[0].message.content
        assert json.loads(text.removeprefix("The tool returned: ")) == {"found": f"{name}, ward 7"}

    @pytest.mark.parametrize("name", [NAME, ACCENTED], ids=["ascii", "accented"])
    def test_streamed_tool_arguments_join_to_valid_json(self, client, name):
        with client.chat.completions.stream(
            model="sim-tools",
            messages=[{"role": "user", "content": f"patient_name: {name}; mrn: {RECORD}"}],
            tools=[OPENAI_TOOL],
        ) as stream:
            (call,) = stream.get_final_completion().choices[0].message.tool_calls
        assert json.loads(call.function.arguments) == {"patient_name": name, "mrn": RECORD}

    @pytest.mark.parametrize("stream", [False, True])
    def test_json_schema(self, client, stream):
        wanted = {"type": "json_schema", "json_schema": {"name": "record", "schema": PARAMETERS, "strict": True}}
        answer = client.chat.completions.create(
            model="sim-json", messages=[{"role": "user", "content": LABELLED}], response_format=wanted, stream=stream
        )
        text = (
            "".join(one.choices[0].delta.content or "" for one in answer)
            if stream
            else answer.choices[0].message.content
        )
        assert json.loads(text) == ARGUMENTS

    def test_json_object(self, client):
        answer = client.chat.completions.create(
            model="sim-json",
            messages=[{"role": "user", "content": f"As JSON: {NOTE}"}],
            response_format={"type": "json_object"},
        )
        assert_whole(json.loads(answer.choices[0].message.content)["summary"])

    def test_an_endpoint_that_is_not_listed_is_refused(self, sdk, client):
        with pytest.raises(sdk.NotFoundError) as caught:
            client.moderations.create(input=NOTE)
        assert caught.value.body["code"] == "path_unknown"

    def test_models(self, client):
        assert {"sim-echo", "sim-tools"} <= {one.id for one in client.models.list()}

    def test_errors_are_the_clients_own(self, sdk, client, gateway):
        classes = {
            "sim-error-400": sdk.BadRequestError,
            "sim-error-429": sdk.RateLimitError,
            "sim-error-500": sdk.InternalServerError,
            "no-such-model": sdk.NotFoundError,
        }
        for model, error in classes.items():
            with pytest.raises(error) as caught:
                client.chat.completions.create(model=model, messages=[{"role": "user", "content": NOTE}])
            assert caught.value.body["message"]
        wrong = client.with_options(api_key=f"{gateway.api_key}x")
        with pytest.raises(sdk.AuthenticationError):
            wrong.chat.completions.create(model="sim-echo", messages=[{"role": "user", "content": NOTE}])

    @pytest.mark.parametrize("model", ["sim-drop", "sim-error-stream"])
    def test_a_stream_that_breaks_off_is_an_error(self, sdk, client, model):
        with pytest.raises(sdk.APIError):
            list(
                client.chat.completions.create(
                    model=model, messages=[{"role": "user", "content": NOTE * 20}], stream=True
                )
            )


class TestAnthropic:
    @pytest.fixture
    def sdk(self):
        return pytest.importorskip("anthropic")

    @pytest.fixture
    def client(self, sdk, gateway):
        with sdk.Anthropic(base_url=gateway.url, api_key=gateway.api_key, max_retries=0) as client:
            yield client

    def test_message(self, client):
        answer = client.messages.create(
            model="sim-echo", max_tokens=500, system="Be short.", messages=[{"role": "user", "content": NOTE}]
        )
        assert_whole(answer.content[0].text)
        assert answer.stop_reason == "end_turn"
        assert answer.usage.output_tokens > 0

    def test_stream_says_what_the_answer_says(self, client):
        messages = [{"role": "user", "content": [{"type": "text", "text": NOTE}]}]
        whole = client.messages.create(model="sim-echo", max_tokens=500, messages=messages).content[0].text
        with client.messages.stream(model="sim-echo", max_tokens=500, messages=messages) as stream:
            text = "".join(stream.text_stream)
            final = stream.get_final_message()
        assert text == whole == final.content[0].text
        assert final.stop_reason == "end_turn"
        assert_whole(text)

    async def test_async_stream(self, sdk, gateway):
        async with (
            sdk.AsyncAnthropic(base_url=gateway.url, api_key=gateway.api_key, max_retries=0) as client,
            client.messages.stream(
                model="sim-echo", max_tokens=500, messages=[{"role": "user", "content": NOTE}]
            ) as stream,
        ):
            assert_whole("".join([part async for part in stream.text_stream]))

    @pytest.mark.parametrize("name", [NAME, ACCENTED], ids=["ascii", "accented"])
    @pytest.mark.parametrize("streamed", [False, True])
    def test_tool_use_and_its_result(self, client, name, streamed):
        messages = [{"role": "user", "content": f"patient_name: {name}; mrn: {RECORD}; clinician: Dr. {DOCTOR}"}]
        fields = {"model": "sim-tools", "max_tokens": 500, "tools": [ANTHROPIC_TOOL]}
        if streamed:
            with client.messages.stream(messages=messages, **fields) as stream:
                asked = stream.get_final_message()
        else:
            asked = client.messages.create(messages=messages, **fields)
        (use,) = asked.content
        assert asked.stop_reason == "tool_use"
        assert (use.name, use.input) == ("find_record", {"patient_name": name, "mrn": RECORD})
        result = {"type": "tool_result", "tool_use_id": use.id, "content": f"{name}, ward 7, call {PHONE}"}
        messages += [asked.to_param(), {"role": "user", "content": [result]}]
        answer = client.messages.create(messages=messages, **fields)
        assert answer.content[0].text == f"The tool returned: {name}, ward 7, call {PHONE}"

    @pytest.mark.parametrize("streamed", [False, True])
    def test_thinking_goes_back_as_it_came_and_not_otherwise(self, sdk, client, streamed):
        messages = [{"role": "user", "content": f"{LABELLED}; {NOTE}"}]
        fields = {
            "model": "sim-think-tools",
            "max_tokens": 2000,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "tools": [ANTHROPIC_TOOL],
        }
        if streamed:
            with client.messages.stream(messages=messages, **fields) as stream:
                asked = stream.get_final_message()
        else:
            asked = client.messages.create(messages=messages, **fields)
        thinking, use = asked.content
        # A block the vendor signed stays byte-equal, surrogates included; it may come back only as it left.
        assert "[NAME-" in thinking.thinking
        assert "Gonzalez" not in thinking.thinking
        assert use.input == ARGUMENTS
        result = {"type": "tool_result", "tool_use_id": use.id, "content": [{"type": "text", "text": RESULT}]}
        messages += [asked.to_param(), {"role": "user", "content": [result]}]
        answer = client.messages.create(messages=messages, **fields)
        assert answer.content[1].text == f"The tool returned: {RESULT}"
        thinking.thinking += " Changed."
        with pytest.raises(sdk.BadRequestError):
            client.messages.create(messages=messages, **fields)

    def test_count_tokens(self, client):
        counted = client.messages.count_tokens(model="sim-echo", messages=[{"role": "user", "content": NOTE}])
        assert counted.input_tokens > 0

    def test_errors_are_the_clients_own(self, sdk, client, gateway):
        classes = {
            "sim-error-400": sdk.BadRequestError,
            "sim-error-429": sdk.RateLimitError,
            "sim-error-500": sdk.InternalServerError,
            "sim-error-529": sdk.InternalServerError,
            "no-such-model": sdk.NotFoundError,
        }
        for model, error in classes.items():
            with pytest.raises(error) as caught:
                client.messages.create(model=model, max_tokens=9, messages=[{"role": "user", "content": NOTE}])
            assert caught.value.body["type"] == "error"
            assert caught.value.body["error"]["message"]
        wrong = client.with_options(api_key=f"{gateway.api_key}x")
        with pytest.raises(sdk.AuthenticationError):
            wrong.messages.create(model="sim-echo", max_tokens=9, messages=[{"role": "user", "content": NOTE}])

    def test_an_error_inside_a_stream_is_the_clients_own(self, sdk, client):
        with (
            pytest.raises(sdk.APIStatusError),
            client.messages.stream(
                model="sim-error-stream", max_tokens=500, messages=[{"role": "user", "content": NOTE}]
            ) as stream,
        ):
            stream.get_final_message()

    def test_a_stream_that_breaks_off_is_an_error(self, sdk, client):
        transport = pytest.importorskip("httpx2")
        with (
            pytest.raises((sdk.APIError, transport.TransportError)),
            client.messages.stream(
                model="sim-drop", max_tokens=500, messages=[{"role": "user", "content": NOTE * 20}]
            ) as stream,
        ):
            stream.get_final_message()


class TestPlainHttp:
    """Older clients and scripts: the key in the vendor's own header, either API version, no SDK."""

    @pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
    @pytest.mark.parametrize("header", ["x-api-key", "authorization"])
    def test_message(self, gateway, version, header):
        key = gateway.api_key if header == "x-api-key" else f"Bearer {gateway.api_key}"
        body = {"model": "sim-echo", "max_tokens": 500, "messages": [{"role": "user", "content": NOTE}]}
        request = urllib.request.Request(
            f"{gateway.url}/v1/messages",
            data=json.dumps(body).encode(),
            headers={header: key, "anthropic-version": version, "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            assert_whole(json.load(response)["content"][0]["text"])


class TestLangChain:
    @pytest.fixture
    def openai(self, gateway):
        package = pytest.importorskip("langchain_openai")

        def build(model):
            return package.ChatOpenAI(model=model, base_url=f"{gateway.url}/v1", api_key=gateway.api_key, max_retries=0)

        return build

    @pytest.fixture
    def anthropic(self, gateway):
        package = pytest.importorskip("langchain_anthropic")

        def build(model):
            return package.ChatAnthropic(
                model=model, base_url=gateway.url, api_key=gateway.api_key, max_retries=0, max_tokens=500
            )

        return build

    @pytest.fixture(params=["openai", "anthropic"])
    def build(self, request):
        return request.getfixturevalue(request.param)

    def test_chat_and_stream(self, build):
        model = build("sim-echo")
        whole = model.invoke([("system", "Be short."), ("human", NOTE)])
        assert_whole(whole.text)
        assert "".join(part.text for part in model.stream([("system", "Be short."), ("human", NOTE)])) == whole.text

    def test_tool_call_and_its_result(self, build):
        messages = pytest.importorskip("langchain_core.messages")
        model = build("sim-tools").bind_tools([OPENAI_TOOL])
        asked = model.invoke(LABELLED)
        (call,) = asked.tool_calls
        assert (call["name"], call["args"]) == ("find_record", ARGUMENTS)
        result = messages.ToolMessage(content=RESULT, tool_call_id=call["id"])
        answer = model.invoke([messages.HumanMessage(LABELLED), asked, result])
        assert answer.text == f"The tool returned: {RESULT}"

    def test_streamed_tool_call(self, build):
        parts = list(build("sim-tools").bind_tools([OPENAI_TOOL]).stream(LABELLED))
        joined = parts[0]
        for part in parts[1:]:
            joined += part
        assert [call["args"] for call in joined.tool_calls] == [ARGUMENTS]

    def test_structured_output(self, openai):
        schema = {"title": "record", "description": "A record."} | PARAMETERS
        assert openai("sim-json").with_structured_output(schema, method="json_schema").invoke(LABELLED) == ARGUMENTS
        called = openai("sim-tools").with_structured_output(schema, method="function_calling")
        assert called.invoke(LABELLED) == ARGUMENTS

    def test_structured_output_by_messages(self, anthropic):
        schema = {"title": "record", "description": "A record."} | PARAMETERS
        assert anthropic("sim-tools").with_structured_output(schema).invoke(LABELLED) == ARGUMENTS

    def test_errors_are_the_clients_own(self, openai, anthropic):
        sdk = pytest.importorskip("openai")
        with pytest.raises(sdk.RateLimitError):
            openai("sim-error-429").invoke(NOTE)
        sdk = pytest.importorskip("anthropic")
        with pytest.raises(sdk.RateLimitError):
            anthropic("sim-error-429").invoke(NOTE)


class TestLlm:
    @pytest.fixture
    def run(self, gateway, tmp_path):
        """The command line program ``llm``, in a home of its own that names the gateway."""
        pytest.importorskip("llm")
        models = [
            {
                "model_id": model,
                "model_name": model,
                "api_base": f"{gateway.url}/v1",
                "api_key_name": "gateway",
                "supports_schema": True,
                "supports_tools": True,
            }
            for model in ("sim-echo", "sim-tools", "sim-json", "sim-error-400", "no-such-model")
        ]
        # JSON is YAML.
        (tmp_path / "extra-openai-models.yaml").write_text(json.dumps(models))
        (tmp_path / "keys.json").write_text(json.dumps({"gateway": gateway.api_key}))
        environment = os.environ | {"LLM_USER_PATH": str(tmp_path), "PYTHONIOENCODING": "utf-8"}

        def run(*arguments):
            return subprocess.run(
                [sys.executable, "-m", "llm", *arguments],
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=60,
                env=environment,
                stdin=subprocess.DEVNULL,
                check=False,
            )

        return run

    def test_prompt_and_stream(self, run):
        whole = run("-m", "sim-echo", "--no-stream", "-s", "Be short.", NOTE)
        assert whole.returncode == 0
        assert_whole(whole.stdout)
        assert run("-m", "sim-echo", "-s", "Be short.", NOTE).stdout == whole.stdout

    def test_continued_conversation(self, run):
        assert run("-m", "sim-echo", NOTE).returncode == 0
        answer = run("-c", f"And {NAME} tomorrow?")
        assert f"And {NAME} tomorrow?" in answer.stdout

    def test_schema(self, run):
        answer = run("-m", "sim-json", "--schema", json.dumps(PARAMETERS), LABELLED)
        assert json.loads(answer.stdout) == ARGUMENTS

    def test_tool(self, run):
        code = "def ward(patient_name: str, mrn: str) -> str:\n    return f'{patient_name} / {mrn} / ward 7'\n"
        answer = run("-m", "sim-tools", "--functions", code, LABELLED)
        assert answer.stdout.strip().endswith(f"The tool returned: {NAME} / {RECORD} / ward 7")

    @pytest.mark.parametrize("model", ["sim-error-400", "no-such-model"])
    def test_errors_reach_the_user(self, run, model):
        answer = run("-m", model, NOTE)
        assert answer.returncode == 1
        assert answer.stderr.startswith("Error:")


class TestPydanticAI:
    @pytest.fixture
    def openai(self, gateway):
        models = pytest.importorskip("pydantic_ai.models.openai")
        providers = pytest.importorskip("pydantic_ai.providers.openai")
        provider = providers.OpenAIProvider(base_url=f"{gateway.url}/v1", api_key=gateway.api_key)
        return lambda model: models.OpenAIChatModel(model, provider=provider)

    @pytest.fixture
    def anthropic(self, gateway):
        models = pytest.importorskip("pydantic_ai.models.anthropic")
        providers = pytest.importorskip("pydantic_ai.providers.anthropic")
        provider = providers.AnthropicProvider(base_url=gateway.url, api_key=gateway.api_key)
        return lambda model: models.AnthropicModel(model, provider=provider)

    @pytest.fixture(params=["openai", "anthropic"])
    def build(self, request):
        return request.getfixturevalue(request.param)

    @pytest.fixture
    def agent(self):
        return pytest.importorskip("pydantic_ai").Agent

    async def test_run_and_stream(self, agent, build):
        asked = agent(build("sim-echo"), instructions="Be short.")
        whole = (await asked.run(NOTE)).output
        assert_whole(whole)
        async with asked.run_stream(NOTE) as result:
            assert "".join([part async for part in result.stream_text(delta=True, debounce_by=None)]) == whole

    async def test_the_tool_gets_the_original_values(self, agent, build):
        received = []

        def find_record(patient_name: str, mrn: str) -> str:
            """Find a record."""
            received.append({"patient_name": patient_name, "mrn": mrn})
            return RESULT

        answer = await agent(build("sim-tools"), tools=[find_record]).run(LABELLED)
        assert received == [ARGUMENTS]
        assert answer.output == f"The tool returned: {RESULT}"

    async def test_structured_output(self, agent, build):
        pydantic = pytest.importorskip("pydantic")
        record = pydantic.create_model("Record", patient_name=(str, ...), mrn=(str, ...))
        answer = await agent(build("sim-tools"), output_type=record).run(LABELLED)
        assert answer.output.model_dump() == ARGUMENTS

    async def test_errors_are_the_clients_own(self, agent, build):
        exceptions = pytest.importorskip("pydantic_ai.exceptions")
        with pytest.raises(exceptions.ModelHTTPError) as caught:
            await agent(build("sim-error-400")).run(NOTE)
        assert caught.value.status_code == 400
