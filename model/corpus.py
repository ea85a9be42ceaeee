"""Read annotated documents: our own mark-up (`corpus/`), and span JSONL of development sets that are not shipped."""

import json
import re
from dataclasses import dataclass
from pathlib import Path


def in_order(text: str) -> list[str]:
    """Return the words of a text."""
    return text.split()


def words_of(text: str) -> frozenset[str]:
    """Return the different words of a text."""
    return frozenset(text.split())


MARK = re.compile(r"⟦([A-Z]+)\|([^⟦⟧]*)⟧")

# The classifier's classes. What numbers one person or thing is ID; ways to reach somebody are CONTACT.
OWN = {
    "NAME": "NAME", "CLINICIAN": "NAME", "LOCATION": "LOCATION", "FACILITY": "ORG", "EMPLOYER": "ORG", "DATE": "DATE",
    "AGE": "AGE", "PHONE": "CONTACT", "FAX": "CONTACT", "EMAIL": "CONTACT", "URL": "CONTACT", "IP": "CONTACT",
    "SSN": "ID", "MRN": "ID", "PLAN": "ID", "ACCOUNT": "ID", "LICENSE": "ID", "VEHICLE": "ID", "DEVICE": "ID",
    "BIOMETRIC": "ID", "USERNAME": "ID", "ID": "ID",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """A text with spans (start, end, class); class None means: learn nothing here."""

    id: str
    text: str
    spans: list[tuple[int, int, str | None]]
    source: str
    kinds: tuple[str, ...] = ()


def own(path: Path) -> list[Document]:
    """Read a file of our own mark-up."""
    documents = []
    for part in re.split(r"(?m)^#### ", path.read_text(encoding="utf-8"))[1:]:
        head, _, body = part.partition("\n")
        text, spans, kinds, at = "", [], [], 0
        body = body.strip("\n")
        for found in MARK.finditer(body):
            text += body[at : found.start()]
            spans.append((len(text), len(text) + len(found[2]), OWN[found[1]]))
            kinds.append(found[1])
            text += found[2]
            at = found.end()
        text += body[at:]
        documents.append(Document(f"{path.stem}:{head.split('|')[0].strip()}", text, spans, path.stem, tuple(kinds)))
    return documents


WIDE = words_of(
    """
    alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii idaho illinois
    indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi missouri
    montana nebraska nevada ohio oklahoma oregon pennsylvania tennessee texas utah vermont virginia washington
    wisconsin wyoming us usa u.s. uk u.k. eu england scotland wales ireland france germany spain italy portugal
    greece turkey russia ukraine poland sweden norway denmark finland iceland netherlands holland belgium austria
    switzerland hungary romania bulgaria serbia croatia slovenia slovakia estonia latvia lithuania canada mexico
    brazil argentina chile peru colombia venezuela ecuador bolivia uruguay paraguay cuba haiti jamaica china japan
    korea india pakistan bangladesh nepal indonesia malaysia singapore thailand vietnam philippines australia iran
    iraq israel palestine syria lebanon jordan egypt libya tunisia algeria morocco nigeria ghana kenya ethiopia
    somalia sudan uganda tanzania rwanda zambia zimbabwe africa asia europe america afghanistan kuwait qatar yemen
    oman bahrain uae taiwan mongolia cambodia laos myanmar scandinavia españa méxico
    """
) | {
    "new zealand", "south africa", "united states", "united kingdom", "north korea", "south korea", "saudi arabia",
    "costa rica", "puerto rico", "new york state", "new jersey", "new mexico", "new hampshire", "north carolina",
    "south carolina", "north dakota", "south dakota", "west virginia", "rhode island", "sri lanka", "middle east",
    "northern ireland", "great britain", "the netherlands", "united states of america", "the united states",
}  # fmt: skip


def jsonl(path: Path, classes: dict[str, str | None]) -> list[Document]:
    """Read span JSONL; `classes` maps its types, an absent type is no identifier here.

    Countries and states are no identifiers (45 CFR 164.514(b)(2)(i)(B)), whatever a general label says.
    """
    documents = []
    for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        text = row["text"]
        spans = sorted(
            (s["start"], s["end"], classes[s["type"]])
            for s in row["spans"]
            if s["type"] in classes and not (s["type"] == "LOCATION" and text[s["start"] : s["end"]].lower() in WIDE)
        )
        documents.append(Document(row["id"], row["text"], spans, path.stem))
    return documents


GENERAL = {"NAME": "NAME", "LOCATION": "LOCATION", "ORG": None}
SHARED: dict[str, dict[str, str | None]] = {
    "clin_inject_a": {"NAME": "NAME", "MRN": "ID", "DATE": "DATE", "LOCATION": "LOCATION", "PHONE": "CONTACT",
                      "ID": "ID", "SSN": "ID", "EMAIL": "CONTACT"},
    "meddocan_es_traindev": {
        "CORREO_ELECTRONICO": "CONTACT", "ID_TITULACION_PERSONAL_SANITARIO": "ID", "NOMBRE_PERSONAL_SANITARIO": "NAME",
        "FECHAS": "DATE", "PAIS": None, "TERRITORIO": "LOCATION", "CALLE": "LOCATION", "ID_SUJETO_ASISTENCIA": "ID",
        "NOMBRE_SUJETO_ASISTENCIA": "NAME", "ID_ASEGURAMIENTO": "ID", "FAMILIARES_SUJETO_ASISTENCIA": None,
        "HOSPITAL": "ORG", "ID_EMPLEO_PERSONAL_SANITARIO": None, "NUMERO_TELEFONO": "CONTACT",
        "ID_CONTACTO_ASISTENCIAL": "ID", "PROFESION": None, "INSTITUCION": "ORG", "NUMERO_FAX": "CONTACT",
        "OTROS_SUJETO_ASISTENCIA": None, "CENTRO_SALUD": "ORG",
    },
    "presidio_generated_large": {**GENERAL, "ID": "ID", "DATE": None, "SSN": "ID", "PHONE": "CONTACT",
                                 "EMAIL": "CONTACT", "IP": "CONTACT", "URL": "CONTACT"},
    "presidio_synth_v2": {**GENERAL, "ID": "ID", "DATE": None, "SSN": "ID", "PHONE": "CONTACT", "EMAIL": "CONTACT",
                          "IP": "CONTACT", "URL": "CONTACT"},
    "ner_wnut17_train": GENERAL, "ner_btc_a": GENERAL, "ner_btc_b": GENERAL, "ner_btc_e": GENERAL,
    "ner_btc_f": GENERAL, "ner_btc_g": GENERAL, "ner_btc_h": GENERAL, "ner_wikigold": GENERAL,
}  # fmt: skip
