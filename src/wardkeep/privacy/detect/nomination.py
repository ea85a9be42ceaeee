"""How a recogniser asks to be called: a pattern nominates, a function examines.

hyperscan reports byte offsets, every match end, knows no lookaround, and has an odd word boundary under UTF-8. So text
is scanned as Latin-1 with every other character replaced by `?`: one byte is one code point and offsets are exact. A
pattern is therefore only a hint that ends at the reported offset; `examine` decides on the real text.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from wardkeep.model.spans import Span

Policy = Literal["strict", "balanced"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One text under examination: normalised text, policy, and the word flags of `lexicon`."""

    text: str
    strict: bool
    words: dict[str, int]


class Pattern(NamedTuple):
    """An expression with its flags; equal ones are compiled once."""

    expression: str
    caseless: bool
    once: bool


# A run of seven digits or more, with one hit a run. Shared word for word, so that the scan compiles it once.
LONG_NUMBER: Final = r"[0-9]{7}(?:[^0-9]|\z)"


def number_end(text: str, end: int) -> int:
    """Return where the digits end that a hit of `LONG_NUMBER` reports."""
    return end if text[end - 1] in "0123456789" else end - 1


def covering(form: re.Pattern[str], text: str, end: int, before: int, after: int) -> re.Match[str] | None:
    """Return the match of a form near a hit that covers the character the hit ends with."""
    for found in form.finditer(text, max(0, end - before), min(len(text), end + after)):
        if found.start() < end <= found.end() + 2:
            return found
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Nomination:
    """A pattern and the function that examines what it nominates.

    `once` asks for a single call a text, however often the pattern matches: the function then searches by itself.
    """

    rule: str
    expression: str
    examine: Callable[[Reading, int], Iterable[Span]]
    caseless: bool = False
    once: bool = False

    @property
    def pattern(self) -> Pattern:
        """What the scan compiles for it."""
        return Pattern(self.expression, self.caseless, self.once)
