"""Somebody tries names to learn who works here: existing, enrolled, disabled and invented ones answer alike."""

import re
import statistics

import pytest
from tests.attacks.browserless import PENDING

from wardkeep.demo.instance import FIRST


def names(console):
    enrolled, credential = console.person()
    console.visitor().enrol(credential)
    fresh, _ = console.person()
    gone, left = console.person()
    console.visitor().enrol(left)
    console.instance.api(FIRST, "POST", f"people/{gone}/disable", {"reason": "left"})
    return {
        "enrolled": enrolled,
        "not enrolled": fresh,
        "left": gone,
        "invented": f"not-{gone}",
        "odd": f"{gone}' OR 1=1",
    }


def shape(answer):
    """All that a guesser sees but the clock: the names they typed are not repeated anyway."""
    seen = [(key, value) for key, value in answer.headers if key.lower() != "date"]
    return answer.status, seen, answer.body


def test_every_wrong_name_and_password_gets_the_same_answer(console):
    answers = {kind: console.visitor().first_factor(name, "wrong " * 3) for kind, name in names(console).items()}
    shapes = {kind: shape(answer) for kind, answer in answers.items()}
    assert all(each == shapes["invented"] for each in shapes.values())
    assert PENDING not in str(shapes)


def test_an_invented_name_waits_as_long_as_a_real_one(console):
    waits = {}
    for kind, name in names(console).items():
        visitor = console.visitor()
        statuses = [visitor.first_factor(name, "wrong " * 3).status for _ in range(6)]
        waits[kind] = statuses
    assert all(each == [403] * 5 + [429] for each in waits.values()), waits


def test_passkey_options_name_nobody(console):
    name, _ = console.person()
    bodies = [
        console.visitor().ask("POST", "/sign-in/passkey/options", b"{}", kind="application/json").body for _ in range(2)
    ]
    without = [re.sub(r'"challenge": ?"[^"]+"', "", each) for each in bodies]
    assert without[0] == without[1]
    assert name not in without[0]
    assert "allowCredentials" not in without[0] or '"allowCredentials": []' in without[0]


@pytest.mark.slow
def test_a_name_that_is_there_takes_no_longer(console):
    times = {}
    found = names(console)
    for kind in ("enrolled", "invented"):
        times[kind] = []
        for _ in range(4):
            times[kind].append(console.visitor().first_factor(found[kind], "wrong " * 3).seconds)
        found[kind] += "x"
    shorter, longer = sorted(statistics.median(each) for each in times.values())
    assert longer < 2 * shorter
