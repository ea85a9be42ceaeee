"""What holds for any text: valid offsets, exact restore, no second masking, no survivor, no blow-up."""

import sys
from datetime import date
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from wardkeep.model.spans import Leaf, LeafKind
from wardkeep.privacy.deidentify import deidentify
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.reidentify import StreamRestorer, restore_text
from wardkeep.privacy.surrogates import Surrogates
from wardkeep.privacy.tokens import TOKEN

DETECTOR = Detector("strict")
KEY = Surrogates(b"k" * 32)

SEEDS = [
    *(
        "Dr. Maria Gonzalez",
        "MRN: 4829137",
        "[NAME-k7f3q9x2]",
        "[NAME-",
        "]",
        "219-09-9999",
        "a@example.org",
        "%4A",
        "\\u004a",
    ),
    *(
        "&#74;",
        "\u200b",
        "\u0301",
        "03/14/2024",
        "Name:",
        "lives in Dover, DE",
        " ",
        "\n",
        "'s",
        ", MD",
        "Gonzalez",
        "SMITH",
    ),
    *("４１１１", "\U0001f600", "\u0130", "\ufdfa", "M a r i a", "G.o.n.z", "mArIa", "M4r14", "Gon-\nzalez", "rot13"),
    *("backwards", "TWFyaWEgR29uemFsZXo=", "4d 61 72 69 61", "=4D=61", "=\r\n", "<b>", "double four", "one two three"),
    *("\u202e", "\u043c\u0430", "\\x4d", "%254D", "\x00", "12/2\n7/27"),
]
texts = st.one_of(st.text(), st.lists(st.one_of(st.sampled_from(SEEDS), st.text(max_size=4)), max_size=12).map("".join))


def run(*values: str):
    leaves = [Leaf(value, None, LeafKind.TEXT) for value in values]
    return deidentify(leaves, detector=DETECTOR, surrogates=KEY, keep=frozenset(), known=())


@example("0A0a:\ufdfaaAaA:A R 0 A")  # a letter of 18, and disguises in a disguise
@settings(deadline=None, max_examples=300)
@given(texts)
def test_offsets_are_valid_sorted_and_disjoint(text):
    spans = DETECTOR.find(text)
    assert all(0 <= s.start < s.end <= len(text) for s in spans)
    assert all(a.end <= b.start for a, b in pairwise(spans))


@settings(deadline=None, max_examples=300)
@given(st.lists(texts, min_size=1, max_size=3))
def test_restore_gives_the_original_back(values):
    out = run(*values)
    for value, text in zip(values, out.texts, strict=True):
        if text is not None:
            assert restore_text(text, out.restore) == value
            restorer = StreamRestorer(out.restore)
            assert "".join(map(restorer.feed, text)) + restorer.finish() == value


@settings(deadline=None, max_examples=200)
@given(texts)
def test_tokens_are_not_masked_again(text):
    first = run(text).texts[0] or text
    second = run(first).texts[0] or first
    assert [t for t in TOKEN.findall(second) if t in first] == TOKEN.findall(first)


name = st.sampled_from(["Xiomara", "Quentin", "Priya", "Maria", "Wei", "Oluwaseun", "Zbigniew", "Aoife"])
surname = st.sampled_from(["Quillfeather", "Gonzalez", "Okonkwo", "Kowalczyk", "Nguyen", "Brewer"])
digits = st.integers(10**6, 10**8 - 1)


@settings(deadline=None, max_examples=100)
@given(
    name,
    surname,
    digits,
    st.integers(200, 899),
    st.integers(10, 99),
    st.integers(1000, 9999),
    st.dates(date(1900, 1, 1), date(2099, 12, 31)),
)
def test_no_identifier_of_a_generated_patient_survives(first, last, mrn, area, group, serial, born):  # noqa: PLR0917 (hypothesis)
    ssn = f"{'667' if area == 666 else area}-{group}-{serial}"
    mail = f"{first}.{last}@example.org".lower()
    birthday = born.strftime("%m/%d/%Y")
    note = f"Patient: {first} {last}\nMRN: {mrn}\nDOB: {birthday}\nSSN {ssn}, email {mail}.\n"
    note += f"Ms. {last} is well. {first.upper()} agreed."
    out = run(note, f"what about {last.lower()} ({mrn})?")
    sent = "\n".join(filter(None, out.texts)).lower()
    for secret in (first.lower(), last.lower(), str(mrn), ssn, mail, birthday):
        assert secret not in sent


def operations(text: str) -> int:
    """Count Python and C calls: a measure that no machine's speed changes."""
    count = 0

    def tally(_frame, event, _argument):
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(tally)
    try:
        run(text)
    finally:
        sys.setprofile(before)
    return count


def test_work_grows_with_the_text_and_not_faster():
    units = [
        "Dr. Brewer saw Maria Gonzalez on 03/14/2024, MRN 4829137. ",
        "GRACE ",
        "Dr. A. ",
        "https://",
        "id-1-",
        "a.b@",
        "1 2 3 4 5 6 7 ",
        "Name: ",
        "[NAME-",
        "%41",
        "Maria Xa{n} Gonzalez. ",
        *("a b c d ", "one two three ", "M4r14 ", "mArIa ", "aa-\nbb ", "QUJD", "4d 61 ", "=4D=\n", "a<b>b", "\x00"),
        *("rot13 znevn ", "reversed: airaM ", "\\u004d", "&#77;", "\u0430a ", "1/2/3/4/", "0O1l", "double "),
    ]
    for unit in units:
        small = operations("".join(unit.replace("{n}", chr(97 + i % 26) * (1 + i % 7)) for i in range(200)))
        large = operations("".join(unit.replace("{n}", chr(97 + i % 26) * (1 + i % 7)) for i in range(800)))
        assert large < small * 6
