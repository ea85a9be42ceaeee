"""Names that a cue introduces or follows: 45 CFR 164.514(b)(2)(i)(A), of the person, relatives, employers, household.

Cues are titles ("Dr.") and labels ("Patient Name:"), where a name must be hidden whatever the classifier says. A
cue decides for capitalised words that no dictionary explains; in lower case the word lists must agree.
"""

import re
from collections.abc import Iterable
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.lexicon import EPONYM, FIRST, FIRST_COMMON, LAST_COMMON, NAME, SAFE, WORD
from wardkeep.privacy.detect.nomination import Nomination, Reading
from wardkeep.privacy.detect.wording import (
    DEGREES,
    LETTER,
    NAME_WORD,
    RUN,
    SUFFIXES,
    TITLES,
    pieces_of,
    word_set,
)

_TITLE_NAMES: Final = re.compile(
    rf"\.?[ \t]{{1,3}}(?:(?:and|&|y)[ ](?:Mrs|Ms|Mr|Dr|Sra)\.?[ ])?({RUN}(?:,[ ](?:Jr|Sr|II|III|IV)\b)?)"
)
_TITLE_LOWER: Final = re.compile(rf"\.?[ ]{{1,2}}({LETTER}{{2,24}}(?:[ ]{LETTER}{{2,24}})?)")
_LABEL: Final = re.compile(
    rf"""[ \t"'*_\[(]{{0,6}}(?:(?:Dr|Mrs?|Ms|Miss|Prof|Sra?|D|D\xf1a)\.?[ ])*"""
    rf"({RUN}(?:,[ ]{{0,2}}{NAME_WORD}(?:[ ]{NAME_WORD}){{0,3}})?)"
)
_ASIDE: Final = re.compile(r"[^)\n]{0,20}\) ?[:=|]")
_LABEL_LOWER: Final = re.compile(
    rf"""[ \t"'*_\[(]{{0,6}}(?:(?:dr|mrs?|ms)\.?[ ])?({LETTER}{{2,24}}(?:[ ,]{{1,2}}{LETTER}{{1,24}}){{0,3}})"""
)
_UNABBREVIATED: Final = ("doctor", "nurse", "miss", "fessor", "verend", "don")
_PARTICLES: Final = word_set("de la del los las van von der di da dos do al el bin le")
# Keys of data about things, not people.
_OTHER_NAMES: Final = re.compile(
    r"(?:drug|medication|medicine|file|brand|generic|test|lab|procedure|facility|hospital|tool|function|field"
    r"|column|table|display|host|domain|event"
    r"|product|device|trade|common|scientific|allergen|disease|condition|diagnosis|code|module|class|method"
    r"|model|database|db|schema|variable"
    r"|parameter|project|branch|image|server|service|resource|category|group|panel|vaccine|specimen|organism"
    r"|path)s?[\s_-]{0,2}names?\W{0,6}\Z",
    re.IGNORECASE,
)
_COMMON: Final = FIRST_COMMON | LAST_COMMON
_SPLIT: Final = re.compile(r"[\s,]+")


def _flag(reading: Reading, word: str) -> int:
    return reading.words.get(word.lower(), 0)


def _is_initial(word: str) -> bool:
    return len(word) < 3 and len(word.rstrip(".")) == 1


def _may_open(reading: Reading, first: str, second: str, *, trusted: bool) -> bool:
    """Whether a name can begin with this capitalised word after a cue."""
    if _is_initial(first):
        return True
    flag = _flag(reading, first)
    if flag & SAFE:
        if trusted and flag & NAME:
            return True
        other = _flag(reading, second) if second else 0
        return bool(flag & NAME and other & NAME) and not (other & SAFE and not other & LAST_COMMON)
    if trusted:
        return True
    if not flag:
        return not (first.isupper() and len(first) <= 5)  # an abbreviation
    return bool(flag & NAME) or not flag & EPONYM


def _extent(reading: Reading, run: str, *, trusted: bool) -> tuple[int, int] | None:
    """Return the part of a capitalised run that is the name, or None. A trusted cue needs no name in the word lists."""
    pieces = pieces_of(run)
    while pieces and pieces[0][2].rstrip(".").lower() in TITLES:
        pieces.pop(0)
    if not pieces:
        return None
    begin, end, first = pieces.pop(0)
    if trusted and pieces and first.lower() in _PARTICLES:
        after = _extent(reading, run[pieces[0][0] :], trusted=True)
        return (begin, pieces[0][0] + after[1]) if after else None
    if not _may_open(reading, first, pieces[0][2] if pieces else "", trusted=trusted):
        return None
    get = reading.words.get
    for start, stop, word in pieces:
        low = word.lower()
        flag, bare = get(low, 0), low.rstrip(".")
        if bare in DEGREES and not (flag & NAME and run.isupper()):
            break
        if bare in SUFFIXES or _is_initial(word):
            end = stop
            continue
        if word[0].islower():
            continue
        if flag & SAFE and not flag & _COMMON:
            break
        if "," in run[end:start] and ((flag & WORD and not flag & FIRST) or (word.isupper() and not run.isupper())):
            break
        end = stop
    if run[end : end + 1] == "." and _is_initial(run[max(0, end - 1) : end]):
        end += 1
    return begin, end


def _spans(reading: Reading, start: int, run: str, rule: str, *, trusted: bool) -> Iterable[Span]:
    part = _extent(reading, run, trusted=trusted)
    if part is None or part[1] - part[0] < 2:
        return ()
    return (Span(start + part[0], start + part[1], IdentifierType.NAME, rule),)


def _lower_spans(reading: Reading, start: int, run: str, rule: str, *, sure: bool) -> Iterable[Span]:
    """Judge words in lower case: the word lists must know a name, or the cue must be sure and the word unexplained."""
    if not run[0].islower():
        return ()
    end = 0
    position = 0
    for number, word in enumerate(_SPLIT.split(run)):
        at = run.index(word, position)
        position = at + len(word)
        flag = _flag(reading, word)
        if number == 0:
            known = flag & FIRST_COMMON or (sure and (flag & NAME or not flag) and len(word) > 2)
            if flag & SAFE or not known:
                return ()
        elif flag & SAFE or not (flag & NAME or (sure and not flag and len(word) > 2)):
            break
        end = position
    return (Span(start, start + end, IdentifierType.NAME, rule),)


def _title(reading: Reading, end: int) -> Iterable[Span]:
    text = reading.text
    if text[end : end + 1] == "." and text[max(0, end - 6) : end].lower().endswith(_UNABBREVIATED):
        return ()
    found = _TITLE_NAMES.match(text, end)
    if found:
        run = found[1]
        trusted = not text[max(0, end - 2) : end].isupper() or run.isupper()
        return _spans(reading, found.start(1), run, "name-title", trusted=trusted)
    lower = _TITLE_LOWER.match(text, end)
    if lower is None or text[end - 2 : end].isupper():
        return ()
    return _lower_spans(reading, lower.start(1), lower[1], "name-title", sure=True)


def _is_whole_value(reading: Reading, end: int, run: str) -> bool:
    """Whether a label's value is two or three capitalised words and nothing else: then dictionary words count too."""
    if reading.text[end : end + 1] not in {"", "\n", "\r", '"', ";"} or not 0 < run.count(" ") < 3 or "," in run:
        return False
    first, *others = run.split(" ")
    return _may_open(reading, first, others[0], trusted=True) and not any(
        w.lower() in DEGREES for w in [first, *others]
    )


def names_a_thing_of(key: str) -> bool:
    """Whether a key of data announces the name of a thing ("drug_name") and not of a person."""
    return "name" in key.lower() and _OTHER_NAMES.search(key) is not None


def _label(reading: Reading, end: int) -> Iterable[Span]:
    if reading.text[end - 1] == "(":
        aside = _ASIDE.match(reading.text, end)
        if aside is None:
            return ()
        end = aside.end()
    if names_a_thing_of(reading.text[max(0, end - 32) : end]):
        return ()
    found = _LABEL.match(reading.text, end)
    if found:
        if _is_whole_value(reading, found.end(1), found[1]):
            return (Span(found.start(1), found.end(1), IdentifierType.NAME, "name-label"),)
        return _spans(reading, found.start(1), found[1], "name-label", trusted=True)
    lower = _LABEL_LOWER.match(reading.text, end)
    return _lower_spans(reading, lower.start(1), lower[1], "name-label", sure=True) if lower else ()


NOMINATIONS: Final = (
    Nomination(
        rule="name-title",
        expression=r"\b(?:dr|doctor|mr|mrs|ms|miss|mx|prof|professor|rev|reverend|nurse|sr|sra|srta|dra|don|do\xf1a)\b",
        examine=_title,
        caseless=True,
    ),
    Nomination(
        rule="name-label",
        expression=(
            r"(?:name(?:\(s\))?s?|\b(?:patient|pt|provider|physician|attending|surgeon|assistant|anesthesiologist"
            r"|nurse|pcp|author|by|signed|attn|attention"
            r"|from|to|cc|spouse|wife|husband|mother|father|guardian|parent|son|daughter|sibling|brother|sister"
            r"|caregiver|contact|next of kin|nok"
            r"|proxy|resident|fellow|doctor|clinician|therapist|consultant|practitioner|insured|subscriber|guarantor"
            r"|policyholder|caller|user|employer"
            r"|member|beneficiary|claimant|recipient|sender|client|witness|interpreter|partner|reviewed|transcribed"
            r"|dictated|referring|requested"
            r"|nombre|apellidos?|m[\xe9e]dic[oa]|paciente|doctora?|remitido por|facultativo|familiar"
            r"|responsable))['\"\])*_]{0,3}[ \t]{0,3}[(:=|]"
        ),
        examine=_label,
        caseless=True,
    ),
)
