"""Numbers of clinicians: NPI (45 CFR 162.406) and DEA registration (21 CFR 1301); 164.514(b)(2)(i)(K)."""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect import checksum
from wardkeep.privacy.detect.nomination import LONG_NUMBER, Nomination, Reading, number_end

_DEA: Final = re.compile(r"(?<![A-Za-z0-9])[ABCDEFGHJKLMPRSTUX][A-Z9]\d{7}(?![A-Za-z0-9])", re.IGNORECASE)


def _npi(reading: Reading, end: int) -> Iterable[Span]:
    text, start = reading.text, end - 10
    before = text[start - 1 : start] if start else ""
    if before.isalnum() or text[end : end + 1].isalnum() or not checksum.npi(text[start:end]):
        return ()
    return (Span(start, end, IdentifierType.LICENSE, "npi"),)


def _dea(reading: Reading, end: int) -> Iterable[Span]:
    start = number_end(reading.text, end) - 9
    found = _DEA.match(reading.text, start) if start >= 0 and reading.text[start].isalpha() else None
    if found is None or not checksum.dea(found[0]):
        return ()
    return (Span(found.start(), found.end(), IdentifierType.LICENSE, "dea"),)


NOMINATIONS: Final = (
    Nomination(rule="npi", expression=r"[12][0-9]{9}", examine=_npi),
    Nomination(rule="dea", expression=LONG_NUMBER, examine=_dea),
)
