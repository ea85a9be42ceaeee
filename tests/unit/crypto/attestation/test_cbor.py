"""The strict reader of CBOR: what it reads is what an independent encoder wrote, and everything unusual is refused."""

import contextlib

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardkeep.crypto.attestation.cbor import decode, head
from wardkeep.crypto.errors import EvidenceRefused

_KEYS = st.integers(-(2**63), 2**63) | st.text(max_size=6)
_LEAVES = st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=300) | st.text(max_size=300)
_VALUES = _LEAVES | st.lists(_LEAVES, max_size=30) | st.dictionaries(_KEYS, _LEAVES | st.lists(_LEAVES, max_size=3))


@given(_VALUES)
def test_reads_what_another_wrote(value):
    assert decode(cbor2.dumps(value)) == value


@given(_VALUES)
def test_nothing_may_follow_and_nothing_may_lack(value):
    written = cbor2.dumps(value)
    for changed in (written + b"\x00", written[:-1]):
        with pytest.raises(EvidenceRefused):
            decode(changed)


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(data):
    with contextlib.suppress(EvidenceRefused):
        decode(data)


@pytest.mark.parametrize("length", [0, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32])
def test_a_head_is_as_short_as_another_encoder_writes_it(length):
    assert head(0, length) == cbor2.dumps(length)


@pytest.mark.parametrize(
    "written",
    [
        "",  # nothing
        "1817",  # 23 in two bytes
        "1900ff",  # 255 in three
        "1a0000ffff",
        "1b00000000ffffffff",
        "18",  # a length that is not there
        "19ff",
        "1c00",  # reserved
        "ff",  # a break without a beginning
        "9f01",  # an open array that does not end
        "5f4101ff",  # bytes in chunks
        "7f6161ff",  # text in chunks
        "c001",  # a tag
        "d9d9f701",  # the tag that only says that this is CBOR
        "f93c00",  # a float
        "f7",  # undefined
        "f0",  # an unassigned simple value
        "61ff",  # text that is no UTF-8
        "42ff",  # more bytes than there are
        "9affffffff",  # an array as long as no input
        "a201010102",  # a key twice
        "bf01010102ff",
        "a1f501",  # a key that is a boolean
        "a1410101",  # a key of bytes
        "a101",  # a key without a value
        "818181818181",  # deep
    ],
)
def test_unusual_writing_is_refused(written):
    with pytest.raises(EvidenceRefused):
        decode(bytes.fromhex(written))


def test_containers_of_open_length_are_read():
    assert decode(bytes.fromhex("bf616101ff")) == {"a": 1}
    assert decode(bytes.fromhex("9f0203ff")) == [2, 3]
