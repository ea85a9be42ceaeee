"""Rate and concurrency by key, with the clock as an argument."""

from wardkeep.gateway.limits import Limits
from wardkeep.gateway.record import Admission
from wardkeep.model.reasons import Reason

SECOND = 1_000_000_000


def admission(per_minute: int = 60, at_once: int = 3, key: str = "k1") -> Admission:
    return Admission(key=key, calls_per_minute=per_minute, calls_at_once=at_once)


def call(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_concurrency_counts_open_calls_and_forgets_closed_ones():
    limits = Limits()
    assert all(limits.admit(call(n), admission(per_minute=6000), 0) is None for n in range(3))
    refused = limits.admit(call(3), admission(per_minute=6000), 0)
    assert refused is not None
    assert refused.reason is Reason.CONCURRENCY_LIMITED
    limits.release(call(1))
    assert limits.admit(call(3), admission(per_minute=6000), 0) is None


def test_asking_again_for_an_open_call_costs_nothing():
    limits = Limits()
    assert all(limits.admit(call(1), admission(at_once=1, per_minute=60), 0) is None for _ in range(50))


def test_rate_is_a_bucket_that_refills_with_time():
    limits = Limits()
    burst = 10  # a sixth of the minute's calls
    for n in range(burst):
        assert limits.admit(call(n), admission(at_once=1000), 0) is None
    refused = limits.admit(call(99), admission(at_once=1000), 0)
    assert refused is not None
    assert refused.reason is Reason.RATE_LIMITED
    assert refused.retry_after_seconds == 1
    assert limits.admit(call(99), admission(at_once=1000), SECOND) is None
    assert limits.admit(call(100), admission(at_once=1000), SECOND) is not None


def test_keys_do_not_share_a_bucket():
    limits = Limits()
    for n in range(10):
        limits.admit(call(n), admission(at_once=1000), 0)
    assert limits.admit(call(50), admission(key="k2"), 0) is None


def test_releasing_what_was_never_admitted_changes_nothing():
    limits = Limits()
    limits.release(call(7))
    assert limits.admit(call(7), admission(at_once=1), 0) is None
