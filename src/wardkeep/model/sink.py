"""Where the record is sent, as values: a destination with format, agreement and region (DESIGN section 6)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# How a scope names a destination of the record: this platform, and an endpoint of this form for its host.
SINK_PLATFORM: Final = "syslog"
SINK_ENDPOINT: Final = "syslog:"


class ExportFormat(StrEnum):
    """How entries are written for others."""

    JSONL = "jsonl"
    FHIR = "fhir"
    OCSF = "ocsf"
    CEF = "cef"
    ATNA = "atna"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """One receiver of headers, by syslog over TLS. Headers count as PHI: `agreement` and `region` say under what.

    `party` is the legal name of who receives them; the agreement must be with that party and name the host.
    `authority` is a PEM file (relative to home) in place of the public roots. `start` is the first entry it gets.
    `may_end_plainly` takes an ended connection for read although TLS's own goodbye is missing: a receiver that dies at
    that moment may then lose what it had read.
    """

    id: str
    format: ExportFormat
    host: str
    port: int
    agreement: str
    region: str
    start: int
    authority: str = ""
    may_end_plainly: bool = False
    party: str = ""
    added_by: str = ""
    removed_by: str | None = None

    @property
    def endpoint(self) -> str:
        """Return how a scope names this destination."""
        return f"{SINK_ENDPOINT}{self.host}"
