"""What calls used and cost, by workspace, identity and deployment, added up from the ledger.

The ledger alone is the source: a request record says who asked and where it went, its closing record how many tokens
the vendor reported. Each attempt counts for itself, because each is paid for. What a vendor did not report is counted
as unmetered, never guessed; what has no price is counted as unpriced, never as free.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

from wardkeep.audit.ledger import Ledger
from wardkeep.compliance.prices import price_on
from wardkeep.model.price import Price

_MILLION: Final = Decimal(1_000_000)
_ROUNDED: Final = Decimal("0.000001")


class _Header(msgspec.Struct, frozen=True):
    """What is read of a header."""

    type: str
    id: str
    at: str
    actor: str = ""
    workspace: str = ""
    deployment: str = ""
    model: str = ""
    parent: str = ""
    decision: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    detail: dict[str, str | int | bool] = {}


_DECODER: Final = msgspec.json.Decoder(_Header)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """Whose use a sum is. `person` is on whose behalf, empty where nobody was named."""

    workspace: str
    identity: str
    person: str
    deployment: str
    model: str


@dataclass(slots=True, kw_only=True)
class Sum:
    """What was used. `calls` are attempts that reached a record; `unmetered` those answered without a token count."""

    calls: int = 0
    answered: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    unmetered: int = 0
    unpriced: int = 0
    cost: dict[str, Decimal] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Account:
    """Adds headers up, in the order of the ledger. Days are the organisation's, both ends included."""

    first: date
    last: date
    zone: str
    prices: Iterable[Price]
    sums: dict[Whose, Sum] = field(default_factory=dict)
    _open: dict[str, tuple[Whose, date]] = field(default_factory=dict)
    is_past: bool = False

    def take(self, leaf: bytes) -> None:
        """Count one header, if it is a call's."""
        header = _DECODER.decode(leaf)
        if header.type == "request":
            self._begun(header)
        elif header.type in {"response", "aborted"} and (opened := self._open.pop(header.parent, None)) is not None:
            self._ended(header, *opened)

    @property
    def is_done(self) -> bool:
        """Whether nothing that is still to come can count: the days are over, and each of their calls is closed."""
        return self.is_past and not self._open

    def _begun(self, header: _Header) -> None:
        at = datetime.fromisoformat(header.at).astimezone(UTC)
        day = at.astimezone(ZoneInfo(self.zone)).date()
        self.is_past = day > self.last
        if not self.first <= day <= self.last:
            return
        person = header.detail.get("person", "")
        whose = Whose(
            workspace=header.workspace,
            identity=header.actor,
            person=str(person),
            deployment=header.deployment,
            model=header.model,
        )
        self.sums.setdefault(whose, Sum()).calls += 1
        self._open[header.id] = whose, day

    def _ended(self, header: _Header, whose: Whose, day: date) -> None:
        found = self.sums[whose]
        found.answered += header.decision == "answered"
        if header.tokens_in is None and header.tokens_out is None:
            found.unmetered += header.decision == "answered"
            return
        tokens_in, tokens_out = header.tokens_in or 0, header.tokens_out or 0
        found.tokens_in += tokens_in
        found.tokens_out += tokens_out
        price = price_on(self.prices, whose.deployment, day)
        if price is None:
            found.unpriced += 1
            return
        cost = (tokens_in * price.input_per_million + tokens_out * price.output_per_million) / _MILLION
        found.cost[price.currency] = found.cost.get(price.currency, Decimal(0)) + cost


class Adding(Protocol):
    """Adds headers up in the order of the ledger: `Account` by whose use it was, `reconciling.DailyAccount` by day.

    `take` is given each header of the days from `first` to `last`, and of some before and after, until `is_done`.
    """

    first: date
    last: date

    def take(self, leaf: bytes) -> None:
        """Count one header, if it counts."""

    @property
    def is_done(self) -> bool:
        """Whether nothing that is still to come can count."""


async def account(ledger: Ledger, size: int, into: Adding) -> None:
    """Add up the ledger's calls of the account's days. Raises LedgerUnavailable."""
    async for leaf in _leaves(ledger, await first_index(ledger, size, into.first), size):
        into.take(leaf)
        if into.is_done:
            return


async def _leaves(ledger: Ledger, start: int, stop: int) -> AsyncIterator[bytes]:
    async for entry in ledger.scan(start, stop):
        yield entry.header


async def first_index(ledger: Ledger, size: int, first: date) -> int:
    """Return an index before which no call from a day on stands, found by halving: entries stand in order of time.

    Clocks may step back by seconds, so it lies a day before the first. Raises LedgerUnavailable.
    """
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        entry = await ledger.read(middle)
        if entry is None:
            return low
        day = datetime.fromisoformat(_DECODER.decode(entry.header).at).astimezone(UTC).date()
        if (first - day).days > 1:
            low = middle + 1
        else:
            high = middle
    return low


def usage_view(sums: dict[Whose, Sum]) -> list[dict[str, object]]:
    """Return the sums as they are shown, the largest use first."""
    order = sorted(sums.items(), key=lambda item: (-item[1].tokens_in - item[1].tokens_out, item[0].workspace))
    return [
        {
            "workspace": whose.workspace,
            "identity": whose.identity,
            "person": whose.person,
            "deployment": whose.deployment,
            "model": whose.model,
            "calls": found.calls,
            "answered": found.answered,
            "tokens_in": found.tokens_in,
            "tokens_out": found.tokens_out,
            "unmetered": found.unmetered,
            "unpriced": found.unpriced,
            "cost": {name: f"{total.quantize(_ROUNDED):f}" for name, total in sorted(found.cost.items())},
        }
        for whose, found in order
    ]
