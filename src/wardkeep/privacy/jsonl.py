"""Batches of texts as JSON lines, for `wardkeep deid spans`: `{"id", "text"}` in, `{"id", "spans"}` out.

Offsets are code points, half-open. Reports what was found and never claims compliance with 45 CFR 164.514.
"""

import json
from collections.abc import Iterable, Iterator

from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.detect.nomination import Policy
from wardkeep.privacy.errors import MalformedLine


def spans_jsonl(lines: Iterable[str], policy: Policy) -> Iterator[str]:
    """Yield one output line for each input line that is not blank.

    Raises:
        MalformedLine: a line is not an object with a string `text` and an `id`; the message has the line's number only.
        DetectorFailed: a recogniser broke.
        DetectorUnavailable: the engine or its data is missing.
    """
    detector = Detector(policy)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        identifier, text = _parse(line, number)
        spans = [{"start": s.start, "end": s.end, "type": s.type.value} for s in detector.find(text)]
        yield json.dumps({"id": identifier, "spans": spans}, ensure_ascii=True)


def _parse(line: str, number: int) -> tuple[object, str]:
    try:
        row = json.loads(line)
    except ValueError:
        # `from None`: the decoder's own message and document would carry the text.
        raise MalformedLine(f"line {number}: not JSON") from None
    if not isinstance(row, dict) or "id" not in row or not isinstance(row.get("text"), str):
        raise MalformedLine(f'line {number}: expected an object with "id" and a string "text"')
    return row["id"], row["text"]
