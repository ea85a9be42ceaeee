"""Bootstrap settings from `<home>/wardkeep.toml`, and the real clock.

Only what is needed before the control tables can be read: addresses, TLS, the root key's source, limits, log format
(DESIGN section 11). Everything else is a control record, each change of which is a ledger entry. An unknown key is
refused with its line, because a misspelt safeguard is a missing one; a key that looks like a secret is refused,
because files are copied into tickets and backups.
"""

import hashlib
import ipaddress
import json
import os
import re
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final, get_type_hints

import msgspec

from wardkeep.model.instant import Instant
from wardkeep.model.roots import RootMalformed, RootPlace, parse_root

FILE_NAME: Final = "wardkeep.toml"

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_SECRET_KEY: Final = re.compile(r"(?i)passw|passphrase$|secret|token|credential|api_?key|private")
_SECRET_VALUE: Final = re.compile(r"wk_(live|user|glass|scim)_|\bsk-|PRIVATE KEY|\bAKIA")
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|[0-9a-f:]+")
_LARGEST_PORT: Final = 65_535
_LARGEST_BODY: Final = 32 * 1024 * 1024


class SettingsInvalid(Exception):  # noqa: N818 - named for the state found
    """The settings file is wrong. The operator mends the line that the sentence names."""


class TlsMode(StrEnum):
    """`auto`: plain HTTP on loopback only, TLS on every other address. `off` is refused elsewhere."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class ClientCertificates(StrEnum):
    """What a port does with callers' certificates: never asks, takes and checks what is shown, or demands one of all.

    `required` closes the port to whoever has none, browsers and identity providers included.
    """

    IGNORED = "ignored"
    ACCEPTED = "accepted"
    REQUIRED = "required"


class LogFormat(StrEnum):
    """How log lines are written."""

    JSON = "json"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the faces listen. `hosts` are the names that clients may call us by (rebinding, RFC 9112 section 3.2)."""

    host: str = "127.0.0.1"
    data_port: int = 8787
    console_port: int = 8788
    operations_port: int = 8789
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Certificate of the listening side, and what callers show; paths are relative to the home directory.

    `client_authority` is the PEM file of who issues callers' certificates: `init`'s local authority, or your own.
    Whoever holds its key can make certificates that get past TLS, but none that is bound to anybody here.
    """

    mode: TlsMode = TlsMode.AUTO
    certificate: str = "tls/server.crt"
    key: str = "tls/server.key"
    client_authority: str = "tls/ca.crt"
    data_clients: ClientCertificates = ClientCertificates.ACCEPTED
    console_clients: ClientCertificates = ClientCertificates.IGNORED


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Where the root key is held: a line of `model/roots.py`.

    Whoever reads that file or variable, or may ask that key holder, and has the wrapped keys, opens all that is sealed.
    """

    root: str = "file:root.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds that keep the gateway available. Raising them costs memory a request."""

    max_body_bytes: int = 4 * 1024 * 1024
    header_seconds: int = 10
    body_seconds: int = 30
    keep_alive_seconds: int = 15
    connections: int = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """How the process logs. No setting makes it log content."""

    format: LogFormat = LogFormat.JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    """What is made of the ledger for others. It stands here, because it is asked before the records are believed.

    `policy` is a file of the C2SP tlog-policy form (relative to home): log key, witnesses, quorum. With it the instance
    asks the witnesses at start, and offers every new head to them. `publish` writes tiles below `log/` without one.
    `timestamp_authority` is a URL (RFC 3161), `timestamp_roots` the PEM file that its certificate must come from.
    `archive` is a directory or `s3://bucket/prefix`; the latter needs `archive_agreement`, an active agreement's id.
    `database` is the address of a PostgreSQL database that the ledger is kept in instead of `ledger.db`, as
    `postgresql://USER@HOST[:PORT]/DATABASE` or `postgresql://USER@/DATABASE?host=/SOCKET/DIRECTORY`;
    `database_login` is a file, readable by nobody else, with the password; `database_authority` the PEM file that the
    server's certificate must come from (else the system's roots); `database_agreement` the active agreement under which
    another party runs the host, or `own` for the organisation's: what the database holds counts as PHI.
    `spool` is an absolute path of a directory on another disk than the home, where a declared emergency keeps records
    while the ledger is down; without it there is no emergency mode.
    `archive_days` is how long S3 locks what it is given: six years (45 CFR 164.316(b)(2)(i)), leap days included.
    """

    policy: str = ""
    publish: bool = False
    publish_seconds: int = 5
    witness_authority: str = ""
    timestamp_authority: str = ""
    timestamp_roots: str = ""
    timestamp_seconds: int = 3600
    database: str = ""
    database_login: str = ""
    database_authority: str = ""
    database_agreement: str = ""
    archive: str = ""
    archive_agreement: str = ""
    archive_endpoint: str = ""
    archive_region: str = ""
    archive_seconds: int = 300
    archive_days: int = 2192
    spool: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one instance. `workers` 0 means one a core."""

    home: Path
    workers: int = 0
    listen: Listen = field(default_factory=Listen)
    tls: Tls = field(default_factory=Tls)
    keys: Keys = field(default_factory=Keys)
    limits: Limits = field(default_factory=Limits)
    log: Log = field(default_factory=Log)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)

    @property
    def is_tls_on(self) -> bool:
        """Whether the listening side speaks TLS (45 CFR 164.312(e)(1)): always, except on loopback."""
        if self.tls.mode is TlsMode.AUTO:
            return not is_loopback(self.listen.host)
        return self.tls.mode is TlsMode.ON

    @property
    def ledger_path(self) -> Path:
        """The ledger store."""
        return self.home / "ledger.db"

    @property
    def log_directory(self) -> Path:
        """Tiles, bundles and checkpoints of the ledger, for auditors and archives."""
        return self.home / "log"

    @property
    def ledger_public_key_path(self) -> Path:
        """The key that verifies the ledger's checkpoints; copy it elsewhere."""
        return self.home / "ledger.pub"

    @property
    def control_path(self) -> Path:
        """The control store."""
        return self.home / "control.db"

    @property
    def sessions_path(self) -> Path:
        """Who is signed in, and the counters of second factors."""
        return self.home / "sessions.db"

    @property
    def spool_path(self) -> Path | None:
        """Where records wait in a declared emergency; named for the home, so that two instances never share one."""
        if not self.ledger.spool:
            return None
        name = hashlib.sha256(str(self.home.resolve()).encode()).hexdigest()[:16]
        return Path(self.ledger.spool) / f"wardkeep-{name}.spool"

    @property
    def search_path(self) -> Path:
        """The search index: made from the ledger, and made anew when it is deleted."""
        return self.home / "search.db"

    @property
    def breached_path(self) -> Path:
        """A list of known breached passwords, when the operator put one there (`identity.breached`)."""
        return self.home / "breached-passwords.txt"

    @property
    def wrapped_keys_path(self) -> Path:
        """The wrapped tenant and epoch keys: useless without the root, and everything is lost without them."""
        return self.home / "keys.json"

    @property
    def subjects_path(self) -> Path:
        """The subject keys, wrapped; never part of a data backup."""
        return self.home / "subjects.db"

    @property
    def subject_seal_path(self) -> Path:
        """What the subject keys are wrapped under; each shred replaces it. Never part of a data backup."""
        return self.home / "subjects.seal"

    @property
    def root_place(self) -> RootPlace:
        """Where the root key is held."""
        return parse_root(self.keys.root)

    @property
    def run_directory(self) -> Path:
        """Where sockets and the process id live."""
        return self.home / "run"

    @property
    def admin_socket_path(self) -> Path:
        """The socket that the command line talks to."""
        return self.run_directory / "admin.sock"

    @property
    def credentials_directory(self) -> Path:
        """Where `init` puts the officers' credentials, until they are moved to their owners."""
        return self.home / "credentials"

    @property
    def authority_key_path(self) -> Path:
        """The key of `init`'s local authority, with which client certificates are issued; an own PKI has none here."""
        return self.home / "tls" / "ca.key"

    def path(self, name: str) -> Path:
        """Return a configured path: relative ones are inside the home directory."""
        return self.home / name


def load(home: Path) -> Settings:
    """Return the settings of a home directory.

    Raises:
        SettingsInvalid: the file is absent, is not TOML, or has an unknown, secret-looking or impossible value.
    """
    path = home / FILE_NAME
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise SettingsInvalid(
            f"{path} cannot be read ({error.strerror}). "
            f"Run `wardkeep init --home {home}` first, or name the right --home."
        ) from error
    except UnicodeDecodeError:
        raise SettingsInvalid(f"{path} is not UTF-8 text. Save it as UTF-8.") from None
    return parse(text, home)


def parse(text: str, home: Path) -> Settings:
    """Return the settings in a TOML text. Raises SettingsInvalid, naming the line."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"{FILE_NAME} is not valid TOML: {error}.") from None
    _refuse_secrets(document, text)
    _refuse_unknown(document, Settings, text)
    try:
        settings = msgspec.convert({**document, "home": str(home)}, Settings, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise SettingsInvalid(
            f"{FILE_NAME}: {error}. The defaults are in the comments that `wardkeep init` writes."
        ) from None
    _check(settings)
    return settings


def replace_root(text: str, line: str) -> str | None:
    """Return the settings text with another `keys.root` and nothing else changed; None where that cannot be done."""
    old = tomllib.loads(text)
    section = re.search(r"(?m)^[ \t]*\[keys\][^\n]*\n(?:(?![ \t]*\[)[^\n]*\n)*?(?=[ \t]*root[ \t]*=)", text)
    if section is None:
        return None
    end = text.find("\n", section.end())
    changed = f"{text[: section.end()]}root = {json.dumps(line)}{text[end:] if end >= 0 else ''}"
    try:
        wanted = {**old, "keys": {**old["keys"], "root": line}}
        return changed if tomllib.loads(changed) == wanted else None
    except tomllib.TOMLDecodeError:
        return None


def write_root(home: Path, line: str) -> bool:
    """Name another root in the settings file, whole or not at all; return whether the file names it now.

    An operator may keep the file where it cannot be written; then it is theirs to change.
    """
    path = home / FILE_NAME
    temporary = path.with_name(f".{FILE_NAME}.new")
    try:
        changed = replace_root(path.read_text("utf-8"), line)
        if changed is None:
            return False
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(changed)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except (OSError, UnicodeDecodeError):
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@cache
def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        # Without it, monotonic times of different boots cannot be told apart, and say so.
        return "unknown"


def clock() -> Instant:
    """Return one reading of the real clocks."""
    return Instant(time.time_ns() // 1000, time.monotonic_ns(), _boot_id())


def _path(wanted: type, value: Any) -> Any:
    if wanted is Path:
        return Path(value)
    raise NotImplementedError


def _refuse_unknown(document: Mapping[str, Any], model: Any, text: str, section: str = "") -> None:
    hints = get_type_hints(model)
    known = {each.name for each in fields(model)} - {"home"}
    for key, value in document.items():
        where = f"{section}{key}"
        if key not in known:
            raise SettingsInvalid(
                f"{FILE_NAME}{_line(text, key)}: `{where}` is not a setting. Known here: {', '.join(sorted(known))}."
            )
        if is_dataclass(hints[key]):
            if not isinstance(value, dict):
                raise SettingsInvalid(f"{FILE_NAME}{_line(text, key)}: `{where}` is a section; write [{where}].")
            _refuse_unknown(value, hints[key], text, f"{where}.")


def _refuse_secrets(document: Mapping[str, Any], text: str) -> None:
    for key, value in document.items():
        if isinstance(value, dict):
            _refuse_secrets(value, text)
        elif _SECRET_KEY.search(key) or (isinstance(value, str) and _SECRET_VALUE.search(value)):
            raise SettingsInvalid(
                f"{FILE_NAME}{_line(text, key)}: this looks like a secret, and secrets never stand in this file. "
                "Give the root by `keys.root`, and vendor credentials by `wardkeep route add --credential-file`."
            )


def _line(text: str, key: str) -> str:
    """Return `, line N` of the first line that sets or opens the key."""
    pattern = re.compile(rf"""\s*(\[+\s*(.*\.)?)?["']?{re.escape(key)}["']?\s*(=|\]|\.)""")
    for number, line in enumerate(text.splitlines(), 1):
        if pattern.match(line):
            return f", line {number}"
    return ""


def _check(settings: Settings) -> None:
    listen, limits = settings.listen, settings.limits
    ports = (listen.data_port, listen.console_port, listen.operations_port)
    _demand(all(0 <= port <= _LARGEST_PORT for port in ports), "listen ports are 0 (any) to 65535")
    chosen = [port for port in ports if port]
    _demand(len(set(chosen)) == len(chosen), "the three listen ports are different")
    _demand(bool(listen.hosts), "listen.hosts names at least one host")
    _demand(all(_HOST.fullmatch(name) for name in listen.hosts), "listen.hosts are lower-case names without port")
    _demand(0 <= settings.workers <= 256, "workers is 0 (one a core) to 256")
    _demand(1024 <= limits.max_body_bytes <= _LARGEST_BODY, "limits.max_body_bytes is 1024 to 33554432")
    seconds = (limits.header_seconds, limits.body_seconds, limits.keep_alive_seconds)
    _demand(all(1 <= value <= 600 for value in seconds), "limits in seconds are 1 to 600")
    _demand(1 <= limits.connections <= 100_000, "limits.connections is 1 to 100000")
    _demand(1 <= settings.ledger.publish_seconds <= 60, "ledger.publish_seconds is 1 to 60")
    ledger = settings.ledger
    _demand(10 <= ledger.timestamp_seconds <= 86_400, "ledger.timestamp_seconds is 10 to 86400")
    _demand(1 <= ledger.archive_seconds <= 86_400, "ledger.archive_seconds is 1 to 86400")
    _demand(not ledger.spool or Path(ledger.spool).is_absolute(), "ledger.spool is an absolute path, on another disk")
    _demand(1 <= ledger.archive_days <= 36_500, "ledger.archive_days is 1 to 36500")
    _demand(
        not ledger.timestamp_authority or bool(ledger.timestamp_roots),
        "ledger.timestamp_roots names the certificates that stamps must come from",
    )
    _demand(
        not ledger.archive.startswith("s3://") or bool(ledger.archive_agreement),
        "ledger.archive_agreement names the agreement under which headers, which count as PHI, go to S3",
    )
    _demand(
        not ledger.database or ledger.database.startswith("postgresql://"),
        "ledger.database is postgresql://USER@HOST[:PORT]/DATABASE or postgresql://USER@/DATABASE?host=/SOCKET/DIRECTORY",
    )
    _demand(
        not re.match(r"postgresql://[^/@]*:[^/@]*@", ledger.database),
        "ledger.database holds no password; put it into a file of mode 600 and name that as ledger.database_login",
    )
    try:
        parse_root(settings.keys.root)
    except RootMalformed as error:
        raise SettingsInvalid(f"{FILE_NAME}: keys.root: {error}. Correct the value and start again.") from None
    _demand(
        settings.tls.mode is not TlsMode.OFF or is_loopback(listen.host),
        "tls.mode `off` is for loopback only; PHI is encrypted in transit (45 CFR 164.312(e)(1))",
    )
    demanding = {settings.tls.data_clients, settings.tls.console_clients}
    _demand(
        settings.is_tls_on or ClientCertificates.REQUIRED not in demanding,
        'tls.data_clients and tls.console_clients demand certificates only where TLS is on (tls.mode = "on")',
    )


def _demand(holds: bool, rule: str) -> None:  # noqa: FBT001 - a predicate and its sentence
    if not holds:
        raise SettingsInvalid(f"{FILE_NAME}: {rule}. Correct the value and start again.")
