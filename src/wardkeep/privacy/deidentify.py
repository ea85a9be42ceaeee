"""Stage 4 of the road: replace identifiers in every text leaf of a request by surrogate tokens.

Meets 45 CFR 164.502(b) (minimum necessary) for what a vendor sees, over the identifiers of 164.514(b)(2)(i). Pure: all
state is in the arguments and the returned map. Does not decide what may be kept; routes do.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain
from typing import Final

from wardkeep.model.spans import IdentifierType, Leaf, LeafKind, Span
from wardkeep.privacy.classify.classifier import CLASSIFIED
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.detect.names import names_a_thing_of
from wardkeep.privacy.detect.overlaps import REMAINDER, resolve
from wardkeep.privacy.propagate import Terms
from wardkeep.privacy.surrogates import Surrogates
from wardkeep.privacy.tokens import TAG_LENGTH, TOKEN

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|[_\-.]+")
_EXACT: Final = re.compile(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)|[\w.+-]{1,64}@[\w-]{1,63}\.[A-Za-z]{2}")

# A place, a web address or a month in a tool's description is an example ("San Francisco, CA"), not somebody's.
_HARMLESS_IN_SCHEMA: Final = frozenset({"city-state", "url", "url-bare", "date-month", "image-file"})
_JUNCTION: Final = 48
_NAMED: Final = frozenset({IdentifierType.NAME, IdentifierType.LOCATION, IdentifierType.ORGANIZATION})
_FORM: Final = 64
"""How many values are read together at most: a find needs its neighbours, not all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deidentified:
    """What came of it. The repr shows counts only: texts and map hold PHI.

    `texts` has one item a leaf, None where nothing changed. `restore` maps tokens to original surfaces. `refused` are
    the numbers of leaves that may not be rewritten and held an identifier: the caller refuses the call.
    """

    texts: list[str | None]
    restore: dict[str, str]
    counts: dict[IdentifierType, int]
    refused: list[int]

    def __repr__(self) -> str:
        return f"Deidentified({sum(self.counts.values())} replaced, {len(self.refused)} refused)"


def deidentify(
    leaves: Sequence[Leaf],
    *,
    detector: Detector,
    surrogates: Surrogates,
    keep: AbstractSet[IdentifierType],
    known: Sequence[str],
) -> Deidentified:
    """Replace what the detector finds, in all leaves alike.

    Args:
        leaves: every string of the request, in its order.
        detector: finds identifiers.
        surrogates: makes the tokens of this conversation.
        keep: types that go out unchanged (dates and ages on TREAT routes, for patient safety).
        known: terms that identify the subject.

    Raises:
        DetectorFailed: a recogniser broke; nothing may leave.
    """
    chosen, refused = examine(leaves, detector=detector, keep=keep, known=known)
    return _replace(leaves, chosen, surrogates, refused)


def examine(
    leaves: Sequence[Leaf], *, detector: Detector, keep: AbstractSet[IdentifierType], known: Sequence[str]
) -> tuple[list[list[Span]], list[int]]:
    """Return the spans to treat in each leaf, and the numbers of leaves that are refused; arguments as `deidentify`.

    Raises:
        DetectorFailed: a recogniser broke; nothing may leave.
    """
    found = _recognise(leaves, detector)
    _join_neighbours(leaves, found, detector)
    declared = detector.terms(known)
    terms = detector.terms(known)
    for leaf, spans in zip(leaves, found, strict=True):
        if leaf.kind is LeafKind.TEXT:
            text = leaf.text
            terms.learn(
                [
                    (text[a:b], kind)
                    for a, b, kind, rule in spans
                    if rule != REMAINDER
                    and kind not in keep
                    and not (rule == CLASSIFIED and _is_loose(text[a:b], terms))
                ]
            )
    for leaf, spans in zip(leaves, found, strict=True):
        if leaf.kind is LeafKind.TEXT:
            text = leaf.text
            spans[:] = [part for span in spans for part in _by_what_is_known(span, text, terms)]
            terms.learn([(text[a:b], kind) for a, b, kind, rule in spans if rule == CLASSIFIED and kind not in keep])

    refused: list[int] = []
    chosen: list[list[Span]] = []
    for number, (leaf, spans) in enumerate(zip(leaves, found, strict=True)):
        text = leaf.text
        if leaf.kind is LeafKind.TEXT:
            propagated = detector.mentions(terms, text, spans)
            if propagated:
                spans = resolve([*spans, *propagated], text)  # noqa: PLW2901
            chosen.append([_named_alike(s, text, terms) for s in spans if s.type not in keep])
            continue
        chosen.append([])
        if leaf.kind is LeafKind.SCHEMA:
            hit = any(s.type not in keep and _tells_in_schema(s, text) for s in spans)
        else:
            hit = _EXACT.search(text) is not None
        if hit or detector.mentions(declared, text):
            refused.append(number)
    return chosen, refused


def _tells_in_schema(span: Span, text: str) -> bool:
    """Whether a find in a tool's description closes the call: of the classifier's only a name of several words does."""
    if span.rule in {CLASSIFIED, REMAINDER}:
        return span.type is IdentifierType.NAME and " " in text[span.start : span.end]
    return span.rule not in _HARMLESS_IN_SCHEMA


def _is_loose(surface: str, terms: Terms) -> bool:
    """Whether a find may be more than one name: it has a comma, or begins with a word that no name is."""
    return "," in surface or (" " in surface and terms.explains(surface.partition(" ")[0]))


def _by_what_is_known(span: Span, text: str, terms: Terms) -> Sequence[Span]:
    """Cut what the classifier found at names the call has elsewhere, if nothing else in it tells."""
    if span.rule != CLASSIFIED or span.type not in _NAMED:
        return (span,)
    piece = text[span.start : span.end]
    known = resolve(terms.find(piece), piece)
    if not known or (known[0].start == 0 and known[0].end == len(piece)):
        return (span,)
    rest = list(piece)
    for part in known:
        rest[part.start : part.end] = " " * (part.end - part.start)
    if not terms.explains("".join(rest)):
        return (span,)
    return [Span(span.start + part.start, span.start + part.end, part.type, part.rule) for part in known]


def _named_alike(span: Span, text: str, terms: Terms) -> Span:
    """Give a find that its form does not explain the type it has elsewhere in the call, and so the same token."""
    if span.type is not IdentifierType.OTHER and span.rule != CLASSIFIED:
        return span
    kind = terms.kind_of(text[span.start : span.end])
    return span if kind is None else Span(span.start, span.end, kind, span.rule)


def _recognise(leaves: Sequence[Leaf], detector: Detector) -> list[list[Span]]:
    """Return what is found in each leaf; values of JSON keys are read together, as the lines of a form."""
    found: list[list[Span]] = [[] for _ in leaves]
    form: list[int] = []
    for number, leaf in enumerate(leaves):
        if leaf.kind is LeafKind.OPAQUE:
            continue
        if leaf.cue is None:
            found[number] = detector.recognise(leaf.text)
        else:
            form.append(number)
    for at in range(0, len(form), _FORM):
        _read_form(leaves, form[at : at + _FORM], found, detector)
    return found


def _read_form(leaves: Sequence[Leaf], numbers: Sequence[int], found: list[list[Span]], detector: Detector) -> None:
    """Read {"mrn": "1234567"} as the line "mrn: 1234567" would be."""
    lines: list[str] = []
    begins: list[int] = []
    at = 0
    for number in numbers:
        leaf = leaves[number]
        cue = _CAMEL.sub(" ", leaf.cue or "") + ": "
        begins.append(at + len(cue))
        lines.append(cue + leaf.text)
        at += len(lines[-1]) + 1
    for start, end, kind, rule in detector.recognise("\n".join(lines)):
        place = max(bisect_right(begins, start) - 1, 0)
        # A find may reach from the key into its value, or over several lines.
        while place < len(numbers) and begins[place] < end:
            leaf = leaves[numbers[place]]
            low, high = max(start - begins[place], 0), min(end - begins[place], len(leaf.text))
            is_thing = rule == CLASSIFIED and kind is IdentifierType.NAME and names_a_thing_of(leaf.cue or "")
            if low < high and not is_thing:
                found[numbers[place]].append(Span(low, high, kind, rule))
            place += 1


def _join_neighbours(leaves: Sequence[Leaf], found: list[list[Span]], detector: Detector) -> None:
    """Find what two adjacent texts hold only together ("... Maria" and "Gonzalez ..."), as best it can."""
    for number in range(1, len(leaves)):
        left, right = leaves[number - 1], leaves[number]
        if left.kind is not LeafKind.TEXT or right.kind is not LeafKind.TEXT or left.cue or right.cue:
            continue
        if " " not in left.text and " " not in right.text:
            continue  # keys and single words: a name split there carries its cue in the key
        tail, head = left.text[-_JUNCTION:], right.text[:_JUNCTION]
        if (
            not tail
            or not head
            or not (tail[-1].isalnum() or tail[-1] in " -@'")
            or not (head[0].isalnum() or head[0] in " -@'")
        ):
            continue
        glue = " " if tail[-1].isalpha() and head[0].isupper() else ""
        border = len(tail)
        for span in detector.recognise(tail + glue + head):
            if span.start < border and span.end > border + len(glue):
                start = len(left.text) - border + span.start
                if all(start >= s.end or s.start >= len(left.text) for s in found[number - 1]):
                    found[number - 1].append(Span(start, len(left.text), span.type, span.rule))
                end = span.end - border - len(glue)
                if all(end <= s.start for s in found[number]):
                    found[number].insert(0, Span(0, end, span.type, span.rule))


def tags_in(texts: Iterable[str]) -> frozenset[str]:
    """Return the tags that stand literally in the input: none of ours may be equal to one."""
    return frozenset(
        token.partition("-")[2][:TAG_LENGTH].lower() for text in texts if "[" in text for token in TOKEN.findall(text)
    )


def _replace(
    leaves: Sequence[Leaf], chosen: Sequence[Sequence[Span]], surrogates: Surrogates, refused: list[int]
) -> Deidentified:
    mentions = [
        [(s.type, leaf.text[s.start : s.end]) for s in spans] for leaf, spans in zip(leaves, chosen, strict=True)
    ]
    if not any(mentions):
        return Deidentified(texts=[None] * len(leaves), restore={}, counts={}, refused=refused)
    tokens = surrogates.assign(chain.from_iterable(mentions), tags_in(leaf.text for leaf in leaves))
    counts: dict[IdentifierType, int] = {}
    texts: list[str | None] = []
    for leaf, spans, here in zip(leaves, chosen, mentions, strict=True):
        if not spans:
            texts.append(None)
            continue
        text, at = leaf.text, 0
        parts: list[str] = []
        for (start, end, kind, _), mention in zip(spans, here, strict=True):
            parts += (text[at:start], tokens[mention])
            at = end
            counts[kind] = counts.get(kind, 0) + 1
        parts.append(text[at:])
        texts.append("".join(parts))
    restore = {token: surface for (_, surface), token in tokens.items()}
    return Deidentified(texts=texts, restore=restore, counts=counts, refused=refused)
