"""Apply a privacy policy to the texts of one call or record: examine, tell classes apart, act, say what was done.

Meets 45 CFR 164.514(b)(2)(i) for released data, (e)(2) for limited data sets and 164.502(b) for interactive use. Pure
but for the assigner that it is given: `Surrogates` (keyed, restorable) for interactive use, `Codes` (random) otherwise.
A class whose action is BLOCK, and a leaf that may not be rewritten, refuse the whole.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Final, Protocol

from wardkeep.model.spans import IdentifierType, Leaf, LeafKind, Span
from wardkeep.privacy import generalise
from wardkeep.privacy.dates import Found, Reader, order_of
from wardkeep.privacy.deidentify import examine, tags_in
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.detect.overlaps import resolve
from wardkeep.privacy.errors import PolicyInvalid
from wardkeep.privacy.finer import Find, told_apart
from wardkeep.privacy.policies.classes import classes
from wardkeep.privacy.policies.policy import Action, Mode, PrivacyPolicy, shipped
from wardkeep.privacy.shift import DateShift
from wardkeep.privacy.surrogates import Mention

# A time of day beside a date stays as it is.
_TIME: Final = re.compile(
    r"[ ,T@]{0,3}(?:at )?\d{1,2}:\d\d(?::\d\d(?:\.\d{1,9})?)?[ ]?(?:[ap]\.?m\.?)?(?:Z|[+-]\d\d:?\d\d)?[.,]?",
    re.IGNORECASE,
)


class Assigner(Protocol):
    """Gives the same value the same token within its scope, and two values different ones; never one of `taken`.

    `Surrogates` derives tokens from a key, so that they are stable without state; `Codes` draws them at random.
    """

    def assign(self, mentions: Iterable[Mention], taken: Collection[str] = ...) -> dict[Mention, str]:
        """Return a token for each distinct mention."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """How texts are treated: a policy and what it needs. `days` is the subject's shift, where dates are shifted."""

    policy: PrivacyPolicy
    detector: Detector
    assigner: Assigner
    today: date
    days: int | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if Action.SHIFT in self.policy.actions.values() and not self.days:
            raise PolicyInvalid("the policy shifts dates, and no number of days was given")


@dataclass(frozen=True, slots=True, kw_only=True)
class Treated:
    """What came of it. The repr shows counts only: texts, map and shift hold PHI.

    `texts` has one item a leaf, None where nothing changed. `restore` is empty unless the policy is interactive.
    `counts` are class and action to number. `refused` are leaves that may not be rewritten and held an identifier,
    `blocked` the classes that the policy refuses and that were found: with either nothing may be used.
    """

    texts: list[str | None]
    restore: dict[str, str]
    counts: dict[tuple[str, Action], int]
    types: dict[IdentifierType, int]
    refused: list[int]
    blocked: tuple[str, ...]
    shift: DateShift | None

    def __repr__(self) -> str:
        return f"Treated({sum(self.types.values())} replaced, {len(self.refused) + len(self.blocked)} refused)"


def treat(
    leaves: Sequence[Leaf],
    treatment: Treatment,
    *,
    known: Sequence[str] = (),
    keep: AbstractSet[IdentifierType] = frozenset(),
    given: Sequence[Span | None] = (),
) -> Treated:
    """Apply the policy to all leaves of one call or record alike.

    Args:
        leaves: every string, in its order.
        treatment: the policy and its means.
        known: terms that identify the subject.
        keep: types that stay whatever the policy says (dates and ages on treatment routes).
        given: for each leaf the identifier that its place says it is (a whole FHIR element or HL7 field), or None.

    Raises:
        DetectorFailed: a recogniser broke; nothing may be used.
    """
    work, refused = _examined(leaves, treatment, known, keep, given)
    return work.done(refused)


def explain(text: str, treatment: Treatment, *, known: Sequence[str] = ()) -> list[tuple[Find, Action]]:
    """Return every find of one text with its class and what the policy does to it.

    Raises:
        DetectorFailed: a recogniser broke.
    """
    work, _ = _examined([Leaf(text, None, LeafKind.TEXT)], treatment, known, frozenset(), ())
    return [(find, work.plan(find, text)[0]) for find in work.finds[0]]


def _examined(
    leaves: Sequence[Leaf],
    treatment: Treatment,
    known: Sequence[str],
    keep: AbstractSet[IdentifierType],
    given: Sequence[Span | None],
) -> "tuple[_Work, list[int]]":
    policy = treatment.policy
    allowed = allowed_types(policy) | keep
    found, refused = examine(leaves, detector=treatment.detector, keep=frozenset(allowed), known=known)
    for number, span in enumerate(given):
        if span is not None:
            found[number] = [span] if span.type not in allowed else []
    texts = [leaf.text for leaf in leaves]
    if policy.mode is Mode.RELEASED:
        found = [
            resolve([*spans, *more], text) if (more := generalise.revealing(text, treatment.today)) else spans
            for spans, text in zip(found, texts, strict=True)
        ]
    reader = Reader(order=order_of(texts), pivot=treatment.today.year)
    if policy.action("DATE") is Action.SHIFT and IdentifierType.DATE not in allowed:
        found = [
            _with_complete_dates(spans, leaf, reader) if leaf.kind is LeafKind.TEXT else spans
            for spans, leaf in zip(found, leaves, strict=True)
        ]
    return _Work(treatment, reader, told_apart(texts, found, known), texts), refused


def allowed_types(policy: PrivacyPolicy) -> frozenset[IdentifierType]:
    """Return the detector's types that the policy leaves alone, whosever they are."""
    return frozenset(kind for kind in IdentifierType if _always_allowed(policy, kind))


@cache
def allowed_by(name: str) -> frozenset[IdentifierType]:
    """Return `allowed_types` of a shipped policy, worked out once: it is asked for each call."""
    return allowed_types(shipped(name))


def _always_allowed(policy: PrivacyPolicy, kind: IdentifierType) -> bool:
    """Whether every class that a find of this type may turn out to be is allowed."""
    own = [each for each in classes().values() if kind.value in each.types] or [classes()["OTHER"]]
    below = [each for each in classes().values() if each.part_of == own[0].name and not each.types]
    if kind is IdentifierType.ORGANIZATION:
        below.append(classes()["FACILITY"])
    return all(policy.action(each.name) is Action.ALLOW for each in (*own, *below))


def _with_complete_dates(spans: Sequence[Span], leaf: Leaf, reader: Reader) -> list[Span]:
    """Add the complete dates that the detector passed over: one date left unmoved would tear the intervals."""
    more = []
    held = sorted(spans)
    at = 0
    for found in reader.find(leaf.text):
        while at < len(held) and held[at].end <= found.start:
            at += 1
        end = at
        while end < len(held) and held[end].start < found.end:
            end += 1
        over = held[at:end]
        if all(span.type is IdentifierType.DATE for span in over) and (over or found.has_whole_year):
            start = min([found.start, *(span.start for span in over)])
            end = max([found.end, *(span.end for span in over)])
            more.append(Span(start, end, IdentifierType.DATE, over[0].rule if over else "date-complete"))
    return resolve([*spans, *more], leaf.text)


class _Work:
    """One treatment under way: decides each find, then writes each text."""

    def __init__(
        self, treatment: Treatment, reader: Reader, finds: Sequence[Sequence[Find]], texts: Sequence[str]
    ) -> None:
        self.treatment = treatment
        self.policy = treatment.policy
        self.reader = reader
        self.finds = finds
        self.texts = texts
        self.shift = None if treatment.days is None else DateShift(days=treatment.days, reader=reader)
        self.shown: dict[str, str] = {}
        self.counts: dict[tuple[str, Action], int] = {}
        self.types: dict[IdentifierType, int] = {}

    def done(self, refused: list[int]) -> Treated:
        """Return all texts written anew."""
        plans = [[self.plan(find, text) for find in finds] for finds, text in zip(self.finds, self.texts, strict=True)]
        mentions = [
            (find.span.type, text[find.span.start : find.span.end])
            for finds, plan, text in zip(self.finds, plans, self.texts, strict=True)
            for find, (action, _) in zip(finds, plan, strict=True)
            if action is Action.SURROGATE
        ]
        tokens = self.treatment.assigner.assign(mentions, tags_in(self.texts)) if mentions else {}
        texts = [
            self.write(finds, plan, text, tokens)
            for finds, plan, text in zip(self.finds, plans, self.texts, strict=True)
        ]
        is_interactive = self.policy.mode is Mode.INTERACTIVE
        shift = self.shift
        if shift is not None:
            shift = DateShift(days=shift.days, reader=self.reader, shown=self.shown)
        return Treated(
            texts=texts,
            restore={token: surface for (_, surface), token in tokens.items()} if is_interactive else {},
            counts=self.counts,
            types=self.types,
            refused=refused,
            blocked=tuple(sorted({name for name, action in self.counts if action is Action.BLOCK})),
            shift=shift,
        )

    def plan(self, find: Find, text: str) -> tuple[Action, str | None]:
        """Return what becomes of a find, with its replacement where that does not depend on the others."""
        action = self.policy.action(find.name)
        surface = text[find.span.start : find.span.end]
        made: str | None = None
        if action is Action.SHIFT:
            made = self.shifted(find.span, text)
            if made is None:
                # Half a date cannot be moved: a surrogate restores it exactly, a release keeps no part of it.
                action = Action.SURROGATE if self.policy.mode is Mode.INTERACTIVE else Action.MASK
        elif action is Action.GENERALISE:
            made = self.generalised(find, text, surface)
            action = Action.ALLOW if made == surface else action
        if action is Action.MASK:
            made = f"[{find.span.type}]"
        self.counts[find.name, action] = self.counts.get((find.name, action), 0) + 1
        if action is not Action.ALLOW:
            self.types[find.span.type] = self.types.get(find.span.type, 0) + 1
        return action, made

    def shifted(self, span: Span, text: str) -> str | None:
        """Return a span with its one complete date moved, None where there is none, several, or half of another."""
        inside = list(self.reader.find(text, span.start, span.end))
        if self.shift is None or len(inside) != 1:
            return None
        found: Found = inside[0]
        before, after = text[span.start : found.start], text[found.end : span.end]
        moved = self.shift.forth(found)
        if moved is None or any(map(str.isdigit, before)):
            return None
        if any(map(str.isdigit, after)) and _TIME.fullmatch(after) is None:
            return None
        original = text[found.start : found.end]
        if self.shown.setdefault(moved, original) != original:
            return None  # the same day written in two ways that would both come back as one
        return before + moved + after

    def generalised(self, find: Find, text: str, surface: str) -> str:
        """Return what the rule leaves of a find, or its class in brackets."""
        left: str | None
        match find.name:
            case "DATE":
                left = generalise.date_left(text, find.span, self.reader, self.treatment.today)
            case "AGE":
                # "90+" is what is left of an age already; a detector sees the number in it.
                is_left = text.startswith(generalise.OLD, find.span.start) and surface in generalise.OLD
                left = surface if is_left else generalise.age_left(surface)
            case "DEMOGRAPHIC":
                left = generalise.demographic_left(surface)
            case _:
                is_limited = self.policy.mode is Mode.LIMITED
                left = generalise.place_left(surface, keeps_town=is_limited)
                if left is not None and not is_limited and not generalise.is_all(surface, left):
                    left = f"[{find.span.type}], {left}"
        return f"[{find.span.type}]" if left is None else left

    def write(
        self,
        finds: Sequence[Find],
        plan: Sequence[tuple[Action, str | None]],
        text: str,
        tokens: dict[Mention, str],
    ) -> str | None:
        """Return the text with every find replaced, or None where nothing changed."""
        parts: list[str] = []
        at = 0
        last = None
        for (span, _), (action, made) in zip(finds, plan, strict=True):
            if action in {Action.ALLOW, Action.BLOCK}:
                continue
            new = tokens[span.type, text[span.start : span.end]] if made is None else made
            between = text[at : span.start]
            if action is Action.MASK and new == last and not between.strip(" ,"):
                at = span.end  # two masks in a row say no more than one
                continue
            parts += (between, new)
            at = span.end
            last = new if action is Action.MASK else None
        return "".join((*parts, text[at:])) if parts else None
