"""Secret sharing: fixed vectors worked out from the definition, every subset, and nothing from too few."""

import os
from dataclasses import replace
from itertools import combinations

import pytest

from wardkeep.crypto.errors import KeyUnavailable
from wardkeep.crypto.shamir import combine, divide, dump_share, load_share, multiply, split


@pytest.mark.parametrize(
    # FIPS 197 section 4.2: {57} x {83} = {c1}, {57} x {13} = {fe}; section 4.2.1: {57} x {02} = {ae}, x {10} = {07}
    ("left", "right", "product"),
    [(0x57, 0x83, 0xC1), (0x57, 0x13, 0xFE), (0x57, 0x02, 0xAE), (0x57, 0x10, 0x07), (0, 9, 0), (9, 1, 9)],
)
def test_products_are_those_of_fips_197(left, right, product):
    assert multiply(left, right) == multiply(right, left) == product


def test_every_element_but_0_has_its_inverse():
    assert all(multiply(divide(1, each), each) == 1 for each in range(1, 256))
    with pytest.raises(ZeroDivisionError):
        divide(1, 0)


def test_a_fixed_split_gives_fixed_shares():
    # f(x) = 0x57 + 0x83 x: f(1) = 0x57 ^ 0x83, f(2) = 0x57 ^ ({83} x {02} = {1d}), f(3) = 0x57 ^ 0x83 ^ 0x1d
    shares = split(b"\x57", needed=2, shares=3, of="x", randomness=lambda _: b"\x83")
    assert [share.value for share in shares] == [b"\xd4", b"\x4a", b"\xc9"]
    for pair in combinations(shares, 2):
        assert combine(pair) == b"\x57"


@pytest.mark.parametrize(("needed", "count"), [(2, 2), (2, 5), (3, 5), (5, 5), (4, 7)])
def test_enough_shares_of_any_choice_give_the_secret_back(needed, count):
    secret = os.urandom(32)
    shares = split(secret, needed=needed, shares=count, of="file:0", randomness=os.urandom)
    for chosen in combinations(shares, needed):
        assert combine(chosen[::-1]) == secret
    assert combine(shares) == secret
    for few in combinations(shares, needed - 1):
        with pytest.raises(KeyUnavailable):
            combine(few)


def test_too_few_shares_fit_every_secret_equally():
    # one byte, one share of two: each of the 256 secrets has exactly one polynomial through it
    value = split(b"\x11", needed=2, shares=2, of="x", randomness=lambda _: b"\x42")[0].value[0]
    fitting = {value ^ multiply(coefficient, 1) for coefficient in range(256)}
    assert fitting == set(range(256))


def test_255_shares_are_the_most_and_two_the_least():
    assert len(split(b"k", needed=2, shares=255, of="x", randomness=os.urandom)) == 255
    for needed, count in ((1, 3), (3, 2), (2, 256)):
        with pytest.raises(ValueError):
            split(b"k", needed=needed, shares=count, of="x", randomness=os.urandom)


def test_shares_of_different_secrets_or_one_twice_are_refused():
    shares = split(b"secret", needed=2, shares=3, of="x", randomness=os.urandom)
    for wrong in ([shares[0], shares[0]], [shares[0], replace(shares[1], of="y")], []):
        with pytest.raises(KeyUnavailable):
            combine(wrong)


def test_a_share_is_a_line_of_text_and_a_mistyped_one_is_refused():
    share = split(b"secret", needed=2, shares=3, of="file:0123456789abcdef", randomness=os.urandom)[1]
    text = dump_share(share)
    assert load_share(f"  {text}\n") == share
    assert share.value.hex() not in repr(share)
    for at, letter in enumerate(text):
        with pytest.raises(KeyUnavailable):
            load_share(text[:at] + ("0" if letter != "0" else "1") + text[at + 1 :])
    with pytest.raises(KeyUnavailable):
        load_share("")
