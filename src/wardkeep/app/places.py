"""Places that the settings of an instance name: what `compliance.destinations` makes its register from."""

import os
from urllib.parse import urlsplit

from wardkeep.audit.verify import UnusableInput, read_policy
from wardkeep.model.destination import Carries, DestinationKind, Place
from wardkeep.model.roots import AwsKmsPlace, VaultPlace
from wardkeep.settings import Settings
from wardkeep.storage.database_place import parse_place
from wardkeep.storage.errors import StoreMismatch

MACHINE = "machine"
ARCHIVE = "archive"
DATABASE = "database"
OWN = "own"


def places_of(settings: Settings) -> tuple[Place, ...]:
    """Return every place that the settings name, this machine first."""
    return (
        _machine(settings),
        *_database(settings),
        *_archive(settings),
        *_key_holder(settings),
        *_witnesses(settings),
        *_timestamps(settings),
        *_metrics(settings),
    )


def _machine(settings: Settings) -> Place:
    return Place(
        id=MACHINE,
        kind=DestinationKind.MACHINE,
        where=f"{os.uname().nodename}:{settings.home}",
        carries=Carries.CONTENT,
        is_here=True,
    )


def _database(settings: Settings) -> tuple[Place, ...]:
    """Return the database that holds the ledger: sealed payloads and the headers, which count as PHI."""
    wanted = settings.ledger
    if not wanted.database:
        return ()
    try:
        place = parse_place(wanted.database)
    except StoreMismatch:
        # Whoever opens the database refuses it, and says why.
        return ()
    is_own = wanted.database_agreement == OWN
    found = Place(
        id=DATABASE,
        kind=DestinationKind.DATABASE,
        where=", ".join(f"{host}:{port}" for host, port in place.hosts),
        carries=Carries.CONTENT,
        is_here=place.is_local or is_own,
        agreement=None if is_own else wanted.database_agreement or None,
    )
    return (found,)


def _archive(settings: Settings) -> tuple[Place, ...]:
    wanted = settings.ledger
    if not wanted.archive:
        return ()
    is_bucket = wanted.archive.startswith("s3://")
    place = Place(
        id=ARCHIVE,
        kind=DestinationKind.ARCHIVE,
        where=wanted.archive if is_bucket else str(settings.path(wanted.archive)),
        carries=Carries.HEADERS,
        is_here=not is_bucket,
        agreement=wanted.archive_agreement or None,
        region=wanted.archive_region or None,
    )
    return (place,)


def _key_holder(settings: Settings) -> tuple[Place, ...]:
    """Return who holds the root outside this machine: they see one key, wrapped and unwrapped, and no content."""
    kind, root = DestinationKind.KEY_HOLDER, settings.root_place
    if isinstance(root, AwsKmsPlace):
        where = _host(root.endpoint)
        return (Place(id="key_holder", kind=kind, where=where, carries=Carries.KEYS, region=root.region),)
    if isinstance(root, VaultPlace):
        return (Place(id="key_holder", kind=kind, where=_host(root.address), carries=Carries.KEYS),)
    return ()


def _witnesses(settings: Settings) -> tuple[Place, ...]:
    """Return the witnesses: they get heads of the log, which are hashes and sizes."""
    if not settings.ledger.policy:
        return ()
    try:
        urls = read_policy(settings.path(settings.ledger.policy)).urls
    except UnusableInput:
        # Whoever uses the policy refuses it, and says why.
        return ()
    return tuple(
        Place(id=f"witness.{number}", kind=DestinationKind.WITNESS, where=_host(url), carries=Carries.HEADS)
        for number, (_, url) in enumerate(sorted(urls.items()), 1)
    )


def _timestamps(settings: Settings) -> tuple[Place, ...]:
    url = settings.ledger.timestamp_authority
    if not url:
        return ()
    kind = DestinationKind.TIMESTAMP_AUTHORITY
    return (Place(id="timestamps", kind=kind, where=_host(url), carries=Carries.HEADS),)


def _metrics(settings: Settings) -> tuple[Place, ...]:
    """Return the operations port: whoever reaches it reads counts and no names."""
    where = f"{settings.listen.host}:{settings.listen.operations_port}"
    return (Place(id="metrics", kind=DestinationKind.METRICS, where=where, carries=Carries.COUNTS, is_here=True),)


def _host(url: str) -> str:
    return urlsplit(url).hostname or url
