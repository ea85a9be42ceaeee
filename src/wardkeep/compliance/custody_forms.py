"""Forms and views of holds, retention rules and shreds (see `compliance.forms`)."""

from collections.abc import Mapping
from datetime import date

import msgspec

from wardkeep.compliance.custody import Stated
from wardkeep.compliance.forms import Form
from wardkeep.compliance.terms import invalid
from wardkeep.model.custody import HoldCause
from wardkeep.model.registry import Registry
from wardkeep.model.retention import MAJORITY_AGE, RecordClass, RetentionRule, rules_in_force
from wardkeep.storage.subjects_sqlite import Tombstone


class HoldForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A hold to place: on a subject by handle or tag, or with `is_everybody` on all."""

    id: str
    cause: HoldCause
    reason: str
    subject: str | None = None
    tag: str | None = None
    is_everybody: bool = False


class RetentionForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One retention rule. `state` and `years_after_majority` are stated even when they are null."""

    id: str
    record_class: RecordClass
    years: int
    citation: str
    state: str | None
    years_after_majority: int | None
    majority_age: int = MAJORITY_AGE

    def rule(self) -> RetentionRule:
        """Return the record; the plan sets who set it."""
        return RetentionRule(
            id=self.id,
            record_class=self.record_class,
            years=self.years,
            citation=self.citation,
            state=self.state,
            years_after_majority=self.years_after_majority,
            majority_age=self.majority_age,
        )


class StatedForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What each of the two states of the subject: a day of birth, or that they were of age. Neither is kept."""

    reason: str
    born_on: date | None = None
    is_of_age: bool = False
    state: str | None = None

    def stated(self) -> Stated:
        """Return what is stated. Raises NotAllowed: neither or both of the two."""
        if (self.born_on is None) != self.is_of_age:
            raise invalid("age", "a day of birth, or the statement that the subject was of age in every record")
        return Stated(state=self.state, born_on=self.born_on)


class ShredForm(StatedForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A shred to propose: of a subject by handle, or by the tag that headers show."""

    id: str
    subject: str | None = None
    tag: str | None = None


def holds_view(registry: Registry) -> dict[str, object]:
    """Return all holds."""
    return {
        "holds": [
            {**msgspec.to_builtins(each), "is_released": each.released_by is not None}
            for _, each in sorted(registry.holds.items())
        ]
    }


def retention_view(registry: Registry) -> dict[str, object]:
    """Return the rules that count, defaults included."""
    held = registry.retention
    return {
        "retention": [
            {**msgspec.to_builtins(each), "is_default": each.id not in held} for each in rules_in_force(held.values())
        ]
    }


def shreds_view(registry: Registry, stones: Mapping[str, Tombstone]) -> dict[str, object]:
    """Return all shreds, and what was destroyed when."""
    shown = []
    for _, each in sorted(registry.shreds.items()):
        stone = stones.get(each.id)
        status = "withdrawn" if each.withdrawn_by is not None else "proposed" if each.is_open else "approved"
        shown.append(
            {
                **msgspec.to_builtins(each),
                "status": status if stone is None else "destroyed",
                "keys": None if stone is None else stone.keys,
                "destroyed_at": None if stone is None else stone.at,
            }
        )
    return {"shreds": shown}
