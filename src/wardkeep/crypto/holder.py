"""What a root that is held elsewhere needs of the road there: one request, one answer, in a bounded time.

`crypto` opens no sockets; `app` hands in a function that does (`transport/asking.py`). An answer's text is never quoted
in an error: it may repeat what was sent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from json import JSONDecodeError, loads
from typing import Any, Final, TypeAlias

from wardkeep.crypto.errors import KeyHolderFailed
from wardkeep.model.sensitive import Secret

OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderRequest:
    """One request to who holds the root; the body may carry a key, and travels over TLS only."""

    method: str
    path: str
    headers: tuple[tuple[str, str | Secret[str]], ...]
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderAnswer:
    """What came back."""

    status: int
    body: bytes = field(repr=False)

    def document(self) -> Mapping[str, Any]:
        """Return the body as a JSON object. Raises KeyHolderFailed."""
        try:
            document = loads(self.body) if self.body else {}
        except (JSONDecodeError, UnicodeDecodeError):
            document = None
        if not isinstance(document, dict):
            raise KeyHolderFailed(
                f"who holds the root key answered {self.status} with something else than JSON",
                fix="See whether the address in `keys.root` is the key holder's and not a proxy's.",
            )
        return document


Send: TypeAlias = Callable[[HolderRequest], HolderAnswer]
"""Sends one request and returns the answer within some seconds; raises KeyHolderFailed when there is none."""
