"""Gives reminders while the instance runs (45 CFR 164.308(a)(5)(ii)(A)): once an hour, the first after five minutes."""

import asyncio
import contextlib
from datetime import date
from typing import Final

from wardkeep.app.faces import Clock
from wardkeep.app.log import LogLine
from wardkeep.audit.errors import LedgerError
from wardkeep.compliance.control import Control
from wardkeep.compliance.errors import ComplianceError
from wardkeep.compliance.reminders import tend
from wardkeep.crypto.certificate import read_certificate
from wardkeep.crypto.errors import CryptoError
from wardkeep.settings import Settings

# A start is no time for it: who starts an instance to mend it is not written over with reminders.
FIRST_SECONDS: Final = 300.0
_EVERY_SECONDS: Final = 3600.0


async def keep_reminders(
    control: Control, clock: Clock, settings: Settings, *, stopping: asyncio.Event, log: LogLine,
    first_seconds: float = FIRST_SECONDS,
) -> None:  # fmt: skip
    """Give what is due until told to stop. What cannot be recorded now is due again at the next look."""
    wait = first_seconds
    while not stopping.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), wait)
            return
        wait = _EVERY_SECONDS
        try:
            until = await asyncio.to_thread(_certificate_until, settings)
            given = await tend(control, clock, certificate_until=until)
            if given:
                log("reminders_given", count=given)
        except (LedgerError, ComplianceError):
            log("reminders_unavailable")


def _certificate_until(settings: Settings) -> date | None:
    """Return the last whole day of the server's certificate."""
    if not settings.is_tls_on:
        return None
    try:
        return read_certificate(settings.path(settings.tls.certificate)).not_after.date()
    except CryptoError:
        return None  # `doctor` says so, and no face would have started with it
