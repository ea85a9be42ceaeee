"""Medicare Beneficiary Identifiers (CMS MBI format, 11 places): 45 CFR 164.514(b)(2)(i)(I)."""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.nomination import Nomination, Reading

_LETTER: Final = "[AC-HJKMNP-RT-Yac-hjkmnp-rt-y]"
_EITHER: Final = "[0-9AC-HJKMNP-RT-Yac-hjkmnp-rt-y]"
_FORM: Final = f"[1-9]{_LETTER}{_EITHER}[0-9]-?{_LETTER}{_EITHER}[0-9]-?{_LETTER}{_LETTER}[0-9][0-9]"
_MBI: Final = re.compile(f"(?<![A-Za-z0-9]){_FORM}(?![A-Za-z0-9])")


def _examine(reading: Reading, _end: int) -> Iterable[Span]:
    for found in _MBI.finditer(reading.text):
        yield Span(found.start(), found.end(), IdentifierType.HEALTH_PLAN, "mbi")


NOMINATIONS: Final = (Nomination(rule="mbi", expression=_FORM, examine=_examine, once=True),)
