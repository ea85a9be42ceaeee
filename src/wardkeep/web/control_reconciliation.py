"""The part of the control API that holds vendors' usage reports against the ledger."""

import asyncio
from datetime import UTC, date
from functools import partial
from typing import Final

from wardkeep.compliance import forms as common
from wardkeep.compliance import reconciling
from wardkeep.compliance.inspecting import Checker
from wardkeep.compliance.terms import unknown
from wardkeep.model.reconciliation import Reconciliation, UsageLine
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route


class ReconciliationForm(common.Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Days (UTC) to compare; `lines` of a report in a file, or null to ask the vendor."""

    first: date
    last: date
    lines: tuple[UsageLine, ...] | None = None


async def _list(asked: Asked) -> object:
    held = asked.registry.reconciliations
    return {"reconciliations": [reconciling.reconciliation_view(each) for _, each in sorted(held.items())]}


async def _reconcile(asked: Asked, filled: ReconciliationForm) -> object:
    vendor = asked.words[0]
    if vendor not in asked.registry.vendors:
        raise unknown("vendor", "wardkeep route list")
    now = asked.app.clock().wall
    first, last = filled.first, filled.last
    reconciling.check_days(first, last, today=now.astimezone(UTC).date())
    checker = Checker(control=asked.app.control, keys=asked.app.keys, clock=asked.app.clock)
    lines, source = (filled.lines, "file") if filled.lines is not None else await checker.usage(vendor, first, last)
    lines = reconciling.check_lines(lines, first, last)
    daily = reconciling.DailyAccount(vendor=vendor, first=first, last=last)
    read_index = await asked.app.reader.account(by=asked.by, into=daily)
    found = await asyncio.to_thread(reconciling.differences, lines, daily.found)
    record = Reconciliation(
        id=f"{vendor}:{first.isoformat()}:{now:%Y%m%dT%H%M%S%fZ}",
        vendor=vendor,
        first=first,
        last=last,
        source=source,
        at=now,
        by="",
        lines=len(lines),
        differences=found,
    )
    plan = partial(reconciling.record_reconciliation, record=record)
    shown = {**reconciling.reconciliation_view(record), "by": asked.by.id, "read_index": read_index}
    return await change(asked, "usage.reconcile", filled.reason, plan, **shown)


async def _settle(asked: Asked, filled: common.ReasonForm) -> object:
    plan = partial(reconciling.settle_reconciliation, reconciliation=asked.words[0], reason=filled.reason)
    return await change(asked, "usage.settle", filled.reason, plan)


RECONCILIATION_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("reconciliations", Permission.LEDGER_READ, "usage.reconciliations", _list),
    post_route("vendors/{}/reconcile", Permission.ACTIVITY_REVIEW, "usage.reconcile", ReconciliationForm, _reconcile),
    post_route("reconciliations/{}/settle", Permission.ACTIVITY_REVIEW, "usage.settle", common.ReasonForm, _settle),
)
