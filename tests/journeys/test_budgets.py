"""A budget on a running instance: calls until it is used up, then none, for a successor of the key neither."""

from tests.journeys.house import CHAT, ask, eventually

from wardkeep.demo.furnish import FIRST, PURPOSES, SECOND


async def test_a_key_calls_until_its_budget_is_used_up(gateway):
    def api(method, path, **body):
        return gateway.instance.api(FIRST, method, path, {"reason": "a journey", **body} if body else None)

    made = api(
        "POST", "keys", name="budgeted", owner=SECOND, models=["sim-echo"], purposes=list(PURPOSES),
        default_purpose="TREAT",
    )  # fmt: skip
    key, name = made["credential"], made["id"]

    def standing():
        (found,) = [each for each in api("GET", "budgets")["budgets"] if each["id"] == "journey"]
        return found

    async def called(credential):
        answer = await ask(gateway.url, credential, CHAT, "sim-echo", "How is the weather?")
        return answer.status, answer.code

    assert await called(key) == (200, None)
    api("POST", "budgets", id="journey", kind="key", holder=name, period="month", tokens=10**9)
    await eventually(lambda: standing()["state"] == "open")
    begun = standing()["used_tokens"]
    assert begun > 0  # what was used before there was a budget counts
    assert await called(key) == (200, None)
    each = standing()["used_tokens"] - begun
    assert each == begun
    # As much as is used and half a call more: one is begun within it, none after it.
    api("POST", "budgets", id="journey", kind="key", holder=name, period="month", tokens=2 * each + each // 2)
    assert await called(key) == (200, None)
    assert await called(key) == (403, "budget_exhausted")
    assert (standing()["state"], standing()["used_percent"]) == (
        "budget_exhausted",
        300 * each // (2 * each + each // 2),
    )
    successor = api("POST", f"keys/{name}/rotate", overlap_hours=0)
    assert await called(successor["credential"]) == (403, "budget_exhausted")
    assert await called(gateway.api_key) == (200, None)
    await eventually(lambda: api("GET", "budgets") and told(gateway, "budget.tell"))
    api("POST", "budgets/journey/remove", reason="a journey")
    assert await called(successor["credential"]) == (200, None)


def told(gateway, action):
    head = gateway.instance.api(FIRST, "GET", "ledger/head")["size"]
    found = gateway.instance.api(FIRST, "GET", f"ledger/entries?from={max(0, head - 100)}&to={head}")["entries"]
    return [each for each in found if each.get("detail", {}).get("action") == action]
