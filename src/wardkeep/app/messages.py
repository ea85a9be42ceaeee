"""What a worker and the keeper say to each other over their Unix socket: MessagePack arrays, one type each."""

from typing import Literal

import msgspec

from wardkeep.audit.entry import Draft, Kind
from wardkeep.model.registry import Registry

WireDraft = tuple[bytes, Kind, bytes, bytes | None, str, bytes | None, int | None]
WireAdmission = tuple[str, int, int]


class Append(msgspec.Struct, tag="append", array_like=True, frozen=True):
    """Make drafts durable; the first may have to be admitted."""

    drafts: list[WireDraft]
    admission: WireAdmission | None = None


class Join(msgspec.Struct, tag="join", array_like=True, frozen=True):
    """A worker starts: it names itself as owner and asks for keys and facts."""

    owner: str


class Refresh(msgspec.Struct, tag="refresh", array_like=True, frozen=True):
    """Ask for the registry as it is now."""


class Report(msgspec.Struct, tag="report", array_like=True, frozen=True):
    """A worker's counts so far."""

    owner: str
    counts: dict[str, float]


class Appended(msgspec.Struct, tag="appended", array_like=True, frozen=True):
    """The drafts are durable at these indices."""

    indices: list[int]


class Failed(msgspec.Struct, tag="failed", array_like=True, frozen=True):
    """The drafts were not taken. `reason` is set when the limits refused."""

    error: Literal["stale", "unavailable", "timeout", "malformed", "refused"]
    reason: str | None = None
    retry_after_seconds: int | None = None


class Welcome(msgspec.Struct, tag="welcome", array_like=True, frozen=True):
    """Keys for a worker (no root, tenant or signing key), the facts, and the ledger's newest time."""

    keys: bytes
    registry: Registry
    last_wall_us: int


class NewFacts(msgspec.Struct, tag="facts", array_like=True, frozen=True):
    """The registry, newer than before. Also pushed unasked."""

    registry: Registry


class Noted(msgspec.Struct, tag="noted", array_like=True, frozen=True):
    """Nothing to say."""


ToKeeper = Append | Join | Refresh | Report
ToWorker = Appended | Failed | Welcome | NewFacts | Noted


def to_wire(draft: Draft) -> WireDraft:
    """Return a draft as it travels."""
    return draft.id, draft.kind, draft.body, draft.payload, draft.owner, draft.closes, draft.facts_epoch


def from_wire(wire: WireDraft) -> Draft:
    """Return the draft that travelled."""
    return Draft(
        id=wire[0], kind=wire[1], body=wire[2], payload=wire[3], owner=wire[4], closes=wire[5], facts_epoch=wire[6]
    )
