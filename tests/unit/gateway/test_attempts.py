"""When another attempt is right, and how long it waits: the breaker, the retry budget, and what is never repeated."""

from wardkeep.gateway.attempts import Attempts, of_error, of_refusal, of_status
from wardkeep.gateway.health import Health
from wardkeep.model.document import parse
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import Route, Surface
from wardkeep.model.stages import Call
from wardkeep.transport.errors import (
    AnswerInvalid,
    AnswerTooLarge,
    RequestUnsendableError,
    VendorReset,
    VendorTimeout,
    VendorUnreachable,
)

SECOND = 1_000_000_000


def attempts() -> Attempts:
    document = parse(b'{"model": "m"}')
    at = Instant(0, 0, "b")
    return Attempts(
        call=Call(id=b"c" * 16, surface=Surface.OPENAI_CHAT, document=document, credential=None, received=at)
    )


def test_only_what_was_not_sent_or_was_answered_with_an_error_is_tried_again():
    for error in (VendorTimeout("t"), VendorReset("r"), AnswerInvalid("i"), AnswerTooLarge("l")):
        assert of_error("d", error) is None
    for unsent in (VendorUnreachable("u"), RequestUnsendableError("s")):
        assert of_error("d", unsent) is not None
    tried = {status for status in range(200, 600) if of_status("d", status, None) is not None}
    assert tried == {401, 408, 429, *range(500, 600)}
    assert of_refusal("d", Refused(reason=Reason.CREDENTIAL_UNAVAILABLE)) is not None
    assert of_refusal("d", Refused(reason=Reason.VENDOR_ANSWER_INVALID)) is None


def test_a_route_allows_so_many_attempts_and_none_that_begins_late():
    route = Route(model="m", deployment="d", attempts=3, attempt_seconds=10)
    failure = of_status("d", 503, None)
    made = attempts()
    assert [made.may_go_on(route, failure, 0) for _ in range(3)] == [True, True, False]
    assert made.number == 3
    assert not attempts().may_go_on(route, failure, 10 * SECOND + 1)
    assert not attempts().may_go_on(route, None, 0)
    assert not attempts().may_go_on(Route(model="m", deployment="d"), failure, 0)


async def test_the_same_deployment_is_asked_again_only_after_a_wait_and_within_the_budget():
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)

    route = Route(model="m", deployment="d", attempts=5)
    health = Health()
    made = attempts()
    made.may_go_on(route, of_status("d", 429, b"2"), 0)
    assert await made.may_ask("other", health, pause)
    assert waits == []
    assert await made.may_ask("d", health, pause)
    assert waits.pop() >= 2.0, "as long as the vendor asked for"
    made.may_go_on(route, of_status("d", 503, None), 0)
    assert await made.may_ask("d", health, pause)
    assert 0.4 < waits.pop() < 2.5
    for status, after in ((429, b"3600"), (401, None)):
        made.may_go_on(route, of_status("d", status, after), 0)
        assert not await made.may_ask("d", health, pause)
    made = attempts()
    made.may_go_on(route, of_status("d", 503, None), 0)
    for _ in range(10):
        health.sent("d", 0, is_retry=True)
    assert not await made.may_ask("d", health, pause), "the budget is used up"
    for _ in range(11):
        health.sent("d", 0, is_retry=False)
    assert await made.may_ask("d", health, pause), "ordinary calls filled it"


def test_a_deployment_rests_after_five_failures_and_is_tried_by_one_call():
    health = Health()
    for _ in range(4):
        health.failed("d", 0)
    assert health.standing((), 0).resting == frozenset()
    health.failed("d", 0)
    assert health.standing((), 9 * SECOND).resting == {"d"}
    assert health.standing((), 11 * SECOND).resting == frozenset()
    health.sent("d", 11 * SECOND, is_retry=False)
    assert health.standing((), 11 * SECOND).resting == {"d"}, "the others wait for what it finds"
    health.failed("d", 12 * SECOND)
    assert health.standing((), 31 * SECOND).resting == {"d"}, "it rests longer each time"
    for _ in range(10):
        health.failed("d", 40 * SECOND)
    assert health.standing((), 161 * SECOND).resting == frozenset(), "but never longer than two minutes"
    health.answered("d")
    assert health.standing((), 40 * SECOND).resting == frozenset()


def test_a_vendor_that_asks_to_be_left_alone_is():
    health = Health()
    health.failed("d", 0, 3 * SECOND)
    assert health.standing((), 2 * SECOND).resting == {"d"}
    assert health.standing((), 4 * SECOND).resting == frozenset()
