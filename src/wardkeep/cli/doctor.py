"""`wardkeep doctor`: what is true of this instance now, and how to mend what is not right.

Every line is looked up or tried at the time of asking; what cannot be known from here is not claimed. It changes
nothing, works while the server runs, and exits 1 when something would keep PHI from being handled safely.
"""

import os
import shutil
import socket
import ssl
import stat
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import typer

from wardkeep.app.home import open_root, read_wrapped
from wardkeep.audit.verify import UnusableInput, verify
from wardkeep.cli._options import Home, Json, print_json, print_table
from wardkeep.crypto.errors import CryptoError
from wardkeep.crypto.harden import harden_process
from wardkeep.crypto.keys import open_keyring
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.errors import DetectorFailed, DetectorUnavailable
from wardkeep.settings import Settings, SettingsInvalid, load

_SAMPLE: Final = "Seen by Dr. Alan Example, call 202-555-0147 or write to front.desk@clinic.example, SSN 219-09-9999."
_SAMPLE_TYPES: Final = frozenset({"NAME", "PHONE", "EMAIL", "SSN"})
_OLDEST_SAFE_SQLITE: Final = (3, 51, 3)
_LOW_BYTES: Final = 1024**3
_EMPTY_BYTES: Final = 100 * 1024**2


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
    """Look at settings, keys, stores, detector, TLS and disk, and say how to mend what is not right."""
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
    yield _keys(settings)
    yield _ledger(settings)
    yield _tls(settings)
    yield _disk(settings)
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
    source, _, place = settings.keys.root.partition(":")
    private = [settings.home, settings.wrapped_keys_path, settings.ledger_path, settings.control_path]
    private += [settings.path(settings.tls.key)] if settings.path(settings.tls.key).exists() else []
    private += [settings.path(place)] if source == "file" else []
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
    if source == "file" and settings.path(place).resolve().is_relative_to(settings.home.resolve()):
        yield _warn(
            "root key",
            "it lies in the home directory, so one copy of that directory opens everything",
            "Keep it on another volume (`keys.root`), and back it up apart.",
        )


def _keys(settings: Settings) -> Finding:
    source, _, place = settings.keys.root.partition(":")
    if source == "passphrase-env" and not os.environ.get(place):
        return _warn("keys", f"not tried: {place} is not set here", f"Set {place} and ask again.")
    try:
        wrapped = read_wrapped(settings.wrapped_keys_path)
        open_keyring(open_root(settings, wrapped), wrapped)
    except CryptoError as error:
        return _fail("keys", str(error), "Restore keys.json and the root key from the same backup.")
    return _ok("keys", f"they open under root {wrapped.root_id}; current epoch {wrapped.current_epoch}")


def _ledger(settings: Settings) -> Finding:
    try:
        result = verify(settings.ledger_path)
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


def _tls(settings: Settings) -> Finding:
    if not settings.is_tls_on:
        return _ok("TLS", f"off: plain HTTP on {settings.listen.host}, which only this machine can reach")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.path(settings.tls.certificate), settings.path(settings.tls.key))
    except (OSError, ssl.SSLError) as error:
        return _fail(
            "TLS", f"certificate and key cannot be used ({type(error).__name__})", "Correct [tls] in wardkeep.toml."
        )
    return _ok("TLS", "on, version 1.3; certificate and key belong together (their expiry is not checked here)")


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.home).free
    detail = f"{free / 1024**3:.1f} GiB free"
    if free < _EMPTY_BYTES:
        return _fail("disk", detail, "Make room: without it the ledger cannot be written and calls are refused.")
    if free < _LOW_BYTES:
        return _warn("disk", detail, "Make room before the ledger needs it.")
    return _ok("disk", detail)


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
