import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardkeep.crypto.derive import expand, extract, framed


def test_rfc_5869_case_1():
    key = extract(salt=bytes.fromhex("000102030405060708090a0b0c"), material=b"\x0b" * 22)
    assert key.hex() == "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
    out = expand(key, bytes.fromhex("f0f1f2f3f4f5f6f7f8f9"), 42)
    assert out.hex() == ("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")


def test_more_than_255_blocks_are_refused():
    assert len(expand(bytes(32), b"", 255 * 32)) == 255 * 32
    with pytest.raises(ValueError):
        expand(bytes(32), b"", 255 * 32 + 1)


@given(st.lists(st.binary(max_size=8), max_size=4), st.lists(st.binary(max_size=8), max_size=4))
def test_framing_is_injective(one, two):
    assert (framed(*one) == framed(*two)) == (one == two)
