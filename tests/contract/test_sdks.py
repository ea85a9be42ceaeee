"""Unmodified SDKs at the platforms' simulators: part of the matrix each time, all of it when slow."""

from collections.abc import Iterator

import pytest
from tests.simulators.platforms import Clouds, clouds
from tests.simulators.sdk_matrix import DOCUMENT, cells, document, node, outcomes, word

MODELS = ("sim-echo", "sim-tools", "sim-json", "sim-error-400")
SOME = ("openai", "anthropic", "claude-chat", "gpt-messages", "converse")


@pytest.fixture(scope="module")
def running() -> Iterator[Clouds]:
    with clouds(only=SOME, models=MODELS) as found:
        yield found


async def check(running: Clouds, *, typescript: bool) -> None:
    python = set(cells(running, typescript=False))
    wanted = [each for each in cells(running, typescript=True) if (each in python) is not typescript]
    found = await outcomes(running, wanted)
    assert found.keys() == set(wanted)
    wrong = {cell: error for cell, error in found.items() if word(error) == "no"}
    assert not wrong
    refused = {cell[1:] for cell, error in found.items() if word(error) == "refused"}
    assert refused == {("converse", "json")}, "what cannot be translated, and nothing else"


async def test_python_sdks_get_what_they_ask_for(running):
    await check(running, typescript=False)


async def test_typescript_sdks_get_what_they_ask_for(running):
    if node() is None:
        pytest.skip("no node with the SDKs here: npm install --prefix tests/simulators/sdks")
    await check(running, typescript=True)


@pytest.mark.slow
async def test_the_published_matrix_is_what_a_run_gives():
    if node() is None:
        pytest.skip("no node with the SDKs here: npm install --prefix tests/simulators/sdks")
    with clouds(models=MODELS) as running:
        found = await outcomes(running, cells(running, typescript=True))
    assert document(found) == DOCUMENT.read_text()
