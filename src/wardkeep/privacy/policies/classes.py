"""The classes of identifiers, read from `classes.toml`: the eighteen of 45 CFR 164.514(b)(2)(i) and what is near them.

Relatives, employers and household members are named by the same paragraph as the individual; clinicians and places of
care are not, and a policy says what becomes of them.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from wardkeep.model.spans import IdentifierType
from wardkeep.privacy.errors import PolicyInvalid

PARAGRAPHS: Final = "ABCDEFGHIJKLMNOPQR"
_KEYS: Final = frozenset({"name", "paragraph", "limited", "part_of", "types", "rule"})


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifierClass:
    """One class. `paragraph` is None for what is not an identifier of the individual."""

    name: str
    rule: str
    types: tuple[str, ...] = ()
    paragraph: str | None = None
    limited: str | None = None
    part_of: str | None = None

    @property
    def citation(self) -> str:
        """Where the rule stands."""
        if self.paragraph is None:
            return "none of 45 CFR 164.514(b)(2)(i)"
        return f"45 CFR 164.514(b)(2)(i)({self.paragraph})"


@cache
def classes() -> Mapping[str, IdentifierClass]:
    """Return the shipped classes by name, in their order.

    Raises:
        PolicyInvalid: the installation's list is damaged.
    """
    return parse_classes((files("wardkeep.privacy.policies") / "classes.toml").read_text(encoding="utf-8"))


def parse_classes(text: str) -> Mapping[str, IdentifierClass]:
    """Return the classes of a list.

    Raises:
        PolicyInvalid: a key is unknown, a name or type stands twice, or one of the eighteen paragraphs is missing.
    """
    try:
        rows = tomllib.loads(text)["class"]
        found = [_class(row) for row in rows]
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise PolicyInvalid("the list of identifier classes cannot be read") from error
    by_name = {each.name: each for each in found}
    typed = [kind for each in found for kind in each.types]
    if len(by_name) != len(found) or len(set(typed)) != len(typed):
        raise PolicyInvalid("a class or a type stands twice in the list of identifier classes")
    if {each.paragraph for each in found} - {None} != set(PARAGRAPHS):
        raise PolicyInvalid("the list of identifier classes does not have the eighteen paragraphs (A) to (R)")
    if any(each.part_of is not None and each.part_of not in by_name for each in found):
        raise PolicyInvalid("a class is part of one that is not in the list")
    return MappingProxyType(by_name)


@cache
def class_of_type(kind: IdentifierType) -> str:
    """Return the class of a detector's type; one that no class claims counts as (R), any other identifier."""
    return next((each.name for each in classes().values() if kind.value in each.types), "OTHER")


def _class(row: Mapping[str, object]) -> IdentifierClass:
    if not set(row) <= _KEYS:
        raise PolicyInvalid("a class has a key that is not known")
    types = row.get("types", [])
    texts = {key: row[key] for key in ("name", "rule", "paragraph", "limited", "part_of") if key in row}
    if not all(isinstance(value, str) and value for value in texts.values()) or not isinstance(types, list):
        raise PolicyInvalid("a class has a value that is not a text")
    return IdentifierClass(types=tuple(map(str, types)), **{key: str(value) for key, value in texts.items()})
