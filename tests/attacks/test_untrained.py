"""Overdue training and unsigned policies close the road, also when an application calls for the person who is late.

Days pass, so the instance is started again on a later day; within that day the road opens from the call after the
course was passed and the policy signed.
"""

import asyncio
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from tests.journeys.house import CHAT, ask, today, where

from wardkeep.compliance.courses import load_courses
from wardkeep.demo.furnish import furnish
from wardkeep.demo.instance import FIRST, SECOND, Instance, InstanceError
from wardkeep.demo.vendor import SimulatorProcess

COURSE = "ai-with-phi"
WHY = {"reason": "test"}


@pytest.fixture(scope="module")
def later():
    """An instance on which both duties were declared three days ago, with a grace of one."""
    with tempfile.TemporaryDirectory() as directory, SimulatorProcess() as vendor:
        home = Path(directory) / "home"
        instance = Instance(home=home)
        instance.init()
        with instance:
            key = furnish(instance, where(vendor), ["sim-echo"], today=today())
            day = today().isoformat()
            review = (today() + timedelta(days=300)).isoformat()
            instance.api(FIRST, "POST", "policies/ai-acceptable-use/propose", {"review_on": review, **WHY})
            proposed = instance.api(SECOND, "GET", "policies/ai-acceptable-use")["proposed"]["sha256"]
            instance.api(SECOND, "POST", "policies/ai-acceptable-use/approve", {"sha256": proposed})
            rule = {"roles": ["security_officer"], "due_on": day, **WHY}
            instance.api(FIRST, "POST", f"courses/{COURSE}/assign", rule)
            duties = {"training": True, "acknowledgement": True, "grace_days": 1, **WHY}
            instance.api(FIRST, "POST", "duties/require", duties)
            # On the day itself nobody is late.
            assert asyncio.run(ask(instance.data, key, CHAT, "sim-echo", "hello")).status == 200
        moved = Instance(home=home, command=(sys.executable, "-m", "wardkeep.demo.later", "3"))
        with moved:
            yield moved, key, vendor


def test_late_is_refused_until_done(later):
    instance, key, vendor = later
    before = len(vendor.seen())

    def called():
        answer = asyncio.run(ask(instance.data, key, CHAT, "sim-echo", "hello"))
        return "ok" if answer.status == 200 else answer.json()["error"]["code"]

    # The key's owner is late, so the application that uses it is refused.
    assert called() == "training_overdue"
    explained = {"key": key.split("_")[2], "model": "sim-echo", "purpose": "TREAT"}
    assert instance.api(FIRST, "POST", "policy/explain", explained)["reason"] == "training_overdue"
    course = load_courses()[COURSE]
    right = [each.right for each in course.questions]
    wrong = [(each.right + 1) % len(each.options) for each in course.questions]
    failed = instance.api(SECOND, "POST", f"courses/{COURSE}/answer", {"version": course.version, "answers": wrong})
    assert not failed["is_passed"]
    assert len(failed["wrong"]) == len(wrong)
    assert called() == "training_overdue"
    # Another person's certificate helps nobody.
    instance.api(FIRST, "POST", f"courses/{COURSE}/answer", {"version": course.version, "answers": right})
    assert called() == "training_overdue"
    passed = instance.api(SECOND, "POST", f"courses/{COURSE}/answer", {"version": course.version, "answers": right})
    assert passed["is_passed"]
    assert called() == "policy_unsigned"
    text = instance.api(SECOND, "GET", "policies/ai-acceptable-use")["sha256"]
    with pytest.raises(InstanceError, match="wrong_status"):
        instance.api(SECOND, "POST", "policies/ai-acceptable-use/sign", {"sha256": "0" * 64})
    assert called() == "policy_unsigned"
    assert len(vendor.seen()) == before
    instance.api(SECOND, "POST", "policies/ai-acceptable-use/sign", {"sha256": text})
    assert called() == "ok"
    assert len(vendor.seen()) == before + 1


def test_one_officer_alone_cannot_open_it(later):
    instance, _, _ = later
    off = {"training": False, "acknowledgement": False, "grace_days": 0, **WHY}
    instance.api(FIRST, "POST", "duties/require", off)
    assert instance.api(FIRST, "GET", "duties")["training"]
    with pytest.raises(InstanceError, match="second_person_required"):
        instance.api(FIRST, "POST", "duties/approve", off)
    assert instance.api(FIRST, "GET", "duties")["acknowledgement"]
