"""Surrogate tokens: the same value gets the same token over turns, workers and processes, without shared state.

A tag is the first 40 bits of HMAC-SHA256(scope key, type | canonical surface), RFC 2104. The scope key is derived per
tenant and conversation by the caller, so tags of two conversations can't be joined. Collisions inside a call, and tags
that already stand literally in the input, are detected and drawn again, deterministically. A token is reversible by the
call's map: the text stays PHI (45 CFR 164.514(c) is met only by random codes in released data sets).
"""

import hashlib
import re
from collections.abc import Collection, Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType
from wardkeep.privacy.tokens import ALPHABET

_POSSESSIVES: Final = ("'s", "\u2019s")
_NOT_ALNUM: Final = re.compile(r"[\W_]+")
_ALNUM: Final = re.compile(r"[^\W_]+")
_INNER_PAD: Final = bytes(b ^ 0x36 for b in range(256))
_OUTER_PAD: Final = bytes(b ^ 0x5C for b in range(256))

# Ten bits are two symbols.
_PAIRS: Final = tuple(a + b for a in ALPHABET for b in ALPHABET)

# Writings of one number differ by separators alone.
_NUMBERS: Final = frozenset(
    {
        IdentifierType.PHONE,
        IdentifierType.FAX,
        IdentifierType.SSN,
        IdentifierType.ACCOUNT,
        IdentifierType.MRN,
        IdentifierType.HEALTH_PLAN,
    }
)

Mention = tuple[IdentifierType, str]


def canonical(kind: IdentifierType, surface: str) -> str:
    """Return what makes two surfaces the same value: case, blanks, possessive, order of `Last, First`, separators."""
    plain = " ".join(surface.casefold().split())
    if plain.endswith(_POSSESSIVES):
        plain = plain[:-2]
    if kind in _NUMBERS:
        return plain if plain.isalnum() else _NOT_ALNUM.sub("", plain) or plain
    if kind is IdentifierType.NAME and "," in plain:
        last, _, first = plain.partition(",")
        first = first.strip()
        return f"{first} {last.rstrip()}" if "," not in first and len(first) > 3 else plain
    return plain


class Surrogates:
    """Makes the tokens of one conversation. Holds only the scope key; safe to share between threads."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, scope_key: bytes) -> None:
        if len(scope_key) < 16:
            raise ValueError("a scope key has at least 16 bytes")
        # RFC 2104 section 4: the two keyed states are computed once, which is cheaper than a new HMAC for each tag.
        padded = (
            scope_key.ljust(64, b"\0") if len(scope_key) <= 64 else hashlib.sha256(scope_key).digest().ljust(64, b"\0")
        )
        self._inner = hashlib.sha256(padded.translate(_INNER_PAD))
        self._outer = hashlib.sha256(padded.translate(_OUTER_PAD))

    def __repr__(self) -> str:
        return "Surrogates(<hidden>)"

    def tag(self, kind: IdentifierType, value: str, attempt: int = 0) -> str:
        """Return the tag of a canonical value. `attempt` counts draws after collisions."""
        pairs = _PAIRS
        while True:
            inner, outer = self._inner.copy(), self._outer.copy()
            inner.update(f"{kind}|{attempt}|{value}".encode("utf-8", "surrogatepass"))
            outer.update(inner.digest())
            bits = int.from_bytes(outer.digest()[:5])
            tag = pairs[bits >> 30] + pairs[bits >> 20 & 1023] + pairs[bits >> 10 & 1023] + pairs[bits & 1023]
            if not tag.isdigit():
                return tag
            attempt += 1 << 16

    def assign(self, mentions: Iterable[Mention], taken: Collection[str] = frozenset()) -> dict[Mention, str]:
        """Return a token for each distinct mention.

        Args:
            mentions: type and exact surface, in the order of the call; the order settles variants and collisions.
            taken: tags in lower case that stand literally in the input and must not be ours.
        """
        values = {mention: canonical(*mention) for mention in dict.fromkeys(mentions)}
        persons = whole_names({value for (kind, _), value in values.items() if kind is IdentifierType.NAME})
        groups: dict[Mention, list[Mention]] = {}
        for mention, value in values.items():
            kind = mention[0]
            key = (kind, persons.get(value, value) if kind is IdentifierType.NAME else value)
            groups.setdefault(key, []).append(mention)
        owner: dict[str, Mention] = {}
        tokens: dict[Mention, str] = {}
        for key, members in groups.items():
            attempt = 0
            while (tag := self.tag(*key, attempt)) in taken or owner.setdefault(tag, key) != key:
                attempt += 1
            if len(members) > 1:
                # The whole person owns the bare token, whatever mention came first.
                members.sort(key=lambda mention: values[mention] != key[1])
            for number, mention in enumerate(members):
                tokens[mention] = f"[{key[0]}-{tag}{_variant(number)}]"
        return tokens


def _variant(number: int) -> str:
    """Return nothing for the first mention, then `.b` to `.z`, `.ba` and so on, so that surfaces restore exactly."""
    if number == 0:
        return ""
    letters = ""
    while number:
        number, rest = divmod(number, 26)
        letters = chr(ord("a") + rest) + letters
    return f".{letters}"


def whole_names(names: Collection[str]) -> dict[str, str]:
    """Map a partial name to the one fuller name of the call that it can mean; one that fits two people is left out."""
    if len(names) < 2:
        return {}
    parts = {name: frozenset(_ALNUM.findall(name)) for name in names}
    by_part: dict[str, list[str]] = {}
    for name in sorted(names):
        for part in parts[name]:
            by_part.setdefault(part, []).append(name)
    shared = {part for part, holders in by_part.items() if len(holders) > 1}
    persons: dict[str, str] = {}
    for name in names if shared else ():
        if not parts[name] or not parts[name] <= shared:
            continue  # it has a part of its own, so nothing is wider
        rarest = min((by_part[part] for part in parts[name]), key=len)
        if len(rarest) > _MAX_NAMESAKES:
            continue
        wider = [other for other in rarest if parts[name] < parts[other]]
        # "A Smith" inside "A B Smith" inside "A B Smith Jr": only names that nothing else contains are whole people.
        whole = [other for other in wider if not any(parts[other] < parts[third] for third in wider)]
        if len(whole) == 1 and not (parts[whole[0]] - parts[name]) & _GENERATIONS:
            persons[name] = whole[0]
    return persons


_MAX_NAMESAKES: Final = 64
_GENERATIONS: Final = frozenset({"jr", "sr", "ii", "iii", "iv", "senior", "junior"})
