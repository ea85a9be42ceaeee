"""The classifier at work: what it finds in a text, and how sure it must be (stage 4 of de-identification).

Words that no list and no look makes suspicious are examined only beside a find; of which the first network is in doubt,
a second is asked. No state but the weights; text is never kept.
"""

import hashlib
import json
import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.classify import words as w
from wardkeep.privacy.classify.network import CLASSES, Network, Numbered, network
from wardkeep.privacy.detect.lexicon import lexicon
from wardkeep.privacy.detect.wording import word_set
from wardkeep.privacy.errors import DetectorUnavailable

_TYPES: Final = (
    IdentifierType.OTHER,
    IdentifierType.NAME,
    IdentifierType.LOCATION,
    IdentifierType.ORGANIZATION,
    IdentifierType.OTHER,
    IdentifierType.OTHER,
    IdentifierType.DATE,
    IdentifierType.AGE,
)
CLASSIFIED: Final = "classifier"
"""The rule of every span found here."""

FILES: Final = ("classifier.npz", "classifier_second.npz")
"""The weights of the two networks."""
_DOUBT: Final = (0.02, 0.995)
"""Between these probabilities of being harmless a word is doubtful: a third of those examined."""
_NAME: Final = CLASSES.index("NAME")
_DATE: Final = CLASSES.index("DATE")
# Routes for treatment let dates and ages pass: a number or a name taken for one must not pass with them.
_KEPT: Final = frozenset({_DATE, CLASSES.index("AGE")})
_LONG_NUMBER: Final = re.compile(r"\d{5}")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_DATE_WORDS: Final = word_set(
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec "
    "enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre "
    "ene abr ago set dic "
    "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun "
    "lunes martes miércoles miercoles jueves viernes sábado sabado domingo "
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth thirtieth st nd rd th "
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand oh "
    "uno un dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince veinte veintiuno treinta "
    "noventa cien ciento mil primero "
    "of the and de del la el a al on at in y o to "
    "am pm hrs h hours t z utc noon midnight morning afternoon evening night "
    "yo year years old aged age month months mo wk week weeks day days año años edad mes meses días "
    "early late mid end beginning spring summer fall autumn winter primavera verano otoño invierno "
    "christmas eve new easter good thanksgiving halloween independence labor memorial valentine navidad nochebuena "
    "semana santa weekend"
)
# Alone and without a number these are names as well ("June", "Mar", "Domingo").
_ALSO_NAMES: Final = word_set(
    "april may june august jan mar julio abril mayo junio marzo agosto domingo martes santa eve easter "
    "good summer autumn noon day old mo winter spring fall first second third sat sun wed mon set oh new valentine "
    "friday sunday monday"
)
# Parts of one thing are sometimes taken for its like: a town in a hospital's name, letters of a number.
_LIKE: Final = (0, 1, 2, 2, 3, 3, 4, 4)
_JOINING: Final = word_set("on at in and from to with is was by for or as who has had her his w re a an")
"""Words that lead to an identifier or away from it: at its edge they are not of it."""
_BEFORE_NAMES: Final = word_set(
    "dear dr doctor mr mrs ms miss mx prof professor nurse rn cna pharm crew signature deputy officer trooper resident "
    "mom dad mum mother father son sons daughter daughters brother brothers sister sisters sibling siblings twin twins "
    "aunt uncle cousin cousins niece nephew grandson granddaughter grandchildren grandkids stepson stepdaughter godson "
    "goddaughter husband wife spouse partner fiance fiancé fiancee fiancée boyfriend girlfriend friend roommate "
    "neighbor neighbour caregiver interpreter witness driver pal guide hermano hermana hijo hija madre padre esposo "
    "esposa tío tía primo prima abuelo abuela sra srta paciente"
)
"""Who somebody is, before the name; alone or before no other word they are left as they are."""
_AFTER_NAMES: Final = word_set(
    "rn md lpn lvn cna crna phd pharmd nrp emt msw lcsw licsw dpt mbbs facs facp cnm dnp aprn arnp"
)
_GOING_ON: Final = word_set("may can will should would could must might does did needs wants says takes reports")
"""Verbs in lower case with which a sentence goes on after a name."""
_STOPS: Final = frozenset(".;!?")
_NEAR: Final = 3
"""How far from a find words are asked that nothing made suspicious."""


_NAMED: Final = frozenset({IdentifierType.NAME, IdentifierType.LOCATION, IdentifierType.ORGANIZATION})
_GOES_ON: Final = re.compile(
    r"(?:['\u2019](?!(?:s|d|m|t|ll|ve|re|S|D|LL|VE|RE)\b)[^\W\d_]{1,24}|-(?=[^\W\d_a-z])[^\W\d_]{1,24}){1,3}"
)
_BEGAN: Final = re.compile(r"(?<!\w)(?=[^\W\d_a-z])[^\W\d_]{1,24}['\u2019-]\Z")
_LONGEST_PART: Final = 26
_NICKNAME: Final = re.compile(r"[ ][\"'(\u2018\u201c][^\W\d_]{1,16}[\"')\u2019\u201d][ ]")
_LONGEST_NICKNAME: Final = 20


class Sureness(NamedTuple):
    """How probable an identifier must be.

    Identifiers come together: a text that certainly holds one (`certain`) is read with less patience for doubt than one
    that may hold none, where a single doubtful word is more often an eponym than a person.
    """

    alone: float
    """In a text without a certain identifier."""
    in_company: float
    """In a text with one."""
    beside: float
    """Beside a word already found."""
    certain: float = 0.9


class Classifier:
    """Two networks, ready to use: one reads every word, the other is asked where the first is in doubt.

    They learned the same from different beginnings, and where they differ their mean errs less than either. Safe for
    threads.
    """

    def __init__(self, first: Network, second: Network | None = None) -> None:
        self._first, self._second = first, second

    def find(self, text: str, sureness: Sureness, *, has_identifier: bool = False) -> list[Span]:
        """Return spans of what is probably an identifier, sorted, not overlapping.

        `has_identifier` says that something else found a certain identifier in this text.
        """
        reading = w.read_words(text)
        numbered = self._first.numbered(reading)
        look = reading.looks // w.GAPS
        seen = ~(self._first.harmless[numbered.rows] & (look == w.LOWER))
        seen &= look != w.SIGN
        seen &= look != w.END
        wanted = np.flatnonzero(seen)
        if not len(wanted):
            return []
        asked = _Asked(self._first, self._second, reading, numbered)
        chances = np.zeros((len(look), len(CLASSES)), np.float32)
        chances[:, 0] = 1
        chances[wanted] = asked.chances(wanted)
        harmless = chances[:, 0]
        company = has_identifier or harmless.min() < 1 - sureness.certain
        needed = sureness.in_company if company else sureness.alone
        found = np.flatnonzero(harmless < np.float32(1 - needed))
        if not len(found):
            return []
        # Names, places and codes have several words: ask again beside a find.
        near = np.zeros(len(look) + 2 * _NEAR, bool)
        for offset in range(2 * _NEAR + 1):
            near[found + offset] = True
        ask = np.flatnonzero(near[_NEAR:-_NEAR] & ~seen)
        if len(ask):
            chances[ask] = asked.chances(ask)
        grown = _grown(found.tolist(), (harmless < np.float32(1 - sureness.beside)).tolist(), reading)
        return _spans(text, reading, chances, look, grown)

    def chances(self, reading: w.Words) -> NDArray[np.float32]:
        """Return the class probabilities of all words of a text, one row each."""
        numbered = self._first.numbered(reading)
        return _Asked(self._first, self._second, reading, numbered).chances(np.arange(len(reading.words)))


class _Asked:
    """The networks before one text; the second reads it only when the first is in doubt of a word."""

    def __init__(self, first: Network, second: Network | None, reading: w.Words, numbered: Numbered) -> None:
        self._first, self._second, self._reading, self._numbered = first, second, reading, numbered
        self._vectors = first.vectors(reading, numbered)
        self._others: NDArray[np.float32] | None = None

    def chances(self, wanted: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the class probabilities of the words at these places, one row each."""
        chances = self._first.chances(self._vectors, wanted)
        if self._second is None:
            return chances
        harmless = chances[:, 0]
        doubted = np.flatnonzero((harmless > _DOUBT[0]) & (harmless < _DOUBT[1]))
        if len(doubted):
            if self._others is None:
                alike = self._second.row is self._first.row
                numbered = self._numbered if alike else self._second.numbered(self._reading)
                self._others = self._second.vectors(self._reading, numbered)
            chances[doubted] += self._second.chances(self._others, wanted[doubted])
            chances[doubted] /= 2
        return chances


def _grown(found: list[int], probable: list[bool], reading: w.Words) -> list[int]:
    """Return the finds with the somewhat probable words that touch them, sorted; none grows beyond its sentence."""
    grown: set[int] = set(found)
    last = len(probable)
    for at in found:
        for step in (-1, 1):
            beside = at + step
            while 0 <= beside < last and probable[beside] and beside not in grown:
                if reading.words[beside] in _STOPS and _ends_sentence(reading, beside):
                    break
                grown.add(beside)
                beside += step
    return sorted(grown)


def _ends_sentence(reading: w.Words, stop: int) -> bool:
    """Whether a full stop is followed by a blank and follows no abbreviation ("J. Ruiz", "St. Mary")."""
    follows = stop + 1 < len(reading.words) and reading.looks[stop + 1] % w.GAPS > 0
    return bool(follows) and stop > 0 and len(reading.words[stop - 1]) > 4


def _spans(
    text: str, reading: w.Words, chances: NDArray[np.float32], look: NDArray[np.intp], words: list[int]
) -> list[Span]:
    """Join words of like classes that stand side by side, also across a line end; the likeliest class names them."""
    seen = chances[words]
    kinds = (seen[:, 1:].argmax(1) + 1).tolist()
    starts, ends = reading.starts[words].tolist(), reading.ends[words].tolist()
    is_end = (look[words] == w.END).tolist()
    spans: list[Span] = []
    before = -2
    run: list[int] = []
    runs: list[list[int]] = []
    for at, (word, kind, line_end) in enumerate(zip(words, kinds, is_end, strict=True)):
        if line_end:
            continue
        if run and (word != before + 1 or _LIKE[kind] != _LIKE[kinds[run[0]]]):
            runs.append(run)
            run = []
        run.append(at)
        before = word
    runs.append(run)
    for run in runs:
        while run and (
            reading.words[words[run[-1]]] in _JOINING
            or (reading.words[words[run[-1]]] in _GOING_ON and look[words[run[-1]]] == w.LOWER)
        ):
            run.pop()
        while run and reading.words[words[run[0]]] in _JOINING:
            run.pop(0)
        if run and kinds[run[0]] == _NAME:
            while len(run) > 1 and reading.words[words[run[0]]] in _BEFORE_NAMES:
                run.pop(0)
            while len(run) > 1 and reading.words[words[run[-1]]] in _AFTER_NAMES:
                run.pop()
        if run:
            for span in _span(text, starts[run[0]], ends[run[-1]], _class_of(seen, kinds, run)):
                spans = _with(spans, span, text)
    return spans


def _with(spans: list[Span], span: Span, text: str) -> list[Span]:
    """Add a span; a nickname between two parts of one name is of it ("Lemuel "Tip" Garrowby")."""
    if spans and span.type is IdentifierType.NAME is spans[-1].type:
        last = spans[-1]
        if span.start - last.end <= _LONGEST_NICKNAME and _NICKNAME.fullmatch(text, last.end, span.start):
            spans[-1] = Span(last.start, span.end, span.type, span.rule)
            return spans
    if not spans or spans[-1].end <= span.start:
        spans.append(span)
    elif span.end > spans[-1].end:  # it grew over the hyphen between them
        spans[-1] = Span(spans[-1].start, span.end, spans[-1].type, span.rule)
    return spans


def _class_of(seen: NDArray[np.float32], kinds: list[int], run: list[int]) -> int:
    """Return the class of a run of words, some of which may belong to its like."""
    if all(kinds[at] == kinds[run[0]] for at in run):
        return kinds[run[0]]
    return int(seen[run, 1:].sum(0).argmax()) + 1


def _span(text: str, start: int, end: int, kind: int) -> tuple[Span, ...]:
    """Return the span without signs at its edges, if anything is left; a bare year is no element of a date."""
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum():
        end -= 1
    found = text[start:end]
    if not found or (kind == _DATE and len(found) == 4 and found.isdigit() and found.startswith(("19", "20"))):
        return ()
    chosen = _TYPES[kind]
    if chosen in _NAMED:
        # "Fa'asavalu", "Nguyen-Roth": one word to a reader, three to `read_words`.
        if (more := _GOES_ON.match(text, end)) and text[end - 1].isalpha():
            end = more.end()
        if (more := _BEGAN.search(text, max(0, start - _LONGEST_PART), start)) and text[start].isalpha():
            start = more.start()
    if kind in _KEPT and not _is_like_a_date(found):
        chosen = IdentifierType.OTHER
    return (Span(start, end, chosen, CLASSIFIED),)


def _is_like_a_date(found: str) -> bool:
    """Whether a find may pass as a date or an age: only words of dates, and no number too long for one."""
    if _LONG_NUMBER.search(found):
        return False
    words = _LETTERS.findall(found.lower())
    if not _DATE_WORDS.issuperset(words):
        return False
    return len(words) != 1 or words[0] not in _ALSO_NAMES or any(c.isdigit() for c in found)


@cache
def classifier() -> Classifier:
    """Return the shipped classifier, one copy a process.

    Raises:
        DetectorUnavailable: see `shipped`.
    """
    return shipped(files("wardkeep.privacy") / "data")


def shipped(folder: Traversable) -> Classifier:
    """Return the classifier of a folder whose manifest vouches for it.

    Raises:
        DetectorUnavailable: the weights are missing, are not what the manifest promises, or read texts another way.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        stored = {name: (folder / name).read_bytes() for name in FILES}
    except OSError as error:
        raise DetectorUnavailable("the classifier is missing from the installation") from error
    for name, data in stored.items():
        entry = manifest.get(name, {})
        if hashlib.sha256(data).hexdigest() != entry.get("sha256") or entry.get("version") != w.VERSION:
            raise DetectorUnavailable("the classifier is not that of the manifest")
    first, second = stored.values()
    return load(first, second, lexicon())


def load(first: bytes, second: bytes | None, lists: dict[str, int]) -> Classifier:
    """Return a classifier from the bytes that `model/train.py` wrote, with one network or both."""
    reader = network(first, lists)
    return Classifier(reader, None if second is None else network(second, lists, reader))
