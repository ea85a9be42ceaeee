"""Takes the steps of access reviews that time asks for (45 CFR 164.308(a)(4)(ii)(C)), each minute while it runs."""

import asyncio
import contextlib
from datetime import datetime
from typing import Final

from wardkeep.app.faces import Clock
from wardkeep.app.log import LogLine
from wardkeep.audit.errors import LedgerError
from wardkeep.compliance.access_reviews import Used
from wardkeep.compliance.control import Control
from wardkeep.compliance.errors import ComplianceError
from wardkeep.compliance.review_clock import tend

_EVERY_SECONDS: Final = 60.0


async def keep_reviews(
    control: Control, clock: Clock, used: Used, *, founded_at: datetime | None, stopping: asyncio.Event, log: LogLine,
    every_seconds: float = _EVERY_SECONDS,
) -> None:  # fmt: skip
    """Take what is due until told to stop, and say so. What cannot be recorded now is due again at the next look."""
    was_failing = False
    while not stopping.is_set():
        is_failing = False
        try:
            for due in await tend(control, clock, used, founded_at=founded_at):
                log("review_step", step=due.action, review=due.campaign, items=due.items)
        except (LedgerError, ComplianceError):
            is_failing = True
        if is_failing != was_failing:
            log("reviews_unavailable" if is_failing else "reviews_available")
        was_failing = is_failing
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), every_seconds)
