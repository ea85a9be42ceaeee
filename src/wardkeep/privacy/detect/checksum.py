"""Check digits: Luhn (ISO/IEC 7812-1), NPI (CMS, Luhn over 80840 and the number), DEA, VIN (49 CFR 565.15), IBAN.

IBAN is ISO 13616, MOD 97-10 of ISO/IEC 7064.
"""

from typing import Final

_VIN_VALUE: Final = dict(
    zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", (*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True)
)
_VIN_WEIGHT: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def luhn(digits: str) -> bool:
    """Return whether the last digit is the Luhn check digit of the others."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit)
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def npi(digits: str) -> bool:
    """Return whether ten digits are a National Provider Identifier."""
    return len(digits) == 10 and digits[0] in "12" and luhn("80840" + digits)


def dea(number: str) -> bool:
    """Return whether two letters and seven digits carry the DEA check digit."""
    d = [int(c) for c in number[-7:]]
    return (d[0] + d[2] + d[4] + 2 * (d[1] + d[3] + d[5])) % 10 == d[6]


def vin(number: str) -> bool:
    """Return whether seventeen characters carry the VIN check digit."""
    remainder = sum(_VIN_VALUE[c] * w for c, w in zip(number, _VIN_WEIGHT, strict=True)) % 11
    return number[8] == ("X" if remainder == 10 else str(remainder))


def iban(number: str) -> bool:
    """Return whether an IBAN without blanks passes MOD 97-10."""
    return int("".join(str(int(c, 36)) for c in number[4:] + number[:4])) % 97 == 1
