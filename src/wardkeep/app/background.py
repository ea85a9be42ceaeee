"""Work that nobody waits for before the end of an instance; none of it ends unseen (45 CFR 164.312(b))."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field

from wardkeep.app.log import LogLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """The tasks of an instance that run beside its calls, kept until they end."""

    log: LogLine
    running: set[asyncio.Task[object]] = field(default_factory=set)

    def begin(self, work: Coroutine[object, object, object]) -> None:
        """Start work; when it fails, a log line says which and how. Its words stay out: they may be anybody's."""
        task = asyncio.create_task(work, name=getattr(work, "__name__", "work").strip("_"))
        self.running.add(task)
        task.add_done_callback(self._ended)

    async def end(self) -> None:
        """Wait for all of it."""
        await asyncio.gather(*self.running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[object]) -> None:
        self.running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.log("background_failed", task=task.get_name(), kind=type(error).__name__)
