"""One table of positive and negative vectors a recogniser. All values are invented or published test numbers."""

from itertools import pairwise

import pytest

from wardkeep.model.spans import IdentifierType as T
from wardkeep.privacy.classify.classifier import CLASSIFIED
from wardkeep.privacy.detect.detector import Detector

POSITIVE = [
    # type, text, what must be covered
    (T.SSN, "SSN 219-09-9999 on file", "219-09-9999"),
    (T.SSN, "her social security number is 219 09 9998", "219 09 9998"),
    (T.SSN, "last digits: ssn ending in 9999", "9999"),
    (T.SSN, "ssn: 219099999", "219099999"),
    (T.LICENSE, "billing under 1234567893 today", "1234567893"),  # CMS's published NPI example
    (T.LICENSE, "prescriber AB1234563 signed", "AB1234563"),
    (T.ACCOUNT, "card 4111 1111 1111 1111", "4111 1111 1111 1111"),
    (T.ACCOUNT, "paid with 5500-0000-0000-0004", "5500-0000-0000-0004"),
    (T.ACCOUNT, "IBAN GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 32"),
    (T.HEALTH_PLAN, "beneficiary 1EG4-TE5-MK73 today", "1EG4-TE5-MK73"),  # CMS's published MBI example
    (T.HEALTH_PLAN, "Member ID: XJB882191402", "XJB882191402"),
    (T.VEHICLE, "drives 1HGCM82633A004352", "1HGCM82633A004352"),
    (T.VEHICLE, "license plate: 7ABC123", "7ABC123"),
    (T.PHONE, "(415) 555-0134 after five", "(415) 555-0134"),
    (T.PHONE, "415.555.0134 x22", "415.555.0134 x22"),
    (T.PHONE, "+44 20 7946 0958", "+44 20 7946 0958"),
    (T.PHONE, "call 555-0134", "555-0134"),
    (T.PHONE, "phone 4155550134", "4155550134"),
    (T.FAX, "Fax: 415-555-0199", "415-555-0199"),
    (T.EMAIL, "write to a.b+c@mail.example.org now", "a.b+c@mail.example.org"),
    (T.URL, "see https://portal.example.org/p/81?x=1.", "https://portal.example.org/p/81?x=1"),
    (T.URL, "or www.example.org/me", "www.example.org/me"),
    (T.IP, "from 203.0.113.77 at night", "203.0.113.77"),
    (T.IP, "from 2001:db8::8a2e:370:7334 at night", "2001:db8::8a2e:370:7334"),
    (T.DEVICE, "mac 00:1B:44:11:3A:B7", "00:1B:44:11:3A:B7"),
    (T.DEVICE, "pacemaker serial no. PJN-204417-S", "PJN-204417-S"),
    (T.MRN, "MRN: 00482913", "00482913"),
    (T.MRN, "medical record number is MR-48-29-13", "MR-48-29-13"),
    (T.MRN, '{\\"mrn\\": \\"A482913\\"}', "A482913"),
    (T.MRN, "mrn_4829134", "4829134"),
    (T.ACCOUNT, "Account #: 590002153", "590002153"),
    (T.OTHER, "employee 5519-2214", "5519-2214"),
    (T.DATE, "on 03/14/2024", "03/14/2024"),
    (T.DATE, "on 14.03.2024", "14.03.2024"),
    (T.DATE, "since 2024-03-14T08:30:00Z", "2024-03-14T08:30:00Z"),
    (T.DATE, "March 14th, 2024 visit", "March 14th, 2024"),
    (T.DATE, "the 14th of March", "14th of March"),
    (T.DATE, "14 de marzo de 2024", "14 de marzo de 2024"),
    (T.DATE, "14-Mar-24", "14-Mar-24"),
    (T.DATE, "DOB 19700714", "19700714"),
    (T.DATE, "seen 3/14 again", "3/14"),
    (T.DATE, "uds 8/20 thc only", "8/20"),
    (T.DATE, "3/30 1130. Choice list given", "3/30"),
    (T.DATE, "note dated 3/14/2026; echo 9/2 showed", "9/2"),
    (T.DATE, "Adm 03/22/26-03/25/26 for COPD", "03/25/26"),
    (T.DATE, "off risperdal since the 9th, she says", "the 9th"),
    (T.DATE, "seen Friday the 13th", "Friday the 13th"),
    (T.DATE, "randomized 08JAN2026 in arm B", "08JAN2026"),
    (T.DATE, "PID|1||778||DOE||19380707|F", "19380707"),
    (T.DATE, "MSH|A|B|202603041522||ORU", "202603041522"),
    (T.DATE, "DTSTART:20260609T150000", "20260609T150000"),
    (T.DATE, "[14/Mar/2026:10:22:19 +0000] GET", "14/Mar/2026:10:22:19"),
    (T.DATE, "stable until November.", "November"),
    (T.DATE, "no drink since Halloween", "Halloween"),
    (T.DATE, "surgery on the twenty third of june", "the twenty third of june"),
    (T.DATE, "born april second nineteen eighty-eight", "april second nineteen eighty-eight"),
    (T.DATE, "nace el catorce de mayo", "catorce de mayo"),
    (T.DATE, "5/dic/25 control", "5/dic/25"),
    (T.DATE, "DOB 6 12 91", "6 12 91"),
    (T.DATE, "Urodzony 7 XI 1948", "7 XI 1948"),
    (T.AGE, "a 94-year-old man", "94"),
    (T.AGE, "she is ninety-four and well", "ninety-four"),
    (T.AGE, "abuelita de noventa y seis a\u00f1os", "noventa y seis"),
    (T.AGE, "he is 97, on oxygen", "97"),
    (T.AGE, "Age: 101", "101"),
    (T.AGE, "his people were there (wife, 96)", "96"),
    (T.AGE, "her mother lived to 91.", "91"),
    (T.AGE, "an aunt passed away at 101", "101"),
    (T.PHONE, "tel. 953 50 71 28", "953 50 71 28"),
    (T.PHONE, "ring 01634 960 227", "01634 960 227"),
    (T.PHONE, "pager 31-4408", "31-4408"),
    (T.PHONE, "call ext. 4102", "4102"),
    (T.PHONE, "the number (870)5550116 is hers", "(870)5550116"),
    (T.SSN, "last four of the social: 8841", "8841"),
    (T.SSN, "XXX-XX-2290 matches", "2290"),
    (T.OTHER, "Rx 7741902 was filled", "7741902"),
    (T.OTHER, "addendum to S26-04417 (block B3)", "S26-04417"),
    (T.OTHER, "reach me @night_owl_88 there", "night_owl_88"),
    (T.OTHER, "login jdoe_77 locked", "jdoe_77"),
    (T.HEALTH_PLAN, "Member ID: XQK 8811 20944", "XQK 8811 20944"),
    (T.LICENSE, "RUT 12.648.330-5", "12.648.330-5"),
    (T.ACCOUNT, "my visa ending 4417", "4417"),
    (T.EMAIL, "pelagia dot kyriakou at inbox dot example", "pelagia dot kyriakou at inbox dot example"),
    (T.AGE, "Age: 91", "91"),
    (T.LOCATION, "lives at 7391 Elm Plaza Suite 137, Dover, DE 19901", "7391 Elm Plaza Suite 137, Dover, DE 19901"),
    (T.LOCATION, "PO Box 1182, Dover, DE 19901", "PO Box 1182, Dover, DE 19901"),
    (T.LOCATION, "lives in South Elmview, UT and", "South Elmview, UT"),
    (T.LOCATION, "ZIP 19901", "19901"),
    (T.ORGANIZATION, "sent to Lakeview Regional Hospital today", "Lakeview Regional Hospital"),
    (T.ORGANIZATION, "from University Hospital of Springfield.", "University Hospital of Springfield"),
    (T.PHOTO, "see face_front.jpg", "face_front.jpg"),
    (T.BIOMETRIC, "fingerprint id 88213", "88213"),
]

NAMES = [
    ("Dr. Brewer will call", "Brewer"),
    ("Patient Name: Xiomara Quillfeather", "Xiomara Quillfeather"),
    ("Name: Nielsen, Erin   Account", "Nielsen, Erin"),
    ("PATIENT: John R. Davis, SSN", "John R. Davis"),
    ("Provider (attending): Tobias Hallgrim", "Tobias Hallgrim"),
    ("signed by Crystal Love, MD on", "Crystal Love"),
    ("his wife Anna agreed", "Anna"),
    ("my name is sarah connor", "sarah connor"),
    ("pt jane doe 45f", "jane doe"),
    ("dr smith wants labs", "smith"),
    ("Grace Kim was seen", "Grace Kim"),
    ("Mr. Small was last seen", "Small"),
    ("Seen by Maria de la Cruz RN", "Maria de la Cruz"),
    ("Nombre: Pedro\nApellidos: De Miguel Rivera", "De Miguel Rivera"),
    ("Then O'Brien, Patrick arrived", "O'Brien, Patrick"),
    ("James Parkinson was admitted", "James Parkinson"),
]

HARMLESS = [
    "Parkinson's disease, Crohn's disease and Hodgkin lymphoma were excluded.",
    "A Foley catheter and a Jackson-Pratt drain were placed; Bell's palsy resolved.",
    "Down syndrome, Baker cyst, Murphy's sign, Glasgow Coma Scale 15, Apgar score 9.",
    "Metoprolol 25 mg BID, Lasix 40 mg, Tylenol 650 mg PRN, Lipitor, Xarelto and Ozempic.",
    "BP 120/80, HR 72, RR 16, SpO2 98%, T 98.6 F, WBC 12.5, Na 140, K 4.1, A1c 7.2, EF 55%.",
    "Strength 5/5, reflexes 2/4, a 3/6 systolic murmur, Gleason 3+4=7, platelets 250000.",
    "A 57-year-old woman with hypertension and type 2 diabetes denies chest pain.",
    "CHIEF COMPLAINT: Back pain.\n\nHISTORY OF PRESENT ILLNESS\n\nREVIEW OF SYSTEMS: Negative.",
    "ICD-10 E11.9, CPT 99213, LOINC 4548-4, HLA-B27 negative, CA 19-9 normal, SARS-CoV-2 PCR.",
    "Follow up in two weeks. May increase the dose. March on the spot. Will call.",
    "Strength 3/5 in the left leg, 4/5 right, GCS 14/15, MMSE 24/30, pain 6/10, vision 20/30, BiPAP 12/5.",
    "Doses: 5/325 one tab, 1/2 tab at night, 10/12 capsules left; ratio 3/4; give on day 3/7.",
    "SpO2 is 94, HR was 98, glucose 104, weight is 97 kg, temp 98.6, pulse 92, at 100 percent.",
    "95% CI 0.58-0.88; CA 19-9 of 92; HCPCS A5500; RTOG-0617 and KEYNOTE-189; ICD-10-CM; COVID-19; SEP-1.",
    "In the 5th metatarsal, on the 4th floor, after the 2nd dose; the 90th percentile.",
    "see http://loinc.org and http://hl7.org/fhir",
    "Return to the Emergency Department or the Pain Clinic if worse.",
]


def covered(detector: Detector, text: str, wanted: str, kind: T | None = None) -> bool:
    at = text.index(wanted)
    inside = {i for s in detector.find(text) if kind is None or s.type is kind for i in range(s.start, s.end)}
    return all(i in inside for i in range(at, at + len(wanted)) if text[i].isalnum())


@pytest.mark.parametrize(("kind", "text", "wanted"), POSITIVE)
def test_an_identifier_of_each_class_is_found(strict, kind, text, wanted):
    assert covered(strict, text, wanted, kind)


@pytest.mark.parametrize(("text", "wanted"), NAMES)
@pytest.mark.parametrize("policy", ["strict", "balanced"])
def test_a_name_is_found(request, policy, text, wanted):
    assert covered(request.getfixturevalue(policy), text, wanted, T.NAME)


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_stays_whole(balanced, text):
    assert balanced.find(text) == []


@pytest.mark.parametrize("text", HARMLESS)
def test_no_rule_takes_harmless_text(strict, text):
    assert {s.rule for s in strict.find(text)} <= {CLASSIFIED}  # strict hears the classifier's doubts


@pytest.mark.parametrize(
    "text",
    [
        "ratio 666-12-3456 was",  # area never issued
        "code 219-00-1234 was",  # group never issued
        "billing under 1234567890 today",  # wrong NPI check digit
        "prescriber AB1234567 signed",  # wrong DEA check digit
        "paid 4111 1111 1111 1112 here",  # wrong Luhn digit
        "drives 1HGCM82643A004352",  # wrong VIN check digit
        "GB83 WEST 1234 5698 7654 32",  # wrong IBAN check digits
        "took 12:30:45 and 10:20",  # times, not addresses
        "dose 300.400.500.600 mg",  # no octets
        "score 45/67 and 13/45",
    ],
)
def test_a_wrong_checksum_is_not_an_identifier_by_itself(balanced, text):
    assert {s.rule for s in balanced.find(text)} <= {CLASSIFIED}  # what the wording says of it is another question


def test_strict_masks_numbers_that_nothing_explains(strict, balanced):
    text = "then 48291377 followed"
    assert [(s.start, s.end) for s in strict.find(text)] == [(5, 13)]
    assert {s.rule for s in balanced.find(text)} <= {CLASSIFIED}


def test_an_eponym_stays_while_the_person_of_that_name_is_masked(strict):
    text = "Mr. Foley has a Foley catheter. Foley was well."
    assert [(s.start, s.end) for s in strict.find(text)] == [(4, 9), (32, 37)]


def test_known_terms_are_found_in_any_case_and_with_a_possessive(balanced):
    text = "the qwertz protocol; QWERTZ's ward; qwertzy"
    assert [text[s.start : s.end] for s in balanced.find(text, known=("Qwertz",))] == ["qwertz", "QWERTZ"]


def test_a_mention_without_a_cue_is_found_once_the_name_is_known(balanced):
    text = "Ms. Quillfeather came. Later quillfeather left, and QUILLFEATHER's son too."
    assert [text[s.start : s.end].lower() for s in balanced.find(text)] == ["quillfeather"] * 3


def test_spans_are_sorted_and_disjoint(strict):
    text = "Dr. Ann Lee, MD, 7391 Ann Lee Plaza, Dover, DE 19901, ann.lee@example.org, MRN 4829137, 03/14/2024"
    spans = strict.find(text)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    assert len(spans) >= 5


def test_threads_share_a_detector(strict):
    from concurrent.futures import ThreadPoolExecutor

    notes = [f"Dr. Brewer saw Xiomara Quill{'a' * n} on 03/14/2024, MRN 48291{n:02d}" for n in range(40)]
    alone = [strict.find(note) for note in notes]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(strict.find, notes * 3)) == alone * 3


RECORD = (
    "Nombre: Ana P\u00e9rez. NHC: 4829137. Paciente mujer de 53 a\u00f1os, natural de Ecuador, que ingresa "
    "por disnea de dos a\u00f1os de evoluci\u00f3n. Profesi\u00f3n: costurera. Sexo: M. Edad: 53. "
    "Se inicia tratamiento con furosemida por la noche."
)


def test_a_spanish_record_describes_its_patient(balanced):
    found = [RECORD[s.start : s.end] for s in balanced.find(RECORD) if s.type is T.DEMOGRAPHIC]
    assert found == ["mujer", "53 a\u00f1os", "Ecuador", "costurera", "M", "53"]


def test_without_a_direct_identifier_an_age_is_a_fact(balanced):
    text = "\u00bfQu\u00e9 dosis recomiendas en una mujer de 53 a\u00f1os de Ecuador que no tolera la sal?"
    assert balanced.find(text) == []
    assert [s for s in balanced.find("Name: Ana Perez, a 53-year-old woman") if s.type is T.DEMOGRAPHIC] == []


@pytest.mark.parametrize(
    ("text", "surfaces"),
    [
        ('10:04,"25.7903,-80.1389",bath', ["25.7903,-80.1389"]),
        ("found at 47.60621, -122.33207 by the dog", ["47.60621, -122.33207"]),
        ("NM1*IL*1~N3*19 SALT ROW~N4*ROCKPORT*MA*01966~DMG*D8", ["19 SALT ROW", "ROCKPORT*MA*01966"]),
        ("pH 7.3512, 3.1234 and 0.1234, 0.5678", []),
    ],
)
def test_places_by_their_numbers_and_in_claims(text, surfaces):
    spans = Detector("balanced").recognise(text)
    found = [text[s.start : s.end] for s in spans if s.rule in {"coordinates", "x12-address"}]
    assert found == surfaces


@pytest.mark.parametrize(
    ("text", "surface"),
    [
        ("MDT list, Weds 4 Mar 26, item 7", "Weds 4 Mar 26"),
        ("seen for ninety minutes on the 6th of November at her request", "the 6th of November"),
        ("around mid-August 2025 and", "mid-August 2025"),
        ("the Pyxis login used was epapad77 and", "epapad77"),
        ("[transcribed by jmarsden3; names", "jmarsden3"),
        ("operator: svc_ltrevino\n", "svc_ltrevino"),
        ('{"city":"Ely","state":"MN","postalCode":"55731"}', "MN"),
        ("Joop, ninety-six, has COPD", "ninety-six"),
    ],
)
def test_whole_surfaces(text, surface):
    assert surface in [text[s.start : s.end] for s in Detector("balanced").recognise(text)]


@pytest.mark.parametrize(
    "text",
    [
        "45 CFR 164.502(b) says so",
        "docker -p 127.0.0.1:8080",
        '{"state":"active","kind":"job"}',
        "RxNorm CUIs such as 197361.",
    ],
)
def test_law_machines_and_states_of_jobs_are_nobodys(text):
    assert Detector("balanced").recognise(text) == []
