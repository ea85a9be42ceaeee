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
    r"(?<![A-Za-z0-9])("
    # groups set apart by blanks: A 1194 8821 03, XQK 8811 20944, 12 345 678 K
    r"(?:(?-i:[A-Z]{1,5})[ -]?)?\d{1,5}(?-i:[A-Z]{0,2})(?:[ -]\d{2,8}){1,5}(?:-?(?-i:[A-Z])"
    r"|[ ](?-i:[A-Z]))?(?![A-Za-z0-9]|[/:.,]\d)"
    r"|(?-i:[A-Z]{1,5})[ ]\d{4,12}(?:-[A-Za-z0-9]{1,6}){0,3}(?![A-Za-z0-9]|[/:.,]\d)"
    r"|(?=[A-Za-z0-9\-/._]{0,24}\d)[A-Za-z0-9]+(?:[-/._#]{1,2}[A-Za-z0-9]+){0,8})"
)
_CUED: Final = re.compile(_BETWEEN + _VALUE, re.IGNORECASE)
_DATE: Final = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-](?:\d{2}|\d{4})|\d{4}[-/]\d{1,2}[-/]\d{1,2}(?:T.*)?")
# A decimal or a range of them, and a billing code of a supply, stand beside such words too.
_MEASURE: Final = re.compile(r"\d{1,3}\.\d{1,3}(?:-\d{1,3}\.\d{1,3})?|[A-V]\d{4}|0{3}-0{2}-0{4}|(?:XX+-?)+")
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
            if _DATE.fullmatch(value) or _MEASURE.fullmatch(value):
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


_CODE: Final = re.compile(
    r"(?<![\w./-])(?!(?:RTOG|CALGB|SWOG|ECOG|NSABP|AALL|ANBL|COG|GOG|EORTC|NRG|KEYNOTE|ISO|NCT|RFC|CAS|ICD|ATC)\b)"
    r"(?=(?:[A-Z-]*\d){5})[A-Z]{1,6}\d{0,8}-(?:[A-Z0-9]{1,12})(?:-[A-Z0-9]{1,8}){0,4}(?![\w/]|[.]\d)"
)


def _code(reading: Reading, end: int) -> Iterable[Span]:
    """A code of letters, dashes and five digits or more names one thing, whatever it is: S26-04417, GX-119-4482."""
    for found in _CODE.finditer(reading.text, max(0, end - 24), end + 40):
        if found.start() < end <= found.end():
            return (Span(found.start(), found.end(), IdentifierType.OTHER, "code"),)
    return ()


_HANDLE: Final = re.compile(r"(?<![\w@.])@[A-Za-z][\w.]{2,30}(?<![.])")
_LOGIN: Final = re.compile(
    r"[\s:=\"'(]{1,4}(?:used )?(?:is |was |name |id |by |= ?)?[\"']?"
    r"(@?[A-Za-z][A-Za-z0-9]*[\d._-][\w.-]{0,30}(?<![._-])"
    r"|@[\w.]{3,30})(?![@\w])"
)


def _handles(reading: Reading, _end: int) -> Iterable[Span]:
    for found in _HANDLE.finditer(reading.text):
        yield Span(found.start(), found.end(), IdentifierType.OTHER, "handle")


def _login(reading: Reading, end: int) -> Iterable[Span]:
    found = _LOGIN.match(reading.text, end)
    return (Span(found.start(1), found.end(1), IdentifierType.OTHER, "login"),) if found else ()


NOMINATIONS: Final = (
    Nomination(rule="code", expression=r"\b[A-Z]{1,6}[0-9]{0,8}-[A-Z0-9-]{0,6}[0-9]{2}", examine=_code),
    Nomination(rule="handle", expression=r"(?:^|[^A-Za-z0-9@.])@[A-Za-z][A-Za-z0-9_]{2}", examine=_handles, once=True),
    Nomination(
        rule="login",
        expression=(
            r"\b(?:user(?:name|id)?|login|usr|handle|insta(?:gram)?|ig|snap(?:chat)?|tiktok|discord|reddit|venmo"
            r"|usuario|operator|uid|sign-?in|logged in as|(?:typed|transcribed|entered|keyed) by"
            r"|account name|screen ?name|portal|mychart|gamertag)\b"
        ),
        examine=_login,
        caseless=True,
    ),
    _cue(IdentifierType.SSN, "ssn-cue", r"ssn|ss#|s\.s\.n|social security|social sec|soc\.? sec|itin|nss\b"),
    _cue(
        IdentifierType.MRN,
        "mrn",
        r"\buhid|\bur no|\bcharts?\b|\bexpediente\b|\bficha\b|\bmr ?#|\bclave[ ]?hosp|\bn[\xba\xb0]? ?historia"
        r"|\bhospital ?n(?:umber|o)\b|\bpt no\b|\bpatient no\b|"
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
        r"\bgroup\b|\bmbr\b|\bins(?:urance)? id|\bohip\b|\bahcccs\b|\bmedi-?cal\b|p[o\xf3]liza|afiliad[oa]"
        r"|\bn[\xba\xb0] ?af\b|\btsi\b|\bsip\b|\bcip\b|\bpami\b|autogenerado|contrato|\babha\b|versichertenn?r"
        r"|medical aid|\bramq\b|tricare|edipi|philhealth|health card|\bcarnet\b|\bcns\b|"
        r"member|policy|subscriber|health plan|plan id|group (?:id|number|no|#)|grp|insurance|insured|beneficiary"
        r"|medicaid|medicare"
        r"|hicn|mbi|payer id|claim|authorization|prior auth|nass|cipa|tarjeta sanitaria|seguro|policyholder",
        least_digits=4,
        least_length=5,
    ),
    _cue(
        IdentifierType.ACCOUNT,
        "account",
        r"\bfin\b|\binv\b|\bclm\b|(?:visa|mastercard|amex|discover|card)[ ]?(?:ending)?\b|terminada|\bcuenta\b"
        r"|\bclabe\b|\bcontrol\b|\bfactura\b|\bpatctl\b|\bicn\b|\bchk\b|"
        r"account|acct|a/c|card|iban|routing|invoice|bank|credit card|debit card|transaction|check (?:number|no|#)"
        r"|guarantor (?:id|number)",
        least_digits=4,
        least_length=5,
    ),
    _cue(
        IdentifierType.ACCOUNT,
        "card-ending",
        r"(?:visa|card|mastercard|amex|debit|tarjeta|checking|savings)[^\n0-9]{0,12}(?:ending|ends|terminada|acabada)\b",
        least_digits=4,
    ),
    _cue(
        IdentifierType.LICENSE,
        "licence",
        r"\bgmc\b|\bnmc\b|\basha\b|\bcdl\b|\bdl\b|\brut\b|c[e\xe9]dula|\bcurp\b|\brfc\b|\bidentidad\b|pasaporte"
        r"|matr[i\xed]cula|\bcmp\b|\brne\b|\br\.m\.|\breg\.|\blic\.|\bcol\.|colegiad[oa]|\bced\. ?prof|\bcui\b"
        r"|\blmft\b|\blcs?w\b|\blcmhc\b|\bdpt\b|\brdn\b|\bnric\b|a-number|alien number|"
        r"license|licence|lic\b|lic #|dea|npi|driver'?s? licen[sc]e|dl (?:number|no|#)|dl[#:]|certificate|cert"
        r"|passport|state id|colegiado"
        r"|n[\xbao\xb0]? ?col|num\.? ?col|ncol|dni|nie|nif|visa (?:number|no)|registration|board cert",
        least_digits=4,
        least_length=5,
    ),
    _cue(
        IdentifierType.VEHICLE,
        "vehicle",
        r"\bplt\b|\btag\b|\bplaca\b|\bpatente\b|\bchapa\b|\btail\b|"
        r"vin|license plate|licence plate|plate|plates|tag (?:number|no|#)|vehicle",
        least_digits=2,
    ),
    _cue(
        IdentifierType.DEVICE,
        "device",
        r"\bsn\b|\bserie\b|\blote\b|\blead\b|transmitter|\bsensor\b|controller|\bmachine\b|\bchannel\b|asset tag"
        r"|hugs tag|\bserials\b|"
        r"serial|s/n|udi|device|lot|imei|implant|pacemaker|icd|sn:|sn #|model",
        least_digits=4,
        least_length=6,
    ),
    _cue(
        IdentifierType.BIOMETRIC,
        "biometric",
        r"barcodes?\b|\bafis\b|biops(?:y|ies) ids?|\bwgs\b|\bwes\b|dna|\btemplate\b|\bkit\b|\bmuestra\b|"
        r"fingerprint|finger print|voiceprint|voice print|biometric|retina(?:l)? scan|iris scan|face id",
    ),
    _cue(
        IdentifierType.OTHER,
        "identifier",
        r"\brx\b|\brun\b|\bacc\b|\bauth\b|incident|\breq\b|requisition|\bband\b|wristband|\bbatch\b|\bseal\b"
        r"|\bconf\b|waybill|specimen|\bsubj(?:ect)?\b|participant|interp(?:reter)?\b|\bfolio\b|\bcaso\b|\bexp\b"
        r"|\borden\b|petici[o\xf3]n|protocolo|\bpedido\b|\bjob\b|\bpath\b|\btrip\b|\bclient\b|\bcallid\b|\btrace\b"
        r"|\bdin\b|\bunos\b|\bdoc ?#|\bbk ?#|\bcontrol no\b|\btin\b|\bc-file\b|\bcytology\b|\bsample\b"
        r"|\bworkstation\b|\benc\b|\bfall ?nr|consult ?#|\bdocket\b|"
        r"id|identifier|employee|badge|student|case|reference|ref|confirmation|order|ticket|tracking|user ?name"
        r"|login|user id"
        r"|booking|pin|file (?:number|no|#)|docket|tax id|ein|number|no|#",
        least_digits=4,
        least_length=6,
    ),
    _cue(
        IdentifierType.LICENSE,
        "licence-short",
        r"\bci\b|\bcc\b|\bc\.c\.|\bc\.i\.|\brg\b|\bhc\b|\bm\.?[np]\.?\b",
        least_digits=5,
        least_length=5,
    ),
    Nomination(rule="unexplained-number", expression=LONG_NUMBER, examine=_unexplained),
)
