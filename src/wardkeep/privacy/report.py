"""The detection report of a run: what was looked for, with what, what was found and changed, and what may be left.

It is evidence for whoever decides under 45 CFR 164.514 and decides nothing itself. It holds counts, hashes and fixed
sentences, never a text, so it may lie beside the data set and be attached to a release record.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from wardkeep.model.instant import Instant
from wardkeep.privacy.policies.classes import classes
from wardkeep.privacy.policies.policy import Action, Mode, PrivacyPolicy
from wardkeep.privacy.treatment import Treated

METHOD: Final = (
    "Known terms and the places of structured fields first; then normalisation, one scan for patterns with checksums"
    " and cue words, word lists, and whatever model the hashes below name; then propagation of each find over the whole"
    " record."
)
_NATURE: Final = (
    "This is a detection report. It says what was looked for, found and changed. It does not say that nothing else"
    " identifies anybody, and it is no determination under 45 CFR 164.514."
)
_RISKS: Final = (
    "Detection misses some identifiers: names without a cue, unusual spellings, and what no list or pattern knows.",
    "Descriptions can identify without an identifier: an occupation, a rare disease, an event that was in the news.",
    "A name that is also a word may be left, and a word that is also a name may be gone.",
)
_RISKS_BY_MODE: Final = {
    Mode.INTERACTIVE: (
        "Surrogates are reversible and the text around them may identify: the result is PHI and needs an agreement.",
    ),
    Mode.RELEASED: (
        (
            "Codes are random and kept nowhere. The same value has the same code throughout the run, which links"
            " records of one person and, for equal names, may link two."
        ),
        "Ages over 89 are found from ages, birth years and wordings; what reveals one in another way may be left.",
        (
            "Before release somebody reviews the result, signs, and states that they know of nothing in it that"
            " identifies (45 CFR 164.514(b)(2)(ii)), or an expert's determination covers it (164.514(b)(1))."
        ),
    ),
    Mode.LIMITED: (
        (
            "Dates, ages, towns and ZIP codes are still there: the result is PHI (45 CFR 164.514(e)) and goes only to"
            " who signed a data use agreement."
        ),
    ),
}
_SHIFTED: Final = (
    "Dates were shifted: a year alone, a weekday's name and a holiday were not; with them a shift may be worked out."
)
_KEPT: Final = "The policy keeps {}: with where and when care was given they may narrow down who is meant."


@dataclass(slots=True)
class Tally:
    """Counts of one run, added up text by text."""

    counts: Counter[tuple[str, Action]] = field(default_factory=Counter)
    texts: int = 0
    characters: int = 0
    refused: int = 0

    def add(self, treated: Treated, texts: Iterable[str]) -> None:
        """Add one treated record."""
        self.counts.update(treated.counts)
        self.refused += bool(treated.refused or treated.blocked)
        for text in texts:
            self.texts += 1
            self.characters += len(text)

    def merge(self, other: "Tally") -> None:
        """Add another run's counts."""
        self.counts.update(other.counts)
        self.texts += other.texts
        self.characters += other.characters
        self.refused += other.refused


def detection_report(
    *, policy: PrivacyPolicy, tally: Tally, at: Instant, output_sha256: str | None = None, form: str = "text"
) -> dict[str, object]:
    """Return the report as JSON can carry it. `output_sha256` binds it to the bytes that were written."""
    return {
        "what": "detection report",
        "nature": _NATURE,
        "at": at.wall.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "policy": {
            "name": policy.name,
            "mode": policy.mode.value,
            "basis": policy.basis,
            "actions": {name: policy.action(name).value for name in classes()},
        },
        "method": {
            "words": METHOD,
            "detector": policy.detector,
            "wardkeep": version("wardkeep"),
            "data": data_hashes(),
        },
        "input": {"form": form, "texts": tally.texts, "characters": tally.characters},
        "output_sha256": output_sha256,
        "found": _found(tally.counts),
        "refused": tally.refused,
        "residual_risk": list(residual_risk(policy)),
    }


def residual_risk(policy: PrivacyPolicy) -> Iterator[str]:
    """Yield in words what may be left after a run of this policy."""
    yield from _RISKS
    yield from _RISKS_BY_MODE[policy.mode]
    if Action.SHIFT in policy.actions.values():
        yield _SHIFTED
    kept = [name for name in ("PROVIDER", "FACILITY", "DEMOGRAPHIC") if policy.action(name) is Action.ALLOW]
    if kept:
        yield _KEPT.format(", ".join(kept))


def data_hashes() -> dict[str, str]:
    """Return the SHA-256 of each model, word list and policy that this installation detects with."""
    root = files("wardkeep.privacy")
    return {name: hashlib.sha256(each.read_bytes()).hexdigest() for name, each in sorted(_data_files(root, ""))}


def _data_files(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for each in folder.iterdir():
        if each.is_dir():
            if each.name != "__pycache__":
                yield from _data_files(each, f"{prefix}{each.name}/")
        elif not each.name.endswith((".py", ".pyc", ".pyi")):
            yield f"{prefix}{each.name}", each


def _found(counts: Mapping[tuple[str, Action], int]) -> dict[str, dict[str, object]]:
    """Return what was found by class, with the citation, also of the classes of which nothing was."""
    found: dict[str, dict[str, object]] = {}
    for name, each in classes().items():
        actions = {action.value: counts[name, action] for action in Action if counts.get((name, action))}
        found[name] = {"citation": each.citation, "count": sum(actions.values()), "actions": actions}
    return found
