"""Make other documents out of one: other people, places and numbers, other case. Labels move along.

A document keeps its coherence: the same word of a name becomes the same other word everywhere. What stays of a phrase
(Street, Hospital, of, de la) is told by the word lists. Everything is drawn from one seeded generator.
"""

import random
import re
import unicodedata
from collections.abc import Sequence

from model.corpus import Document, in_order, words_of

from wardkeep.privacy.detect.lexicon import FIRST, FIRST_COMMON, LAST, LAST_COMMON, PLACE, SAFE

WORD = re.compile(r"[^\W\d_]+|\d")
KEEP = words_of(
    """
    de la las los del da do dos van der den von bin al el le di y e of the and at in st ste apt unit suite floor po
    box street avenue ave road rd lane ln drive dr court ct blvd boulevard highway hwy route rte way place pl square
    sq terrace parkway pkwy circle trail north south east west n s e w nw ne sw se calle avenida avda av plaza paseo
    carrera colonia col barrio piso cp hospital clinic clinica clínica centro salud health center centre medical
    university universidad universitario general regional memorial community family practice physicians pediatrics
    dental surgery rehab hospice nursing home assisted living pharmacy farmacia laboratory lab school elementary
    middle high church county district san santa saint mount lake river park hills heights valley springs new old
    port fort inc llc ltd co corp company group associates partners services mr mrs ms dr jr sr ii iii iv md rn do
    np pa
    """
)
_SYLLABLES = in_order(
    """
    ba be bi bo bra ce cha chi da de dra du el en fa fe fri ga gha gra ha he ho i ja je jo ka ke khi kra la le li lo
    lu ma me mi mo mu na ne ni no nya o or pa pe pra qua ra re ri ro ru sa se shi si so sta ta te thi to tra u va ve
    vi vo wa we xi ya ye yo za ze zo
    """
)
_ENDS = in_order(
    """
    n r s l m th k d t lla sson ski ova ez wicz berg ton ham ley wa ko ji ng nh a o i e u ian off eau ard
    """
)


class Names:
    """Words to draw from, by role."""

    def __init__(self, words: dict[str, int], generator: random.Random) -> None:
        single = [(w, f) for w, f in words.items() if " " not in w and len(w) > 1]
        self.first = [w for w, f in single if f & FIRST]
        self.first_common = [w for w, f in single if f & FIRST_COMMON]
        self.last = [w for w, f in single if f & LAST]
        self.last_common = [w for w, f in single if f & LAST_COMMON]
        self.places = [w for w, f in words.items() if f & PLACE and not f & SAFE and w.count(" ") < 3]
        self.words = words
        self.random = generator

    def invented(self) -> str:
        """Return a name that nobody has."""
        draw = self.random
        return "".join(draw.choice(_SYLLABLES) for _ in range(draw.randint(1, 3))) + draw.choice(_ENDS)

    def person(self, word: str) -> str:
        """Return another word of a name, a given name for a given name."""
        flag = self.words.get(word.lower(), 0)
        draw = self.random
        if draw.random() < 0.12:
            return self.invented()
        is_first = bool(flag & FIRST) and not (flag & LAST and draw.random() < 0.5)
        if not flag:
            is_first = draw.random() < 0.4
        pool = (
            (self.first_common if draw.random() < 0.4 else self.first)
            if is_first
            else (self.last_common if draw.random() < 0.3 else self.last)
        )
        return draw.choice(pool)

    def place(self, word: str) -> str:
        """Return another word of a place or facility."""
        roll = self.random.random()
        if roll < 0.55:
            return self.random.choice(self.places).split(" ")[0] if word else word
        return self.random.choice(self.last) if roll < 0.85 else self.invented()


def like(model: str, word: str) -> str:
    """Return `word` in the case of `model`."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word.capitalize() if model[0].isupper() else word.lower()


def refill(document: Document, names: Names) -> Document:
    """Return the document with other identifiers in the same places."""
    draw = names.random
    mapped: dict[tuple[str, str], str] = {}

    def swap(word: str, kind: str) -> str:
        low = word.lower()
        if word.isdigit():
            return draw.choice("0123456789")
        if kind in {"NAME", "LOCATION", "ORG"}:
            if len(low) == 1:
                return like(word, draw.choice("abcdefghijklmnopqrstuvwxyz"))
            if low in KEEP or (kind == "ORG" and names.words.get(low, 0) & SAFE and draw.random() < 0.8):
                return word
            if kind == "LOCATION" and len(low) == 2:
                return word
            role = "NAME" if kind == "NAME" else "PLACE"
            if (role, low) not in mapped:
                mapped[role, low] = names.person(word) if role == "NAME" else names.place(word)
            return like(word, mapped[role, low])
        if kind == "ID" and word.isupper() and len(word) <= 3:
            return "".join(draw.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in word)
        return word

    text, spans, at = "", [], 0
    for start, end, kind in document.spans:
        if start < at:
            return document  # nested labels: leave it
        text += document.text[at:start]
        value = document.text[start:end]
        if kind in {"NAME", "LOCATION", "ORG", "ID", "CONTACT"}:
            value = WORD.sub(lambda found, kind=kind: swap(found[0], kind), value)
        spans.append((len(text), len(text) + len(value), kind))
        text += value
        at = end
    return Document(document.id, text + document.text[at:], spans, document.source)


def disguise(document: Document, draw: random.Random) -> Document:
    """Return the document in another case, or without accents: offsets stay."""
    roll = draw.random()
    text = document.text
    changed = text
    if roll < 0.16:
        changed = text.lower()
    elif roll < 0.22:
        changed = text.upper()
    elif roll < 0.26:
        # Names alone in lower case, as in a hurried message.
        parts = list(text)
        for start, end, kind in document.spans:
            if kind in {"NAME", "LOCATION", "ORG"}:
                parts[start:end] = text[start:end].lower()
        changed = "".join(parts)
    elif roll < 0.30:
        changed = "".join(
            c.lower() if i and text[i - 1] in ".!?\n " and draw.random() < 0.3 else c for i, c in enumerate(text)
        )
    if draw.random() < 0.1:
        changed = "".join(unicodedata.normalize("NFD", c)[0] for c in changed)
    if draw.random() < 0.06:
        changed = re.sub(r"[,.;:](?=\s)", " ", changed)
    if len(changed) != len(text):
        return document
    return Document(document.id, changed, document.spans, document.source)


def variants(documents: Sequence[Document], names: Names, times: dict[str, float]) -> list[Document]:
    """Return the documents of one pass: some as they are, some filled anew, `times` by source."""
    draw = names.random
    result = []
    for document in documents:
        count = times.get(document.source.rstrip("_0123456789"), times.get("", 1.0))
        for number in range(int(count) + (draw.random() < count % 1)):
            made = document if not number and draw.random() < 0.3 else refill(document, names)
            result.append(disguise(made, draw))
    draw.shuffle(result)
    return result
