from datetime import UTC, datetime

import pytest
from tests.unit.audit.samples import keyring

from wardkeep.crypto.keys import data_keys
from wardkeep.crypto.subject import tag_of
from wardkeep.gateway.subjects import SubjectCache
from wardkeep.model.instant import Instant

TAG = b"t" * 16


def at(*day):
    return Instant(int(datetime(*day, tzinfo=UTC).timestamp() * 1_000_000), 0, "boot")


@pytest.fixture
def cache():
    return SubjectCache(keys=data_keys(keyring()))


def test_a_subject_keeps_its_key_and_it_travels_until_it_is_durable(cache):
    first = cache.key_for(TAG, at(2026, 5, 1), is_resolved=True)
    assert first.under.new is not None
    assert tag_of(first.under.name) == TAG
    again = cache.key_for(TAG, at(2026, 5, 31), is_resolved=True)
    assert again is first
    assert again.under.new is not None
    first.settle()
    assert cache.key_for(TAG, at(2026, 5, 2), is_resolved=True).under.new is None
    assert cache.key_for(b"u" * 16, at(2026, 5, 2), is_resolved=True).key != first.key


@pytest.mark.parametrize(("then", "now"), [((2026, 5, 31, 23), (2026, 6, 1)), ((2026, 12, 31), (2027, 1, 1))])
def test_another_month_has_another_key(cache, then, now):
    first = cache.key_for(TAG, at(*then), is_resolved=True)
    second = cache.key_for(TAG, at(*now), is_resolved=True)
    assert second.key != first.key
    assert second.period == first.period + 1


def test_what_was_shredded_is_forgotten_and_nothing_else(cache):
    first, other = (cache.key_for(tag, at(2026, 5, 1), is_resolved=True) for tag in (TAG, b"u" * 16))
    cache.forget([TAG, b"x" * 16])
    assert cache.key_for(TAG, at(2026, 5, 1), is_resolved=True).key != first.key
    assert cache.key_for(b"u" * 16, at(2026, 5, 1), is_resolved=True) is other


def test_memory_is_bounded(cache):
    for number in range(9000):
        cache.key_for(number.to_bytes(16, "big"), at(2026, 5, 1), is_resolved=False)
    assert len(cache._remembered) == 8192
