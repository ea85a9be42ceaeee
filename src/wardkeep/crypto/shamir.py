"""A secret split so that some of its shares give it back and fewer say nothing (Shamir, CACM 22/11, 1979).

Each byte is the constant term of a random polynomial over GF(2^8) (the field of AES, FIPS 197 section 4.2: modulus
0x11B); share number x holds its value at x. A share carries its number, how many are needed, what it is a share of,
and a checksum against typing errors: a wrong share is refused, never combined into a wrong secret.

Used a few times in a lifetime, away from others' clocks: the arithmetic is not constant-time.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from wardkeep.crypto.errors import KeyUnavailable

MOST_SHARES: Final = 255
_MODULUS: Final = 0x11B
_TEXT: Final = re.compile(r"wk-share-1:([0-9]{1,3}):([0-9]{1,3}):([0-9a-z:]{1,80}):([0-9a-f]{2,128}):([0-9a-f]{8})")
_CHECK_DIGITS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One share. `of` names the secret without revealing it; `needed` shares give it back."""

    number: int
    needed: int
    of: str
    value: bytes = field(repr=False)


def split(secret: bytes, *, needed: int, shares: int, of: str, randomness: Callable[[int], bytes]) -> tuple[Share, ...]:
    """Return the shares of a secret.

    Raises:
        ValueError: not 2 <= needed <= shares <= 255.
    """
    if not 2 <= needed <= shares <= MOST_SHARES:
        raise ValueError("2 or more shares are needed, of 255 at the most")
    coefficients = [randomness(needed - 1) for _ in secret]
    return tuple(
        Share(
            number=number,
            needed=needed,
            of=of,
            value=bytes(_value(number, byte, higher) for byte, higher in zip(secret, coefficients, strict=True)),
        )
        for number in range(1, shares + 1)
    )


def combine(shares: Sequence[Share]) -> bytes:
    """Return the secret.

    Raises:
        KeyUnavailable: too few shares, one twice, or of different secrets.
    """
    if not shares or len({(share.of, share.needed, len(share.value)) for share in shares}) != 1:
        raise KeyUnavailable("the shares are not of one secret")
    numbers = [share.number for share in shares]
    if len(set(numbers)) != len(numbers):
        raise KeyUnavailable("one share is there twice")
    if len(shares) < shares[0].needed:
        raise KeyUnavailable(f"{shares[0].needed} shares are needed, and {len(shares)} are there")
    used = shares[: shares[0].needed]
    secret = bytearray(len(used[0].value))
    for share in used:
        weight = 1
        for other in used:
            if other is not share:
                weight = multiply(weight, divide(other.number, other.number ^ share.number))
        for place, byte in enumerate(share.value):
            secret[place] ^= multiply(byte, weight)
    return bytes(secret)


def dump_share(share: Share) -> str:
    """Return a share as one line to print, write down or put into an envelope."""
    body = f"wk-share-1:{share.number}:{share.needed}:{share.of}:{share.value.hex()}"
    return f"{body}:{_check(body)}"


def load_share(text: str) -> Share:
    """Parse what `dump_share` gave. Raises KeyUnavailable: no share, or mistyped."""
    found = _TEXT.fullmatch(text.strip())
    if found is None or _check(text.strip().rpartition(":")[0]) != found[5] or len(found[4]) % 2:
        raise KeyUnavailable("a share is mistyped: its checksum does not hold")
    return Share(number=int(found[1]), needed=int(found[2]), of=found[3], value=bytes.fromhex(found[4]))


def multiply(left: int, right: int) -> int:
    """Return the product in GF(2^8)."""
    product = 0
    while right:
        if right & 1:
            product ^= left
        left <<= 1
        if left & 0x100:
            left ^= _MODULUS
        right >>= 1
    return product


def divide(left: int, right: int) -> int:
    """Return the quotient in GF(2^8): right^254 is its inverse. Raises ZeroDivisionError."""
    if right == 0:
        raise ZeroDivisionError("there is no inverse of 0")
    inverse = right
    for _ in range(253):
        inverse = multiply(inverse, right)
    return multiply(left, inverse)


def _value(number: int, constant: int, higher: bytes) -> int:
    value = 0
    for coefficient in reversed(higher):
        value = multiply(value ^ coefficient, number)
    return value ^ constant


def _check(body: str) -> str:
    return sha256(body.encode()).hexdigest()[:_CHECK_DIGITS]
