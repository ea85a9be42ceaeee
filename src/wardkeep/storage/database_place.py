"""Where a PostgreSQL database is, read from the address that the settings give. Pure; the driver is not needed."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from wardkeep.storage.errors import StoreMismatch

_FORM: Final = "postgresql://USER@HOST[:PORT]/DATABASE or postgresql://USER@/DATABASE?host=/SOCKET/DIRECTORY"
_HOST: Final = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabasePlace:
    """Where a database is and as whom it is asked. Of several hosts the one that takes writes counts."""

    hosts: tuple[tuple[str, int], ...]
    user: str
    database: str

    @property
    def is_local(self) -> bool:
        """Whether every host is a Unix socket's directory."""
        return all(host.startswith("/") for host, _ in self.hosts)


def parse_place(url: str) -> DatabasePlace:
    """Return the place in `postgresql://USER@HOST[:PORT][,HOST[:PORT]]/DATABASE`, or `.../DATABASE?host=/SOCKET/DIR`.

    Raises:
        StoreMismatch: it is none, or holds a password, which belongs into a file of its own.
    """
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    database = unquote(parts.path.removeprefix("/"))
    query = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
    if ":" in user:
        raise StoreMismatch(
            "the database's address holds a password; it belongs into the file of `ledger.database_login`"
        )
    if parts.scheme != "postgresql" or not at or not user or not database or set(query) - {"host", "port"}:
        raise StoreMismatch(f"a database's address is {_FORM}")
    if "host" in query:
        directory = query["host"][-1]
        if hosts or not directory.startswith("/"):
            raise StoreMismatch("`host` in a database's address is the directory of a Unix socket, and stands alone")
        port = query.get("port", ["5432"])[-1]
        return DatabasePlace(hosts=((directory, _port(port)),), user=unquote(user), database=database)
    found = [_HOST.fullmatch(each) for each in hosts.split(",")]
    if None in found or query:
        raise StoreMismatch("a database's address names its hosts as HOST or HOST:PORT")
    pairs = tuple((one["host"].strip("[]"), _port(one["port"] or "5432")) for one in found if one is not None)
    return DatabasePlace(hosts=pairs, user=unquote(user), database=database)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise StoreMismatch("a database's port is 1 to 65535")
    return int(text)
