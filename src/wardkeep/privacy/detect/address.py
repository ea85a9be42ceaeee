"""Places smaller than a state: 45 CFR 164.514(b)(2)(i)(B).

Streets (suffixes of USPS Publication 28), cities before a state, ZIP codes, labelled addresses. Places in
running text are the classifier's.
"""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.lexicon import EPONYM, MEDICAL, PLACE, SAFE, WORD
from wardkeep.privacy.detect.nomination import Nomination, Reading
from wardkeep.privacy.detect.wording import CAPITAL, LETTER, preceding_run, word_set
from wardkeep.privacy.detect.wording import WORD as CAP_WORD

_STATES: Final = word_set(
    "alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii idaho "
    "illinois indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota "
    "mississippi missouri montana nebraska nevada ohio oklahoma oregon pennsylvania tennessee texas utah "
    "vermont virginia washington wisconsin wyoming"
) | {
    *("new hampshire", "new jersey", "new mexico", "new york", "north carolina", "north dakota", "rhode island"),
    *("south carolina", "south dakota", "west virginia", "puerto rico", "district of columbia"),
}
_STATE: Final = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|DC|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND"
    "|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA"
    "|WV|WI|WY|PR|GU|VI|AS|MP|PW|FM|MH"
)
_STATE_NAME: Final = "|".join(sorted((s.title() for s in _STATES), key=len, reverse=True)).replace(" Of ", " of ")
_SUFFIX: Final = (
    "Alley|Aly|Avenue|Ave|Av|Bayou|Beach|Bend|Bluffs?|Blvd|Boulevard|Branch|Bridge|Brooks?|Burgs?|Bypass|Camp"
    "|Canyon|Cape|Causeway|Centers?|Circles?|Cir"
    "|Cliffs?|Club|Common|Corners?|Course|Courts?|Ct|Coves?|Creek|Crescent|Crest|Crossing|Crossroads?|Curve"
    "|Dale|Dam|Divide|Drives?|Dr|Estates?|Expressway"
    "|Extensions?|Falls?|Ferry|Fields?|Flats?|Fords?|Forest|Forges?|Forks?|Fort|Freeway|Gardens?|Gateway"
    "|Glens?|Greens?|Groves?|Harbors?|Haven|Heights|Hts"
    "|Highway|Hwy|Hills?|Hollow|Inlet|Islands?|Isle|Junctions?|Keys?|Knolls?|Lakes?|Land|Landing|Lane|Ln"
    "|Lights?|Loaf|Locks?|Lodge|Loop|Mall|Manors?"
    "|Meadows?|Mews|Mills?|Mission|Motorway|Mountains?|Mount|Neck|Orchard|Oval|Overpass|Parks?|Parkways?|Pkwy"
    "|Pass|Passage|Path|Pike|Pines?|Place|Pl"
    "|Plains?|Plaza|Points?|Ports?|Prairie|Radial|Ramp|Ranch|Rapids?|Rest|Ridges?|River|Roads?|Rd|Route|Rte"
    "|Row|Rue|Run|Shoals?|Shores?|Skyway|Springs?"
    "|Spurs?|Squares?|Sq|Station|Stravenue|Stream|Streets?|St|Summit|Terrace|Ter|Throughway|Trace|Track"
    "|Trafficway|Trail|Trl|Tunnel|Turnpike|Underpass"
    "|Unions?|Valleys?|Via|Viaduct|Views?|Villages?|Ville|Vista|Walks?|Wall|Ways?|Wells?"
)
_UNIT: Final = (
    r"(?:,?[ ]{0,2}(?:Suite|Ste|Apt|Apartment|Unit|Room|Rm|Floor|Fl|Bldg|Building|\#)\.?[ ]?\#?[A-Za-z0-9-]{1,6})"
)
_CITY: Final = rf"(?:{CAP_WORD}|St\.|Ft\.|Mt\.)(?:[ ](?:of[ ])?{CAP_WORD}){{0,3}}"
_ZIP_TAIL: Final = r"(?:,?[ ]{1,2}\d{5}(?:-\d{4})?(?!\d))?"
_TAIL: Final = rf"(?:,?[ \n]{{1,2}}{_CITY})?(?:,?[ ]{{1,2}}(?:{_STATE}|{_STATE_NAME})\b)?{_ZIP_TAIL}"
_STREET: Final = re.compile(
    rf"(?<![\w.,/-])\d{{1,6}}[A-Za-z]?[ ]{{1,2}}(?:(?:[NSEW]|NE|NW|SE|SW|North|South|East|West)\.?[ ])?"
    rf"(?:(?:{CAPITAL}{LETTER}*|\d{{1,3}}(?:st|nd|rd|th))['.-]?{LETTER}*[ ]){{0,4}}?(?:{_SUFFIX})\b\.?(?:[ ](?:N"
    rf"|S|E|W|NE|NW|SE|SW)\b)?"
    rf"{_UNIT}?(?:,?[ \n]{{1,2}}{_CITY},?[ ]{{1,2}}(?:{_STATE}|{_STATE_NAME})\b{_ZIP_TAIL})?"
)
_STREET_LOWER: Final = re.compile(
    r"(?<![\w.,/-])\d{1,6}[ ](?:[a-z0-9]+[ ]){1,3}(?:street|st|avenue|ave|road|rd|lane|ln|drive|boulevard|blvd"
    r"|court|highway|hwy|parkway|pkwy)\b",
    re.IGNORECASE,
)
_BOX: Final = re.compile(r"[ ]?\#?[ ]?\d{1,7}" + _TAIL)
_ZIP: Final = re.compile(r",?[ ]{1,2}\d{5}(?:-\d{4})?(?!\d)")
_LABEL: Final = re.compile(
    r"""['"\])*_]{0,3}[ \t]{0,3}[:=][ \t"']{0,4}([^\n"|;]{3,100}?)(?=$|\n|["|;]|[ ]{2,}|\.\s|[ ](?:Phone|Tel|Fax"""
    r"""|Email|DOB|MRN|SSN)\b)"""
)
_PLAIN_LABEL: Final = re.compile(
    r"""['"\])*_]{0,3}[ ]?(?:code)?[ \t]{0,3}[:=]?[ \t"']{0,4}(\d{5}(?:-\d{4})?)(?!\d)""", re.IGNORECASE
)
_DEGREE_LIKE: Final = frozenset({"MD", "PA", "MA", "MS", "DO"})


def _street(reading: Reading, end: int) -> Iterable[Span]:
    text = reading.text
    start = end - 2
    while start and text[start - 1].isalnum() and end - start < 9:
        start -= 1
    found = _STREET.match(text, start)
    if found is None:
        return ()
    return (Span(start, found.end(), IdentifierType.LOCATION, "address"),)


def _street_lower(reading: Reading, end: int) -> Iterable[Span]:
    for found in _STREET_LOWER.finditer(reading.text, max(0, end - 60), end):
        if found.end() == end:
            yield Span(found.start(), end, IdentifierType.LOCATION, "address-lower")


def _box(reading: Reading, end: int) -> Iterable[Span]:
    found = _BOX.match(reading.text, end)
    if found is None:
        return ()
    start = max(reading.text.lower().rfind("p", max(0, end - 12), end), 0)
    return (Span(start, found.end(), IdentifierType.LOCATION, "address-box"),)


def _state(reading: Reading, end: int) -> Iterable[Span]:
    """A city before `, ST`. Degrees and diagnoses look alike, so capitals alone do not make a city."""
    text = reading.text
    code = text[end - 2 : end]
    comma = text.rfind(",", max(0, end - 6), end)
    start = preceding_run(text, comma, 4) if comma > 0 else comma
    if start == comma or text[end : end + 1].isalnum():
        return ()
    zip_code = _ZIP.match(text, end)
    pieces = text[start:comma].split(" ")
    flags = [reading.words.get(piece.lower(), 0) for piece in pieces]
    while (
        zip_code is None
        and len(pieces) > 1
        and flags[0] & WORD
        and not flags[0] & PLACE
        and pieces[0].lower() not in _CITY_FIRST
    ):
        start += len(pieces[0]) + 1
        pieces, flags = pieces[1:], flags[1:]
    if zip_code is None and (
        code in _DEGREE_LIKE
        or pieces[-1].isupper()
        or (flags[-1] & (MEDICAL | EPONYM) and not flags[-1] & PLACE)
        or (flags[-1] & SAFE and len(pieces) == 1)
    ):
        return ()
    return (Span(start, zip_code.end() if zip_code else end, IdentifierType.LOCATION, "city-state"),)


_CITY_FIRST: Final = word_set(
    "new north south east west port lake saint st fort mount los las san santa el la grand great green white "
    "black red blue big little long high spring cedar oak pine salt baton des palm rapid sioux coral king "
    "bowling college falls park forest old upper lower glen hot virginia"
)


def _label(reading: Reading, end: int) -> Iterable[Span]:
    found = _LABEL.match(reading.text, end)
    if found is None or not any(c.isupper() or c.isdigit() for c in found[1]):
        return ()
    first = found[1].split(" ", 1)[0].rstrip(".,").lower()
    if (
        reading.words.get(first, 0) & SAFE
        and not any(map(str.isdigit, found[1]))
        and not reading.words.get(found[1].lower(), 0) & PLACE
    ):
        return ()
    value = found[1].rstrip(" .,")
    return (Span(found.start(1), found.start(1) + len(value), IdentifierType.LOCATION, "address-label"),)


def _zip(reading: Reading, end: int) -> Iterable[Span]:
    found = _PLAIN_LABEL.match(reading.text, end)
    return (Span(found.start(1), found.end(1), IdentifierType.LOCATION, "zip"),) if found else ()


_COORDINATES: Final = re.compile(r"(?<![\d.])-?\d{2}\.\d{4,}[\"']?[,; \t]{1,3}[\"']?-?\d{2,3}\.\d{4,}(?![\d.])")
_ELEMENTS: Final = re.compile(r"[^~\n]{2,100}")


def _coordinates(reading: Reading, end: int) -> Iterable[Span]:
    """A latitude and a longitude to four decimals: a house to ten metres."""
    for found in _COORDINATES.finditer(reading.text, max(0, end - 40), end + 12):
        if found.start() < end <= found.end():
            yield Span(found.start(), found.end(), IdentifierType.LOCATION, "coordinates")


_STATE_VALUE: Final = re.compile(r'"[ ]?:[ ]?"([^"\n]{2,24})"')
_ADDRESS_KEY: Final = re.compile(r'"(?:city|line|postalCode|postal_code|zip|street)"', re.IGNORECASE)


def _state_key(reading: Reading, end: int) -> Iterable[Span]:
    """The state in an address of JSON: it stands beside a city or a postal code (FHIR R4 Address)."""
    found = _STATE_VALUE.match(reading.text, end)
    if found is None or not _ADDRESS_KEY.search(reading.text, max(0, end - 160), found.end() + 80):
        return ()
    return (Span(found.start(1), found.end(1), IdentifierType.LOCATION, "address-state"),)


def _segment(reading: Reading, end: int) -> Iterable[Span]:
    """The address line (N3) or place (N4) of an X12 transaction: its elements, up to the segment's end."""
    found = _ELEMENTS.match(reading.text, end)
    return (Span(end, found.end(), IdentifierType.LOCATION, "x12-address"),) if found else ()


NOMINATIONS: Final = (
    Nomination(
        rule="coordinates", expression=r"\d\.\d{4,}[\"']?[,; \t]{1,3}[\"']?-?\d{1,3}\.\d{4}", examine=_coordinates
    ),
    Nomination(rule="address-state", expression=r"\"state", examine=_state_key),
    Nomination(rule="x12-address", expression=r"(?:~|^|\n)N[34]\*", examine=_segment),
    Nomination(rule="address", expression=r"[0-9][A-Za-z]? {1,2}[A-Z0-9]", examine=_street),
    Nomination(
        rule="address-lower",
        expression=r"[0-9] [a-z0-9 ]{2,40} (?:street|st|avenue|ave|road|rd|lane|ln|drive|boulevard|blvd|court"
        r"|highway|hwy"
        r"|parkway|pkwy)\b",
        examine=_street_lower,
        caseless=True,
    ),
    Nomination(rule="address-box", expression=r"\bp\.? ?o\.? ?box", examine=_box, caseless=True),
    Nomination(rule="city-state", expression=rf"[a-zA-Z], ?(?:{_STATE})\b", examine=_state),
    Nomination(
        rule="address-label",
        expression=r"\b(?:address|residence|street|city|town|county|hometown|domicilio|direcci[\xf3o]n|localidad|provincia"
        r"|municipio|poblaci[\xf3o]n|location)\b",
        examine=_label,
        caseless=True,
    ),
    Nomination(rule="zip", expression=r"\b(?:zip|zipcode|postal|cp|c\.p)\b", examine=_zip, caseless=True),
)
