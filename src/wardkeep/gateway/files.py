"""Documents and images in a request, put in as the text that was read from them: nothing unread passes.

A block of the wire format that carries a file (base64) gives way to a text block of the same format; the rest of the
request stays byte-equal. The text is then read by the road like any other: identifiers become surrogates, injected
instructions are looked for as in every document. The file itself never leaves; the record seals what came.
"""

import asyncio
import binascii
import re
from base64 import b64decode
from dataclasses import dataclass, field, fields
from typing import Final

import orjson

from wardkeep.gateway.origins import ATTACHED
from wardkeep.model.document import Document, Edit, apply, containers, parse
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.stages import Call
from wardkeep.privacy.documents.extract import MOST_CHARACTERS
from wardkeep.privacy.documents.process import FileReader, ReadFile

MOST_FILES: Final = 8
# The record seals the request as it came and as it was read, in one frame (`transport.unix.MAX_FRAME_BYTES`).
_MOST_SEALED_BYTES: Final = 36 * 1024 * 1024
_DATA: Final = re.compile(r"data:[A-Za-z0-9.+/-]{0,100};base64,")
_NOT_ENABLED: Final = frozenset({"extra_missing", "dicom", "unknown"})
# What a model or tool wrote is never a file of the request, whatever it looks like.
_CLOSED: Final = frozenset({"tool_use", "function_call", "custom_tool_call"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A file in a request: the number of the JSON container that gives way, and the block put there around the text."""

    container: int
    encoded: str = field(repr=False)
    block: dict[str, object] = field(repr=False)
    text_at: tuple[str, ...] = ("text",)


def may_have_files(call: Call) -> bool:
    """Whether a closer look is worth it."""
    return b"base64" in call.document.raw


def attached(body: dict[str, object]) -> list[Attached]:
    """Return the files of a request."""
    found: list[Attached] = []
    _walk(body, 0, found)
    return found


async def read_files(call: Call, reader: FileReader) -> Call | Refused:
    """Return the call with each file given as its text, or why one is not read.

    What takes long on a large body is done in a thread, and all files of a request share the time and the characters
    that one file has.
    """
    found = attached(call.document.value)
    if not found:
        return call
    if len(found) > MOST_FILES:
        return Refused(reason=Reason.FILE_NOT_READ, field="too_many")
    texts: list[ReadFile] = []
    try:
        async with asyncio.timeout(reader.wall_seconds):
            for each in found:
                read = await _read(each, reader)
                if isinstance(read, Refused):
                    return read
                texts.append(read)
    except TimeoutError:
        return Refused(reason=Reason.FILE_NOT_READ, field="too_slow")
    if sum(len(read.text) for read in texts) > MOST_CHARACTERS:
        return Refused(reason=Reason.FILE_NOT_READ, field="too_large")
    try:
        document = await asyncio.to_thread(_with_texts, call.document, list(zip(found, texts, strict=True)))
    except RefusalError as error:
        return error.refused
    if len(document.raw) + len(call.document.raw) > _MOST_SEALED_BYTES:
        return Refused(reason=Reason.FILE_NOT_READ, field="too_large")
    same = {each.name: getattr(call, each.name) for each in fields(call)}
    return Call(**(same | {"document": document, "original": call.document.raw}))


async def _read(each: Attached, reader: FileReader) -> ReadFile | Refused:
    try:
        data = await asyncio.to_thread(b64decode, each.encoded, validate=True)
    except (binascii.Error, ValueError):
        return Refused(reason=Reason.FILE_NOT_READ, field="damaged")
    read = await reader.read(data)
    if isinstance(read, str):
        reason = Reason.CONTENT_UNREADABLE if read in _NOT_ENABLED else Reason.FILE_NOT_READ
        return Refused(reason=reason, field=read)
    return read


def _with_texts(document: Document, read: list[tuple[Attached, ReadFile]]) -> Document:
    """Return the request with each file's block given as the block around its text."""
    places = containers(document.raw, {each.container for each, _ in read})
    edits: list[Edit] = [(*places[each.container], orjson.dumps(_filled(each, said))) for each, said in read]
    return parse(apply(document.raw, sorted(edits)))


def _filled(each: Attached, read: ReadFile) -> dict[str, object]:
    pictures = f"; {read.unread} pictures in it were not read and are not here" if read.unread else ""
    text = f"{ATTACHED} file, read as text by the gateway, {read.pages} page(s){pictures}]\n{read.text}"
    if each.text_at == ("text",):
        return {**each.block, "text": text}
    return {**each.block, "source": {"type": "text", "media_type": "text/plain", "data": text}}


def _walk(value: object, at: int, found: list[Attached]) -> int:
    """Number containers in document order, as `containers` does; return the next number."""
    if isinstance(value, dict):
        block = _file_in(value, at)
        if block is not None:
            found.append(block)
        is_closed = block is not None or value.get("type") in _CLOSED
        inside: list[Attached] = []
        at += 1
        for item in value.values():
            at = _walk(item, at, inside)
        if not is_closed:
            found += inside
        return at
    if isinstance(value, list):
        at += 1
        for item in value:
            at = _walk(item, at, found)
    return at


def _file_in(block: dict[str, object], at: int) -> Attached | None:
    """Return the file that a block carries in one of the wire formats, or None."""
    kind = block.get("type")
    match kind:
        case "image_url" | "file":
            holder = block.get(str(kind))
            member = "url" if kind == "image_url" else "file_data"
            encoded = _of_url(holder.get(member)) if isinstance(holder, dict) else None
            return None if encoded is None else Attached(container=at, encoded=encoded, block={"type": "text"})
        case "input_image" | "input_file":
            encoded = _of_url(block.get("image_url" if kind == "input_image" else "file_data"))
            return None if encoded is None else Attached(container=at, encoded=encoded, block={"type": "input_text"})
        case "image" | "document":
            source = block.get("source")
            if (
                not isinstance(source, dict)
                or source.get("type") != "base64"
                or not isinstance(source.get("data"), str)
            ):
                return None
            kept = {name: item for name, item in block.items() if name not in {"type", "source"}}
            return Attached(
                container=at,
                encoded=str(source["data"]),
                block={"type": "document", **kept},
                text_at=("source", "data"),
            )
        case _:
            return None


def _of_url(url: object) -> str | None:
    """Return the base64 of a `data:` URL. A link to elsewhere is not followed, so it stays and is refused."""
    if not isinstance(url, str):
        return None
    found = _DATA.match(url, 0, 120)
    return None if found is None else url[found.end() :]
