"""Holds calls against budgets in the one place that orders them, and tells in time that one is nearly used.

The sums are the ledger's: counted from it when the first budget is on record (and at each start), then from every entry
as it becomes durable. While they are being counted, calls that have a budget wait outside; the others are not touched.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from wardkeep.app.faces import Clock
from wardkeep.app.log import LogLine
from wardkeep.audit.errors import LedgerError
from wardkeep.audit.ledger import StoredLedger
from wardkeep.compliance.budget_index import BudgetIndex, index_budgets
from wardkeep.compliance.budgets import due_marks
from wardkeep.compliance.control import Control
from wardkeep.compliance.errors import ComplianceError
from wardkeep.compliance.spending import Spending, Use
from wardkeep.compliance.usage import first_index
from wardkeep.gateway.record import Admission
from wardkeep.model.budget import Budget
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import Registry

HOST: Final = "host"
_PORTION: Final = 1024
LOOK_SECONDS: Final = 5.0


@dataclass(slots=True, kw_only=True)
class Budgets:
    """The budgets of one instance. One event loop owns it."""

    ledger: StoredLedger
    registry: Callable[[], Registry]
    spending: Spending | None = None
    _index: BudgetIndex | None = None
    _meanwhile: list[tuple[int, bytes]] | None = None
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)

    def follow(self, registry: Registry) -> None:
        """Begin to count where there is a budget now and nothing was counted."""
        if registry.budgets and self.spending is None:
            self._wanted.set()

    def note(self, index: int, header: bytes) -> None:
        """Count an entry that has just become durable."""
        if self._meanwhile is not None:
            self._meanwhile.append((index, header))
        elif self.spending is not None:
            self.spending.take(header)

    async def note_each(self, indices: Sequence[int]) -> None:
        """Count entries that the ledger itself has written: calls that it closed for a process that died."""
        if self.spending is None and self._meanwhile is None:
            return
        try:
            for index, header, _ in await self.ledger.leaves_at(indices):
                self.note(index, header)
        except LedgerError:
            self.spending = None  # what is not known is counted again

    def index(self, registry: Registry) -> BudgetIndex:
        """Return the index of the registry as it is now; it is made anew only after a change that it depends on."""
        if self._index is None or not self._index.is_of(registry):
            self._index = index_budgets(registry)
        return self._index

    def refusal(self, admission: Admission, now: Instant) -> Refused | None:
        """Return why a call is not begun, or None. Care in a declared emergency is counted, and never held up."""
        registry = self.registry()
        if not registry.budgets or admission.is_emergency:
            return None
        index = self.index(registry)
        found = index.applying(key=admission.key, person=admission.person, workspace=admission.workspace)
        if not found:
            return None
        today = _today(registry, now)
        if self.spending is None or today is None:
            return Refused(reason=Reason.BUDGET_COUNTING, retry_after_seconds=1)
        for each in found:
            reason = self.spending.used(index, each, today).refusal
            if reason is not None:
                return Refused(reason=reason)
        return None

    def standing(self, budget: Budget, now: Instant) -> tuple[Use, str] | None:
        """Return what is used of a budget and in which period, or None while it is being counted."""
        registry = self.registry()
        today = _today(registry, now)
        if self.spending is None or today is None:
            return None
        return self.spending.used(self.index(registry), budget, today), budget.period.label(today)

    async def count(self, now: Instant) -> None:
        """Count the ledger's calls of this month, and what comes meanwhile after them. Raises LedgerError."""
        registry = self.registry()
        today = _today(registry, now)
        if registry.organisation is None or today is None:
            return
        fresh = Spending(zone=registry.organisation.zone)
        self._meanwhile = []
        try:
            size = (await self.ledger.head()).size
            # A day before the month: a call may run over midnight.
            at = await first_index(self.ledger, size, today.replace(day=1) - timedelta(days=1))
            while at < size:
                leaves = await self.ledger.leaves(at, min(at + _PORTION, size))
                if not leaves:
                    break
                for header, _ in leaves:
                    fresh.take(header)
                at += len(leaves)
            for index, header in self._meanwhile:
                if index >= size:
                    fresh.take(header)
            self.spending = fresh
        finally:
            self._meanwhile = None

    async def wait_wanted(self) -> None:
        """Return when there is something to count."""
        await self._wanted.wait()


async def keep_budgets(
    budgets: Budgets, control: Control, clock: Clock, *, stopping: asyncio.Event, log: LogLine,
    look_seconds: float = LOOK_SECONDS,
) -> None:  # fmt: skip
    """Count when a budget appears, and tell once a period when four fifths, or all, of one are used."""
    stopped = asyncio.create_task(stopping.wait())
    wanted = asyncio.create_task(budgets.wait_wanted())
    await asyncio.wait((stopped, wanted), return_when=asyncio.FIRST_COMPLETED)
    wanted.cancel()
    while not stopping.is_set():
        try:
            if budgets.spending is None:
                await budgets.count(clock())
            await _tell(budgets, control, clock(), log)
        except (LedgerError, ComplianceError):
            log("budgets_unavailable")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), look_seconds)
    stopped.cancel()


async def _tell(budgets: Budgets, control: Control, now: Instant, log: LogLine) -> None:
    registry = control.registry
    today = _today(registry, now)
    if today is None or budgets.spending is None:
        return
    index = budgets.index(registry)
    used = {name: budgets.spending.used(index, each, today) for name, each in registry.budgets.items()}
    marks = due_marks(registry, used, today)
    if marks:
        await control.change(
            by=HOST, action="budget.tell", reason="a budget is nearly used",
            plan=lambda current: due_marks(current, used, today),
        )  # fmt: skip
        log("budgets_told", count=len(marks))


def _today(registry: Registry, now: Instant) -> date | None:
    return None if registry.organisation is None else now.day_in(registry.organisation.zone)
