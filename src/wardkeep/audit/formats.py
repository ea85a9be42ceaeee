"""One ledger entry in the words of other systems: JSON lines, FHIR AuditEvent, OCSF, CEF, DICOM audit message.

Pure: a stored header in, bytes out. Only headers leave here, never sealed content; a subject is its blind index, which
names nobody without our key. Headers count as PHI all the same.

FHIR R4 AuditEvent: a call about a subject is a privacy disclosure at its source by IHE BALP 1.1.4; a call that names
nobody cannot be one (the profile demands the patient) and is a plain AuditEvent. The DICOM message (PS3.15 A.5) is what
IHE ATNA (ITI-20) sends. What other formats have no place for stays in JSON lines, which is the exact leaf.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from types import MappingProxyType
from typing import Any, Final

import msgspec

from wardkeep.audit.entry import StoredHeader, decode
from wardkeep.audit.search import UNRESOLVED_SUBJECT
from wardkeep.model.sink import ExportFormat

PROFILE_DISCLOSURE: Final = (
    "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PrivacyDisclosure.Source"
)

_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_TERMS: Final = "http://terminology.hl7.org/CodeSystem/"
_PURPOSES: Final = frozenset({"TREAT", "HPAYMT", "HOPERAT", "HRESCH", "ETREAT"})
_PARENT_LABEL: Final = "parent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Producer:
    """Who writes: the log's name, and the version of this program."""

    log: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """What kind of event an entry is for FHIR and DICOM: code and words of DCM, action, OCSF activity."""

    code: str
    words: str
    action: str
    activity: int
    subtype: tuple[str, str] | None = None


_OTHER: Final = _Event(code="110100", words="Application Activity", action="E", activity=99)
_EVENTS: Final = MappingProxyType(
    {
        "request": _Event(code="110106", words="Export", action="R", activity=2),
        "response": _Event(code="110107", words="Import", action="C", activity=1),
        "segment": _Event(code="110107", words="Import", action="C", activity=1),
        "aborted": _Event(code="110107", words="Import", action="C", activity=1),
        "read": _Event(code="110101", words="Audit Log Used", action="R", activity=2),
        "refusal": _Event(code="110113", words="Security Alert", action="E", activity=99),
        "alarm": _Event(code="110113", words="Security Alert", action="E", activity=99),
        "control": _Event(
            code="110113",
            words="Security Alert",
            action="U",
            activity=3,
            subtype=("110129", "Security Configuration"),
        ),
        "session": _Event(code="110114", words="User Authentication", action="E", activity=99),
        "start": _Event(
            code="110100",
            words="Application Activity",
            action="E",
            activity=99,
            subtype=("110120", "Application Start"),
        ),
    }
)


def render(form: ExportFormat, leaf: bytes, leaf_hash: bytes, producer: Producer) -> bytes:
    """Return an entry as one line of a format, without a line's end. Raises DraftMalformed: the leaf is no header."""
    if form is ExportFormat.JSONL:
        return b'{"leaf_hash":"%b","header":%b}' % (leaf_hash.hex().encode(), leaf)
    return _WRITERS[form](decode(leaf), producer)


def outcome_of(header: StoredHeader) -> str:
    """Return 0 for success, 4 for what was refused or broke off, 8 for an alarm (DICOM PS3.15 A.5.2)."""
    if header.type in {"refusal", "aborted"}:
        return "4"
    return "8" if header.type == "alarm" and header.decision == "raised" else "0"


def fhir(header: StoredHeader, producer: Producer) -> dict[str, Any]:
    """Return a FHIR R4 AuditEvent."""
    event = _EVENTS.get(header.type, _OTHER)
    observer = {"display": producer.log}
    is_disclosure = header.type == "request" and _named(header) is not None and header.vendor is not None
    kind = {"system": "urn:wardkeep:entry-type", "code": header.type}
    subtypes: list[dict[str, Any]] = [kind]
    if header.type == "request":
        subtypes = [{"system": f"{_TERMS}iso-21089-lifecycle", "code": "disclose"}, kind]
    elif event.subtype is not None:
        subtypes = [{"system": _DCM, "code": event.subtype[0], "display": event.subtype[1]}, kind]
    made: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": header.id,
        "type": {"system": _DCM, "code": event.code, "display": event.words},
        "subtype": subtypes,
        "action": event.action,
        "recorded": header.at,
        "outcome": outcome_of(header),
        "outcomeDesc": header.decision or header.type,
        "agent": _agents(header, producer, observer),
        "source": {
            "site": producer.log,
            "observer": observer,
            "type": [{"system": f"{_TERMS}security-source-type", "code": "4", "display": "Application Server"}],
        },
        "entity": _entities(header, producer),
    }
    if is_disclosure:
        made["meta"] = {"profile": [PROFILE_DISCLOSURE]}
    if header.purpose in _PURPOSES:
        made["purposeOfEvent"] = [{"coding": [{"system": f"{_TERMS}v3-ActReason", "code": header.purpose}]}]
    return made


def _agents(header: StoredHeader, producer: Producer, observer: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return who took part: source and recipient of a call, and who asked for it."""
    agents: list[dict[str, Any]] = []
    if header.type == "request" and header.vendor is not None:
        agents = [
            {
                "type": _dcm("110153", "Source Role ID"),
                "who": dict(observer),
                "requestor": False,
                "network": {"address": producer.log, "type": "1"},
            },
            {
                "type": _dcm("110152", "Destination Role ID"),
                "who": {"display": header.vendor},
                "requestor": False,
                "network": {"address": f"urn:wardkeep:deployment:{header.deployment or 'unknown'}", "type": "5"},
            },
        ]
    person = (header.detail or {}).get("person")
    agents.append(
        {
            "type": {"coding": [{"system": f"{_TERMS}v3-ParticipationType", "code": "IRCP"}]},
            "who": {"identifier": {"system": "urn:wardkeep:actor", "value": header.actor or "host"}},
            "requestor": not isinstance(person, str),
        }
    )
    if isinstance(person, str):
        agents.append(
            {
                "type": {"coding": [{"system": f"{_TERMS}v3-ParticipationType", "code": "AUT"}]},
                "who": {"identifier": {"system": "urn:wardkeep:actor", "value": f"person:{person}"}},
                "requestor": True,
            }
        )
    return agents


def _entities(header: StoredHeader, producer: Producer) -> list[dict[str, Any]]:
    entities: list[dict[str, Any]] = []
    if (subject := _named(header)) is not None:
        entities.append(
            {
                "what": {"type": "Patient", "identifier": {"system": "urn:wardkeep:subject", "value": subject}},
                "type": {"system": f"{_TERMS}audit-entity-type", "code": "1", "display": "Person"},
                "role": {"system": f"{_TERMS}object-role", "code": "1", "display": "Patient"},
            }
        )
    entry: dict[str, Any] = {
        "what": {"identifier": {"system": f"urn:wardkeep:log:{producer.log}", "value": str(header.index)}},
        "type": {"system": f"{_TERMS}audit-entity-type", "code": "2", "display": "System Object"},
        "role": {"system": f"{_TERMS}object-role", "code": "3", "display": "Report"},
        "detail": [{"type": name, "valueString": value} for name, value in _facts(header).items()],
    }
    return [*entities, entry if entry["detail"] else {name: entry[name] for name in ("what", "type", "role")}]


def ocsf(header: StoredHeader, producer: Producer) -> dict[str, Any]:
    """Return an OCSF 1.3 event of the class API Activity (6003)."""
    activity = _EVENTS.get(header.type, _OTHER).activity
    outcome = outcome_of(header)
    made: dict[str, Any] = {
        "category_uid": 6,
        "class_uid": 6003,
        "activity_id": activity,
        "type_uid": 600300 + activity,
        "time": _milliseconds(header),
        "severity_id": {"0": 1, "4": 3, "8": 4}[outcome],
        "status_id": 1 if outcome == "0" else 2,
        "status_detail": header.decision or header.type,
        "metadata": {
            "version": "1.3.0",
            "product": {"name": "Wardkeep", "vendor_name": "Wardkeep", "version": producer.version},
            "uid": header.id,
            "sequence": header.index,
            "log_name": producer.log,
        },
        "actor": {"user": {"uid": header.actor or "host"}},
        "api": {"operation": _action(header), "service": {"name": header.surface or "control"}},
        "src_endpoint": {"svc_name": header.workspace or "wardkeep"},
        "unmapped": _facts(header),
    }
    if header.vendor is not None:
        made["dst_endpoint"] = {"svc_name": header.vendor}
    if (subject := _named(header)) is not None:
        made["resources"] = [{"type": "subject", "uid": subject}]
    return made


def cef(header: StoredHeader, producer: Producer) -> str:
    """Return one line of ArcSight's Common Event Format, version 0."""
    severity = {"0": "2", "4": "5", "8": "9"}[outcome_of(header)]
    head = ("CEF:0", "Wardkeep", "Wardkeep", producer.version, header.type, _action(header), severity)
    fields = {
        "rt": str(_milliseconds(header)),
        "externalId": header.id,
        "cn1Label": "index",
        "cn1": str(header.index),
        "suser": header.actor or "host",
        "outcome": header.decision or header.type,
        "dhost": header.vendor,
        "request": header.route,
        "reason": header.purpose,
        "cs1Label": "subject" if _named(header) is not None else None,
        "cs1": _named(header),
        "cs2Label": "baa" if header.baa is not None else None,
        "cs2": header.baa,
        "cs3Label": "person" if "person" in (header.detail or {}) else None,
        "cs3": str((header.detail or {}).get("person")) if "person" in (header.detail or {}) else None,
        "cs4Label": _PARENT_LABEL if header.parent is not None else None,
        "cs4": header.parent,
    }
    extension = " ".join(f"{name}={_cef_value(value)}" for name, value in fields.items() if value is not None)
    return "|".join([*(_cef_head(part) for part in head), extension])


def dicom(header: StoredHeader, producer: Producer) -> str:
    """Return a DICOM audit message (PS3.15 A.5.1), as IHE ATNA sends it."""
    event = _EVENTS.get(header.type, _OTHER)
    kind = _coded("EventTypeCode", header.type, "urn:wardkeep:entry-type", header.type)
    person = (header.detail or {}).get("person")
    asked = f"person:{person}" if isinstance(person, str) else header.actor or "host"
    participants = [_participant(asked, is_requestor=True)]
    if header.type == "request" and header.vendor is not None:
        participants += [
            _participant(producer.log, is_requestor=False, role=("110153", "Source Role ID")),
            _participant(header.vendor, is_requestor=False, role=("110152", "Destination Role ID")),
        ]
    objects = []
    if (subject := _named(header)) is not None:
        objects.append(_participant_object(subject, 1, 1, ("2", "RFC-3881", "Patient Number")))
    objects.append(_participant_object(str(header.index), 2, 13, ("12", "RFC-3881", "URI")))
    return "".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?><AuditMessage>',
            f'<EventIdentification EventActionCode="{event.action}" EventDateTime="{header.at}"',
            f' EventOutcomeIndicator="{outcome_of(header)}">',
            _coded("EventID", event.code, "DCM", event.words),
            kind,
            *([] if header.purpose is None else [_purpose(header.purpose)]),
            "</EventIdentification>",
            *participants,
            f'<AuditSourceIdentification AuditSourceID="{escape(producer.log)}"/>',
            *objects,
            "</AuditMessage>",
        )
    )


def _purpose(purpose: str) -> str:
    return _coded("PurposeOfUse", purpose, "2.16.840.1.113883.5.8", purpose)


def _participant(name: str, *, is_requestor: bool, role: tuple[str, str] | None = None) -> str:
    said = "true" if is_requestor else "false"
    inner = "" if role is None else _coded("RoleIDCode", role[0], "DCM", role[1])
    return f'<ActiveParticipant UserID="{escape(name)}" UserIsRequestor="{said}">{inner}</ActiveParticipant>'


def _participant_object(name: str, kind: int, role: int, type_code: tuple[str, str, str]) -> str:
    return (
        f'<ParticipantObjectIdentification ParticipantObjectID="{escape(name)}" '
        f'ParticipantObjectTypeCode="{kind}" ParticipantObjectTypeCodeRole="{role}">'
        f"{_coded('ParticipantObjectIDTypeCode', *type_code)}</ParticipantObjectIdentification>"
    )


def _coded(element: str, code: str, system: str, words: str) -> str:
    return f'<{element} csd-code="{escape(code)}" codeSystemName="{escape(system)}" originalText="{escape(words)}"/>'


def _dcm(code: str, words: str) -> dict[str, Any]:
    return {"coding": [{"system": _DCM, "code": code, "display": words}]}


def _named(header: StoredHeader) -> str | None:
    return None if header.subject in {None, UNRESOLVED_SUBJECT} else header.subject


def _action(header: StoredHeader) -> str:
    action = (header.detail or {}).get("action")
    return action if isinstance(action, str) else header.type


def _facts(header: StoredHeader) -> dict[str, str]:
    """Return what else a header says, as words; hashes and places in the tree stay with the exact leaf."""
    names = ("workspace", "surface", "route", "deployment", "model", "region", "baa", "policy", "parent", "status")
    found = {name: str(value) for name in names if (value := getattr(header, name)) is not None}
    return found | {f"detail.{name}": str(value) for name, value in (header.detail or {}).items() if str(value)}


def _milliseconds(header: StoredHeader) -> int:
    return round(datetime.fromisoformat(header.at).timestamp() * 1000)


def _cef_head(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|")


def _cef_value(text: str) -> str:
    return text.replace("\\", "\\\\").replace("=", "\\=").replace("\r", "").replace("\n", "\\n")


_WRITERS: Final[Mapping[ExportFormat, Callable[[StoredHeader, Producer], bytes]]] = MappingProxyType(
    {
        ExportFormat.FHIR: lambda header, producer: msgspec.json.encode(fhir(header, producer)),
        ExportFormat.OCSF: lambda header, producer: msgspec.json.encode(ocsf(header, producer)),
        ExportFormat.CEF: lambda header, producer: cef(header, producer).encode(),
        ExportFormat.ATNA: lambda header, producer: dicom(header, producer).encode(),
    }
)
