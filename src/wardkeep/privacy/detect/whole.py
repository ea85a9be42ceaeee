"""A find that stops in the middle of an identifier is made whole: initials, parts of an organisation's name, prefixes.

What is found in part leaks the rest ("A. ⟦Korff⟧", "⟦Tri-Forks Electric⟧ Cooperative", "PZW ⟦600447128⟧"). A find grows
only over what nothing else could mean at that place. Ages never grow, dates only to a day and month: routes for
treatment let them pass, and what they took along would pass with them.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.lexicon import FIRST, MEDICAL, WORD
from wardkeep.privacy.detect.nomination import Reading
from wardkeep.privacy.detect.wording import CAPITAL, LETTER, word_set

_NAMED: Final = frozenset({IdentifierType.NAME, IdentifierType.ORGANIZATION, IdentifierType.LOCATION})
_NUMBERED: Final = (
    frozenset(IdentifierType)
    - _NAMED
    - {
        IdentifierType.DATE,
        IdentifierType.AGE,
        IdentifierType.DEMOGRAPHIC,
        IdentifierType.PHOTO,
        IdentifierType.URL,
        IdentifierType.EMAIL,
    }
)
_INITIALS_BEFORE: Final = re.compile(rf"(?<![\w.'\u2019-])(?:{CAPITAL}\.[ ]?){{1,3}}\Z")
_INITIALS_AFTER: Final = re.compile(rf",?[ ]{CAPITAL}(?:\.?[ ]{CAPITAL}|\.{CAPITAL})?\.?(?![\w'\u2019/+#-])")
_SURNAME_AFTER: Final = re.compile(rf"[ ]({CAPITAL}{LETTER}{{2,24}})(?![\w'\u2019-])")
_INITIAL: Final = re.compile(rf"{CAPITAL}\.?")
_OF_IT: Final = re.compile(r"['\u2019][sS]\b")
# What an organisation, an office or a practice is called last; none of them ends a disease, a drug or a diet.
_LAST_WORDS: Final = word_set(
    "ambulance associates authority bank bros brothers builders chapel church clinic clinics co college company "
    "construction consulting coop cooperative corp corporation county dental dentistry department detention diner "
    "dispensary district domiciliary elem elementary ems enterprises estates farm farms foods foundation freight "
    "funeral garage group hall healthcare high holdings home homes hospice hospital inc industries infirmary "
    "institute insurance isd jail kindergarten lab laboratories labs library llc llp lodge logistics ltd lumber "
    "manor manufacturing market medicine middle mill mills mission mosque motors nursery nurses nursing office "
    "orthodontics outpatient parish pc pediatrics penitentiary pharmacy pllc plumbing practice preschool primary "
    "printing prison quarry ranch rehab rehabilitation restaurant rodeo roofing school seminary services shelter "
    "shipping snf solutions steel store supermarket synagogue systems temple terminal transit transport "
    "transportation trucking university utilities village ward warehouse winery works yard"
)
_WORD_AFTER: Final = re.compile(rf"[ \n]({CAPITAL}{LETTER}{{1,18}})(?![\w'\u2019-])\.?")
# Letters before a number are of it unless they say what it is.
_PREFIX: Final = re.compile(r"(?<![\w./'\u2019-])([A-Z]{1,3})[ -]\Z")
_LABELS: Final = word_set(
    "ABA ACC ACCN ACCT ALT AM AMEX AND APT AT AUTH BAR BED BIN BMI BOX BP BSN BY CALL CARD CASE CC CDL CELL CERT "
    "CHI CLM CO CODE CPT CSN CUI CURP DEA DESK DL DO DOB DRG DX ED EIN EMS ENC ER EXT FAX FIN FL FOR FROM FX "
    "GROUP GRP HAR HIC HICN HOME HR HX IBAN ICD ICN ICU ID IDS IIS IN INV IP IS ITIN KEY LIC LOT MA MBI MBR MC MD "
    "MEM MOB MOD MR MRN NDC NEW NHI NHS NO NP NPI NR NUM OF OID OLD ON OR PA PCN PH PLAN PLATE PLT PM PO POL PPS "
    "PT PTS RE REF RM RN RR RX SER SN SSN STE SUB SVC SX TAG TCN TEL TEXT THE TIN TNK TO TX TYPE UDI UNIT US USA "
    "USER VIA VIN VISA VS WAS WITH WORK"
)
_RUN_BEFORE: Final = re.compile(r"(?<![^\s(\[\"'#:;|=])(?:(?:[A-Z]{1,4}|[A-Z]{0,3}\d{1,8}[A-Z]{0,3})[-/._]){1,4}\Z")
_RUN_AFTER: Final = re.compile(r"[-/_](?=[\w-]*\d)[\w-]{1,24}")
_DAY_OR_MONTH: Final = re.compile(r"\d{1,2}")
_HALF_BEFORE: Final = re.compile(r"(?<![\w/.-])\d{1,2}/\Z")
_HALF_AFTER: Final = re.compile(r"/\d{1,2}(?![\w/.-]\d|[\w/])")
# A facility is an organisation wherever it stands: policies treat it other than a town.
_FACILITY: Final = word_set(
    "hospital hospitals clinic clinics university school college pharmacy hospice rehab rehabilitation laboratory "
    "laboratories institute infirmary llc llp pllc inc"
)
_WORDS: Final = re.compile(r"[^\W\d_]+")
_REACH: Final = 26


def whole(reading: Reading, spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the spans, each grown to the whole of what it is part of. They may overlap afterwards."""
    for span in spans:
        if span.type in _NAMED:
            yield _named(reading, span)
        elif span.type in _NUMBERED:
            yield _numbered(reading, span)
        elif span.type is IdentifierType.DATE:
            yield _dated(reading.text, span)
        else:
            yield span


def _named(reading: Reading, span: Span) -> Span:
    text, start, end = reading.text, span.start, span.end
    if span.type is IdentifierType.NAME:
        start = _before(text, start, _INITIALS_BEFORE)
        if _INITIAL.fullmatch(text, span.start, end) and (found := _SURNAME_AFTER.match(text, end)):
            end = found.end()
        if (found := _INITIALS_AFTER.match(text, end)) and _is_alone(reading, found):
            end = found.end() - text[found.end() - 1].isspace()
    else:
        if found := _OF_IT.match(text, end):
            end = found.end()
        while (found := _WORD_AFTER.match(text, end)) and found[1].lower() in _LAST_WORDS:
            end = found.end(1)
    kind = span.type
    if kind is IdentifierType.LOCATION and not _FACILITY.isdisjoint(
        word.lower() for word in _WORDS.findall(text, start, end)
    ):
        kind = IdentifierType.ORGANIZATION
    return Span(start, end, kind, span.rule)


def _dated(text: str, span: Span) -> Span:
    if not _DAY_OR_MONTH.fullmatch(text, span.start, span.end):
        return span
    after = _HALF_AFTER.match(text, span.end)
    return Span(_before(text, span.start, _HALF_BEFORE), after.end() if after else span.end, span.type, span.rule)


def _before(text: str, start: int, form: re.Pattern[str]) -> int:
    found = form.search(text, max(0, start - _REACH), start)
    return found.start() if found else start


def _is_alone(reading: Reading, found: re.Match[str]) -> bool:
    """Whether initials behind a name are of it: "BOYD, A S", and not "Boyd, I saw him" or "Boyd A 1"."""
    text, end = reading.text, found.end()
    following = text[end : end + 2]
    return not following[:1].isalnum() and not (following[:1] == " " and following[1:2].isalnum())


def _numbered(reading: Reading, span: Span) -> Span:
    text, start, end = reading.text, span.start, span.end
    if not any(map(str.isdigit, text[start:end])):
        return span
    if text[start].isalnum():
        start = _before(text, start, _RUN_BEFORE)
        found = _PREFIX.search(text, max(0, start - _REACH), start)
        if found and found[1] not in _LABELS and not reading.words.get(found[1].lower(), 0) & (WORD | MEDICAL | FIRST):
            start = found.start()
    if found := _RUN_AFTER.match(text, end):
        end = found.end()
    return span if (start, end) == (span.start, span.end) else Span(start, end, span.type, span.rule)
