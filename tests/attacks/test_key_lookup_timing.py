"""How long a refusal takes tells whether a key's id exists: the same comparison is made for every well-formed key."""

import statistics
import time
from datetime import UTC, datetime

import pytest

from wardkeep.identity.keys import find_key, new_credential
from wardkeep.model.reasons import Refused
from wardkeep.model.registry import ApiKey, Purpose, Registry
from wardkeep.model.sensitive import Secret

NOW = datetime(2027, 1, 1, tzinfo=UTC)
MAC_KEY = b"k" * 32


def key(number: int):
    made = new_credential("live", MAC_KEY, lambda count: bytes((number * 7 + n) % 248 for n in range(count)))
    record = ApiKey(
        id=made.id, mac=made.mac, name="n", owner="o", workspace="w", models=frozenset(),
        purposes=frozenset({Purpose.TREAT}),
        default_purpose=None, expires_at=None,
    )  # fmt: skip
    return made, record


def test_unknown_and_wrong_keys_get_one_answer():
    (known, record), (unknown, _) = key(1), key(2)
    other = new_credential("live", MAC_KEY, lambda count: bytes(count))
    registry = Registry(epoch=1, keys={known.id: record})
    # the known id with another's secret, checksum made right
    from zlib import crc32

    from wardkeep.identity.keys import _base62

    stem = f"wk_live_{known.id}_" + other.shown_once.reveal()[-38:-6]
    forged = Secret(stem + _base62(crc32(stem.encode()), 6))
    answers = {find_key(each, registry, MAC_KEY, NOW) for each in (unknown.shown_once, forged, Secret(""))}
    assert len(answers) == 1
    assert all(isinstance(each, Refused) for each in answers)
    assert find_key(known.shown_once, registry, MAC_KEY, NOW) is record


@pytest.mark.slow
def test_an_unknown_id_takes_as_long_as_a_wrong_secret():
    (known, record), (unknown, _) = key(1), key(2)
    registry = Registry(
        epoch=1,
        keys={known.id: ApiKey(**{name: getattr(record, name) for name in record.__slots__} | {"mac": bytes(32)})},
    )
    medians = []
    for credential in (known.shown_once, unknown.shown_once):
        times = []
        for _ in range(20_000):
            started = time.perf_counter_ns()
            find_key(credential, registry, MAC_KEY, NOW)
            times.append(time.perf_counter_ns() - started)
        medians.append(statistics.median(times))
    assert max(medians) < 1.25 * min(medians)
