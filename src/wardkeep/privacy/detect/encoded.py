"""Runs that decode to text: base64 (RFC 4648 sections 4, 5), base32, base16, and lists of character codes."""

import base64
import binascii
import re
import string
from collections.abc import Iterable, Iterator
from typing import Final

_SYMBOLS: Final = string.ascii_letters + string.digits + "+/_-"
_IN_RUN: Final = frozenset(_SYMBOLS)
_RUN: Final = re.compile(
    r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{6,}(?:[ \t]*\r?\n[ \t>]*[A-Za-z0-9+/_-]{16,})*"
    r"(?:[ \t]*\r?\n[ \t>]*[A-Za-z0-9+/_-]{2,}(?==))?={0,2}(?![A-Za-z0-9+/_=-])"
)
_SHORT: Final = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{6,}={0,2}(?![A-Za-z0-9+/_=-])")
_HEX: Final = re.compile(r"(?<![A-Za-z0-9])(?:0x)?(?:[0-9a-fA-F]{2}){6,}(?![A-Za-z0-9])")
_BASE32: Final = re.compile(r"[A-Z2-7]{16,}={0,6}")
_SPACE: Final = re.compile(r"[\s>]+")
_HEX_LIST: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:0x|U\+(?:00)?|&H)?[0-9a-fA-F]{2}[ ,;:-]{1,2}){3,}"
    r"(?:0x|U\+(?:00)?|&H)?[0-9a-fA-F]{2}(?![A-Za-z0-9])"
)
_BITS: Final = re.compile(r"(?<![A-Za-z0-9])(?:[01]{8}[ ,]{0,2}){3,}(?![A-Za-z0-9])")
_DECIMAL: Final = re.compile(r"(?<![\w.])(?:\d{2,3}[ ,;]{1,2}){4,}\d{2,3}(?![\w.])")
_ITEM: Final = re.compile(r"(?:0x|U\+|&H)?([0-9a-fA-F]+)")
_LEAST: Final = 10


def runs(text: str, ends: Iterable[int]) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, plain text) of encoded runs. `ends` are offsets after runs of such symbols, in order."""
    at = 0
    for after in ends:
        stop = after
        while stop > at and text[stop - 1] not in _SYMBOLS:
            stop -= 1
        if stop <= at or text[stop : stop + 1] in _IN_RUN:
            continue  # within a run whose end is among `ends` as well
        start = at + len(text[at:stop].rstrip(_SYMBOLS))
        word = text[start:stop]
        # ASCII text in base64 mixes cases; a long word, a number, and a name in camel case do not look like it.
        plain_word = word.islower() or word.isdigit() or word.istitle() or word.isupper()
        if plain_word and text[stop : stop + 1] != "=" and not _is_hex(word) and not _BASE32.fullmatch(word):
            at = stop
            continue
        for form in (_RUN, _SHORT):
            found = form.match(text, start)
            plain = _plain(found[0]) if found is not None else None
            if found is not None and plain is not None:
                yield found.start(), found.end(), plain
                at = found.end()
                break
        else:
            yield from _hexadecimal(text, start, stop)
            at = max(at, stop)


def _is_hex(word: str) -> bool:
    return len(word) > 11 and not word.strip("0123456789abcdefx")


def _plain(run: str) -> str | None:
    squeezed = _SPACE.sub("", run)
    padded = "=" in squeezed
    run = squeezed.rstrip("=").replace("-", "+").replace("_", "/")
    if len(run) < _LEAST and not padded:
        return None
    try:
        data = binascii.a2b_base64(run + "=" * (-len(run) % 4))
    except binascii.Error:
        data = b""
    plain = _text(data)
    if plain is None and _BASE32.fullmatch(squeezed):
        bare = squeezed.rstrip("=")
        try:
            plain = _text(base64.b32decode(bare + "=" * (-len(bare) % 8)))
        except binascii.Error:
            plain = None
    return plain


def _hexadecimal(text: str, start: int, stop: int) -> Iterator[tuple[int, int, str]]:
    for found in _HEX.finditer(text, start, stop):
        plain = _text(bytes.fromhex(found[0].removeprefix("0x")))
        if plain is not None:
            yield found.start(), found.end(), plain


def codes(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, plain text) of lists of character codes: hexadecimal, binary, decimal."""
    for form, base in ((_HEX_LIST, 16), (_BITS, 2), (_DECIMAL, 10)):
        for found in form.finditer(text):
            items = list(_ITEM.finditer(text, *found.span()))
            # A number that stands beside the list is no part of it.
            for first, last in ((0, 0), (0, 1), (1, 0), (1, 1)):
                kept = items[first : len(items) - last]
                values = [int(item[1], base) for item in kept]
                plain = _text(bytes(values)) if len(values) > 2 and max(values) < 256 else None
                # Vital signs are lists of numbers too; few of them spell anything.
                if plain is not None and (base != 10 or plain.replace(" ", "").isalpha()):
                    yield kept[0].start(), kept[-1].end(), plain
                    break


def _text(data: bytes) -> str | None:
    if not data:
        return None
    try:
        plain = data.decode("utf-16-le" if data[1::2].count(0) * 4 > len(data) else "utf-8")
    except UnicodeDecodeError:
        return None
    if not all(c.isprintable() or c in "\r\n\t" for c in plain):
        return None
    # What somebody hides is words and numbers; what a hash or a name in humps decodes to by chance is signs.
    return plain if sum(c.isalnum() or c.isspace() for c in plain) * 4 >= len(plain) * 3 else None
