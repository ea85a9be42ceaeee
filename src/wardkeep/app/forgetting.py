"""Has what people gave the assistant forgotten in time, whether or not they come back (45 CFR 164.312(a)(2)(iii))."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

EVERY_SECONDS: Final = 30.0


async def keep_forgetting(
    forget: Callable[[], None], *, stopping: asyncio.Event, every_seconds: float = EVERY_SECONDS
) -> None:
    """Forget what is over, again and again, until told to stop."""
    while not stopping.is_set():
        forget()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), every_seconds)
