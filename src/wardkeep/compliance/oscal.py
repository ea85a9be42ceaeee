"""The facts of a pack as OSCAL 1.1 JSON: catalogue, assessment results, plan of action and milestones (NIST).

Pure. Identifiers are made from the facts (RFC 9562 version 5), so the same facts give the same documents. A control
that is not known is never `satisfied`: OSCAL knows two states, and the remark says which of ours it was.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID, uuid5

OSCAL_VERSION: Final = "1.1.3"
_NAMESPACE: Final = UUID("6f1c1d0e-6a52-5a0e-9d1b-3a1f7c0b8e11")
_SPACE: Final = "urn:wardkeep:oscal"


def catalog(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the controls of the pack as a catalogue, grouped by kind."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for each in facts["controls"]:
        kinds.setdefault(each["kind"], []).append(_control(each))
    return {
        "catalog": {
            "uuid": _uuid(facts, "catalog"),
            "metadata": _metadata(facts, "Controls, in our own words"),
            "groups": [
                {"id": f"kind-{kind}".replace("_", "-"), "class": "family", "title": kind, "controls": controls}
                for kind, controls in sorted(kinds.items())
            ],
        }
    }


def assessment_results(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was found of each control, with its query and the entries that can be proved."""
    about = facts["about"]
    method = _uuid(facts, "method")
    observations = [_observation(facts, each) for each in facts["controls"]]
    result = {
        "uuid": _uuid(facts, "result"),
        "title": f"Controls from {about['from']} through {about['to']}",
        "description": "Computed from the ledger and the registers when the pack was made; nothing was typed in.",
        "start": about["made_at"],
        "end": about["made_at"],
        "reviewed-controls": {
            "control-selections": [
                {"include-controls": [{"control-id": _id(each["id"])} for each in facts["controls"]]}
            ]
        },
        "observations": observations,
        "findings": [_finding(facts, each) for each in facts["controls"]],
    }
    return {
        "assessment-results": {
            "uuid": _uuid(facts, "assessment-results"),
            "metadata": _metadata(facts, "Live status of controls"),
            "import-ap": {"href": f"#{method}"},
            "results": [result],
            "back-matter": {
                "resources": [
                    {
                        "uuid": method,
                        "title": "How each control is computed",
                        "description": "Each observation states its query; status.json holds all of them.",
                        "rlinks": [{"href": "../status.json"}],
                    }
                ]
            },
        }
    }


def action_plan(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what does not hold: failing controls, and those with a query that nobody can answer now."""
    items = [
        {
            "uuid": _uuid(facts, f"poam-{each['id']}"),
            "title": f"{each['citation']} {each['title']}",
            "description": f"{each['because']}: {'; '.join(each['wrong'][:10]) or each['query'] or 'no query'}",
            "props": [_prop("standing", each["standing"]), _prop("strength", each["strength"])],
        }
        for each in facts["controls"]
        if each["standing"] == "fails" or (each["standing"] == "not_known" and each["query"] is not None)
    ]
    if not items:
        nothing = "Every control of the pack that is computed holds."
        items = [{"uuid": _uuid(facts, "poam-none"), "title": "Nothing is open", "description": nothing}]
    return {
        "plan-of-action-and-milestones": {
            "uuid": _uuid(facts, "poam"),
            "metadata": _metadata(facts, "What does not hold"),
            "system-id": {"identifier-type": "urn:wardkeep:tenant", "id": str(facts["about"]["tenant"])},
            "poam-items": items,
        }
    }


def _control(control: Mapping[str, Any]) -> dict[str, Any]:
    name = _id(control["id"])
    return {
        "id": name,
        "class": control["designation"],
        "title": control["title"],
        "props": [
            _prop("label", control["citation"], ours=False),
            _prop("strength", control["strength"]),
            _prop("unconfirmed", "yes" if control["is_unconfirmed"] else "no"),
        ],
        "parts": [{"id": f"{name}-statement", "name": "statement", "prose": control["asks"]}],
    }


def _observation(facts: Mapping[str, Any], control: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "uuid": _uuid(facts, f"observation-{control['id']}"),
        "title": f"{control['citation']} {control['title']}",
        "description": control["query"] or "Nothing computes this control.",
        "methods": ["TEST" if control["query"] else "UNKNOWN"],
        "props": [_prop("strength", control["strength"]), _prop("looked-at", str(control["looked_at"] or 0))],
        "collected": facts["about"]["made_at"],
    }
    evidence = [
        {"href": f"../proofs/{each['entry']}.proof", "description": f"Ledger entry {each['entry']} with its proof"}
        for each in control["samples"]
    ]
    return {**found, **({"relevant-evidence": evidence} if evidence else {})}


def _finding(facts: Mapping[str, Any], control: Mapping[str, Any]) -> dict[str, Any]:
    holds = control["standing"] == "holds"
    return {
        "uuid": _uuid(facts, f"finding-{control['id']}"),
        "title": f"{control['citation']} {control['title']}",
        "description": control["because"],
        "target": {
            "type": "statement-id",
            "target-id": f"{_id(control['id'])}-statement",
            "status": {
                "state": "satisfied" if holds else "not-satisfied",
                "reason": "pass" if holds else "fail" if control["standing"] == "fails" else "other",
                "remarks": f"Standing: {control['standing']}.",
            },
        },
        "related-observations": [{"observation-uuid": _uuid(facts, f"observation-{control['id']}")}],
    }


def _metadata(facts: Mapping[str, Any], title: str) -> dict[str, Any]:
    about = facts["about"]
    return {
        "title": f"{about['organisation']}: {title}",
        "last-modified": about["made_at"],
        "version": f"{about['from']}/{about['to']}",
        "oscal-version": OSCAL_VERSION,
        "remarks": "Not legal advice; the text of the rule decides.",
    }


def _prop(name: str, value: str, *, ours: bool = True) -> dict[str, str]:
    return {"name": name, **({"ns": _SPACE} if ours else {}), "value": value}


def _id(control: str) -> str:
    """Return a control's id as an OSCAL token."""
    return control.lower()


def _uuid(facts: Mapping[str, Any], name: str) -> str:
    about = facts["about"]
    return str(uuid5(_NAMESPACE, f"{about['tenant']} {about['made_at']} {name}"))
