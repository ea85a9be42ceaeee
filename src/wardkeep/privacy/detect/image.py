"""Image files named in text, which may show a face: 45 CFR 164.514(b)(2)(i)(Q)."""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.nomination import Nomination, Reading

_FILE: Final = re.compile(r"(?<![\w.-])[\w.-]{1,120}\.(?:jpe?g|png|heic|tiff?|bmp|gif|dcm)\b", re.IGNORECASE)


def _examine(reading: Reading, end: int) -> Iterable[Span]:
    for found in _FILE.finditer(reading.text, max(0, end - 125), end):
        if found.end() == end:
            yield Span(found.start(), found.end(), IdentifierType.PHOTO, "image-file")


NOMINATIONS: Final = (
    Nomination(
        rule="image-file",
        expression=r"[a-z0-9_]\.(?:jpe?g|png|heic|tiff?|bmp|gif|dcm)\b",
        examine=_examine,
        caseless=True,
    ),
)
