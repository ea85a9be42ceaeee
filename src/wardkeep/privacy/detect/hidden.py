"""Second readings of a text: what it says once a disguise is undone. Each is scanned again with all recognisers.

A maker looks for runs of one kind of disguise and says what each reads as. Around them a piece of the text is rewritten
(`normalise.rewritten`) and read again; only finds that touch a run that reads differently count, because the others
are found in the text itself. A find in an encoded run masks the whole run: half of one decodes to nothing.

45 CFR 164.514(b)(2)(i) names identifiers, not spellings: a disguised one counts. Makers are linear in the text.
"""

import codecs
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise
from typing import Final, NamedTuple

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect import encoded, spoken
from wardkeep.privacy.detect.lexicon import NAME, SAFE
from wardkeep.privacy.detect.nomination import Nomination, Reading
from wardkeep.privacy.normalise import Normalised, Piece, rewritten

_REACH: Final = 90


class Hidden(NamedTuple):
    """One second reading. `changed` are the ranges of its text that read differently."""

    reading: Normalised
    changed: Sequence[tuple[int, int]]

    def original(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the range of the source text behind a find, or None when it lies where nothing was hidden."""
        at = bisect_right(self.changed, (start, len(self.reading.text)))
        touches = at and self.changed[at - 1][1] > start
        if not touches and not (at < len(self.changed) and self.changed[at][0] < end):
            return None
        return self.reading.original(start, end)


Maker = Callable[[Reading, Sequence[int]], Iterable[Hidden | Span]]
"""Yields second readings, and spans that need none: an encoded run that reads as text hides something."""


def _around(text: str, pieces: Sequence[Piece]) -> Iterator[Hidden]:
    """Yield rewritten parts of the text, each with some of the pieces and what stands around them."""
    group: list[Piece] = []
    for piece in [*pieces, None]:
        if group and (piece is None or piece[0] - group[-1][1] > 2 * _REACH):
            begin, end = max(0, group[0][0] - _REACH), min(len(text), group[-1][1] + _REACH)
            changed, shift = [], -begin
            for start, stop, plain in group:
                changed.append((start + shift, start + shift + len(plain)))
                shift += len(plain) - (stop - start)
            reading = rewritten(text, group, begin, end)
            yield Hidden(reading, changed)
            group = []
        if piece is not None:
            group.append(piece)


def _windows(text: str, ends: Sequence[int], before: int, after: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of the text that lie around hits."""
    begin = stop = -1
    for end in ends:
        if end - before > stop:
            if stop >= 0:
                yield begin, stop
            begin = max(0, end - before)
        stop = min(len(text), end + after)
    if stop >= 0:
        yield begin, stop


# Spaced letters and digits -------------------------------------------------------------------------------------------

_SPACED: Final = (
    re.compile(r"(?<![^\W_])\S(?:[ ]{1,3}\S){3,120}(?![^\W_])"),
    *(
        re.compile(rf"(?<![^\W_])\S(?:{sign}\S){{1,60}}(?:[ ]\S(?:{sign}\S){{1,60}})*(?![^\W_])")
        for sign in (r"\.", "-", "_", r"\*", "/", r"\|", r"\+", "~", ",", "\n", "[ ]?[-*,|/][ ]")
    ),
)
_SIGNS: Final = tuple(map(frozenset, (" ", *".-_*/|+~,\n", "-*,|/")))
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_GAP: Final = re.compile(r"[ ]{2,}")


def _spaced(reading: Reading, ends: Sequence[int]) -> Iterable[Hidden | Span]:
    text = reading.text
    pieces: list[Piece] = []
    places = list(_windows(text, ends, 64, 250))
    # What stands between the letters of a hit says which forms can match there.
    lasts = [end - 1 if text[end - 1].isalnum() else end - 2 for end in ends]
    between = {text[last - 1] for last in lasts} | {text[last - 2] for last in lasts}
    for number, form in enumerate(_SPACED):
        if _SIGNS[number].isdisjoint(between):
            continue
        for found in chain.from_iterable(form.finditer(text, *place) for place in places):
            run = found[0]
            if sum(map(str.isalnum, run)) < 4:
                continue
            if number == 0:
                words = [word.replace(" ", "") for word in _GAP.split(run)]
            elif number == len(_SPACED) - 1:
                words = ["".join(c for c in run if c.isalnum())]
            else:
                words = [word[::2] for word in run.split(" ")]
            joined = " ".join(words)
            digits = "".join(filter(str.isdigit, joined))
            if joined.isdigit() and is_sequence(digits):
                continue
            pieces.append((found.start(), found.end(), _respelled(joined, reading)))
    pieces = _apart(sorted(pieces, key=lambda piece: (piece[0], -piece[1])))
    for start, end, plain in pieces:
        if _is_name(plain, reading):
            yield Span(start, end, IdentifierType.NAME, "spaced-letters")
    yield from _around(text, pieces)


def _respelled(joined: str, reading: Reading) -> str:
    joined = _HUMP.sub(" ", joined)
    return _halved(joined, reading) if joined.isupper() and joined.isalpha() and len(joined) > 6 else joined


def _is_name(plain: str, reading: Reading) -> bool:
    """Whether each word is a name and none an ordinary word."""
    words = plain.lower().split()
    return bool(words) and all(
        reading.words.get(word, 0) & NAME and not reading.words.get(word, 0) & SAFE for word in words
    )


def _halved(joined: str, reading: Reading) -> str:
    """Set a blank where a run of capitals is made of two names."""
    low = joined.lower()
    if low in reading.words:
        return joined
    for at in range(3, len(low) - 2):
        if reading.words.get(low[:at], 0) & NAME and reading.words.get(low[at:], 0) & NAME:
            return f"{joined[:at]} {joined[at:]}"
    return joined


def is_sequence(digits: str) -> bool:
    """Whether digits only count up, down, or stand still, as a scale does."""
    steps = {int(b) - int(a) for a, b in pairwise(digits)}
    return len(steps) == 1


# Numbers in words ----------------------------------------------------------------------------------------------------

_NUMBER: Final = rf"(?:(?:double|triple|doble)[ -])?(?:{spoken.NUMBER}|[0-9]{{1,4}})"
_JOINT: Final = (
    r"(?:[ ,.\n-]{0,3}(?:(?:dash|hyphen|minus|slash|barra|gui[oó]n|dot|point|punto|area code|space|y)[ ,]{1,2})?)"
)
_SPOKEN: Final = re.compile(
    rf"(?<![A-Za-z0-9])(?:{_NUMBER})(?:{_JOINT}(?:{_NUMBER})){{1,40}}(?![A-Za-z0-9])", re.IGNORECASE
)
_BORN: Final = re.compile(
    r"(?:born|birth|birthday|birthdate|dob|d\.o\.b\.?|date of service|dos|nacimiento|naci[oó]|fecha|note|dated?)\b"
    r"[^\n.]{0,24}\Z",
    re.IGNORECASE,
)
_WORDY: Final = re.compile(r"[a-z]{2}", re.IGNORECASE)


_KINDS: Final = {9: IdentifierType.SSN, 10: IdentifierType.PHONE, 11: IdentifierType.PHONE}


def _spoken(reading: Reading, ends: Sequence[int]) -> Iterable[Hidden | Span]:
    text = reading.text
    pieces: list[Piece] = []
    places = list(_windows(text, ends, 60, 200))
    for found in chain.from_iterable(_SPOKEN.finditer(text, *place) for place in places):
        if not _WORDY.search(found[0]):
            continue
        numbers = spoken.groups(found[0])
        plain = "".join(numbers)
        if _BORN.search(text, max(0, found.start() - 50), found.start()):
            plain = _as_date([n for n in numbers if n[0].isdigit()]) or plain
        digits = "".join(filter(str.isdigit, plain))
        if len(digits) > 6 and not is_sequence(digits):
            yield Span(found.start(), found.end(), _KINDS.get(len(digits), IdentifierType.OTHER), "spelled-digits")
        if len(digits) > 2:
            pieces.append((found.start(), found.end(), plain))
    yield from _around(text, pieces)


def _as_date(numbers: list[str]) -> str | None:
    numbers = list(numbers)
    parts: list[int] = []
    while numbers and len(parts) < 2:
        number = numbers.pop(0)
        if number == "0" and numbers:
            number = numbers.pop(0)
        parts.append(int(number))
    named = spoken.year(numbers)
    if len(parts) < 2 or not all(0 < p < 32 for p in parts) or min(parts) > 12 or (numbers and named is None):
        return None
    return "/".join([*map(str, parts), *([named] if named else [])])


# Letters changed for digits, digits for letters ----------------------------------------------------------------------

_TOKEN: Final = re.compile(r"(?<![\w@$!|])(?=[^\W_]*[\d@$!|])[A-Za-z@$!|\d]{3,24}(?![\w@$])")
_DOMAIN: Final = re.compile(r"[\w-]*\.[A-Za-z]")
_LEET: Final = str.maketrans("0134578@$!|", "oieastbasil")
_LEET_L: Final = str.maketrans("0134578@$!|", "oleastbasil")
_NUMERIC: Final = re.compile(
    r"(?<![A-Za-z0-9])[0-9OoIlSsBZz]{1,14}(?:[-/. ()]{1,3}[0-9OoIlSsBZz]{1,10}){0,5}(?![A-Za-z0-9])"
)
_AS_DIGITS: Final = str.maketrans("OoIlSsBZz", "001155822")


def _leet(reading: Reading, ends: Sequence[int]) -> Iterable[Hidden | Span]:
    text, words = reading.text, reading.words
    pieces: list[Piece] = []
    places = list(_windows(text, ends, 32, 32))
    for found in chain.from_iterable(_TOKEN.finditer(text, *place) for place in places):
        token = found[0]
        letters = sum(map(str.isalpha, token))
        if letters < 2 or token.isalpha() or letters * 3 < len(token):
            continue
        if "@" in token and _DOMAIN.match(text, found.end()):
            continue  # an address of e-mail, which is read as it stands
        plain = token.translate(_LEET)
        other = token.translate(_LEET_L)
        if other != plain and words.get(other.lower(), 0) and not words.get(plain.lower(), 0):
            plain = other
        if not plain.isalpha():
            continue
        named = _is_name(plain, reading)
        if not named and token.upper() == token and letters < len(token) * 0.75:
            continue  # a code: H1N1, CHA2DS2
        if named and len(token) > 3:
            yield Span(found.start(), found.end(), IdentifierType.NAME, "leet")
        if token[0].isupper() or not token[0].isalpha():
            plain = plain.upper() if token.upper() == token and letters > 1 else plain[0].upper() + plain[1:].lower()
        pieces.append((found.start(), found.end(), plain))
    for found in chain.from_iterable(_NUMERIC.finditer(text, *place) for place in places):
        run = found[0]
        digits = sum(map(str.isdigit, run))
        odd = sum(map(str.isalpha, run))
        if odd and digits > odd and digits > 2 and "/" not in run[-1:]:
            pieces.append((found.start(), found.end(), run.translate(_AS_DIGITS)))
    yield from _around(text, _apart(sorted(pieces)))


def _apart(pieces: Sequence[Piece]) -> list[Piece]:
    kept: list[Piece] = []
    for piece in pieces:
        if not kept or piece[0] >= kept[-1][1]:
            kept.append(piece)
    return kept


# Case, tags and line ends inside words -------------------------------------------------------------------------------

_WORDS: Final = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*\.?")
_ALTERNATING: Final = re.compile(
    r"[a-z][A-Z][a-z]{1,3}[A-Z]|[a-z][A-Z][A-Z]?[a-z][A-Z]|\b(?!Mc|De|Du|La|Le|Di|Mac)[A-Z][a-z][A-Z][a-z]\b"
)
_ODD: Final = re.compile(r"[a-z][A-Z]|^[A-Za-z]{1,3}\.?$")


def _cased(reading: Reading, ends: Sequence[int]) -> Iterable[Hidden | Span]:
    text = reading.text
    pieces: list[Piece] = []
    at = 0
    for end in ends:
        if end <= at:
            continue
        begin, stop = max(at, end - 80), min(len(text), end + 80)
        words = [(f.start(), f.end()) for f in _WORDS.finditer(text, begin, stop)]
        here = next((n for n, (_, b) in enumerate(words) if b >= end), None)
        if here is None or not _ALTERNATING.search(text[slice(*words[here])]):
            continue
        # The words beside it, so that a name of several words reads as one.
        first = last = here
        while first and words[first][0] - words[first - 1][1] == 1 and _ODD.search(text[slice(*words[first - 1])]):
            first -= 1
        while last + 1 < len(words) and words[last + 1][0] - words[last][1] == 1:
            if not _ODD.search(text[slice(*words[last + 1])]):
                break
            last += 1
        for a, b in words[first : last + 1]:
            plain = text[a:b].title()
            if b - a > 3 and _is_name(plain, reading):
                yield Span(a, b, IdentifierType.NAME, "mixed-case")
            pieces.append((a, b, plain))
        at = words[last][1]
    yield from _around(text, pieces)


_TAG: Final = re.compile(
    r"(?:</?(?:b|i|u|s|em|strong|span|font|wbr|mark|small|big|sub|sup|code)\b[^<>]{0,80}>|<!--[^<>]{0,80}-->)+"
    r"|(?:\*\*|~~|``|__)(?=[^\W_])|(?<=[^\W_])(?:\*\*|~~|``|__)"
)


def _tagged(reading: Reading, _ends: Sequence[int]) -> Iterable[Hidden | Span]:
    return _joined(reading.text, [(f.start(), f.end(), "") for f in _TAG.finditer(reading.text)])


_FORM: Final = re.compile(
    r"\(?\d{3}\)?[-./]?\d{3}[-.]?\d{4}|\d{3}-\d\d-\d{4}|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|\d{4}[-/]\d\d[-/]\d\d"
    r"|[A-Za-z0-9.+_-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
)
_CUE: Final = re.compile(
    r"(?:#|\bno\.?|mrn|ssn|\bid|phone|tel|cell|fax|acct|account|claim|member|nhc|dni|number|:)[ ]?[:#]?[ ]?\Z",
    re.IGNORECASE,
)


def _wrapped(reading: Reading, ends: Sequence[int]) -> Iterable[Hidden | Span]:
    """Join what a line end tore apart; what stands on both sides decides."""
    text, words = reading.text, reading.words
    pieces: list[Piece] = []
    for end in ends:
        line = text.rfind("\n", max(0, end - 16), end)
        before, after = text[max(0, line - 40) : line].rstrip(), text[line + 1 : line + 50]
        left, right = before.rsplit(None, 1)[-1:], after.lstrip(" \t>").split(None, 1)[:1]
        if line < 0 or not left or not right:
            continue
        start = max(0, line - 40) + len(before)
        stop = line + 1 + after.index(right[0])
        head, tail = left[0], right[0].rstrip(".,;:)\"'")
        plain = None
        if head[-1] == "-" and head[-2:-1].isalpha() and tail[:1].isalpha():
            start -= tail[0].islower()
            plain = ""
        elif _FORM.fullmatch((head + tail).lstrip("(\"'<")):
            plain = ""
        elif head[-1].isdigit() or head[-1] in "-./":
            cued = _CUE.search(text, max(0, start - len(head) - 20), start - len(head))
            plain = "" if cued and tail[:1].isalnum() and any(map(str.isdigit, tail)) else None
        elif head.isalpha() and tail.isalpha() and tail.islower():
            # Two halves of a name, not both of them words.
            whole = words.get((head + tail).lower(), 0)
            torn = whole & NAME and not whole & SAFE and not (words.get(head.lower()) and words.get(tail))
            plain = "" if torn else None
        if plain is not None and (not pieces or start > pieces[-1][1]):
            pieces.append((start, stop, plain))
    yield from _joined(text, pieces)


def _joined(text: str, pieces: Sequence[Piece]) -> Iterator[Hidden]:
    """Make what touches a removed gap count as changed: nothing of the gap itself is left."""
    return _around(text, [(max(0, a - 1), b, text[max(0, a - 1) : a] + plain) for a, b, plain in pieces])


_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]+")


def _controls(reading: Reading, _ends: Sequence[int]) -> Iterable[Hidden]:
    return _joined(reading.text, [(f.start(), f.end(), "") for f in _CONTROL.finditer(reading.text)])


# Quoted-printable, whole encodings, announced ones -------------------------------------------------------------------

_QUOTED: Final = re.compile(r"(?:=[0-9A-F]{2})+|=\r?\n")


def _quoted(reading: Reading, _ends: Sequence[int]) -> Iterable[Hidden]:
    pieces = []
    for found in _QUOTED.finditer(reading.text):
        plain = "" if found[0][-1] == "\n" else bytes.fromhex(found[0].replace("=", "")).decode("utf-8", "replace")
        pieces.append((found.start(), found.end(), plain))
    return _joined_or_around(reading.text, pieces)


def _joined_or_around(text: str, pieces: Sequence[Piece]) -> Iterator[Hidden]:
    widened: list[Piece] = []
    for start, stop, plain in pieces:
        begin = start if plain or (widened and widened[-1][1] == start) else max(0, start - 1)
        widened.append((begin, stop, text[begin:start] + plain))
    return _around(text, widened)


def _encoded(reading: Reading, ends: Sequence[int]) -> Iterable[Hidden | Span]:
    return _runs(reading.text, list(encoded.runs(reading.text, ends)))


def _codes(reading: Reading, _ends: Sequence[int]) -> Iterable[Hidden | Span]:
    return _runs(reading.text, list(encoded.codes(reading.text)))


def _runs(text: str, pieces: list[Piece]) -> Iterator[Hidden | Span]:
    """Read encoded runs where they stand, with the words around them, and mask each: nobody encodes what is harmless.

    A list of numbers is not that sure to be a code, so it must also read as an identifier.
    """
    for start, end, _ in pieces:
        if not all(c.isdigit() or c in " ,;:-" for c in text[start:end]):
            yield Span(start, end, IdentifierType.OTHER, "encoded")
    yield from _around(text, pieces)


_ROTATED: Final = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*")


def _rotated(reading: Reading, _ends: Sequence[int]) -> Iterable[Hidden | Span]:
    text = reading.text
    pieces = []
    for found in _ROTATED.finditer(text):
        plain = codecs.encode(found[0], "rot13")
        pieces.append((found.start(), found.end(), plain))
        if _is_name(plain, reading) and reading.words.get(found[0].lower()) is None:
            yield Span(found.start(), found.end(), IdentifierType.NAME, "rot13")
    yield from _around(text, pieces)


# A text with more of them only means to keep us busy; its lines are read from right to left all the same.
_MOST_ANNOUNCED: Final = 24
_LINES: Final = re.compile(r"[^\n]+")
_BACKWARD: Final = re.compile(r"\b[a-z][\w'.-]{1,30}[A-Z]\b")
_AFTER: Final = re.compile(
    r"(?:backwards?|reversed?|al rev[eé]s|right[- ]to[- ]left)\b[^\w\n]{0,4}(?:is |es )?[\"'(]?(\w\S*(?: \S+){0,4})",
    re.IGNORECASE,
)
_BEFORE: Final = re.compile(
    r"[ ,;:(\"']{1,4}(?:is |was |all )?(?:spelled |written |typed |read |escrito |in )?(?:it )?"
    r"(?:backwards?|reversed?|al rev[eé]s)",
    re.IGNORECASE,
)


def _reversed(reading: Reading, _ends: Sequence[int]) -> Iterable[Hidden | Span]:
    """Read each line of the text from right to left, and keep what is a name or a number then."""
    text = reading.text
    for found in _LINES.finditer(text):
        start, end = found.span()
        if end - start < 3:
            continue
        line = found[0][::-1]
        reading_back = Normalised(
            line,
            tuple(range(len(line))),
            tuple((end - at - 1, end - at) for at in range(len(line))),
        )
        changed = [
            (word.start(), word.end())
            for word in re.finditer(r"[^\W_]+(?:[-/.@][^\W_]+)*", line)
            if any(map(str.isdigit, word[0])) or "@" in word[0] or _names(word[0], reading)
        ]
        if changed:
            yield Hidden(reading_back, changed)
        for word in _BACKWARD.finditer(text, start, end):  # "htimS": nothing else is written so
            yield Span(word.start(), word.end(), IdentifierType.NAME, "reversed")
    for begin, stop in islice(_announced(text), _MOST_ANNOUNCED):
        yield from _around(text, [(begin, stop, text[begin:stop][::-1])])


def _announced(text: str) -> Iterator[tuple[int, int]]:
    """Yield what may be meant: up to four words before or after the announcement."""
    for found in _AFTER.finditer(text):
        words = found[1].split(" ")
        for count in range(1, len(words) + 1):
            run = " ".join(words[:count]).rstrip(".,;:)\"'")
            yield found.start(1), found.start(1) + len(run)
    for found in _BEFORE.finditer(text):
        stop = begin = found.start()
        for _ in range(4):
            begin = max(text.rfind(" ", 0, begin), text.rfind("\n", 0, begin))
            yield begin + 1, stop
            if begin < 0:
                break


def _names(word: str, reading: Reading) -> bool:
    flags = reading.words.get(word.lower(), 0)
    return bool(flags & NAME) and not flags & SAFE and word[::-1].lower() not in reading.words


_SAID: Final = (
    "zero|oh|one|two|three|four|five|six|seven|eight|nine|cero|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve"
)
_SAID_TEN: Final = (
    r"(?:twent|thirt|fort|fift|sixt|sevent|eight|ninet)y|\w{3,5}teen|ten|eleven|twelve"
    r"|treinta|cuarenta|cincuenta|sesenta|setenta|ochenta|noventa|veinti\w{2,6}|dieci\w{4,5}|diez|once|doce|trece|catorce|quince"
)

_Made = tuple[Nomination, Maker]


def _nothing(_reading: Reading, _end: int) -> tuple[Span, ...]:
    """Find nothing: what a maker's pattern nominates is made, not examined."""
    return ()


def _maker(rule: str, maker: Maker, expression: str, *, caseless: bool = False, once: bool = False) -> _Made:
    nomination = Nomination(rule=rule, expression=expression, examine=_nothing, caseless=caseless, once=once)
    return nomination, maker


# The patterns say where a maker has anything to look for: cheap ones that rarely match clean text.
MAKERS: Final[tuple[_Made, ...]] = (
    _maker(
        "encoded",
        _encoded,
        r"[A-Za-z0-9+/_-]{16}(?:[^A-Za-z0-9+/_-]|\z)|[A-Za-z0-9+/_-]{6}={1,2}(?:[^=A-Za-z0-9]|\z)"
        r"|\b[0-9a-fA-F]{12,15}(?:[^A-Za-z0-9]|\z)"
        r"|[A-Za-z0-9+/_-]{3}[a-z0-9][A-Z][A-Za-z0-9+/_-]{2,12}(?:[^A-Za-z0-9+/_-]|\z)",
    ),
    _maker(
        "spaced",
        _spaced,
        r"(?:^|[^A-Za-z0-9])[A-Za-z0-9](?:(?: ?[-.*_/|,+~] ?| {1,3}|\n)[A-Za-z0-9]){3}(?:[^A-Za-z0-9]|\z)",
    ),
    _maker(
        "spoken",
        _spoken,
        rf"\b(?:{_SAID})[ ,.-]{{1,2}}(?:{_SAID}|double|triple|doble|dash|guion|gui\xf3n)\b"
        rf"|\b(?:double|triple|doble) (?:{_SAID})\b"
        rf"|\b(?:{_SAID_TEN})[ -](?:y )?(?:(?:{_SAID})[ ,-]{{1,2}})?(?:{_SAID_TEN}|{_SAID})\b",
        caseless=True,
    ),
    _maker(
        "leet",
        _leet,
        r"[A-Za-z]{2}[0134578@$!|][A-Za-z]|[A-Za-z][0134578@$!|][A-Za-z]{2}|[A-Za-z][013457]{2,3}[A-Za-z]"
        r"|[A-Za-z][0134578@$!][A-Za-z]{1,3}[0134578@$!]|\b[34580][A-Za-z]{1,3}[01345][A-Za-z]"
        r"|[0-9][-./)]? ?[OoIl]{1,3}[0-9]|\b[Ol][0-9]{2}|[0-9]{2}[OoIl]{1,3}[-. )]|\b[OoIl][0-9]?/[OoIl0-9]"
        r"|[0-9][OoIl][/-][OoIl0-9]",
    ),
    _maker("cased", _cased, r"[a-z][A-Z][a-z]{1,3}[A-Z]|[A-Z][a-z][A-Z][a-z][A-Z]?|[a-z][A-Z][a-z][A-Z]"),
    _maker(
        "tagged",
        _tagged,
        r"<(?:/?(?:b|i|u|s|em|strong|span|font|wbr|mark|small|big|su[bp]|code)[ />]|!--)"
        r"|[A-Za-z0-9](?:\*\*[A-Za-z0-9]|~~[A-Za-z0-9]|``[A-Za-z0-9]|__[A-Za-z0-9])",
        once=True,
    ),
    _maker(
        "wrapped",
        _wrapped,
        r"[A-Za-z]-[ \t]*\r?\n[ \t>]*[a-zA-Z]|[0-9][-./)]?[ \t]*\r?\n[ \t>]*[-./]?[0-9]|[a-z]\r?\n[a-z]"
        r"|[@.]\r?\n[a-z]|[a-z]\r?\n[@.]",
    ),
    _maker("controls", _controls, r"[\x00-\x08\x0e-\x1f\x7f-\x9f]"),
    _maker("quoted-printable", _quoted, r"[A-Za-z0-9,.]=\r?\n|=[2-7C][0-9A-F](?:=|[A-Za-z ])", once=True),
    _maker(
        "codes",
        _codes,
        r"\b(?:(?:0x|U\+)?[0-9a-fA-F]{2,4}[ ,;:-]{1,2}){4}|(?:[01]{8}[ ,]{0,2}){3}",
        once=True,
    ),
    _maker("rot13", _rotated, r"\brot[- ]?13\b|\bcaesar (?:cipher|shift|13)", caseless=True, once=True),
    _maker(
        "reversed",
        _reversed,
        r"\b(?:spelled|spelt|written|write|typed|read|reads?|name|text|string|letters?) (?:it )?(?:in )?"
        r"(?:backwards?|reversed?)\b|\b(?:backwards?|reversed)[ ]?[:(\"=]"
        r"|\breversed? (?:of|the|name|text|string|order|this)\b|al rev[e\xe9]s"
        r"|\b(?:mirror(?:ed)?|right[- ]to[- ]left)\b",
        caseless=True,
        once=True,
    ),
)
