"""What the handing-over part of the control plane takes and shows."""

import msgspec

from wardkeep.compliance.forms import Form, ReasonForm
from wardkeep.model.sink import ExportFormat, Sink


class ExportForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Entries start <= index < stop, to the ledger's end without `stop`. With `cursor` a job goes on as it began."""

    format: ExportFormat
    start: int = 0
    stop: int | None = None
    cursor: str | None = None


class SinkForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A destination of the record. Without `start` it gets what comes from now on."""

    id: str
    format: ExportFormat
    host: str
    port: int
    agreement: str
    party: str
    region: str
    start: int | None = None
    authority: str = ""
    may_end_plainly: bool = False

    def sink(self, size: int) -> Sink:
        """Return the record; `sinks.add_sink` sets its author."""
        return Sink(
            id=self.id,
            format=self.format,
            host=self.host,
            port=self.port,
            agreement=self.agreement,
            party=self.party,
            region=self.region,
            start=size if self.start is None else self.start,
            authority=self.authority,
            may_end_plainly=self.may_end_plainly,
        )


def sink_view(record: Sink, standing: dict[str, object], refused: str | None) -> dict[str, object]:
    """Return a sink, where it stands, and why nothing may be sent there."""
    shown: dict[str, object] = msgspec.to_builtins(record)
    return {**shown, **standing, "refused": refused}
