"""The batch form of `wardkeep deid spans`."""

import json
import os
import sys
from pathlib import Path

import pytest

from wardkeep.privacy.errors import MalformedLine
from wardkeep.privacy.jsonl import spans_jsonl

DEV = Path(os.environ.get("WARDKEEP_SHARED", Path(__file__).resolve().parents[4] / "shared")) / "deid"


def test_offsets_are_code_points():
    line = json.dumps({"id": 7, "text": "\U0001f600 Dr. Quillfeather"})
    row = json.loads(next(spans_jsonl(["\n", line], "strict")))
    assert row == {"id": 7, "spans": [{"start": 6, "end": 18, "type": "NAME"}]}


@pytest.mark.parametrize(
    "line",
    ['{"id": 1, "text": "Dr. Quillfeather"', '{"id": 1}', '["Quillfeather"]', '{"text": "x"}', '{"id": 1, "text": 5}'],
)
def test_a_malformed_line_is_named_and_not_echoed(line):
    with pytest.raises(MalformedLine) as caught:
        list(spans_jsonl([json.dumps({"id": 0, "text": "ok"}), line], "strict"))
    assert "line 2" in str(caught.value)
    assert "uill" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.shared
@pytest.mark.skipif(not DEV.is_dir(), reason="development data is not part of the repository")
def test_recall_on_the_development_notes(strict):
    sys.path.insert(0, str(DEV))
    try:
        import score
    finally:
        sys.path.remove(str(DEV))
    gold = score.read(str(DEV / "dev" / "clin_inject_a.jsonl"))
    some = dict(list(gold.items())[:120])
    predicted = {
        k: {"spans": [{"start": s.start, "end": s.end} for s in strict.find(r["text"])]} for k, r in some.items()
    }
    figures = score.score(some, predicted)
    assert figures["full"] >= 0.97
    assert figures["char_p"] >= 0.94
