"""How the classifier reads a text, what it refuses to load, and that it finds what only the wording tells."""

import io
import json
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardkeep.model.spans import IdentifierType
from wardkeep.privacy.classify import classifier as module
from wardkeep.privacy.classify import words as w
from wardkeep.privacy.classify.classifier import FILES, Sureness, classifier, load
from wardkeep.privacy.classify.network import CLASSES
from wardkeep.privacy.detect.lexicon import lexicon
from wardkeep.privacy.errors import DetectorUnavailable

DATA = files("wardkeep.privacy") / "data"
SURE = Sureness(alone=0.5, in_company=0.5, beside=0.05)


def looks(text: str) -> list[int]:
    return (w.read_words(text).looks // w.GAPS).tolist()


def test_words_are_runs_of_letters_and_digits_or_single_signs():
    text = "Pt O'Neil, MRN 0045-88a\nok"
    reading = w.read_words(text)
    spoken = [text[s:e] for s, e in zip(reading.starts, reading.ends, strict=True)]
    assert spoken == ["Pt", "O", "'", "Neil", ",", "MRN", "0045", "-", "88a", "\n", "ok"]
    assert reading.words == ["pt", "o", "'", "neil", ",", "mrn", "0000", "-", "00a", "\n", "ok"]


def test_looks_tell_case_digits_and_signs():
    assert looks("word Word A NIH mIxed 4 44 h2o ,\n") == [
        *(w.LOWER, w.TITLE, w.LETTER, w.UPPER, w.MIXED, w.DIGIT, w.DIGIT + 1, w.CODE, w.SIGN, w.END)
    ]


def test_capitals_in_a_shouted_line_say_nothing():
    assert set(looks("PLEASE SEE THE PATIENT")) == {w.SHOUTED}
    assert looks("we saw the NIH grant")[3] == w.UPPER


def test_a_number_longer_than_the_longest_look_is_one_look():
    assert looks("123456 123456789012") == [w.DIGIT + 5, w.DIGIT + 5]


@settings(deadline=None, max_examples=300)
@given(st.text())
def test_every_visible_character_is_in_exactly_one_word(text):
    reading = w.read_words(text)
    taken = [i for s, e in zip(reading.starts.tolist(), reading.ends.tolist(), strict=True) for i in range(s, e)]
    assert taken == [i for i, c in enumerate(text) if not c.isspace() or c == "\n"]
    assert len(reading.words) == len(reading.starts) == len(reading.looks)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_finds_are_sorted_disjoint_and_begin_and_end_with_a_letter_or_digit(text):
    end = 0
    for span in classifier().find("Patient " + text + " called", Sureness(alone=0.05, in_company=0.05, beside=0.01)):
        assert span.start >= end
        assert ("Patient " + text + " called")[span.start].isalnum()
        end = span.end


def test_a_name_that_no_list_knows_is_found_by_its_place_in_the_sentence():
    text = "please call zorvanna quillfeather back about her biopsy, she is anxious"
    found = classifier().find(text, Sureness(alone=0.3, in_company=0.3, beside=0.03))
    assert any(s.type is IdentifierType.NAME and s.start <= 12 < s.end for s in found)


def test_neighbours_are_asked_though_nothing_made_them_suspicious():
    text = "Referred to Harbor of Hope Recovery Center on Tuesday."
    (span,) = [s for s in classifier().find(text, SURE) if s.start < 30]
    assert text[span.start : span.end].startswith("Harbor of Hope")


def test_chances_are_probabilities():
    chances = classifier().chances(w.read_words("Dr. Okafor saw the patient on 3/14 in Tulsa."))
    assert chances.shape[1] == len(CLASSES)
    assert np.allclose(chances.sum(1), 1, atol=1e-4)


def test_empty_and_blank_texts_have_no_finds():
    assert classifier().find("", SURE) == []
    assert classifier().find("  \t ", SURE) == []


class Folder:
    """A folder of resources with some files replaced."""

    def __init__(self, changed: dict[str, bytes | None]) -> None:
        self.changed = changed
        self.name = ""

    def __truediv__(self, name: str) -> "Folder":
        joined = Folder(self.changed)
        joined.name = name
        return joined

    def read_bytes(self) -> bytes:
        if self.name in self.changed:
            data = self.changed[self.name]
            if data is None:
                raise FileNotFoundError(self.name)
            return data
        return (DATA / self.name).read_bytes()


def damaged(name: str) -> bytes:
    data = bytearray((DATA / name).read_bytes())
    data[len(data) // 2] ^= 1
    return bytes(data)


def other_version(name: str) -> bytes:
    manifest = json.loads((DATA / "manifest.json").read_bytes())
    manifest[name]["version"] = w.VERSION + 1
    return json.dumps(manifest).encode()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("case", ["missing", "damaged", "other version"])
def test_weights_that_are_not_the_manifests_are_refused(name, case):
    changed = {
        "missing": {name: None},
        "damaged": {name: damaged(name)},
        "other version": {"manifest.json": other_version(name)},
    }
    with pytest.raises(DetectorUnavailable):
        module.shipped(Folder(changed[case]))


def written_again(name: str) -> bytes:
    again = io.BytesIO()
    with np.load(io.BytesIO((DATA / name).read_bytes())) as stored:
        np.savez(again, **dict(stored))
    return again.getvalue()


def test_weights_survive_being_written_and_read():
    text = "Mr. Adeyemi, MRN 40718265, lives in Tulsa, OK"
    first, second = map(written_again, FILES)
    assert load(first, second, lexicon()).find(text, SURE) == classifier().find(text, SURE)


def test_where_the_first_network_doubts_the_mean_of_both_counts():
    first, second = ((DATA / name).read_bytes() for name in FILES)
    reading = w.read_words("seen by rosalind okafor and wen at northfold, metoprolol begun; baker cyst, june")
    alone, other = (load(data, None, lexicon()).chances(reading) for data in (first, second))
    together = load(first, second, lexicon()).chances(reading)
    doubted = (alone[:, 0] > 0.02) & (alone[:, 0] < 0.995)
    assert doubted.any()
    assert not doubted.all()
    np.testing.assert_allclose(together[doubted], (alone[doubted] + other[doubted]) / 2, atol=1e-6)
    np.testing.assert_array_equal(together[~doubted], alone[~doubted])
