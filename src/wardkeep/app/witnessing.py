"""Connects an instance with the witnesses of its policy, and publishes its log."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wardkeep.app.faces import (
    Clock,
)
from wardkeep.app.log import LogLine
from wardkeep.audit.archive import Archiver, BucketArchive, DirectoryArchive
from wardkeep.audit.checkpoint import VerifierKey
from wardkeep.audit.errors import (
    ArchiveRefused,
    LedgerError,
    LedgerUnavailable,
    TimestampRefused,
    WitnessDisagrees,
    WitnessMisconfigured,
)
from wardkeep.audit.ledger import StoredLedger
from wardkeep.audit.tiles import read_checkpoint
from wardkeep.audit.timestamping import Timestamper
from wardkeep.audit.verify import UnusableInput, read_policy
from wardkeep.audit.witnessing import Publisher, Witnesses, require_current
from wardkeep.compliance.covering import not_in_force
from wardkeep.model.registry import Registry
from wardkeep.settings import Settings
from wardkeep.storage.errors import StoreError
from wardkeep.transport.errors import ObjectRefused, TransportError
from wardkeep.transport.pool import Origin, Pool
from wardkeep.transport.s3 import locked_bucket
from wardkeep.transport.tls import TlsDemands

_NANOSECONDS: Final = 1_000_000_000
_RETRY_SECONDS: Final = 10.0


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


async def require_witnessed(settings: Settings, ledger: StoredLedger, *, is_quorum_required: bool) -> None:
    """Return when the witnesses agree that this is the newest log; see `require_current`."""
    witnesses = witnesses_for(settings, ledger.verifier_key)
    if witnesses is None:
        return
    try:
        await require_current(ledger, witnesses, is_quorum_required=is_quorum_required)
    finally:
        await witnesses.pool.close()


def publisher_for(settings: Settings, ledger: StoredLedger, clock: Clock) -> Publisher | None:
    """Return what publishes the log and has it cosigned, when the settings ask for either."""
    witnesses = witnesses_for(settings, ledger.verifier_key)
    wanted = settings.ledger
    if witnesses is None and not (wanted.publish or wanted.timestamp_authority or wanted.archive):
        return None
    return Publisher(
        log=ledger,
        directory=settings.log_directory,
        now_seconds=lambda: clock().mono_ns / _NANOSECONDS,
        witnesses=witnesses,
        fresh_at=clock().mono_ns / _NANOSECONDS,
    )


def timestamper_for(settings: Settings) -> Timestamper | None:
    """Return what has heads stamped, when the settings name an authority.

    Raises:
        WitnessMisconfigured: its roots cannot be read or its address cannot be used.
    """
    url = settings.ledger.timestamp_authority
    if not url:
        return None
    try:
        roots = settings.path(settings.ledger.timestamp_roots).read_bytes()
        # Plain HTTP is usual for authorities: only a hash goes there, and what comes back is signed.
        pool = Pool([Origin(url=url, is_plain_allowed=True)])
    except (OSError, TransportError) as error:
        raise WitnessMisconfigured(f"`ledger.timestamp_authority` or its roots cannot be used ({error})") from error
    return Timestamper(url=url, roots=roots, pool=pool, directory=settings.log_directory)


def archiver_for(settings: Settings, registry: Registry, clock: Clock) -> Archiver | None:
    """Return what archives the log, when the settings name a place.

    Raises:
        ArchiveRefused: the place is S3, and no agreement is active for it, or its bucket does not lock objects.
    """
    place = settings.ledger
    if not place.archive:
        return None
    if not place.archive.startswith("s3://"):
        return Archiver(
            directory=settings.log_directory, archive=DirectoryArchive(directory=settings.path(place.archive))
        )
    organisation = registry.organisation
    today = None if organisation is None else clock().day_in(organisation.zone)
    because = "no day" if today is None else not_in_force(registry, place.archive_agreement, today)
    if because is not None:
        raise ArchiveRefused(
            f"`{place.archive_agreement}` opens nothing ({because}), and headers count as PHI (45 CFR 164.308(b)). "
            "Record and activate it with `wardkeep baa`, or archive to a directory"
        )
    try:
        bucket = locked_bucket(
            place.archive,
            endpoint=place.archive_endpoint,
            region=place.archive_region,
            keep_days=place.archive_days,
            now=lambda: clock().wall,
        )
    except ObjectRefused as error:
        raise ArchiveRefused(str(error)) from error
    return Archiver(directory=settings.log_directory, archive=BucketArchive(bucket=bucket))


@dataclass(slots=True, kw_only=True)
class Keeping:
    """Stamps and archives the published checkpoint, each in its own rhythm."""

    settings: Settings
    clock: Clock
    registry: Callable[[], Registry]
    log: LogLine
    timestamper: Timestamper | None
    stamped: int = 0
    archived: int = 0
    stamp_due: float = 0.0
    archive_due: float = 0.0

    async def turn(self) -> None:
        """Do what is due. Raises StoreError when the log's directory cannot be written."""
        now = self.clock().mono_ns / _NANOSECONDS
        note = await asyncio.to_thread(read_checkpoint, self.settings.log_directory)
        if note is None:
            return
        if self.timestamper is not None and now >= self.stamp_due:
            await self._stamp(self.timestamper, note, now)
        if self.settings.ledger.archive and now >= self.archive_due:
            await self._archive(now)

    async def _stamp(self, timestamper: Timestamper, note: bytes, now: float) -> None:
        try:
            self.stamped = (await timestamper.stamp(note)).size
            self.stamp_due = now + self.settings.ledger.timestamp_seconds
        except TimestampRefused:
            self.log("timestamp_refused")
            self.stamp_due = now + _RETRY_SECONDS

    async def _archive(self, now: float) -> None:
        try:
            # Looked at each time: an agreement that ended closes this road as any other.
            # In a thread from the first byte: a bucket is asked whether it locks before anything is put.
            self.archived = await asyncio.to_thread(self._push, self.registry())
            self.archive_due = now + self.settings.ledger.archive_seconds
        except (ArchiveRefused, LedgerUnavailable):
            self.log("archive_refused")
            self.archive_due = now + _RETRY_SECONDS

    def _push(self, registry: Registry) -> int:
        archiver = archiver_for(self.settings, registry, self.clock)
        return self.archived if archiver is None else archiver.push()


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishing:
    """The task that publishes, until the instance stops or a witness proves that it must."""

    publisher: Publisher
    keeping: Keeping
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
                await self.keeping.turn()
            except WitnessDisagrees as error:
                self.on_disagreement(error)
                return
            except (LedgerError, StoreError):
                self.log("publishing_failed")
            for name, refusal in self.publisher.refusals.items():
                if told.get(name, "") != refusal:
                    self.log("witness_answers" if not refusal else "witness_refuses", witness=name, answer=refusal)
                    told[name] = refusal
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), self.interval_seconds)
