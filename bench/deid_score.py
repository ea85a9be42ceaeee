"""The one scorer of the de-identification bench, with 95 % intervals. Does no I/O.

Only letters and digits count, so that punctuation at the edge of a span is neither won nor lost, and the type of a find
does not matter: what is masked cannot be read.

full       share of identifiers of which at least 99.9 % of the characters are masked
any        share of identifiers that are touched at all
precision  share of masked characters that belong to an identifier
leaking    share of documents in which an identifier is not fully masked
over       share of documents without identifiers in which something is masked
speed      thousands of characters a CPU-second of detection

Shares have Wilson's interval (Wilson 1927; counts of identifiers are taken as independent, which those of one document
are not quite); precision has the percentile bootstrap over documents, seeded, so that a run can be repeated.
"""

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

FULL = 0.999
_Z = 1.959964
_RESAMPLES = 1000
_SEED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What one document contributes: everything the figures of any group of documents are made of."""

    characters: int
    identifiers: int
    touched: int
    full: int
    masked: int
    masked_right: int
    has_gold: bool
    cpu_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval, and the counts of which it is the quotient."""

    value: float
    low: float
    high: float
    part: int
    whole: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The figures of one peer on one group of documents; None where the group has nothing to count."""

    documents: int
    characters: int
    full: Estimate | None
    any: Estimate | None
    precision: Estimate | None
    leaking: Estimate | None
    over: Estimate | None
    cpu_seconds: float

    @property
    def thousands_a_second(self) -> float:
        """Thousand characters a CPU-second."""
        return self.characters / 1000 / self.cpu_seconds if self.cpu_seconds > 0 else math.inf


def tally(text: str, gold: Iterable[tuple[int, int]], found: Iterable[tuple[int, int]], *, cpu_seconds: float) -> Tally:
    """Compare what was found in one document with what is there."""
    gold = tuple(gold)
    masked = letters_in(text, found)
    identifiers = touched = full = 0
    everything: set[int] = set()
    for span in gold:
        letters = letters_in(text, (span,))
        if not letters:
            continue
        everything |= letters
        share = len(letters & masked) / len(letters)
        identifiers += 1
        touched += share > 0
        full += share >= FULL
    return Tally(
        characters=len(text),
        identifiers=identifiers,
        touched=touched,
        full=full,
        masked=len(masked),
        masked_right=len(masked & everything),
        has_gold=bool(gold),
        cpu_seconds=cpu_seconds,
    )


def letters_in(text: str, spans: Iterable[tuple[int, int]]) -> set[int]:
    """Return the places of letters and digits inside spans; what a span has outside the text is nothing."""
    return {at for start, end in spans for at in range(max(0, start), min(len(text), end)) if text[at].isalnum()}


def score(tallies: Sequence[Tally]) -> Score:
    """Return the figures of a group of documents."""
    identifiers = sum(each.identifiers for each in tallies)
    negatives = [each for each in tallies if not each.has_gold]
    return Score(
        documents=len(tallies),
        characters=sum(each.characters for each in tallies),
        full=wilson(sum(each.full for each in tallies), identifiers),
        any=wilson(sum(each.touched for each in tallies), identifiers),
        precision=_precision(tallies) if identifiers else None,
        leaking=wilson(sum(each.full < each.identifiers for each in tallies), len(tallies)) if identifiers else None,
        over=wilson(sum(each.masked > 0 for each in negatives), len(negatives)),
        cpu_seconds=sum(each.cpu_seconds for each in tallies),
    )


def wilson(part: int, whole: int) -> Estimate | None:
    """Return a share with Wilson's score interval; None of nothing."""
    if not whole:
        return None
    share, square = part / whole, _Z * _Z
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    half = _Z * math.sqrt(share * (1 - share) / whole + square / (4 * whole * whole)) / (1 + square / whole)
    # At the ends the interval closes on the share itself; rounding must not open it again.
    low = 0.0 if part == 0 else max(0.0, middle - half)
    high = 1.0 if part == whole else min(1.0, middle + half)
    return Estimate(value=share, low=low, high=high, part=part, whole=whole)


def _precision(tallies: Sequence[Tally]) -> Estimate | None:
    right, masked = sum(each.masked_right for each in tallies), sum(each.masked for each in tallies)
    if not masked:
        return None
    pairs = [(each.masked_right, each.masked) for each in tallies]
    draw = random.Random(_SEED)
    shares = []
    for _ in range(_RESAMPLES):
        sample = draw.choices(pairs, k=len(pairs))
        whole = sum(pair[1] for pair in sample)
        if whole:
            shares.append(sum(pair[0] for pair in sample) / whole)
    shares.sort()
    edge = int(len(shares) * 0.025)
    return Estimate(value=right / masked, low=shares[edge], high=shares[-1 - edge], part=right, whole=masked)
