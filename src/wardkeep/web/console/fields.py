"""A form of the control API as fields of a page: what the type asks, the page asks, and nothing is written twice."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import inspect

from wardkeep.model.registry import Registry
from wardkeep.web.console.shell import local

_PEOPLE: Final = frozenset({"owner", "person", "manager", "reviewer", "to", "assigned_to"})
_LONGEST: Final = 400
# What is pasted whole: PEM has lines.
_LONG: Final = frozenset({"csr", "certificate"})
_ABBREVIATED: Final = {"phi": "PHI", "baa": "BAA", "sha256": "SHA-256", "url": "URL", "tls": "TLS", "ip": "IP"}
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})")
# Beyond so many people a list of all of them in each form would be most of the page; their id is typed then.
MOST_OFFERED: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: `kind` is text, area, number, date, checkbox, select, choices or lines."""

    name: str
    label: str
    kind: str
    is_required: bool
    options: Sequence[str] = ()
    value: str = ""


def fields_of(form: type[msgspec.Struct] | None, registry: Registry) -> list[Field]:
    """Return a form's fields but for the reason, which every deed asks for by itself."""
    if form is None:
        return []
    found = inspect.type_info(form)
    return _fields(found, registry, "") if isinstance(found, inspect.StructType) else []


def _fields(kind: inspect.StructType, registry: Registry, prefix: str) -> list[Field]:
    found: list[Field] = []
    for each in kind.fields:
        name = prefix + each.encode_name
        if name == "reason":
            continue
        own, is_optional = _own(each.type)
        if isinstance(own, inspect.StructType):
            found += _fields(own, registry, f"{name}.")
            continue
        default = each.default
        field = _field(name, own, registry, is_required=each.required and not is_optional, default=default)
        if field is not None:
            found.append(field)
    return found


def _own(kind: inspect.Type) -> tuple[inspect.Type, bool]:
    if isinstance(kind, inspect.UnionType):
        return next(each for each in kind.types if not isinstance(each, inspect.NoneType)), True
    return kind, False


def _field(name: str, kind: inspect.Type, registry: Registry, *, is_required: bool, default: object) -> Field | None:
    label = _label(name.rpartition(".")[2])
    value = str(default) if isinstance(default, int | str) and not isinstance(default, bool) else ""
    shape, options = _shape(name, kind, registry)
    if shape is None:
        return None
    if shape == "checkbox":
        value = "on" if default is True else ""
    return Field(name=name, label=label, kind=shape, is_required=is_required, options=options, value=value)


def _shape(name: str, kind: inspect.Type, registry: Registry) -> tuple[str | None, list[str]]:
    match kind:
        case inspect.EnumType(cls=cls):
            return "select", [str(each.value) for each in cls]
        case inspect.LiteralType(values=values):
            return "select", [str(each) for each in values]
        case inspect.BoolType():
            return "checkbox", []
        case inspect.IntType():
            return "number", []
        case inspect.DateType() | inspect.DateTimeType():
            return "date", []
        case (
            inspect.FrozenSetType(item_type=item)
            | inspect.VarTupleType(item_type=item)
            | inspect.SetType(item_type=item)
        ):
            if isinstance(item, inspect.EnumType):
                return "choices", [str(each.value) for each in item.cls]
            if name in {"routes", "models"}:
                return "choices", sorted(registry.routes)
            return (None, []) if isinstance(item, inspect.StructType) else ("lines", [])
        case inspect.DictType():
            return "lines", []
        case inspect.StrType() if name.rpartition(".")[2] in _PEOPLE:
            return _people(registry)
        case inspect.StrType() | inspect.DecimalType():
            return ("area" if name in _LONG else "text"), []
        case _:
            return None, []


def _people(registry: Registry) -> tuple[str, list[str]]:
    active = sorted(each.id for each in registry.people.values() if each.is_active)
    return ("select", active) if len(active) <= MOST_OFFERED else ("text", [])


def facts_of(record: Mapping[str, object], *, without: Sequence[str] = (), zone: str = "UTC") -> list[tuple[str, str]]:
    """Return a record as names and words, for a page that has no better way to show it; times as they are in a zone."""
    shown = []
    for name, value in record.items():
        if name in without or value in (None, "", [], {}, ()):
            continue
        shown.append((_label(name), _words(value, zone)[:_LONGEST]))
    return shown


def _label(name: str) -> str:
    words = [_ABBREVIATED.get(word, word) for word in name.split("_")]
    return " ".join([words[0].capitalize() if words[0].islower() else words[0], *words[1:]])


def _words(value: object, zone: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_words(each, zone)}" for name, each in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(_words(each, zone) for each in value)
    if isinstance(value, str) and _TIME.fullmatch(value):
        told = local(value, zone)
        return told["shown"] if zone == "UTC" else f"{told['shown']} ({told['utc'][11:]})"
    return str(value).replace("_", " ") if isinstance(value, str) and len(value) < 40 else str(value)
