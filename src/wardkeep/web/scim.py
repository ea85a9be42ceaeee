"""The SCIM 2.0 server under /scim/v2 on the console port (RFC 7644, raw ASGI): an identity provider tells who is who.

Each request needs the credential of a provisioning client, which sees and changes only what it provisioned itself.
Filters are comparisons by `eq`, joined by `and`; what is not understood is refused, never ignored. Every change is one
control entry; the rules are `compliance.provisioning`'s. Errors quote nothing that was sent.
"""

import logging
import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import msgspec

from wardkeep.audit.errors import ControlNotApplied, LedgerUnavailable, StaleFacts
from wardkeep.compliance import provisioning
from wardkeep.compliance.control import Control
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import Change
from wardkeep.crypto.keys import DataKeys
from wardkeep.identity.keys import find_provisioner
from wardkeep.identity.sessions import Sessions
from wardkeep.model.certificate import HolderKind, holder_name
from wardkeep.model.document import parse
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import EXPLANATIONS, Reason, RefusalError, Refused
from wardkeep.model.registry import Registry
from wardkeep.model.scim import ScimClient, ScimGroup, ScimUser
from wardkeep.model.sensitive import Secret
from wardkeep.web import scim_schemas as say
from wardkeep.web.asgi import Receive, Scope, Send
from wardkeep.web.certificate import require_shown
from wardkeep.web.guard import read_body

PREFIX: Final = "/scim/v2"
MAX_BODY_BYTES: Final = 1024 * 1024
_LOG: Final = logging.getLogger(__name__)
_BEARER: Final = b"Bearer "
_TYPES: Final = frozenset({b"application/scim+json", b"application/json"})
_TERM: Final = re.compile(r'\s*([A-Za-z$][\w.:$-]*)\s+[eE][qQ]\s+("(?:[^"\\]|\\.)*"|true|false)\s*')
_MEMBER: Final = re.compile(r'members\[\s*value\s+eq\s+"([^"\\]*)"\s*\]', re.IGNORECASE)
_ALWAYS: Final = frozenset({"id", "schemas"})


class ScimRefusedError(Exception):
    """A request is refused in SCIM's shape; the provider's operator reads `detail`."""

    def __init__(self, status: int, detail: str, kind: str | None = None) -> None:
        super().__init__(detail)
        self.status: Final = status
        self.detail: Final = detail
        self.kind: Final = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One request of a known client. `place` is the path below the prefix, decoded."""

    client: ScimClient
    method: str
    place: tuple[str, ...]
    query: dict[str, str]
    body: dict[str, Any]
    base: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScimFace:
    """The ASGI application. `scheme` is what callers see."""

    control: Control
    keys: DataKeys
    sessions: Sessions
    clock: Callable[[], Instant]
    scheme: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        status, answer = await self._answer(scope, receive)
        body = b"" if answer is None else msgspec.json.encode(answer)
        headers = [
            (b"content-type", b"application/scim+json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if status == 201 and answer is not None:
            headers.append((b"location", str(answer["meta"]["location"]).encode("ascii")))
        if status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, dict[str, Any] | None]:
        try:
            client = self._client(scope["headers"])
            holder = holder_name(HolderKind.SCIM, client.id)
            require_shown(scope, self.control.registry, holder=holder, now=self.clock().wall)
            asked = _Asked(
                client=client,
                method=scope["method"],
                place=tuple(
                    unquote(part) for part in scope["raw_path"].decode("latin-1").removeprefix(PREFIX).split("/")[1:]
                ),
                query=dict(parse_qsl(scope["query_string"].decode("ascii"), max_num_fields=16)),
                body=await _body(scope, receive) if scope["method"] in {"POST", "PUT", "PATCH"} else {},
                base=f"{self.scheme}://{_host(scope['headers'])}{PREFIX}",
            )
            return await self._serve(asked)
        except ScimRefusedError as error:
            return error.status, _error(error.status, error.detail, error.kind)
        except NotAllowed as error:
            kind = "uniqueness" if error.code == "already_exists" else "invalidValue" if error.status == 400 else None
            return error.status, _error(error.status, f"{error.what} {error.why} {error.fix}", kind)
        except RefusalError as error:
            told = EXPLANATIONS[error.refused.reason]
            return told.status, _error(told.status, told.what, "invalidSyntax" if told.status == 400 else None)
        except (LedgerUnavailable, ControlNotApplied, StaleFacts):
            told = EXPLANATIONS[Reason.LEDGER_UNAVAILABLE]
            return told.status, _error(told.status, told.what, None)
        except (UnicodeDecodeError, ValueError) as error:
            _LOG.error("provisioning request failed: %s", type(error).__name__)
            return 400, _error(400, "The request cannot be read.", "invalidSyntax")

    def _client(self, headers: Sequence[tuple[bytes, bytes]]) -> ScimClient:
        given = [value for name, value in headers if name == b"authorization"]
        found: ScimClient | Refused = Refused(reason=Reason.CREDENTIAL_MISSING)
        if len(given) == 1 and given[0].startswith(_BEARER) and given[0].isascii():
            presented = Secret(given[0].removeprefix(_BEARER).decode("ascii"))
            found = find_provisioner(presented, self.control.registry, self.keys.api_key_key)
        if isinstance(found, Refused):
            raise ScimRefusedError(401, found.explanation.what)
        return found

    async def _serve(self, asked: _Asked) -> tuple[int, dict[str, Any] | None]:
        match asked.place:
            case ("ServiceProviderConfig",):
                return _only_get(asked, say.service_provider_config(asked.base))
            case ("Schemas" | "ResourceTypes" as kind, *name) if len(name) <= 1:
                return _described(asked, kind, name)
            case ("Users" | "Groups" as kind,) if asked.method == "GET":
                return 200, self._listed(asked, (kind,), asked.query)
            case ("Users" | "Groups" as kind, ".search") if asked.method == "POST":
                return 200, self._listed(asked, (kind,), _searched(asked.body))
            case (".search",) if asked.method == "POST":
                return 200, self._listed(asked, ("Users", "Groups"), _searched(asked.body))
            case ("Users" | "Groups" as kind,) if asked.method == "POST":
                return 201, await self._put(asked, kind, None, asked.body)
            case ("Users" | "Groups" as kind, name) if asked.method == "GET":
                return 200, _projected(self._shown(asked, kind, name), asked.query)
            case ("Users" | "Groups" as kind, name) if asked.method == "PUT":
                self._shown(asked, kind, name)
                return 200, await self._put(asked, kind, name, asked.body)
            case ("Users" | "Groups" as kind, name) if asked.method == "PATCH":
                shown = self._shown(asked, kind, name)
                return 200, await self._put(asked, kind, name, patched(shown, asked.body, kind=kind))
            case ("Users" | "Groups" as kind, name) if asked.method == "DELETE":
                await self._removed(asked, kind, name)
                return 204, None
            case ("Users" | "Groups", *rest) if len(rest) <= 1:
                raise ScimRefusedError(405, "This endpoint does not take that method.")
            case _:
                raise ScimRefusedError(404, "There is no such endpoint here.")

    # ---- reading ----

    def _shown(self, asked: _Asked, kind: str, name: str) -> dict[str, Any]:
        registry = self.control.registry
        if kind == "Users":
            return _user_view(provisioning.find_user(registry, asked.client.id, name), registry, asked.base)
        return _group_view(provisioning.find_group(registry, asked.client.id, name), asked.base)

    def _listed(self, asked: _Asked, kinds: Sequence[str], terms: Mapping[str, str]) -> dict[str, Any]:
        registry = self.control.registry
        found: list[dict[str, Any]] = []
        if "Users" in kinds:
            users = [each for _, each in sorted(registry.scim_users.items()) if each.client == asked.client.id]
            found += [_user_view(each, registry, asked.base) for each in users]
        if "Groups" in kinds:
            groups = [each for _, each in sorted(registry.scim_groups.items()) if each.client == asked.client.id]
            found += [_group_view(each, asked.base) for each in groups]
        if "filter" in terms:
            wanted = _filter(terms["filter"])
            found = [each for each in found if all(_fits(each, name, value) for name, value in wanted)]
        start = max(1, _whole(terms.get("startIndex", "1")))
        count = min(say.MOST_RESULTS, max(0, _whole(terms.get("count", str(say.MOST_RESULTS)))))
        page = [_projected(each, terms) for each in found[start - 1 : start - 1 + count]]
        return {
            "schemas": [say.LIST],
            "totalResults": len(found),
            "startIndex": start,
            "itemsPerPage": len(page),
            "Resources": page,
        }

    # ---- changing ----

    async def _put(self, asked: _Asked, kind: str, name: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
        now = self.clock().wall
        drawn = name if name is not None else f"p-{os.urandom(6).hex()}"
        given = _known(body, kind)

        def plan(registry: Registry) -> Sequence[Change]:
            if kind == "Users":
                held_user = registry.scim_users.get(drawn)
                user = ScimUser(
                    id=drawn,
                    client=asked.client.id,
                    user_name=_text(given, "userName", is_required=True) or "",
                    display_name=_text(given, "displayName"),
                    external_id=_text(given, "externalId"),
                    # A joiner is active unless told otherwise; later, unassigned is no.
                    active=_flag(given, "active", absent=True if name is None else None),
                    created_at=held_user.created_at if held_user is not None else now,
                    modified_at=now,
                )
                return provisioning.put_user(registry, asked.client.id, user)
            held_group = registry.scim_groups.get(drawn)
            group = ScimGroup(
                id=drawn,
                client=asked.client.id,
                display_name=_text(given, "displayName", is_required=True) or "",
                external_id=_text(given, "externalId"),
                members=_members(given),
                created_at=held_group.created_at if held_group is not None else now,
                modified_at=now,
            )
            return provisioning.put_group(registry, asked.client.id, group)

        word = "create" if name is None else "change"
        await self._change(asked, f"scim.{kind[:-1].lower()}-{word}", plan)
        shown = self._shown(asked, kind, drawn)
        if kind == "Users" and shown.get("active") is not True:
            await self.sessions.end_all(drawn)
        return _projected(shown, asked.query)

    async def _removed(self, asked: _Asked, kind: str, name: str) -> None:
        now = self.clock().wall

        def plan(registry: Registry) -> Sequence[Change]:
            if kind == "Users":
                return provisioning.remove_user(registry, asked.client.id, name, now=now)
            return provisioning.remove_group(registry, asked.client.id, name)

        await self._change(asked, f"scim.{kind[:-1].lower()}-remove", plan)
        await self.sessions.end_all(name)

    async def _change(self, asked: _Asked, action: str, plan: Callable[[Registry], Sequence[Change]]) -> None:
        by = f"scim:{asked.client.id}"
        await self.control.change(by=by, action=action, reason="told by the identity provider", plan=plan)


def scim_app(
    *, control: Control, keys: DataKeys, sessions: Sessions, clock: Callable[[], Instant], scheme: str
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Return the SCIM server."""
    return ScimFace(control=control, keys=keys, sessions=sessions, clock=clock, scheme=scheme)


# ---- the wire --------------------------------------------------------------------------------------------------------


def patched(shown: dict[str, Any], body: Mapping[str, Any], *, kind: str) -> dict[str, Any]:
    """Return the resource after a PATCH (RFC 7644 section 3.5.2): all operations or none. Raises ScimRefusedError."""
    operations = body.get("Operations")
    if body.get("schemas") != [say.PATCH] or not isinstance(operations, list) or not 0 < len(operations) <= 1000:
        raise ScimRefusedError(400, "A PATCH has the schema PatchOp and 1 to 1000 Operations.", "invalidSyntax")
    after = {**shown}
    for operation in operations:
        if not isinstance(operation, dict):
            raise ScimRefusedError(400, "An operation is an object.", "invalidSyntax")
        _operate(after, operation, kind)
    return after


def _operate(after: dict[str, Any], operation: Mapping[str, Any], kind: str) -> None:
    word, path, value = str(operation.get("op", "")).lower(), operation.get("path"), operation.get("value")
    if word not in {"add", "remove", "replace"}:
        raise ScimRefusedError(400, "An operation adds, removes or replaces.", "invalidSyntax")
    if path is None:
        if word == "remove" or not isinstance(value, dict):
            raise ScimRefusedError(400, "Without a path an operation adds or replaces an object.", "noTarget")
        for name, item in value.items():
            _assign(after, _attribute_of(str(name), kind), item, is_added=word == "add")
        return
    one = _MEMBER.fullmatch(str(path).removeprefix(say.GROUP + ":"))
    if one is not None and kind == "Groups":
        if word != "remove":
            raise ScimRefusedError(400, "A member is added or removed, not changed.", "mutability")
        after["members"] = [each for each in after.get("members", []) if each["value"] != one.group(1)]
        return
    name = _attribute_of(str(path), kind)
    if word == "remove":
        _remove(after, name, value)
    else:
        _assign(after, name, value, is_added=word == "add")


def _remove(after: dict[str, Any], name: str, value: object) -> None:
    if name == "userName" or (name == "displayName" and "userName" not in after):
        raise ScimRefusedError(400, "A required attribute is not removed.", "mutability")
    if name == "members" and isinstance(value, list) and value:
        gone = {each.get("value") for each in value if isinstance(each, dict)}
        after[name] = [each for each in after.get(name, []) if each["value"] not in gone]
        return
    after.pop(name, None)
    if name == "active":
        after[name] = None


def _assign(after: dict[str, Any], name: str, value: object, *, is_added: bool) -> None:
    if name == "members":
        new = value if isinstance(value, list) else [value]
        held = after.get(name, []) if is_added else []
        known = {each["value"] for each in held}
        after[name] = [*held, *(each for each in new if not (isinstance(each, dict) and each.get("value") in known))]
    else:
        after[name] = value


def _attribute_of(path: str, kind: str) -> str:
    plain = path.removeprefix((say.USER if kind == "Users" else say.GROUP) + ":")
    known = ("userName", "displayName", "active", "externalId") if kind == "Users" else (
        "displayName", "members", "externalId")  # fmt: skip
    for name in known:
        if plain.casefold() == name.casefold():
            return name
    if plain.casefold() in {"id", "meta", "groups", "schemas"}:
        raise ScimRefusedError(400, "This attribute is the server's own.", "mutability")
    raise ScimRefusedError(400, "There is no such attribute here; the schema lists them.", "invalidPath")


def _known(body: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the attributes under their own names; those that the schema does not have are refused, not dropped."""
    given: dict[str, Any] = {}
    for name, value in body.items():
        if name.casefold() in {"schemas", "id", "meta", "groups"}:
            continue
        given[_attribute_of(name, kind)] = value
    return given


def _text(given: Mapping[str, Any], name: str, *, is_required: bool = False) -> str | None:
    value = given.get(name)
    if value is None and not is_required:
        return None
    if not isinstance(value, str) or not value.strip():
        raise ScimRefusedError(400, f"{name} is a text.", "invalidValue")
    return value


def _flag(given: Mapping[str, Any], name: str, *, absent: bool | None) -> bool | None:
    if name not in given:
        return absent
    value = given[name]
    if value is not None and not isinstance(value, bool):
        raise ScimRefusedError(400, f"{name} is true or false.", "invalidValue")
    return value


def _members(given: Mapping[str, Any]) -> tuple[str, ...]:
    value = given.get("members") or []
    named = [each.get("value") if isinstance(each, dict) else None for each in value] if isinstance(value, list) else []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in named):
        raise ScimRefusedError(400, "A member has the value of a user's id.", "invalidValue")
    return tuple(dict.fromkeys(str(each) for each in named))


def _user_view(user: ScimUser, registry: Registry, base: str) -> dict[str, Any]:
    groups = [
        {"value": each.id, "$ref": f"{base}/Groups/{each.id}", "display": each.display_name}
        for _, each in sorted(registry.scim_groups.items())
        if user.id in each.members and each.client == user.client
    ]
    shown = {
        "schemas": [say.USER],
        "id": user.id,
        "externalId": user.external_id,
        "userName": user.user_name,
        "displayName": user.display_name,
        "active": user.active,
        "groups": groups or None,
        "meta": _meta("User", user, base),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _group_view(group: ScimGroup, base: str) -> dict[str, Any]:
    members = [{"value": each, "$ref": f"{base}/Users/{each}"} for each in group.members]
    shown = {
        "schemas": [say.GROUP],
        "id": group.id,
        "externalId": group.external_id,
        "displayName": group.display_name,
        "members": members or None,
        "meta": _meta("Group", group, base),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _meta(kind: str, record: ScimUser | ScimGroup, base: str) -> dict[str, str]:
    return {
        "resourceType": kind,
        "created": record.created_at.isoformat(),
        "lastModified": record.modified_at.isoformat(),
        "location": f"{base}/{kind}s/{record.id}",
    }


def _projected(shown: dict[str, Any], terms: Mapping[str, str]) -> dict[str, Any]:
    """Return the attributes that were asked for (RFC 7644 section 3.9); `id` and `schemas` always."""
    wanted, unwanted = _names(terms.get("attributes")), _names(terms.get("excludedAttributes"))
    if wanted:
        return {name: value for name, value in shown.items() if name.casefold() in wanted or name in _ALWAYS}
    return {name: value for name, value in shown.items() if name.casefold() not in unwanted or name in _ALWAYS}


def _names(text: str | None) -> frozenset[str]:
    parts = (text or "").replace(" ", "").split(",")
    plain = (part.removeprefix(say.USER + ":").removeprefix(say.GROUP + ":") for part in parts if part)
    return frozenset(part.partition(".")[0].casefold() for part in plain)


def _searched(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the terms of a POST search as a GET has them."""
    if body.get("schemas") != [say.SEARCH]:
        raise ScimRefusedError(400, "A search has the schema SearchRequest.", "invalidSyntax")
    return {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in body.items()
        if name != "schemas" and value is not None
    }


def _filter(text: str) -> list[tuple[str, str | bool]]:
    """Return the comparisons that must all hold. Raises ScimRefusedError for anything but `eq` joined by `and`."""
    found: list[tuple[str, str | bool]] = []
    at = 0
    while (term := _TERM.match(text, at)) is not None and len(found) < 8:
        value = term.group(2)
        name = term.group(1).removeprefix(say.USER + ":").removeprefix(say.GROUP + ":")
        found.append((name.casefold(), msgspec.json.decode(value)))
        at = term.end()
        if at == len(text):
            return found
        if text[at : at + 4].casefold() != "and ":
            break
        at += 4
    raise ScimRefusedError(400, "A filter compares attributes by eq, joined by and.", "invalidFilter")


def _fits(shown: Mapping[str, Any], name: str, value: str | bool) -> bool:  # noqa: FBT001 - a value compared
    first, _, rest = name.partition(".")
    held = next((item for key, item in shown.items() if key.casefold() == first), None)
    if isinstance(held, list):
        return any(each.get(rest or "value") == value for each in held)
    if isinstance(held, str) and isinstance(value, str) and first not in {"id", "externalid"}:
        return held.casefold() == value.casefold()
    return held is not None and held == value


def _only_get(asked: _Asked, answer: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    if asked.method not in {"GET", "HEAD"}:
        raise ScimRefusedError(405, "What the server says of itself is read only.")
    return 200, answer


def _described(asked: _Asked, kind: str, name: Sequence[str]) -> tuple[int, dict[str, Any]]:
    found = say.schemas(asked.base) if kind == "Schemas" else say.resource_types(asked.base)
    if "filter" in asked.query:
        raise ScimRefusedError(403, "What the server says of itself is not filtered (RFC 7644 section 4).")
    if not name:
        return _only_get(
            asked,
            {
                "schemas": [say.LIST],
                "totalResults": len(found),
                "startIndex": 1,
                "itemsPerPage": len(found),
                "Resources": found,
            },
        )
    one = next((each for each in found if each["id"] == name[0]), None)
    if one is None:
        raise ScimRefusedError(404, "There is no such description.")
    return _only_get(asked, one)


async def _body(scope: Scope, receive: Receive) -> dict[str, Any]:
    kinds = [value.partition(b";")[0].strip().lower() for name, value in scope["headers"] if name == b"content-type"]
    raw = await read_body(receive, MAX_BODY_BYTES)
    if not raw:
        return {}
    if len(kinds) != 1 or kinds[0] not in _TYPES:
        raise RefusalError(Refused(reason=Reason.MEDIA_TYPE_UNSUPPORTED))
    return parse(raw).value


def _host(headers: Sequence[tuple[bytes, bytes]]) -> str:
    return next((value.decode("ascii") for name, value in headers if name == b"host"), "localhost")


def _whole(text: str) -> int:
    try:
        return int(text[:9])
    except ValueError:
        raise ScimRefusedError(400, "startIndex and count are whole numbers.", "invalidValue") from None


def _error(status: int, detail: str, kind: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"schemas": [say.ERROR], "status": str(status), "detail": detail}
    return found if kind is None else {**found, "scimType": kind}
