"""The first detection engine: hyperscan nominates in one pass, recognisers decide, the longest find wins.

Stages 1 to 3 and 5 of the design: normalise, scan, word lists, propagation over the document. There is no statistical
model here. What is found is evidence and never proof that nothing else identifies the person.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect import (
    account,
    address,
    age,
    date,
    demographic,
    disguised,
    email,
    facility,
    gazetteer,
    hidden,
    image,
    ip,
    mbi,
    names,
    phone,
    provider_number,
    record_number,
    ssn,
    url,
    vin,
)
from wardkeep.privacy.detect.hidden import Hidden
from wardkeep.privacy.detect.lexicon import lexicon
from wardkeep.privacy.detect.nomination import Policy, Reading
from wardkeep.privacy.detect.scan import Scanner
from wardkeep.privacy.errors import DetectorFailed
from wardkeep.privacy.normalise import normalise, over
from wardkeep.privacy.propagate import Terms
from wardkeep.privacy.tokens import TOKEN

_NOMINATIONS: Final = (
    *ssn.NOMINATIONS,
    *record_number.NOMINATIONS,
    *provider_number.NOMINATIONS,
    *account.NOMINATIONS,
    *mbi.NOMINATIONS,
    *vin.NOMINATIONS,
    *phone.NOMINATIONS,
    *email.NOMINATIONS,
    *url.NOMINATIONS,
    *ip.NOMINATIONS,
    *date.NOMINATIONS,
    *age.NOMINATIONS,
    *demographic.NOMINATIONS,
    *address.NOMINATIONS,
    *facility.NOMINATIONS,
    *names.NOMINATIONS,
    *image.NOMINATIONS,
    *disguised.NOMINATIONS,
    *(nomination for nomination, _ in hidden.MAKERS),
)
# Recognisers that ask for the same pattern share its hits.
_PATTERNS: Final = tuple(dict.fromkeys(n.pattern for n in _NOMINATIONS))
_EXAMINERS: Final = tuple(
    tuple((n.rule, n.examine) for n in _NOMINATIONS if n.pattern == pattern) for pattern in _PATTERNS
)
_MAKERS: Final = {_PATTERNS.index(nomination.pattern): maker for nomination, maker in hidden.MAKERS}
_MAX_NESTING: Final = 2
REMAINDER: Final = "remainder"

# On equal length the more exact type wins. Dates come late because routes may keep them (patient safety, DESIGN 3).
_RANK: Final = {kind: rank for rank, kind in enumerate(IdentifierType)} | {
    IdentifierType.SSN: -3,
    IdentifierType.EMAIL: -2,
    IdentifierType.MRN: -1,
    IdentifierType.OTHER: 92,
    IdentifierType.AGE: 90,
    IdentifierType.DATE: 91,
    IdentifierType.DEMOGRAPHIC: 93,
}


class Detector:
    """Finds identifiers in text. Pure after construction and safe for threads; build one a process and policy."""

    def __init__(self, policy: Policy) -> None:
        self._strict = policy == "strict"
        self._words = lexicon()
        self._scanner = Scanner(_PATTERNS)
        self._disguises = Scanner([nomination.pattern for nomination, _ in hidden.MAKERS])

    def find(self, text: str, known: Sequence[str] = ()) -> list[Span]:
        """Return sorted spans that don't overlap, with mentions of what was found elsewhere in the text.

        Args:
            text: any text; offsets are its code points.
            known: terms that identify the subject (names, numbers), masked wherever they stand.

        Raises:
            DetectorFailed: a recogniser or the scan broke; the text must not be used.
        """
        spans = self.recognise(text)
        terms = self.terms(known)
        terms.learn((text[s.start : s.end], s.type) for s in spans if s.rule != REMAINDER)
        mentions = self.mentions(terms, text, spans)
        return resolve([*spans, *mentions], text) if mentions else spans

    def terms(self, known: Sequence[str] = ()) -> Terms:
        """Return an empty memory for propagation that holds the known terms."""
        return Terms(self._words, known)

    def mentions(self, terms: Terms, text: str, spans: Sequence[Span] = ()) -> list[Span]:
        """Return the mentions of terms in a text outside `spans`, also disguised ones. They may overlap each other."""
        found = terms.find(text, spans)
        for second in self._second_readings(text):
            for mention in terms.find(second.reading.text):
                place = second.original(mention.start, mention.end)
                if place is not None:
                    found.append(Span(*place, mention.type, mention.rule))
        return found

    def _second_readings(self, text: str, nesting: int = 0) -> Iterator[Hidden]:
        plain = normalise(text)
        if plain.text != text:
            yield Hidden(plain, [(0, len(plain.text))])
        disguises: dict[int, list[int]] = {}
        for number, end in self._disguises.scan(plain.text):
            disguises.setdefault(number, []).append(end)
        reading = Reading(plain.text, self._strict, self._words)
        for number, ends in disguises.items():
            for second in hidden.MAKERS[number][1](reading, ends):
                if isinstance(second, Span):
                    continue
                yield Hidden(over(second.reading, plain), second.changed)
                if nesting:
                    continue
                for third in self._second_readings(second.reading.text, 1):
                    yield Hidden(over(third.reading, over(second.reading, plain)), third.changed)

    def recognise(self, text: str) -> list[Span]:
        """Return sorted spans that don't overlap, each found by itself, without propagation.

        Raises:
            DetectorFailed: see `find`.
        """
        return self._recognise(text, 0)

    def _recognise(self, text: str, nesting: int) -> list[Span]:
        if len(text) < 2:
            return []
        plain = normalise(text)
        reading = Reading(plain.text, self._strict, self._words)
        spans: list[Span] = []
        disguises: dict[int, list[int]] = {}
        at_work = ""
        try:
            for number, end in self._scanner.scan(plain.text):
                if number in _MAKERS:
                    disguises.setdefault(number, []).append(end)
                    continue
                for rule, examine in _EXAMINERS[number]:
                    at_work = rule
                    spans += examine(reading, end)
            at_work = "gazetteer"
            spans += gazetteer.find(reading, _name_ends(spans, text))
            at_work = "hidden"
            if disguises and nesting < _MAX_NESTING:
                spans += self._behind(reading, disguises, nesting)
        except (LookupError, ValueError, TypeError, RecursionError) as error:
            raise DetectorFailed(f"the recogniser {at_work} failed") from error
        if plain.starts:
            spans = [Span(*plain.original(s.start, s.end), s.type, s.rule) for s in spans]
        return resolve(spans, text)

    def _behind(self, reading: Reading, disguises: dict[int, list[int]], nesting: int) -> list[Span]:
        """Scan what the text says once its disguises are undone (`hidden`)."""
        spans = []
        for number, ends in disguises.items():
            for second in _MAKERS[number](reading, ends):
                if isinstance(second, Span):
                    spans.append(second)
                    continue
                for found in self._recognise(second.reading.text, nesting + 1):
                    place = second.original(found.start, found.end)
                    if place is not None:
                        spans.append(Span(*place, found.type, found.rule))
        return spans


def _name_ends(spans: Sequence[Span], text: str) -> dict[int, int]:
    """Return start -> end of the names that cues found: a shorter find inside one can't outlive `resolve`."""
    if "[" in text:  # our own tokens may yet remove a name there
        return {}
    return {span.start: span.end for span in spans if span.type is IdentifierType.NAME}


def resolve(spans: list[Span], text: str) -> list[Span]:
    """Return sorted spans that don't overlap: the longest wins, what a loser had outside the winner stays covered.

    Our own tokens are left alone, so that a text with surrogates isn't masked twice.
    """
    if "[" in text:
        tokens = [found.span() for found in TOKEN.finditer(text)]
        spans = (
            [s for s in spans if not any(s.start < stop and start < s.end for start, stop in tokens)]
            if tokens
            else spans
        )
    if len(spans) < 2:
        return spans
    # Of those that begin together the longest covers the others.
    longest: dict[int, Span] = {}
    for span in spans:
        other = longest.get(span.start)
        if other is None or span.end > other.end or (span.end == other.end and _RANK[span.type] < _RANK[other.type]):
            longest[span.start] = span
    first, *starts = sorted(longest)
    chosen = [longest[first]]
    for start in starts:
        span = longest[start]
        last = chosen[-1]
        if span.start >= last.end:
            chosen.append(span)
        elif span.end <= last.end:
            continue
        elif span.start < last.start:  # what stands before the remainder is covered already
            chosen[-1] = Span(last.start, span.end, span.type, REMAINDER)
        elif span.end - span.start > last.end - last.start:
            chosen[-1] = Span(last.start, span.start, last.type, REMAINDER)
            chosen.append(span)
        else:
            chosen.append(Span(last.end, span.end, span.type, REMAINDER))
    return [s for s in chosen if s.rule != REMAINDER or any(map(str.isalnum, text[s.start : s.end]))]
