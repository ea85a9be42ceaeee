"""Connects an instance with the witnesses of its policy, and publishes its log."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wardkeep.app.faces import Clock, LogLine
from wardkeep.audit.checkpoint import VerifierKey
from wardkeep.audit.errors import LedgerUnavailable, WitnessDisagrees, WitnessMisconfigured
from wardkeep.audit.ledger import SqliteLedger
from wardkeep.audit.verify import UnusableInput, read_policy
from wardkeep.audit.witnessing import Publisher, Witnesses, require_current
from wardkeep.settings import Settings
from wardkeep.storage.errors import StoreError
from wardkeep.transport.errors import TransportError
from wardkeep.transport.pool import Origin, Pool
from wardkeep.transport.tls import TlsDemands

_NANOSECONDS: Final = 1_000_000_000


def witnesses_for(settings: Settings, key: VerifierKey) -> Witnesses | None:
    """Return the witnesses that the settings name, or None.

    Raises:
        WitnessMisconfigured: the policy cannot be read, is another log's, or gives an address that cannot be used.
    """
    if not settings.ledger.policy:
        return None
    file = settings.path(settings.ledger.policy)
    try:
        policy = read_policy(file)
    except UnusableInput as error:
        raise WitnessMisconfigured(f"{error}. Correct the file that `ledger.policy` names") from error
    if (policy.log.name, policy.log.raw) != (key.name, key.public):
        raise WitnessMisconfigured(f"{file} is the policy of another log; its `log` line is this home's ledger.pub")
    authority = settings.path(settings.ledger.witness_authority) if settings.ledger.witness_authority else None
    try:
        pool = Pool(Origin(url=url, tls=TlsDemands(authority=authority)) for url in policy.urls.values())
    except (TransportError, OSError) as error:
        raise WitnessMisconfigured(f"{file}: an address cannot be used ({error})") from error
    return Witnesses(policy=policy, pool=pool)


async def require_witnessed(settings: Settings, ledger: SqliteLedger, *, is_quorum_required: bool) -> None:
    """Return when the witnesses agree that this is the newest log; see `require_current`."""
    witnesses = witnesses_for(settings, ledger.verifier_key)
    if witnesses is None:
        return
    try:
        await require_current(ledger, witnesses, is_quorum_required=is_quorum_required)
    finally:
        await witnesses.pool.close()


def publisher_for(settings: Settings, ledger: SqliteLedger, clock: Clock) -> Publisher | None:
    """Return what publishes the log and has it cosigned, when the settings ask for either."""
    witnesses = witnesses_for(settings, ledger.verifier_key)
    if witnesses is None and not settings.ledger.publish:
        return None
    return Publisher(
        log=ledger,
        directory=settings.log_directory,
        now_seconds=lambda: clock().mono_ns / _NANOSECONDS,
        witnesses=witnesses,
        fresh_at=clock().mono_ns / _NANOSECONDS,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishing:
    """The task that publishes, until the instance stops or a witness proves that it must."""

    publisher: Publisher
    interval_seconds: float
    stopping: asyncio.Event
    on_disagreement: Callable[[WitnessDisagrees], None]
    log: LogLine

    async def run(self) -> None:
        """Publish each new head; say what changes in the witnesses' answers."""
        told: dict[str, str] = {}
        while not self.stopping.is_set():
            try:
                await self.publisher.publish()
            except WitnessDisagrees as error:
                self.on_disagreement(error)
                return
            except (LedgerUnavailable, StoreError):
                self.log("publishing_failed")
            for name, refusal in self.publisher.refusals.items():
                if told.get(name, "") != refusal:
                    self.log("witness_answers" if not refusal else "witness_refuses", witness=name, answer=refusal)
                    told[name] = refusal
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), self.interval_seconds)
