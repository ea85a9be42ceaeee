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
    "M\u0336a\u0336r\u0336i\u0336a\u0336 G\u0336o\u0336n\u0336z\u0336a\u0336l\u0336e\u0336z\u0336",
    "".join(chr(0x1F170 + ord(c) - ord("A")) if c != " " else c for c in "MARIA GONZALEZ"),
    "\u041c\u0430r\u0456\u0430 G\u043enz\u0430l\u0435z",
    "M a r i a  G o n z a l e z",
    "M.a.r.i.a G.o.n.z.a.l.e.z",
    "M_a_r_i_a G_o_n_z_a_l_e_z",
    "M\na\nr\ni\na",
    "mArIa GoNzAlEz",
    "M4r14 G0nz4l3z",
    "Mar<b>ia</b> Gonz<!-- -->alez",
    "Mar**ia** Gonz**alez**",
    "%25%34%44aria Gonzalez",
    "&amp;#77;aria Gonzalez",
    "\\x4d\\x61\\x72\\x69\\x61 Gonzalez",
    "\\u{4d}aria \\107onzalez",
    "4d 61 72 69 61 20 47 6f 6e 7a 61 6c 65 7a",
    "01001101 01100001 01110010 01101001 01100001",
    "JVQXE2LBEBDW63T2MFWGK6Q=",
    base64.b64encode(b"Maria").decode(),
    base64.encodebytes(b"The patient's whole name is Maria Gonzalez, and she was born in Dover.").decode().strip(),
    "uno dos tres, cuatro cinco seis, siete ocho nueve cero",
    "double four five, oh one nine, triple seven three",
    "(33O) 555-Ol22",
    "219-09-\n9999",
    "maria.gonza\nlez@example.com",
    "4/1/9/-/7/7/-/0/3/6/2",
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
    text = f"sternocleidomastoideus {run}, {run}\nrun git show 9f86d081884c7d659a2feaa0c55ad015\nstored as {run}"
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
        "Taking H1N1, B12, P2Y12, G3P2, A1c and q4h notes; SpO2 98%, eGFR 61, mRNA, pH 7.35, HbA1c, OxyContin, LaTeX.",
        "McBurney, McMurray and DeBakey; A/B/C/D groups; 1 2 3 4 5 on the scale; p.o., b.i.d., e.g., q.i.d.",
        "He fell backwards and hit his head. One or two, three to four times. I counted one two three.",
        "Set value=20 and rate=3D at pH=7.4; the list\n1\n2\n3\nends; well-\nknown",
        "\u03b2-blocker, \u03b1-thalassaemia, 5 \u00b5g, H\u2082O, \u2265 90 %",
        "\u0431\u043e\u043b\u044c\u043d\u043e\u0439 \u0432 \u0431\u043e\u043b\u0438",
    ):
        assert DETECTOR.find(text) == []


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Patient znevn tbamnyrm (rot13) is here", "znevn tbamnyrm"),
        ("her name is zelaznoG airaM, written backwards", "zelaznoG airaM"),
        ("reversed: 9999-90-912 is the ssn", "9999-90-912"),
        ("MRN: four eight two nine one", "four eight two nine one"),
        ("date of birth nine eleven ninety-four", "nine eleven ninety-four"),
        ("MRN: 4829=\r\n137 and =4Daria=20Gonzalez", "4829=\r\n137"),
        ("pa\x00tient Ma\x08ria Gonzalez", "Ma\x08ria Gonzalez"),
        ("D0B: O4/O9/1972", "O4/O9/1972"),
    ],
)
def test_what_the_text_says_of_its_disguise_is_believed(text, hidden):
    start = text.index(hidden)
    inside = {i for s in DETECTOR.find(text) for i in range(s.start, s.end)}
    assert not [i for i in range(start, start + len(hidden)) if text[i].isalnum() and i not in inside]


@pytest.mark.parametrize(
    "disguise",
    [
        "z-o-l-t-u-n",
        "Z o l t u n",
        "zol\u200btun",
        "\uff3aoltun",
        "Z\u043eltun",
        "zOlTuN",
        "Z0ltun",
        "Zol-\ntun",
        "Zo<i>lt</i>un",
        "em9sdHVuIHdhcyBoZXJl",
        "5a 6f 6c 74 75 6e",
        "%5Aoltun",
        "mbygha (rot13)",
        "nutloz (spelled backwards)",
    ],
)
def test_a_known_term_is_found_in_any_disguise(disguise):
    text = f"and {disguise} was there"
    inside = {i for s in DETECTOR.find(text, ["zoltun"]) for i in range(s.start, s.end)}
    shown = disguise.split(" (")[0]
    assert not [i for i in range(4, 4 + len(shown)) if text[i].isalnum() and i not in inside]
