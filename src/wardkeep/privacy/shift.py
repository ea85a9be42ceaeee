"""Dates moved by a secret number of days: the model sees other days and the same intervals.

DESIGN 3.6, patient safety: what the model computes ("3 days after") is moved back as well. A day of the answer that
the model was shown is moved back and reads as the original did; any other one is moved back and marked, because nobody
knows whether it was computed or is general knowledge; what cannot be read surely stays as it is and is marked. The
number is whole weeks, so that weekdays stay true. Weekday names, years alone and the model's own idea of today are not
moved.

In a released data set a shifted date still is a date: only an Expert Determination covers it (45 CFR 164.514(b)(1)).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from wardkeep.privacy.dates import DATE, Found, Order, Reader, coming_from, moved, order_of

COMPUTED: Final = " [date computed by the model: check]"
HIDDEN: Final = " [shifted date: not the real one]"
UNREAD: Final = " [not shifted back: check]"
_MOST_WEEKS: Final = 52


def days_from(key_bytes: bytes, *, keep_weekdays: bool = True) -> int:
    """Return the number of days that follows from 16 or more secret bytes of one subject: never 0, at most a year.

    The bytes come from a keyed hash over the subject (interactive use, the same over turns) or from a CSPRNG.
    """
    if len(key_bytes) < 16:
        raise ValueError("a shift is drawn from at least 16 bytes")
    number = int.from_bytes(key_bytes[:16])
    unit, most = (7, _MOST_WEEKS) if keep_weekdays else (1, 7 * _MOST_WEEKS)
    size = 1 + number // 2 % most
    return unit * (size if number % 2 else -size)


def shift_of(*, days: int, shown: Mapping[str, str], order: str, pivot: int, reveals: bool) -> "DateShift":
    """Return the shift that a call's record describes, for somebody who may see the real days or not."""
    return DateShift(days=days, reader=Reader(order=Order(order), pivot=pivot), shown=shown, reveals=reveals)


class DateShift:
    """One subject's shift in one call. `shown` maps what the model was given to what stood there, as it was written.

    Without `reveals` the reader may not see the real days: every date stays as it is and is marked. Never changed once
    made; the repr shows no day.
    """

    __slots__ = ("_shown_days", "days", "reader", "reveals", "shown")

    def __init__(
        self, *, days: int, reader: Reader, shown: Mapping[str, str] | None = None, reveals: bool = True
    ) -> None:
        self.days: Final = days
        self.reader: Final = reader
        self.shown: Final = shown or {}
        self.reveals: Final = reveals
        days_shown = (reader.read(match) for text in self.shown if (match := DATE.fullmatch(text)) is not None)
        self._shown_days: Final = frozenset(day for day in days_shown if day is not None)

    def __repr__(self) -> str:
        return f"DateShift({len(self.shown)} dates)"

    def forth(self, found: Found) -> str | None:
        """Return what is shown instead of a date, or None when it would not read back surely."""
        day = moved(found.day, self.days)
        if day is None:
            return None
        text = found.written(day, self.reader.order)
        match = DATE.fullmatch(text)
        return text if match is not None and self.reader.read(match) == day else None

    def back(self, text: str, start: int = 0, stop: int | None = None, *, is_json: bool = False) -> str:
        """Return `text[start:stop]` with its dates moved back; what stands around it is context.

        In JSON a date that is the whole string is moved back without a mark, because a program reads it.
        """
        parts: list[str] = []
        at = start
        stop = len(text) if stop is None else stop
        for match in DATE.finditer(text, start):
            if match.end() > stop:
                break
            parts += (text[at : match.start()], self._back(match, is_bare=is_json and _is_whole_string(match)))
            at = match.end()
        parts.append(text[at:stop])
        return "".join(parts)

    def _back(self, match: re.Match[str], *, is_bare: bool) -> str:
        if not self.reveals:
            return match[0] + HIDDEN
        day = self.reader.read(match)
        there = None if day is None else moved(day, -self.days)
        if day is None or there is None:
            return match[0] + UNREAD
        found = Found(match.start(), match.end(), day, match)
        if match[0] in self.shown:
            return self.shown[match[0]]
        if day in self._shown_days:
            return found.written(there, self.reader.order)
        if not found.has_whole_year and "-" in match[0]:
            # "3-4-12" may be no date at all, so it is not touched.
            return match[0] + UNREAD
        return found.written(there, self.reader.order) + ("" if is_bare else COMPUTED)


def _is_whole_string(match: re.Match[str]) -> bool:
    """Whether nothing but the date stands between the quotes around it, or in the whole text."""
    text, start, end = match.string, match.start(), match.end()
    return (start == 0 or text[start - 1] == '"') and (end == len(text) or text[end] in '"T')


def complete_dates(texts: Iterable[str], *, pivot: int) -> tuple[Reader, list[list[Found]]]:
    """Return how the dates of one call are read, and the sure ones of each text.

    Dates with two-digit years are in the list too; the caller takes them only where a detector agrees.
    """
    held = list(texts)
    reader = Reader(order=order_of(held), pivot=pivot)
    return reader, [list(reader.find(text)) for text in held]


class ShiftedStream:
    """Moves the dates of a streamed text back. Any cutting gives the same concatenation as the whole text.

    Holds back only what may still become a date: at most the length of one.
    """

    __slots__ = ("_context", "_held", "_is_json", "_shift")

    def __init__(self, shift: DateShift, *, is_json: bool = False) -> None:
        self._shift = shift
        self._is_json = is_json
        self._context = ""
        self._held = ""

    def __repr__(self) -> str:
        return f"ShiftedStream({len(self._held)} characters held)"

    def feed(self, text: str) -> str:
        """Return what can be released after this piece."""
        return self._release(text, is_last=False)

    def finish(self) -> str:
        """Return what was held back."""
        return self._release("", is_last=True)

    def _release(self, text: str, *, is_last: bool) -> str:
        whole = self._context + self._held + text
        start = len(self._context)
        end = len(whole) if is_last else coming_from(whole, start)
        released = self._shift.back(whole, start, end, is_json=self._is_json)
        self._held = whole[end:]
        self._context = whole[max(0, end - 2) : end]
        return released
