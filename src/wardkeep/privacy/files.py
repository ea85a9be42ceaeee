"""De-identify a whole file in one of the formats: read all of it or refuse it, treat record by record, write it.

45 CFR 164.514(b)(2)(i). Codes and surrogates are the same throughout the file; dates are shifted by the same number of
days for a subject throughout the file, where the policy shifts them. A record that holds what the policy blocks, or
what may not be rewritten, refuses the file.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from wardkeep.model.spans import IdentifierType, Leaf, LeafKind, Span
from wardkeep.privacy.errors import DocumentUnreadable
from wardkeep.privacy.finer import placed
from wardkeep.privacy.formats import hl7v2, json_tree, plain, table
from wardkeep.privacy.formats.fields import TYPES, Document, Field, Record, Role
from wardkeep.privacy.policies.classes import classes
from wardkeep.privacy.policies.policy import Action, Mode
from wardkeep.privacy.report import Tally
from wardkeep.privacy.shift import days_from
from wardkeep.privacy.treatment import Treatment, treat

FORMS: Final = ("text", "json", "jsonl", "csv", "tsv", "fhir", "hl7")
_BY_NAME: Final = {
    "txt": "text",
    "text": "text",
    "md": "text",
    "json": "json",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "csv": "csv",
    "tsv": "tsv",
    "tab": "tsv",
    "hl7": "hl7",
    "er7": "hl7",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TreatedFile:
    """A file as the policy leaves it, and the counts for its report. Its bytes are PHI unless they are released."""

    data: bytes = field(repr=False)
    form: str
    tally: Tally


def form_of(name: str, data: bytes) -> str:
    """Return the format of a file by its name, and by its beginning where the name says nothing.

    Raises:
        DocumentUnreadable: neither says.
    """
    known = _BY_NAME.get(name.rpartition(".")[2].casefold()) if "." in name else None
    if hl7v2.looks_like(data):
        return "hl7"
    if known is None:
        raise DocumentUnreadable(f"its name does not say its format; the formats are {', '.join(FORMS)}")
    return known


def treat_file(data: bytes, form: str, treatment: Treatment) -> TreatedFile:
    """Return the file as the policy leaves it.

    Raises:
        DocumentUnreadable: it is not what `form` says, or something in it cannot be read or may not stay.
        DetectorFailed: a recogniser broke.
    """
    document = _read(data, form, treatment)
    tally = Tally()
    shifts: dict[str | None, int] = {}
    for number, record in enumerate(document.records, start=1):
        _treat_record(record, _for_subject(treatment, record.subject, shifts), tally, number)
    return TreatedFile(data=document.written(), form=document.form, tally=tally)


def _read(data: bytes, form: str, treatment: Treatment) -> Document:
    recognise = treatment.detector.recognise

    def identifies(name: str) -> bool:
        return any(span.type is not IdentifierType.DATE for span in recognise(name))

    match form:
        case "text":
            return plain.read(data)
        case "json" | "fhir":
            return json_tree.read(data, identifies)
        case "jsonl":
            return json_tree.read_lines(data, identifies)
        case "csv":
            return table.read(data, None, recognise)
        case "tsv":
            return table.read(data, "\t", recognise)
        case "hl7":
            return hl7v2.read(data)
        case _:
            raise DocumentUnreadable(f"there is no such format; the formats are {', '.join(FORMS)}")


def _for_subject(treatment: Treatment, subject: str | None, shifts: dict[str | None, int]) -> Treatment:
    """Return the treatment with the subject's own shift, drawn when the subject is first seen."""
    if treatment.days is None:
        return treatment
    if subject not in shifts:
        shifts[subject] = days_from(secrets.token_bytes(32)) if shifts else treatment.days
    return Treatment(
        policy=treatment.policy,
        detector=treatment.detector,
        assigner=treatment.assigner,
        today=treatment.today,
        days=shifts[subject],
    )


def _treat_record(record: Record, treatment: Treatment, tally: Tally, number: int) -> None:
    texts = [each for each in record.fields if each.role is not Role.ID]
    leaves = [Leaf(each.text, each.cue, LeafKind.TEXT) for each in texts]
    known = tuple(dict.fromkeys(record.known))
    done = treat(leaves, treatment, known=known, given=[_given(each) for each in texts])
    if done.blocked or done.refused:
        told = ", ".join(done.blocked) or "something that may not be rewritten"
        raise DocumentUnreadable(f"record {number} holds {told}, which the policy does not let through")
    tally.add(done, (each.text for each in texts))
    for each, new in zip(texts, done.texts, strict=True):
        if new is not None:
            # In a format of dates half a date, or a class in brackets, would be read as something else.
            each.put("" if _is_no_date(each, new) and treatment.policy.mode is not Mode.INTERACTIVE else new)
    _code_ids([each for each in record.fields if each.role is Role.ID], treatment, tally)


def _is_no_date(each: Field, new: str) -> bool:
    if each.role is Role.INSTANT:
        return "T" not in new
    return each.role is Role.DATE and new.startswith("[")


def _given(each: Field) -> Span | None:
    if each.place is None:
        return None
    kind = TYPES.get(each.place) or IdentifierType(classes()[each.place].types[0])
    return placed(each.place, kind, each.text, is_birth=each.is_birth)


def _code_ids(ids: Sequence[Field], treatment: Treatment, tally: Tally) -> None:
    """Replace ids by bare codes: what points at a resource must still point at it, under every policy but ALLOW."""
    if treatment.policy.action("OTHER") is Action.ALLOW or not ids:
        return
    codes = treatment.assigner.assign([(IdentifierType.OTHER, each.text) for each in ids])
    for each in ids:
        token = codes[IdentifierType.OTHER, each.text]
        each.put(token.removeprefix(f"[{IdentifierType.OTHER}-").removesuffix("]"))
    tally.counts["OTHER", Action.SURROGATE] += len(ids)
