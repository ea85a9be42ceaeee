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

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from wardkeep.compliance.prices import price_on
from wardkeep.model.budget import Budget, BudgetHolder, Period
from wardkeep.model.price import Price
from wardkeep.model.reasons import Reason
from wardkeep.model.registry import ApiKey, Registry

_MILLION: Final = Decimal(1_000_000)
_BYTES_A_TOKEN: Final = 2
# How attempts end whose vendor never had the request; whatever else happened to one, it may have to be paid.
_NOT_SENT: Final = frozenset(
    each.value for each in (Reason.VENDOR_UNREACHABLE, Reason.PEER_KEY_UNEXPECTED, Reason.CREDENTIAL_UNAVAILABLE)
)
_FOLLOWERS: Final = frozenset({"segment", "response", "aborted"})

Whose = tuple[str, str]
"""Kind and id: `("key", ...)`, `("person", ...)` or `("workspace", ...)`; an application's are its keys'."""


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

    def used(self, registry: Registry, budget: Budget, today: date) -> Use:
        """Return how much of a budget is used in the period that `today` is in."""
        sums = list(self._of(holders(registry, budget), budget.period, today))
        tokens = sum(each.sent + each.answered for _, _, each in sums)
        cost, is_unpriced = (None, False) if budget.cost is None else _cost(registry.prices.values(), budget, sums)
        shares = [0]
        if budget.tokens is not None:
            shares.append(_percent(Decimal(tokens), Decimal(budget.tokens)))
        if budget.cost is not None and cost is not None:
            shares.append(_percent(cost, budget.cost))
        return Use(tokens=tokens, cost=cost, percent=max(shares), is_unpriced=is_unpriced)

    def _of(self, whose: frozenset[Whose], period: Period, today: date) -> Iterable[tuple[date, str, _Tokens]]:
        label = period.label(today)
        for day, held in self.days.items():
            if period.label(day) == label:
                for each in whose & held.keys():
                    for deployment, tokens in held[each].items():
                        yield day, deployment, tokens

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

    def _forget_before(self, day: date) -> None:
        """Forget what no period that is still counted can ask for; calls may run over midnight, not over two days."""
        self._newest = day
        first = min(day.replace(day=1), day - timedelta(days=2))
        self.days = {each: held for each, held in self.days.items() if each >= first}
        self._running = {name: each for name, each in self._running.items() if each.day >= day - timedelta(days=2)}


def applying(registry: Registry, *, key: str, person: str, workspace: str) -> list[Budget]:
    """Return the budgets that a call counts for."""
    line = _line_of(registry.keys, key)
    found = registry.keys.get(key)
    return [
        each
        for _, each in sorted(registry.budgets.items())
        if (each.kind is BudgetHolder.KEY and each.holder in line)
        or (each.kind is BudgetHolder.APPLICATION and found is not None and each.holder == found.application)
        or (each.kind is BudgetHolder.PERSON and each.holder == person)
        or (each.kind is BudgetHolder.WORKSPACE and each.holder == workspace)
    ]


def holders(registry: Registry, budget: Budget) -> frozenset[Whose]:
    """Return under whose names in the ledger a budget's use stands."""
    match budget.kind:
        case BudgetHolder.KEY:
            return frozenset(("key", each) for each in registry.keys if budget.holder in _line_of(registry.keys, each))
        case BudgetHolder.APPLICATION:
            return frozenset(("key", each.id) for each in registry.keys.values() if each.application == budget.holder)
        case _:
            return frozenset({(budget.kind.value, budget.holder)})


def _line_of(keys: Mapping[str, ApiKey], key: str) -> frozenset[str]:
    """Return a key and those that it succeeded."""
    line = {key}
    found = keys.get(key)
    while found is not None and found.replaces is not None and found.replaces not in line:
        line.add(found.replaces)
        found = keys.get(found.replaces)
    return frozenset(line)


def _cost(prices: Iterable[Price], budget: Budget, sums: Iterable[tuple[date, str, _Tokens]]) -> tuple[Decimal, bool]:
    """Return the cost in the budget's currency, and whether something that was used has no price in it."""
    known = tuple(prices)
    total, is_unpriced = Decimal(0), False
    for day, deployment, tokens in sums:
        price = price_on(known, deployment, day)
        if price is None or price.currency != budget.currency:
            is_unpriced = is_unpriced or bool(tokens.sent or tokens.answered)
            continue
        total += (tokens.sent * price.input_per_million + tokens.answered * price.output_per_million) / _MILLION
    return total, is_unpriced


def _percent(used: Decimal, limit: Decimal) -> int:
    """Return whole percents, rounded down; a limit of nothing is used from the start."""
    return 100 if limit <= 0 else int(used * 100 / limit)
