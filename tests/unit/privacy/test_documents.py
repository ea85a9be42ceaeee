"""Text out of files, in a process of its own with limits: real files made here, broken and hostile ones too."""

import asyncio
import io
import random
import zipfile
import zlib
from importlib.util import find_spec

import pytest
from tests.unit.privacy import made_files

from wardkeep.privacy.documents.extract import MOST_CHARACTERS
from wardkeep.privacy.documents.kinds import FileKind, kind_of
from wardkeep.privacy.documents.process import FileReader, ReadFile, _answer

WORDS = "Patient Rosalind Okafor, MRN 00412233, takes lisinopril 20 mg."


async def read(data: bytes, **limits):
    return await FileReader(**limits).read(data)


async def test_a_pdf_gives_the_words_of_all_its_pages():
    pytest.importorskip("pypdfium2")
    found = await read(made_files.pdf(WORDS, "Second page (see above)."))
    assert isinstance(found, ReadFile)
    assert WORDS in found.text
    assert "Second page (see above)." in found.text
    assert (found.pages, found.unread) == (2, 0)
    assert "Okafor" not in repr(found)


async def test_a_docx_gives_body_header_and_notes_and_counts_its_pictures():
    pytest.importorskip("docx")
    found = await read(made_files.docx(WORDS, header="Ward 7", footnote="As told by the daughter.", picture=True))
    assert isinstance(found, ReadFile)
    assert all(words in found.text for words in (WORDS, "Ward 7", "As told by the daughter."))
    assert found.unread == 1


async def test_words_of_a_box_and_numbers_with_fixed_hyphens_do_not_grow_together():
    pytest.importorskip("docx")
    box = "<w:txbxContent><w:p><w:r><w:t>00412233</w:t></w:r></w:p></w:txbxContent>"
    body = f"</w:t></w:r><w:r><w:t>Seen on 03</w:t><w:noBreakHyphen/><w:t>04</w:t>{box}<w:t>lisinopril"
    found = await read(made_files.docx(body))
    assert isinstance(found, ReadFile)
    assert found.text == "Seen on 03-04lisinopril\n00412233"


async def test_names_and_numbers_broken_at_a_hyphen_are_whole_again():
    pytest.importorskip("pypdfium2")
    found = await read(made_files.pdf("Rosalind Oka-\nfor, SSN 123-45-\n6789"))
    assert isinstance(found, ReadFile)
    assert "Okafor, SSN 123-45-6789" in found.text


async def test_plain_text_is_read_without_any_extra():
    found = await read(WORDS.encode())
    assert isinstance(found, ReadFile)
    assert found.text == WORDS


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (made_files.dicom(), "dicom"),
        (b"\x7fELF\x00\x00", "unknown"),
        (b"{\\rtf1 M\\'fcller}", "unknown"),
        (b"%PDF-1.4\nnothing more", "damaged"),
        (b"\n%PDF-1.4\nnothing more", "damaged"),
        (made_files.docx_of(f"<!DOCTYPE w:document [<!ENTITY e 'x'>]><w:document {made_files._SPACE}/>"), "damaged"),
        (made_files.docx_of("<document xmlns='http://purl.oclc.org/ooxml/wordprocessingml/main'/>"), "damaged"),
        (made_files.docx_of(f"<w:document {made_files._SPACE}/>", packing=zipfile.ZIP_LZMA), "damaged"),
        (made_files.docx(WORDS)[:-30], "damaged"),
        (made_files.bomb(80), "too_large"),
        (made_files.pdf(*["x"] * 101), "too_large"),
    ],
    ids=[
        "dicom",
        "binary",
        "rtf",
        "broken pdf",
        "pdf after a newline",
        "entities",
        "strict namespace",
        "packed by lzma",
        "broken docx",
        "zip bomb",
        "many pages",
    ],
)
async def test_what_cannot_be_read_whole_is_named_and_not_guessed(data, why):
    pytest.importorskip("pypdfium2")
    pytest.importorskip("docx")
    assert await read(data) == why


async def test_a_parser_that_takes_too_much_ends_alone():
    pytest.importorskip("pypdfium2")
    assert await read(made_files.pdf(WORDS), memory_bytes=16 * 1024 * 1024) == "too_large"
    assert await read(made_files.pdf(WORDS), wall_seconds=0.0) == "too_slow"


async def test_the_time_counts_while_others_are_read():
    reader = FileReader(wall_seconds=0.2)
    async with reader._one_at_a_time:
        assert await reader.read(b"letter") == "too_slow"


async def test_who_is_called_off_leaves_no_process(monkeypatch):
    reader, started = FileReader(), asyncio.Queue()
    start = asyncio.create_subprocess_exec

    async def noted(*words, **options):
        process = await start(*words, **options)
        started.put_nowait(process)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    task = asyncio.create_task(reader.read(b"letter"))
    process = await started.get()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert process.returncode is not None


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b'{"text":"%b"}' % (b"a" * (MOST_CHARACTERS + 1)), "too_large"),
        (b'{"text":"a","pages":1e999}', "too_large"),
        (b'{"text":"a\xff"}', "too_large"),
        (b'{"error":"Rosalind"}', "damaged"),
        (b"", "too_large"),
    ],
    ids=["too long", "no number", "no text", "no code", "nothing"],
)
def test_what_the_reading_process_says_is_not_believed(said, why):
    assert _answer(said) == why


async def test_random_bytes_behind_a_known_beginning_never_break_the_reader():
    pytest.importorskip("pypdfium2")
    pytest.importorskip("docx")
    chance = random.Random(5)
    for beginning in (b"%PDF-1.7\n", b"PK\x03\x04"):
        assert await read(beginning + chance.randbytes(3000)) in {"damaged", "unknown", "too_large"}


def drawn(*lines: str):
    image = pytest.importorskip("PIL.Image")
    from PIL import ImageDraw, ImageFont

    picture = image.new("RGB", (1000, 80 * len(lines) + 40), "white")
    for number, line in enumerate(lines):
        place = 30, 20 + 80 * number
        ImageDraw.Draw(picture).text(place, line, fill="black", font=ImageFont.load_default(size=44))
    return picture


@pytest.mark.slow
async def test_an_image_gives_the_text_in_it_and_a_scan_the_same():
    pytest.importorskip("rapidocr_onnxruntime")
    pytest.importorskip("pypdfium2")
    picture = drawn("Patient Rosalind Okafor", "MRN 00412233")
    png = io.BytesIO()
    picture.save(png, "PNG")
    for data in (png.getvalue(), made_files.scanned_pdf(*picture.size, picture.tobytes())):
        found = await read(data)
        assert isinstance(found, ReadFile), found
        words = "".join(found.text.split())
        assert "Okafor" in words
        assert "00412233" in words


@pytest.mark.slow
async def test_a_picture_of_too_many_pixels_is_refused_before_it_is_unpacked():
    pytest.importorskip("rapidocr_onnxruntime")
    size = (30_000).to_bytes(4, "big") * 2
    head = b"IHDR" + size + b"\x08\x00\x00\x00\x00"
    png = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + head + zlib.crc32(head).to_bytes(4, "big")
    assert await read(png + bytes(100)) in {"too_large", "damaged"}


async def test_without_the_extra_a_file_is_named_as_such():
    if find_spec("rapidocr_onnxruntime") is not None:
        pytest.skip("the extra `ocr` is installed here")
    assert await read(b"\x89PNG\r\n\x1a\n" + bytes(50)) == "extra_missing"


def test_kinds_are_read_from_the_bytes():
    assert kind_of(b"\x89PNG\r\n\x1a\n....") is FileKind.IMAGE
    assert kind_of(b"RIFF....WEBPVP8 ") is FileKind.IMAGE
    assert kind_of(b"\xff\xd8\xff\xe0") is FileKind.IMAGE
    assert kind_of(b"hello") is FileKind.TEXT
    assert kind_of(b"\xff\xfe\x00\x01") is None
