"""Web locators (RFC 3986) and bare host names: 45 CFR 164.514(b)(2)(i)(N)."""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.nomination import Nomination, Reading

_TOP: Final = "com|org|net|edu|gov|io|info|biz|health|ly|me|us|co|uk|es|de|fr|ca|mx|ar|cl|app|example|test"
# Names of code systems and of examples (RFC 2606 keeps `example.org`): locators of nobody.
_NOBODYS: Final = re.compile(
    r"(?:https?://)?(?:www\.)?(?:[a-z0-9-]{1,40}\.){0,3}(?:hl7\.org|fhir\.org|loinc\.org|snomed\.info|snomed\.org"
    r"|unitsofmeasure\.org|w3\.org"
    r"|json-schema\.org|schema\.org|nlm\.nih\.gov|ama-assn\.org|cdc\.gov|cms\.gov|fda\.gov|who\.int)(?![\w.-])",
    re.IGNORECASE,
)
_SCHEME: Final = re.compile(r"(?:(?:https?|ftp|s?ftp|file)://|www\.)[^\s<>\"')\]}]{2,2000}", re.IGNORECASE)
_BARE: Final = re.compile(
    rf"(?<![\w@.-])(?:[A-Za-z0-9][A-Za-z0-9-]{{0,62}}\.){{1,5}}(?:{_TOP})\b(?!\.[A-Za-z0-9])(?:[/?][^\s<>\"')\]}}]{{0,2000}})?"
)


def _scheme(reading: Reading, end: int) -> Iterable[Span]:
    text, start = reading.text, end - 3
    if text[start] == ":":
        while start and end - start < 9 and text[start - 1].isalpha():
            start -= 1
    else:
        start = end - 4
    found = _SCHEME.match(text, start)
    if found is None or _NOBODYS.match(found[0]):
        return ()
    return (Span(start, start + len(found[0].rstrip(".,;:!?")), IdentifierType.URL, "url"),)


def _bare(reading: Reading, end: int) -> Iterable[Span]:
    text = reading.text
    start = end
    while start and end - start < 80 and (text[start - 1].isalnum() or text[start - 1] in ".-"):
        start -= 1
    found = _BARE.match(text, start) if text[start - 1 : start] != "@" else None
    if found is None or found.end() < end or _NOBODYS.match(found[0]) or text[found.end() : found.end() + 1] == "(":
        return ()
    return (Span(start, start + len(found[0].rstrip(".,;:!?")), IdentifierType.URL, "url-bare"),)


NOMINATIONS: Final = (
    Nomination(rule="url", expression=r"://|www\.", examine=_scheme, caseless=True),
    Nomination(rule="url-bare", expression=rf"[a-z0-9]\.(?:{_TOP})\b", examine=_bare, caseless=True),
)
