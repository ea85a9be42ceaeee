"""The detection engine: hyperscan nominates in one pass, recognisers and the classifier decide, the longest find wins.

Stages 1 to 5 of the design: normalise, scan, word lists, classifier, propagation over the document. Rules find what
has a form or a label; the classifier finds names, places and the rest by what stands around them. What is found is
evidence and never proof that nothing else identifies the person.
"""

from collections.abc import Iterator, Sequence
from copy import copy
from typing import Final, Self

from wardkeep.model.spans import Span
from wardkeep.privacy.classify.classifier import CLASSIFIED, Sureness, classifier
from wardkeep.privacy.detect import (
    account,
    address,
    age,
    date,
    demographic,
    disguised,
    email,
    hidden,
    image,
    ip,
    mbi,
    names,
    phone,
    provider_number,
    record_number,
    ssn,
    table,
    url,
    vin,
)
from wardkeep.privacy.detect.harmless import is_harmless, without_opening_word
from wardkeep.privacy.detect.hidden import Hidden
from wardkeep.privacy.detect.lexicon import lexicon
from wardkeep.privacy.detect.memory import Memory
from wardkeep.privacy.detect.nomination import Policy, Reading
from wardkeep.privacy.detect.overlaps import REMAINDER, beside_rules, resolve
from wardkeep.privacy.detect.scan import Scanner
from wardkeep.privacy.detect.whole import whole
from wardkeep.privacy.errors import DetectorFailed
from wardkeep.privacy.normalise import normalise, over
from wardkeep.privacy.propagate import Terms

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
    *names.NOMINATIONS,
    *table.NOMINATIONS,
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
_SURENESS: Final[dict[Policy, Sureness]] = {
    "strict": Sureness(alone=0.4, in_company=0.1, beside=0.02),
    "balanced": Sureness(alone=0.9, in_company=0.17, beside=0.04),
}


class Detector:
    """Finds identifiers in text. Safe for threads; build one a process and policy."""

    _scope: bytes | None = None

    def __init__(self, policy: Policy) -> None:
        self._strict = policy == "strict"
        self._words = lexicon()
        self._scanner = Scanner(_PATTERNS)
        self._disguises = Scanner([nomination.pattern for nomination, _ in hidden.MAKERS])
        self._classifier = classifier()
        self._sureness = _SURENESS[policy]
        self._memory = Memory()

    def within(self, scope: bytes) -> Self:
        """Return this detector for one conversation: a text that came before is not read again.

        `scope` is the conversation's key, 16 to 64 bytes. What is found is the same with and without it.
        """
        detector = copy(self)
        detector._scope = scope  # noqa: SLF001 - a copy of this very class
        return detector

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
        if self._scope is None:
            return self._recognise(text)
        return self._memory.recall(self._scope, text, self._recognise)

    def _recognise(self, text: str, nesting: int = 0) -> list[Span]:
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
            at_work = CLASSIFIED
            probable = self._classifier.find(plain.text, self._sureness, has_identifier=bool(spans))
            probable = [without_opening_word(plain.text, span) for span in probable if not is_harmless(reading, span)]
            spans += beside_rules(probable, spans, plain.text) if spans else probable
            at_work = "whole"
            spans = list(whole(reading, spans))
            at_work = "hidden"
            if disguises and nesting < _MAX_NESTING:
                spans += self._behind(reading, disguises, nesting)
        except (LookupError, ValueError, TypeError, RecursionError) as error:
            raise DetectorFailed(f"the recogniser {at_work} failed") from error
        if plain.is_moved:
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
