"""Has vendors asked while the instance runs: each deployment that was ever checked, once a day (164.308(a)(8)).

Whoever checks a deployment for the first time knows how its vendor is asked; from then on drift is found without them.
"""

import asyncio
import contextlib
from datetime import timedelta
from typing import Final

from wardkeep.app.log import LogLine
from wardkeep.audit.errors import LedgerError
from wardkeep.compliance.errors import ComplianceError
from wardkeep.compliance.inspecting import Checker
from wardkeep.crypto.errors import CryptoError

FIRST_SECONDS: Final = 600.0
_EVERY_SECONDS: Final = 3600.0
_AGAIN_AFTER: Final = timedelta(hours=24)
_HOST: Final = "host"
# What may end one deployment's check; what a vendor tells may be of any shape, and must not end the others' checks.
_OWN: Final = (
    LedgerError, ComplianceError, CryptoError, OSError, TypeError, ValueError, LookupError, AttributeError,
)  # fmt: skip


async def keep_checks(
    checker: Checker, *, stopping: asyncio.Event, log: LogLine, first_seconds: float = FIRST_SECONDS
) -> None:
    """Check what is due until told to stop. What cannot be recorded now is due again at the next look."""
    wait = first_seconds
    while not stopping.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), wait)
            return
        wait = _EVERY_SECONDS
        await check_due(checker, stopping=stopping, log=log)


async def check_due(checker: Checker, *, stopping: asyncio.Event, log: LogLine) -> None:
    """Check each deployment whose newest check is a day old, one after the other."""
    for name, newest in sorted(checker.control.registry.route_checks.items()):
        if stopping.is_set():
            return
        if checker.clock().wall - newest.at < _AGAIN_AFTER:
            continue
        try:
            found = await checker.check(name, by=_HOST)
        except _OWN as error:
            log("check_unavailable", deployment=name, kind=type(error).__name__)
            continue
        if found["closed"] and not newest.is_closed:
            log("route_drifted", deployment=name)
