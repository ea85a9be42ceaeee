"""What is used of budgets, added up from ledger headers as they become durable. Pure: no clock, no store.

The ledger is the one account (`compliance.usage` reads the same): whoever counts it again comes to the same sums, so
nothing is lost with a process and nothing differs between workers. Every attempt counts, because every attempt is paid
for; it counts on the day on which it was begun.

Where a vendor told no token count (a stream whose client does not ask, a client that leaves), a budget is charged one
token for each two bytes that were sealed of the call, as long as they were before they were packed. That is more than
it was: leaving out the count, or leaving, is no way around a budget, and neither is text that repeats itself. Charged
is every ending but those in which the vendor never had the request, or answered with an error. `compliance.usage` still
calls such calls unmetered, and never guesses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from wardkeep.compliance.budget_index import BudgetIndex, Whose
from wardkeep.model.budget import Budget, Period
from wardkeep.model.reasons import Reason

_MILLION: Final = Decimal(1_000_000)
_BYTES_A_TOKEN: Final = 2
# How attempts end whose vendor never had the request; whatever else happened to one, it may have to be paid.
_NOT_SENT: Final = frozenset(
    each.value for each in (Reason.VENDOR_UNREACHABLE, Reason.PEER_KEY_UNEXPECTED, Reason.CREDENTIAL_UNAVAILABLE)
)
_FOLLOWERS: Final = frozenset({"segment", "response", "aborted"})


class _Header(msgspec.Struct, frozen=True):
    """What is read of a header."""

    type: str
    id: str
    at: str
    actor: str = ""
    workspace: str = ""
    deployment: str = ""
    parent: str = ""
    decision: str = ""
    status: int = 200
    ct_len: int = 0
    len: int = 0
    tokens_in: int | None = None
    tokens_out: int | None = None
    detail: dict[str, str | int | bool] = {}

    @property
    def length(self) -> int:
        """How long the text is, rounded up. The ciphertext tells it only where texts were not packed yet."""
        return self.len or self.ct_len


_DECODER: Final = msgspec.json.Decoder(_Header)


@dataclass(slots=True)
class _Tokens:
    """Tokens of one holder at one deployment on one day."""

    sent: int = 0
    answered: int = 0


@dataclass(slots=True)
class _Running:
    """A call that has begun: whose it is, and how much of it was sealed."""

    day: date
    whose: tuple[Whose, ...]
    deployment: str
    bytes_in: int
    bytes_out: int = 0


@dataclass(slots=True)
class _Sum:
    """What one budget's holders used in one period, kept as calls end. A cost only where the budget has a currency."""

    index: BudgetIndex
    whose: frozenset[Whose]
    period: Period
    label: str
    currency: str | None
    tokens: int = 0
    cost: Decimal = Decimal(0)
    is_unpriced: bool = False

    def is_for(self, index: BudgetIndex, budget: Budget, label: str) -> bool:
        """Whether it is still the sum of a budget, whatever else of the registry has changed."""
        if (self.period, self.label, self.whose) != (budget.period, label, index.holders(budget)):
            return False
        if self.currency != (None if budget.cost is None else budget.currency):
            return False
        if self.currency is not None and self.index.prices is not index.prices:
            return False
        self.index = index
        return True

    def add(self, day: date, deployment: str, sent: int, answered: int) -> None:
        """Add what was used of a deployment on a day."""
        self.tokens += sent + answered
        if self.currency is None:
            return
        price = self.index.price_on(deployment, day)
        if price is None or price.currency != self.currency:
            self.is_unpriced = self.is_unpriced or bool(sent or answered)
            return
        self.cost += (sent * price.input_per_million + answered * price.output_per_million) / _MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How much of a budget is used. `percent` is of the nearer limit; `is_unpriced` where a cost cannot be reckoned."""

    tokens: int
    cost: Decimal | None
    percent: int
    is_unpriced: bool

    @property
    def refusal(self) -> Reason | None:
        """Why no further call is begun, or None."""
        if self.percent >= 100:
            return Reason.BUDGET_EXHAUSTED
        return Reason.BUDGET_UNPRICED if self.is_unpriced else None


@dataclass(slots=True, kw_only=True)
class Spending:
    """The sums of the current month and of what is begun. `take` wants each header once, in the order of the ledger."""

    zone: str
    days: dict[date, dict[Whose, dict[str, _Tokens]]] = field(default_factory=dict)
    _running: dict[str, _Running] = field(default_factory=dict)
    _newest: date = date.min
    _sums: dict[str, _Sum] = field(default_factory=dict)
    _followed: dict[Whose, dict[str, _Sum]] = field(default_factory=dict)
    _budgets: Mapping[str, Budget] = field(default_factory=dict)

    def take(self, leaf: bytes) -> None:
        """Count one header, if it is a call's."""
        header = _DECODER.decode(leaf)
        if header.type == "request":
            self._begin(header)
        elif header.type in _FOLLOWERS and (found := self._running.get(header.parent)) is not None:
            found.bytes_out += header.length
            if header.type != "segment":
                del self._running[header.parent]
                self._end(header, found)

    def used(self, index: BudgetIndex, budget: Budget, today: date) -> Use:
        """Return how much of a budget is used in the period that `today` is in.

        The days are added up when a budget, its holders, prices or period are new; from then on calls add themselves.
        """
        held = self._sums.get(budget.id)
        label = budget.period.label(today)
        if held is None or not held.is_for(index, budget, label):
            held = self._added_up(index, budget, label)
        shares = [0]
        if budget.tokens is not None:
            shares.append(_percent(Decimal(held.tokens), Decimal(budget.tokens)))
        if budget.cost is not None:
            shares.append(_percent(held.cost, budget.cost))
        cost = None if budget.cost is None else held.cost
        return Use(tokens=held.tokens, cost=cost, percent=max(shares), is_unpriced=held.is_unpriced)

    def _added_up(self, index: BudgetIndex, budget: Budget, label: str) -> _Sum:
        """Return the sum of a budget from the days, and have the calls that end from now on add themselves."""
        if index.budgets is not self._budgets:
            self._budgets = index.budgets
            for gone in self._sums.keys() - index.budgets.keys():
                self._unfollow(gone)
        self._unfollow(budget.id)
        currency = None if budget.cost is None else budget.currency
        held = _Sum(index, index.holders(budget), budget.period, label, currency)
        for day, used in self.days.items():
            if budget.period.label(day) == label:
                for each in held.whose & used.keys():
                    for deployment, tokens in used[each].items():
                        held.add(day, deployment, tokens.sent, tokens.answered)
        self._sums[budget.id] = held
        for each in held.whose:
            self._followed.setdefault(each, {})[budget.id] = held
        return held

    def _unfollow(self, budget: str) -> None:
        held = self._sums.pop(budget, None)
        for each in () if held is None else held.whose:
            del self._followed[each][budget]

    def _begin(self, header: _Header) -> None:
        day = datetime.fromisoformat(header.at).astimezone(UTC).astimezone(ZoneInfo(self.zone)).date()
        if day > self._newest:
            self._forget_before(day)
        kind, _, key = header.actor.partition(":")
        whose: list[Whose] = [("workspace", header.workspace)]
        if kind == "key":
            whose.append(("key", key))
        person = header.detail.get("person", "")
        if person:
            whose.append(("person", str(person)))
        self._running[header.id] = _Running(day, tuple(whose), header.deployment, header.length)

    def _end(self, header: _Header, found: _Running) -> None:
        sent, answered = header.tokens_in, header.tokens_out
        if sent is None and answered is None:
            if header.status >= 400 or (header.decision in _NOT_SENT and found.bytes_out <= header.length):
                return
            sent = -(-found.bytes_in // _BYTES_A_TOKEN)
            answered = -(-found.bytes_out // _BYTES_A_TOKEN)
        held = self.days.setdefault(found.day, {})
        for each in found.whose:
            tokens = held.setdefault(each, {}).setdefault(found.deployment, _Tokens())
            tokens.sent += sent or 0
            tokens.answered += answered or 0
            for sums in self._followed.get(each, {}).values():
                if sums.period.label(found.day) == sums.label:
                    sums.add(found.day, found.deployment, sent or 0, answered or 0)

    def _forget_before(self, day: date) -> None:
        """Forget what no period that is still counted can ask for; calls may run over midnight, not over two days."""
        self._newest = day
        first = min(day.replace(day=1), day - timedelta(days=2))
        self.days = {each: held for each, held in self.days.items() if each >= first}
        self._running = {name: each for name, each in self._running.items() if each.day >= day - timedelta(days=2)}


def _percent(used: Decimal, limit: Decimal) -> int:
    """Return whole percents, rounded down; a limit of nothing is used from the start."""
    return 100 if limit <= 0 else int(used * 100 / limit)
