"""Complete dates in text: found, read, moved by days, and written back in their own form.

Serves 45 CFR 164.514(b)(2)(i)(C) and the shifted dates of DESIGN 3.6. A date is complete when day, month and year are
there; others ("March", "3/14", "03/2024") cannot be moved and are never guessed. A year of two digits is read as within
80 years back and 20 ahead of the pivot that the caller gives. `03/04/2024` has two readings: the order comes from the
other dates of the same call, and where they contradict each other, nothing ambiguous is read.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from typing import Final

_EN: Final = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september", "october"),
    *("november", "december"),
)
_ES: Final = (
    *("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre"),
    *("noviembre", "diciembre"),
)
_SHORT: Final = {"sept": 9, "setiembre": 9} | {name[:3]: number for number, name in enumerate(_EN, start=1)}
MONTHS: Final = (
    {name: number for number, name in enumerate(_EN, start=1)}
    | {name: number for number, name in enumerate(_ES, start=1)}
    | _SHORT
)
_MONTH: Final = "|".join(sorted(MONTHS, key=len, reverse=True))
_YEAR: Final = r"(?:1[89]|20|21)\d\d"
# Inside JSON a line break before a date is written `\n`, whose letter is no word; a slash may be written `\/`.
_BEFORE: Final = r"(?:(?<![\w/.\-])|(?<=\\[nrt]))"
_AFTER: Final = r"(?![\w/\\]|[-.]\d)"
_SEPARATOR: Final = r"\\?/|-|\."
DATE: Final = re.compile(
    rf"{_BEFORE}(?:"
    rf"(?P<iy>{_YEAR})(?P<is>{_SEPARATOR})(?P<im>\d\d?)(?P=is)(?P<id>\d\d?)(?:(?=T\d\d)|{_AFTER}|(?=\\[nrt\"]))"
    rf"|(?P<na>\d\d?)(?P<ns>{_SEPARATOR})(?P<nb>\d\d?)(?P=ns)(?P<ny>{_YEAR}|(?<!\.)\d\d)(?:{_AFTER}|(?=\\[nrt\"]))"
    rf"|(?P<wm>{_MONTH})(?P<w1>\.?[ ])(?P<wd>\d\d?)(?P<wo>st|nd|rd|th)?(?P<w2>,?[ ])(?P<wy>{_YEAR})(?!\w)"
    rf"|(?P<dd>\d\d?)(?P<do>st|nd|rd|th)?(?P<d1>[ ]of[ ]|[ ]de[ ]|[ ]|-)(?P<dm>{_MONTH})"
    rf"(?P<d2>\.?,?[ ]|[ ]del?[ ]|-)(?P<dy>{_YEAR})(?!\w)"
    r")",
    re.IGNORECASE | re.ASCII,
)
LONGEST: Final = 40
_LOOK_AHEAD: Final = 4
_FIRST_YEAR: Final = 1800
_LAST_YEAR: Final = 2199


class Order(Enum):
    """How `03/04/2024` reads."""

    MONTH_FIRST = "month_first"
    DAY_FIRST = "day_first"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Found:
    """A complete date in a text: where, which day, and its match for writing another day in the same form."""

    start: int
    end: int
    day: date
    match: re.Match[str]

    def __repr__(self) -> str:
        return f"Found({self.start}, {self.end})"

    @property
    def has_whole_year(self) -> bool:
        """Whether the year has four digits; with two the text may be something else than a date."""
        return self.match["ny"] is None or len(self.match["ny"]) == 4

    def written(self, day: date, order: Order) -> str:
        """Return another day in the form of this one."""
        return _write(self.match, day, order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How dates are read in one call: the order of day and month, and the year that two digits are read around."""

    order: Order
    pivot: int

    def find(self, text: str, start: int = 0, stop: int | None = None) -> Iterator[Found]:
        """Yield the complete dates between `start` and `stop`; what stands around them is seen as context."""
        stop = len(text) if stop is None else stop
        for match in DATE.finditer(text, start, min(len(text), stop + _LOOK_AHEAD)):
            day = self.read(match)
            if day is not None and match.end() <= stop:
                yield Found(match.start(), match.end(), day, match)

    def read(self, match: re.Match[str]) -> date | None:
        """Return the day, or None when there is no such day or its reading is not sure."""
        if match["iy"] is not None:
            return _day(int(match["iy"]), int(match["im"]), int(match["id"]))
        if match["wm"] is not None:
            return _day(int(match["wy"]), MONTHS[match["wm"].lower()], int(match["wd"]))
        if match["dm"] is not None:
            return _day(int(match["dy"]), MONTHS[match["dm"].lower()], int(match["dd"]))
        first, second, year = int(match["na"]), int(match["nb"]), self._year(match["ny"])
        if first > 12:
            # Read against the order of the others it would be another day; the form could not be written back either.
            return _day(year, second, first) if self.order is not Order.MONTH_FIRST else None
        if second > 12:
            return _day(year, first, second) if self.order is not Order.DAY_FIRST else None
        if self.order is Order.UNSURE:
            return None
        return _day(year, first, second) if self.order is Order.MONTH_FIRST else _day(year, second, first)

    def _year(self, digits: str) -> int:
        year = int(digits)
        if len(digits) == 4:
            return year
        century = self.pivot - self.pivot % 100
        return next(y for y in (century + 100 + year, century + year, century - 100 + year) if y <= self.pivot + 20)


def order_of(texts: Iterable[str], default: Order = Order.MONTH_FIRST) -> Order:
    """Return the order that the unambiguous numeric dates of a call show, `default` where there is none."""
    month_first = day_first = False
    for text in texts:
        for match in DATE.finditer(text):
            if match["na"] is not None:
                day_first |= int(match["na"]) > 12 >= int(match["nb"])
                month_first |= int(match["nb"]) > 12 >= int(match["na"])
    if day_first and month_first:
        return Order.UNSURE
    if day_first:
        return Order.DAY_FIRST
    return Order.MONTH_FIRST if month_first else default


def moved(day: date, days: int) -> date | None:
    """Return the day so many days later, or None outside the years that can be written back."""
    try:
        there = day + timedelta(days=days)
    except OverflowError:
        return None
    return there if _FIRST_YEAR <= there.year <= _LAST_YEAR else None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _write(match: re.Match[str], day: date, order: Order) -> str:
    if match["iy"] is not None:
        return f"{day.year}{match['is']}{_like(match['im'], day.month)}{match['is']}{_like(match['id'], day.day)}"
    if match["wm"] is not None:
        suffix = _ordinal(day.day) if match["wo"] else ""
        name = _named(match["wm"], day.month)
        return f"{name}{match['w1']}{_worded(match['wd'], day.day)}{suffix}{match['w2']}{day.year}"
    if match["dm"] is not None:
        suffix = _ordinal(day.day) if match["do"] else ""
        name = _named(match["dm"], day.month)
        return f"{_worded(match['dd'], day.day)}{suffix}{match['d1']}{name}{match['d2']}{day.year}"
    is_day_first = int(match["na"]) > 12 or (int(match["nb"]) <= 12 and order is Order.DAY_FIRST)
    first, second = (day.day, day.month) if is_day_first else (day.month, day.day)
    year = str(day.year) if len(match["ny"]) == 4 else f"{day.year % 100:02}"
    return f"{_like(match['na'], first)}{match['ns']}{_like(match['nb'], second)}{match['ns']}{year}"


def _like(digits: str, number: int) -> str:
    """Write a number with a leading zero where the original shows that it would have one."""
    return f"{number:02}" if digits.startswith("0") or len(digits) == 2 else str(number)


def _worded(digits: str, number: int) -> str:
    """Write a day beside a month's name, where nobody writes a leading zero unless the original does."""
    return f"{number:02}" if digits.startswith("0") else str(number)


def _ordinal(number: int) -> str:
    if 10 < number < 14:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _named(model: str, month: int) -> str:
    """Return a month's name in the language, length and case of another one."""
    low = model.lower()
    names = _ES if low in _ES or low == "setiembre" else _EN
    name = names[month - 1]
    if low not in names and low != "setiembre":
        name = name[:3]
    return name.upper() if model.isupper() else name.capitalize() if model[0].isupper() else name


# ---- dates that are still coming -------------------------------------------------------------------------------------


def _coming() -> re.Pattern[str]:
    """Return what matches, at the end of a text, anything that more text could make into a complete date.

    A form is a row of atoms; its beginnings are all rows that stop early, inside an atom included.
    """
    months = sorted({name[:length] for name in MONTHS for length in range(1, len(name) + 1)}, key=len, reverse=True)
    part = "|".join(months)
    forms = (
        # a date of digits, whole or begun, with what may still show that it is none
        r"\d{1,4}(?:(?:\\/?|[-/.])(?:\d{1,2}(?:(?:\\/?|[-/.])(?:\d{1,4}(?:[-.\\]|T\d?)?)?)?)?)?",
        rf"(?:{part})",
        rf"(?:{_MONTH})\.?[ ]?",
        rf"(?:{_MONTH})\.?[ ]\d{{1,2}}(?:s|n|r|t|st|nd|rd|th)?,?[ ]?\d{{0,4}}",
        r"\d{1,2}(?:s|n|r|t|st|nd|rd|th)?[ \-]?(?:o|of|of[ ]|d|de|de[ ])?",
        rf"\d{{1,2}}(?:st|nd|rd|th)?(?:[ ]of[ ]|[ ]de[ ]|[ ]|-)(?:{part})",
        rf"\d{{1,2}}(?:st|nd|rd|th)?(?:[ ]of[ ]|[ ]de[ ]|[ ]|-)(?:{_MONTH})(?:\.?,?[ ]?|[ ]d|[ ]del?[ ]?|-)\d{{0,4}}",
    )
    return re.compile(rf"{_BEFORE}(?:{'|'.join(forms)})\Z", re.IGNORECASE | re.ASCII)


_COMING: Final = _coming()


def coming_from(text: str, start: int = 0) -> int:
    """Return where a date begins that is not complete yet, or could still change; else the length of the text."""
    found = _COMING.search(text, max(start, len(text) - LONGEST))
    # A backslash may open an escape that a date then follows.
    cut = found.start() if found is not None else len(text) - 1 if text.endswith("\\") else len(text)
    for whole in DATE.finditer(text, max(start, cut - LONGEST)):
        if whole.start() < cut < whole.end():
            return whole.start()  # what comes may be the end of one date or the start of another
    return max(start, cut)
