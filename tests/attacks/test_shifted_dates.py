"""A clinician reads a shifted date as the real one: on a real gateway, whole and streamed, in both wire formats."""

import json
import random

import pytest
from tests.journeys import house as at
from tests.journeys.house import CHAT, MESSAGES, House, draw_patient

from wardkeep.demo.instance import InstanceError

REAL = "03/14/2024"
WORDED = "March 17, 2024"


@pytest.fixture(scope="module")
def ward():
    with at.house("sim-echo") as held:
        deployments = {each["model"]: each for each in held.officer("GET", "routes")["routes"]}
        route = deployments["sim-echo"]
        held.officer("POST", "routes/sim-echo/remove", {"reason": "dates"})
        form = {key: route[key] for key in ("model", "deployment", "fallbacks")}
        held.officer("POST", "routes", {**form, "actions": {"DATE": "shift"}, "reason": "dates"})
        yield held


def text_of(path: str, body: bytes, *, is_streamed: bool) -> str:
    if not is_streamed:
        whole = json.loads(body)
        return whole["choices"][0]["message"]["content"] if path == CHAT else whole["content"][0]["text"]
    events = [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: {")]
    if path == CHAT:
        deltas = [choice["delta"] for each in events for choice in each["choices"]]
        return "".join(delta.get("content") or "" for delta in deltas)
    return "".join(each["delta"].get("text", "") for each in events if each["type"] == "content_block_delta")


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("stream", [False, True])
async def test_the_vendor_never_sees_the_day_and_the_reader_never_sees_another(ward: House, path, stream):
    patient = draw_patient(random.Random(7), 7)
    question = f"{patient.note} Admitted {REAL}, discharged on {WORDED}."
    answer = await at.ask(ward.instance.data, ward.api_key, path, "sim-echo", question, stream=stream)
    assert answer.status == 200
    assert answer.headers["wardkeep-dates"] == "shifted"
    assert question in text_of(path, answer.body, is_streamed=stream)
    seen = ward.vendor.seen()[-1].body.decode()
    assert REAL not in seen
    assert WORDED not in seen
    assert "2024" in seen or "2023" in seen or "2025" in seen
    sealed = ward.open_entry(answer.index)
    assert sealed["dates"]["days"] % 7 == 0
    assert "days" not in json.dumps(ward.headers(answer.index)[0])


def test_a_route_takes_only_what_can_be_restored(ward: House):
    route = ward.officer("GET", "routes")["routes"][0]
    form = {"model": "other", "deployment": route["deployment"], "reason": "dates"}
    for wrong in (
        {"policy": "safe_harbor"},
        {"policy": "lax"},
        {"actions": {"NOSE": "mask"}},
        {"actions": {"DATE": "generalise"}},
        {"actions": {"SSN": "shift"}},
    ):
        with pytest.raises(InstanceError, match="policy_invalid"):
            ward.officer("POST", "routes", {**form, **wrong})
