"""HL7 v2 by segment and field (ER7 encoding, HL7 v2.5.1 chapters 2, 3 and 6): PID, NK1, PV1, IN1, GT1, OBX and others.

A message is a record; a file may hold several. Fields that the tables below name are what they say; every component of
every other field and segment is read as free text, and a timestamp wherever it stands is a date. What OBX-5 carries
encoded is decoded and read, or the file is refused whole.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from wardkeep.privacy.errors import DocumentUnreadable
from wardkeep.privacy.formats.fields import Document, Field, Record, Role
from wardkeep.privacy.formats.plain import decoded

# Datatypes by component, from 1: XPN/XCN names, XAD addresses, XTN telephones, CX ids, XON organisations.
_PERSON: Final = {1: "*", 2: "*", 3: "*", 4: None, 5: None, 6: None, 7: None}
_ADDRESS: Final = {1: "LOCATION", 2: "LOCATION", 3: "LOCATION", 4: "state", 5: "LOCATION", 8: "LOCATION", 9: "LOCATION"}
_PHONE: Final = {1: "PHONE", 4: "EMAIL", 6: "PHONE", 7: "PHONE", 8: "PHONE", 12: "PHONE"}


@dataclass(frozen=True, slots=True)
class _Form:
    """What the components of a field are. `place` is for those marked `*`; components not listed are read as text."""

    components: Mapping[int, str | None]
    place: str | None = None
    is_own: bool = False
    is_date: bool = False
    is_birth: bool = False


def _name(place: str, *, is_own: bool = False) -> _Form:
    return _Form(_PERSON, place, is_own)


def _number(place: str, *, is_own: bool = False) -> _Form:
    return _Form({1: "*", 4: "FACILITY", 6: "FACILITY"}, place, is_own)


def _whole(place: str, *, is_own: bool = False) -> _Form:
    return _Form({}, place, is_own)


_CLINICIAN: Final = _Form({1: "LICENSE", 2: "*", 3: "*", 4: "*", 9: "FACILITY", 14: "FACILITY"}, "PROVIDER")
_AT: Final = _Form(_ADDRESS)
_CALL: Final = _Form(_PHONE)
_WHEN: Final = _Form({}, "DATE", is_date=True)
_BORN: Final = _Form({}, "DATE", is_date=True, is_birth=True)
_SITE: Final = _Form(dict.fromkeys(range(1, 12), "*"), "FACILITY")
_ID: Final = _Form({1: "*", 2: "FACILITY", 3: "FACILITY"}, "OTHER")
_ORGANISATION: Final = _Form({1: "*", 3: "*", 10: "*"}, "FACILITY")
_WORK: Final = _Form({1: "*", 2: "*", 3: "*"}, "EMPLOYER")
_KEEP: Final = _Form({}, "keep")

FORMS: Final[dict[str, dict[int, _Form]]] = {
    "MSH": {
        **dict.fromkeys((3, 5), _KEEP), 4: _SITE, 6: _SITE, 7: _WHEN, 9: _KEEP, 10: _ID, 11: _KEEP, 12: _KEEP,
        22: _ORGANISATION, 23: _ORGANISATION, 18: _KEEP,
    },
    "EVN": {1: _KEEP, 2: _WHEN, 3: _WHEN, 5: _CLINICIAN, 6: _WHEN, 7: _SITE},
    "PID": {
        2: _number("MRN", is_own=True), 3: _number("MRN", is_own=True), 4: _number("MRN", is_own=True),
        5: _name("NAME", is_own=True), 6: _name("RELATIVE"), 7: _BORN, 8: _KEEP, 9: _name("NAME", is_own=True), 11: _AT,
        12: _whole("LOCATION"), 13: _CALL, 14: _CALL, 18: _number("ACCOUNT", is_own=True),
        19: _whole("SSN", is_own=True), 20: _number("LICENSE", is_own=True), 21: _number("MRN"), 23: _whole("LOCATION"),
        29: _WHEN, 33: _WHEN, 30: _KEEP, 24: _KEEP,
    },
    "MRG": {1: _number("MRN", is_own=True), 3: _number("ACCOUNT"), 4: _number("MRN"), 7: _name("NAME", is_own=True)},
    "PD1": {3: _ORGANISATION, 4: _CLINICIAN},
    "NK1": {
        1: _KEEP, 2: _name("RELATIVE"), 4: _AT, 5: _CALL, 6: _CALL, 8: _WHEN, 9: _WHEN, 12: _number("OTHER"), 13: _WORK,
        16: _BORN, 30: _name("RELATIVE"), 31: _CALL, 32: _AT, 33: _number("OTHER"), 37: _whole("SSN"),
    },
    "PV1": {
        1: _KEEP, 2: _KEEP, 3: _SITE, 4: _KEEP, 5: _number("ACCOUNT"), 6: _SITE, 7: _CLINICIAN, 8: _CLINICIAN,
        9: _CLINICIAN, 10: _KEEP, 11: _SITE, 17: _CLINICIAN, 19: _number("ACCOUNT", is_own=True), 39: _SITE, 42: _SITE,
        43: _SITE, 44: _WHEN, 45: _WHEN, 50: _number("ACCOUNT"), 52: _CLINICIAN,
    },
    "PV2": {8: _WHEN, 9: _WHEN, 13: _CLINICIAN, 23: _ORGANISATION},
    "IN1": {
        1: _KEEP, 4: _ORGANISATION, 5: _AT, 6: _name("RELATIVE"), 7: _CALL, 8: _whole("HEALTH_PLAN"), 9: _WORK,
        10: _number("HEALTH_PLAN"), 11: _WORK, 12: _WHEN, 13: _WHEN, 16: _name("RELATIVE"), 18: _BORN, 19: _AT,
        24: _WHEN, 26: _WHEN, 29: _WHEN, 30: _CLINICIAN, 36: _whole("HEALTH_PLAN", is_own=True), 44: _AT,
        49: _number("HEALTH_PLAN", is_own=True), 52: _whole("LOCATION"),
    },
    "IN2": {
        1: _number("HEALTH_PLAN"), 2: _whole("SSN"), 3: _Form({1: "*", 2: "*"}, "EMPLOYER"), 6: _whole("HEALTH_PLAN"),
        8: _whole("HEALTH_PLAN"), 61: _number("HEALTH_PLAN"), 63: _CALL, 64: _CALL, 69: _WORK, 70: _WORK,
    },
    "GT1": {
        1: _KEEP, 2: _number("ACCOUNT"), 3: _name("RELATIVE"), 4: _name("RELATIVE"), 5: _AT, 6: _CALL, 7: _CALL,
        8: _BORN, 12: _whole("SSN"), 13: _WHEN, 14: _WHEN, 16: _Form({1: "*", 2: "*"}, "EMPLOYER"), 17: _AT, 18: _CALL,
        19: _number("OTHER"), 21: _WORK, 51: _WORK,
    },
    "ORC": {
        1: _KEEP, 2: _ID, 3: _ID, 4: _ID, 5: _KEEP, 9: _WHEN, 10: _CLINICIAN, 11: _CLINICIAN, 12: _CLINICIAN, 13: _SITE,
        14: _CALL, 15: _WHEN, 21: _ORGANISATION, 22: _AT, 23: _CALL,
    },
    "OBR": {
        1: _KEEP, 2: _ID, 3: _ID, 6: _WHEN, 7: _WHEN, 8: _WHEN, 10: _CLINICIAN, 14: _WHEN, 16: _CLINICIAN, 17: _CALL,
        22: _WHEN, 25: _KEEP, 28: _CLINICIAN, 32: _CLINICIAN, 33: _CLINICIAN, 34: _CLINICIAN, 35: _CLINICIAN, 36: _WHEN,
    },
    "OBX": {
        1: _KEEP, 2: _KEEP, 3: _KEEP, 6: _KEEP, 7: _KEEP, 8: _KEEP, 11: _KEEP, 14: _WHEN, 16: _CLINICIAN, 18: _ID,
        19: _WHEN, 23: _ORGANISATION, 24: _AT, 25: _CLINICIAN,
    },
    "DG1": {1: _KEEP, 2: _KEEP, 3: _KEEP, 5: _WHEN, 6: _KEEP, 16: _CLINICIAN, 19: _WHEN},
    "TXA": {
        1: _KEEP, 2: _KEEP, 4: _WHEN, 5: _CLINICIAN, 6: _WHEN, 7: _WHEN, 8: _WHEN, 9: _CLINICIAN, 10: _CLINICIAN,
        11: _CLINICIAN, 12: _ID, 13: _ID, 14: _ID, 15: _ID, 22: _CLINICIAN,
    },
    "FHS": {4: _SITE, 6: _SITE, 7: _WHEN, 9: _ID, 11: _ID},
    "BHS": {4: _SITE, 6: _SITE, 7: _WHEN, 9: _ID, 11: _ID},
}  # fmt: skip
_TIMESTAMP: Final = re.compile(
    r"(?:1[89]|20|21)\d\d(?:0[1-9]|1[0-2])(?:(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])?(?:[0-5]\d){0,2}(?:\.\d{1,4})?)?(?:[+-]\d{4})?"
)
_HEADERS: Final = ("MSH", "FHS", "BHS")
_SEGMENT: Final = re.compile(r"[A-Z][A-Z0-9]{2}")
# Table 0203: what a CX number is by its type in component 5, whatever field it stands in.
_NUMBER_TYPES: Final = {
    "SS": "SSN", "DL": "LICENSE", "NPI": "LICENSE", "MR": "MRN", "PI": "MRN", "PT": "MRN", "AN": "ACCOUNT",
    "VN": "ACCOUNT", "MB": "HEALTH_PLAN", "SN": "HEALTH_PLAN", "MC": "HEALTH_PLAN", "MA": "HEALTH_PLAN",
}  # fmt: skip
# Segments about who somebody is: what no table names there and looks like a number counts as one.
_ABOUT_PEOPLE: Final = frozenset({"PID", "PD1", "MRG", "NK1", "IN1", "IN2", "IN3", "GT1"})
_NUMBERLIKE: Final = re.compile(r"(?=.*\d)[\w./#-]{5,}")
_READABLE: Final = frozenset({"TEXT", "TX", "PLAIN", "HTML", "XML", "RTF", ""})


def looks_like(data: bytes) -> bool:
    """Whether the bytes begin as an HL7 v2 message or batch."""
    return re.match(rb"(?:\xef\xbb\xbf)?[\x0b\s]*(?:MSH|FHS|BHS)[^\w\s]", data) is not None


def read(data: bytes) -> Document:
    """Return a file of one or more messages.

    Raises:
        DocumentUnreadable: it does not begin with a header, a line is no segment, or encoded content cannot be decoded.
    """
    text = decoded(data).replace("\x0b", "").replace("\x1c", "")
    ending = "\r" if "\r" in text and "\n" not in text else "\r\n" if "\r\n" in text else "\n" if "\n" in text else "\r"
    segments: list[_Segment] = []
    records: list[Record] = []
    marks = ""
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if not line.strip():
            continue
        if line.startswith(_HEADERS):
            if len(line) < 8 or len(set(line[3:8])) != 5:
                raise DocumentUnreadable(f"the header in line {number} does not name its separators")
            marks = line[3:8]
            if not records or line.startswith("MSH"):
                records.append(Record())
        if not marks or _SEGMENT.match(line) is None or line[3:4] not in {marks[:1], ""}:
            raise DocumentUnreadable(f"line {number} is no segment")
        segment = _Segment(line, marks)
        segments.append(segment)
        segment.read(records[-1], number)
    if not segments:
        raise DocumentUnreadable("it holds no message")

    def written() -> bytes:
        return (ending.join(map(str, segments)) + ending).encode()

    return Document(form="hl7 v2", records=records, written=written)


class _Segment:
    """One segment as a tree of repeats and components that can be written again."""

    def __init__(self, line: str, marks: str) -> None:
        self.field_mark, self.component_mark, self.repeat_mark = marks[0], marks[1], marks[2]
        self.escape_mark, self.part_mark = marks[3], marks[4]
        self.kind, *fields = line.split(self.field_mark)
        # In a header the separator itself is field 1 and the other marks are field 2; they stay as they are.
        self.first = 2 if self.kind in _HEADERS else 1
        self.head = fields[:1] if self.kind in _HEADERS else []
        self.fields = [
            [repeat.split(self.component_mark) for repeat in each.split(self.repeat_mark)]
            for each in fields[len(self.head) :]
        ]

    def __str__(self) -> str:
        fields = [
            self.repeat_mark.join(self.component_mark.join(repeat) for repeat in repeats) for repeats in self.fields
        ]
        return self.field_mark.join([self.kind, *self.head, *fields])

    def read(self, record: Record, line: int) -> None:
        """Add every component to the record. Raises DocumentUnreadable."""
        forms = FORMS.get(self.kind, {})
        offset = self.first + len(self.head) if self.kind in _HEADERS else 1
        for position, repeats in enumerate(self.fields):
            number = position + offset
            form = forms.get(number)
            for components in repeats:
                if self.kind == "OBX" and number == 5:
                    self.observed(components, record, line)
                elif form is None:
                    self.free(components, record)
                elif form is not _KEEP:
                    self.formed(components, form, record)
                else:
                    self.kept(components, record)

    def formed(self, components: list[str], form: _Form, record: Record) -> None:
        if form.is_own and form.place == "NAME":
            family, given, *_ = (*(self.plain(each) for each in components[:2]), "", "")
            record.learn(f"{given} {family}", family, given)
        elif form.is_own:
            record.learn(self.plain(components[0]))
            if record.subject is None and form.place == "MRN":
                record.subject = self.plain(components[0]) or None
        typed = _NUMBER_TYPES.get(components[4]) if len(components) > 4 and form.components.get(1) == "*" else None
        for at, component in enumerate(components):
            if not component:
                continue
            place = form.components.get(at + 1, "free") if form.components else form.place
            if place == "*":
                place = typed if typed is not None and at == 0 else form.place
            if form.is_date:
                self.add(components, at, record, "DATE", is_birth=form.is_birth)
            elif place in {"free", None}:
                self.free_at(components, at, record)
            elif place != "state":
                self.add(components, at, record, place)

    def observed(self, components: list[str], record: Record, line: int) -> None:
        """OBX-5 by the type in OBX-2: numbers stay, text is read, what is encoded is decoded and read."""
        kind = self.fields[1][0][0] if len(self.fields) > 1 else ""
        if kind in {"NM", "SN"} and all(re.fullmatch(r"[<>=+\-:./\d ]{0,24}", each) for each in components):
            return
        if kind == "RP":
            raise DocumentUnreadable(f"line {line} points at content outside the file")
        if kind == "ED":
            self.encoded(components, record, line)
            return
        if kind in {"DT", "TS", "DTM"}:
            self.formed(components, _WHEN, record)
            return
        if kind in {"XPN", "PN"}:
            self.formed(components, _name("NAME"), record)
            return
        if kind in {"XCN", "CN"}:
            self.formed(components, _CLINICIAN, record)
            return
        if kind in {"XAD", "AD"}:
            self.formed(components, _AT, record)
            return
        if kind in {"XTN", "TN"}:
            self.formed(components, _CALL, record)
            return
        if kind in {"CX", "CK"}:
            self.formed(components, _number("OTHER"), record)
            return
        self.free(components, record)

    def encoded(self, components: list[str], record: Record, line: int) -> None:
        source, kind, subtype, coding, data = (*components, *[""] * 5)[:5]
        del source
        if kind.upper() not in _READABLE or subtype.upper() not in _READABLE:
            raise DocumentUnreadable(f"line {line} holds content of a type that cannot be read here")
        if coding.casefold() != "base64":
            self.free(components, record)
            return
        try:
            text = base64.b64decode(data, validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            raise DocumentUnreadable(f"line {line} holds content that is not base64 of UTF-8 text") from None

        def put(new: str) -> None:
            components[4] = base64.b64encode(new.encode()).decode("ascii")

        if text:
            record.fields.append(Field(text, put))

    def free(self, components: list[str], record: Record) -> None:
        for at in range(len(components)):
            if components[at]:
                self.free_at(components, at, record)

    def free_at(self, components: list[str], at: int, record: Record) -> None:
        if _TIMESTAMP.fullmatch(components[at]) is not None:
            self.add(components, at, record, "DATE")
        else:
            is_number = self.kind in _ABOUT_PEOPLE and _NUMBERLIKE.fullmatch(components[at]) is not None
            self.add(components, at, record, "OTHER" if is_number else None)

    def kept(self, components: list[str], record: Record) -> None:
        """Read even what is kept where it is longer than a code: somebody may have written a sentence there."""
        for at, component in enumerate(components):
            if len(component) > 24 or " " in component:
                self.free_at(components, at, record)

    def add(self, components: list[str], at: int, record: Record, place: str | None, *, is_birth: bool = False) -> None:
        plain = self.plain(components[at])
        is_time = place == "DATE" and _TIMESTAMP.fullmatch(plain) is not None
        if is_time:
            record.fields.append(Field(_iso(plain), _put_time(components, at), "DATE", None, Role.DATE, is_birth))
        elif plain.strip() and plain != '""':

            def put(new: str) -> None:
                components[at] = self.escaped(new)

            record.fields.append(Field(plain, put, place, None, Role.TEXT, is_birth))

    def plain(self, text: str) -> str:
        """Return a component as it reads: HL7 v2.5.1 section 2.7."""
        if self.escape_mark not in text:
            return text
        mark = re.escape(self.escape_mark)
        known = {"F": self.field_mark, "S": self.component_mark, "T": self.part_mark, "R": self.repeat_mark}
        known |= {"E": self.escape_mark, ".br": "\n", ".sp": "\n"}

        def one(found: re.Match[str]) -> str:
            code = found[1]
            if code.startswith("X"):
                try:
                    return bytes.fromhex(code[1:]).decode("utf-8")
                except ValueError:
                    return found[0]
            return known.get(code, found[0])

        return re.sub(rf"{mark}([A-Za-z.][0-9A-Za-z+]{{0,40}}){mark}", one, text)

    def escaped(self, text: str) -> str:
        """Return a text as a component may hold it."""
        out = []
        marks = {self.escape_mark: "E", self.field_mark: "F", self.component_mark: "S", self.repeat_mark: "R"}
        marks |= {self.part_mark: "T"}
        for character in text:
            if character in marks:
                out.append(f"{self.escape_mark}{marks[character]}{self.escape_mark}")
            elif character in "\r\n":
                out.append(f"{self.escape_mark}.br{self.escape_mark}")
            else:
                out.append(character)
        return "".join(out)


def _iso(stamp: str) -> str:
    """Write an HL7 timestamp as the rest of `privacy` reads dates: `20240314102000` as `2024-03-14T10:20:00`."""
    digits = re.match(r"\d*", stamp)
    assert digits is not None
    plain, rest = digits[0], stamp[digits.end() :]
    day = "-".join(part for part in (plain[:4], plain[4:6], plain[6:8]) if part)
    time = ":".join(part for part in (plain[8:10], plain[10:12], plain[12:14]) if part)
    return day + (f"T{time}" if time else "") + rest


def _put_time(components: list[str], at: int) -> Callable[[str], None]:
    def put(new: str) -> None:
        day, _, time = new.partition("T")
        components[at] = day.replace("-", "") + time.replace(":", "") if day[:4].isdigit() else new

    return put
