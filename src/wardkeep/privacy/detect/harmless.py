"""What looks like a name or a number of somebody and is none, whatever the classifier says of it.

An eponym before its disease, sign or device ("Baker cyst", "Foley catheter") and a measured value ("platelets 250000")
are what clinicians write in every note; a note without them can't be read. A common surname counts as an eponym only
before words that nothing else is called by.
"""

import re
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.lexicon import (
    EPONYM,
    FIRST,
    FIRST_COMMON,
    LAST,
    LAST_COMMON,
    ORGANISATION,
    PLACE,
    WORD,
)
from wardkeep.privacy.detect.nomination import Reading, covering
from wardkeep.privacy.detect.wording import APOSTROPHES, names_a_thing, word_set

_SURE_HEADS: Final = word_set(
    "disease syndrome sign catheter catheters tube drain drains palsy fracture fractures cyst cysts "
    "lymphoma thyroiditis esophagus oesophagus forceps retractor chorea sarcoma contracture tetralogy "
    "ganglion enfermedad tumor tumour lymphomas dementia ataxia node nodes phenomenon pouch diverticulum "
    "hernia"
)
# What an answer is asked to be: some vendors refuse a request for JSON whose messages don't say so.
_FORMATS: Final = word_set(
    "as in return only valid answer json jsonl xml html csv tsv yaml yml sql pdf markdown md latex fhir hl7 ccda xlsx "
    "docx txt utf-8 ascii api url http https rest soap sbar apso icd cpt loinc snomed rxnorm ndc drg hcpcs"
)
# Orders in their dotted form, which look like somebody's initials.
_ORDERS: Final = re.compile(
    r"(?:p\.?o|b\.i\.d|t\.i\.d|q\.i\.d|q\.d|q\.h\.s|p\.r\.n|n\.p\.o|e\.g|i\.e|a\.m|p\.m|i\.v|i\.m|s\.c|s\.q|a\.c|p\.c|h\.s"
    r"|[\W_]){2,}",
    re.IGNORECASE,
)
# Three numbers or more that only count: one or two may be a day, or all there is of a number.
_COUNT: Final = "0 1 2 3 4 5 6 7 8 9 10"
_LEAST_COUNTED: Final = 3
_SPACED: Final = re.compile(r"[\w-]+")
_WORDS: Final = re.compile(r"[^\W\d_]+")
_MEASURED_BEFORE: Final = re.compile(
    r"\b(?:platelets?|plts?|plaquetas|leucocitos|leukocytes|wbc|rbc|anc|count|load|rna|dna|bnp|hcg|ck|cpk|ferritin|dimer"
    r"|dose|bolus|heparin|titer)\W{1,3}(?:of |was |is |at |to |from |[<>~=] ?)?\Z",
    re.IGNORECASE,
)
_TRIAL: Final = re.compile(r"(?<![\w-])([A-Z]{3,})-\d{1,4}\Z")
# A state and the first three digits of a ZIP code, an age over 89, a year: what Safe Harbor leaves of them.
_GENERALISED: Final = re.compile(r"(?:[A-Z]{2} \d{3}|90\+?)(?:[ ,]+(?:[A-Z]{2} \d{3}|\d{3}|90\+?))*")
_FEW_LIVE: Final = re.compile(r"(?:zip(?: code)?:? )?000", re.IGNORECASE)
_STATE: Final = re.compile(r"[A-Z]{2} ")
_THREE: Final = re.compile(r"(?<=[A-Z]{2}) \d{3}(?!\d)")
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
_NAMED: Final = frozenset({IdentifierType.NAME, IdentifierType.LOCATION, IdentifierType.ORGANIZATION})
_WHEN: Final = frozenset({IdentifierType.DATE, IdentifierType.AGE})
_PLACES: Final = frozenset({IdentifierType.OTHER, IdentifierType.LOCATION})
_MEASURE: Final = re.compile(r"[A-Z]{3}-\d")
# "ICD" alone is a defibrillator, and what follows it is its serial number.
_CODE_BEFORE: Final = re.compile(
    r"\b(?:HCPCS|CPT|ICD-?(?:9|10|11)(?:-CM|-PCS)?|LOINC|DRG|SNOMED(?: CT)?|RxNorm(?: CUIs?)?|ATC)"
    r"(?: codes?)?(?: such as| like| is)?\W{1,3}\Z"
)
# What numbers of a person stand behind: their cues in capitals are no trial.
_CUES: Final = word_set(
    "mrn acct acc enc pat pid case csn fin ssn dob room bed ext fax tel cell visit claim auth rx ref"
)
_LABELLED_STATE: Final = re.compile(r"\b(?:state|estado)\W{1,3}\Z", re.IGNORECASE)
_TWO_CAPITALS: Final = re.compile(r"[A-Z]{2}")
# What version control calls a change of source code: the digest of no person.
_CHANGE_BEFORE: Final = re.compile(r"\b(?:git(?: [a-z-]{2,12})?|commit|revision)[ :]{1,2}\Z", re.IGNORECASE)
_CHANGE: Final = re.compile(r"[0-9a-f]{7,40}")
_LAW: Final = re.compile(r"\b(?:CFR|USC|U\.S\.C\.)(?: part| section|[ \u00a7])* ?[\d.]{1,12}(?:\(\w{1,3}\)?){0,4}")
_NOBODYS: Final = frozenset({"127.0.0.1", "0.0.0.0", "localhost", "911", "988"})  # noqa: S104 - read, not bound to
_LONGEST_CODE: Final = 14
_UNIT_AFTER: Final = re.compile(
    r"[ ]?(?:(?:copies|iu|cfu|mg|mcg|ug|ml|pg|ng|cells|/u?l|k|cgy|kcal|units?(?! ?#?[\dA-Z]))\b|/mm|x ?10)",
    re.IGNORECASE,
)
# A time of day, years side by side: no element of a date that Safe Harbor names. A time beside its date goes with it.
_DATE_BEFORE: Final = re.compile(r"\d[ ,@|]{1,2}(?:at )?\Z")
_NO_DATE: Final = re.compile(
    r"(?:at )?(?:[01]?\d|2[0-4])(?::\d\d){1,2}(?: ?[ap]m)?|(?:19|20)\d\d[-\u2013/](?:(?:19|20)\d\d|1[3-9]|[2-9]\d)",
    re.IGNORECASE,
)
_RATIO: Final = re.compile(r"(\d{1,3})/(\d{1,3})")
_MONTHS: Final = 12
_COUNTED_BEFORE: Final = re.compile(
    r"\b(?:on day|grade|score|strength|motor|power|ratio|vision|pupils):? \Z", re.IGNORECASE
)
_COUNTED_AFTER: Final = re.compile(
    r" ?(?:caps(?:ules?)?|tab(?:let)?s?|points?|strength|nodes|pain|met)\b", re.IGNORECASE
)
_LONGEST_RATIO: Final = 7
_LONGEST_YEAR: Final = 99
_RATIO_AROUND: Final = re.compile(r"(?<![\d/])\d{1,3}/\d{1,3}(?![\d/])")
_OF_A_TIME: Final = re.compile(r":\d\d|\.\d{1,3}(?![.\d])| ?[ap]\.?m\b", re.IGNORECASE)
_IN_A_TIME: Final = re.compile(r"(?<![.\d])\d{1,3}[:.]\Z")
_LAST_HARMLESS_AGE: Final = 89
_NUMBERS: Final = frozenset({IdentifierType.OTHER, IdentifierType.DATE})
_DECIMAL: Final = re.compile(r"\d{1,3}\.\d{1,2}(?:[ ]?[-\u2013][ ]?\d{1,3}\.\d{1,2})?")


_OPENING: Final = re.compile(r"([^\W\d_]{2,})[ ](?=\w)")
_OPENING_WORDS: Final = word_set(
    "later then today yesterday tomorrow meanwhile now also however afterwards next since after before when while "
    "because although though if once still soon eventually per discussed called spoke saw told asked please"
)
# "May we call", "Will you follow up": verbs that are also names.
_ASKING: Final = re.compile(
    r"(?:may|will|can|shall)(?=[ ](?:we|i(?!\.)|you|he|she|they|it|the|this|that|be|not)\b)", re.IGNORECASE
)


def is_harmless(reading: Reading, span: Span) -> bool:
    """Whether a find of the classifier is an eponym at its place, a measured value, or the code of a thing."""
    text = reading.text
    found = text[span.start : span.end]
    if _FORMATS.issuperset(_SPACED.findall(found.lower())) or _ORDERS.fullmatch(found) or _is_count(found):
        return True
    if found in _NOBODYS or _is_law(text, span) or _is_labelled(text, span):
        return True
    if _is_asking(text, span) or (span.type in _NAMED and _is_opening_word(reading, span)):
        return True
    if span.type is IdentifierType.NAME:
        return _is_eponym(reading, span)
    if span.type in _WHEN and _is_no_date(text, span):
        return True
    if span.type in _NUMBERS and (_DECIMAL.fullmatch(text, span.start, span.end) or _is_trial(reading, span)):
        return True
    if span.type in _PLACES and _is_generalised(text, span):
        return True
    if span.type is not IdentifierType.OTHER or span.end - span.start > _LONGEST_CODE:
        return False
    before = text[max(0, span.start - 24) : span.start]
    if _CODE_BEFORE.search(before):
        return True
    if span.end - span.start < 4 and text[span.start : span.end].isdigit():
        return True  # three digits alone number a room, a dose or a case among few
    is_number = text[span.start : span.end].isdigit() and span.end - span.start < 8
    return is_number and (_MEASURED_BEFORE.search(before) is not None or _UNIT_AFTER.match(text, span.end) is not None)


def _is_count(found: str) -> bool:
    return found in _COUNT and len(found.split()) >= _LEAST_COUNTED


def without_opening_word(text: str, span: Span) -> Span:
    """Return a name without the word that only opens its sentence ("⟦Later Quillfeather⟧ left")."""
    opening = _OPENING.match(text, span.start, span.end)
    if span.type is not IdentifierType.NAME or opening is None or opening[1].lower() not in _OPENING_WORDS:
        return span
    return Span(opening.end(), span.end, span.type, span.rule)


def _is_opening_word(reading: Reading, span: Span) -> bool:
    """Whether a find is one dictionary word with the capital of a sentence's beginning, and no name of any list."""
    text = reading.text
    flag = reading.words.get(text[span.start : span.end].lower(), 0)
    if not flag & WORD or flag & (FIRST | LAST | PLACE | EPONYM):
        return False
    before = text[max(0, span.start - 3) : span.start].rstrip(" \t")
    return not before or before[-1] in ".!?:\n"


def _is_generalised(text: str, span: Span) -> bool:
    found = text[span.start : span.end]
    if _FEW_LIVE.fullmatch(found) or (_YEAR.fullmatch(found) and _is_whole_line(text, span)):
        return True
    before = text[max(0, span.start - 3) : span.start]
    after = _THREE.match(text, span.end)
    whole = (before if _STATE.fullmatch(before) else "") + found + (after[0] if after else "")
    return _GENERALISED.fullmatch(whole) is not None


def _is_whole_line(text: str, span: Span) -> bool:
    return text[max(0, span.start - 1) : span.start] in {"", "\n"} and text[span.end : span.end + 1] in {"", "\n"}


def _is_law(text: str, span: Span) -> bool:
    found = _LAW.search(text, max(0, span.start - 28), span.end)
    return found is not None and span.start <= found.end() and found.end() >= span.end


def _is_labelled(text: str, span: Span) -> bool:
    """Whether a find is the state of a form ("State: MA"), or what version control calls a change."""
    before = text[max(0, span.start - 24) : span.start]
    if _TWO_CAPITALS.fullmatch(text, span.start, span.end):
        return _LABELLED_STATE.search(before) is not None
    return _CHANGE.fullmatch(text, span.start, span.end) is not None and _CHANGE_BEFORE.search(before) is not None


def _is_asking(text: str, span: Span) -> bool:
    found = _ASKING.match(text, span.start)
    return found is not None and found.end() == span.end


def _is_no_date(text: str, span: Span) -> bool:
    """Whether a find is a time of day, a score, a pair of years, part of a decimal, or an age below ninety."""
    found = text[span.start : span.end]
    if span.type is IdentifierType.AGE:
        return found.isdigit() and int(found) <= _LAST_HARMLESS_AGE
    around = covering(_RATIO_AROUND, text, span.end, 7, 4) if span.end - span.start <= _LONGEST_RATIO else None
    if around is not None and around.start() <= span.start and around.end() >= span.end:
        before = text[max(0, around.start() - 12) : around.start()]
        if _is_score(around[0]) or _COUNTED_BEFORE.search(before) or _COUNTED_AFTER.match(text, around.end()):
            return True
    if _NO_DATE.fullmatch(found):
        return _DATE_BEFORE.search(text[max(0, span.start - 6) : span.start]) is None
    if not found.isdigit() or len(found) > 2:
        return False
    before = text[max(0, span.start - 5) : span.start]
    return _IN_A_TIME.search(before) is not None or _OF_A_TIME.match(text, span.end) is not None


def _is_score(found: str) -> bool:
    """Whether two numbers are neither day and month nor month and year, in either order ("20/25", "118/72", "0/2")."""
    ratio = _RATIO.fullmatch(found)
    if ratio is None:
        return False
    low, high = sorted(map(int, ratio.groups()))
    return "0" in ratio.groups() or low > _MONTHS or high > _LONGEST_YEAR


def _is_trial(reading: Reading, span: Span) -> bool:
    """Whether a number is that of a trial, guideline or measure ("KEYNOTE-189", "SEP-1")."""
    if _MEASURE.fullmatch(reading.text, span.start, span.end):
        return not reading.text[span.end : span.end + 6].strip(" -/,").isdigit()
    begin = max(0, span.start - 16)
    found = _TRIAL.search(reading.text[begin : span.end])
    if found is None or span.start < begin + found.start():
        return False
    word = found[1].lower()
    return word not in _CUES and bool(reading.words.get(word, 0) & ORGANISATION)


def _is_eponym(reading: Reading, span: Span) -> bool:
    text = reading.text
    if not names_a_thing(text, span.end):
        return False
    flags = [reading.words.get(word.lower(), 0) for word in _WORDS.findall(text, span.start, span.end) if len(word) > 1]
    if not flags or not all(flag & EPONYM for flag in flags):
        return False
    if any(flag & (FIRST_COMMON | LAST_COMMON) for flag in flags):
        is_one_word = " " not in text[span.start : span.end]
        return is_one_word and _head(text, span.end) in _SURE_HEADS
    return True


def _head(text: str, end: int) -> str:
    if text[end : end + 1] in APOSTROPHES and text[end + 1 : end + 2] in {"s", "S"}:
        end += 2
    following = _WORDS.search(text, end, end + 40)
    return following[0].lower() if following else ""
