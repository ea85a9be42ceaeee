"""Links in an answer that could carry data out: an image that a client fetches by itself is a message to its host.

A link carries an identifier when any of the call's originals or surrogates stands in it, also percent-encoded, in
base64 or in hexadecimal. Links that stand in the request as they are tell their host nothing new; hosts on the
allow-list may be told. What a link means otherwise is not judged.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_plus, urlsplit

from wardkeep.privacy.detect import encoded
from wardkeep.privacy.detect.lexicon import SAFE, lexicon
from wardkeep.privacy.tokens import TOKEN

_BODY: Final = r"(?:\\/|[^\s<>\"'`)\\])+"
_SLASHES: Final = r"(?://|\\/\\/)"
LINK: Final = re.compile(
    rf"(?<![A-Za-z])(?:https?|ftps?|wss?|file):{_SLASHES}{_BODY}|(?<=\]\(){_SLASHES}{_BODY}", re.IGNORECASE
)
MARKS: Final = tuple(
    mark + slashes
    for mark in ("https:", "http:", "ftps:", "ftp:", "wss:", "ws:", "file:", "](")
    for slashes in ("//", "\\/\\/")
)
_SIGNS: Final = re.compile(r"[\W_]+")
_RUN: Final = re.compile(r"[A-Za-z0-9+_-]{8,}={0,2}|[A-Za-z0-9+/_-]{12,}={0,2}")
_LONG_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{40,}|(?:[0-9a-fA-F]{2}){20,}")
_IMAGE: Final = re.compile(r"!\[[^\]\n]{0,200}\]\($|<img[^>\n]{0,200}$", re.IGNORECASE)
_LEAST: Final = 4
_LONGEST_QUERY: Final = 100
_TRAILING: Final = ".,;:!?*_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What one call's answers are held against. The repr shows no value, because they identify."""

    terms: frozenset[str] = field(repr=False)
    asked: frozenset[str] = field(repr=False)
    hosts: frozenset[str]


def carried(originals: Collection[str], asked: str, hosts: frozenset[str]) -> Carried:
    """Return the call's terms: each original as a whole, and those of its words that are no ordinary ones."""
    words = lexicon()
    terms: set[str] = set()
    for original in originals:
        terms.add(_bare(original))
        terms |= {
            bare for word in original.split() if len(bare := _bare(word)) > _LEAST and not words.get(bare, 0) & SAFE
        }
    links = frozenset(_plain(link) for link in LINK.findall(asked))
    return Carried(terms=frozenset(term for term in terms if len(term) >= _LEAST), asked=links, hosts=hosts)


def judge(link: str, before: str, known: Carried) -> str | None:
    """Return what is wrong with a link: `link`, `payload`, `image`, or None. `before` is the text in front of it."""
    plain = _plain(link)
    if _is_allowed(plain, known.hosts) or plain in known.asked:
        return None
    if _identifies(plain, known.terms):
        return "link"
    address, _, query = plain.partition("?")
    if len(query) > _LONGEST_QUERY or _LONG_RUN.search(query) or _LONG_RUN.search(address.partition("://")[2]):
        return "payload"
    return "image" if _IMAGE.search(before) else None


def _is_allowed(link: str, hosts: frozenset[str]) -> bool:
    if not hosts:
        return False
    try:
        parts = urlsplit(link)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return False
    return parts.username is None and (host in hosts or any(host.endswith("." + each) for each in hosts))


def _identifies(link: str, terms: frozenset[str]) -> bool:
    for reading in _readings(link):
        if TOKEN.search(reading):
            return True
        bare = _bare(reading)
        if any(term in bare for term in terms):
            return True
    return False


def _readings(link: str) -> Sequence[str]:
    """Return the link as it is, unquoted twice, and what its longer runs decode to."""
    once = unquote_plus(link)
    readings = [link, once, unquote_plus(once)]
    for reading in (link, once):
        for part in _RUN.findall(reading):
            readings += [plain for _, _, plain in encoded.runs(part, [len(part)])]
    return [*dict.fromkeys(readings)]


def _plain(link: str) -> str:
    return link.replace("\\/", "/").rstrip(_TRAILING)


def _bare(text: str) -> str:
    return _SIGNS.sub("", text).lower()
