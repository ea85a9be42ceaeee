"""Numbers that a cue word introduces: 45 CFR 164.514(b)(2)(i)(G)-(M), (P), (R).

A number without a form of its own is known only by the words before it ("MRN", "member id", "policy #"). Whatever has
a digit and stands beside such a cue is masked; a bare run of seven or more digits that nothing explains is masked
under the strict policy.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.nomination import LONG_NUMBER, Nomination, Reading, number_end

_NUMBER_WORD: Final = (
    r"(?:number|numbers|num|no|nbr|nr|id|ids|code|identifier|is|was|of|es|are|n[\xfau]mero|n\xba|n\xb0|ending"
    r" in|ends in|ending|last (?:4|four)(?: digits)?)"
)
_BETWEEN: Final = (
    rf"""(?![A-Za-z])['"\])]{{0,2}}[\s_]{{0,3}}(?:{_NUMBER_WORD}(?![A-Za-z0-9])[.:]?[\s"']{{0,3}}){{0,3}}"""
    r"""[:=#\-.,\s"'\[(>*|]{0,6}"""
)
_VALUE: Final = (
    r"(?<![A-Za-z0-9])(\d{1,4}(?:[ -]\d{2,8}){1,5}[A-Za-z]?(?![A-Za-z0-9])"
    r"|(?=[A-Za-z0-9\-/._]{0,24}\d)[A-Za-z0-9]+(?:[-/._#]{1,2}[A-Za-z0-9]+){0,8})"
)
_CUED: Final = re.compile(_BETWEEN + _VALUE, re.IGNORECASE)
_DATE: Final = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-](?:\d{2}|\d{4})|\d{4}[-/]\d{1,2}[-/]\d{1,2}(?:T.*)?")
_UNIT: Final = re.compile(
    r"[ ]?(?:mg|mcg|ug|g|kg|ml|l|dl|cc|mmol|meq|units?|iu|mm|cm|m|lbs?|oz|bpm|mmhg|%|cells|copies|k/|x10"
    r"|years?|yo|y/o|yrs?|days?"
    r"|weeks?|months?|hours?|hrs?|min|minutes?|times|tablets?|tabs?|puffs?|doses?|per|dollars|usd|/)(?![A-Za-z])",
    re.IGNORECASE,
)
_LONG: Final = re.compile(r"(?<![\w.,/$-])[A-Za-z]{0,4}-?\d{7,}(?:-\d{1,6})?(?![\w%]|[.,]\d)")
_YEAR_PAIR: Final = re.compile(r"(?:19|20)\d\d(?:19|20)\d\d")


def _cued(
    kind: IdentifierType, rule: str, least_digits: int, least_length: int
) -> Callable[[Reading, int], Iterable[Span]]:
    def examine(reading: Reading, end: int) -> Iterable[Span]:
        found = _CUED.match(reading.text, end)
        if found is None:
            return ()
        value = found[1]
        if value.isdigit():
            digits = length = len(value)
        else:
            digits, length = sum(map(str.isdigit, value)), sum(map(str.isalnum, value))
            if _DATE.fullmatch(value):
                return ()
        if digits < least_digits or length < least_length:
            return ()
        if digits < 7 and _UNIT.match(reading.text, found.end(1)):
            return ()
        return (Span(found.start(1), found.end(1), kind, rule),)

    return examine


def _cue(kind: IdentifierType, rule: str, words: str, least_digits: int = 3, least_length: int = 4) -> Nomination:
    return Nomination(
        rule=rule, expression=rf"\b(?:{words})", caseless=True, examine=_cued(kind, rule, least_digits, least_length)
    )


def _unexplained(reading: Reading, end: int) -> Iterable[Span]:
    if not reading.strict:
        return ()
    text = reading.text
    end = number_end(text, end)
    if text[end : end + 1].isdigit():
        return ()
    found = _LONG.search(text, max(0, end - 24), end + 8)
    if found is None or found.end() < end or _UNIT.match(text, found.end()) or _YEAR_PAIR.fullmatch(found[0]):
        return ()
    return (Span(found.start(), found.end(), IdentifierType.OTHER, "unexplained-number"),)


NOMINATIONS: Final = (
    _cue(IdentifierType.SSN, "ssn-cue", r"ssn|ss#|s\.s\.n|social security|social sec|soc\.? sec|itin|nss\b"),
    _cue(
        IdentifierType.MRN,
        "mrn",
        r"mrn|m\.r\.n|medical record|med\.? rec|medical rec|chart (?:number|no|id|#)|chart ?#|hospital (?:number"
        r"|no|id|#)"
        r"|patient[ _-]?(?:id|number|no|identifier|#)|pt[ _-]?(?:id|#)|emr|ehr|csn|encounter|visit (?:id|number|no"
        r"|#)|accession"
        r"|specimen (?:id|number|no|#)|admission (?:id|number|no|#)|study id|subject id|nhc|historia cl[i\xed]nica"
        r"|nhs|record (?:id|number|no|#)|unit number|n\.h\.c|episodio",
    ),
    _cue(
        IdentifierType.HEALTH_PLAN,
        "health-plan",
        r"member|policy|subscriber|health plan|plan id|group (?:id|number|no|#)|grp|insurance|insured|beneficiary"
        r"|medicaid|medicare"
        r"|hicn|mbi|payer id|claim|authorization|prior auth|nass|cipa|tarjeta sanitaria|seguro|policyholder",
        least_digits=4,
        least_length=5,
    ),
    _cue(
        IdentifierType.ACCOUNT,
        "account",
        r"account|acct|a/c|card|iban|routing|invoice|bank|credit card|debit card|transaction|check (?:number|no|#)"
        r"|guarantor (?:id|number)",
        least_digits=4,
        least_length=5,
    ),
    _cue(
        IdentifierType.LICENSE,
        "licence",
        r"license|licence|lic\b|lic #|dea|npi|driver'?s? licen[sc]e|dl (?:number|no|#)|dl[#:]|certificate|cert"
        r"|passport|state id|colegiado"
        r"|n[\xbao\xb0]? ?col|num\.? ?col|ncol|dni|nie|nif|visa (?:number|no)|registration|board cert",
        least_digits=4,
        least_length=5,
    ),
    _cue(
        IdentifierType.VEHICLE,
        "vehicle",
        r"vin|license plate|licence plate|plate|plates|tag (?:number|no|#)|vehicle",
        least_digits=2,
    ),
    _cue(
        IdentifierType.DEVICE,
        "device",
        r"serial|s/n|udi|device|lot|imei|implant|pacemaker|icd|sn:|sn #|model",
        least_digits=4,
        least_length=6,
    ),
    _cue(
        IdentifierType.BIOMETRIC,
        "biometric",
        r"fingerprint|finger print|voiceprint|voice print|biometric|retina(?:l)? scan|iris scan|face id",
    ),
    _cue(
        IdentifierType.OTHER,
        "identifier",
        r"id|identifier|employee|badge|student|case|reference|ref|confirmation|order|ticket|tracking|user ?name"
        r"|login|user id"
        r"|booking|pin|file (?:number|no|#)|docket|tax id|ein|number|no|#",
        least_digits=4,
        least_length=6,
    ),
    Nomination(rule="unexplained-number", expression=LONG_NUMBER, examine=_unexplained),
)
