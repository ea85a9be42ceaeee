"""JSON trees and lines: every string, number and member name is read; numbers keep their spelling.

RFC 8259. A member's name is a cue, as a column's is. A name that identifies by itself cannot be replaced without
breaking whoever reads the file, so such a file is refused. A tree that is FHIR is read by `fhir`.
"""

import json
from collections.abc import Callable
from typing import Any, Final

import orjson

from wardkeep.privacy.errors import DocumentUnreadable
from wardkeep.privacy.formats import fhir
from wardkeep.privacy.formats.fields import Document, Field, Record, place_of
from wardkeep.privacy.formats.plain import decoded

_MOST_LEVELS: Final = 128
_LONG_NUMBER: Final = 10**6
_MAX_EXACT: Final = 2**63


def read(data: bytes, identifies: Callable[[str], bool]) -> Document:
    """Return one JSON document. `identifies` says whether a member's name does by itself. Raises DocumentUnreadable."""
    text = decoded(data)
    tree = [parsed(text, "")]
    record = Record()
    _root(tree, 0, record, identifies)
    indent = orjson.OPT_INDENT_2 if "\n" in text.strip()[:4096] else 0
    form = "fhir" if fhir.is_resource(tree[0]) else "json"
    return Document(form=form, records=[record], written=lambda: dumped(tree[0], indent) + b"\n")


def read_lines(data: bytes, identifies: Callable[[str], bool]) -> Document:
    """Return JSON lines, one record each. Raises DocumentUnreadable, which names the line."""
    records: list[Record] = []
    trees: list[list[Any]] = []
    for number, line in enumerate(decoded(data).split("\n"), start=1):
        if line.strip():
            trees.append([parsed(line, f" in line {number}")])
            records.append(Record())
            _root(trees[-1], 0, records[-1], identifies)
    is_fhir = bool(trees) and all(fhir.is_resource(tree[0]) for tree in trees)

    def written() -> bytes:
        return b"".join(dumped(tree[0], 0) + b"\n" for tree in trees)

    return Document(form="fhir lines" if is_fhir else "json lines", records=records, written=written)


def parsed(text: str, place: str) -> Any:
    """Return a JSON value; numbers that a float would spell otherwise stay as they are spelled."""
    try:
        return json.loads(text, parse_float=_number, parse_int=_integer, parse_constant=_constant)
    except (ValueError, RecursionError):
        # `from None`: the decoder's message and document would carry the text.
        raise DocumentUnreadable(f"it is not JSON{place}") from None


def dumped(tree: Any, option: int) -> bytes:
    """Return a tree as bytes. Raises DocumentUnreadable when a string is no Unicode text (RFC 8259 section 8.2)."""
    try:
        return orjson.dumps(tree, option=option)
    except (TypeError, ValueError):
        raise DocumentUnreadable("a string in it is no Unicode text, or it is nested too deeply") from None


def _number(text: str) -> object:
    return orjson.Fragment(text)


def _integer(text: str) -> object:
    if len(text) > 20:
        return orjson.Fragment(text)
    number = int(text)
    return number if abs(number) < _MAX_EXACT else orjson.Fragment(text)


def _constant(_text: str) -> object:
    raise ValueError("not a JSON number")


def _root(holder: list[Any], at: int, record: Record, identifies: Callable[[str], bool]) -> None:
    if fhir.is_resource(holder[at]):
        fhir.walk(holder[at], record)
    else:
        _walk(holder, at, None, record, identifies, 0)


def _walk(  # noqa: PLR0917 - one recursion, its state is its arguments
    holder: Any, at: Any, cue: str | None, record: Record, identifies: Callable[[str], bool], level: int
) -> None:
    value = holder[at]
    if level > _MOST_LEVELS:
        raise DocumentUnreadable("it is nested too deeply")
    if isinstance(value, dict):
        for name in value:
            if identifies(name):
                raise DocumentUnreadable("the name of a member identifies somebody, and names are not replaced")
            _walk(value, name, name, record, identifies, level + 1)
    elif isinstance(value, list):
        for number in range(len(value)):
            _walk(value, number, cue, record, identifies, level + 1)
    elif isinstance(value, str) and value:
        record.fields.append(_field(holder, at, value, cue))
        learn(record, value, cue)
    elif isinstance(value, int) and not isinstance(value, bool):
        place, _ = place_of(cue or "")
        # A dose and a laboratory value are short; a record number is not, or has a name that says so.
        if abs(value) >= _LONG_NUMBER or place is not None:
            record.fields.append(_field(holder, at, str(value), cue))
            learn(record, str(value), cue)


def _field(holder: Any, at: Any, text: str, cue: str | None) -> Field:
    def put(new: str) -> None:
        if new != text:
            holder[at] = new

    place, is_birth = place_of(cue) if cue else (None, False)
    return Field(text, put, place=place, cue=None if place else cue, is_birth=is_birth)


def learn(record: Record, text: str, cue: str | None) -> None:
    """Remember a value whose name says that it identifies the subject."""
    place, _ = place_of(cue or "")
    if place in {"NAME", "MRN", "SSN", "EMAIL", "PHONE", "HEALTH_PLAN", "ACCOUNT"} and len(text) <= 128:
        record.learn(text)
        if record.subject is None and place in {"MRN", "SSN"}:
            record.subject = text
