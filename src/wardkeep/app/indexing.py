"""Keeps the search index behind the ledger: every few seconds what is new, and once after the start all that is old."""

import asyncio
import contextlib
from typing import Final

from wardkeep.app.log import LogLine
from wardkeep.audit.errors import LedgerError
from wardkeep.audit.search import SearchIndex
from wardkeep.storage.errors import StoreError

_EVERY_SECONDS: Final = 2.0
# Comparing all that is old reads the whole ledger beside calls: a portion, then a rest.
_BETWEEN_SECONDS: Final = 0.05


async def keep_index(index: SearchIndex, stopping: asyncio.Event, log: LogLine) -> None:
    """Follow until told to stop. What fails is tried again at the next turn; a search says meanwhile that it cannot."""
    was_failing = False
    rebuilt = index.rebuilt
    while not stopping.is_set():
        is_failing = False
        try:
            await index.follow()
            while not stopping.is_set() and await index.check():
                await _pause(stopping, _BETWEEN_SECONDS)
        except (StoreError, LedgerError, OSError):
            # OSError: a damaged index could not be put away.
            is_failing = True
        if is_failing != was_failing:
            log("index_unavailable" if is_failing else "index_follows")
        if index.rebuilt != rebuilt:
            log("index_rebuilt")
        was_failing, rebuilt = is_failing, index.rebuilt
        await _pause(stopping, _EVERY_SECONDS)


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)
