"""Corpus runs: one pure function over a batch of texts, for a loop, a process pool, Dask, Ray or Spark alike.

`deid_batch` takes plain values and returns plain values, so that an engine can send it anywhere: what decides is in the
arguments alone, and equal arguments give equal results in every process. Under an interactive policy tokens follow from
the key, so that batches of one corpus agree without speaking to each other.

A code that equal arguments give again is derived from what it stands for, which 45 CFR 164.514(c) does not let into
released data. So what a released or limited policy would replace by a code is masked here; where one process does the
whole run, `files.treat_file` with `Codes` draws random ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from wardkeep.crypto.mac import mac
from wardkeep.model.spans import Leaf, LeafKind
from wardkeep.privacy.installed import detector_for
from wardkeep.privacy.policies.policy import Action, Mode, PrivacyPolicy, shipped
from wardkeep.privacy.shift import days_from
from wardkeep.privacy.surrogates import Surrogates
from wardkeep.privacy.treatment import Treatment, treat


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One text of a corpus. `known` are terms that identify its subject; `subject` names who shares a date shift."""

    id: str
    text: str = field(repr=False)
    known: tuple[str, ...] = field(default=(), repr=False)
    subject: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deidentified:
    """What became of one text. `text` is None where the policy blocks a class that was found: `blocked` names it.

    `restore` maps tokens to originals under an interactive policy, and is empty under the others.
    """

    id: str
    text: str | None = field(repr=False)
    counts: Mapping[str, int]
    restore: Mapping[str, str] = field(repr=False)
    blocked: tuple[str, ...] = ()


def deid_batch(texts: Sequence[Text], *, policy: str | PrivacyPolicy, key: bytes, today: date) -> list[Deidentified]:
    """Return the texts as the policy leaves them, in their order.

    Args:
        texts: the batch.
        policy: a shipped policy's name, or a policy of your own.
        key: at least 16 secret bytes, the same for all batches of one corpus; `secrets.token_bytes(32)`.
        today: the day on which ages over 89 are counted.

    Raises:
        PolicyInvalid: there is no such policy.
        DetectorFailed, DetectorUnavailable: nothing may be used.
    """
    chosen = _without_codes(shipped(policy) if isinstance(policy, str) else policy)
    surrogates = Surrogates(key)
    is_shifting = chosen.action("DATE") is Action.SHIFT
    return [
        _one(
            text,
            Treatment(
                policy=chosen,
                detector=detector_for(chosen.detector),
                assigner=surrogates,
                today=today,
                days=days_from(mac(key, b"dates", text.subject.encode())) if is_shifting else None,
            ),
        )
        for text in texts
    ]


def _without_codes(policy: PrivacyPolicy) -> PrivacyPolicy:
    """Return the policy with masks for the codes that a pure function may not make."""
    if policy.mode is Mode.INTERACTIVE:
        return policy
    coded = {name: "mask" for name, action in policy.actions.items() if action is Action.SURROGATE}
    # A policy that shifts was accepted under a determination when it was made.
    return policy.amended(coded, expert=policy.action("DATE") is Action.SHIFT)


def _one(text: Text, treatment: Treatment) -> Deidentified:
    done = treat([Leaf(text.text, None, LeafKind.TEXT)], treatment, known=text.known)
    counts: dict[str, int] = {}
    for (name, _), number in done.counts.items():
        counts[name] = counts.get(name, 0) + number
    whole = text.text if done.texts[0] is None else done.texts[0]
    return Deidentified(
        id=text.id,
        text=None if done.blocked else whole,
        counts=counts,
        restore=done.restore,
        blocked=done.blocked,
    )
