"""What was agreed with an individual bars the road from the next call on: for that subject, purpose and vendor.

Substance use disorder records pass on a consent that counts, to whom it names, with the notice that goes with them.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.journeys.conftest import ZONE
from tests.journeys.house import CHAT, MESSAGES, body_for, key_headers, line_to

from wardkeep.demo.furnish import ANTHROPIC_VENDOR, OPENAI_VENDOR, create_key
from wardkeep.demo.instance import FIRST, SECOND

WHY = {"reason": "test"}


def answered(gateway, path=CHAT, *, key=None, model="sim-echo", **headers):
    """The answer; names in keywords are headers."""

    async def ask():
        async with line_to(gateway.url) as line:
            sent = key_headers(key or gateway.api_key, path, **headers)
            return await line.ask("POST", path, sent, body_for(path, model, "hello"))

    return asyncio.run(ask())


def called(gateway, path=CHAT, **more):
    """The answer's code, or `ok`."""
    answer = answered(gateway, path, **more)
    return "ok" if answer.status == 200 else answer.json()["error"]["code"]


def day_there(*, days=0):
    return (datetime.now(UTC).astimezone(ZoneInfo(ZONE)).date() + timedelta(days=days)).isoformat()


@pytest.fixture
def agreed(gateway):
    """Agrees to a restriction and ends it afterwards."""
    day = day_there()
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


# ---- 42 CFR Part 2 ---------------------------------------------------------------------------------------------------

NOTICE = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."


@pytest.fixture(scope="module")
def clinic(gateway):
    """A workspace and a route that take such records, and a key there."""
    api = gateway.instance.api
    place = {
        "id": "clinic", "name": "Clinic", "owner": FIRST, "members": [FIRST], "purposes": ["TREAT", "ETREAT"],
        "models": None, "data_classes": ["ordinary", "part2"], "requires": [], **WHY,
    }  # fmt: skip
    api(FIRST, "POST", "workspaces", place)
    route = {
        "model": "p2-echo", "deployment": "n-sim-echo", "fallbacks": ["m-sim-echo"],
        "data_classes": ["ordinary", "part2"], **WHY,
    }  # fmt: skip
    api(FIRST, "POST", "routes", route)
    return create_key(gateway.instance, ["p2-echo"], workspace="clinic", purposes=["TREAT", "ETREAT"])


def consent(gateway, name, subject, **changes):
    form = {
        "id": name, "subject": subject, "kind": "specific", "disclosers": ["clinic"], "purposes": ["TREAT"],
        "recipients": [OPENAI_VENDOR], "signed_on": day_there(), "until": day_there(days=9),
        "document_sha256": "ab" * 32, **WHY, **changes,
    }  # fmt: skip
    gateway.instance.api(FIRST, "POST", "part2/consents", form)


def test_such_records_pass_on_a_consent_that_counts_and_to_whom_it_names(gateway, clinic):
    api = gateway.instance.api
    asked = {"key": clinic, "model": "p2-echo", "wardkeep_subject": "patient-p2", "wardkeep_data_class": "part2"}
    assert called(gateway, **asked) == "substance_use_consent_missing"
    consent(gateway, "p2-1", "patient-p2")
    assert called(gateway, **asked) == "substance_use_consent_missing"
    api(SECOND, "POST", "part2/consents/p2-1/confirm", WHY)
    gateway.vendor.reset()
    answer = answered(gateway, **asked)
    assert (answer.status, answer.headers["wardkeep-notice"]) == (200, NOTICE)
    assert [one.header("wardkeep-notice") for one in gateway.vendor.seen()] == [NOTICE]
    opened = api(FIRST, "POST", f"ledger/entries/{answer.index}/open", WHY)
    assert opened["notice"] == NOTICE
    assert opened["header"]["detail"]["p2"] is True
    # Another vendor, subject, purpose: not what the patient signed.
    assert called(gateway, MESSAGES, **asked) == "consent_recipient_not_named"
    assert called(gateway, **{**asked, "wardkeep_subject": "patient-other"}) == "substance_use_consent_missing"
    # An emergency needs no consent; the agreement with the vendor must still cover it, and here it does not.
    assert called(gateway, **asked, wardkeep_purpose="ETREAT") == "scope_purpose"
    api(FIRST, "POST", "part2/consents/p2-1/revoke", {"on": day_there(), **WHY})
    assert called(gateway, **asked) == "substance_use_consent_missing"
    # What is no such record carries no notice.
    plain = answered(gateway, key=clinic, model="p2-echo", wardkeep_subject="patient-p2")
    assert (plain.status, "wardkeep-notice" in plain.headers) == (200, False)
    consent(gateway, "p2-2", "patient-p2", recipients=[ANTHROPIC_VENDOR])
    api(SECOND, "POST", "part2/consents/p2-2/confirm", WHY)
    assert called(gateway, **asked) == "consent_recipient_not_named"
    assert called(gateway, MESSAGES, **asked) == "ok"


def test_records_inherit_the_tag_of_where_they_come_from_and_untagged_is_not_cleared(gateway, clinic):
    api = gateway.instance.api
    asked = {"key": clinic, "model": "p2-echo", "wardkeep_subject": "patient-p3"}
    assert called(gateway, **asked) == "ok"
    api(FIRST, "POST", "part2/sources/workspace.clinic/tag", WHY)
    assert called(gateway, **asked) == "substance_use_consent_missing"
    # The other workspace bears no tag, and nobody cleared it; it takes no such records.
    assert called(gateway, wardkeep_subject="patient-p3") == "data_class_not_permitted"
    for place in ("workspace.default", "workspace.clinic"):
        api(FIRST, "POST", f"part2/sources/{place}/clear", {"until": day_there(days=9), **WHY})
    assert called(gateway, wardkeep_subject="patient-p3") == "data_class_not_permitted"
    api(SECOND, "POST", "part2/sources/workspace.default/approve", WHY)
    assert called(gateway, wardkeep_subject="patient-p3") == "ok"
    assert called(gateway, **asked) == "substance_use_consent_missing"
    api(SECOND, "POST", "part2/sources/workspace.clinic/approve", WHY)
    assert called(gateway, **asked) == "ok"
