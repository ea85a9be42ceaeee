"""What was agreed with an individual bars the road from the next call on: for that subject, purpose and vendor."""

import asyncio
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from tests.journeys.conftest import ZONE
from tests.journeys.house import CHAT, MESSAGES, body_for, key_headers, line_to

from wardkeep.demo.furnish import OPENAI_VENDOR
from wardkeep.demo.instance import FIRST, SECOND

WHY = {"reason": "test"}


def called(gateway, path=CHAT, **headers):
    """The answer's code, or `ok`; names in keywords are headers."""

    async def ask():
        async with line_to(gateway.url) as line:
            sent = key_headers(gateway.api_key, path, **headers)
            return await line.ask("POST", path, sent, body_for(path, "sim-echo", "hello"))

    answer = asyncio.run(ask())
    return "ok" if answer.status == 200 else answer.json()["error"]["code"]


@pytest.fixture
def agreed(gateway):
    """Agrees to a restriction and ends it afterwards."""
    day = datetime.now(UTC).astimezone(ZoneInfo(ZONE)).date().isoformat()
    made = []

    def agree(name, subject, **terms):
        take = {"id": name, "right": "restriction", "subject": subject, "received_on": day, **WHY}
        gateway.instance.api(FIRST, "POST", "rights", take)
        answer = {"outcome": "granted", "on": day, "purposes": ["TREAT"], **terms, **WHY}
        gateway.instance.api(FIRST, "POST", f"rights/{name}/answer", answer)
        made.append(name)

    def end(name):
        form = {"end": "individual_wrote", "on": day, **WHY}
        gateway.instance.api(SECOND, "POST", f"restrictions/{name}/end", form)
        made.remove(name)

    yield agree, end
    for name in [*made]:
        end(name)


def test_a_restriction_bars_its_subject_purpose_and_vendor_and_no_other(gateway, agreed):
    agree, end = agreed
    assert called(gateway, wardkeep_subject="restricted-1") == "ok"
    agree("all-vendors", "restricted-1", bars_unnamed=False)
    before = len(gateway.vendor.seen())
    assert called(gateway, wardkeep_subject="restricted-1") == "restriction_agreed"
    assert called(gateway, MESSAGES, wardkeep_subject="restricted-1") == "restriction_agreed"
    assert len(gateway.vendor.seen()) == before
    assert called(gateway, wardkeep_subject="somebody-else") == "ok"
    assert called(gateway) == "ok"
    end("all-vendors")
    assert called(gateway, wardkeep_subject="restricted-1") == "ok"

    agree("one-vendor", "restricted-2", vendors=[OPENAI_VENDOR], bars_unnamed=False)
    assert called(gateway, wardkeep_subject="restricted-2") == "restriction_agreed"
    assert called(gateway, MESSAGES, wardkeep_subject="restricted-2") == "ok"
    end("one-vendor")


def test_a_call_that_names_nobody_may_be_about_them(gateway, agreed):
    agree, end = agreed
    agree("unnamed", "restricted-3", vendors=[OPENAI_VENDOR])
    assert called(gateway) == "restriction_subject_unnamed"
    assert called(gateway, wardkeep_subject="multiple") == "restriction_subject_unnamed"
    assert called(gateway, MESSAGES) == "ok"
    assert called(gateway, wardkeep_subject="somebody-else") == "ok"
    end("unnamed")
    assert called(gateway) == "ok"


def test_the_refusal_is_explained_before_a_call_is_made(gateway, agreed):
    agree, _ = agreed
    agree("explained", "restricted-4", bars_unnamed=False)
    question = {"key": gateway.api_key.split("_")[2], "model": "sim-echo", "purpose": "TREAT"}
    told = gateway.instance.api(FIRST, "POST", "policy/explain", {**question, "subject": "restricted-4"})
    assert told["reason"] == "restriction_agreed"
    assert gateway.instance.api(FIRST, "POST", "policy/explain", {**question, "subject": "other"})["permitted"]
