"""`wardkeep init`: make an instance (DESIGN section 11: two officers, or one with the risk accepted on record).

Everything is made in a directory beside the home and moved into place at the end, so that a failure leaves nothing
half-made. Nothing is ever overwritten: a second root key would make everything sealed under the first unreadable.
"""

import asyncio
import json as jsonlib
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from wardkeep.app.home import LEDGER_ORIGIN, open_home
from wardkeep.app.roots import SHORTEST_PASSPHRASE, open_place
from wardkeep.audit.checkpoint import VerifierKey, verifier_key_text
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import Home, Json, print_json, print_lines
from wardkeep.cli._shown_once import write_private
from wardkeep.compliance.bootstrap import (
    FIRST_OFFICER,
    SECOND_OFFICER,
    SINGLE_OFFICER,
    Bootstrap,
    Officer,
    initialise,
)
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.two_people import HOST
from wardkeep.crypto.ca import create_authority, issue_server_certificate
from wardkeep.crypto.keys import (
    Keyring,
    RootKey,
    WrappedKeys,
    create_key_file,
    create_keyring,
    data_keys,
    dump_wrapped,
    new_passphrase_parameters,
    open_keyring,
)
from wardkeep.model.registry import Role
from wardkeep.model.roots import FORMS, FilePlace, PassphrasePlace
from wardkeep.settings import FILE_NAME, Settings, clock, load

_SETTINGS: Final = """\
# Wardkeep, bootstrap settings. Everything else is a control record: vendors, agreements, routes, people, keys.
# No secret belongs in this file.

# Worker processes; 0 means one a core.
workers = 0

[listen]
host = {host}
data_port = 8787
console_port = 8788
operations_port = 8789
# The names that clients may call us by.
hosts = {hosts}

[tls]
# auto: plain HTTP on loopback only, TLS 1.3 on every other address. Also: on, off (loopback only).
mode = "auto"
certificate = "tls/server.crt"
key = "tls/server.key"
# who issues callers' certificates (PEM), and what each port does with them: ignored, accepted, required
client_authority = "tls/ca.crt"
data_clients = "accepted"
console_clients = "ignored"

[keys]
# Where the root key is held: file:PATH, passphrase-env:NAME, pkcs11:..., aws-kms:ARN or vault:https://HOST/MOUNT/KEY
# (docs/keys.md). Back it up apart from this directory:
# without it every sealed record is lost, and with it and a copy of this directory every one can be read.
root = {root}

[limits]
max_body_bytes = 4194304
header_seconds = 10
body_seconds = 30
keep_alive_seconds = 15
connections = 2048

[log]
# json or text
format = "json"

[ledger]
# who must cosign the log's heads (C2SP tlog-policy), relative to this directory; empty: nobody
policy = ""
# whether tiles and checkpoints are written below log/ also without a policy, and how often
publish = false
publish_seconds = 5
# authority of the witnesses' certificates (PEM), when it is a private one
witness_authority = ""
# a time-stamping authority (RFC 3161, needs the extra `timestamps`), and the roots its certificate must come from (PEM)
timestamp_authority = ""
timestamp_roots = ""
timestamp_seconds = 3600
# a PostgreSQL database that holds the ledger instead of ledger.db (extra `postgres`), the file with its
# password, the authority of its certificate (PEM), and the agreement under which another party runs it, or own
database = ""
database_login = ""
database_authority = ""
database_agreement = ""
# where tiles and checkpoints are kept beyond the operator's reach: a directory, or s3://bucket/prefix with Object Lock
# (extra `archive`; names the active agreement under which headers go there)
archive = ""
archive_agreement = ""
archive_endpoint = ""
archive_region = ""
archive_seconds = 300
archive_days = 2192
# a directory on another disk, for records of a declared emergency while the ledger is down; empty: no emergency mode
spool = ""
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What was asked for, checked."""

    organisation: str
    zone: str
    officers: tuple[Officer, ...]
    is_single_officer_accepted: bool
    root: str
    host: str
    hosts: tuple[str, ...]


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("init")(command)


def command(
    *,
    home: Home,
    organisation: Annotated[str, typer.Option(help="The organisation's name.")],
    zone: Annotated[str, typer.Option(help="Its IANA time zone; agreements end at midnight there.")],
    officer: Annotated[
        list[str],
        typer.Option("--officer", metavar="ID[=ROLE,...]", help="An officer to enrol; give two, with their ids."),
    ],
    accept_single_officer: Annotated[
        bool, typer.Option("--accept-single-officer", help="Accept on record that one person alone can open a road.")
    ] = False,
    root: Annotated[str, typer.Option(help=f"Where the root key is held: {FORMS}.")] = "file:root.key",
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    name: Annotated[
        list[str] | None, typer.Option("--name", help="A further host name that clients use; repeat for several.")
    ] = None,
    json: Json = False,
) -> None:
    """Make an instance: keys, stores, local certificate, organisation and officers."""
    names = tuple(dict.fromkeys(("localhost", "127.0.0.1", *((host,) if _is_name(host) else ()), *(name or ()))))
    wanted = _Wanted(
        organisation=organisation,
        zone=zone,
        officers=_officers(officer),
        is_single_officer_accepted=accept_single_officer,
        root=root,
        host=host,
        hosts=names,
    )
    _refuse_to_overwrite(home)
    home.parent.mkdir(parents=True, exist_ok=True)
    partial = home.with_name(f"{home.name}.{secrets.token_hex(4)}.partial")
    partial.mkdir(mode=0o700)
    try:
        plan = _make(partial, wanted)
        partial.rename(home)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    files = {officer_id: str(home / "credentials" / officer_id) for officer_id in plan.credentials}
    if json:
        print_json({"home": str(home), "organisation": organisation, "credentials": files})
    else:
        _tell(home, wanted, files)


def _make(home: Path, wanted: _Wanted) -> Bootstrap:
    quoted = {
        "host": jsonlib.dumps(wanted.host),
        "hosts": jsonlib.dumps(list(wanted.hosts)),
        "root": jsonlib.dumps(wanted.root),
    }
    write_private(home / FILE_NAME, _SETTINGS.format(**quoted))
    settings = load(home)
    tenant = secrets.token_hex(8)
    root, wrapped = _keys(settings, tenant)
    keyring = open_keyring(root, wrapped)
    plan = initialise(
        name=wanted.organisation,
        tenant=tenant,
        zone=wanted.zone,
        officers=wanted.officers,
        is_single_officer_accepted=wanted.is_single_officer_accepted,
        mac_key=data_keys(keyring).api_key_key,
        randomness=os.urandom,
    )
    write_private(settings.wrapped_keys_path, dump_wrapped(wrapped).decode())
    write_private(settings.ledger_public_key_path, _public_key(keyring) + "\n")
    _certificate(settings, wanted.hosts)
    settings.run_directory.mkdir(mode=0o700)
    settings.credentials_directory.mkdir(mode=0o700)
    for officer_id, credential in plan.credentials.items():
        write_private(settings.credentials_directory / officer_id, credential.reveal() + "\n")
    asyncio.run(_record(settings, plan))
    return plan


async def _record(settings: Settings, plan: Bootstrap) -> None:
    """Make the first ledger entry through the ordinary path."""
    opened = await open_home(settings, clock)
    try:
        await opened.control.change(
            by=HOST, action="bootstrap", reason="the instance was made", plan=lambda _: plan.changes
        )
    finally:
        await opened.close()


def _keys(settings: Settings, tenant: str) -> tuple[RootKey, WrappedKeys]:
    place = settings.root_place
    parameters = None
    if isinstance(place, FilePlace):
        path = settings.path(place.path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        root: RootKey = create_key_file(path)
    else:
        if isinstance(place, PassphrasePlace):
            _demand_long(place.variable)
            parameters = new_passphrase_parameters()
        root = open_place(place, home=settings.home, parameters=parameters)
    return root, create_keyring(root, tenant, parameters)


def _demand_long(variable: str) -> None:
    if len(os.environ.get(variable, "")) < SHORTEST_PASSPHRASE:
        raise CommandFailed(
            "passphrase_short",
            what=f"The variable {variable} does not hold a passphrase of {SHORTEST_PASSPHRASE} characters.",
            why="Whoever copies this directory can try passphrases at leisure.",
            fix="Set it to several random words and run init again.",
        )


def _public_key(keyring: Keyring) -> str:
    origin = LEDGER_ORIGIN.format(tenant=keyring.tenant)
    return verifier_key_text(VerifierKey(name=origin, public=keyring.signer.public))


def _certificate(settings: Settings, names: tuple[str, ...]) -> None:
    directory = settings.path(settings.tls.certificate).parent
    directory.mkdir(mode=0o700, parents=True)
    now = clock().wall
    issue_server_certificate(create_authority(directory, now=now), directory, names=names, now=now)


def _officers(given: list[str]) -> tuple[Officer, ...]:
    defaults = (SINGLE_OFFICER,) if len(given) == 1 else (FIRST_OFFICER, SECOND_OFFICER)
    officers = []
    for number, text in enumerate(given):
        officer_id, has_roles, names = text.partition("=")
        roles = defaults[min(number, len(defaults) - 1)]
        if has_roles:
            roles = frozenset(_role(name) for name in names.split(","))
        officers.append(Officer(id=officer_id, roles=roles))
    return tuple(officers)


def _role(name: str) -> Role:
    try:
        return Role(name)
    except ValueError:
        raise NotAllowed(
            "value_invalid",
            what="A role is not known.",
            why="Roles are a closed list.",
            fix=f"Choose from {', '.join(role.value for role in Role)}.",
        ) from None


def _is_name(host: str) -> bool:
    return host not in {"0.0.0.0", "::"}  # noqa: S104 - these are not names that a client calls


def _refuse_to_overwrite(home: Path) -> None:
    if home.is_dir() and not any(home.iterdir()):
        return
    if home.exists():
        raise CommandFailed(
            "home_exists",
            what=f"{home} exists and is not empty.",
            why="A second set of keys would make everything sealed under the first unreadable.",
            fix="Name another --home, or move that directory away if its records may be given up.",
        )


def _tell(home: Path, wanted: _Wanted, files: dict[str, str]) -> None:
    print_lines(f"{home} is made for {wanted.organisation}.", "")
    if wanted.is_single_officer_accepted:
        print_lines("One person alone can open a road; this is on record and auditors will see it.", "")
    print_lines("Personal credentials; move each to its owner and delete it here:")
    print_lines(*(f"  {officer_id}: {path}" for officer_id, path in files.items()))
    print_lines(
        "",
        f"Keep a copy of {home / 'ledger.pub'} elsewhere: it verifies the ledger.",
        "Back up the root key apart from this directory." if wanted.root.startswith("file:") else "",
        f"Next: wardkeep serve --home {home}",
    )
