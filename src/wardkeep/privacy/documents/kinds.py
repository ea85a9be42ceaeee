"""What a file is, by its first bytes: what the sender says of it is not believed."""

from enum import StrEnum
from typing import Final


class FileKind(StrEnum):
    """A kind of file that can be read, and the one that is known and never is."""

    PDF = "pdf"
    DOCX = "docx"
    IMAGE = "image"
    TEXT = "text"
    DICOM = "dicom"


_IMAGES: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\x00", b"MM\x00*")
_DICOM_AT: Final = 128
_PDF_BEGINS_WITHIN: Final = 1024
# Text only on the outside: words are escaped and pictures written out in it, so reading it as it stands reads nothing.
_CODED: Final = (b"{\\rtf", b"%!PS")


def kind_of(data: bytes) -> FileKind | None:
    """Return what a file is, or None. DICOM is told apart: nobody has read the text burnt into its pixels."""
    if data[_DICOM_AT : _DICOM_AT + 4] == b"DICM":
        return FileKind.DICOM
    if b"%PDF-" in data[:_PDF_BEGINS_WITHIN]:
        return FileKind.PDF
    if data.startswith(b"PK\x03\x04"):
        return FileKind.DOCX
    if data.startswith(_IMAGES) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP"):
        return FileKind.IMAGE
    return None if data.startswith(_CODED) or b"\x00" in data or not _is_text(data) else FileKind.TEXT


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
