"""The form of a surrogate token: `[NAME-k7f3q9x2]`, with a variant `[NAME-k7f3q9x2.b]` for another mention.

The alphabet has 32 symbols without the vowels a, e, i and o, so that no ordinary name or word reads as a tag, and a tag
has at least one letter, so that no bare number does. Eight symbols are 40 bits.
"""

import re
from typing import Final

from wardkeep.model.spans import IdentifierType

ALPHABET: Final = "bcdfghjklmnpqrstuvwxyz0123456789"
TAG_LENGTH: Final = 8
_LABELS: Final = "|".join(IdentifierType)

# Case-insensitive, because models rewrite the case of what they quote.
TOKEN: Final = re.compile(
    rf"\[(?:{_LABELS})-(?=[0-9]{{0,7}}[a-z])[bcdfghjklmnpqrstuvwxyz0-9]{{{TAG_LENGTH}}}(?:\.[a-z]{{1,4}})?\]",
    re.IGNORECASE,
)
LONGEST: Final = 1 + max(map(len, IdentifierType)) + 1 + TAG_LENGTH + 5 + 1
