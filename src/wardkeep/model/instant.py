"""When something happened: wall time, monotonic time and boot, taken together (DESIGN section 11: time).

Wall time is aware UTC. The monotonic clock tells order within one boot even when the wall clock is set. The clock is
always an argument; `settings.clock` reads the real one.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Instant:
    """One reading of the clocks. `wall_us` is microseconds since 1970 UTC, `mono_ns` nanoseconds since boot."""

    wall_us: int
    mono_ns: int
    boot: str

    @property
    def wall(self) -> datetime:
        """Aware UTC time."""
        return datetime.fromtimestamp(self.wall_us / 1_000_000, tz=UTC)

    @property
    def text(self) -> str:
        """RFC 3339 in UTC with microseconds, as the ledger writes it."""
        seconds, rest = divmod(self.wall_us, 1_000_000)
        return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%S}.{rest:06d}Z"

    def day_in(self, zone: str) -> date:
        """Return the calendar day in the organisation's zone: law's dates are counted there."""
        return self.wall.astimezone(ZoneInfo(zone)).date()


def uuid7(wall_us: int, randomness: bytes) -> bytes:
    """Return the 16 bytes of a UUIDv7 (RFC 9562 section 5.7) from a time and 10 random bytes."""
    head = (wall_us // 1000).to_bytes(6, "big")
    tail = bytearray(randomness)
    tail[0] = 0x70 | (tail[0] & 0x0F)
    tail[2] = 0x80 | (tail[2] & 0x3F)
    return head + bytes(tail)
