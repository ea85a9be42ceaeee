"""The types of an ASGI 3 application, as loose as the specification is; each face reads them once, at its edge."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
PEER_KEY: Final = "peer_key"
Application = Callable[[Any, Any, Any], Awaitable[None]]


def peer_key_in(scope: Scope) -> str | None:
    """Return the key whose possession the connection proved, as the guard put it; None where there was none."""
    found = scope.get("state", {}).get(PEER_KEY)
    return found if isinstance(found, str) else None
