"""Rate and concurrency by key: a token bucket and a count of open calls, with one owner for all workers (DESIGN 11)."""

from dataclasses import dataclass, field

from wardkeep.gateway.record import Admission
from wardkeep.model.reasons import Reason, Refused


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_ns: int
    open_calls: set[bytes] = field(default_factory=set)


class Limits:
    """Admits requests and forgets them when their entry is closed. Not thread-safe: one event loop owns it."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}
        self._key_of: dict[bytes, str] = {}

    def admit(self, call_id: bytes, admission: Admission, now_ns: int) -> Refused | None:
        """Count one request in, or say why not. Asking again for a call that is in costs nothing."""
        if call_id in self._key_of:
            return None
        rate = admission.calls_per_minute / 60
        burst = max(1.0, admission.calls_per_minute / 6)
        bucket = self._buckets.setdefault(admission.key, _Bucket(burst, now_ns))
        bucket.tokens = min(burst, bucket.tokens + (now_ns - bucket.at_ns) / 1e9 * rate)
        bucket.at_ns = now_ns
        if len(bucket.open_calls) >= admission.calls_at_once:
            return Refused(reason=Reason.CONCURRENCY_LIMITED, retry_after_seconds=1)
        if bucket.tokens < 1:
            return Refused(reason=Reason.RATE_LIMITED, retry_after_seconds=max(1, round((1 - bucket.tokens) / rate)))
        bucket.tokens -= 1
        bucket.open_calls.add(call_id)
        self._key_of[call_id] = admission.key
        return None

    def release(self, call_id: bytes) -> None:
        """Count one call out."""
        key = self._key_of.pop(call_id, None)
        if key is not None:
            self._buckets[key].open_calls.discard(call_id)
