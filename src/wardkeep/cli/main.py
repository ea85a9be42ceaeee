"""The `wardkeep` command: one thin file a command; each has --home and --json and exits 0 only on success.

Only the command that is asked for is imported, so that `deid` in a pipe does not pay for the server. Every expected
error leaves as what happened, why, and what to type next, never as a traceback: a traceback may quote content.
"""

import importlib
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import msgspec
import typer

from wardkeep.audit.errors import LedgerError
from wardkeep.audit.verify import UnusableInput
from wardkeep.cli._failure import CommandFailed
from wardkeep.compliance.errors import BackupUnusable, ComplianceError, NotAllowed
from wardkeep.crypto.errors import CryptoError, KeyHolderFailed
from wardkeep.settings import SettingsInvalid
from wardkeep.storage.errors import StoreError

COMMANDS: Final = (
    "init",
    "serve",
    "demo",
    "doctor",
    "verify",
    "ledger",
    "recover",
    "deid",
    "release",
    "baa",
    "user",
    "key",
    "connect",
    "route",
    "audit",
    "report",
    "activity",
    "sink",
    "destination",
    "disclosure",
    "backup",
    "escrow",
    "keys",
    "shred",
    "hold",
    "retention",
    "evidence",
    "incident",
    "witness",
    "restore",
    "workspace",
    "application",
    "careteam",
    "access",
    "emergency",
    "policy",
    "provider",
    "review",
    "scim",
    "budget",
    "policies",
    "duties",
    "training",
    "sanction",
    "checklist",
    "risk",
    "asset",
    "use",
    "rights",
    "part2",
    "vendor",
    "self-assess",
)


def build(names: Sequence[str] = COMMANDS) -> typer.Typer:
    """Return the application with the commands named."""
    app = typer.Typer(
        name="wardkeep",
        help="Self-hosted HIPAA gateway and compliance control plane for AI.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_group)
    for name in names:
        importlib.import_module(f"wardkeep.cli.{name.replace('-', '_')}").register(app)
    return app


def _group() -> None:
    """Self-hosted HIPAA gateway and compliance control plane for AI."""


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["self-assess"] and (len(given) == 1 or given[1].startswith("-")) and "--help" not in given:
        given.insert(1, "run")
    wanted = [given[0]] if given and given[0] in COMMANDS else COMMANDS
    try:
        build(wanted)(given, prog_name="wardkeep")
    except (NotAllowed, CommandFailed) as error:
        _fail(given, error.code, error.what, error.why, error.fix)
    except BackupUnusable as error:
        _fail(given, "backup_unusable", f"{error}.", "", "Take another backup, or the root and seal that belong to it.")
    except SettingsInvalid as error:
        _fail(given, "settings_invalid", str(error), "", "")
    except UnusableInput as error:
        _fail(
            given, "input_unusable", f"{error}.", "", "Name the right file; `wardkeep verify --help` shows the options."
        )
    except ComplianceError as error:
        _fail(given, "control_unusable", f"{error}.", "", "`wardkeep doctor` says what is wrong.")
    except KeyHolderFailed as error:
        _fail(given, "root_unavailable", f"{error}.", "Without the root key nothing is opened or sealed.", error.fix)
    except CryptoError as error:
        _fail(given, "keys_unusable", f"{error}.", "", "`wardkeep doctor` says which key file or variable is meant.")
    except (LedgerError, StoreError) as error:
        _fail(
            given,
            "store_unusable",
            f"{error}.",
            "Nothing is done without the record of it (45 CFR 164.312(b)).",
            "Stop a server that is running on this home, or run `wardkeep verify` to see what is wrong.",
        )
    except BrokenPipeError:
        # Whoever read our output has gone; the flush at exit would raise again.
        sys.stdout = None
        sys.exit(1)
    except OSError as error:
        place = f" ({error.filename})" if error.filename is not None else ""
        _fail(given, "system", f"{error.strerror or error}{place}.", "", "Check the path and its mode.")
    sys.exit(0)


def _fail(given: Sequence[str], code: str, what: str, why: str, fix: str) -> NoReturn:
    if "--json" in given:
        error = {"code": code, "what": what, "why": why, "fix": fix}
        sys.stdout.write(msgspec.json.encode({"error": error}).decode() + "\n")
    sys.stderr.write(" ".join(part for part in (what, why, fix) if part) + "\n")
    sys.exit(1)
