"""How a recogniser asks to be called: a pattern nominates, a function examines.

hyperscan reports byte offsets, every match end, knows no lookaround, and has an odd word boundary under UTF-8. So text
is scanned as Latin-1 with every other character replaced by `?`: one byte is one code point and offsets are exact. A
pattern is therefore only a hint that ends at the reported offset; `examine` decides on the real text.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from wardkeep.model.spans import Span

Policy = Literal["strict", "balanced"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One text under examination: normalised text, policy, and the word flags of `lexicon`."""

    text: str
    strict: bool
    words: dict[str, int]


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
