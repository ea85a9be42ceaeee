"""`llm-comply` (PyPI), unmodified, against the gateway before the simulated vendors: three suites, all but images.

Images are read only where the `ocr` extra is installed, which it is not here: they are refused by design
(`content_unreadable`), and the one test of each suite that sends one fails as it must: nothing that Wardkeep has not
read reaches a vendor. Tests that ask for thinking run against a model whose name they know; those that ask chat
completions for a field which that format does not have stay skipped.
"""

import asyncio
import json
import sys
from collections.abc import Iterator

import pytest
from tests.simulators.platforms import Clouds, clouds

from wardkeep.demo.furnish import add_route, create_key

IMAGES = {"openai-chat": "chat-image-input", "open-responses": "image-input", "anthropic": "anth-image-input"}
LIKE_ANTHROPIC = ("--auth-header", "x-api-key", "--no-bearer", "-H", "anthropic-version:2023-06-01")


@pytest.fixture(scope="module")
def running() -> Iterator[Clouds]:
    with clouds(only=("openai", "anthropic"), models=("sim-tools", "sim-think")) as found:
        yield found


async def complied(running: Clouds, suite: str, model: str, *more: str, key: str | None = None) -> dict[str, str]:
    """Run a suite as its command does; return each test's outcome and what it found wrong."""
    told = LIKE_ANTHROPIC if suite == "anthropic" else ()
    house = running.house
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "llm_comply.cli", "--base-url", f"{house.instance.data}/v1", "--json", "--format", suite,
        "--api-key", key or house.api_key, "--model", model, *told, *more,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    results = json.loads(out)["results"]
    return {each["id"]: f"{each['status']} {each.get('errors', '')}".strip() for each in results}


@pytest.mark.parametrize("suite", IMAGES)
async def test_a_suite_passes_but_for_images_which_are_refused(running, suite):
    vendor = "anthropic" if suite == "anthropic" else "openai"
    found = await complied(running, suite, f"{vendor}/sim-tools")
    image = found.pop(IMAGES[suite])
    assert image.startswith("failed")
    assert "HTTP 403" in image
    assert {outcome for outcome in found.values() if not outcome.startswith("skipped")} == {"passed"}, found
    assert len(found) >= 8


async def test_thinking_passes_too(running):
    name = "claude-sonnet-4-simulated"
    await asyncio.to_thread(add_route, running.house.instance, name, "anthropic-sim-think")
    key = await asyncio.to_thread(create_key, running.house.instance, [name])
    found = await complied(running, "anthropic", name, "--filter", "anth-thinking-display", key=key)
    assert found == {"anth-thinking-display": "passed"}
