"""What the register of destinations takes."""

from wardkeep.compliance.forms import ReasonForm
from wardkeep.model.destination import Carries, Destination, DestinationKind


class DestinationForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A place, whose it is, where, and under which agreement. Of a place that the settings name, they say the rest."""

    id: str
    party: str
    region: str
    agreement: str | None = None
    kind: DestinationKind = DestinationKind.OTHER
    where: str = "as the settings say"
    carries: Carries = Carries.CONTENT

    def destination(self) -> Destination:
        """Return the record; `destinations.state_destination` sets its author."""
        return Destination(
            id=self.id,
            kind=self.kind,
            where=self.where,
            carries=self.carries,
            party=self.party,
            region=self.region,
            agreement=self.agreement,
        )
