"""Social security numbers, 45 CFR 164.514(b)(2)(i)(G); form by SSA POMS RM 10201 (area, group, serial)."""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.nomination import Nomination, Reading

_CUE: Final = re.compile(r"ssn|social|soc\.? ?sec|ss#|itin|tax", re.IGNORECASE)


def _grouped(reading: Reading, end: int) -> Iterable[Span]:
    text, start = reading.text, end - 11
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    if before.isalnum() or after.isalnum() or (after == "-" and text[end + 1 : end + 2].isdigit()):
        return ()
    if text[start + 3] != text[start + 6]:
        return ()
    # SSA never issued area 000, 666 or 9xx, group 00 or serial 0000; 9xx is how ITINs look.
    area, group, serial = text[start : start + 3], text[start + 4 : start + 6], text[start + 7 : end]
    if not (text[start:end].strip("0-. ")):
        return ()
    issued = area not in {"000", "666"} and group != "00" and serial != "0000"
    dashed = text[start + 3] == "-"
    if (issued and (dashed or area < "900")) or _CUE.search(text, max(0, start - 40), start):
        return (Span(start, end, IdentifierType.SSN, "ssn"),)
    return ()


_LAST_FOUR: Final = re.compile(
    r"(?:last|final|[\xfau]ltimos) (?:4|four|cuatro)(?: (?:digits?|d[i\xed]gitos))?"
    r"(?: (?:of|on|del?|for)(?: (?:the|his|her|my|your|su|mi))?(?: (?:ssn?|social(?: security)?(?: number)?"
    r"|seguro social|nss))?)?"
    r"[ :#=]{0,3}(?:(?:is|are|es|son|ssn|social)[ :]{1,2}){0,2}([A-Z]?\d{4})(?!\d)"
    r"|(?:[Xx*#]{3}-?[Xx*#]{2}-?)(\d{4})(?!\d)",
    re.IGNORECASE,
)


def _last_four(reading: Reading, _end: int) -> Iterable[Span]:
    for found in _LAST_FOUR.finditer(reading.text):
        group = 1 if found[1] else 2
        yield Span(found.start(group), found.end(group), IdentifierType.SSN, "ssn-last-four")


NOMINATIONS: Final = (
    Nomination(
        rule="ssn-last-four",
        expression=r"\b(?:last|final|[u\xfa]ltimos) (?:4|four|cuatro)\b|[x*#]{2}-?[0-9]{4}",
        examine=_last_four,
        caseless=True,
        once=True,
    ),
    Nomination(rule="ssn", expression=r"[0-9]{3}[-. ][0-9]{2}[-. ][0-9]{4}", examine=_grouped),
)
