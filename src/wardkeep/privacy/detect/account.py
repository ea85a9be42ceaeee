"""Payment cards (ISO/IEC 7812-1) and IBANs (ISO 13616): 45 CFR 164.514(b)(2)(i)(J)."""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect import checksum
from wardkeep.privacy.detect.nomination import Nomination, Reading

_CARD: Final = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w])")
_IBAN: Final = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}(?![A-Za-z0-9])")
_SEPARATORS: Final = str.maketrans("", "", " -")


def _cards(reading: Reading, _end: int) -> Iterable[Span]:
    for found in _CARD.finditer(reading.text):
        digits = found[0].translate(_SEPARATORS)
        # A grouped number of card length that fails Luhn is a typing error as often as a decoy: strict masks it.
        if (digits[0] in "23456" and checksum.luhn(digits)) or (reading.strict and len(digits) > 14):
            yield Span(found.start(), found.end(), IdentifierType.ACCOUNT, "card")


def _ibans(reading: Reading, _end: int) -> Iterable[Span]:
    for found in _IBAN.finditer(reading.text):
        number = found[0].replace(" ", "")
        if 15 <= len(number) <= 34 and checksum.iban(number):
            yield Span(found.start(), found.end(), IdentifierType.ACCOUNT, "iban")


NOMINATIONS: Final = (
    Nomination(rule="card", expression=r"[0-9](?:[ -]?[0-9]){12}", examine=_cards, once=True),
    Nomination(rule="iban", expression=r"[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4}", examine=_ibans, once=True),
)
