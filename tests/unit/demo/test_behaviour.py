"""Cutting bodies into writes, and the settings of the control endpoint."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardkeep.demo.sim_behaviour import Behaviour, BehaviourError, changed, cut_after, writes

EVENTS = [b"data: \xc3\xa9\n\n", b"data: two\n\n"]
BODY = b"".join(EVENTS)


def test_each_way_of_cutting():
    assert list(writes(EVENTS, Behaviour(chunk="event"))) == EVENTS
    assert list(writes(EVENTS, Behaviour(chunk="whole"))) == [BODY]
    assert list(writes(EVENTS, Behaviour(chunk="byte"))) == [BODY[at : at + 1] for at in range(len(BODY))]
    assert list(writes(EVENTS, Behaviour(chunk="15"))) == [BODY[:15], BODY[15:]]


def test_a_number_cuts_inside_a_character_and_across_events():
    parts = list(writes(EVENTS, Behaviour(chunk="7")))
    assert parts[0] == b"data: \xc3"
    assert parts[1] == b"\xa9\n\ndata"


def test_the_same_seed_cuts_alike_and_another_does_not():
    body = [bytes(range(256)) * 4]
    cut = {seed: list(writes(body, Behaviour(chunk="random", seed=seed))) for seed in (1, 2)}
    assert cut[1] == list(writes(body, Behaviour(chunk="random", seed=1)))
    assert cut[1] != cut[2]


@given(st.lists(st.binary(min_size=1)), st.sampled_from(["event", "byte", "random", "whole", "1", "3", "1000"]))
def test_cutting_never_changes_the_body(events, chunk):
    assert b"".join(writes(events, Behaviour(chunk=chunk))) == b"".join(events)


@given(st.lists(st.binary(min_size=1)), st.integers(min_value=0, max_value=100))
def test_cutting_off_lets_exactly_that_much_through(events, limit):
    assert b"".join(cut_after(events, limit)) == b"".join(events)[:limit]


def test_settings_change_and_the_others_stay():
    made = changed(Behaviour(seed=5), {"chunk": 3, "reply": "x", "events": 2})
    assert made == Behaviour(seed=5, chunk="3", reply="x", events=2)


@pytest.mark.parametrize(
    "wanted",
    [
        {"chunks": 1},
        {"chunk": "0"},
        {"chunk": "often"},
        {"chunk": "²"},
        {"events": "2"},
        {"events": -1},
        {"events": True},
        {"reply": 3},
        {"newline": "\t"},
        {"ascii_arguments": 1},
    ],
)
def test_wrong_settings_are_refused(wanted):
    with pytest.raises(BehaviourError):
        changed(Behaviour(), wanted)
