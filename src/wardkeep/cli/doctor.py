"""`wardkeep doctor`: what is true of this instance now, and how to mend what is not right.

Every line is looked up or tried at the time of asking; what cannot be known from here is not claimed. It changes
nothing, works while the server runs, and exits 1 when something would keep PHI from being handled safely.
"""

import ctypes
import os
import shutil
import socket
import ssl
import stat
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import typer

from wardkeep.app.faces import check_tls
from wardkeep.app.home import LEDGER_ORIGIN, open_root, read_wrapped
from wardkeep.app.places import places_of
from wardkeep.audit.verify import UnusableInput, read_public_key, verify
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import Home, Json, print_json, print_table
from wardkeep.cli._registry_copy import read_registry
from wardkeep.cli.ledger import verify_database
from wardkeep.compliance.destinations import closing, how_to_mend, standings
from wardkeep.compliance.errors import ComplianceError
from wardkeep.compliance.two_people import Confirmation, confirmation, is_established, is_officer
from wardkeep.crypto.attestation.anchors import name_of_root
from wardkeep.crypto.certificate import CertificateFacts, read_certificate
from wardkeep.crypto.errors import CryptoError, KeyHolderFailed
from wardkeep.crypto.harden import harden_process
from wardkeep.crypto.keys import open_keyring
from wardkeep.model.attestation import COVERS, AttestationKind
from wardkeep.model.roots import FilePlace, secret_variables
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.errors import DetectorFailed, DetectorUnavailable
from wardkeep.routing.choose import rules_of
from wardkeep.settings import Settings, SettingsInvalid, clock, load
from wardkeep.storage.errors import StoreError
from wardkeep.transport.tls import X25519_MLKEM768, TlsDemands, offered_groups, vendor_context

_SAMPLE: Final = "Seen by Dr. Alan Example, call 202-555-0147 or write to front.desk@clinic.example, SSN 219-09-9999."
_SAMPLE_TYPES: Final = frozenset({"NAME", "PHONE", "EMAIL", "SSN"})
_OLDEST_SAFE_SQLITE: Final = (3, 51, 3)
_LOW_BYTES: Final = 1024**3
_EMPTY_BYTES: Final = 100 * 1024**2
_TWO: Final = 2
_RENEW_BEFORE: Final = timedelta(days=30)
_TIMEX_BYTES: Final = 512  # struct timex has 208 bytes on 64-bit Linux; all zero only reads
_TIME_ERROR: Final = 5
_COVER: Final = "Have an agreement that covers it activated (`wardkeep baa`), or remove it."


class Standing(StrEnum):
    """How a finding stands; only `FAIL` makes the command fail."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    standing: Standing
    detail: str
    fix: str = ""


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("doctor")(command)


def command(*, home: Home, json: Json = False) -> None:
    """Look at settings, keys, stores, officers, detector, clock, TLS and disk; say how to mend what is not right."""
    findings = list(examine(home))
    is_well = not any(finding.standing is Standing.FAIL for finding in findings)
    if json:
        print_json({"ok": is_well, "findings": [asdict(finding) for finding in findings]})
    else:
        rows = [(finding.standing.value, finding.what, finding.detail, finding.fix) for finding in findings]
        print_table(("", "what", "found", "to mend"), rows, empty="")
    if not is_well:
        raise typer.Exit(1)


def examine(home: Path) -> Iterator[Finding]:
    """Yield the findings of a home; without readable settings only those that need none."""
    yield _sqlite()
    yield _hardening()
    yield _detector()
    try:
        settings = load(home)
    except SettingsInvalid as error:
        yield _fail("settings", str(error), "")
        return
    yield _ok("settings", f"{home} is read")
    yield from _modes(settings)
    yield _clock()
    yield _keys(settings)
    yield _ledger(settings)
    yield from _officers(settings)
    yield from _destinations(settings)
    yield from _tls(settings)
    yield _post_quantum()
    yield from _attested(settings)
    yield _disk(settings)
    yield _spool(settings)
    yield _server(settings)


def _sqlite() -> Finding:
    # apsw bundles SQLite and bears its version; importing it here would let SQL out of `storage`.
    found = version("apsw")
    if tuple(int(part) for part in found.split(".")[:3]) < _OLDEST_SAFE_SQLITE:
        return _fail("SQLite", f"{found} can lose committed writes", "Install apsw 3.51.3 or later.")
    return _ok("SQLite", found)


def _hardening() -> Finding:
    """Try what the server does at its start, on a process of its own, which ends at once."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
        report = other.submit(harden_process).result()
    held = {"no dumps": report.dumpable_off, "no core files": report.core_off, "memory locked": report.memory_locked}
    detail = ", ".join(f"{name}: {'yes' if holds else 'no'}" for name, holds in held.items())
    if all(held.values()):
        return _ok("hardening (as this user)", detail)
    notes = "; ".join(report.detail)
    return _warn(
        "hardening (as this user)", f"{detail}. {notes}".strip(), "Raise RLIMIT_MEMLOCK for the service's user."
    )


def _detector() -> Finding:
    try:
        found = {span.type.value for span in Detector("balanced").find(_SAMPLE)}
    except (DetectorUnavailable, DetectorFailed) as error:
        return _fail("detector", f"{type(error).__name__}: {error}", "Reinstall the package; PHI routes stay shut.")
    missing = sorted(_SAMPLE_TYPES - found)
    if missing:
        return _fail("detector", f"its self-test did not find {', '.join(missing)}", "Reinstall the package.")
    return _ok("detector", f"its self-test found {', '.join(sorted(_SAMPLE_TYPES))}; recall is not measured here")


def _modes(settings: Settings) -> Iterator[Finding]:
    place = settings.root_place
    private = [settings.home, settings.wrapped_keys_path, settings.ledger_path, settings.control_path]
    private += [settings.path(settings.tls.key)] if settings.path(settings.tls.key).exists() else []
    private += [settings.path(place.path)] if isinstance(place, FilePlace) else []
    held = sorted(settings.credentials_directory.iterdir()) if settings.credentials_directory.is_dir() else []
    exposed = [str(path) for path in (*private, *held) if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    if exposed:
        yield _fail("file modes", f"others may use {', '.join(exposed)}", f"chmod go= {' '.join(exposed)}")
    else:
        yield _ok("file modes", "nobody else may read keys, stores or credentials")
    if held:
        names = ", ".join(path.name for path in held)
        yield _warn(
            "credentials",
            f"{settings.credentials_directory} holds those of {names}",
            "Move each to its owner; together in one place they are one person's.",
        )
    if isinstance(place, FilePlace) and settings.path(place.path).resolve().is_relative_to(settings.home.resolve()):
        yield _warn(
            "root key",
            "it lies in the home directory, so one copy of that directory opens everything",
            "Keep it on another volume (`keys.root`), and back it up apart.",
        )


def _keys(settings: Settings) -> Finding:
    unset = [name for name in secret_variables(settings.root_place) if not os.environ.get(name)]
    unset = [name for name in unset if name != "AWS_SESSION_TOKEN"]  # only temporary credentials have one
    if unset:
        names = " and ".join(unset)
        return _warn("keys", f"not tried: {names} not set here", f"Set {names} as for the server and ask again.")
    try:
        wrapped = read_wrapped(settings.wrapped_keys_path)
        root = open_root(settings, wrapped)
        keyring = open_keyring(root, wrapped)
        told = root.describe()
    except KeyHolderFailed as error:
        return _fail("keys", str(error), error.fix)
    except CryptoError as error:
        return _fail("keys", str(error), "Restore keys.json and the root key from the same backup.")
    if settings.ledger_public_key_path.exists():
        try:
            published = read_public_key(settings.ledger_public_key_path)
        except UnusableInput as error:
            return _fail("keys", str(error), "Put the ledger.pub of this home back.")
        if (published.raw, published.name) != (keyring.signer.public, LEDGER_ORIGIN.format(tenant=keyring.tenant)):
            return _fail(
                "keys",
                "keys.json and ledger.pub are of different instances",
                "Restore keys.json, root key, ledger.pub and the stores from the same backup.",
            )
    if wrapped.other is not None:
        return _warn(
            "keys",
            f"they open under both {wrapped.root_id} and {wrapped.other.root_id}: a move is not finished. {told}",
            "Start the server with `keys.root` naming the root to stay, or run `wardkeep keys withdraw`.",
        )
    return _ok("keys", f"they open under root {wrapped.root_id}; current epoch {wrapped.current_epoch}. {told}")


def _ledger(settings: Settings) -> Finding:
    try:
        result = verify_database(settings) if settings.ledger.database else verify(settings.ledger_path)
    except StoreError as error:
        return _fail("ledger", f"{error}", "Mend the database or the [ledger] section; calls are refused meanwhile.")
    except UnusableInput as error:
        return _fail("ledger", f"{error}", "Restore the ledger from its backup; never start with a new one.")
    if not result.ok:
        return _fail(
            "ledger",
            f"{result.damage} at index {result.first_bad_index}: {result.detail}",
            "Stop the server, keep a copy of the files as they are, and call the security officer.",
        )
    if not result.signed:
        return _warn("ledger", f"{result.size} entries, signatures not checked", "Put ledger.pub back beside it.")
    return _ok("ledger", f"{result.size} entries, hashes, chain and signatures hold")


def _officers(settings: Settings) -> Iterator[Finding]:
    """Look at who counts as two people: what is accepted or recovered stays visible until it is mended."""
    try:
        registry = read_registry(settings.control_path)
    except (CommandFailed, StoreError, ComplianceError) as error:
        yield _fail("officers", str(error).strip(), "Stop the server, move control.db away, start: it is replayed.")
        return
    organisation = registry.organisation
    if organisation is None:
        yield _fail("officers", "no organisation is on record", "Restore the ledger, or make an instance with init.")
        return
    officers = [person for _, person in sorted(registry.people.items()) if person.is_active and is_officer(person)]
    counting = [person.id for person in officers if is_established(person) and person.credential_mac is not None]
    alone = organisation.single_officer_accepted_by
    if alone is not None:
        yield _warn(
            "officers",
            f"{alone} alone can open a road; accepted on record when the instance was made",
            "Name two officers in the next instance; until then review every single_officer_acceptance entry.",
        )
    elif len(counting) < _TWO:
        yield _warn(
            "officers",
            f"{len(counting)} counts for what takes two people, so no road can be opened",
            "Have `wardkeep user confirm` run, or `wardkeep recover` on this host.",
        )
    else:
        yield _ok("officers", f"{len(counting)} count for what takes two people: {', '.join(counting)}")
    for person in officers:
        match confirmation(person):
            case Confirmation.AWAITED:
                yield _warn(
                    f"officer {person.id}",
                    f"has access from {person.enrolled_by} and awaits confirmation",
                    f"An officer who did not give it runs `wardkeep user confirm {person.id}`.",
                )
            case Confirmation.RECOVERED_BY_HOST:
                yield _warn(
                    f"officer {person.id}",
                    "has a credential from the host's operator (entry with the note host_recovery)",
                    f"Another officer runs `wardkeep user confirm {person.id}`.",
                )
            case _:
                continue


def _destinations(settings: Settings) -> Iterator[Finding]:
    """Look at every place that data goes to: what keeps the instance from starting, and what is only closed."""
    try:
        registry = read_registry(settings.control_path)
    except (CommandFailed, StoreError, ComplianceError):
        return  # said of the officers
    if registry.organisation is None:
        return
    rows = standings(registry, places_of(settings), clock().day_in(registry.organisation.zone))
    barring = closing(rows)
    for row in barring:
        yield _fail(f"destination {row.id}", f"{row.where}: {row.refused}; `serve` does not start", how_to_mend(row))
    for row in rows:
        if row.refused is not None and row not in barring:
            yield _warn(f"destination {row.id}", f"{row.where}: {row.refused}; nothing goes there", _COVER)
        elif row.note is not None:
            yield _warn(f"destination {row.id}", row.note, f"An officer runs `wardkeep destination state {row.id}`.")
    if not barring:
        yield _ok("destinations", f"{len(rows)} on the register, none holds PHI without an agreement")


def _clock() -> Finding:
    """Ask the kernel whether something disciplines the clock (adjtimex(2)); agreements and credentials end by it."""
    libc = ctypes.CDLL(None, use_errno=True)
    state = libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)) if hasattr(libc, "adjtimex") else -1
    if state == -1:
        return _warn("clock", "whether it is synchronised cannot be asked here", "Check the host's time service.")
    if state == _TIME_ERROR:
        return _warn("clock", "not synchronised, says the kernel", "Run a time service (chrony, systemd-timesyncd).")
    return _ok("clock", "synchronised, says the kernel")


def _tls(settings: Settings) -> Iterator[Finding]:
    if not settings.is_tls_on:
        yield _ok("TLS", f"off: plain HTTP on {settings.listen.host}, which only this machine can reach")
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.path(settings.tls.certificate), settings.path(settings.tls.key))
        facts = read_certificate(settings.path(settings.tls.certificate))
    except (OSError, ssl.SSLError, CryptoError) as error:
        yield _fail(
            "TLS", f"certificate and key cannot be used ({type(error).__name__})", "Correct [tls] in wardkeep.toml."
        )
        return
    yield _ok("TLS", "on, version 1.3; certificate and key belong together")
    try:
        check_tls(settings)
    except SettingsInvalid as error:
        yield _fail(
            "client certificates", str(error), "Correct [tls] in wardkeep.toml, or put the authority's file there."
        )
    yield from _certificate(settings, facts, clock().wall)


def _certificate(settings: Settings, facts: CertificateFacts, now: datetime) -> Iterator[Finding]:
    day = facts.not_after.date().isoformat()
    renew = "Put a new certificate and key in place; they are taken up without a restart."
    if not facts.not_before <= now <= facts.not_after:
        since = facts.not_before.date().isoformat()
        yield _fail("certificate", f"not valid now: it holds from {since} through {day}, so clients refuse it", renew)
    elif facts.not_after - now < _RENEW_BEFORE:
        yield _warn("certificate", f"ends on {day}", renew)
    else:
        yield _ok("certificate", f"valid through {day}")
    missing = [name for name in settings.listen.hosts if not facts.covers(name)]
    if missing:
        yield _warn(
            "certificate names",
            f"it does not name {', '.join(missing)}",
            "Have it issued for every name in listen.hosts, or take away names that no client uses.",
        )
    else:
        yield _ok("certificate names", "it names every host in listen.hosts")


def _post_quantum() -> Finding:
    """Look into our own first message to a vendor: the linked OpenSSL chooses what is offered."""
    if X25519_MLKEM768 in offered_groups(vendor_context(TlsDemands())):
        return _ok("key exchange with vendors", f"X25519MLKEM768 is offered ({ssl.OPENSSL_VERSION})")
    return _warn(
        "key exchange with vendors",
        f"X25519MLKEM768 is not offered ({ssl.OPENSSL_VERSION}), so traffic that is recorded now may be read "
        "later, by a quantum computer",
        "Run on a Python that is linked with OpenSSL 3.5 or later.",
    )


def _attested(settings: Settings) -> Iterator[Finding]:
    """Look at what attested deployments need; whether their evidence passes is found on each connection only."""
    try:
        registry = read_registry(settings.control_path)
    except (CommandFailed, StoreError, ComplianceError):
        return  # `_officers` says so
    for name, deployment in sorted(registry.deployments.items()):
        if deployment.attestation is None:
            continue
        what = f"attested deployment {name}"
        rules = rules_of(registry.attestations.values(), deployment)
        if deployment.attestation is AttestationKind.TDX and find_spec("dcap_qvl") is None:
            yield _fail(what, "its evidence cannot be verified here, so it is closed", "Install the extra `tdx`.")
        elif not rules:
            yield _warn(
                what,
                "no allow-list of it holds, so it is closed",
                "`wardkeep route attestation add`, then activate it.",
            )
        else:
            roots = sorted({name_of_root(anchor) for rule in rules for anchor in rule.anchors})
            strange = any(root.startswith("sha256:") for root in roots)
            detail = f"{deployment.attestation.value}, {COVERS}; allow-lists {', '.join(each.id for each in rules)}; "
            detail += f"roots {', '.join(roots)}"
            fix = "Record the vendor's own root: another one vouches for whatever its owner likes."
            yield _warn(what, detail, fix) if strange else _ok(what, detail)


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.home).free
    detail = f"{free / 1024**3:.1f} GiB free"
    if free < _EMPTY_BYTES:
        return _fail("disk", detail, "Make room: without it the ledger cannot be written and calls are refused.")
    if free < _LOW_BYTES:
        return _warn("disk", detail, "Make room before the ledger needs it.")
    return _ok("disk", detail)


def _spool(settings: Settings) -> Finding:
    """Say whether records have a second path for a declared emergency (45 CFR 164.308(a)(7)(ii)(C))."""
    what, path = "second path", settings.spool_path
    if path is None:
        return _ok(what, "not set: while the ledger is down there is no emergency mode, only the downtime procedure")
    try:
        place = path.parent.stat()
        is_elsewhere = place.st_dev != settings.home.stat().st_dev
    except OSError as error:
        return _fail(what, f"{path.parent}: {error.strerror}", "Make the directory, or correct `ledger.spool`.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return _fail(what, f"{path.parent} cannot be written", "Give it to the user that runs the server.")
    if not is_elsewhere:
        return _warn(what, f"{path.parent} is on the home's own disk", "Name a directory on another disk.")
    return _ok(what, f"{path.parent}, on another disk")


def _server(settings: Settings) -> Finding:
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    probe.settimeout(2)
    try:
        probe.connect(str(settings.admin_socket_path))
    except OSError:
        return _ok("server", "not running")
    finally:
        probe.close()
    return _ok("server", f"running: {settings.admin_socket_path} answers")


def _ok(what: str, detail: str) -> Finding:
    return Finding(what=what, standing=Standing.OK, detail=detail)


def _warn(what: str, detail: str, fix: str) -> Finding:
    return Finding(what=what, standing=Standing.WARN, detail=detail, fix=fix)


def _fail(what: str, detail: str, fix: str) -> Finding:
    return Finding(what=what, standing=Standing.FAIL, detail=detail, fix=fix)
