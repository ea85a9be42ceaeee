"""When each key was last used: seen where calls are admitted, for all workers, and kept through restarts.

On the path of every call, so it is one assignment; the file is told once a minute, and what a crash forgets is at most
that minute. Reviews of access read it ("not used for 90 days").
"""

from datetime import UTC, datetime
from typing import Final

from wardkeep.identity.sessions import Sessions
from wardkeep.storage.errors import StoreError

_EVERY_US: Final = 60 * 1_000_000
_PREFIX: Final = "key-used:"


class LastUse:
    """The last use of every key. Not thread-safe: the keeper's event loop owns it."""

    __slots__ = ("_fresh", "_kept", "_told_us")

    def __init__(self, kept: Sessions) -> None:
        self._kept = kept
        self._fresh: dict[str, int] = {}
        self._told_us = 0

    def note(self, key: str, now_us: int) -> None:
        """Note that a call of this key was admitted."""
        self._fresh[key] = now_us

    def at(self, key: str) -> datetime | None:
        """Return when the key was last used, None when never."""
        at_us = self._fresh.get(key)
        if at_us is None:
            at_us = self._kept.mark(_PREFIX + key)
        return datetime.fromtimestamp(at_us / 1e6, UTC) if at_us > 0 else None

    async def keep(self, now_us: int, *, is_last: bool = False) -> None:
        """Tell the file, when a minute has passed or this process ends; a disk that hangs holds nobody else up.

        Raises:
            StoreError: not kept; it is told again with what comes.
        """
        if not self._fresh or not (is_last or now_us - self._told_us >= _EVERY_US):
            return
        self._told_us = now_us
        fresh, self._fresh = self._fresh, {}
        try:
            await self._kept.advance_later({_PREFIX + key: at_us for key, at_us in fresh.items()})
        except StoreError:
            self._fresh = fresh | self._fresh
            raise
