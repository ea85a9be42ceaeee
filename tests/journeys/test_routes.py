"""Routes whose first deployment fails, with real processes: who is asked, what is on record, what never is repeated."""

import asyncio
import itertools
import random

import pytest
from tests.journeys import house as at
from tests.journeys.house import CHAT, MESSAGES, Bookkeeper, House

from wardkeep.demo.furnish import ANTHROPIC_VENDOR, OPENAI_VENDOR, add_deployment, create_key, scope
from wardkeep.demo.instance import FIRST, SECOND, InstanceError

NUMBERS = itertools.count(1)
NOBODY = "http://127.0.0.1:1/v1"


@pytest.fixture(params=[1, 2], ids=["one process", "two workers"])
def ward(request) -> House:
    return at.shared_house(request.config, request.param)


@pytest.fixture
def books(ward) -> Bookkeeper:
    return Bookkeeper(ward.instance.home)


async def routed(ward: House, *deployments: str, **route: object) -> tuple[str, str]:
    """Record a route over the deployments; return its model and a key for it."""
    model = f"routed-{next(NUMBERS)}"
    first, *others = deployments
    body = {"model": model, "deployment": first, "fallbacks": others, "reason": "test", **route}
    await asyncio.to_thread(ward.officer, "POST", "routes", body)
    return model, await asyncio.to_thread(create_key, ward.instance, [model])


async def ask(*asked: object, **more: object) -> at.Answer:
    """Ask, again while a worker has not heard of the new key yet: only then is it worth saying what the route does."""

    async def heard() -> at.Answer | None:
        answer = await at.ask(*asked, **more)
        return None if answer.code == "credential_invalid" else answer

    return await at.eventually(heard)


async def fresh(ward: House, side: str, model: str) -> str:
    """Record a deployment of which no breaker has heard; return its id."""
    name, places = f"{side}-{model}-{next(NUMBERS)}", at.where(ward.vendor)
    vendor, dialect, url, credential = (
        (OPENAI_VENDOR, "openai", places.openai_url, places.openai_key)
        if side == "n"
        else (ANTHROPIC_VENDOR, "anthropic", places.anthropic_url, places.anthropic_key)
    )
    await asyncio.to_thread(add_deployment, ward.instance, name, vendor, dialect, url, model, credential, places)
    return name


async def recorded(books: Bookkeeper, last: int, count: int) -> list[list[at.Stored]]:
    """The newest calls up to the entry at `last`, once each is closed."""

    def closed() -> list[list[at.Stored]] | None:
        found = [calls for calls in at.calls_of(books.stored(last - 12)).values() if calls[0].type == "request"]
        newest = sorted(found, key=lambda call: call[0].index)[-count:]
        return newest if len(newest) == count and all(c[-1].type in {"response", "aborted"} for c in newest) else None

    return await at.eventually(closed, seconds=5)


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_vendor_that_fails_is_left_for_the_next_and_both_attempts_are_on_record(ward, books, path, stream):
    side = "n" if path == CHAT else "m"
    failing = await fresh(ward, side, "sim-error-503")
    model, key = await routed(ward, failing, f"{side}-sim-echo", attempts=2)
    patient = at.draw_patient(random.Random())
    answer = await ask(ward.instance.data, key, path, model, patient.note, stream=stream)
    assert answer.status == 200
    assert patient.last in at.text_of(answer)
    assert ward.vendor.stats()["requests"] == 2
    first, second = await recorded(books, answer.index, 2)
    assert [each[0].header["deployment"] for each in (first, second)] == [failing, f"{side}-sim-echo"]
    assert (first[-1].header["decision"], first[-1].header["status"]) == ("vendor_error", 503)
    assert second[-1].header["decision"] == "answered"
    assert second[0].header["detail"]["attempt"] == 2
    assert second[0].header["detail"]["first_attempt"] == first[0].header["id"]
    assert first[-1].index < second[0].index == answer.index, "closed before the next is opened"


async def test_a_vendor_that_is_not_there_is_left_for_the_next(ward):
    places = at.where(ward.vendor)
    name = f"nobody-{next(NUMBERS)}"
    await asyncio.to_thread(
        add_deployment, ward.instance, name, OPENAI_VENDOR, "openai", NOBODY, "sim-echo", "sk-1", places
    )
    model, key = await routed(ward, name, "n-sim-echo", attempts=2)
    answer = await ask(ward.instance.data, key, CHAT, model, "chest pain")
    assert (answer.status, ward.vendor.stats()["requests"]) == (200, 1)
    alone, other = await routed(ward, name, attempts=1)
    assert (await ask(ward.instance.data, other, CHAT, alone, "chest pain")).code == "vendor_unreachable"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["sim-drop", "sim-garbage", "sim-error-400", "sim-error-404"])
async def test_nothing_is_repeated_after_a_byte_was_sent_nor_for_the_callers_own_error(ward, model, stream):
    ward.vendor.configure(drop_after=900)
    alias, key = await routed(ward, await fresh(ward, "n", model), "n-sim-echo", attempts=5)
    answer = await ask(ward.instance.data, key, CHAT, alias, "chest pain", stream=stream)
    assert ward.vendor.stats()["requests"] == 1
    assert answer.status >= 400 or not at.is_finished(answer.body)


async def test_one_deployment_is_asked_again_after_its_wait_and_then_its_own_error_leaves(ward, books):
    model, key = await routed(ward, await fresh(ward, "n", "sim-error-429"), attempts=2)
    answer = await ask(ward.instance.data, key, CHAT, model, "chest pain")
    assert (answer.status, ward.vendor.stats()["requests"]) == (429, 2)
    first, second = await recorded(books, answer.index, 2)
    waited_ns = second[0].header["mono"] - first[-1].header["mono"]
    assert waited_ns >= 1_000_000_000, "the vendor asked for a second"


async def test_a_suspended_vendor_is_no_fallback_from_the_next_call_on(ward):
    vendor = f"spare-{next(NUMBERS)}"
    places = at.where(ward.vendor)

    def record() -> None:
        ward.officer("POST", "vendors", {"id": vendor, "party": "Spare Models, Inc.", "reason": "test"})
        body = {
            "id": f"baa-{vendor}", "kind": "baa", "vendor": vendor, "party": "Spare Models, Inc.",
            "document_sha256": "0" * 64, "effective_on": at.today().isoformat(), "expires_on": None,
            "scopes": [{**scope(["sim-echo"])}], "reason": "test",
        }  # fmt: skip
        ward.officer("POST", "agreements", body)
        ward.officer("POST", f"agreements/baa-{vendor}/activate", {"reason": "test"}, officer=SECOND)
        add_deployment(
            ward.instance, f"d-{vendor}", vendor, "openai", places.openai_url, "sim-echo", places.openai_key, places
        )

    await asyncio.to_thread(record)
    model, key = await routed(ward, await fresh(ward, "n", "sim-error-401"), f"d-{vendor}", attempts=2)
    assert (await ask(ward.instance.data, key, CHAT, model, "chest pain")).status == 200
    ward.vendor.reset()
    await asyncio.to_thread(ward.officer, "POST", f"vendors/{vendor}/suspend", {"reason": "test"}, officer=FIRST)
    answer = await ask(ward.instance.data, key, CHAT, model, "chest pain")
    assert (answer.status, ward.vendor.stats()["requests"]) == (401, 1), "the vendor's own error, and nobody else asked"


async def test_a_deployment_that_keeps_failing_rests_while_the_other_answers(ward):
    if ward.instance.workers > 1:
        pytest.skip("each worker learns by itself; one process says it all")
    name = await fresh(ward, "n", "sim-error-500")
    model, key = await routed(ward, name, "n-sim-echo", attempts=2)
    for _ in range(8):
        assert (await ask(ward.instance.data, key, CHAT, model, "chest pain")).status == 200
    assert ward.vendor.stats()["requests"] == 8 + 5, "five failures, then it is left alone"


async def test_weights_share_conversations_and_each_stays_where_it_is(ward, books):
    model, key = await routed(ward, "n-sim-echo", "n-sim-count", weights={"n-sim-echo": 1, "n-sim-count": 1})
    held: dict[str, set[str]] = {}
    for turn in range(3):
        for number in range(12):
            async with at.line_to(ward.instance.data) as line:
                headers = at.key_headers(key, CHAT, wardkeep_conversation=f"talk-{number}")
                answer = await line.ask("POST", CHAT, headers, at.body_for(CHAT, model, f"turn {turn}"))
            assert answer.status == 200
            request = next(each for each in books.stored(answer.index) if each.index == answer.index)
            held.setdefault(f"talk-{number}", set()).add(request.header["deployment"])
    assert all(len(places) == 1 for places in held.values())
    assert len({place for places in held.values() for place in places}) == 2


@pytest.mark.parametrize(
    ("route", "field"),
    [
        ({"attempts": 0}, "attempts"),
        ({"attempts": 6}, "attempts"),
        ({"attempt_seconds": 0}, "attempt_seconds"),
        ({"weights": {"n-sim-tools": 1}}, "weights"),
        ({"weights": {"n-sim-echo": 0}}, "weights"),
    ],
)
async def test_a_budget_that_is_none_is_refused(ward, route, field):
    with pytest.raises(InstanceError, match=field):
        await routed(ward, "n-sim-echo", **route)


async def test_tokens_and_cost_are_told_by_deployment_and_the_telling_is_on_record(ward):
    name = await fresh(ward, "n", "sim-echo")
    price = {
        "id": f"p-{name}", "deployment": name, "currency": "USD", "input_per_million": "1000000",
        "output_per_million": "0", "from_day": "2026-01-01", "source": "made up for a test", "reason": "test",
    }  # fmt: skip
    await asyncio.to_thread(ward.officer, "POST", "prices", price)
    model, key = await routed(ward, name)
    told = (await ask(ward.instance.data, key, CHAT, model, "chest pain")).json()["usage"]
    found = await asyncio.to_thread(ward.officer, "GET", "usage")
    (used,) = [each for each in found["usage"] if each["deployment"] == name]
    assert (used["calls"], used["answered"], used["tokens_in"]) == (1, 1, told["prompt_tokens"])
    assert used["cost"] == {"USD": f"{told['prompt_tokens']}.000000"}
    (read,) = ward.headers(found["read_index"])[:1]
    assert (read["type"], read["detail"]["action"]) == ("read", "usage")
