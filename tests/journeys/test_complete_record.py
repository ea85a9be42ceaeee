"""With workers of its own, an instance counts what it sends against what it records, and finds nothing missing."""

from itertools import pairwise

from tests.journeys.house import CHAT, ask, eventually, fetch, shared_house

CALLS = 6


def gauges(ward) -> dict[str, float]:
    text = fetch(ward.instance.operations + "/metrics")[1].decode()
    return {
        line.split()[0]: float(line.split()[1])
        for line in text.splitlines()
        if line.startswith("wardkeep_") and "{" not in line
    }


async def test_traffic_over_two_workers_raises_no_alarm(pytestconfig):
    ward = shared_house(pytestconfig, 2)
    before = ward.size()
    for _ in range(CALLS):
        answer = await ask(ward.instance.data, ward.api_key, CHAT, "sim-echo", "chest pain")
        assert answer.status == 200
    # two looks of the watch after the last call
    seen: list[float] = []

    def has_looked_twice():
        age = gauges(ward)["wardkeep_watch_age_seconds"]
        seen.append(age)
        return sum(later < earlier for earlier, later in pairwise(seen)) >= 2

    await eventually(has_looked_twice)
    found = gauges(ward)
    assert [name for name, value in found.items() if name.startswith("wardkeep_alarm_") and value] == []
    kinds = [each["type"] for each in ward.headers(before)]
    assert kinds.count("request") == CALLS
    assert "alarm" not in kinds
