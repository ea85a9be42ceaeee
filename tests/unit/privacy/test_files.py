"""Whole files: read by path, treated record by record, refused whole where something cannot be read."""

import base64
import csv
import io
import json
from datetime import date

import pytest

from wardkeep.privacy.codes import Codes
from wardkeep.privacy.errors import DocumentUnreadable
from wardkeep.privacy.files import form_of, treat_file
from wardkeep.privacy.formats.fields import place_of
from wardkeep.privacy.policies.policy import Action, shipped
from wardkeep.privacy.surrogates import Surrogates
from wardkeep.privacy.treatment import Treatment

TODAY = date(2026, 11, 23)
SECRETS = (
    "Okafor", "Rosalind", "48291376", "Montague", "219-09-9999", "555-0132", "Elm Street", "r.okafor", "Whitfield",
    "AB-7719", "1931-03-14", "19310314",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(strict, balanced):
    def treated(data, form, name="safe_harbor", changes=None, *, expert=False, days=None):
        policy = shipped(name).amended(changes or {}, expert=expert)
        treatment = Treatment(
            policy=policy,
            detector=strict if policy.detector == "strict" else balanced,
            assigner=Surrogates(b"k" * 32) if policy.mode == "interactive" else Codes(),
            today=TODAY,
            days=days,
        )
        return treat_file(data if isinstance(data, bytes) else data.encode(), form, treatment)

    return treated


NARRATIVE = "Okafor was seen on 2024-03-14 for chest pain; Cr 1.7, K 4.9. Rosalind agreed. Call 415-555-0132."
BUNDLE = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {
            "fullUrl": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0",
            "resource": {
                "resourceType": "Patient",
                "id": "pat-48291376",
                "meta": {"lastUpdated": "2024-03-14T10:20:00Z", "versionId": "3"},
                "text": {"status": "generated", "div": "<div>Rosalind Okafor, born 1931-03-14</div>"},
                "identifier": [
                    {
                        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]},
                        "system": "http://hospital.mercy.example/mrn",
                        "value": "48291376",
                    },
                    {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "219-09-9999"},
                ],
                "name": [{"use": "official", "family": "Okafor", "given": ["Rosalind", "M"], "prefix": ["Ms."]}],
                "telecom": [
                    {"system": "phone", "value": "415-555-0132"},
                    {"system": "email", "value": "r.okafor@x.org"},
                ],
                "gender": "female",
                "birthDate": "1931-03-14",
                "address": [{"line": ["12 Elm Street"], "city": "Boston", "state": "MA", "postalCode": "02115"}],
                "photo": [{"contentType": "image/jpeg", "data": "/9j/4AAQ"}],
                "contact": [{"name": {"family": "Montague", "given": ["Philippa"]}}],
                "generalPractitioner": [{"reference": "Practitioner/dr-1", "display": "Dr. Alan Whitfield"}],
            },
        },
        {
            "resource": {
                "resourceType": "Encounter",
                "id": "enc1",
                "status": "finished",
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
                "subject": {"reference": "Patient/pat-48291376", "display": "Rosalind Okafor"},
                "period": {"start": "2024-03-14T09:00:00-05:00", "end": "2024-03-17"},
            }
        },
        {
            "resource": {
                "resourceType": "Coverage",
                "id": "cov1",
                "status": "active",
                "subscriberId": "AB-7719",
                "beneficiary": {"reference": "Patient/pat-48291376"},
                "payor": [{"display": "Mercy Health Plan"}],
            }
        },
        {
            "resource": {
                "resourceType": "Observation",
                "id": "obs1",
                "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0", "display": "Creatinine"}]},
                "subject": {"reference": "Patient/pat-48291376"},
                "valueQuantity": {
                    "value": 1.70,
                    "unit": "mg/dL",
                    "system": "http://unitsofmeasure.org",
                    "code": "mg/dL",
                },
            }
        },
        {
            "resource": {
                "resourceType": "Observation",
                "id": "obs2",
                "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": "30525-0", "display": "Age"}]},
                "valueQuantity": {"value": 94, "unit": "years", "system": "http://unitsofmeasure.org", "code": "a"},
                "note": [{"text": NARRATIVE}],
            }
        },
        {
            "resource": {
                "resourceType": "DocumentReference",
                "id": "doc1",
                "status": "current",
                "content": [
                    {
                        "attachment": {
                            "contentType": "text/plain; charset=utf-8",
                            "data": base64.b64encode(NARRATIVE.encode()).decode(),
                            "size": len(NARRATIVE),
                            "hash": "abc=",
                        }
                    }
                ],
            }
        },
    ],
}


def test_a_fhir_bundle_is_treated_by_path_and_stays_a_bundle(run):
    done = run(json.dumps(BUNDLE), "json")
    assert done.form == "fhir"
    text = done.data.decode()
    for secret in (*SECRETS, "Boston", "02115", "hospital.mercy", "2024-03", "/9j/"):
        assert secret not in text, secret
    by_kind = {each["resource"]["resourceType"]: each["resource"] for each in json.loads(text)["entry"]}
    patient = by_kind["Patient"]
    assert "birthDate" not in patient
    assert "photo" not in patient
    assert patient["gender"] == "female"
    assert patient["address"][0]["state"] == "MA"
    assert patient["address"][0]["postalCode"] == "021"
    assert "lastUpdated" not in patient["meta"]
    assert by_kind["Encounter"]["subject"]["reference"] == f"Patient/{patient['id']}"
    assert by_kind["Coverage"]["beneficiary"]["reference"] == f"Patient/{patient['id']}"
    assert by_kind["Encounter"]["period"] == {"start": "2024", "end": "2024"}
    assert by_kind["Encounter"]["class"]["code"] == "AMB"


def test_clinical_values_of_a_bundle_keep_their_spelling(run):
    given = json.dumps(BUNDLE).replace("1.7,", "1.70,", 1)
    text = run(given, "json").data.decode()
    assert '"value":1.70' in text
    assert '"code":"2160-0","display":"Creatinine"' in text
    assert '"value":90' in text
    assert '"comparator":">="' in text
    assert "Cr 1.7, K 4.9" in text


def test_an_attachment_is_decoded_read_and_put_back(run):
    done = run(json.dumps(BUNDLE), "json")
    (attachment,) = [
        each["resource"]["content"][0]["attachment"]
        for each in json.loads(done.data)["entry"]
        if each["resource"]["resourceType"] == "DocumentReference"
    ]
    text = base64.b64decode(attachment["data"]).decode()
    assert "chest pain; Cr 1.7, K 4.9" in text
    assert "Okafor" not in text
    assert "Rosalind" not in text
    assert attachment.keys() == {"contentType", "data"}


@pytest.mark.parametrize(
    "attachment",
    [
        {"contentType": "application/pdf", "data": "JVBERi0="},
        {"contentType": "text/plain", "data": "@@@"},
        {"contentType": "text/plain", "data": base64.b64encode(b"\xff\xfe\x00").decode()},
        {"contentType": "application/json", "data": base64.b64encode(b"{").decode()},
        {"data": "AAAA"},
    ],
)
def test_what_cannot_be_decoded_refuses_the_file(run, attachment):
    document = {"resourceType": "DocumentReference", "content": [{"attachment": attachment}]}
    with pytest.raises(DocumentUnreadable, match="attachment"):
        run(json.dumps(document), "json")


def test_an_attached_resource_is_read_by_its_path(run):
    inner = {"resourceType": "Patient", "name": [{"family": "Xyzzyx"}], "birthDate": "1980-02-01"}
    data = base64.b64encode(json.dumps(inner).encode()).decode()
    document = {"resourceType": "Binary", "contentType": "application/fhir+json", "data": data}
    done = json.loads(run(json.dumps(document), "json").data)
    held = json.loads(base64.b64decode(done["data"]))
    assert held["birthDate"] == "1980"
    assert "Xyzzyx" not in json.dumps(held)


def test_a_bundle_under_an_interactive_policy_keeps_dates_shifted_and_valid(run):
    done = run(json.dumps(BUNDLE), "json", "balanced", {"DATE": "shift"}, days=-70)
    by_kind = {each["resource"]["resourceType"]: each["resource"] for each in json.loads(done.data)["entry"]}
    assert by_kind["Patient"]["birthDate"] == "1931-01-03"
    assert by_kind["Encounter"]["period"] == {"start": "2024-01-04T09:00:00-05:00", "end": "2024-01-07"}
    assert "seen on 2024-01-04" in done.data.decode()


def test_a_limited_data_set_of_a_bundle(run):
    text = run(json.dumps(BUNDLE), "json", "limited_data_set").data.decode()
    for kept in ("1931-03-14", '"city":"Boston"', '"postalCode":"02115"', "2024-03-14T09:00:00-05:00"):
        assert kept in text
    for secret in ("Okafor", "48291376", "219-09-9999", "Elm Street", "555-0132", "AB-7719", "Montague"):
        assert secret not in text


def segment(kind, **fields):
    """Return a segment from its numbered fields: PID(5="Okafor^Rosalind") as f5=..."""
    numbered = {int(name[1:]): value for name, value in fields.items()}
    return "|".join([kind, *(numbered.get(number, "") for number in range(1, max(numbered) + 1))])


ENCODED = base64.b64encode(NARRATIVE.encode()).decode()
HOME = "12 Elm Street^^Boston^MA^02115"
NUMBERS = "48291376^^^MERCY^MR~219-09-9999^^^USA^SS"
DOCTOR = "1234567893^Whitfield^Alan^^^Dr"
MESSAGE = "\r".join(
    (
        r"MSH|^~\&|EPIC|MERCY|LAB|LAB|20240314102000||ADT^A01|MSG00001|P|2.5.1",
        "EVN|A01|20240314102000|||DRW^Whitfield^Alan",
        segment(
            "PID", f1="1", f3=NUMBERS, f5="Okafor^Rosalind^M", f7="19310314", f8="F", f11=HOME, f13="415-555-0132",
            f18="ACC-99812", f19="219-09-9999", f28="QX-71-441",
        ),
        segment("NK1", f1="1", f2="Montague^Philippa", f3="SPO", f5="415-555-0199"),
        segment("PV1", f1="1", f2="I", f3="ICU^12^1^MERCY", f7=DOCTOR, f19="V-20011", f44="20240314"),
        segment(
            "IN1", f1="1", f2="PLAN1", f4="Mercy Health Plan", f11="Pemberton Widgets", f16="Okafor^Theodore",
            f17="SPO", f18="19301101", f36="AB-7719",
        ),
        segment("GT1", f1="1", f2="G-7", f3="Okafor^Theodore", f5=HOME, f8="19301101", f16="Pemberton"),
        "OBX|1|NM|2160-0^Creatinine^LN||1.70|mg/dL|0.6-1.2|H|||F|||20240314",
        r"OBX|2|TX|NOTE^Note^L||Okafor was seen; K 4.9 \T\ Cr 1.7.\.br\Rosalind agreed on 3/14/2024.||||||F",
        f"OBX|3|ED|DOC^Doc^L||^TEXT^^Base64^{ENCODED}||||||F",
        "NTE|1||Dr. Whitfield informed.",
        "ZPX|1|called Rosalind at home|20240315",
    )
)  # fmt: skip
GONE = (
    "Boston",
    "02115",
    "MERCY",
    "Theodore",
    "19301101",
    "Pemberton",
    "20240314",
    "ACC-99812",
    "V-20011",
    "QX-71-441",
)


def test_an_hl7_message_is_treated_by_segment_and_field(run):
    done = run(MESSAGE, "hl7")
    text = done.data.decode()
    for secret in (*SECRETS, *GONE):
        assert secret not in text, secret
    lines = text.rstrip("\r").split("\r")
    assert [line[:3] for line in lines] == [line[:3] for line in MESSAGE.split("\r")]
    assert [line.count("|") for line in lines] == [line.count("|") for line in MESSAGE.split("\r")]
    segments = {line[:3]: line.split("|") for line in lines}
    assert segments["MSH"][1] == "^~\\&"
    assert segments["MSH"][6] == "2024"
    assert segments["PID"][7] == ""
    assert segments["PID"][11].split("^")[3] == "MA"
    assert "1.70|mg/dL|0.6-1.2|H" in text
    assert r"K 4.9 \T\ Cr 1.7." in text
    encoded = lines[9].split("|")[5].split("^")[4]
    assert "Okafor" not in base64.b64decode(encoded).decode()


def test_hl7_timestamps_are_shifted_in_their_own_form(run):
    text = run(MESSAGE, "hl7", "balanced", {"DATE": "shift"}, days=-70).data.decode()
    assert "20240104102000" in text
    assert "|19310103|" in text
    assert "agreed on 1/04/2024" in text or "agreed on 1/4/2024" in text or "agreed on 01/04/2024" in text


@pytest.mark.parametrize(
    "broken",
    [
        "PID|1||1", "MSH|^~", "MSH|^~\\&|A\rnot a segment", MESSAGE + "\rOBX|4|RP|D||file://x", "",
        MESSAGE + "\rOBX|4|ED|D||^image^jpeg^Base64^AAAA", MESSAGE + "\rOBX|4|ED|D||^TEXT^^Base64^%%%",
    ],
)  # fmt: skip
def test_a_message_that_cannot_be_read_is_refused_whole(run, broken):
    with pytest.raises(DocumentUnreadable):
        run(broken, "hl7")


CSV = (
    "Patient Name,MRN,DOB,Age,ZIP,State,note,ref\r\n"
    '"Okafor, Rosalind",48291376,03/14/1931,94,02115,MA,"Okafor seen 3/14/2024, Cr 1.7",Gwendolyn Castellano\r\n'
    "Leopold Vandermeer,48291377,7/4/1980,46,03601,NH,Leopold is well. BP 120/80,Bernadette Lindqvist\r\n"
    "Okafor Montague,48291378,7/4/1985,41,10001,NY,Will follow up,Sebastian Abernathy\r\n"
)


def test_a_table_is_treated_by_column(run):
    done = run(CSV, "csv")
    rows = list(csv.reader(io.StringIO(done.data.decode())))
    assert rows[0] == CSV.split("\r\n", maxsplit=1)[0].split(",")
    assert [row[3] for row in rows[1:]] == ["90+", "46", "41"]
    assert [row[4] for row in rows[1:]] == ["021", "000", "100"]
    assert [row[5] for row in rows[1:]] == ["MA", "NH", "NY"]
    assert [row[2] for row in rows[1:]] == ["[DATE]", "1980", "1985"]
    assert "Cr 1.7" in rows[1][6]
    assert "BP 120/80" in rows[2][6]
    assert rows[3][6] == "Will follow up"
    text = done.data.decode()
    for secret in ("Okafor", "Leopold", "48291377", "Castellano", "Lindqvist", "Abernathy", "02115"):
        assert secret not in text
    assert len({row[1] for row in rows[1:]}) == 3
    assert text.count("\r\n") == 4


@pytest.mark.parametrize(
    "broken",
    [
        "a,b\n1\n",
        'a,b\n"x,2\n',
        "",
        "a,a\n1,2\n",
        "Rosalind Okafor,415-555-0132\nx,y\n",
        b"a,b\n\xff,2\n",
        "a,b\n1,\0\n",
    ],
)
def test_a_table_that_cannot_be_read_is_refused_whole(run, broken):
    with pytest.raises(DocumentUnreadable):
        run(broken, "csv")


def test_json_lines_are_records_with_cues_and_known_terms(run):
    lines = [
        {"patient_name": "Zqwxbv Trlk", "mrn": 48291376, "note": "zqwxbv was seen; dose 5 mg", "hr": 72, "w": 70.50},
        {"patient_name": "Rosalind Okafor", "note": "Ms. Okafor"},
    ]
    given = "\n".join(json.dumps(line) for line in lines).replace("70.5", "70.50")
    text = run(given, "jsonl").data.decode()
    assert "qwxbv" not in text
    assert "48291376" not in text
    assert "dose 5 mg" in text
    assert '"hr":72,"w":70.50' in text
    assert len(text.splitlines()) == 2


@pytest.mark.parametrize("broken", ['{"a": NaN}', "{", '{"a": "\\ud800"}', "[" * 500, '{"415-555-0132": 1}', b"\xff"])
def test_json_that_cannot_be_read_is_refused_whole(run, broken):
    with pytest.raises(DocumentUnreadable):
        run(broken, "json")
    with pytest.raises(DocumentUnreadable):
        run(broken, "jsonl")


def test_codes_are_the_same_throughout_a_file_and_reveal_no_order(run):
    given = "\n".join(json.dumps({"mrn": mrn}) for mrn in ("48291376", "48291377", "48291376"))
    codes = [json.loads(line)["mrn"] for line in run(given, "jsonl").data.splitlines()]
    assert codes[0] == codes[2] != codes[1]


def test_each_subject_of_a_file_has_a_shift_of_its_own(run):
    rows = "".join(f"{mrn},2024-03-14,2024-03-1{last}\n" for mrn, last in [("48291300", 5)] * 2)
    rows += "".join(f"482913{n},2024-03-14,2024-03-16\n" for n in range(10, 40))
    done = run("MRN,admit date,discharge date\n" + rows, "csv", changes={"DATE": "shift"}, expert=True, days=70)
    table = [row.split(",") for row in done.data.decode().splitlines()[1:]]
    assert table[0][1] == table[1][1]
    days = [[date.fromisoformat(each) for each in row[1:]] for row in table]
    assert {(end - start).days for start, end in days[:2]} == {1}
    assert {(end - start).days for start, end in days[2:]} == {2}
    assert len({start for start, _ in days}) > 5


def test_a_text_file_and_what_is_none(run):
    assert run("\ufeffMs. Rosalind Okafor", "text").data.decode().startswith("Ms. [NAME-")
    assert run("", "text").data == b""
    for broken in (b"\xff\xfe", b"a\0b"):
        with pytest.raises(DocumentUnreadable):
            run(broken, "text")


def test_a_blocked_class_refuses_the_file(run):
    with pytest.raises(DocumentUnreadable, match="record 2 holds SSN"):
        run("a\tssn\n1\t\n2\t219-09-9999\n", "tsv", changes={"SSN": "block"})


def test_the_format_is_told_by_name_and_beginning():
    assert form_of("x.csv", b"") == "csv"
    assert form_of("X.NDJSON", b"") == "jsonl"
    assert form_of("x.txt", b"MSH|^~\\&|") == "hl7"
    for name in ("x.pdf", "x", "x.docx"):
        with pytest.raises(DocumentUnreadable):
            form_of(name, b"")


def test_counts_of_places_and_ids_are_reported(run):
    tally = run(MESSAGE, "hl7").tally
    assert tally.counts["SSN", Action.MASK] == 2
    assert tally.counts["RELATIVE", Action.SURROGATE] >= 3
    assert tally.counts["PROVIDER", Action.SURROGATE] >= 4


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("Patient Name", ("NAME", False)), ("DOB", ("DATE", True)), ("date_of_birth", ("DATE", True)),
        ("admit date", ("DATE", False)), ("ZIP Code", ("LOCATION", False)),
        ("Attending Physician", ("PROVIDER", False)),
        ("emergency_contact_name", ("RELATIVE", False)), ("dosage", (None, False)), ("result", (None, False)),
        ("state", (None, False)), ("stage", (None, False)), ("filename", (None, False)), ("drug_name", (None, False)),
    ],
)  # fmt: skip
def test_names_of_columns(name, place):
    assert place_of(name) == place
