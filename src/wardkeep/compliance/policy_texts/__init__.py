"""Fourteen written policies in our own words, as versioned data (45 CFR 164.316(a), 164.530(i)).

One TOML file a version, `<id>.<version>.toml`; a published version is never edited, only followed by another, because
people have signed its hash. `implements` names controls of the catalogue, `enforced_by` the settings that the text
promises (`compliance.effective` reads them), `variables` what an organisation sets for itself, within bounds.
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from wardkeep.compliance.errors import NotAllowed, RecordUnreadable
from wardkeep.compliance.terms import invalid, unknown

EVERYBODY: Final = "*"
_VARIABLE: Final = re.compile(r"\{([a-z_]+)\}")


class Variable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A value that the organisation sets: a whole number from `least` to `most`; text stands as it is."""

    value: int | str
    means: str
    least: int = 0
    most: int = 0


class Enforced(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A setting of the program and what the policy promises of it."""

    setting: str
    holds: Literal["is", "at_most", "at_least"]
    value: str


class PolicyText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One version of one policy. `audience` are the roles that sign it, `*` everybody."""

    id: str
    version: int
    title: str
    written: date
    audience: tuple[str, ...]
    implements: tuple[str, ...]
    purpose: str
    scope: str
    rules: tuple[str, ...]
    responsibilities: tuple[tuple[str, str], ...]
    procedure: tuple[str, ...]
    variables: dict[str, Variable] = {}
    enforced_by: tuple[Enforced, ...] = ()


Texts = Mapping[str, Mapping[int, PolicyText]]


@cache
def load_texts() -> Texts:
    """Return every version of every policy in the package, which does not change while it runs.

    Raises:
        RecordUnreadable: one does not parse, is another than its name says, or uses a variable that it does not
            declare: the installation is damaged.
    """
    found: dict[str, dict[int, PolicyText]] = {}
    for file in files(__package__).iterdir():
        if not file.name.endswith(".toml"):
            continue
        try:
            text = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), PolicyText)
        except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise RecordUnreadable(f"the policy {file.name} of this installation cannot be read") from error
        if file.name != f"{text.id}.{text.version}.toml" or not _used(text) <= text.variables.keys():
            raise RecordUnreadable(f"the policy {file.name} of this installation contradicts itself")
        found.setdefault(text.id, {})[text.version] = text
    return MappingProxyType({name: MappingProxyType(versions) for name, versions in found.items()})


def text_of(texts: Texts, policy: str, version: int | None = None) -> PolicyText:
    """Return a version, the newest when none is named. Raises NotAllowed: there is none."""
    versions = texts.get(policy, {})
    found = versions.get(max(versions, default=0) if version is None else version)
    if found is None:
        raise unknown("policy", "wardkeep policies list")
    return found


def filled(text: PolicyText, given: Mapping[str, int]) -> dict[str, str]:
    """Return the value of every variable as text, the package's where none is given.

    Raises:
        NotAllowed: a name that the policy does not have, or a value outside its bounds.
    """
    if not given.keys() <= text.variables.keys():
        raise invalid("name of a variable", "one that the policy has: " + (", ".join(sorted(text.variables)) or "none"))
    values: dict[str, str] = {}
    for name, variable in text.variables.items():
        value = given.get(name, variable.value)
        if name in given and not (isinstance(variable.value, int) and variable.least <= given[name] <= variable.most):
            raise _out_of_bounds(name, variable)
        values[name] = str(value)
    return values


def put(words: str, values: Mapping[str, str]) -> str:
    """Return words with the variables' values in their places."""
    return _VARIABLE.sub(lambda found: values[found.group(1)], words)


def rendered(text: PolicyText, values: Mapping[str, str]) -> str:
    """Return the whole policy as people read and sign it; the same input gives the same bytes for ever."""
    lines = [text.title, "", "Purpose", _one(text.purpose), "", "Scope", _one(text.scope), "", "Rules"]
    lines += [f"{number}. {put(rule, values)}" for number, rule in enumerate(text.rules, 1)]
    lines += ["", "Who does what"]
    lines += [f"- {who}: {put(what, values)}." for who, what in text.responsibilities]
    lines += ["", "Procedure"]
    lines += [f"{number}. {put(step, values)}" for number, step in enumerate(text.procedure, 1)]
    lines += ["", "Implements " + ", ".join(text.implements) + "."]
    return "\n".join(lines) + "\n"


def hash_of(words: str) -> str:
    """Return the hash that is recorded and signed."""
    return sha256(words.encode()).hexdigest()


def _one(words: str) -> str:
    return " ".join(words.split())


def _used(text: PolicyText) -> set[str]:
    places = (
        *text.rules,
        *text.procedure,
        *(what for _, what in text.responsibilities),
        *(each.value for each in text.enforced_by),
    )
    return {name for words in places for name in _VARIABLE.findall(words)}


def _out_of_bounds(name: str, variable: Variable) -> NotAllowed:
    if isinstance(variable.value, str):
        return invalid(f"variable {name}", f"{variable.value}: the program does nothing else")
    return invalid(f"variable {name}", f"from {variable.least} to {variable.most}")
