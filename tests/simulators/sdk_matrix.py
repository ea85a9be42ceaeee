"""The matrix of unmodified SDKs against every platform's simulator, through the gateway; `docs/sdks.md` is its table.

`python -m tests.simulators.sdk_matrix --write` runs all cells and writes the document. The TypeScript SDKs need
node and `npm install --prefix tests/simulators/sdks`; without them their cells are left out, visibly.
"""

import argparse
import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import anthropic
import boto3
import openai
from tests.simulators.clouds import AWS_ID, AWS_SECRET, REGION
from tests.simulators.platforms import CHAT, Clouds, clouds

HERE = Path(__file__).parent / "sdks"
DOCUMENT = Path(__file__).parents[2] / "docs" / "sdks.md"
NAME = "Quintanilla"
NOTE = "Patient Philippa Quintanilla (MRN: 84713925) was seen for chest pain."
SCHEMA = {
    "type": "object",
    "properties": {"who": {"type": "string"}},
    "required": ["who"],
    "additionalProperties": False,
}
FEATURES = ("chat", "stream", "tools", "json", "errors", "embeddings", "responses")
ITEMS = ("openai", "azure", "azure-dated", "local")
USER: Any = [{"role": "user", "content": NOTE}]

Cell = tuple[str, str, str]
OPENAI, ANTHROPIC = "openai (Python)", "anthropic (Python)"
BOTO, BEDROCK = "boto3", "ai with @ai-sdk/amazon-bedrock"
CHAT_SDKS = (OPENAI, "openai (TypeScript)", "ai with @ai-sdk/openai")
MESSAGES_SDKS = (ANTHROPIC, "@anthropic-ai/sdk", "ai with @ai-sdk/anthropic")


def node() -> str | None:
    """Node, where the SDKs are installed."""
    found = shutil.which("node")
    return found if found is not None and (HERE / "node_modules" / "ai").is_dir() else None


def cells(running: Clouds, *, typescript: bool) -> list[Cell]:
    """Every cell there is: each SDK at each platform that speaks its format."""
    found: list[Cell] = []
    for name, platform in running.platforms.items():
        sdks = CHAT_SDKS if CHAT in platform.surfaces else MESSAGES_SDKS
        features = FEATURES if name in ITEMS else FEATURES[:5]
        found += [(sdk, name, feature) for sdk in sdks for feature in features]
    found += [(sdk, "bedrock simulator", feature) for sdk in (BOTO, BEDROCK) for feature in FEATURES[:5]]
    return [each for each in found if typescript or each[0] in {OPENAI, ANTHROPIC, BOTO}]


# ---- Python ----------------------------------------------------------------------------------------------------------


def check(holds: object, why: str) -> None:
    if not holds:
        raise AssertionError(why)


async def of_openai(running: Clouds, platform: str, feature: str) -> None:
    house = running.house
    async with openai.AsyncOpenAI(base_url=f"{house.instance.data}/v1", api_key=house.api_key, max_retries=0) as client:

        def ask(model: str, **more: Any) -> Awaitable[Any]:
            return client.chat.completions.create(model=f"{platform}/{model}", messages=USER, **more)

        match feature:
            case "chat":
                check(NAME in (await ask("sim-echo")).choices[0].message.content, "the name did not come back")
            case "stream":
                parts = [each.choices[0].delta.content or "" async for each in await ask("sim-echo", stream=True)]
                check(NAME in "".join(parts), "the name did not come back")
            case "tools":
                tool = {"type": "function", "function": {"name": "lookup", "parameters": SCHEMA}}
                json.loads((await ask("sim-tools", tools=[tool])).choices[0].message.tool_calls[0].function.arguments)
            case "json":
                wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
                answer = await ask("sim-json", response_format=wanted)
                check("who" in json.loads(answer.choices[0].message.content), "no such member")
            case "errors":
                await fails(openai.BadRequestError, ask("sim-error-400"))
            case "embeddings":
                answer = await client.embeddings.create(model=f"{platform}/sim-echo", input=NOTE)
                check(answer.data[0].embedding, "no vector")
            case _:
                answer = await client.responses.create(model=f"{platform}/sim-echo", input=NOTE)
                check(NAME in answer.output_text, "the name did not come back")


async def of_anthropic(running: Clouds, platform: str, feature: str) -> None:
    house = running.house
    async with anthropic.AsyncAnthropic(base_url=house.instance.data, api_key=house.api_key, max_retries=0) as client:

        def ask(model: str, **more: Any) -> Awaitable[Any]:
            return client.messages.create(model=f"{platform}/{model}", max_tokens=500, messages=USER, **more)

        match feature:
            case "chat":
                check(NAME in (await ask("sim-echo")).content[0].text, "the name did not come back")
            case "stream":
                async with client.messages.stream(
                    model=f"{platform}/sim-echo", max_tokens=500, messages=USER
                ) as stream:
                    check(NAME in await stream.get_final_text(), "the name did not come back")
            case "tools":
                answer = await ask("sim-tools", tools=[{"name": "lookup", "input_schema": SCHEMA}])
                check(any(block.type == "tool_use" for block in answer.content), "no tool was called")
            case "json":
                answer = await ask("sim-json", output_config={"format": {"type": "json_schema", "schema": SCHEMA}})
                check("who" in json.loads(answer.content[0].text), "no such member")
            case _:
                await fails(anthropic.BadRequestError, ask("sim-error-400"))


async def fails(kind: type[Exception], asked: Awaitable[Any]) -> None:
    try:
        await asked
    except kind:
        return
    raise AssertionError("no error was raised")


def of_boto(running: Clouds, feature: str) -> None:
    """AWS's own client straight at the simulator: what passes here is how the platform is spoken to."""
    client = boto3.client(
        "bedrock-runtime", region_name=REGION, endpoint_url=running.vendor.url, aws_access_key_id=AWS_ID,
        aws_secret_access_key=AWS_SECRET,
    )  # fmt: skip
    said = [{"role": "user", "content": [{"text": NOTE}]}]
    tool = {"toolSpec": {"name": "lookup", "inputSchema": {"json": SCHEMA}}}

    def ask(model: str, **more: Any) -> Any:
        return client.converse(modelId=f"us.vendor.{model}", messages=said, **more)

    match feature:
        case "chat":
            check(NAME in ask("sim-echo")["output"]["message"]["content"][0]["text"], "the name did not come back")
        case "stream":
            events = client.converse_stream(modelId="us.vendor.sim-echo", messages=said)["stream"]
            deltas = [each["contentBlockDelta"]["delta"]["text"] for each in events if "contentBlockDelta" in each]
            check(NAME in "".join(deltas), "the name did not come back")
        case "tools" | "json":
            blocks = ask("sim-tools", toolConfig={"tools": [tool]})["output"]["message"]["content"]
            check(any("toolUse" in block for block in blocks), "no tool was called")
        case _:
            try:
                ask("sim-error-400")
            except client.exceptions.ValidationException:
                return
            raise AssertionError("no error was raised")


# ---- all of it -------------------------------------------------------------------------------------------------------


async def in_python(running: Clouds, cell: Cell) -> str | None:
    sdk, platform, feature = cell
    kinds: dict[str, Callable[[Clouds, str, str], Awaitable[None]]] = {OPENAI: of_openai, ANTHROPIC: of_anthropic}
    try:
        if sdk == BOTO:
            await asyncio.to_thread(of_boto, running, feature)
        else:
            await kinds[sdk](running, platform, feature)
    except Exception as error:  # a cell that fails says why, and the others go on
        return f"{getattr(error, 'status_code', '')} {error}"
    return None


async def in_typescript(running: Clouds, wanted: list[Cell]) -> dict[Cell, str | None]:
    found = node()
    if found is None or not wanted:
        return {}
    house = running.house
    given = {
        "url": house.instance.data, "key": house.api_key, "simulator": running.vendor.url,
        "aws": {"region": REGION, "accessKeyId": AWS_ID, "secretAccessKey": AWS_SECRET},
        "cells": [{"sdk": sdk, "platform": platform, "feature": feature} for sdk, platform, feature in wanted],
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        found, "matrix.mjs", cwd=HERE, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate(json.dumps(given).encode())
    told = [json.loads(line) for line in out.splitlines()]
    return {(each["sdk"], each["platform"], each["feature"]): each["error"] for each in told}


async def outcomes(running: Clouds, wanted: Iterable[Cell]) -> dict[Cell, str | None]:
    """Run cells; None is a cell that passed, anything else what went wrong."""
    chosen = list(wanted)
    python = [each for each in chosen if each[0] in {OPENAI, ANTHROPIC, BOTO}]
    found = {each: await in_python(running, each) for each in python}
    return found | await in_typescript(running, [each for each in chosen if each not in found])


def word(error: str | None) -> str:
    """What a cell is called: passed, refused by name as documented, or not."""
    if error is None:
        return "yes"
    return "refused" if "translation_impossible" in error else "no"


def table(found: dict[Cell, str | None]) -> str:
    """The document's table, one row an SDK and platform."""
    lines = [f"| SDK | platform | {' | '.join(FEATURES)} |", "|---|---|" + "---|" * len(FEATURES)]
    for sdk, platform in dict.fromkeys((each[0], each[1]) for each in sorted(found, key=lambda each: each[0])):
        row = [word(found[sdk, platform, name]) if (sdk, platform, name) in found else "" for name in FEATURES]
        lines.append(f"| `{sdk}` | {platform} | {' | '.join(row)} |")
    return "\n".join(lines)


def document(found: dict[Cell, str | None]) -> str:
    """The whole document."""
    packages = json.loads((HERE / "package.json").read_text())["dependencies"]
    python = ", ".join(f"`{name}` {version(name)}" for name in ("openai", "anthropic", "boto3"))
    typescript = ", ".join(f"`{name}` {release}" for name, release in sorted(packages.items()) if name != "zod")
    return f"""# Unmodified SDKs

Generated by `python -m tests.simulators.sdk_matrix --write`: each SDK asks each platform's simulator through the
gateway, and gets back the name that the vendor did not see. The simulators speak the protocols; no vendor was
called.

Python: {python}. TypeScript: {typescript}.

`yes`: the SDK got what it asked for, typed and restored, or the vendor's error as its own class of error. `refused`:
refused by name with `translation_impossible`, as [vendors.md](vendors.md) says. Empty: the platform's format has no
such endpoint. The rows of the Bedrock simulator go straight to it, without the gateway, which has no Bedrock format for
clients: they hold the simulator to what AWS's own client and another one read.

{table(found)}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/sdks.md")
    options = parser.parse_args()
    with clouds(models=("sim-echo", "sim-tools", "sim-json", "sim-error-400")) as running:
        found = asyncio.run(outcomes(running, cells(running, typescript=node() is not None)))
    for cell, error in found.items():
        if word(error) == "no":
            print(*cell, error)
    if options.write:
        DOCUMENT.write_text(document(found))
    print(table(found))


if __name__ == "__main__":
    main()
