"""What a capitalised word and a run of them look like, shared by the recognisers of names, places and facilities."""

import re
from typing import Final


def word_set(words: str) -> frozenset[str]:
    """Return the words of a text that are separated by blanks."""
    return frozenset(words.split())


# Any letter that is not lower case ASCII or Latin-1: good enough to start a word.
CAPITAL: Final = r"[^\W\d_a-z\xdf-\xf6\xf8-\xff]"
LETTER: Final = r"[^\W\d_]"
WORD: Final = rf"{CAPITAL}{LETTER}*(?:(?:'(?![sS]\b)|-){LETTER}+)*"
PARTICLE: Final = (
    r"(?:de la|de las|de los|del|de|da|dos|do|di|van der|van den|van de|van|von der|von|bin|al|el|la|le|ter|y)"
)
NAME_WORD: Final = rf"(?:{CAPITAL}\.(?=[\s,A-Z]|$)|{WORD})"
# Bounded, so that many cues before one long run cost no more than the cues.
RUN: Final = rf"{NAME_WORD}(?:[ ](?:{PARTICLE}[ ])?{NAME_WORD}){{0,6}}"

APOSTROPHES: Final = frozenset("'\u2019")

PIECE: Final = re.compile(rf"{NAME_WORD}|{LETTER}+")

# What stands after a surname that names a disease, sign, test or device and not a person.
EPONYM_HEADS: Final = word_set(
    "disease diseases syndrome syndromes sign signs test tests testing score scores scale criteria "
    "classification grade stage staging catheter catheters tube tubes drain drains clamp clamps forceps "
    "retractor maneuver manoeuvre lymphoma tumor tumour cyst cysts esophagus oesophagus thyroiditis sarcoma "
    "index stain formula equation method technique view position incision block cells cell body bodies virus "
    "effect law laws reflex reflexes contraction contractions needle knife suture ligament node nodes nodule "
    "nodules triad tetralogy ulcer hernia pouch gland glands canal tract duct area nerve agar device valve "
    "line lead monitor questionnaire inventory protocol regimen palsy fracture procedure phenomenon reaction "
    "murmur pulse respiration respirations breathing chorea ataxia dementia encephalopathy anemia anaemia "
    "purpura nephropathy neuropathy dystrophy atrophy paralysis contracture deformity lesion infarct aphasia "
    "arteritis vasculitis granulomatosis spots nodes lines crisis exophthalmos orbitopathy ophthalmopathy "
    "macroglobulinemia protein proteins antigen antibody factor units unit operation repair excision resection "
    "anastomosis bypass shunt graft stent pump pack splint cast brace collar frame pins wire rod plate screw "
    "prosthesis arthroplasty osteotomy nomogram staging guidelines rule rules trial study cocktail solution "
    "dressing boot stockings hose swab smear culture phenotype mutation gene medium number ratio maneuvers "
    "point space fascia membrane muscle foramen fossa tendon bursa hepatitis meningitis encephalitis colitis "
    "gastritis lens chart bag mask blade laryngoscope airway cannula port speculum"
)


Piece = tuple[int, int, str]
"""Start and end in a run, and the word."""


def pieces_of(run: str) -> list[Piece]:
    """Return (start, end, word) of the words of a run of capitalised words."""
    if not run.replace(" ", "").isalpha():
        return [(found.start(), found.end(), found[0]) for found in PIECE.finditer(run)]
    # Letters and blanks only: what `PIECE` would find is what stands between the blanks.
    pieces = []
    at = 0
    for word in run.split(" "):
        end = at + len(word)
        if word:
            pieces.append((at, end, word))
        at = end + 1
    return pieces


def names_a_thing(text: str, end: int) -> bool:
    """Whether what follows a surname makes it an eponym ("Foley catheter", "Crohn's disease")."""
    if text[end : end + 1] in APOSTROPHES and text[end + 1 : end + 2] in {"s", "S"}:
        end += 2
    rest = text[end : end + 40].split(None, 1)
    return bool(rest) and rest[0].strip(".,;:)").lower() in EPONYM_HEADS


def preceding_run(text: str, end: int, most: int) -> int:
    """Return where the run of at most `most` capitalised words that ends at `end` begins (`end` when there is none).

    Walks backwards word by word: a search for a run anchored at its end would try every start.
    """
    begin = end
    kept = end
    for _ in range(most):
        stop = begin
        while stop and end - stop < 90 and (text[stop - 1].isalpha() or text[stop - 1] in "'.-&"):
            stop -= 1
        word = text[stop:begin]
        if not word or (word.endswith(".") and len(word) > 4 and begin != end):
            break
        if word[0].isupper() or word == "&":
            kept = stop
        elif word not in _JOINERS:
            break
        if not stop or text[stop - 1] not in " ,":
            break
        begin = stop - 1
        if text[begin] == "," or (begin and text[begin - 1] == ","):
            break
    return kept


_JOINERS: Final = word_set("of the and for de la del los las van von der den bin al el y")

TITLES: Final = word_set(
    "dr doctor mr mrs ms miss mx prof professor rev sir madam lord lady captain capt sgt lt nurse sister "
    "father sr sra srta don doña dña"
)
DEGREES: Final = word_set(
    "md do rn np pa phd lpn dds pharmd lcsw crna aprn fnp arnp dpm dnp cnm facs facc mbbs bsn msn mph ma bs ba jd esq"
)
SUFFIXES: Final = frozenset(["jr", "sr", "ii", "iii", "iv"])
