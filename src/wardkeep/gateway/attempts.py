"""How one call is tried more than once: when another attempt is right, where it may go, and how long it waits.

After a byte was sent nothing is tried again by itself, unless the vendor answered with an error (DESIGN section 11): a
vendor that fell silent may have acted, and may yet. Each attempt takes the whole road again, with its own gate and its
own record, so that what changed in between (a suspension, a revoked key) holds for it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from wardkeep.gateway.health import Health
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import Route
from wardkeep.model.stages import Call
from wardkeep.transport.errors import TransportError

# The vendor's own answers that another deployment, or a later try, may not give: its credential, its load, its faults.
_ELSEWHERE: Final = frozenset({401, 408, 429})
_WAIT_SECONDS: Final = 0.25
_WAIT_MAX_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An attempt that left the vendor's side without an answer to the question.

    `is_repeatable` says that the same deployment may be asked again; `after_seconds` is how long it asks to be left.
    """

    deployment: str
    is_repeatable: bool
    after_seconds: float = 0.0


def of_status(deployment: str, status: int, retry_after: bytes | None) -> Failure | None:
    """Return the failure that an error status is, or None for the caller's own (4xx), which no other place mends."""
    if status < 400 or (status < 500 and status not in _ELSEWHERE):
        return None
    after = int(retry_after) if retry_after is not None and retry_after.isdigit() and len(retry_after) < 6 else 0
    return Failure(deployment=deployment, is_repeatable=status != 401, after_seconds=float(after))


def of_error(deployment: str, error: TransportError) -> Failure | None:
    """Return the failure that an error of the transport is, or None when a byte was sent: then nothing is repeated."""
    return None if error.may_have_sent else Failure(deployment=deployment, is_repeatable=True)


def of_refusal(deployment: str, refused: Refused) -> Failure | None:
    """Return the failure of a deployment whose credential cannot be used, which is found before a byte is sent."""
    if refused.reason is not Reason.CREDENTIAL_UNAVAILABLE:
        return None
    return Failure(deployment=deployment, is_repeatable=False)


@dataclass(slots=True, kw_only=True)
class Attempts:
    """The attempts of one call so far. `number` is the one under way or next."""

    call: Call
    number: int = 1
    failures: dict[str, Failure] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[str, ...]:
        """The deployments that have failed this call, in the order in which they may be asked again."""
        return tuple(sorted(self.failures, key=lambda name: not self.failures[name].is_repeatable))

    def may_go_on(self, route: Route, failure: Failure | None, now_ns: int) -> bool:
        """Note how an attempt ended; return whether the route allows another one."""
        if failure is None or self.number >= route.attempts:
            return False
        if self.is_late(route, now_ns):
            return False
        self.failures.pop(failure.deployment, None)
        self.failures[failure.deployment] = failure
        self.number += 1
        return True

    def is_late(self, route: Route, now_ns: int) -> bool:
        """Whether no attempt may begin any more."""
        return now_ns - self.call.received.mono_ns > route.attempt_seconds * 1_000_000_000

    async def may_ask(self, deployment: str, health: Health, pause: Callable[[float], Awaitable[None]]) -> bool:
        """Return whether the deployment chosen may be asked now; one that failed before only after a wait.

        The wait is the vendor's own wish, or doubles with each attempt; its length varies from call to call, so that
        calls that failed together do not come back together.
        """
        before = self.failures.get(deployment)
        if before is None:
            return True
        if not before.is_repeatable or not health.may_retry() or before.after_seconds > _WAIT_MAX_SECONDS:
            return False
        share = 0.5 + int.from_bytes(self.call.id[-2:], "big") / 131_072
        await pause(max(before.after_seconds, min(_WAIT_MAX_SECONDS, _WAIT_SECONDS * 2**self.number * share)))
        return True
