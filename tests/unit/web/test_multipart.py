"""Forms with a file: read as browsers send them, and refused when they could be read in two ways."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardkeep.model.reasons import Reason, RefusalError
from wardkeep.web.multipart import MAX_FILE_BYTES, is_multipart, read_multipart

BOUNDARY = "----WebKitFormBoundaryAbC123"
KIND = f"multipart/form-data; boundary={BOUNDARY}".encode()


def form(*parts: tuple[str, bytes], end: bytes = b"--\r\n") -> bytes:
    mark = b"--" + BOUNDARY.encode()
    body = b"".join(mark + b"\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts)
    return body + mark + end


def field(name: str, value: bytes = b"x") -> tuple[str, bytes]:
    return f'Content-Disposition: form-data; name="{name}"', value


def file(name: str, value: bytes) -> tuple[str, bytes]:
    head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: application/pdf'
    return head, value


def test_fields_and_a_file_as_a_browser_sends_them():
    assert is_multipart(KIND)
    content = b"%PDF-1.7\r\n--not the boundary\r\n\x00\xff"
    fields, upload = read_multipart(KIND, form(field("text", "naïve".encode()), file("a b.pdf", content)))
    assert fields == {"text": "naïve"}
    assert (upload.name, upload.body) == ("a b.pdf", content)
    assert "a b.pdf" not in repr(upload)


def test_no_file_chosen_is_no_file():
    assert read_multipart(KIND, form(field("text"), file("", b""))) == ({"text": "x"}, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"preamble\r\n" + form(field("a")),
        form(field("a"), end=b""),
        form(field("a"), end=b"--\r\nepilogue"),
        form(field("a"), field("a")),
        form(file("a", b"1"), (file("b", b"2")[0].replace('"file"', '"other"'), b"2")),
        form(("Content-Disposition: form-data", b"x")),
        form(('Content-Disposition: attachment; name="a"', b"x")),
        form((field("a")[0] + "\r\nContent-Transfer-Encoding: base64", b"eA==")),
        form((field("a")[0] + "\r\n" + field("b")[0], b"x")),
        form(("", b"x")),
        form(field("a", b"\xff")),
        form(*(field(f"f{number}") for number in range(65))),
    ],
    ids=[
        "empty", "preamble", "no end", "epilogue", "twice", "two files", "no name", "no form-data", "encoded",
        "two dispositions", "no header", "no utf-8", "too many",
    ],
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_refused(body):
    with pytest.raises(RefusalError) as told:
        read_multipart(KIND, body)
    assert told.value.refused.reason is Reason.REQUEST_MALFORMED


@pytest.mark.parametrize("kind", [b"multipart/form-data", KIND + b"; charset=x", b"multipart/form-data; boundary= x"])
def test_a_boundary_that_is_not_plain_is_refused(kind):
    with pytest.raises(RefusalError):
        read_multipart(kind, form(field("a")))


def test_what_is_too_large_says_so():
    for body in (form(file("a", b"0" * (MAX_FILE_BYTES + 1))), form(field("a", b"0" * 70_000))):
        with pytest.raises(RefusalError) as told:
            read_multipart(KIND, body)
        assert told.value.refused.reason is Reason.BODY_TOO_LARGE


def test_a_body_of_nothing_but_boundaries_is_not_taken_apart():
    body = b"--b\r\n" + b"xy\r\n--b" * 100_000
    tracemalloc.start()
    with pytest.raises(RefusalError):
        read_multipart(b"multipart/form-data; boundary=b", body)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Every part made is an object of some fifty bytes; the body and its rest are two copies.
    assert most < 3 * len(body)


@given(st.binary(max_size=200), st.text(max_size=30))
def test_a_file_comes_out_as_it_went_in(content, text):
    body = form(field("text", text.encode(errors="replace")), file("f", content))
    if b"\r\n--" + BOUNDARY.encode() in content:
        return
    fields, upload = read_multipart(KIND, body)
    assert upload.body == content
    assert fields["text"] == text.encode(errors="replace").decode()
