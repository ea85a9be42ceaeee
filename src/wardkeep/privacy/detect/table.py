"""Cells of a table under a heading that says what they are: 45 CFR 164.514(b)(2)(i), any of its elements.

Tables in Markdown and values separated by commas, semicolons, tabs or bars. A cell has no sentence around it that would
tell; its column does. A heading that names people and things alike ("name") counts where another one is a person's.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.lexicon import NAME, SAFE
from wardkeep.privacy.detect.nomination import Nomination, Reading
from wardkeep.privacy.detect.wording import word_set

_PEOPLE: Final = word_set(
    "patient pt patientname ptname last lastname first firstname surname givenname familyname fullname member "
    "membername subscriber client resident guarantor emergencycontact nextofkin nombre nombres apellido apellidos "
    "paciente student mother father parent guardian spouse caregiver donor recipient provider pcp attending "
    "physician doctor clinician clin nurse surgeon signedby author therapist facilitator medico m\xe9dico aide rn "
    "md dr"
)
_EITHER: Final = word_set("name contact who")
_CODES: Final = word_set(
    "mrn chart chartno patientid ptid memberid acct account accountno acctno policy policyno ssn subscriberid "
    "claimno accession badge user username userid login usuario nhc dni expediente medicalrecord "
    "medicalrecordnumber recordno"
)
_DATES: Final = word_set(
    "dob birthdate dateofbirth date dos admit admitted adm admission discharge appt nextappt appointment visit "
    "lastvisit lastseen fecha fnac fechanac nacimiento ingreso alta"
)
_AGES: Final = word_set("age edad")
_PLACES: Final = word_set(
    "address street city town zip zipcode county direccion direcci\xf3n ciudad municipio hometown gps"
)
_SITES: Final = word_set("facility hospital clinic school employer")
_CONTACTS: Final = word_set("phone tel telephone mobile fax telefono tel\xe9fono")
_OF_A_PERSON: Final = _PEOPLE | _CODES | _AGES | word_set("dob birthdate dateofbirth fnac nacimiento room bed")
_KINDS: Final = {
    **dict.fromkeys(_PEOPLE | _EITHER, IdentifierType.NAME),
    **dict.fromkeys(_CODES, IdentifierType.OTHER),
    **dict.fromkeys(_DATES, IdentifierType.DATE),
    **dict.fromkeys(_AGES, IdentifierType.AGE),
    **dict.fromkeys(_PLACES, IdentifierType.LOCATION),
    **dict.fromkeys(_SITES, IdentifierType.ORGANIZATION),
    **dict.fromkeys(_CONTACTS, IdentifierType.PHONE),
}
_SAYS_NOTHING: Final = word_set("none unknown n/a na tbd null nil self same pending yes no new male female m f - -- x")
_DATE: Final = re.compile(r"\d{1,4}[-/.]\d{1,2}(?:[-/.]\d{1,4})?")
_OLD: Final = re.compile(r"9\d|1[0-2]\d")
_HEADING: Final = re.compile(r"[^\W\d_]+")
_WORD: Final = re.compile(r"[^\W\d_]+")
_FEWEST_COLUMNS: Final = 3
_LONGEST_HEADING: Final = 28
_LONGEST_CELL: Final = 80

Cell = tuple[int, int]
"""Where a cell's text begins and ends, in its line."""


def _tables(reading: Reading, _end: int) -> Iterable[Span]:
    sign, kinds = "", list[IdentifierType | None]()
    at = 0
    for line in reading.text.split("\n"):
        cells = _cells(line, sign) if sign else []
        if sign and len(cells) >= _FEWEST_COLUMNS:
            if abs(len(cells) - len(kinds)) <= 1:
                for (start, end), kind in zip(cells, kinds, strict=False):
                    if kind is not None and _tells(line[start:end], kind, reading):
                        yield Span(at + start, at + end, kind, "table")
        else:
            sign, kinds = _heading(line)
        at += len(line) + 1


def _heading(line: str) -> tuple[str, list[IdentifierType | None]]:
    """Return what separates the cells of a table that begins with this line, and what its columns hold."""
    for sign in "|\t;,":
        if line.count(sign) < _FEWEST_COLUMNS - 1:
            continue
        cells = [line[start:end] for start, end in _cells(line, sign)]
        if len(cells) < _FEWEST_COLUMNS or any(len(cell) > _LONGEST_HEADING for cell in cells):
            continue
        names = ["".join(_HEADING.findall(cell.lower())) for cell in cells]
        if _OF_A_PERSON.isdisjoint(names):
            continue
        return sign, [_KINDS.get(name) for name in names]
    return "", []


def _cells(line: str, sign: str) -> list[Cell]:
    """Return the cells of a line, without quotation marks and blanks around them."""
    if sign == "|" and line.lstrip().startswith("|"):
        first = line.index("|") + 1
        last = line.rstrip().rfind("|")
        return [_trimmed(line, start, end) for start, end in _split(line, sign, first, max(last, first))]
    return [_trimmed(line, start, end) for start, end in _split(line, sign, 0, len(line))]


def _split(line: str, sign: str, begin: int, stop: int) -> Iterator[Cell]:
    start, quoted = begin, False
    for at in range(begin, stop):
        if line[at] == '"':
            quoted = not quoted
        elif line[at] == sign and not quoted:
            yield start, at
            start = at + 1
    yield start, stop


def _trimmed(line: str, start: int, end: int) -> Cell:
    while start < end and line[start] in ' "*_`':
        start += 1
    while end > start and line[end - 1] in ' "*_`\r':
        end -= 1
    return start, end


def _tells(cell: str, kind: IdentifierType, reading: Reading) -> bool:
    """Whether a cell holds what its column is for."""
    if not 0 < len(cell) <= _LONGEST_CELL or cell.lower() in _SAYS_NOTHING or not any(map(str.isalnum, cell)):
        return False
    digits = sum(map(str.isdigit, cell))
    if kind is IdentifierType.DATE:
        return _DATE.fullmatch(cell) is not None
    if kind is IdentifierType.AGE:
        return _OLD.fullmatch(cell) is not None
    if kind is IdentifierType.NAME:
        return not digits and not _is_plain(_WORD.findall(cell), reading)
    if kind is IdentifierType.OTHER:
        return digits > 1 or (not cell.isalpha() and " " not in cell)
    if kind is IdentifierType.PHONE:
        return digits > 3
    return not _is_plain(_WORD.findall(cell), reading) or digits > 3


def _is_plain(words: Sequence[str], reading: Reading) -> bool:
    """Whether words in lower case are all explained without a person, or nothing is left of them."""
    if not words or all(len(word) == 1 for word in words):
        return True
    return all(word.islower() for word in words) and all(
        reading.words.get(word, 0) & SAFE and not reading.words.get(word, 0) & NAME for word in words
    )


NOMINATIONS: Final = (
    Nomination(
        rule="table",
        expression=r"(?:^|[\n|,;\t])[ \"*]{0,3}(?:last|first|sur|given|family|full|patient|pt|member)?[ _]?"
        r"(?:name|patient|pt|last|first|surname|member|client|resident|provider|pcp|attending|age|edad|mrn|chart|dob|nombre|paciente)"
        r"[ \"*]{0,3}[|,;\t]",
        examine=_tables,
        caseless=True,
        once=True,
    ),
)
