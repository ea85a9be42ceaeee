"""Measure detection on annotated documents: `python -m model.measure`.

Only letters and digits count. `full`: share of identifiers wholly covered; `any`: touched; `char_p`: share of covered
characters that identify; `leaking`: documents with an identifier not wholly covered; `over`: documents without an
identifier in which something was masked.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from model.corpus import Document, jsonl, own

from wardkeep.privacy.classify.classifier import Sureness, load
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.detect.lexicon import lexicon

HERE = Path(__file__).parent
FULL = 0.999
Predict = Callable[[str], Sequence[tuple[int, int]]]


@dataclass(slots=True)
class Figures:
    """Counts over documents, and where it went wrong (for reading, never for print in a log)."""

    documents: int = 0
    entities: int = 0
    full: int = 0
    touched: int = 0
    hit: int = 0
    predicted: int = 0
    leaking: int = 0
    negatives: int = 0
    over: int = 0
    kinds: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    misses: list[str] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)

    def shares(self) -> dict[str, float | int | str]:
        return {
            "documents": self.documents,
            "entities": self.entities,
            "full": round(self.full / max(self.entities, 1), 4),
            "any": round(self.touched / max(self.entities, 1), 4),
            "char_p": round(self.hit / max(self.predicted, 1), 4),
            "leaking": f"{self.leaking}/{self.documents}",
            "over": f"{self.over}/{self.negatives}",
        }


def covered(text: str, spans: Sequence[tuple[int, int]]) -> set[int]:
    return {i for start, end in spans for i in range(start, min(end, len(text))) if text[i].isalnum()}


def measure(documents: Sequence[Document], predict: Predict) -> Figures:
    """Return the figures of a detector on documents."""
    figures = Figures()
    for document in documents:
        text, spans = document.text, predict(document.text)
        guess = covered(text, spans)
        truth = covered(text, [(s, e) for s, e, _ in document.spans])
        figures.documents += 1
        figures.hit += len(truth & guess)
        figures.predicted += len(guess)
        leaks = False
        for (start, end, kind), name in zip(
            document.spans, document.kinds or [k for *_, k in document.spans], strict=True
        ):
            letters = covered(text, [(start, end)])
            if not letters:
                continue
            share = len(letters & guess) / len(letters)
            figures.entities += 1
            figures.touched += share > 0
            figures.full += share >= FULL
            figures.kinds[name or kind or ""][0] += share >= FULL
            figures.kinds[name or kind or ""][1] += 1
            if share < FULL:
                leaks = True
                figures.misses.append(
                    f"{document.id} {name} {text[max(0, start - 40) : start]}⟦{text[start:end]}⟧{text[end : end + 25]}"
                )
        figures.leaking += leaks
        if not document.spans:
            figures.negatives += 1
            figures.over += bool(guess)
        for start, end in spans:
            if not covered(text, [(start, end)]) & truth:
                figures.extras.append(
                    f"{document.id} {text[max(0, start - 40) : start]}⟪{text[start:end]}⟫{text[end : end + 25]}"
                )
    return figures


def sets(part: str, development: Path | None) -> dict[str, list[Document]]:
    """Return documents by set: files of our corpus that match `part`, and development sets."""
    found: dict[str, list[Document]] = defaultdict(list)
    for path in sorted((HERE / "corpus").glob(part)):
        found[path.stem.rstrip("_0123456789")] += own(path)
    if development is not None:
        for name in ("clin_inject_a", "meddocan_es_traindev", "adversarial_openmed"):
            path = development / f"{name}.jsonl"
            kinds = {
                s["type"]: s["type"] for row in map(json.loads, path.read_text().splitlines()) for s in row["spans"]
            }
            found[f"development:{name}"] = jsonl(path, dict(kinds))
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--development", type=Path)
    options.add_argument("--part", default="valid/*.txt")
    options.add_argument("--only", default="")
    options.add_argument("--policy", default="balanced", choices=["strict", "balanced"])
    options.add_argument("--weights", type=Path, help="measure these weights alone, without rules")
    options.add_argument("--threshold", type=float, default=0.5)
    options.add_argument("--misses", type=int, default=0)
    options.add_argument("--extras", type=int, default=0)
    chosen = options.parse_args()
    if chosen.weights:
        alone = load(chosen.weights.read_bytes(), None, lexicon())
        sure = Sureness(alone=chosen.threshold, in_company=chosen.threshold, beside=0.03)
        find = lambda text: alone.find(text, sure)  # noqa: E731
    else:
        find = Detector(chosen.policy).find
    for name, documents in sets(chosen.part, chosen.development).items():
        if chosen.only not in name:
            continue
        find(documents[0].text)
        began = time.process_time()
        for document in documents:
            find(document.text)
        spent = time.process_time() - began
        figures = measure(documents, lambda text: [(s.start, s.end) for s in find(text)])
        speed = round(sum(len(d.text) for d in documents) / spent / 1000)
        print(f"{name:24s}", json.dumps(figures.shares() | {"thousand characters a CPU-second": speed}))
        by_kind = sorted(figures.kinds.items(), key=lambda item: -item[1][1])
        print("    ", ", ".join(f"{kind} {full / count:.3f} ({count})" for kind, (full, count) in by_kind))
        for line in figures.misses[: chosen.misses]:
            print("   -", repr(line))
        for line in figures.extras[: chosen.extras]:
            print("   +", repr(line))


if __name__ == "__main__":
    main()
