"""Identifiers in disguise (DESIGN section 10: zero-width, homoglyph, base64 bypass)."""

import base64

import pytest

from wardkeep.privacy.detect.detector import Detector

DETECTOR = Detector("balanced")

DISGUISED = [
    "4111\u200d1111\u200d1111\u200d1111",
    "219\u200b-\u200b09\u200b-\u200b9999",
    "jan\u0435.patient@example.com",
    "jane\u0301.patient@example.com",
    "４１１１ １１１１ １１１１ １１１１",
    "２１９-０９-９９９９",
    "219\u201109\u20119999",
    "219\u00ad-09-9999",
    "\u0662\u0661\u0669-\u0660\u0669-\u0669\u0669\u0669\u0669",
    base64.b64encode(b"patient Maria Gonzalez, SSN 219-09-9999").decode(),
    base64.urlsafe_b64encode(b"patient Maria Gonzalez, SSN 219-09-9999").decode().rstrip("="),
    base64.b64encode(base64.b64encode(b"patient Maria Gonzalez, SSN 219-09-9999")).decode(),
    b"SSN 219-09-9999".hex(),
    "219%2D09%2D9999",
    "\\u0032\\u0031\\u0039-09-9999",
    "&#50;19-09-9999",
    "2 1 9 - 0 9 - 9 9 9 9",
    "two one nine, zero nine, nine nine nine nine",
    "jane dot doe at example dot com",
    "jane.doe [at] example [dot] com",
    "M a r i a",
    "M-a-r-i-a",
    "Ｍａｒｉａ Ｇｏｎｚａｌｅｚ",
    "Mar\u200bia Gonz\u200balez",
]


@pytest.mark.parametrize("number", range(len(DISGUISED)))
@pytest.mark.parametrize("frame", ["{}", "Please note: {} is hers.", "\u4f60\u597d \U0001f600 {} \u00e9"])
def test_a_disguised_identifier_is_masked_whole(number, frame):
    text = frame.format(DISGUISED[number])
    start = text.index(DISGUISED[number])
    inside = {i for s in DETECTOR.find(text) for i in range(s.start, s.end)}
    missed = [i for i in range(start, start + len(DISGUISED[number])) if text[i].isalnum() and i not in inside]
    assert not missed


def test_each_encoded_run_is_read_up_to_the_end_of_the_text():
    run = base64.b64encode(b"SSN 219-09-9999 of hers").decode()
    text = f"sternocleidomastoideus {run}, {run}\n9f86d081884c7d659a2feaa0c55ad015 {run}"
    starts = [i for i in range(len(text)) if text.startswith(run, i)]
    assert [(s.start, s.end) for s in DETECTOR.find(text)] == [(i, i + len(run)) for i in starts]


def test_a_token_of_ours_is_no_hiding_place():
    for text in ("[MRN-12345678]", "[NAME-williams]", "MRN [OTHER-48291377]"):
        assert DETECTOR.find("MRN: " + text) or DETECTOR.find("Dr. " + text.strip("[]")[5:].title())


def test_harmless_encodings_stay():
    for text in (
        "run git show 9f86d081884c7d659a2feaa0c55ad015",
        "100%25 & more &amp; so on",
        "x" * 64,
        "sternocleidomastoideus",
    ):
        assert DETECTOR.find(text) == []
