"""Plain text, UTF-8: one record of one field."""

from typing import Final

from wardkeep.privacy.errors import DocumentUnreadable
from wardkeep.privacy.formats.fields import Document, Field, Record

_MARK: Final = "\ufeff"


def decoded(data: bytes) -> str:
    """Return the text of a file without its byte order mark.

    Raises:
        DocumentUnreadable: it is not UTF-8, or it is binary.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise DocumentUnreadable("it is not UTF-8") from None
    if "\0" in text:
        raise DocumentUnreadable("it holds a zero byte, so it is no text")
    return text.removeprefix(_MARK)


def read(data: bytes) -> Document:
    """Return a text file as one field. Raises DocumentUnreadable."""
    held = [decoded(data)]

    def put(text: str) -> None:
        held[0] = text

    def written() -> bytes:
        return held[0].encode()

    record = Record(fields=[Field(held[0], put)] if held[0] else [])
    return Document(form="text", records=[record], written=written)
