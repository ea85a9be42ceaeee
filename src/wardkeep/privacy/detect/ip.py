"""Internet addresses (RFC 791, RFC 4291) and hardware addresses (IEEE 802): 164.514(b)(2)(i)(O), (M)."""

import re
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.nomination import Nomination, Reading, covering

_V4: Final = re.compile(r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w]|\.\d)")
_V6: Final = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,39}(?:\.[0-9.]{1,11})?(?![\w:])")
_MAC: Final = re.compile(r"(?<![\w:-])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![\w:-])")

# Each machine's own address (RFC 1122, 3.2.1.3) and masks: nobody's.
_NOBODYS: Final = ("127.", "0.0.0.0", "255.")  # noqa: S104 - read, not bound to


def _v4(reading: Reading, _end: int) -> Iterable[Span]:
    for found in _V4.finditer(reading.text):
        if found[0].startswith(_NOBODYS):
            continue
        yield Span(found.start(), found.end(), IdentifierType.IP, "ipv4")


def _v6(reading: Reading, end: int) -> Iterable[Span]:
    found = covering(_V6, reading.text, end, 40, 40)
    if found is None or found[0].count(":") < 2:
        return ()
    try:
        IPv6Address(found[0])
    except AddressValueError:
        return ()
    return (Span(found.start(), found.end(), IdentifierType.IP, "ipv6"),)


def _mac(reading: Reading, _end: int) -> Iterable[Span]:
    for found in _MAC.finditer(reading.text):
        yield Span(found.start(), found.end(), IdentifierType.DEVICE, "mac")


NOMINATIONS: Final = (
    Nomination(rule="ipv4", expression=r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]", examine=_v4, once=True),
    Nomination(
        rule="ipv6",
        expression=r":[0-9a-f]{0,4}:[0-9a-f]{0,4}:[0-9a-f]|::[0-9a-f]",
        examine=_v6,
        caseless=True,
    ),
    Nomination(
        rule="mac",
        expression=r"[:-][0-9a-f]{2}[:-][0-9a-f]{2}[:-][0-9a-f]{2}[:-]",
        examine=_mac,
        caseless=True,
        once=True,
    ),
)
