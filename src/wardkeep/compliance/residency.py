"""Residency rules: where calls of a workspace may be processed, by region and by state law.

A rule only narrows, so one officer adds it; taking one away opens roads, so one proposes and another does it. Pure.
"""

from dataclasses import replace
from typing import Final

from wardkeep.compliance.geography import load_laws
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import clean_id, clean_region, invalid, require, taken, unknown
from wardkeep.compliance.two_people import second_person
from wardkeep.model.access import DataClass
from wardkeep.model.registry import Person, Registry
from wardkeep.model.residency import ResidencyRule
from wardkeep.policy.roles import Permission
from wardkeep.routing.regions import EVERYWHERE

_LIST: Final = "wardkeep route residency list"
_CLASSES: Final = frozenset(each.value for each in DataClass)


def add_rule(registry: Registry, by: Person, *, rule: ResidencyRule) -> tuple[Change, ...]:
    """Narrow where calls may be processed, from the next call on.

    Raises:
        NotAllowed: no permission, no such workspace, law or data class, or the rule says nothing.
    """
    require(by, Permission.AGREEMENT_ADD)
    if clean_id(rule.id, "rule id") in registry.residency:
        raise taken("residency rule", "Choose another id; all rules hold together.")
    if rule.workspace != EVERYWHERE and rule.workspace not in registry.workspaces:
        raise unknown("workspace", "wardkeep workspace list")
    if not rule.data_classes or not rule.data_classes <= _CLASSES:
        raise invalid("list of data classes", f"out of {', '.join(sorted(_CLASSES))}, at least one")
    if rule.regions is None and not rule.laws:
        raise invalid("rule", "of at least one region or law")
    for region in rule.regions or ():
        clean_region(region, "region of a rule")
    laws = load_laws()
    if not rule.laws <= laws.keys():
        raise invalid("list of laws", f"out of {', '.join(sorted(laws))}")
    record = replace(rule, added_by=by.id, removal_by=None, removal_under=frozenset())
    return (Change(kind=Kind.RESIDENCY, id=rule.id, record=record),)


def remove_rule(registry: Registry, by: Person, *, rule: str) -> tuple[Change, ...]:
    """Propose to take a rule away, or take it away when another person proposed it. Raises NotAllowed."""
    require(by, Permission.AGREEMENT_ACTIVATE)
    found = registry.residency.get(rule)
    if found is None:
        raise unknown("residency rule", _LIST)
    if found.removal_by is None:
        record = replace(found, removal_by=by.id, removal_under=by.access_by)
        return (Change(kind=Kind.RESIDENCY, id=rule, record=record, note="removal_proposed"),)
    note = second_person(registry, by, found.removal_by, under=found.removal_under, deed="proposed the removal")
    return (Change(kind=Kind.RESIDENCY, id=rule, record=None, note=note),)


def rule_view(rule: ResidencyRule) -> dict[str, object]:
    """Return a rule as it is shown."""
    return {
        "id": rule.id,
        "workspace": rule.workspace,
        "data_classes": sorted(rule.data_classes),
        "regions": None if rule.regions is None else sorted(rule.regions),
        "laws": sorted(rule.laws),
        "added_by": rule.added_by,
        "removal_by": rule.removal_by,
    }
