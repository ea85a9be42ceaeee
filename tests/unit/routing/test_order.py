"""The order of a route's deployments: the operator's, or shared out by weight, and stable for a conversation."""

from collections import Counter

from wardkeep.model.registry import Route
from wardkeep.routing.order import Standing, ordered

ROUTE = Route(model="alias", deployment="a", fallbacks=("b", "c"))
SHARED = Route(model="alias", deployment="a", fallbacks=("b", "c", "d"), weights={"a": 3, "b": 1})


def conversation(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_without_weights_the_order_is_the_operators():
    assert {ordered(ROUTE, conversation(n)) for n in range(50)} == {("a", "b", "c")}


def test_what_failed_this_call_comes_last_in_the_order_of_its_turn():
    assert ordered(ROUTE, b"", Standing(failed=("a",))) == ("b", "c", "a")
    assert ordered(ROUTE, b"", Standing(failed=("b", "a"))) == ("c", "b", "a")


def test_what_rests_comes_behind_what_does_not_and_is_never_left_out():
    assert ordered(ROUTE, b"", Standing(resting=frozenset("a"))) == ("b", "c", "a")
    assert ordered(ROUTE, b"", Standing(resting=frozenset("abc"))) == ("a", "b", "c")
    assert ordered(ROUTE, b"", Standing(failed=("c",), resting=frozenset("a"))) == ("b", "a", "c")


def test_weights_share_conversations_out_in_proportion():
    first = Counter(ordered(SHARED, conversation(n))[0] for n in range(4_000))
    assert first.keys() == {"a", "b"}
    assert 0.72 < first["a"] / 4_000 < 0.78


def test_a_conversation_stays_and_comes_back_after_its_deployment_rested():
    for n in range(200):
        at = conversation(n)
        home, *others = ordered(SHARED, at)
        assert ordered(SHARED, at)[0] == home
        away = ordered(SHARED, at, Standing(resting=frozenset({home})))
        assert away == (*others, home)


def test_a_deployment_without_weight_stands_behind_those_that_have_one():
    for n in range(50):
        assert ordered(SHARED, conversation(n))[2:] == ("c", "d")
