"""What one process has seen of its deployments: which rest after failures, and how many retries it still allows itself.

A circuit breaker that only orders (`routing.order`): a deployment that fails five times in a row, or says how long to
stay away, is asked last until it has rested; then one call tries it, and it is back or rests longer. Retries of the
same deployment draw on a budget that ordinary calls fill, so that a vendor in trouble is not buried in repetitions.
"""

from dataclasses import dataclass, field
from typing import Final

from wardkeep.routing.order import WELL, Standing

_FAILURES: Final = 5
_REST_NS: Final = 10 * 1_000_000_000
_REST_MAX_NS: Final = 120 * 1_000_000_000
# One retry for ten calls in the long run, and a few for a process that has just started.
_RETRIES_A_CALL: Final = 0.1
_RETRIES_MAX: Final = 10.0


@dataclass(slots=True)
class _Seen:
    """The failures of one deployment since its last answer. It rests until `until_ns`, the `rests`-th time in a row."""

    failures: int = 0
    rests: int = 0
    until_ns: int = 0


@dataclass(slots=True)
class Health:
    """Counts failures by deployment. Not thread-safe: one event loop owns it. The clock is an argument."""

    _seen: dict[str, _Seen] = field(default_factory=dict)
    _retries: float = _RETRIES_MAX

    def standing(self, failed: tuple[str, ...], now_ns: int) -> Standing:
        """Return what an order is made of now."""
        if not self._seen and not failed:
            return WELL
        resting = frozenset(name for name, seen in self._seen.items() if seen.until_ns > now_ns)
        return Standing(failed=failed, resting=resting)

    def sent(self, deployment: str, now_ns: int, *, is_retry: bool) -> None:
        """Note that a call goes to a deployment. One that tries it after its rest is alone until it is answered."""
        if is_retry:
            self._retries -= 1
        else:
            self._retries = min(_RETRIES_MAX, self._retries + _RETRIES_A_CALL)
        seen = self._seen.get(deployment)
        if seen is not None and 0 < seen.until_ns <= now_ns:
            seen.until_ns = now_ns + _REST_NS

    def answered(self, deployment: str) -> None:
        """Note an answer: whatever was counted against the deployment is forgotten."""
        self._seen.pop(deployment, None)

    def failed(self, deployment: str, now_ns: int, stay_away_ns: int = 0) -> None:
        """Note a failure; `stay_away_ns` is for how long the vendor itself asks not to be called."""
        seen = self._seen.setdefault(deployment, _Seen())
        seen.failures += 1
        if seen.failures >= _FAILURES or seen.rests:
            rest = min(_REST_MAX_NS, _REST_NS << min(seen.rests, 8))
            seen.rests += 1
            seen.until_ns = now_ns + rest
        if stay_away_ns:
            seen.until_ns = max(seen.until_ns, now_ns + min(stay_away_ns, _REST_MAX_NS))

    def may_retry(self) -> bool:
        """Whether the budget allows one more call to a deployment that has failed this call already."""
        return self._retries >= 1
