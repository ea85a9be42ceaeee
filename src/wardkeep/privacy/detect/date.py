"""Dates, all elements but the year: 45 CFR 164.514(b)(2)(i)(C).

English and Spanish words, ISO 8601, HL7 time stamps, day or month first, spoken, and holidays that fix a day.
A year alone, a weekday alone, a time of day and a fraction (`5/5`, `120/80`) are not dates. A date of two numbers needs
something that says so: a word or a time of day beside it, or other dates in the same text.
"""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect import spoken
from wardkeep.privacy.detect.nomination import Nomination, Reading, covering
from wardkeep.privacy.detect.wording import word_set

_MONTHS: Final = (
    "january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr"
    "|jun|jul|aug|sept|sep|oct|nov|dec"
    "|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|setiembre|octubre|noviembre|diciembre|ene|abr|ago|dic"
)
_WEEKDAY: Final = (
    r"(?:mon|tues?|wed(?:nes)?|weds|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?|wensday"
    r"|lunes|martes|mi[e\xe9]rcoles|jueves|viernes|s[a\xe1]bado|domingo|lun|mi[e\xe9]|jue|vie|s[a\xe1]b|dom"
)
_YEAR: Final = r"(?:1[89]|20|21)\d\d"
_CLOCK: Final = r"(?:[T@]\d{1,2}:?\d\d(?::?\d\d(?:\.\d+)?)?(?:Z|[ ]?[+-]\d\d:?\d\d)?)?"
_NUMERIC: Final = re.compile(
    r"(?<![^\W_])(?<!\d[/.])(?<![A-Za-z]\.)(?:"
    rf"(?P<y>{_YEAR})(?P<s>[-/.])(?P<m>0?[1-9]|1[0-2])(?P=s)(?P<d>0?[1-9]|[12]\d|3[01])"
    rf"{_CLOCK}"
    rf"|(?P<a>0?[1-9]|[12]\d|3[01])(?P<t>[ ]?[-/.][ ]?)(?P<b>0?[1-9]|[12]\d|3[01])(?P=t)(?:{_YEAR}|\d\d){_CLOCK})"
    r"(?![^\W_]|/|[.]\d|-\d(?!\d?[/-]\d))"
)
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th|\xba|\xaa)?"
_ORDINAL: Final = (
    "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth"
    "|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth"
)
_SAID: Final = rf"(?:(?:(?:twenty|thirty)[ -])?(?:{_ORDINAL})|primero|{spoken.NUMBER})"
_SAID_YEAR: Final = (
    rf"(?:[ ,]{{1,2}}(?:de[l]?[ ])?(?:(?:nineteen|twenty|eighteen|two thousand(?: and)?|dos mil)"
    rf"(?:[ -](?:{spoken.TEN}|oh)?[ -]?(?:{spoken.NUMBER})?)?))?"
)
_ENDING: Final = (
    rf"(?:(?:,?[ ]|[ ]of[ ]|,?[ ]del?[ ]|-|/|[ ]?')?(?:{_YEAR}(?!\d))|[ ]?['/-]\d\d(?!\d)"
    r"|(?<=\d[A-Za-z]{3})\d\d(?!\d))?"
)
_WORDED: Final = re.compile(
    rf"(?<![A-Za-z0-9])(?:(?:{_WEEKDAY})[.,]?[ ](?:the )?)?(?:"
    # day before month, also ranges: 14 March, the 14th of March, 5/dic/25, 16 Jun-3 Jul
    rf"(?:(?:{_DAY}[ ]?(?:-|to|al?)[ ]?)?{_DAY}(?:[ ]{{1,2}}|[ ]of[ ]|[ ]de[ ]|-|[ ]?/"
    rf"|\.[ ]?)?(?:{_MONTHS})(?![a-z\xe1-\xfa])\.?"
    rf"(?:[ ]\d\d(?![\w:/%.-]|[ ]?(?:y/?o|mg|f|m|years?|min|days?)\b)|{_ENDING})"
    rf"(?:(?<=\d)(?::\d\d:\d\d:\d\d(?:[ ][+-]\d{{4}})?|{_CLOCK}))?)"
    # month before day
    rf"|(?:{_MONTHS})(?![a-z\xe1-\xfa])\.?"
    rf"(?:(?:[ ]{{1,2}}(?:the )?|-|/|,[ ]?){_DAY}(?![\d/:%]|\.\d|[ ]?(?:mg|mcg|ml"
    rf"|percent)\b)(?:[ ]?-[ ]?{_DAY}(?![\d/-]))?)?"
    rf"{_ENDING}(?:(?<=\d){_CLOCK})?)",
    re.IGNORECASE,
)
_SPOKEN: Final = re.compile(
    rf"(?<![A-Za-z])(?:(?:{_WEEKDAY})[.,]?[ ](?:the )?)?(?:(?:the )?{_SAID}[ ](?:of |de )?(?:{_MONTHS})"
    rf"|(?:{_MONTHS})[ ](?:the )?{_SAID})(?![a-z]){_SAID_YEAR}",
    re.IGNORECASE,
)
# "the 6th of November", "mid-August 2025": what narrows or leads to a date is read with it.
_BEFORE: Final = re.compile(r"\b(?:the[ ]|(?:early|mid|late)[ -])\Z")
_SAID_WORDS: Final = frozenset([*_ORDINAL.split("|"), *spoken.NUMBER.split("|"), "primero"])
_CODE: Final = re.compile(r"(?:SEP|MAR|DEC|JUN|MAY)[-, ]{1,2}\d")
_NOT_MONTH: Final = re.compile(r"\s?(?:\d+\s?-\s?FU|criteria|clinic|protocol)", re.IGNORECASE)
_TWO_NUMBERS: Final = re.compile(
    rf"(?<![\w/.-])(?:0?[1-9]|1[0-2])[/-]{_YEAR}(?![\w/-])|(?<![\w/.-]){_YEAR}[-/](?:0[1-9]|1[0-2])(?![\w/-])"
    r"|(?<![\w/.-])(?:(?P<a>0?[1-9]|[12]\d|3[01])(?P<s>[/-])(?P<b>0?[1-9]|[12]\d|3[01]))(?![\w%/]|[.]\d"
    r"|-\d(?!\d?/\d)|-[A-Za-z])"
)
_NEXT_WORD: Final = re.compile(r"[ ]?-?([^\W\d_]+|%)")
_WEEKDAYS: Final = word_set(
    "mon tue tues wed weds thu thur thurs fri sat sun monday tuesday wednesday wensday thursday friday saturday "
    "sunday lunes martes mi\xe9rcoles miercoles jueves viernes s\xe1bado sabado domingo lun mi\xe9 jue vie s\xe1b "
    "dom"
)
# The last word before two numbers says what they are; sets, because an alternation would be tried at every character.
_SAYS_DATE: Final = _WEEKDAYS | word_set(
    "on date dated since until till til from by before after dob dos born bday seen visit scheduled appt appts "
    "appointment follow-up followup f/u fu recheck admit admitted adm admission discharge discharged disch d/c "
    "d/c'd dc dc'd start started stop stopped through thru between starting ending due surgery lmp edd exp "
    "expires expired drawn sent collected next last uds missed injury fell fall onset done refill lab labs echo "
    "mri ct xr cx bcx ucx bx cath tee eeg proned return rtc see now back reviewed rec'd recd called paged intake "
    "court hearing note msg wedding delivered delivery procedure proc op epidural extubated intubated desde hasta "
    "el del fecha ingreso alta cita control pr\xf3x pr\xf3xima prox proxima nacido nacida naci\xf3 nacimiento "
    "visto qx am vom bis seit ti today hoy ayer yesterday tomorrow"
)
_SAYS_FRACTION: Final = word_set(
    "strength power nippv motor reflex reflexes dtr dtrs murmur gcs mmse moca phq gad score scored scores scale "
    "pain apgar apgars vision va od os ou bp ratio grade bipap cpap ipap vent ps simv psv peep dose tab tabs "
    "pulse pulses glasgow eva ecog asa nihss mrs kps bishop node nodes mg fuerza soplo dolor rass sem stage type "
    "class lue rue lle rle delt bicep tricep quad grip hip knee ankle dorsi plantar"
)
_TIME_AFTER: Final = re.compile(
    r",?[ ]{1,2}(?:(?:at|@|a las|around)[ ]?)?(?:[01]?\d|2[0-3])(?::[0-5]\d|[0-5]\d(?!\d|\.\d|[ ]?(?:mg|ml|mcg"
    r"|units|kcal|g)\b)|[ ]?[ap]m?\b)",
    re.IGNORECASE,
)
_FRACTION_AFTER: Final = word_set(
    "strength murmur sem systolic node nodes pain tab tabs tablet tablets of positive pos bilat power reflex in "
    "cup cups dose week weeks wk wks day days month months year years yr yrs hour hours hr hrs time times doses "
    "mg ml mcg cm mm min unit units x scale throughout puntos veces"
)
_USUAL_WHOLES: Final = frozenset({2, 3, 4, 5, 6, 8, 10})
_WHOLES: Final = frozenset({15, 20, 21, 27, 30})
_ANCHOR: Final = re.compile(
    rf"\b{_YEAR}\b|\d/\d{{1,2}}/\d\d|\b(?:mon|tues?|wed|thurs?|fri|sat|sun)(?:day)?\b", re.IGNORECASE
)
_STAMP: Final = re.compile(
    r"(?<![^\W_])(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    r"(?:T?(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\.\d{1,4})?)?)?(?:[+-]\d{4})?Z?(?![^\W_])"
)
_COMPACT: Final = re.compile(
    r"[\s:#\"'=.]{0,6}(?:is |was |of )?((?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?:\d{4,6})?"
    r"|(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?:(?:19|20)\d\d|\d\d)|(?:0?[1-9]|[12]\d|3[01])[ .](?:0?[1-9]|[12]\d"
    r"|3[01])[ .](?:(?:19|20)\d\d|\d\d))(?!\w)",
    re.IGNORECASE,
)
_ROMAN: Final = re.compile(
    r"(?<![\w.])(?:0?[1-9]|[12]\d|3[01])[ .-](?:I{1,3}|IV|VI{0,3}|IX|XI{0,2})(?:[ .-](?:19|20)\d\d)(?!\w)"
)
_MONTH_CUE: Final = re.compile(
    r"\b(?:in|since|by|until|till?|from|last|this|next|early|late|mid|of|between|and|through|during|before|after"
    r"|end of|"
    r"en|desde|hasta|de|finales de|mediados de|due in|seit|mitte)[ -]\Z",
    re.IGNORECASE,
)
_AMBIGUOUS: Final = frozenset(
    {"may", "march", "mar", "sep", "dec", "jan", "jun", "august", "april", "june", "ago", "ene"}
)
_ANY_DAY: Final = r"(?:[12]\d|3[01]|[1-9])"
_NTH: Final = re.compile(
    r"(?:(?:(?<=\bon )|(?<=\bsince )|(?<=\buntil )|(?<=\btill )|(?<=\btil )|(?<=\bby )|(?<=\bbefore )|(?<=\bafter )"
    rf"|(?<=\bfrom )|(?<=\bout )|(?<=morrow, ))the[ ]{_ANY_DAY}(?:st|nd|rd|th)"
    rf"|\b(?:{_WEEKDAY}),?[ ](?:the[ ])?{_ANY_DAY}(?:st|nd|rd|th|(?=[ ]?[.,;)\n]|[ ](?:con|a)\b)))(?![\w-]|[.:]\d)"
    r"(?=[ ]?(?:[.,;:?!)]|\Z|\n|at\b|for\b|with\b|w/?[ ]|and\b|or\b|he\b|she\b|in the\b|from\b|but\b|because\b|to\b"
    r"|unless\b|con\b|a\b))",
    re.IGNORECASE,
)
_HOLIDAY: Final = (
    r"(?:christmas|xmas)(?: eve| day| morning| night)?|new year'?s?(?:'? (?:eve|day))|thanksgiving(?: day)?|halloween"
    r"|(?:st\.? )?valentine'?s?'?(?: day)?|(?:st\.? )?patrick'?s day|(?:4th|fourth) of july|july (?:4th|fourth)"
    r"|(?:memorial|labor|labour|presidents?'?s?|martin luther king|mlk|columbus|veterans?'?|mother'?s'?|father'?s'?"
    r"|boxing|canada"
    r"|groundhog|april fools?'?|independence|king'?s birthday|queen'?s birthday|anzac|bastille|all souls'?"
    r"|all saints'?|earth"
    r"|indigenous peoples'?|election|inauguration|k\u016bhi\u014d|prince kuhio) day|king'?s birthday|juneteenth"
    r"|cinco de mayo"
    r"|easter(?: sunday| monday)?|good friday|palm sunday|ash wednesday|mardi gras|fat tuesday|black friday"
    r"|super bowl sunday"
    r"|yom kippur|rosh hashanah?|hanukkah|chanukah|passover|purim|diwali|deepavali|holi|phagwah|gurpurab|navratri"
    r"|vaisakhi"
    r"|eid(?: al[- ](?:fitr|adha))?|hari raya|nowruz|(?:lunar|chinese) new year|t\xeat|cinco de mayo"
    r"|d\xeda de (?:los )?muertos"
    r"|nochebuena|nochevieja|navidad|a\xf1o nuevo|d\xeda de reyes|viernes santo|domingo de (?:ramos|resurrecci\xf3n)"
)
_NEED_A_WORD: Final = frozenset({"christmas", "easter", "eid", "holi", "t\xeat", "purim", "xmas"})
_HOLIDAY_CUE: Final = re.compile(
    r"\b(?:on|at|since|before|after|by|until|till?|for|over|last|this|from|at)[ ]\Z", re.IGNORECASE
)
_NOT_HOLIDAY: Final = re.compile(
    r"[ -](?:disease|factor|tree|card|light|party|dinner|pattern|island|list|sign)", re.IGNORECASE
)


def _numeric(reading: Reading, end: int) -> Iterable[Span]:
    text = reading.text
    for found in _NUMERIC.finditer(text, max(0, end - 16), end + 44):
        if found.start() < end <= found.end():
            if found["a"] and int(found["a"]) > 12 and int(found["b"]) > 12:
                return ()
            start = _with_weekday(text, found.start())
            return (Span(start, found.end(), IdentifierType.DATE, "date"),)
    return ()


def _said_near(text: str, end: int) -> bool:
    words = text[max(0, end - 30) : end + 20].lower().replace("-", " ").split()
    return not _SAID_WORDS.isdisjoint(words)


def _worded(reading: Reading, end: int) -> Iterable[Span]:
    text = reading.text
    begin = end
    while begin and end - begin < 12 and text[begin - 1].isalpha():
        begin -= 1
    before = text[max(0, begin - 9) : begin]
    if any(map(str.isdigit, before)) or text[begin : begin + 1].isdigit():
        begin = max(0, begin - 34)
    elif before[-1:] == " " and before[-2:-1] not in "., ":
        begin = _with_weekday(text, begin)
    for found in _WORDED.finditer(text, begin, end + 40):
        if not found.start() < end <= found.end():
            if found.start() >= end:
                return ()
            continue
        run = found[0]
        if any(map(str.isdigit, run)):
            if _NOT_MONTH.match(text, found.end()) or _CODE.fullmatch(run):
                return ()
            start = found.start()
            if (said := _BEFORE.search(text, max(0, start - 6), start)) and (run[0].isdigit() or said[0] != "the "):
                start = said.start()
            return (Span(start, found.end(), IdentifierType.DATE, "date-worded"),)
        break
    else:
        return ()
    said = covering(_SPOKEN, text, end, 44, 60) if _said_near(text, end) else None
    if said is not None:
        return (Span(said.start(), said.end(), IdentifierType.DATE, "date-spoken"),)
    start = text.rfind(" ", found.start(), end) + 1 or found.start()  # without the weekday before it
    bare = text[start : found.end()].rstrip(".").lower()
    certain = bare not in _AMBIGUOUS or text[start].isupper()
    if len(bare) > 2 and certain and _MONTH_CUE.search(text, max(0, start - 14), start):
        return (Span(start, start + len(bare), IdentifierType.DATE, "date-month"),)
    return ()


def _short(reading: Reading, end: int) -> Iterable[Span]:
    """Dates of two numbers: sure ones, and those that stand among others."""
    text = reading.text
    found = covering(_TWO_NUMBERS, text, end, 10, 8)
    if found is None or found[0] == "24/7":
        return ()
    start, stop = found.span()
    if found["a"] is None:
        return (Span(start, stop, IdentifierType.DATE, "date-short"),)
    first, second = int(found["a"]), int(found["b"])
    if first > 12 and second > 12:
        return ()
    before = text[max(0, start - 24) : start]
    words = before.lower().split()
    last = words[-1].strip("([.,:;") if words else ""
    told = before[-1:] in "[(" or (before[-1:].isspace() and last in _SAYS_DATE)
    timed = _TIME_AFTER.match(text, stop) is not None
    if not (timed and second not in _USUAL_WHOLES):
        after = _NEXT_WORD.match(text, stop)
        if after is not None and (after[1] == "%" or after[1].lower() in _FRACTION_AFTER):
            return ()
        if not told and not _SAYS_FRACTION.isdisjoint(word.strip(",:(=-") for word in words):
            return ()
    slashed = found["s"] == "/"
    if told or (slashed and (timed or (found["a"][0] == "0" and len(found["b"]) == 2))):
        return (Span(_with_weekday(text, start), stop, IdentifierType.DATE, "date-short"),)
    if slashed and (
        (second > 12 and second not in _WHOLES)
        or ((second not in _USUAL_WHOLES or first > second) and _ANCHOR.search(text) is not None)
    ):
        return (Span(start, stop, IdentifierType.DATE, "date-among-dates"),)
    return ()


def _with_weekday(text: str, start: int) -> int:
    """Return where a date begins when the weekday before it is counted in."""
    words = text[max(0, start - 13) : start].rsplit(None, 1)
    if not words or not text[start - 1].isspace() or words[-1].rstrip(".,").lower() not in _WEEKDAYS:
        return start
    return text.rindex(words[-1], 0, start)


def _stamp(reading: Reading, end: int) -> Iterable[Span]:
    text = reading.text
    for found in _STAMP.finditer(text, max(0, end - 16), end + 14):
        if found.start() < end <= found.end() + 1:
            return (Span(found.start(), found.end(), IdentifierType.DATE, "date-stamp"),)
    return ()


def _compact(reading: Reading, end: int) -> Iterable[Span]:
    found = _COMPACT.match(reading.text, end)
    return (Span(found.start(1), found.end(1), IdentifierType.DATE, "date-compact"),) if found else ()


def _holidays(reading: Reading, end: int) -> Iterable[Span]:
    text = reading.text
    found = covering(_HOLIDAYS, text, end, 30, 24)
    if found is None or _NOT_HOLIDAY.match(text, found.end()):
        return ()
    bare = found[0].lower() in _NEED_A_WORD
    if bare and not _HOLIDAY_CUE.search(text, max(0, found.start() - 9), found.start()):
        return ()
    return (Span(found.start(), found.end(), IdentifierType.DATE, "holiday"),)


def _nth(reading: Reading, end: int) -> Iterable[Span]:
    found = covering(_NTH, reading.text, end, 20, 12)
    return (Span(found.start(), found.end(), IdentifierType.DATE, "date-nth"),) if found else ()


def _roman(reading: Reading, _end: int) -> Iterable[Span]:
    for found in _ROMAN.finditer(reading.text):
        yield Span(found.start(), found.end(), IdentifierType.DATE, "date-roman")


_HOLIDAYS: Final = re.compile(rf"\b(?:{_HOLIDAY})\b", re.IGNORECASE)

NOMINATIONS: Final = (
    Nomination(
        rule="date",
        expression=r"[0-9] ?[-/.] ?[0-9]{1,2} ?[-/.] ?[0-9]{2}",
        examine=_numeric,
    ),
    Nomination(rule="date-worded", expression=rf"\b(?:{_MONTHS})\b", examine=_worded, caseless=True),
    Nomination(
        rule="date-worded",
        expression=r"[0-9](?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}[0-9]",
        examine=_worded,
        caseless=True,
    ),
    Nomination(
        rule="date-short",
        expression=r"(?:^|[^0-9/.-])[0-9]{1,2}[/-][0-9]{1,2}(?:[^0-9/]|\z)"
        r"|(?:^|[^0-9/.-])(?:[0-9]{1,2}[/-](?:19|20)[0-9]{2}|(?:19|20)[0-9]{2}[-/][0-9]{2})\b",
        examine=_short,
    ),
    Nomination(
        rule="date-stamp",
        expression=r"(?:^|[^0-9A-Za-z])(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])",
        examine=_stamp,
    ),
    Nomination(
        rule="date-compact",
        expression=r"\b(?:dob|dos|b/d|date|birth|birthdate|born|fecha|nacimiento|f\.? ?nac|d\.o\.b\.?|admitted"
        r"|discharged)",
        examine=_compact,
        caseless=True,
    ),
    Nomination(
        rule="holiday",
        # The scan sees every character outside Latin-1 as one `?`.
        expression=r"\b(?:" + _HOLIDAY.replace(r"\u016bhi\u014d", ".hi.") + r")\b",
        examine=_holidays,
        caseless=True,
    ),
    Nomination(
        rule="date-nth",
        expression=rf"[0-9](?:st|nd|rd|th)\b|\b(?:{_WEEKDAY}),? [0-9]{{1,2}}\b",
        examine=_nth,
        caseless=True,
    ),
    Nomination(rule="date-roman", expression=r"[0-9][ .-][IVX]{1,4}[ .-](?:19|20)[0-9]{2}", examine=_roman, once=True),
)
