"""Numbers written out in words, in English and Spanish: "double four", "oh one seven", "cuarenta y cinco"."""

import re
from typing import Final

_UNITS: Final = {
    word: str(value % 10)
    for value, words in enumerate(
        (
            "zero oh cero",
            "one uno una",
            "two dos",
            "three tres",
            "four cuatro",
            "five cinco",
            "six seis",
            "seven siete",
            "eight ocho",
            "nine niner nueve",
        )
    )
    for word in words.split()
}
_TEENS: Final = {
    word: str(10 + value)
    for value, words in enumerate(
        (
            "ten diez",
            "eleven once",
            "twelve doce",
            "thirteen trece",
            "fourteen catorce",
            "fifteen quince",
            "sixteen dieciséis dieciseis",
            "seventeen diecisiete",
            "eighteen dieciocho",
            "nineteen diecinueve",
            "veinte",
            "veintiuno veintiún veintiun",
            "veintidós veintidos",
            "veintitrés veintitres",
            "veinticuatro",
            "veinticinco",
            "veintiséis veintiseis",
            "veintisiete",
            "veintiocho",
            "veintinueve",
        )
    )
    for word in words.split()
}
_TENS: Final = {
    word: 10 * value
    for value, words in enumerate(
        (
            "",
            "",
            "twenty",
            "thirty treinta",
            "forty fourty cuarenta",
            "fifty cincuenta",
            "sixty sesenta",
            "seventy setenta",
            "eighty ochenta",
            "ninety noventa",
        )
    )
    for word in words.split()
}
_TIMES: Final = {"double": 2, "triple": 3, "doble": 2}


def _either(words: object) -> str:
    return "|".join(sorted(map(str, words), key=len, reverse=True))  # type: ignore[call-overload]


DIGIT: Final = _either(_UNITS)
"""An alternation of the words for one digit."""
TEN: Final = _either(_TENS)
NUMBER: Final = _either([*_UNITS, *_TEENS, *_TENS])
"""An alternation of the words for numbers below twenty and for tens."""

_TOKEN: Final = re.compile(
    rf"(?P<times>{_either(_TIMES)})|(?P<ten>{TEN})(?:[ -]{{1,2}}(?:y[ ])?(?P<more>{DIGIT})(?![a-z]))?"
    rf"|(?P<teen>{_either(_TEENS)})|(?P<unit>{DIGIT})|(?P<digits>[0-9]+)"
    r"|(?P<mark>dash|hyphen|minus|gui[oó]n|slash|barra|dot|point|punto)",
    re.IGNORECASE,
)
_MARKS: Final = {"dash": "-", "hyphen": "-", "minus": "-", "slash": "/", "barra": "/", "dot": ".", "point": "."}


def groups(run: str) -> list[str]:
    """Return the numbers of a spoken run, each as digits: "twenty two, double four" gives 22 and 44."""
    found: list[str] = []
    times = 1
    for token in _TOKEN.finditer(run):
        kind = token.lastgroup
        if kind == "times":
            times = _TIMES[token[0].lower()]
            continue
        if kind == "mark":
            found.append(_MARKS.get(token[0].lower(), "-"))
            continue
        if token["ten"]:
            unit = token["more"]
            value = str(_TENS[token["ten"].lower()] + (int(_UNITS[unit.lower()]) if unit else 0))
        elif kind == "teen":
            value = _TEENS[token[0].lower()]
        elif kind == "unit":
            value = _UNITS[token[0].lower()]
        else:
            value = token[0]
        found.append(value * times)
        times = 1
    return found


def year(numbers: list[str]) -> str | None:
    """Return the year that spoken numbers make: 19 88, 20 25, 2 thousand is not read, 88 stands for itself."""
    if len(numbers) == 2 and numbers[0] in {"18", "19", "20"} and len(numbers[1]) == 2:
        return numbers[0] + numbers[1]
    if len(numbers) == 3 and numbers[0] in {"19", "20"} and numbers[1] == "0":
        return numbers[0] + "0" + numbers[2]
    return numbers[0] if len(numbers) == 1 and len(numbers[0]) == 2 else None
