"""Vehicle identification numbers (49 CFR 565.15): 45 CFR 164.514(b)(2)(i)(L)."""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect import checksum
from wardkeep.privacy.detect.nomination import Nomination, Reading

_VIN: Final = re.compile(r"(?<![A-Za-z0-9])[A-HJ-NPR-Za-hj-npr-z0-9]{17}(?![A-Za-z0-9])")


def _examine(reading: Reading, _end: int) -> Iterable[Span]:
    for found in _VIN.finditer(reading.text):
        number = found[0].upper()
        if not number.isalpha() and checksum.vin(number):
            yield Span(found.start(), found.end(), IdentifierType.VEHICLE, "vin")


# The last four places are digits (49 CFR 565.15(d)). A pattern of all seventeen would slow the scan by a tenth.
NOMINATIONS: Final = (
    Nomination(
        rule="vin", expression=r"[A-HJ-NPR-Za-hj-npr-z0-9]{4}[0-9]{4}(?:[^A-Za-z0-9]|\z)", examine=_examine, once=True
    ),
)
