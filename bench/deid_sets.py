"""Annotated documents for the de-identification bench: our own validation corpus and development sets beside the tree.

Our mark-up: `#### id | note` begins a document, `⟦TYPE|text⟧` is an identifier. The development sets are span JSONL
with offsets in code points; they are not part of this repository, and Wardkeep's classifier may have been trained on
them, so only the validation corpus predicts anything. Read nothing else from a name: sets are named by their files.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# Set -> how many of its documents, from the first; None is all. Slow peers need minutes a megabyte.
DEVELOPMENT: dict[str, int | None] = {
    "clin_inject_a": None,
    "meddocan_es_traindev": 150,
    "adversarial_openmed": None,
    "presidio_synth_v2": 400,
}
_MARK = re.compile(r"⟦([A-Z_]+)\|([^⟦⟧]*)⟧")
_DOCUMENT = re.compile(r"(?m)^####[ ]")


class MarkupError(ValueError):
    """A corpus file does not have the form it must have; mend the file. Names the file and document, no text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A text and the places of its identifiers."""

    id: str
    text: str
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedSet:
    """Documents that are scored together. `held_out` says that no training of ours reads them."""

    name: str
    held_out: bool
    documents: tuple[Document, ...]


def read_marked(text: str, *, file: str) -> list[Document]:
    """Return the documents of one file in our mark-up.

    Raises:
        MarkupError: an identifier is not closed, or a document has no name.
    """
    documents = []
    for part in _DOCUMENT.split(text)[1:]:
        head, _, body = part.partition("\n")
        name = head.partition("|")[0].strip()
        plain, spans = _unmarked(body.strip("\n"))
        if not name or "⟦" in plain or "⟧" in plain:
            raise MarkupError(f"{file}: document {len(documents) + 1} has broken mark-up")
        documents.append(Document(id=f"{file}:{name}", text=plain, spans=tuple(spans)))
    return documents


def _unmarked(body: str) -> tuple[str, list[tuple[int, int]]]:
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    at = length = 0
    for found in _MARK.finditer(body):
        before, surface = body[at : found.start()], found[2]
        start = length + len(before)
        length = start + len(surface)
        parts += (before, surface)
        spans.append((start, length))
        at = found.end()
    return "".join([*parts, body[at:]]), spans


def read_spans(lines: Iterable[str], *, most: int | None) -> list[Document]:
    """Return the first `most` documents of span JSONL, whatever the types of its spans."""
    rows = [json.loads(line) for line in lines if line.strip()][:most]
    return [
        Document(id=row["id"], text=row["text"], spans=tuple((span["start"], span["end"]) for span in row["spans"]))
        for row in rows
    ]


def load(*, corpus: Path, development: Path) -> list[AnnotatedSet]:
    """Return every set that is there: `corpus` grouped by the names of its files without their number, then the others.

    Raises:
        MarkupError: see `read_marked`, and for two documents of one set with one name.
    """
    groups: dict[str, list[Document]] = defaultdict(list)
    for path in sorted(corpus.glob("*.txt")):
        groups[path.stem.rstrip("_0123456789")] += read_marked(path.read_text(encoding="utf-8"), file=path.stem)
    sets = [
        AnnotatedSet(name=name, held_out=True, documents=tuple(documents)) for name, documents in sorted(groups.items())
    ]
    for name, most in DEVELOPMENT.items():
        path = development / f"{name}.jsonl"
        if path.is_file():
            with path.open(encoding="utf-8") as lines:
                documents = read_spans(lines, most=most)
            sets.append(AnnotatedSet(name=f"dev:{name}", held_out=False, documents=tuple(documents)))
    for each in sets:
        if len({document.id for document in each.documents}) != len(each.documents):
            raise MarkupError(f"{each.name}: two documents have one name")
    return sets
