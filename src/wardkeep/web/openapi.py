"""The control API's own description: OpenAPI 3.1, made from the routes and forms that answer (spec.openapis.org).

Nothing is written twice: a route that is not in `ROUTES` does not exist, and a form's schema is the type that the body
is read by. Answers are described by their shape only.
"""

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wardkeep.web.asked import ApiRoute


# All that a request can come to but 200. A failure of ours (500) is not among them: none is described, none expected.
_REFUSALS: Final = (
    (400, "The request is malformed, or a value in it is not one of those allowed."),
    (401, "There is no credential, or it opens nothing."),
    (403, "Not permitted to this person, or not in this way."),
    (404, "What is named does not exist."),
    (409, "It does not fit what is there: it exists already, or has another status."),
    (410, "It was destroyed by two people."),
    (413, "The request is too large."),
    (415, "The body is not JSON."),
    (429, "There were too many wrong answers; wait."),
    (503, "The record cannot be written or read now; nothing was done."),
)


class ErrorDetail(msgspec.Struct, frozen=True):
    """What happened, why, and what to do; `ledger_index` is where the refusal is recorded, if it is."""

    code: str
    what: str
    why: str
    fix: str
    ledger_index: int | None


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The one shape of every error."""

    error: ErrorDetail


def openapi_document(routes: "Sequence[ApiRoute]", *, prefix: str, version: str) -> dict[str, Any]:
    """Return the document as JSON can carry it."""
    forms = sorted({route.form for route in routes if route.form is not None}, key=lambda form: form.__name__)
    types = (*forms, ErrorAnswer)
    references, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    reference_of = dict(zip(types, references, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        body = reference_of[route.form] if route.form is not None else None
        operation = _operation(route, body, reference_of[ErrorAnswer])
        paths.setdefault(prefix + route.path.replace("{}", "{id}"), {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Wardkeep control API",
            "version": version,
            "description": "Every change is a ledger entry. What is not listed here is denied.",
        },
        "security": [{"personal": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "personal": {"type": "http", "scheme": "bearer", "description": "A personal credential, wk_user_..."}
            },
        },
    }


def _operation(route: "ApiRoute", body: dict[str, Any] | None, error: dict[str, Any]) -> dict[str, Any]:
    parameters = [_parameter("id", "path")] if "{}" in route.parts else []
    parameters += [_parameter(name, "query") for name in route.query]
    parameters += [_parameter(name, "query", is_required=False) for name in route.optional]
    operation: dict[str, Any] = {
        "operationId": route.name,
        "description": f"Needs the permission {route.permission.value}; a refusal is recorded.",
        "parameters": parameters,
        "responses": {
            "200": {"description": "Done, or shown.", "content": _json({"type": "object"})},
            **{str(status): {"description": told, "content": _json(error)} for status, told in _REFUSALS},
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _json(body)}
    return operation


def _parameter(name: str, place: str, *, is_required: bool = True) -> dict[str, Any]:
    return {"name": name, "in": place, "required": is_required, "schema": {"type": "string"}}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
