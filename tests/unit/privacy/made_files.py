"""Files made for tests: real PDF, DOCX and picture bytes, with words of ours in them."""

import io
import zipfile
import zlib


def pdf(*pages: str) -> bytes:
    """A PDF with the lines of each page."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode())
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for number, text in enumerate(pages):
        escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)").replace("\n", ") Tj 0 -14 Td (")
        stream = f"BT /F1 12 Tf 50 700 Td ({escaped}) Tj ET".encode()
        objects += [_page(5 + 2 * number, b"/Font << /F1 3 0 R >>"), _stream(b"", stream)]
    return _written(objects)


def scanned_pdf(width: int, height: int, rgb: bytes) -> bytes:
    """A PDF whose one page is a picture."""
    packed = zlib.compress(rgb)
    kind = f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceRGB "
    kind += "/BitsPerComponent 8 /Filter /FlateDecode"
    return _written(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            _page(4, b"/XObject << /I 5 0 R >>"),
            _stream(b"", b"q 500 0 0 200 50 500 cm /I Do Q"),
            _stream(kind.encode(), packed),
        ]
    )


def _page(content: int, resources: bytes) -> bytes:
    return b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources << %b >> >>" % (
        content,
        resources,
    )


def _stream(entries: bytes, data: bytes) -> bytes:
    return b"<< %b /Length %d >>\nstream\n%b\nendstream" % (entries, len(data), data)


def _written(objects: list[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for place in places:
        out += b"%010d 00000 n \n" % place
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)
    return bytes(out)


_SPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def docx(body: str, *, header: str = "", footnote: str = "", picture: bool = False) -> bytes:
    """A DOCX with a paragraph in each part that is named."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, root, text in (
            ("document", "document", body),
            ("header1", "hdr", header),
            ("footnotes", "footnotes", footnote),
        ):
            if text or name == "document":
                paragraph = f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"
                inner = f"<w:body>{paragraph}</w:body>" if name == "document" else paragraph
                archive.writestr(f"word/{name}.xml", f"<w:{root} {_SPACE}>{inner}</w:{root}>")
        if picture:
            archive.writestr("word/media/image1.png", b"\x89PNG\r\n\x1a\n")
    return written.getvalue()


def docx_of(document: str, *, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A DOCX whose main part is given whole."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", packing) as archive:
        archive.writestr("word/document.xml", document)
    return written.getvalue()


def bomb(megabytes: int) -> bytes:
    """A DOCX that is small and unpacks to much."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"A" * (megabytes * 1024 * 1024))
    return written.getvalue()


def dicom() -> bytes:
    return bytes(128) + b"DICM" + bytes(64)
