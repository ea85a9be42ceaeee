"""How the classifier sees a text: words with their look, shared word for word by training and inference.

A word is a run of letters and digits, one other visible character, or a line end. What a word is made of (its letters
in groups of three and four, its beginning and end, what the word lists say of it) becomes hashed features; how it
stands there (case, digits, the gap before it) becomes its look. Changing anything here changes what the weights mean:
`VERSION` is part of the manifest, and a mismatch refuses to load.

A text is read as an array of code points, because a loop over its words would cost more than the classifier itself.
"""

import zlib
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

VERSION: Final = 1

HASHED: Final = 1 << 15
FLAGS: Final = 1024
"""Feature numbers: 0..HASHED-1 letters, then FLAGS for the word lists, then one a vocabulary word (training only)."""

REACH: Final = 5
"""How many words to each side the classifier sees."""

_DIGITS: Final = str.maketrans("123456789", "000000000")
_LONGEST: Final = 24

# Looks: what the case and the characters of a word show.
LOWER, TITLE, LETTER, UPPER, SHOUTED, MIXED, CODE, SIGN, END, DIGIT = range(10)
_LONGEST_NUMBER: Final = 6
GAPS: Final = 3
LOOKS: Final = (DIGIT + _LONGEST_NUMBER) * GAPS

_SPACE, _SMALL, _CAPITAL, _NUMERAL, _SIGN, _LINE = range(6)
_LAST: Final = 0xFFFF


class Words(NamedTuple):
    """The words of a text: as features see them, where they stand (code points), and how they look."""

    words: list[str]
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]
    looks: NDArray[np.intp]


@cache
def _kinds() -> NDArray[np.uint8]:
    """Return the kind of every character of the basic plane; the last entry stands for all others."""
    kinds = np.full(_LAST + 1, _SIGN, np.uint8)
    for code in range(_LAST):
        char = chr(code)
        if char == "\n":
            kinds[code] = _LINE
        elif char.isspace():
            kinds[code] = _SPACE
        elif char.isdigit():
            kinds[code] = _NUMERAL
        elif char.isalnum():
            kinds[code] = _CAPITAL if char.isupper() or char.istitle() else _SMALL
    return kinds


def read_words(text: str) -> Words:
    """Return the words of a text."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    kind = _kinds()[np.minimum(codes, _LAST)]
    inside = np.zeros(len(kind) + 2, bool)
    np.less(kind - np.uint8(1), _NUMERAL, out=inside[1:-1])  # 1 to 3: what words are made of
    alone = kind >= _SIGN
    starts = np.flatnonzero((inside[1:-1] & ~inside[:-2]) | alone)
    ends = np.flatnonzero((inside[1:-1] & ~inside[2:]) | alone) + 1
    if not len(starts):
        return Words([], starts, ends, starts)
    low = text.lower()
    if len(low) != len(text):  # a few capitals become two characters
        low = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    low = low.translate(_DIGITS)
    reach = np.minimum(ends, starts + _LONGEST)
    words = [low[start:end] for start, end in zip(starts.tolist(), reach.tolist(), strict=True)]
    return Words(words, starts, ends, _looks(kind, starts, ends))


def _looks(kind: NDArray[np.uint8], starts: NDArray[np.intp], ends: NDArray[np.intp]) -> NDArray[np.intp]:
    size = ends - starts
    capital, numeral = kind == _CAPITAL, kind == _NUMERAL
    capitals = np.add.reduceat(capital, starts, dtype=np.intp)
    numerals = np.add.reduceat(numeral, starts, dtype=np.intp)
    first = kind[starts]
    looks = np.where(capitals == 0, LOWER, MIXED)
    looks[(capitals == 1) & (first == _CAPITAL)] = TITLE
    whole = capitals == size
    looks[whole] = UPPER
    looks[whole & (size == 1)] = LETTER
    looks[numerals > 0] = CODE
    number = numerals == size
    looks[number] = DIGIT - 1 + np.minimum(size[number], _LONGEST_NUMBER)
    looks[first == _SIGN] = SIGN
    looks[first == _LINE] = END
    upper = looks == UPPER
    if upper.any():
        looks[upper & _shouted(kind, capital, starts)] = SHOUTED
    gaps = np.empty(len(starts), np.intp)
    gaps[0] = 2
    np.minimum(starts[1:] - ends[:-1], 2, out=gaps[1:])
    return looks * GAPS + gaps


def _shouted(kind: NDArray[np.uint8], capital: NDArray[np.bool], starts: NDArray[np.intp]) -> NDArray[np.bool]:
    """Return for each word whether its line is written in capitals: then they say nothing."""
    line = np.cumsum(kind == _LINE)
    capitals = np.bincount(line, weights=capital)
    small = np.bincount(line, weights=kind == _SMALL)
    of_words: NDArray[np.bool] = ((capitals > 6) & (capitals > 3 * small))[line[starts]]
    return of_words


def letters(word: str) -> Iterator[int]:
    """Yield the hashed letter features of a word as `read_words` gives it."""
    crc = zlib.crc32
    data = f"<{word}>".encode("utf-8", "surrogatepass")
    size = len(data)
    yield crc(data) % HASHED
    for n in (3, 4):
        for at in range(size - n + 1):
            yield crc(data[at : at + n]) % HASHED
    for n in (2, 5):
        if size > n:
            yield crc(b"^" + data[: n + 1]) % HASHED
            yield crc(b"$" + data[-n - 1 :]) % HASHED
