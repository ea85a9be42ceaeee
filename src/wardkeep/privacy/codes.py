"""Codes of a released data set: random, so that nothing about the individual can be worked out from them.

45 CFR 164.514(c): a code is not derived from information about the individual and the means of re-identification is not
disclosed. A code is drawn from the system's CSPRNG when a value is first seen; the same value has the same code as long
as this object lives, that is for one run. What maps them is never written anywhere, and ends with the run.
"""

import secrets
from collections.abc import Collection, Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType
from wardkeep.privacy.surrogates import Mention, canonical, whole_names
from wardkeep.privacy.tokens import ALPHABET, TAG_LENGTH

_MOST_DRAWS: Final = 64


class Codes:
    """The codes of one run. Holds identifiers in memory only; the repr shows none."""

    __slots__ = ("_drawn", "_used")

    def __init__(self) -> None:
        self._drawn: dict[tuple[IdentifierType, str], str] = {}
        self._used: set[str] = set()

    def __repr__(self) -> str:
        return f"Codes({len(self._drawn)} drawn)"

    def assign(self, mentions: Iterable[Mention], taken: Collection[str] = frozenset()) -> dict[Mention, str]:
        """Return a code for each distinct mention. `taken` are tags that stand in the input and must not be ours."""
        values = {mention: canonical(*mention) for mention in dict.fromkeys(mentions)}
        # A part of a name has the code of the one whole name of the call that it can mean.
        whole = whole_names({value for (kind, _), value in values.items() if kind is IdentifierType.NAME})
        return {
            mention: f"[{mention[0]}-{self.tag(mention[0], whole.get(value, value), taken)}]"
            for mention, value in values.items()
        }

    def tag(self, kind: IdentifierType, surface: str, taken: Collection[str] = frozenset()) -> str:
        """Return the bare code of a value: fit for an id as well."""
        key = (kind, canonical(kind, surface))
        tag = self._drawn.get(key)
        if tag is None:
            tag = next(
                drawn
                for drawn in (_draw() for _ in range(_MOST_DRAWS))
                if drawn not in self._used and drawn not in taken and not drawn.isdigit()
            )
            self._used.add(tag)
            self._drawn[key] = tag
        return tag


def _draw() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(TAG_LENGTH))
