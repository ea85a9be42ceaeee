"""What a deployment's tokens cost: data that an officer puts on record, with its date and where it was read."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The price of a deployment's tokens from a day on, until a later price of the same deployment holds.

    `source` says where the figures were read (a contract, a price list), so that whoever doubts a sum can look.
    """

    id: str
    deployment: str
    currency: str
    input_per_million: Decimal
    output_per_million: Decimal
    from_day: date
    source: str
    added_by: str = ""
