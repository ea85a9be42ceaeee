"""Opens a review of activity each week when nobody did (45 CFR 164.308(a)(1)(ii)(D)), so that signals wait for people.

It picks by the standing thresholds, and judges nothing: what it opens is overdue when nobody signs it off.
"""

import asyncio
import contextlib
from datetime import datetime
from typing import Final

from wardkeep.app.faces import Clock
from wardkeep.app.log import LogLine
from wardkeep.audit.errors import LedgerError
from wardkeep.audit.search import SearchIndex
from wardkeep.compliance.activity_review import HOST, host_review, is_neglected, next_start, pick
from wardkeep.compliance.control import Control
from wardkeep.compliance.errors import ComplianceError
from wardkeep.model.activity import Thresholds
from wardkeep.storage.errors import StoreError

SAMPLE: Final = 25
# A start is no time for it: the index is compared with the ledger first, and who mends is not written over.
FIRST_SECONDS: Final = 600.0
_EVERY_SECONDS: Final = 3600.0


async def keep_activity_reviews(
    control: Control, index: SearchIndex, clock: Clock, *, founded_at: datetime | None, stopping: asyncio.Event,
    log: LogLine, first_seconds: float = FIRST_SECONDS,
) -> None:  # fmt: skip
    """Open what is due until told to stop. What cannot be picked now is due again at the next look."""
    wait = first_seconds
    while not stopping.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), wait)
            return
        wait = _EVERY_SECONDS
        try:
            opened = await open_due(control, index, clock, founded_at=founded_at)
            if opened is not None:
                log("activity_review_opened", review=opened)
        except (LedgerError, StoreError, ComplianceError):
            log("activity_review_unavailable")


async def open_due(control: Control, index: SearchIndex, clock: Clock, *, founded_at: datetime | None) -> str | None:
    """Open a review when none was for a week; return its id. Raises LedgerError, StoreError, ComplianceError."""
    registry, now = control.registry, clock()
    organisation = registry.organisation
    if organisation is None or not is_neglected(registry, founded_at=founded_at, now=now.wall):
        return None
    picked = await pick(
        index, start=next_start(registry), sample=SAMPLE, thresholds=Thresholds(), zone=organisation.zone
    )
    today = now.day_in(organisation.zone)
    name = f"week-of-{today.isoformat()}"
    await control.change(
        by=HOST, action="activity.open", reason="activity is reviewed every week",
        plan=lambda current: host_review(current, review=name, picked=picked, sample=SAMPLE, today=today),
    )  # fmt: skip
    return name
