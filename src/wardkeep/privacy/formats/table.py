"""CSV and TSV (RFC 4180): the first row names the columns, each further row is a record.

A column whose name says what it holds is that in every row. One whose name says nothing is judged by its cells as a
whole: where most of a sample are one identifier each, all are, because a column does not change its meaning.
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from wardkeep.model.spans import Span
from wardkeep.privacy.errors import DocumentUnreadable
from wardkeep.privacy.formats.fields import Document, Field, Record, place_of
from wardkeep.privacy.formats.json_tree import learn
from wardkeep.privacy.formats.plain import decoded
from wardkeep.privacy.policies.classes import class_of_type

_SAMPLE: Final = 200
_MOST: Final = 0.6
_MOST_CELL_CHARACTERS: Final = 1 << 24


def read(data: bytes, delimiter: str | None, recognise: Callable[[str], Sequence[Span]]) -> Document:
    """Return a table. `delimiter` None asks for the one of comma, semicolon and bar that the first row shows.

    Raises:
        DocumentUnreadable: no header, a row of another width, or quoting that does not close; it names the row.
    """
    text = decoded(data)
    first = text.split("\n", 1)[0]
    delimiter = delimiter or max(",;|\t", key=first.count)
    newline = "\r\n" if first.endswith("\r") else "\n"
    csv.field_size_limit(_MOST_CELL_CHARACTERS)
    rows: list[list[str]] = []
    try:
        rows.extend(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        raise DocumentUnreadable(f"row {len(rows) + 1} is not quoted as a table is") from None
    header, *body = rows or [[]]
    if not header or len(set(header)) != len(header) or not all(name.strip() for name in header):
        raise DocumentUnreadable("its first row does not name each column once")
    for number, row in enumerate(body, start=2):
        if row and len(row) != len(header):
            raise DocumentUnreadable(f"row {number} has another number of cells than the first")
    if any(recognise(name) for name in header):
        raise DocumentUnreadable("the name of a column identifies somebody, or the first row is no header")
    places = [_column(name, [row[at] for row in body if row], recognise) for at, name in enumerate(header)]
    records = [_record(row, header, places) for row in body if row]

    def written() -> bytes:
        out = io.StringIO()
        writer = csv.writer(out, delimiter=delimiter, lineterminator=newline)
        writer.writerows(rows)
        return out.getvalue().encode()

    return Document(form="table", records=records, written=written)


def _record(row: list[str], header: Sequence[str], places: Sequence[tuple[str | None, bool]]) -> Record:
    record = Record()
    for at, (name, (place, is_birth)) in enumerate(zip(header, places, strict=True)):
        if row[at].strip():
            record.fields.append(
                Field(row[at], _put(row, at), place=place, cue=None if place else name, is_birth=is_birth)
            )
            learn(record, row[at], name)
    return record


def _put(row: list[str], at: int) -> Callable[[str], None]:
    def put(new: str) -> None:
        row[at] = new

    return put


def _column(name: str, cells: Sequence[str], recognise: Callable[[str], Sequence[Span]]) -> tuple[str | None, bool]:
    place, is_birth = place_of(name)
    if place is not None:
        return place, is_birth
    filled = [cell.strip() for cell in cells if cell.strip()][:_SAMPLE]
    kinds = Counter[str]()
    for cell in filled:
        spans = recognise(cell)
        if len(spans) == 1 and spans[0].end - spans[0].start >= len(cell) - 1:
            kinds[class_of_type(spans[0].type)] += 1
    if kinds and len(filled) > 1:
        kind, count = kinds.most_common(1)[0]
        if count >= _MOST * len(filled):
            return kind, False
    return None, False
