"""Cells found by what their column is for."""

import pytest

from wardkeep.privacy.detect.detector import Detector

MARKDOWN = """| Bed | Patient | Age | Adm | Attending | Plan |
|---|---|---|---|---|---|
| 402A | Bill Young | 61 | 6/1 | Rao-Kimura | MRCP, NPO mn |
| 402B | Ruzica M | 98 | 5/19 | n/a | echo 5/5 strength |
"""


@pytest.fixture(scope="module")
def cells():
    detector = Detector("balanced")
    return lambda text: [text[s.start : s.end] for s in detector.recognise(text) if s.rule == "table"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MARKDOWN, ["Bill Young", "6/1", "Rao-Kimura", "Ruzica M", "98", "5/19"]),
        ('last,first,mrn,pcp\n"Long",Art,300418,Ansah\n', ["Long", "Art", "300418", "Ansah"]),
        ("mrn;name;room\n77120;Faith;12\n", ["77120", "Faith"]),
        ("mrn\tusername\tnote\n81-2\tkfahey02\tcalled back\n", ["81-2", "kfahey02"]),
        ('patient,"clinic, site",age\r\nOz,x,97\r\n', ["Oz", "97"]),
    ],
)
def test_cells_under_a_heading_of_a_person_are_found(cells, text, expected):
    assert cells(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "name,dose,route\nlisinopril,10 mg,po\n",
        "drug\tage\nwarfarin\t98\n",
        "test | name | value\nsodium | Na | 140\n",
        "patient, nurse, doctor\n",
        "age, sex, and the rest of it\nare asked, often, 98 times\n",
        "patient|status|note\nnone|n/a|yes\npending|new|unknown\n",
    ],
)
def test_tables_of_things_and_empty_cells_are_left(cells, text):
    assert cells(text) == []
