"""Entries in the words of other systems: the FHIR model by others, the profile's demands, and each grammar."""

import json
import re
from xml.dom.minidom import parseString

import pytest
from fhir.resources.R4B.auditevent import AuditEvent

from wardkeep.audit.entry import Kind, StoredHeader
from wardkeep.audit.errors import DraftMalformed
from wardkeep.audit.formats import PROFILE_DISCLOSURE, Producer, render
from wardkeep.model.sink import ExportFormat

PRODUCER = Producer(log="wardkeep/t-1", version="0.1.0")
SUBJECT = "ab" * 16
FACTS = {
    "type": "request", "id": "01a2063396477cab885f76baffc8c798", "at": "2026-11-23T02:19:33.831777Z", "mono": 3,
    "boot": "6f3c20da", "v": 1, "index": 7, "prev": "00" * 32, "actor": "key:app1", "workspace": "ward",
    "purpose": "TREAT", "subject": SUBJECT, "surface": "/v1/chat/completions", "route": "chat",
    "deployment": "openai-us", "vendor": "openai", "baa": "baa-1", "policy": "1", "epoch": 3, "decision": "permitted",
    "model": "m", "region": "us", "detail": {"owner": "ana", "person": "nurse1", "hidden": "NAME=2"},
}  # fmt: skip
OTHERS = {
    "response": {"decision": "answered", "parent": "01" * 16, "status": 200, "tokens_in": 1, "tokens_out": 2},
    "segment": {"parent": "01" * 16, "seq": 1},
    "aborted": {"parent": "01" * 16, "decision": "client_disconnected"},
    "refusal": {"actor": "key:app1", "decision": "baa_expired", "purpose": "TREAT", "subject": "unresolved"},
    "control": {"actor": "person:ana", "detail": {"action": "agreement.add", "changed": "agreements/baa-1"}},
    "read": {"actor": "person:ana", "subject": SUBJECT, "detail": {"action": "search", "filter": "a=b|c\\d"}},
    "start": {"actor": "host", "detail": {"action": "start"}},
    "canary": {"actor": "host", "detail": {"action": "canary"}},
    "session": {"actor": "person:ana", "detail": {"action": "sign_in", "method": "passkey"}},
    "shred": {"actor": "person:ana", "subject": SUBJECT, "detail": {"action": "shred", "shred": "s1", "keys": "2"}},
    "backup": {"actor": "host", "detail": {"action": "backup.make"}},
    "alarm": {"actor": "host", "decision": "raised", "detail": {"action": "alarm", "alarm": "sink"}},
}
BASE = {name: FACTS[name] for name in ("id", "at", "mono", "boot", "v", "index", "prev")}
ENTRIES = {"request": FACTS, **{kind: {"type": kind, **BASE, **more} for kind, more in OTHERS.items()}}
KINDS = sorted(ENTRIES)


def leaf(facts):
    return json.dumps(facts).encode()


def written(form, facts):
    return render(form, leaf(facts), bytes(32), PRODUCER)


def test_every_kind_of_entry_is_tried():
    assert set(KINDS) == set(Kind.__args__)


@pytest.mark.parametrize("kind", KINDS)
def test_json_lines_are_the_exact_leaf(kind):
    line = written(ExportFormat.JSONL, ENTRIES[kind])
    assert leaf(ENTRIES[kind]) in line
    assert json.loads(line) == {"leaf_hash": "00" * 32, "header": ENTRIES[kind]}


@pytest.mark.parametrize("kind", KINDS)
def test_an_audit_event_fits_the_fhir_model(kind):
    made = AuditEvent.model_validate_json(written(ExportFormat.FHIR, ENTRIES[kind]))
    assert made.id == BASE["id"]
    assert made.recorded.isoformat() == "2026-11-23T02:19:33.831777+00:00"
    assert any(each.code == kind for each in made.subtype)


def codes(concept):
    return {each["code"] for each in concept["coding"]}


def test_a_call_about_a_subject_is_a_privacy_disclosure_by_the_profile():
    made = json.loads(written(ExportFormat.FHIR, FACTS))
    assert made["meta"]["profile"] == [PROFILE_DISCLOSURE]
    assert (made["type"]["code"], made["action"], made["outcome"]) == ("110106", "R", "0")
    lifecycle = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
    assert {"system": lifecycle, "code": "disclose"} in made["subtype"]
    assert made["purposeOfEvent"][0]["coding"][0]["code"] == "TREAT"
    (source,) = (each for each in made["agent"] if "110153" in codes(each["type"]))
    (recipient,) = (each for each in made["agent"] if "110152" in codes(each["type"]))
    assert source["who"] == made["source"]["observer"]  # val-audit-source
    assert all(each["network"]["address"] and not each["requestor"] for each in (source, recipient))
    assert recipient["who"]["display"] == "openai"
    (patient,) = (each for each in made["entity"] if each["type"]["code"] == "1")
    assert (patient["role"]["code"], patient["what"]["type"]) == ("1", "Patient")
    assert patient["what"]["identifier"]["value"] == SUBJECT
    assert len(made["entity"]) >= 2
    assert [each["who"]["identifier"]["value"] for each in made["agent"] if each["requestor"]] == ["person:nurse1"]
    assert "modifierExtension" not in made


def test_a_call_that_names_nobody_claims_no_profile():
    made = json.loads(written(ExportFormat.FHIR, FACTS | {"subject": "unresolved"}))
    assert "meta" not in made
    assert all(each["type"]["code"] != "1" for each in made["entity"])


@pytest.mark.parametrize(("kind", "outcome"), [("request", "0"), ("refusal", "4"), ("aborted", "4"), ("alarm", "8")])
def test_outcomes_are_told(kind, outcome):
    assert json.loads(written(ExportFormat.FHIR, ENTRIES[kind]))["outcome"] == outcome
    assert f'EventOutcomeIndicator="{outcome}"' in written(ExportFormat.ATNA, ENTRIES[kind]).decode()
    assert json.loads(written(ExportFormat.OCSF, ENTRIES[kind]))["status_id"] == (1 if outcome == "0" else 2)


@pytest.mark.parametrize("kind", KINDS)
def test_an_ocsf_event_is_of_its_class(kind):
    made = json.loads(written(ExportFormat.OCSF, ENTRIES[kind]))
    required = {
        "activity_id", "actor", "api", "category_uid", "class_uid", "metadata", "severity_id", "src_endpoint", "time",
        "type_uid",
    }  # fmt: skip
    assert required <= made.keys()
    assert made["type_uid"] == made["class_uid"] * 100 + made["activity_id"]
    assert (made["category_uid"], made["time"], made["metadata"]["sequence"]) == (6, 1795400373832, 7)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cef_line_has_seven_bars_and_escaped_values(kind):
    line = written(ExportFormat.CEF, ENTRIES[kind]).decode()
    assert "\n" not in line
    head = re.split(r"(?<!\\)\|", line, maxsplit=7)
    assert head[:6] == ["CEF:0", "Wardkeep", "Wardkeep", "0.1.0", kind, head[5]]
    assert head[6] in {"2", "5", "9"}
    fields = dict(re.findall(r"(\w+)=(.*?)(?= \w+=|$)", head[7]))
    assert (fields["cn1"], fields["externalId"]) == ("7", BASE["id"])


def test_cef_escapes_what_would_begin_a_field():
    line = written(ExportFormat.CEF, FACTS | {"vendor": "a=b\\c", "detail": {"action": "x|y\\z"}}).decode()
    assert "|x\\|y\\\\z|" in line
    assert " dhost=a\\=b\\\\c " in line


@pytest.mark.parametrize("kind", KINDS)
def test_a_dicom_audit_message_is_well_formed_and_has_its_parts(kind):
    root = parseString(written(ExportFormat.ATNA, ENTRIES[kind])).documentElement
    assert root.tagName == "AuditMessage"
    parts = [each.tagName for each in root.childNodes]
    order = ["EventIdentification", "ActiveParticipant", "AuditSourceIdentification", "ParticipantObjectIdentification"]
    assert sorted(parts, key=order.index) == parts
    assert set(parts) == set(order)
    (event,) = root.getElementsByTagName("EventID")
    assert event.getAttribute("codeSystemName") == "DCM"


def test_names_cannot_break_out_of_a_dicom_message():
    root = parseString(written(ExportFormat.ATNA, FACTS | {"vendor": '"/><x y="<&'})).documentElement
    assert '"/><x y="<&' in {each.getAttribute("UserID") for each in root.getElementsByTagName("ActiveParticipant")}


@pytest.mark.parametrize("form", sorted(set(ExportFormat) - {ExportFormat.JSONL}))
def test_what_is_no_header_is_refused(form):
    with pytest.raises(DraftMalformed):
        render(form, b"{}", bytes(32), PRODUCER)


def test_no_field_of_a_header_is_unknown_here():
    assert set(FACTS) | set(OTHERS["response"]) | {
        "seq",
        "sent_sha256",
        "ct_sha256",
        "ct_len",
        "key",
        "commit",
        "len",
        "spool",
    } >= (set(StoredHeader.__struct_fields__) - {"detail"})
