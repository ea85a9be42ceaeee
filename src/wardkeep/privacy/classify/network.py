"""One network of the classifier: the probabilities of each class for the words of a text.

A word is the sum of its features' vectors; eleven words side by side go through one hidden layer to class
probabilities. numpy on one thread, no state but the weights; text is never kept.
"""

import io
import zlib
from itertools import repeat
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wardkeep.privacy.classify import words as w
from wardkeep.privacy.detect.lexicon import EPONYM, FIRST_COMMON, LAST_COMMON, MEDICAL, PLACE, WORD

CLASSES: Final = ("O", "NAME", "LOCATION", "ORG", "ID", "CONTACT", "DATE", "AGE")


class Numbered(NamedTuple):
    """The words of a text as the features of a network."""

    rows: NDArray[np.intp]
    """The row of each word in the vocabulary; -1 for one outside it."""
    outside: list[int]
    """The places of the words outside the vocabulary."""
    letters: list[int]
    """Their letter features, end to end."""
    begins: list[int]
    """Where the letters of each begin."""


class Network:
    """Weights, ready to use. Safe for threads."""

    def __init__(
        self, weights: dict[str, NDArray[np.generic]], lists: dict[str, int], like: "Network | None" = None
    ) -> None:
        # Letters and rows stay in eight bits: there are tens of thousands, and a text needs a few hundred.
        self._letters, self._letters_scale = weights["letters"], weights["letters_scale"].astype(np.float32)
        self._lists = _wide(weights, "lists")
        self._flags = lists
        names = weights["vocabulary"].tobytes()
        self.vocabulary: Final = (len(names), zlib.crc32(names))
        if like is not None and like.vocabulary == self.vocabulary:
            # Networks that learned from the same documents number the same words alike.
            row, harmless = like.row, like.harmless
        else:
            listed = {word: word for word in lists}  # the same strings, not their like once more
            words = names.decode().split("\n")
            row = {("\n" if word == "\\n" else listed.get(word, word)): n for n, word in enumerate(words)}
            # One more for words outside the vocabulary: number -1.
            harmless = np.array([_is_harmless(lists.get(word, 0), word) for word in row] + [False])
        self.row: Final[dict[str, int]] = row
        self.harmless: Final[NDArray[np.bool]] = harmless
        self._rows = weights["rows"]
        self._scale = weights["rows_scale"].astype(np.float32)
        self._looks = weights["looks"].astype(np.float32)
        self._w1, self._b1 = _wide(weights, "w1"), weights["b1"].astype(np.float32)
        self._w2, self._b2 = weights["w2"].astype(np.float32), weights["b2"].astype(np.float32)
        self._offsets = np.arange(2 * w.REACH + 1)

    def numbered(self, reading: w.Words) -> Numbered:
        """Return the features of each word; networks of one vocabulary number alike."""
        rows = np.fromiter(map(self.row.get, reading.words, repeat(-1)), np.intp, len(reading.words))
        outside = np.flatnonzero(rows < 0).tolist()
        letters: list[int] = []
        begins = []
        for at in outside:
            begins.append(len(letters))
            letters += w.letters(reading.words[at])
        return Numbered(rows, outside, letters, begins)

    def vectors(self, reading: w.Words, numbered: Numbered) -> NDArray[np.float32]:
        """Return the vector of each word, with REACH rows that mean the text's edge on either side."""
        n, reach = len(numbered.rows), w.REACH
        vectors = np.empty((n + 2 * reach, len(self._scale)), np.float32)
        vectors[:reach] = vectors[reach + n :] = self._looks[w.LOOKS]
        inner = vectors[reach : reach + n]
        np.multiply(self._rows[numbered.rows], self._scale, out=inner)
        outside = numbered.outside
        if outside:
            spelled = np.add.reduceat(self._letters[numbered.letters], numbered.begins, axis=0, dtype=np.float32)
            spelled *= self._letters_scale
            spelled += self._lists[[self._flags.get(reading.words[at], 0) for at in outside]]
            inner[outside] = spelled
        inner += self._looks[reading.looks]
        return vectors

    def chances(self, vectors: NDArray[np.float32], wanted: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the class probabilities of the words at these places, one row each."""
        window = vectors[wanted[:, None] + self._offsets].reshape(len(wanted), -1)
        hidden = window @ self._w1
        hidden += self._b1
        np.maximum(hidden, 0, out=hidden)
        scores: NDArray[np.float32] = hidden @ self._w2
        scores += self._b2
        scores -= scores.max(1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(1, keepdims=True)
        return scores


def _is_harmless(flags: int, word: str) -> bool:
    """Whether a word in lower case says nothing by itself: dictionary or medicine, and no name or place to speak of."""
    if not word.isalpha():
        return False
    return (
        bool(flags & (WORD | MEDICAL))
        and not flags & (FIRST_COMMON | PLACE | EPONYM)
        and not (flags & LAST_COMMON and not flags & WORD)
    )


def _wide(weights: dict[str, NDArray[np.generic]], name: str) -> NDArray[np.float32]:
    """Return stored weights as float32; eight-bit ones carry one scale a column."""
    stored = weights[name]
    scale = weights.get(f"{name}_scale")
    wide = stored.astype(np.float32)
    return wide if scale is None else wide * scale.astype(np.float32)


def network(data: bytes, lists: dict[str, int], like: Network | None = None) -> Network:
    """Return a network from the bytes that `model/train.py` wrote; it shares with `like` what is the same in both."""
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        return Network(dict(stored), lists, like)
