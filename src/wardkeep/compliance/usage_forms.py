"""What the part of the control plane for prices and usage takes."""

from datetime import date
from decimal import Decimal

from wardkeep.compliance.forms import Form, ReasonForm
from wardkeep.model.price import Price


class PriceForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A price of a deployment's tokens, for a million of them, from a day on; `source` says where it was read."""

    id: str
    deployment: str
    currency: str
    input_per_million: Decimal
    output_per_million: Decimal
    from_day: date
    source: str

    def price(self) -> Price:
        """Return the record."""
        return Price(
            id=self.id,
            deployment=self.deployment,
            currency=self.currency,
            input_per_million=self.input_per_million,
            output_per_million=self.output_per_million,
            from_day=self.from_day,
            source=self.source,
        )


class RemovalForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A price taken away."""
