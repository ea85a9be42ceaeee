"""What describes a patient of a Spanish record without naming him: age, sex, country, occupation.

None of the identifiers of 45 CFR 164.514(b)(2)(i) by itself; beside a date and a place it singles people out, and the
AEPD counts it among personal data. It is looked for only in a Spanish text that also holds a direct identifier: in a
question to a textbook an age is a fact and nobody's.
"""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.nomination import Nomination, Reading

_SPANISH: Final = re.compile(
    r"\b(?:paciente|de|la|el|los|con|que|por|una?|se|del|años|nombre|edad|fecha|ingreso|sexo)\b", re.IGNORECASE
)
_DIRECT: Final = re.compile(
    r"\b(?:nombre|apellidos?|nhc|n\.h\.c|dni|nie|nif|nass|nuhsa|cipa?|curp|rut|c[eé]dula|domicilio|direcci[oó]n"
    r"|historia cl[ií]nica|expediente|f(?:echa)?\.? (?:de )?nac(?:imiento)?|n[º°] ?historia"
    r"|tel[eé]fono)\b[^\n]{0,20}[:.#º°-]",
    re.IGNORECASE,
)
_LEAST_WORDS: Final = 6
_NUMBER: Final = (
    r"(?:un|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|trece|catorce|quince|diecis[eé]is|diecisiete"
    r"|dieciocho"
    r"|diecinueve|veint\w{1,7}|(?:treinta|cuarenta|cincuenta|sesenta|setenta|ochenta)(?: y \w{2,6})?)"
)
_AGE: Final = re.compile(
    rf"\b(?:(?:[1-8]?\d|{_NUMBER})[ ](?:años|añitos|meses|d[ií]as(?= de (?:vida|edad))|semanas(?= de (?:vida|edad)))"
    r"(?: y (?:medio|\d{1,2} meses))?|[1-8]?\d[ ]?a\b(?=[ ]?[,.;)\n]))"
    r"(?! (?:de (?!edad|vida)|despu[eé]s|antes|atr[aá]s|m[aá]s tarde))",
    re.IGNORECASE,
)
_AGE_BEFORE: Final = re.compile(
    r"(?:\b(?:de|edad|tiene|con|paciente|var[oó]n|mujer|hombre|ni[ñn][oa]|femenino|masculino|cumple|y|[HMVF])|[,("
    r"|:;])[ ]?\Z",
    re.IGNORECASE,
)
_NO_AGE_BEFORE: Final = re.compile(
    r"\b(?:hace|durante|cada|tras|[uú]ltimos|pr[oó]ximos|m[aá]s de|menos de|evoluci[oó]n de|periodo de"
    r"|seguimiento de|cabo de"
    r"|desde hace(?: m[aá]s de)?|aproximadamente|antes de|despu[eé]s de)[ ]\Z",
    re.IGNORECASE,
)
_LABEL: Final = re.compile(
    r"\b(?:edad[ ]?[:=]?[ ]?(?:de )?(?P<age>[1-8]?\d)(?!\d)(?:[ ]?a(?:ños)?\b)?"
    r"|(?:sexo|g[eé]nero)[ ]?[:=]?[ ]?(?P<sex>[HMVF]\b|hombre|mujer|var[oó]n|masculino|femenino|femenina)"
    r"|(?:profesi[oó]n|ocupaci[oó]n|oficio)[ ]?[:=][ ]?(?P<work>[^\W\d_]+(?:[ ](?!y[ ])[^\W\d_]+){0,3})"
    r"|(?:pa[ií]s|nacionalidad|natural de|procedente de"
    r"|origen)[ ]?:?[ ](?P<land>(?-i:[A-ZÁÉÍÓÚÑ][^\W\d_]+(?:[ ](?:de[ ])?[A-ZÁÉÍÓÚÑ][^\W\d_]+)?)))",
    re.IGNORECASE,
)
_SEX: Final = re.compile(
    r"\b(?:var[oó]n|mujer|hombre|ni[ñn][oa]|lactante|anciana|anciano|adolescente|sexo (?:femenino|masculino)"
    r"|(?<=sexo )(?:femenino|masculino))\b",
    re.IGNORECASE,
)
_LAND: Final = re.compile(
    r"\b(?:España|Marruecos|Ecuador|Colombia|Venezuela|Perú|Bolivia|Argentina|Chile|Paraguay|Uruguay|México|Cuba"
    r"|Honduras|Nicaragua"
    r"|República Dominicana|El Salvador|Guatemala|Costa Rica|Panamá|Brasil|Portugal|Francia|Italia|Rumanía|Bulgaria"
    r"|Ucrania|Rusia"
    r"|Polonia|Alemania|Reino Unido|Inglaterra|Senegal|Mali|Malí|Nigeria|Guinea(?: Ecuatorial| Bissau)?|Gambia"
    r"|Ghana|Camerún|Argelia"
    r"|Túnez|Egipto|Siria|Pakistán|India|Bangladesh|China|Filipinas|Estados Unidos|Haití|Puerto Rico|Holanda"
    r"|Países Bajos|Bélgica"
    r"|Suiza|Suecia|Noruega|Irlanda|Grecia|Turquía|Japón|Vietnam|Etiopía|Kenia|Angola|Mozambique|Mauritania"
    r"|Cabo Verde)\b"
)


def _found(reading: Reading, _end: int) -> Iterable[Span]:
    text = reading.text
    if len(_SPANISH.findall(text)) < _LEAST_WORDS or _DIRECT.search(text) is None:
        return
    for found in _AGE.finditer(text):
        before = (text, max(0, found.start() - 26), found.start())
        if _AGE_BEFORE.search(*before) and not _NO_AGE_BEFORE.search(*before):
            yield _span(found.start(), found.end(), "age-under-90")
    for found in _LABEL.finditer(text):
        group = str(found.lastgroup)
        yield _span(found.start(group), found.end(group), f"label-{group}")
    for form, rule in ((_SEX, "sex"), (_LAND, "country")):
        for found in form.finditer(text):
            yield _span(found.start(), found.end(), rule)


def _span(start: int, end: int, rule: str) -> Span:
    return Span(start, end, IdentifierType.DEMOGRAPHIC, rule)


NOMINATIONS: Final = (
    # Any of these labels is needed, so most texts cost nothing.
    Nomination(
        rule="demographic",
        expression=(
            r"\b(?:nombre|apellidos?|nhc|n\.h\.c|dni|nie|nif|nass|nuhsa|cipa?|curp|rut|c[e\xe9]dula|domicilio"
            r"|direcci[o\xf3]n"
            r"|historia cl[i\xed]nica|expediente|f(?:echa)?\.? (?:de )?nac(?:imiento)?|tel[e\xe9]fono)\b"
        ),
        examine=_found,
        caseless=True,
        once=True,
    ),
)
