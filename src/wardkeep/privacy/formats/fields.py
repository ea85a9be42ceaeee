"""What a reader makes of a file: records of fields, and the way back to bytes.

A record is what belongs together: a row, a line, a message, a bundle. What identifies its subject in one field (a
Patient resource, a PID segment, the column of names) is an exact term for all of its fields.
"""

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Final

from wardkeep.model.spans import IdentifierType

Put = Callable[[str], None]


class Role(Enum):
    """How a field's new value must look."""

    TEXT = "text"
    """Anything that reads well."""
    ID = "id"
    """A bare code, because other fields point at it."""
    DATE = "date"
    """A date in its format or nothing: a class in brackets would be no date."""
    INSTANT = "instant"
    """A moment to the second or nothing: its format has no years alone."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value. `place` is the class that its place says it is, None for free text; the repr shows no text."""

    text: str
    put: Put
    place: str | None = None
    cue: str | None = None
    role: Role = Role.TEXT
    is_birth: bool = False

    def __repr__(self) -> str:
        return f"Field({self.place}, {len(self.text)} characters)"


@dataclass(slots=True)
class Record:
    """The fields of one record, and what identifies its subject. Grows while a reader walks."""

    fields: list[Field] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    subject: str | None = None

    def __repr__(self) -> str:
        return f"Record({len(self.fields)} fields)"

    def learn(self, *terms: str) -> None:
        """Remember what identifies the subject, as exact terms for the whole record."""
        self.known += [term for term in (" ".join(each.split()) for each in terms) if len(term) > _SHORTEST_TERM]


_SHORTEST_TERM: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file that was read whole. `fields` put their new values; `written` then gives the file's bytes."""

    form: str
    records: Sequence[Record]
    written: Callable[[], bytes]


TYPES: Final = {
    "NAME": IdentifierType.NAME,
    "RELATIVE": IdentifierType.NAME,
    "HOUSEHOLD": IdentifierType.NAME,
    "PROVIDER": IdentifierType.NAME,
    "EMPLOYER": IdentifierType.ORGANIZATION,
    "FACILITY": IdentifierType.ORGANIZATION,
}

_SEPARATORS: Final = re.compile(r"[\W_]+")


@cache
def _columns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the shipped names of columns, in their order."""
    table = tomllib.loads((files("wardkeep.privacy.formats") / "columns.toml").read_text(encoding="utf-8"))
    return tuple((each["place"], re.compile("|".join(each["names"]))) for each in table["column"])


def place_of(name: str) -> tuple[str | None, bool]:
    """Return the class that the name of a column or member says its values are, and whether they are birth dates."""
    plain = _SEPARATORS.sub("", name).casefold()[:64]
    for place, pattern in _columns():
        if pattern.fullmatch(plain):
            return ("DATE", True) if place == "birth" else (place, False)
    return None, False
