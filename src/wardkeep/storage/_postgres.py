"""One connection to PostgreSQL for one thread, that never waits longer than it was told.

The thread runs the driver's event loop while it waits, and nothing else runs in it. When the time is up the connection
is cut, not cancelled: a cancel request would have to reach the server that does not answer. Whether a commit that was
cut off stands is then told by the server that is reached next.

The server is verified (TLS 1.3, its certificate and name), except on a Unix socket, where the kernel says who asks.
Nothing is taken from the environment or from files of the user's home: only what the settings say counts.
"""

import ssl
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import asyncpg
import uvloop

from wardkeep.storage.database_place import DatabasePlace
from wardkeep.storage.errors import (
    EntryThere,
    StoreDamaged,
    StoreError,
    StoreMismatch,
    StoreUnavailable,
)

T = TypeVar("T")

ANSWER_SECONDS: Final = 1.8
_OLDEST_SERVER: Final = 140000
_MENDED_BY_OPERATOR: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidPasswordError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedFunctionError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.InvalidCatalogNameError,
)

_SESSION: Final = {
    "application_name": "wardkeep",
    "client_connection_check_interval": "1000",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "search_path": "pg_catalog",
    "jit": "off",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseLogin:
    """What a connection is made with. `tls` None is for Unix sockets only.

    `answer_seconds` is how long one exchange may take: a little less than the ledger's deadline.
    """

    place: DatabasePlace
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = None
    answer_seconds: float = ANSWER_SECONDS


class Line:
    """An open connection and the loop it is driven by. Used by the thread that opened it."""

    __slots__ = ("_loop", "_within", "connection")

    def __init__(self, login: DatabaseLogin) -> None:
        """Connect. Raises StoreUnavailable, or StoreMismatch where an operator has to mend something."""
        place = login.place
        within = self._within = login.answer_seconds
        limit_ms = int(within * 1000)
        # One that hangs in the middle of a batch holds the head; the server ends it, so that the others go on.
        limits = {
            "lock_timeout": str(limit_ms * 5 // 6),
            "statement_timeout": str(limit_ms * 3),
            "idle_in_transaction_session_timeout": str(limit_ms),
        }
        if login.tls is None and not place.is_local:
            raise StoreMismatch("a database on another machine is reached by TLS only (45 CFR 164.312(e)(1))")
        self._loop = uvloop.new_event_loop()
        try:
            with translated():
                self.connection: asyncpg.Connection = self._loop.run_until_complete(
                    asyncpg.connect(
                        host=[host for host, _ in place.hosts],
                        port=[port for _, port in place.hosts],
                        user=place.user,
                        database=place.database,
                        # The driver would look into the environment and the user's home for what is None.
                        password=login.password,
                        ssl=login.tls if login.tls is not None else False,
                        timeout=within,
                        server_settings=_SESSION | limits,
                        target_session_attrs="read-write",
                    )
                )
        except BaseException:
            self._end()
            raise

    def ask(self, work: Coroutine[Any, Any, T], *, within: float | None = None) -> T:
        """Run `work` on the connection and return its result; cut the connection when it takes too long."""
        late = self._loop.call_later(within or self._within, self.connection.terminate)
        try:
            with translated():
                return self._loop.run_until_complete(work)
        finally:
            late.cancel()

    def require_durable(self) -> None:
        """Raise StoreMismatch unless what this server commits is on its disk."""

        async def look() -> None:
            row = await self.connection.fetchrow(
                "SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS pages, "
                "current_setting('server_version_num')::int AS version, current_setting('synchronous_commit') AS sync"
            )
            if row["version"] < _OLDEST_SERVER:
                raise StoreMismatch("the database server is older than PostgreSQL 14")
            if row["fsync"] != "on" or row["pages"] != "on":
                raise StoreMismatch("the database server does not sync what it commits: set fsync, full_page_writes")
            if row["sync"] == "off":
                await self.connection.execute("SET synchronous_commit = on")

        self.ask(look())

    def close(self) -> None:
        """Let the connection go without waiting for a server that may not answer."""
        if not self._loop.is_closed():
            self.connection.terminate()
            self._end()

    def _end(self) -> None:
        # One turn for the transport to close; nothing else is left to run.
        self._loop.call_soon(self._loop.stop)
        self._loop.run_forever()
        self._loop.close()


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into this package's, without their texts, which may quote values."""
    try:
        yield
    except StoreError:
        raise
    except asyncpg.UniqueViolationError as error:
        raise EntryThere("a row is stored already") from error
    except (asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError) as error:
        raise StoreDamaged("the database says that its files are damaged") from error
    except _MENDED_BY_OPERATOR as error:
        raise StoreMismatch(f"the database refuses this role or was not prepared ({type(error).__name__})") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError) as error:
        raise StoreUnavailable(f"the database failed or does not answer ({type(error).__name__})") from error
