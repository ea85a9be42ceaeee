"""Clocks and identifiers in time order."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardkeep.audit.entry import timestamp
from wardkeep.model.instant import Instant, uuid7

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@settings(deadline=None)
@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_a_uuid_is_version_7_and_carries_its_millisecond_and_randomness(ms: int, randomness: bytes) -> None:
    made = uuid.UUID(bytes=uuid7(ms * 1000 + 999, randomness))
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == ms
    # RFC 9562 section 5.7: 12 + 62 random bits stay, 4 + 2 are version and variant
    mask = (1 << 80) - 1 ^ (0xF << 76) ^ (0b11 << 62)
    assert made.int & mask == int.from_bytes(randomness, "big") & mask


@settings(deadline=None)
@given(
    st.integers(0, 2**47),
    st.integers(1, 2**30),
    st.binary(min_size=10, max_size=10),
    st.binary(min_size=10, max_size=10),
)
def test_later_milliseconds_sort_later(ms: int, step: int, one: bytes, two: bytes) -> None:
    assert uuid7(ms * 1000, one) < uuid7((ms + step) * 1000, two)


# RFC 9562 appendix A.6: the example of a UUIDv7
def test_the_example_of_the_rfc() -> None:
    randomness = ((0xCC3 << 64) | 0x18C4DC0C0C07398F).to_bytes(10, "big")
    assert uuid.UUID(bytes=uuid7(0x017F22E279B0 * 1000, randomness)) == uuid.UUID(
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    )


@settings(deadline=None)
@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))  # noqa: DTZ001 - made aware below
def test_wall_time_is_exact_to_the_microsecond(naive: datetime) -> None:
    at = naive.replace(tzinfo=UTC)
    reading = Instant((at - EPOCH) // timedelta(microseconds=1), 0, "b")
    assert reading.wall == at
    assert datetime.fromisoformat(timestamp(reading.wall)) == at
    assert timestamp(reading.wall).endswith("Z")
    assert len(timestamp(reading.wall)) == 27


@pytest.mark.parametrize(
    ("zone", "utc", "day"),
    [
        ("Etc/UTC", "2028-02-29T23:59:59.999999", date(2028, 2, 29)),
        ("Etc/UTC", "2028-03-01T00:00:00", date(2028, 3, 1)),
        ("Pacific/Kiritimati", "2028-02-29T09:59:59.999999", date(2028, 2, 29)),
        ("Pacific/Kiritimati", "2028-02-29T10:00:00", date(2028, 3, 1)),
        ("Pacific/Pago_Pago", "2028-03-01T10:59:59.999999", date(2028, 2, 29)),
        ("Asia/Kolkata", "2028-02-29T18:29:59.999999", date(2028, 2, 29)),
        ("Asia/Kolkata", "2028-02-29T18:30:00", date(2028, 3, 1)),
        ("America/New_York", "2026-03-09T03:59:59.999999", date(2026, 3, 8)),
        ("America/New_York", "2026-11-02T04:59:59.999999", date(2026, 11, 1)),
        ("America/St_Johns", "2026-07-01T02:29:59.999999", date(2026, 6, 30)),
        ("Pacific/Apia", "2011-12-30T09:59:59", date(2011, 12, 29)),
        ("Pacific/Apia", "2011-12-30T10:00:00", date(2011, 12, 31)),  # the day that Samoa left out
    ],
)
def test_days_are_counted_in_the_organisations_zone(zone: str, utc: str, day: date) -> None:
    at = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert Instant((at - EPOCH) // timedelta(microseconds=1), 0, "b").day_in(zone) == day
