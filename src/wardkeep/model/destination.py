"""Every place that the product sends data to or keeps it in, as values (45 CFR 164.308(b), 164.314(a); DESIGN 6).

A place that holds PHI is a business associate's, also where all it holds is sealed and it has no key (HHS guidance on
cloud computing, 2016), unless it is the organisation's own.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# How a scope names such a place: this platform, and an endpoint of this form for its id in the register.
PLACE_PLATFORM: Final = "place"
PLACE_ENDPOINT: Final = "place:"


class Carries(StrEnum):
    """What goes there. Prompts, answers and headers of the record count as PHI; keys and hashes of heads do not."""

    CONTENT = "content"
    HEADERS = "headers"
    WORKFORCE = "workforce"
    KEYS = "keys"
    HEADS = "heads"
    COUNTS = "counts"

    @property
    def is_phi(self) -> bool:
        """Whether PHI can be in it."""
        return self in {Carries.CONTENT, Carries.HEADERS}


class DestinationKind(StrEnum):
    """What a place is to us."""

    MACHINE = "machine"
    DATABASE = "database"
    BACKUP = "backup"
    ARCHIVE = "archive"
    SINK = "sink"
    VENDOR = "vendor"
    IDENTITY_PROVIDER = "identity_provider"
    WITNESS = "witness"
    TIMESTAMP_AUTHORITY = "timestamp_authority"
    KEY_HOLDER = "key_holder"
    METRICS = "metrics"
    LOG = "log"
    MAIL = "mail"
    OTHER = "other"


class Gate(StrEnum):
    """Where a place is held to its agreement."""

    START = "start"
    EACH_CALL = "each_call"
    EACH_DELIVERY = "each_delivery"
    NOT_NEEDED = "not_needed"
    STATED = "stated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place that the settings of this instance name. `agreement` and `region` are what the settings say of it.

    `is_here`: it is a disk of this machine, which is the organisation's own until an officer says whose it is.
    """

    id: str
    kind: DestinationKind
    where: str
    carries: Carries
    is_here: bool = False
    agreement: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """What officers say of a place: whose it is, where, and under which agreement. `id` is a place's, or a new one."""

    id: str
    kind: DestinationKind
    where: str
    carries: Carries
    party: str
    region: str
    agreement: str | None
    added_by: str = ""
    withdrawn_by: str | None = None

    @property
    def endpoint(self) -> str:
        """Return how a scope names this place."""
        return f"{PLACE_ENDPOINT}{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One row of the register. `refused` says why nothing may go there today; None where nothing stands against it.

    `made_from` is `settings`, `record` (of a deployment, sink or identity provider) or `officer`.
    """

    id: str
    kind: DestinationKind
    where: str
    carries: Carries
    made_from: str
    gate: Gate
    party: str | None = None
    region: str | None = None
    agreement: str | None = None
    refused: str | None = None
    note: str | None = None
