"""FHIR R4 JSON by path (hl7.org/fhir/R4): Patient, Encounter, Coverage, Observation, DocumentReference, Bundle, others.

Datatypes tell what a place holds: HumanName, Address, ContactPoint, Identifier, Reference, Attachment, and any string
that is a date. Codes stay where their system is a public terminology; every other string is read as free text. Whatever
an attachment holds is decoded and read; what cannot be decoded refuses the file. Ids and references are replaced by the
same codes, so that references still lead somewhere.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from wardkeep.privacy.errors import DocumentUnreadable
from wardkeep.privacy.formats.fields import Field, Put, Record, Role

_MOST_LEVELS: Final = 96
_DATE: Final = re.compile(r"\d{4}(?:-\d\d(?:-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?)?)?")
_REFERENCE: Final = re.compile(
    r"(?:https?://\S+/)?(?P<type>[A-Z][A-Za-z]{2,40})/(?P<id>[A-Za-z0-9.-]{1,64})(?:/_history/\S+)?"
)
_URN: Final = re.compile(r"urn:(?:uuid|oid):(?P<id>[0-9A-Za-z.-]{1,80})")
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9./+|%{}\[\]_-]{0,63}")
_PUBLIC: Final = re.compile(
    r"(?:https?://(?:(?:terminology\.|www\.)?hl7\.org|loinc\.org|snomed\.info|unitsofmeasure\.org|www\.nlm\.nih\.gov"
    r"|www\.ama-assn\.org|www\.cms\.gov|dicom\.nema\.org|nucc\.org|www\.whocc\.no)(?:/|\Z)"
    r"|urn:oid:2\.16\.840\.1\.113883\.(?:6\.\d{1,3}|5\.\d{1,5}|3\.26\.1\.1)\Z|urn:(?:ietf|iso):)"
)
# Elements bound to a closed set of codes in FHIR itself; a value that is no code is read as text all the same.
_CLOSED: Final = frozenset(
    {
        *(
            "resourceType",
            "status",
            "use",
            "gender",
            "intent",
            "mode",
            "language",
            "contentType",
            "comparator",
        ),
        *("priority", "criticality", "unit", "category", "verificationStatus", "clinicalStatus", "docStatus", "type"),
        *("linkType", "relationship", "rank", "fhirVersion", "severity", "kind", "method", "currency"),
    }
)
_SYSTEMS: Final = {"phone": "PHONE", "sms": "PHONE", "pager": "PHONE", "fax": "FAX", "email": "EMAIL", "url": "URL"}
_IDENTIFIER_CODES: Final = {
    "SS": "SSN",
    "SSN": "SSN",
    "DL": "LICENSE",
    "NPI": "LICENSE",
    "MD": "LICENSE",
    "DEA": "LICENSE",
    "PPN": "LICENSE",
    "MB": "HEALTH_PLAN",
    "SN": "HEALTH_PLAN",
    "MC": "HEALTH_PLAN",
    "MA": "HEALTH_PLAN",
    "AN": "ACCOUNT",
    "VN": "ACCOUNT",
    "SNO": "DEVICE",
    "UDI": "DEVICE",
}
_IDENTIFIER_SYSTEMS: Final = (
    ("us-ssn", "SSN"),
    ("us-npi", "LICENSE"),
    ("us-mbi", "HEALTH_PLAN"),
    ("us-medicare", "HEALTH_PLAN"),
)
_WHOSE_NAME: Final = {
    "Patient": "NAME",
    "Person": "NAME",
    "RelatedPerson": "RELATIVE",
    "Practitioner": "PROVIDER",
    "PractitionerRole": "PROVIDER",
    "Organization": "FACILITY",
    "Location": "FACILITY",
    "HealthcareService": "FACILITY",
    "CareTeam": "PROVIDER",
    "Group": "NAME",
}
_DEVICE_NUMBERS: Final = frozenset(
    {"serialNumber", "lotNumber", "deviceIdentifier", "carrierHRF", "carrierAIDC", "distinctIdentifier"}
)
_PLAN_NUMBERS: Final = frozenset({"subscriberId", "dependent", "policyHolderId"})
_INSTANTS: Final = frozenset({"lastUpdated", "issued", "effectiveInstant", "timestamp", "recorded", "valueInstant"})
_REFERRING: Final = frozenset({"assigner", "subject", "patient", "performer", "author", "beneficiary", "subscriber"})
_YEARS: Final = re.compile(r"(?:a|years?|yrs?|y)\Z", re.IGNORECASE)
_OLDEST: Final = 89
_READABLE: Final = re.compile(
    r"(?:text/[\w.+-]+|application/(?:json|fhir\+json|xml|hl7-v2|rtf|[\w.]+\+(?:json|xml)))(?:\s*;.*)?", re.IGNORECASE
)


def is_resource(tree: Any) -> bool:
    """Whether a JSON value is a FHIR resource."""
    return isinstance(tree, dict) and isinstance(tree.get("resourceType"), str)


def walk(resource: dict[str, Any], record: Record) -> None:
    """Add every value of a resource, contained ones and a bundle's entries included, to the record.

    Raises:
        DocumentUnreadable: an attachment cannot be decoded, or it is nested too deeply.
    """
    _Walk(record).resource(resource, 0)


class _Walk:
    """One pass over one tree."""

    def __init__(self, record: Record) -> None:
        self.record = record

    def resource(self, tree: dict[str, Any], level: int) -> None:
        kind = str(tree["resourceType"])
        if kind == "Patient" and self.record.subject is None:
            self.record.subject = str(tree.get("id", "")) or None
        if kind == "Patient":
            # A photograph is removed whole: nothing of it is passed on unread (164.514(b)(2)(i)(Q)).
            tree.pop("photo", None)
        if kind == "Binary" and isinstance(tree.get("data"), str):
            self.attachment(tree, level)
            self.rest(tree, {"data", "contentType"}, kind, (), level)
            return
        self.members(tree, kind, (), level)

    def members(self, tree: dict[str, Any], kind: str, path: tuple[str, ...], level: int) -> None:
        if level > _MOST_LEVELS:
            raise DocumentUnreadable("it is nested too deeply")
        for name in list(tree):
            self.value(tree, name, kind, (*path, name), level)

    def value(self, holder: Any, at: Any, kind: str, path: tuple[str, ...], level: int) -> None:
        """Read one value at its path: by its datatype where that is known, else as what it looks like."""
        value = holder[at]
        if isinstance(value, list):
            for number in range(len(value)):
                self.value(value, number, kind, path, level + 1)
        elif isinstance(value, dict):
            self.object(value, kind, path, level)
        elif isinstance(value, str) and value:
            self.text(holder, at, value, kind, path)
        elif isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**9:
            self.add(str(value), _setter(holder, at), cue=path[-1])

    def object(self, value: dict[str, Any], kind: str, path: tuple[str, ...], level: int) -> None:
        name = path[-1]
        self.numbers(value)
        if is_resource(value):
            self.resource(value, level + 1)
        elif isinstance(value.get("data"), str):
            self.attachment(value, level)
            self.rest(value, {"data", "contentType"}, kind, path, level)
        elif name in {"name", "maidenName"} and not {"family", "given", "text"}.isdisjoint(value):
            self.human_name(value, kind, path)
        elif name == "address" and not {"line", "city", "postalCode", "text", "state"}.isdisjoint(value):
            self.address(value)
        elif name == "telecom":
            self.telecom(value, kind)
        elif name == "identifier":
            self.identifier(value, kind, path, level)
        elif "reference" in value or (name in _REFERRING and "display" in value):
            self.reference(value, path, level, kind)
        elif isinstance(value.get("system"), str) and "code" in value and _PUBLIC.match(value["system"]):
            self.coding(value, kind, path, level)
        else:
            self.members(value, kind, path, level + 1)

    # ---- datatypes ---------------------------------------------------------------------------------------------------

    def human_name(self, value: dict[str, Any], kind: str, path: tuple[str, ...]) -> None:
        place = "RELATIVE" if "contact" in path else _WHOSE_NAME.get(kind, "NAME")
        given = [str(each) for each in _list(value.get("given"))]
        family = str(value.get("family", ""))
        if place == "NAME":
            self.record.learn(" ".join([*given, family]), " ".join([*given[:1], family]), str(value.get("text", "")))
            self.record.learn(family, *given)
        for name in ("text", "family", "given"):
            self.all_strings(value, name, place)
        for name in ("prefix", "suffix"):
            self.all_strings(value, name, None)
        self.rest(value, {"text", "family", "given", "prefix", "suffix", "use"}, kind, path)

    def address(self, value: dict[str, Any]) -> None:
        for name in ("text", "line", "city", "district", "postalCode"):
            self.all_strings(value, name, "LOCATION")
        self.record.learn(*(str(each) for each in _list(value.get("line"))))
        # State and country are no smaller than a state; a value that is none of them is read as text.
        self.rest(value, {"text", "line", "city", "district", "postalCode", "use", "type"}, "", ("address",))

    def telecom(self, value: dict[str, Any], kind: str) -> None:
        place = _SYSTEMS.get(str(value.get("system")), "OTHER")
        if kind == "Patient":
            self.record.learn(str(value.get("value", "")))
        self.all_strings(value, "value", place)
        self.rest(value, {"value", "system", "use", "rank"}, kind, ("telecom",))

    def identifier(self, value: dict[str, Any], kind: str, path: tuple[str, ...], level: int) -> None:
        codes = {
            str(each.get("code")) for each in _list(_dict(value.get("type")).get("coding")) if isinstance(each, dict)
        }
        system = str(value.get("system", ""))
        place = next((_IDENTIFIER_CODES[code] for code in codes if code in _IDENTIFIER_CODES), None)
        place = place or next((each for part, each in _IDENTIFIER_SYSTEMS if part in system), "MRN")
        if kind in {"Patient", "Person", "Coverage", "RelatedPerson"}:
            self.record.learn(str(value.get("value", "")))
        self.all_strings(value, "value", place)
        if system and not _PUBLIC.match(system):
            self.all_strings(value, "system", "URL")
        self.rest(value, {"value", "system", "use"}, kind, (*path, "identifier"), level)

    def reference(self, value: dict[str, Any], path: tuple[str, ...], level: int, kind: str) -> None:
        target = str(value.get("reference", ""))
        found = _REFERENCE.fullmatch(target)
        named = found["type"] if found is not None else str(value.get("type", ""))
        place = _WHOSE_NAME.get(
            named, "NAME" if path[-1] in {"subject", "patient", "beneficiary", "subscriber"} else None
        )
        if isinstance(value.get("display"), str) and value["display"]:
            if place == "NAME":
                self.record.learn(value["display"])
            self.all_strings(value, "display", place)
        if target:
            self.pointer(value, "reference", target)
        self.rest(value, {"reference", "display", "type"}, kind, path, level)

    def coding(self, value: dict[str, Any], kind: str, path: tuple[str, ...], level: int) -> None:
        """Leave a public terminology's code and its wording; what a site writes itself is `text`, which is read."""
        is_code = isinstance(value.get("code"), str) and _CODE.fullmatch(value["code"]) is not None
        kept = {"system", "code", "display", "version", "unit"} if is_code else {"system", "version"}
        self.rest(value, kept, kind, path, level)

    def attachment(self, value: dict[str, Any], level: int) -> None:
        """Decode what is attached, read it, and put it back; its size and hash would no longer be true."""
        content_type = str(value.get("contentType", ""))
        if _READABLE.fullmatch(content_type) is None:
            raise DocumentUnreadable("an attachment is of a type that cannot be read here")
        try:
            text = base64.b64decode("".join(value["data"].split()), validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            raise DocumentUnreadable("an attachment is not base64 of UTF-8 text") from None
        for name in ("size", "hash"):
            value.pop(name, None)

        def put(new: str) -> None:
            value["data"] = base64.b64encode(new.encode()).decode("ascii")

        value["data"] = base64.b64encode(text.encode()).decode("ascii")
        if "json" in content_type.lower():
            self.nested(text, put, level)
        elif text:
            self.add(text, put)

    def nested(self, text: str, put: Put, level: int) -> None:
        """Read attached JSON: a resource by path, anything else as text."""
        try:
            tree = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise DocumentUnreadable("an attachment is not the JSON that it says") from None
        if not is_resource(tree):
            self.add(text, put)
            return
        inside = Record()
        _Walk(inside).resource(tree, level + 1)
        self.record.known += inside.known
        for each in inside.fields:
            self.record.fields.append(
                Field(each.text, _then(each.put, put, tree), each.place, each.cue, each.role, each.is_birth)
            )

    # ---- leaves ------------------------------------------------------------------------------------------------------

    def text(self, holder: Any, at: Any, value: str, kind: str, path: tuple[str, ...]) -> None:
        name = path[-1]
        put = _setter(holder, at)
        if (name == "id" and at == "id") or name in {"fullUrl", "reference"}:
            self.pointer(holder, at, value)
        elif name == "url" and _PUBLIC.match(value):
            return
        elif _DATE.fullmatch(value):
            role = Role.INSTANT if name in _INSTANTS else Role.DATE
            self.add(value, _date_setter(holder, at), place="DATE", role=role, is_birth=name == "birthDate")
        elif (name in _CLOSED and _CODE.fullmatch(value)) or (name == "system" and _PUBLIC.match(value)):
            return
        elif name in _DEVICE_NUMBERS:
            self.add(value, put, place="DEVICE")
        elif name in _PLAN_NUMBERS:
            self.record.learn(value)
            self.add(value, put, place="HEALTH_PLAN")
        elif name in {"name", "alias"} and kind in _WHOSE_NAME and len(path) == 1:
            self.add(value, put, place=_WHOSE_NAME[kind])
        elif name in {"versionId", "etag"}:
            self.add(value, put, place="OTHER")
        else:
            self.add(value, put, cue=None if name in {"div", "text", "display", "valueString"} else name)

    def pointer(self, holder: Any, at: Any, value: str) -> None:
        """Replace the id in a reference, a full URL or an id by its code, the same wherever it stands."""
        found = _REFERENCE.fullmatch(value)
        urn = _URN.fullmatch(value) if found is None else None
        if value.startswith("#"):
            head, own = "#", value[1:]
        elif found is not None:
            # The server's own address would tell whose data it is.
            head, own = f"{found['type']}/", found["id"]
        elif urn is not None:
            head, own = "urn:wardkeep:", urn["id"]
        else:
            head, own = "", value
        if len(own) > 3:
            self.record.learn(own)

        def put(code: str) -> None:
            holder[at] = head + code

        if own:
            self.record.fields.append(Field(own, put, place="OTHER", role=Role.ID))

    def numbers(self, tree: dict[str, Any]) -> None:
        """Make an age over 89 in years the one category that is left of it: at least 90, by FHIR's own comparator."""
        unit = str(tree.get("code", tree.get("unit", "")))
        if "value" in tree and _YEARS.match(unit) and not isinstance(tree["value"], str):
            try:
                years = float(orjson.dumps(tree["value"]))
            except (TypeError, ValueError):
                return
            if years > _OLDEST:

                def put(_new: str) -> None:
                    tree["value"], tree["comparator"] = 90, ">="

                self.add(f"{years:g}", put, place="AGE")

    def all_strings(self, value: dict[str, Any], name: str, place: str | None) -> None:
        held = value.get(name)
        if isinstance(held, str) and held:
            self.add(held, _setter(value, name), place=place)
        elif isinstance(held, list):
            for at, each in enumerate(held):
                if isinstance(each, str) and each:
                    self.add(each, _setter(held, at), place=place)

    def rest(self, value: dict[str, Any], done: set[str], kind: str, path: tuple[str, ...], level: int = 0) -> None:
        for name in list(value):
            if name not in done:
                self.value(value, name, kind, (*path, name), level + 1)

    def add(
        self,
        text: str,
        put: Put,
        *,
        place: str | None = None,
        cue: str | None = None,
        role: Role = Role.TEXT,
        is_birth: bool = False,
    ) -> None:
        self.record.fields.append(Field(text, put, place, cue, role, is_birth))


def _setter(holder: Any, at: Any) -> Put:
    def put(new: str) -> None:
        holder[at] = new

    return put


def _date_setter(holder: Any, at: Any) -> Put:
    """Put a date, or take the element away: a class in brackets is no FHIR date."""

    def put(new: str) -> None:
        if new:
            holder[at] = new
        elif isinstance(holder, dict):
            holder.pop(at, None)
        else:
            holder[at] = None

    return put


def _then(inner: Put, outer: Put, tree: Mapping[str, Any]) -> Put:
    def put(new: str) -> None:
        inner(new)
        outer(orjson.dumps(tree).decode())

    return put


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
