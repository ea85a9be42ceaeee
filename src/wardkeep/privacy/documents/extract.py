"""Text out of one file. Runs in the reading process only: parsers of foreign formats are where memory goes wrong.

Everything is bounded before it is unpacked: pages, characters, unpacked bytes, pixels. What cannot be read whole is
refused, except pictures inside a document: these do not leave, and the text says how many there were.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, Final

from wardkeep.privacy.documents.kinds import FileKind, kind_of

MOST_PAGES: Final = 100
MOST_CHARACTERS: Final = 1_000_000
MOST_UNPACKED_BYTES: Final = 64 * 1024 * 1024
MOST_MEMBERS: Final = 2_000
MOST_PIXELS: Final = 40_000_000
_LONGEST_SIDE: Final = 20_000
_HYPHEN_IN_NUMBER: Final = re.compile(r"(?<=\d)(?:\ufffe|-\r?\n)(?=\d)")
_PACKINGS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_WORD: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_SIGNS: Final = {
    f"{_WORD}tab": "\t",
    f"{_WORD}ptab": "\t",
    f"{_WORD}br": "\n",
    f"{_WORD}cr": "\n",
    f"{_WORD}noBreakHyphen": "-",
}
_BODY: Final = "word/document.xml"
_PICTURES: Final = ("word/media/", "word/embeddings/", "word/charts/chart", "word/diagrams/data")
_WITH_WORDS: Final = re.compile(r"word/(?:header|footer)\d*\.xml|word/(?:footnotes|endnotes|comments)\.xml")


class NotReadableError(Exception):
    """Why a file is not read; the word is a code, never content."""


def extract(data: bytes) -> dict[str, object]:
    """Return `text`, `pages` and `unread` (pictures inside that were not read).

    Raises:
        NotReadableError: with `unknown`, `dicom`, `too_large`, `encrypted`, `damaged`, or `extra_missing`.
    """
    match kind_of(data):
        case FileKind.PDF:
            return _pdf(data)
        case FileKind.DOCX:
            return _docx(data)
        case FileKind.IMAGE:
            return {"text": _ocr(data), "pages": 1, "unread": 0}
        case FileKind.TEXT:
            return {"text": _bounded([data.decode("utf-8")]), "pages": 1, "unread": 0}
        case FileKind.DICOM:
            raise NotReadableError("dicom")
        case None:
            raise NotReadableError("unknown")


def _pdf(data: bytes) -> dict[str, object]:
    if find_spec("pypdfium2") is None:
        raise NotReadableError("extra_missing")
    import pypdfium2 as pdfium  # noqa: PLC0415 - the extra `documents`
    from pypdfium2 import raw  # noqa: PLC0415 - the extra `documents`

    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        raise NotReadableError("encrypted" if "assword" in str(error) else "damaged") from None
    if len(document) > MOST_PAGES:
        raise NotReadableError("too_large")
    texts: list[str] = []
    unread = 0
    # A hyphen at a line's end comes as U+FFFE, or before a line's end between numbers. Words grow together again, and
    # numbers around their hyphen: neither is known in two pieces.
    try:
        for page in document:
            text = page.get_textpage().get_text_range()
            pictures = sum(1 for _ in page.get_objects(filter=(raw.FPDF_PAGEOBJ_IMAGE,)))
            if not text.strip() and pictures:
                text, pictures = _scanned(page), pictures - 1
            unread += pictures
            texts.append(_HYPHEN_IN_NUMBER.sub("-", text).replace("\ufffe", ""))
    except pdfium.PdfiumError:
        raise NotReadableError("damaged") from None
    return {"text": _bounded(texts), "pages": len(texts), "unread": unread}


def _scanned(page: Any) -> str:
    """Read a page that is a picture only."""
    width, height = page.get_size()
    scale = 200 / 72
    if not 0 < width * height * scale * scale <= MOST_PIXELS:
        raise NotReadableError("too_large")
    picture = io.BytesIO()
    _ocr_module()
    page.render(scale=scale).to_pil().save(picture, "PNG")
    return _ocr(picture.getvalue())


def _docx(data: bytes) -> dict[str, object]:
    if find_spec("docx") is None:
        raise NotReadableError("extra_missing")
    from docx.oxml.parser import parse_xml  # noqa: PLC0415 - the extra `documents`; resolves no entity
    from lxml.etree import XMLSyntaxError  # noqa: PLC0415 - comes with it

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = _checked_members(archive)
            if _BODY not in names:
                raise NotReadableError("unknown")
            parts = [_BODY, *sorted(name for name in names if _WITH_WORDS.fullmatch(name))]
            texts = [text for name in parts for text in _words_of(_word_part(parse_xml(archive.read(name))))]
    except (zipfile.BadZipFile, XMLSyntaxError, KeyError, ValueError, EOFError, NotImplementedError, zlib.error):
        raise NotReadableError("damaged") from None
    unread = sum(1 for name in names if name.startswith(_PICTURES))
    return {"text": _bounded(texts), "pages": 1, "unread": unread}


def _checked_members(archive: zipfile.ZipFile) -> list[str]:
    """Return the names in an archive, after looking at what it would unpack to: a bomb says so in its directory.

    A directory that lies gives no more than it said: `zipfile` stops there, and the checksum fails.
    """
    members = archive.infolist()
    if len(members) > MOST_MEMBERS or sum(each.file_size for each in members) > MOST_UNPACKED_BYTES:
        raise NotReadableError("too_large")
    if any(each.flag_bits & 1 for each in members):
        raise NotReadableError("encrypted")
    if any(each.compress_type not in _PACKINGS for each in members):
        raise NotReadableError("damaged")  # ISO/IEC 29500-2 knows no other, and others unpack without a bound
    return [each.filename for each in members]


def _word_part(part: Any) -> Any:
    """Return a part whose words would be found: of the namespace that is read, and with no entity left out.

    ISO/IEC 29500-2 forbids document type declarations; the strict namespace of ISO/IEC 29500-1 is not read.
    """
    if not part.tag.startswith(_WORD) or part.getroottree().docinfo.internalDTD is not None:
        raise NotReadableError("damaged")
    return part


def _words_of(part: Any) -> Iterator[str]:
    """Yield the paragraphs of one part, each box and cell for itself: words that grow together are not recognised."""
    paragraphs: dict[Any, list[str]] = {each: [] for each in part.iter(f"{_WORD}p")}
    for node in part.iter(f"{_WORD}t", f"{_WORD}delText", *_SIGNS):
        paragraph = next(node.iterancestors(f"{_WORD}p"), None)
        if paragraph is not None:
            paragraphs[paragraph].append(_SIGNS.get(node.tag) or node.text or "")
    for words in paragraphs.values():
        yield "".join(words)


def _ocr_module() -> Any:
    if find_spec("rapidocr_onnxruntime") is None:
        raise NotReadableError("extra_missing")
    import rapidocr_onnxruntime  # noqa: PLC0415 - the extra `ocr`

    return rapidocr_onnxruntime


def _ocr(data: bytes) -> str:
    module = _ocr_module()
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - comes with the extra `ocr`

    try:
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS or max(width, height) > _LONGEST_SIDE:
                raise NotReadableError("too_large")
            if getattr(picture, "n_frames", 1) != 1:
                raise NotReadableError("too_large")
            plain = picture.convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise NotReadableError("damaged") from None
    png = io.BytesIO()
    plain.save(png, "PNG")
    found, _ = module.RapidOCR()(png.getvalue())
    # No text is an answer: the picture itself does not leave.
    return _bounded(["\n".join(line[1] for line in found or ())])


def _bounded(texts: list[str]) -> str:
    text = "\n".join(texts).replace("\x00", "").replace("\r\n", "\n").encode("utf-8", "replace").decode()
    if len(text) > MOST_CHARACTERS:
        raise NotReadableError("too_large")
    return text
