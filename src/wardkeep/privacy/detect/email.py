"""Electronic mail addresses (RFC 5321, RFC 6531), also written out: 45 CFR 164.514(b)(2)(i)(F)."""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.nomination import Nomination, Reading

# Read from right to left: a search for what ends at the sign would try every start.
_LOCAL_REVERSED: Final = re.compile(r"[ ]?[\w.!#$&'*+/=?^{|}~%-]{1,64}")
_DOMAIN: Final = re.compile(r"[ ]?[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_WRITTEN: Final = re.compile(
    r"[\w.+-]{1,64}\s?(?:\[\s?at\s?\]|\(\s?at\s?\)|\{\s?at\s?\}|\sat\s|\sarroba\s|@)\s?"
    r"[\w-]{1,63}(?:\s?(?:\[\s?dot\s?\]|\(\s?dot\s?\)|\{\s?dot\s?\}|\s(?:dot|punto)\s|\.)\s?[\w-]{1,63}){0,4}?"
    r"\s?(?:\[\s?dot\s?\]|\(\s?dot\s?\)|\{\s?dot\s?\}|\s(?:dot|punto)\s|\.)\s?(?:com|org|net|edu|gov|io|us|co|info"
    r"|es|uk|de|mx|ar|cl|pe|br|ca|au|in|example|test|invalid)\b",
    re.IGNORECASE,
)
_DOTTED: Final = re.compile(
    r"(?:[\w+-]{1,40}\s(?:dot|underscore|dash|punto|guion|gui\xf3n|guion bajo)\s){1,3}\Z", re.IGNORECASE
)


def _at(reading: Reading, end: int) -> Iterable[Span]:
    text, sign = reading.text, end - 1
    local = _LOCAL_REVERSED.match(text[max(0, sign - 65) : sign][::-1])
    domain = _DOMAIN.match(text, end)
    top = domain[0].rpartition(".")[2] if domain is not None else ""
    if local is None or domain is None or len(top) < 2 or not (top.isalpha() or top.startswith("xn--")):
        return ()
    start = sign - local.end()
    while start < sign and not text[start].isalnum():
        start += 1
    return (Span(start, domain.end(), IdentifierType.EMAIL, "email"),)


def _written(reading: Reading, end: int) -> Iterable[Span]:
    for found in _WRITTEN.finditer(reading.text, max(0, end - 140), end):
        before = _DOTTED.search(reading.text, max(0, found.start() - 130), found.start())
        yield Span(before.start() if before else found.start(), found.end(), IdentifierType.EMAIL, "email-written")


NOMINATIONS: Final = (
    Nomination(rule="email", expression="@", examine=_at),
    Nomination(
        rule="email-written",
        expression=(
            r"(?:[\[\(\{ ](?:at|arroba)[\]\)\} ][^\n]{1,60}(?:(?:dot|punto)[\]\)\} ]{1,2}|\. ?)"
            r"|@[^\n@]{1,60}dot[\]\)\} ]{1,2})"
            r"(?:com|org|net|edu|gov|io|us|co|info|es|uk|de|mx|ar|cl|pe|br|ca|au|in|example|test|invalid)\b"
        ),
        examine=_written,
        caseless=True,
    ),
)
