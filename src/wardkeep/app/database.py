"""Where the ledger of a home is: `ledger.db`, or the PostgreSQL database that the settings name. Never both.

The password stands in a file of its own that nobody else may read, never in the settings (45 CFR 164.308(a)(5)(ii)(D)).
One instance at a time serves from a database: a second one is refused for as long as the first has its connection. What
else an instance knows (control tables, sessions, subject keys, search index) stays in its home directory.
"""

import ssl
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wardkeep.settings import Settings
from wardkeep.storage.database_place import parse_place
from wardkeep.storage.errors import StoreMismatch, StoreUnavailable
from wardkeep.storage.ledger_sqlite import LedgerFile
from wardkeep.storage.ledger_store import LedgerStore
from wardkeep.transport.tls import database_context

if TYPE_CHECKING:
    from wardkeep.storage._postgres import DatabaseLogin
    from wardkeep.storage.ledger_postgres import LedgerDatabase


_START_SECONDS: Final = 10.0
_BETWEEN_SECONDS: Final = 0.2


def opener_for(settings: Settings, origin: str) -> Callable[[], LedgerStore]:
    """Return what opens the ledger's store, as the only instance that does.

    Raises:
        StoreMismatch: the settings name a database that cannot be used as they say, or the home has a `ledger.db` too.
    """
    if not settings.ledger.database:
        return partial(LedgerFile, settings.ledger_path)
    if settings.ledger_path.exists():
        raise StoreMismatch(
            f"{settings.ledger_path} exists, and `ledger.database` names another place for the ledger. "
            "Move it into the database with `wardkeep ledger move`, or take the setting away"
        )
    login = login_for(settings)
    from wardkeep.storage.ledger_postgres import LedgerDatabase  # noqa: PLC0415 - asyncpg is an optional dependency

    open_now = partial(LedgerDatabase, login, origin=origin, is_exclusive=True)
    return _Patient(open_now=open_now, until=time.monotonic() + _START_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patient:
    """Opens the database; at the start of an instance it waits for one that is starting too.

    So long, too, for the lock of an instance that has just ended: the server may not have seen that yet.
    """

    open_now: Callable[[], LedgerStore]
    until: float

    def __call__(self) -> LedgerStore:
        """Open. Raises StoreError, at the start only when the time is up."""
        while True:
            try:
                return self.open_now()
            except StoreUnavailable:
                if time.monotonic() > self.until:
                    raise
            time.sleep(_BETWEEN_SECONDS)


def reader_for(settings: Settings, origin: str, *, answer_seconds: float) -> "LedgerDatabase":
    """Return the database beside an instance that may be serving from it. Raises StoreError."""
    login = replace(login_for(settings), answer_seconds=answer_seconds)
    from wardkeep.storage.ledger_postgres import LedgerDatabase  # noqa: PLC0415 - asyncpg is an optional dependency

    return LedgerDatabase(login, origin=origin)


def login_for(settings: Settings) -> "DatabaseLogin":
    """Return how the database of a home is reached. Raises StoreMismatch."""
    wanted = settings.ledger
    if not wanted.database:
        raise StoreMismatch("`ledger.database` in wardkeep.toml names no database")
    return login_of(
        wanted.database,
        settings.path(wanted.database_login) if wanted.database_login else None,
        settings.path(wanted.database_authority) if wanted.database_authority else None,
    )


def login_of(url: str, password_file: Path | None, authority: Path | None) -> "DatabaseLogin":
    """Return how a database is reached.

    Raises:
        StoreMismatch: the extra is missing, the address is none, or a file is absent, open to others or unusable.
    """
    if find_spec("asyncpg") is None:
        raise StoreMismatch("PostgreSQL needs the extra `postgres`: pip install 'wardkeep[postgres]'")
    from wardkeep.storage._postgres import DatabaseLogin  # noqa: PLC0415 - as above

    place = parse_place(url)
    password = "" if password_file is None else _read_password(password_file)
    try:
        tls = None if place.is_local else database_context(authority)
    except (OSError, ssl.SSLError) as error:
        raise StoreMismatch("`ledger.database_authority` cannot be read as PEM certificates") from error
    return DatabaseLogin(place=place, password=password, tls=tls)


def _read_password(file: Path) -> str:
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise StoreMismatch(f"others may read {file}, which holds the database's password: chmod go= {file}")
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreMismatch(f"the database's password cannot be read from {file}") from error
    return text.removesuffix("\n")
