"""Names and places without a cue: capitalised runs that the word lists explain as a person or a place.

45 CFR 164.514(b)(2)(i)(A), (B). Two signs are wanted: a given name and something that may be a surname, or a common
given name that is no word of the language. Eponyms (Parkinson, Foley), drugs and dictionary words alone are never
names here. States alone are not identifiers (the rule asks for what is smaller than a state).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.lexicon import EPONYM, FIRST, FIRST_COMMON, LAST, LAST_COMMON, NAME, PLACE, SAFE
from wardkeep.privacy.detect.nomination import Reading
from wardkeep.privacy.detect.wording import (
    ASCII_RUNS,
    DEGREES,
    RUNS,
    SUFFIXES,
    WORD,
    Piece,
    names_a_thing,
    pieces_of,
    word_set,
)

STATES: Final = word_set(
    "alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii idaho "
    "illinois indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota "
    "mississippi missouri montana nebraska nevada ohio oklahoma oregon pennsylvania tennessee texas utah "
    "vermont virginia washington wisconsin wyoming"
) | {
    *("new hampshire", "new jersey", "new mexico", "new york", "north carolina", "north dakota", "rhode island"),
    *("south carolina", "south dakota", "west virginia", "puerto rico", "district of columbia"),
}
_GIVEN_AFTER: Final = re.compile(rf",[ ]({WORD})(?![\w-])")
_UNSAFE: Final = SAFE | EPONYM
_NAMED: Final = NAME | PLACE
_LONGEST_NAME: Final = 8
_POSSESSIVE: Final = ("'s", "'S")
_OPENERS: Final = '.!?:;\n\r"(-*\u2022>|'


def find(reading: Reading, names: Mapping[int, int]) -> list[Span]:
    """Return names and places among the capitalised runs of a text.

    `names` maps the start of names already found to their end: nothing shorter is looked for inside them.
    """
    text, get = reading.text, reading.words.get
    spans: list[Span] = []
    for found in (ASCII_RUNS if text.isascii() else RUNS).finditer(text):
        run = found[0]
        if " " in run:
            spans += _several(reading, found.start(), run, names)
            continue
        if run.endswith(_POSSESSIVE):
            run = run[:-2]
        flag = get(run.lower(), 0)
        if not flag & _NAMED or flag & _UNSAFE:
            continue
        start = found.start()
        end = start + len(run)
        if not _is_inside(names, start, end, reading) and (one := _alone(reading, start, end, flag)) is not None:
            spans.append(one)
    return spans


def _is_inside(names: Mapping[int, int], start: int, end: int, reading: Reading) -> bool:
    """Whether a found name begins here and covers the rest of the run, which no given name after it prolongs."""
    return names.get(start, 0) >= end and _given_after(reading, end) is None


def _given_after(reading: Reading, end: int) -> int | None:
    """Return the end of a common given name that follows a comma ("Smith, John")."""
    given = _GIVEN_AFTER.match(reading.text, end) if reading.text[end : end + 1] == "," else None
    if given is None:
        return None
    flag = reading.words.get(given[1].lower(), 0)
    return given.end(1) if flag & FIRST_COMMON and not flag & SAFE else None


def _opens(text: str, start: int) -> bool:
    before = text[max(0, start - 3) : start].rstrip(" \t")
    return not before or before[-1] in _OPENERS


def _alone(reading: Reading, start: int, end: int, flag: int) -> Span | None:
    """Judge one capitalised word that is a name or place and no safe word."""
    text = reading.text
    word = text[start:end]
    given_end = _given_after(reading, end) if flag & LAST else None
    if given_end is None and not flag & FIRST_COMMON and not reading.strict:
        return None
    if len(word) < 3 or names_a_thing(text, end):
        return None
    if given_end is not None:
        return Span(start, given_end, IdentifierType.NAME, "gazetteer-last-first")
    shouted = word.isupper()
    if flag & FIRST_COMMON and not (shouted and len(word) < 5):
        return Span(start, end, IdentifierType.NAME, "gazetteer-given")
    if not reading.strict or shouted or _opens(text, start):
        return None
    if flag & PLACE and word.lower() not in STATES:
        return Span(start, end, IdentifierType.LOCATION, "gazetteer-place")
    if flag & LAST_COMMON or (flag & FIRST and flag & LAST and len(word) > 3):
        return Span(start, end, IdentifierType.NAME, "gazetteer-surname")
    return None


def _several(reading: Reading, start: int, run: str, names: Mapping[int, int]) -> list[Span]:
    """Judge a run of capitalised words as one place, else by its parts."""
    words = reading.words
    stop_of_run = start + len(run)
    if _is_inside(names, start, stop_of_run, reading):
        return []
    place = run.lower()
    # Most runs are headings and sentence openings: dictionary words only.
    for word in place.replace("'s", "").replace(".", "").split(" "):
        if words.get(word, 0) & _NAMED:
            break
    else:
        return []
    pieces = pieces_of(run)
    flags = [words.get(word.lower(), 0) for _, _, word in pieces]
    if words.get(place, 0) & PLACE:
        if place in STATES or all(flag & SAFE for flag in flags):
            return []
        return [Span(start, stop_of_run, IdentifierType.LOCATION, "gazetteer-place")]
    return _parts(reading, start, pieces, flags, names)


def _parts(
    reading: Reading, start: int, pieces: Sequence[Piece], flags: Sequence[int], names: Mapping[int, int]
) -> list[Span]:
    """Find people and places among the words of a run, left to right."""
    words, text = reading.words, reading.text
    stop_of_run = start + pieces[-1][1]
    spans: list[Span] = []
    at = 0
    while at < len(pieces) and not _is_inside(names, start + pieces[at][0], stop_of_run, reading):
        stop = _person(reading, pieces, flags, at)
        if stop is not None:
            begin, end = start + pieces[at][0], start + pieces[stop - 1][1]
            if not names_a_thing(text, end):
                spans.append(Span(begin, end, IdentifierType.NAME, "gazetteer-name"))
            at = stop
            continue
        both = f"{pieces[at][2]} {pieces[at + 1][2]}".lower() if at + 1 < len(pieces) else ""
        if words.get(both, 0) & PLACE:
            if both not in STATES and not flags[at] & flags[at + 1] & SAFE:
                begin, end = start + pieces[at][0], start + pieces[at + 1][1]
                spans.append(Span(begin, end, IdentifierType.LOCATION, "gazetteer-place"))
            at += 2
            continue
        flag = flags[at]
        if flag & (NAME | PLACE) and not flag & _UNSAFE:
            begin, end, _ = pieces[at]
            if (one := _alone(reading, start + begin, start + end, flag)) is not None:
                spans.append(one)
        at += 1
    return spans


def _person(reading: Reading, pieces: Sequence[Piece], flags: Sequence[int], at: int) -> int | None:
    """Return the piece number after a person's name that starts at `at`, or None."""
    flag, word = flags[at], pieces[at][2]
    if len(word) < 3 and len(word.rstrip(".")) == 1:
        # "J. Smith": an initial and a surname.
        following = flags[at + 1] if at + 1 < len(pieces) else 0
        return at + 2 if word.endswith(".") and following & LAST and not following & SAFE else None
    given = bool(flag & FIRST) and not flag & SAFE
    weak = bool(flag & FIRST_COMMON and flag & SAFE)
    unknown = not flag and len(word) > 2 and not word.isupper()
    surname = bool(flag & LAST_COMMON) and not flag & _UNSAFE
    if not (given or weak or unknown or surname) or word[0].islower() or word.lower() in DEGREES:
        return None
    stop = at + 1
    end = at + 1
    proved = False
    while stop < min(len(pieces), at + _LONGEST_NAME):
        nxt, other = flags[stop], pieces[stop][2]
        low = other.rstrip(".").lower()
        if len(low) == 1 or other[0].islower():
            stop += 1
            continue
        if low in SUFFIXES and proved:
            end = stop = stop + 1
            continue
        if low in DEGREES or not _may_be_surname(nxt, other, given=given, common=bool(flag & FIRST_COMMON)):
            break
        plain = not nxt & SAFE
        if given:
            proved = True
        elif weak:
            proved = (
                proved or bool(nxt & LAST and plain) or bool(reading.strict and nxt & LAST_COMMON and not nxt & EPONYM)
            )
        elif unknown:
            proved = proved or bool(nxt & LAST_COMMON and not nxt & _UNSAFE)
        else:
            proved = (
                proved
                or bool(nxt & FIRST_COMMON and plain)
                or bool(reading.strict and nxt & LAST_COMMON and not nxt & _UNSAFE)
            )
        end = stop = stop + 1
    return end if proved else None


def _may_be_surname(flag: int, word: str, *, given: bool, common: bool) -> bool:
    if not flag:
        return len(word) > 2 and not (word.isupper() and len(word) < 5)
    if flag & SAFE:
        return bool(flag & LAST_COMMON) and (common or not given)
    return bool(flag & (NAME | EPONYM | PLACE))
