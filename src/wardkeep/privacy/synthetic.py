"""Values that can be nobody's, because those who give such values out keep them for examples.

Domain names of RFC 2606, addresses of RFC 5737 and RFC 3849, telephone numbers 555-0100 to 555-0199 (NANPA), social
security numbers that are never issued (20 CFR 422.103; the SSA's area 000 and 666, group 00, serial 0000, and those of
its advertisements). No name is among them: any name can be somebody's.
"""

import ipaddress
import re
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

_DOMAINS: Final = ("example.com", "example.net", "example.org")
_TOP: Final = ("example", "test", "invalid", "localhost")
_NETWORKS: Final = tuple(
    ipaddress.ip_network(each) for each in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)
_SSN: Final = re.compile(r"(\d{3})[- ]?(\d{2})[- ]?(\d{4})")
_PHONE: Final = re.compile(r"(?:\+?1[-. ]?)?\(?\d{3}\)?[-. ]?555[-. ]?01\d{2}")
_EMAIL: Final = re.compile(r"[^@\s]+@([A-Za-z0-9.-]+)")
_WORD: Final = re.compile(r"\w+")


def is_reserved(value: str) -> bool:
    """Whether a value is kept for examples by whoever gives such values out."""
    text = value.strip()
    email = _EMAIL.fullmatch(text)
    if email is not None:
        return _is_reserved_host(email.group(1))
    if _PHONE.fullmatch(text) is not None:
        return True
    number = _SSN.fullmatch(text)
    if number is not None:
        area, group, serial = number.groups()
        is_advertised = (area, group) == ("987", "65") and "4320" <= serial <= "4329"
        return area in {"000", "666"} or group == "00" or serial == "0000" or is_advertised
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return _is_reserved_url(text)
    return any(address in network for network in _NETWORKS)


def is_declared(value: str, terms: Collection[str]) -> bool:
    """Whether a value is one of the terms, or whole words of one in their order; case does not count."""
    words = _words(value)
    return bool(words) and any(_holds(_words(term), words) for term in terms)


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _holds(whole: list[str], part: list[str]) -> bool:
    return any(whole[at : at + len(part)] == part for at in range(len(whole) - len(part) + 1))


def _is_reserved_url(text: str) -> bool:
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname
    except ValueError:
        return False
    return host is not None and "." in host and _is_reserved_host(host)


def _is_reserved_host(host: str) -> bool:
    name = host.lower().rstrip(".")
    return name.rpartition(".")[2] in _TOP or any(name == each or name.endswith("." + each) for each in _DOMAINS)
