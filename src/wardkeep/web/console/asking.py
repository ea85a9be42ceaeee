"""How pages read and change: through the control API's own handlers, with its permissions, forms and rules.

So a page can show and do nothing that the API would not, and there is one place for each rule. What a browser's form
sends (strings, `on`, lists over several lines) becomes the typed form here.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import inspect

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.terms import require, unknown
from wardkeep.web.asked import ApiRoute, Asked, actor
from wardkeep.web.console.shell import who
from wardkeep.web.control import ROUTES
from wardkeep.web.page import Visit


def route_named(name: str, method: str) -> ApiRoute:
    """Return the API's route of a name. Raises NotAllowed."""
    for route in ROUTES:
        if route.name == name and route.method == method:
            return route
    raise unknown("action", "GET /api/openapi.json")


async def read(visit: Visit, name: str, *words: str, **query: str) -> dict[str, Any]:
    """Return what the API shows this person under a name. Raises NotAllowed, LedgerUnavailable."""
    return await _asked(visit, route_named(name, "GET"), words, query, {})


async def change(visit: Visit, name: str, words: tuple[str, ...], body: dict[str, object]) -> dict[str, Any]:
    """Do what the API does under a name; a refusal for lack of permission is recorded. Raises as the API's rules."""
    person, _ = who(visit)
    try:
        return await _asked(visit, route_named(name, "POST"), words, {}, body)
    except NotAllowed as error:
        if error.status == 403:
            await visit.app.control.refused(by=actor(person), action=name, code=error.code)
        raise


async def _asked(
    visit: Visit, route: ApiRoute, words: tuple[str, ...], query: dict[str, str], body: dict[str, object]
) -> dict[str, Any]:
    person, _ = who(visit)
    require(person, route.permission)
    if route.parts.count("{}") != len(words):
        raise unknown("record", "GET /api/openapi.json")
    visit.app.note_used(f"grant:{person.id}:{route.permission.value}")
    asked = Asked(app=visit.app.api, by=person, registry=visit.registry, words=words, query=query, body=body)
    answer = await route.handler(asked)
    return answer if isinstance(answer, dict) else {"answer": answer}


def body_of(form: type[msgspec.Struct] | None, sent: Mapping[str, str]) -> dict[str, object]:
    """Return a form's body out of what a browser sent.

    Names are dotted: `scopes.0.platform`; a set of choices is `roles.clinician=on`, or one per line under its own name.
    What was not sent is left out, so that the form's own default holds.
    """
    if form is None:
        return {}
    found = inspect.type_info(form)
    body = _value(found, sent, "")
    return body if isinstance(body, dict) else {}


_MISSING = msgspec.UNSET
# Digits of ASCII only: `isdigit` also takes what `int` does not read, and the length is bounded (64 bits).
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")
_PLACE: Final = re.compile(r"[0-9]{1,4}")


def _value(kind: inspect.Type, sent: Mapping[str, str], name: str) -> Any:
    if isinstance(kind, inspect.StructType):
        prefix = f"{name}." if name else ""
        if name and not any(each.startswith(prefix) for each in sent):
            return _MISSING
        values = {field.encode_name: _value(field.type, sent, prefix + field.encode_name) for field in kind.fields}
        # A browser sends nothing for a box that is not ticked.
        values |= {
            field.encode_name: False
            for field in kind.fields
            if field.required and isinstance(field.type, inspect.BoolType) and values[field.encode_name] is _MISSING
        }
        return {each: value for each, value in values.items() if value is not _MISSING}
    if isinstance(kind, inspect.UnionType):
        own = next((each for each in kind.types if not isinstance(each, inspect.NoneType)), kind.types[0])
        if sent.get(name) == "" or (isinstance(own, inspect.StructType) and _is_blank(sent, name)):
            return None
        return _value(own, sent, name)
    if isinstance(kind, inspect.FrozenSetType | inspect.SetType | inspect.VarTupleType | inspect.ListType):
        return _several(kind.item_type, sent, name)
    if isinstance(kind, inspect.DictType):
        return _pairs(kind, sent, name)
    if name not in sent:
        return _MISSING
    text = sent[name].strip()
    if isinstance(kind, inspect.BoolType):
        return text in {"on", "true", "yes"}
    if isinstance(kind, inspect.IntType):
        return _whole(text)
    if isinstance(kind, inspect.DateTimeType) and len(text) == 10:
        return f"{text}T23:59:59Z"
    return text


def _pairs(kind: inspect.DictType, sent: Mapping[str, str], name: str) -> Any:
    """Return what stands as `name=value`, one to a line; or, where the values are forms of their own, as `_named`."""
    if isinstance(kind.value_type, inspect.StructType):
        return _named(kind.value_type, sent, name)
    if name not in sent:
        return _MISSING
    lines = [line.partition("=") for line in sent[name].replace(",", "\n").splitlines() if line.strip()]
    return {key.strip(): _worth(kind.value_type, value.strip()) for key, _, value in lines}


def _worth(kind: inspect.Type, text: str) -> object:
    """Return the right side of a line `name=value`; several values are joined by `+`."""
    if isinstance(kind, inspect.FrozenSetType | inspect.SetType | inspect.VarTupleType):
        return [each.strip() for each in text.split("+") if each.strip()]
    return _whole(text) if isinstance(kind, inspect.IntType) else text


def _whole(text: str) -> int | str:
    """Return a whole number; what is none, or is too long to be meant, stays as it came and the form refuses it."""
    return int(text) if _NUMBER.fullmatch(text) else text


def _named(kind: inspect.StructType, sent: Mapping[str, str], name: str) -> Any:
    """Return parts by their own names, which hold no dot: `clauses.HPR-504.place`; a part left blank is not there."""
    names = dict.fromkeys(
        each[len(name) + 1 :].partition(".")[0] for each in sent if each.startswith(f"{name}.") and sent[each].strip()
    )
    return {each: _value(kind, sent, f"{name}.{each}") for each in names} or _MISSING


def _is_blank(sent: Mapping[str, str], name: str) -> bool:
    """Whether a part that may be left out was: a browser sends its empty fields all the same."""
    own = [value for each, value in sent.items() if each.startswith(f"{name}.")]
    return bool(own) and not any(value.strip() for value in own)


def _several(item: inspect.Type, sent: Mapping[str, str], name: str) -> Any:
    if isinstance(item, inspect.StructType):
        numbers = {part for each in sent if each.startswith(f"{name}.")
                   for part in [each[len(name) + 1 :].partition(".")[0]] if _PLACE.fullmatch(part)}  # fmt: skip
        return [_value(item, sent, f"{name}.{number}") for number in sorted(numbers, key=int)]
    if isinstance(item, inspect.IntType) and name in sent:
        return [_whole(each) for each in sent[name].replace(",", " ").split()]
    if isinstance(item, inspect.IntType):
        numbered = {each[len(name) + 1 :]: value for each, value in sent.items() if each.startswith(f"{name}.")}
        places = sorted((each for each in numbered if _PLACE.fullmatch(each)), key=int)
        return [found for each in places if isinstance(found := _whole(numbered[each]), int)]
    ticked = [each[len(name) + 1 :] for each, value in sent.items() if each.startswith(f"{name}.") and value == "on"]
    if name not in sent and not ticked:
        return _MISSING
    lines = [line.strip() for line in sent.get(name, "").replace(",", "\n").splitlines() if line.strip()]
    return [*ticked, *lines]
