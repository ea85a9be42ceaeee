"""Forms with a file, as browsers send them (RFC 7578, RFC 2046 section 5.1), read strictly and bounded.

One file a form at the most. What could be read in two ways is refused: a preamble, a name that stands twice, a header
that is not known here, a transfer encoding. The file's name is what the visitor calls it: shown to them, used nowhere.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from wardkeep.model.reasons import Reason, RefusalError, Refused

MAX_FILE_BYTES: Final = 3 * 1024 * 1024
_MAX_TEXT_BYTES: Final = 64 * 1024
_MAX_HEADER_BYTES: Final = 1024
_MAX_PARTS: Final = 64
_LONGEST_NAME: Final = 80
# RFC 2046 section 5.1.1: 1 to 70 of these, not ending in a space.
_BOUNDARY: Final = re.compile(rb'multipart/form-data; *boundary="?([A-Za-z0-9\'()+_,./:=?-]{1,70})"?', re.IGNORECASE)
# A quote inside is sent as %22 (WHATWG HTML, "multipart/form-data encoding algorithm").
_DISPOSITION: Final = re.compile(r'form-data; name="([^"]{1,80})"(?:; filename="([^"]{0,255})")?')
_KNOWN: Final = frozenset({"content-disposition", "content-type"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that came with a form; the repr shows neither its name nor its content."""

    name: str = field(repr=False)
    body: bytes = field(repr=False)


def is_multipart(content_type: bytes) -> bool:
    """Whether a content type is that of a form with files."""
    return content_type.partition(b";")[0].strip().lower() == b"multipart/form-data"


def read_multipart(content_type: bytes, body: bytes) -> tuple[dict[str, str], Upload | None]:
    """Return a form's fields and its file. Raises RefusalError."""
    found = _BOUNDARY.fullmatch(content_type.strip())
    if found is None:
        raise _malformed()
    mark = b"--" + found[1]
    if not body.startswith(mark + b"\r\n"):
        raise _malformed()
    # One split more than may be: a body of nothing but boundaries is refused before its millionth part is made.
    *parts, last = body[len(mark) :].split(b"\r\n" + mark, _MAX_PARTS + 1)
    if last not in {b"--", b"--\r\n"} or len(parts) > _MAX_PARTS:
        raise _malformed()
    fields: dict[str, str] = {}
    upload: Upload | None = None
    for part in parts:
        name, filename, content = _part(part)
        if name in fields or (filename is not None and upload is not None):
            raise _malformed()
        if filename is None:
            fields[name] = _text(content)
        elif content or filename:
            upload = Upload(name=_shown(filename), body=content)
    if upload is not None and len(upload.body) > MAX_FILE_BYTES:
        raise RefusalError(Refused(reason=Reason.BODY_TOO_LARGE))
    if sum(len(each) for each in fields.values()) > _MAX_TEXT_BYTES:
        raise RefusalError(Refused(reason=Reason.BODY_TOO_LARGE))
    return fields, upload


def _part(part: bytes) -> tuple[str, str | None, bytes]:
    head, separator, content = part.partition(b"\r\n\r\n")
    if not separator or not head.startswith(b"\r\n") or len(head) > _MAX_HEADER_BYTES:
        raise _malformed()
    headers: dict[str, str] = {}
    for line in _text(head[2:]).split("\r\n"):
        name, colon, value = line.partition(":")
        if not colon or name.lower() not in _KNOWN or name.lower() in headers:
            raise _malformed()
        headers[name.lower()] = value.strip()
    found = _DISPOSITION.fullmatch(headers.get("content-disposition", ""))
    if found is None:
        raise _malformed()
    return found[1], found[2], content


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise _malformed() from None


def _shown(name: str) -> str:
    return "".join(symbol for symbol in name if symbol.isprintable())[:_LONGEST_NAME] or "file"


def _malformed() -> RefusalError:
    return RefusalError(Refused(reason=Reason.REQUEST_MALFORMED))
