"""Where each text of a request comes from: the application's own instructions, the user, or data that came along.

Walks the request as `Reading` counts it, by roles and block types of the wire formats. What no rule names takes the
origin of what it stands in; the default is the user, the one that is screened as somebody's word.
"""

from typing import Final

from wardkeep.model.guard import Origin

_BY_ROLE: Final = {
    "system": Origin.SYSTEM,
    "developer": Origin.SYSTEM,
    "user": Origin.USER,
    "assistant": Origin.HISTORY,
    "tool": Origin.TOOL,
    "function": Origin.TOOL,
}
_BY_TYPE: Final = {
    "tool_result": Origin.TOOL,
    "function_call_output": Origin.TOOL,
    "custom_tool_call_output": Origin.TOOL,
    "document": Origin.DOCUMENT,
    "search_result": Origin.DOCUMENT,
    "function_call": Origin.HISTORY,
    "custom_tool_call": Origin.HISTORY,
    "reasoning": Origin.HISTORY,
    "tool_use": Origin.HISTORY,
}
ATTACHED: Final = "[Attached"
"""How the text begins that stands for a file: data, in whatever block it is. Who writes so is screened as data."""
_BY_NAME: Final = {"system": Origin.SYSTEM, "instructions": Origin.SYSTEM}


def origins(body: dict[str, object]) -> dict[int, Origin]:
    """Return the origin of every string of a request body by its ordinal (`Document.replaced`)."""
    found: dict[int, Origin] = {}
    at = 0
    for name, value in body.items():
        at = _walk(value, at + 1, _BY_NAME.get(name, Origin.USER), found)
    return found


def _walk(value: object, at: int, origin: Origin, found: dict[int, Origin]) -> int:
    if isinstance(value, str):
        found[at] = Origin.DOCUMENT if value.startswith(ATTACHED) else origin
        return at + 1
    if isinstance(value, dict):
        role, kind = value.get("role"), value.get("type")
        if isinstance(role, str):
            origin = _BY_ROLE.get(role, origin)
        if isinstance(kind, str):
            origin = _BY_TYPE.get(kind, origin)
        for item in value.values():
            at = _walk(item, at + 1, origin, found)
        return at
    if isinstance(value, list):
        for item in value:
            at = _walk(item, at, origin, found)
        return at
    return at if value is None or isinstance(value, bool) else at + 1
