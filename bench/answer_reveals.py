"""Prints how often the watch for identifiers that a request did not have is right and wrong.

Run by `python bench/answer_reveals.py`.

Our own validation documents stand for answers, as no training of the classifier saw them. Wrong: documents without any
identifier, to a request that names nobody; and notes to a request that is the same note. Right: notes with identifiers,
to a request that names nobody. They are documents and no model's answers, and their author wrote the rules too.
"""

import json
import sys
import time
from pathlib import Path

from deid_sets import Document, load
from redteam_screen import wilson
from wardkeep.model.guard import GuardAction, GuardTerms
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.prompt.answer import AnswerWatch
from wardkeep.privacy.prompt.links import carried
from wardkeep.privacy.prompt.reveal import asked_of

VALID = Path(__file__).parents[1] / "model" / "corpus" / "valid"
ASKED = ("Summarise the visit in two sentences.",)


def is_flagged(detector: Detector, answer: str, asked: tuple[str, ...]) -> bool:
    watch = AnswerWatch(
        terms=GuardTerms(reveals=GuardAction.FLAG),
        known=lambda: carried([], "", frozenset()),
        find=detector.find,
        asked=lambda: asked_of(asked),
    )
    watch.text(answer)
    return bool(watch.signals)


def rate(hits: list[bool]) -> dict[str, float | int]:
    low, high = wilson(sum(hits), len(hits))
    return {"flagged": sum(hits), "of": len(hits), "low": round(low, 4), "high": round(high, 4)}


def main() -> None:
    detector = Detector("balanced")
    sets = load(corpus=VALID, development=Path("absent"))
    documents: list[Document] = [document for each in sets for document in each.documents]
    clean = [each for each in documents if not each.spans]
    marked = [each for each in documents if each.spans]
    began = time.process_time()
    results = {
        "no identifier, request names nobody": rate([is_flagged(detector, each.text, ASKED) for each in clean]),
        "same note as the request": rate([is_flagged(detector, each.text, (each.text,)) for each in marked]),
        "identifiers, request names nobody": rate([is_flagged(detector, each.text, ASKED) for each in marked]),
    }
    size = sum(len(each.text) for each in (*clean, *marked, *marked))
    results["cpu_us_per_kb"] = {"value": round((time.process_time() - began) / size * 1e9)}
    json.dump(results, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
