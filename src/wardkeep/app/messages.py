"""What a worker and the keeper say to each other over their Unix socket: MessagePack arrays, one type each."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from wardkeep.app.gathering import Wanted
from wardkeep.model.registry import Registry


class Append(msgspec.Struct, tag="append", array_like=True, frozen=True):
    """Make drafts durable: what one turn of a worker's event loop appended."""

    wanted: list[Wanted]


class Join(msgspec.Struct, tag="join", array_like=True, frozen=True):
    """A worker starts: it names itself as owner and asks for keys and facts."""

    owner: str


class Refresh(msgspec.Struct, tag="refresh", array_like=True, frozen=True):
    """Ask for the registry as it is now."""


class Report(msgspec.Struct, tag="report", array_like=True, frozen=True):
    """A worker's counts so far."""

    owner: str
    counts: dict[str, float]


class Forgot(msgspec.Struct, tag="forgot", array_like=True, frozen=True):
    """A worker has done what `Forget` or `NewKeys` of that number asked."""

    number: int


class Durable(msgspec.Struct, tag="durable", array_like=True, frozen=True):
    """The drafts of one append are durable at these indices."""

    indices: Sequence[int]


class Failed(msgspec.Struct, tag="failed", array_like=True, frozen=True):
    """The drafts of one append were not taken. `reason` is set when the limits refused."""

    error: Literal["stale", "unavailable", "timeout", "malformed", "refused"]
    reason: str | None = None
    retry_after_seconds: int | None = None


class Appended(msgspec.Struct, tag="appended", array_like=True, frozen=True):
    """What became of each append of a message, in order."""

    outcomes: list[Durable | Failed]


class Welcome(msgspec.Struct, tag="welcome", array_like=True, frozen=True):
    """Keys for a worker (no root, tenant or signing key), the facts, and the ledger's newest time."""

    keys: bytes
    registry: Registry
    last_wall_us: int


class NewFacts(msgspec.Struct, tag="facts", array_like=True, frozen=True):
    """The registry, newer than before. Also pushed unasked."""

    registry: Registry


class Forget(msgspec.Struct, tag="forget", array_like=True, frozen=True):
    """A subject's keys are about to be destroyed: nothing more is sealed under them. Pushed; answered by `Forgot`."""

    number: int
    tag: bytes


class NewKeys(msgspec.Struct, tag="keys", array_like=True, frozen=True):
    """The keys to hold from now on, as in `Welcome`: an epoch comes, begins, or goes. Pushed; answered by `Forgot`."""

    number: int
    keys: bytes


class Noted(msgspec.Struct, tag="noted", array_like=True, frozen=True):
    """Nothing to say."""


ToKeeper = Append | Join | Refresh | Report | Forgot
ToWorker = Appended | Welcome | NewFacts | Forget | NewKeys | Noted
