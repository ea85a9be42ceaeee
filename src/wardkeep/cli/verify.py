"""`wardkeep verify`: check a ledger or one record's proof offline (45 CFR 164.312(c)(1))."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from wardkeep.audit import verify_list
from wardkeep.audit.verify import UnusableInput, run
from wardkeep.cli._options import Home, Json, print_json, print_lines
from wardkeep.cli.ledger import copy_database
from wardkeep.settings import FILE_NAME, load


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("verify")(command)


@contextmanager
def _subject(path: Path | None, home: Path) -> Iterator[tuple[Path, Path | None]]:
    """Yield what is checked, and the key beside it: where the ledger is in a database, a copy made for this."""
    settings = load(home) if path is None and (home / FILE_NAME).exists() else None
    if settings is None or not settings.ledger.database:
        yield path if path is not None else home, None
        return
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "ledger.db"
        copy_database(settings, copy)
        yield copy, settings.ledger_public_key_path


def command(
    *,
    home: Home,
    path: Annotated[
        Path | None,
        typer.Argument(metavar="PATH", help="A ledger file, home, directory of tiles, or a proof (default: --home)."),
    ] = None,
    public_key: Annotated[Path | None, typer.Option(help="The ledger's published key, kept elsewhere.")] = None,
    policy: Annotated[Path | None, typer.Option(help="Log, witnesses and quorum that a checkpoint must have.")] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint kept elsewhere: finds a cut tail.")
    ] = None,
    archive: Annotated[
        Path | None, typer.Option(help="Tiles kept elsewhere: finds the entry a rewrite began at.")
    ] = None,
    timestamps: Annotated[Path | None, typer.Option(help="A directory of stamped notes (log/timestamps).")] = None,
    timestamp_roots: Annotated[Path | None, typer.Option(help="The time-stamping authority's roots (PEM).")] = None,
    headers_only: Annotated[bool, typer.Option("--headers-only", help="Leave the payloads' bytes unread.")] = False,
    prove: Annotated[int | None, typer.Option(metavar="INDEX", help="Write this entry's proof to --out.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the proof goes.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="Write a printable statement of the outcome here.")] = None,
    exported: Annotated[
        Path | None, typer.Option("--list", metavar="FILE", help="Check a list that the console gave as signed JSON.")
    ] = None,
    json: Json = False,
) -> None:
    """Check a ledger without the server; the first bad index and the class of damage are named."""
    if exported is not None:
        _check_list(exported, public_key if public_key is not None else home / "ledger.pub", is_json=json)
        return
    if (prove is None) != (out is None):
        raise UnusableInput("--prove and --out belong together")
    if (timestamps is None) != (timestamp_roots is None):
        raise UnusableInput("--timestamps and --timestamp-roots belong together")
    with _subject(path, home) as (subject, key):
        result = run(
            subject,
            public_key if public_key is not None else key,
            checkpoint,
            policy=policy,
            archive=archive,
            timestamps=None if timestamps is None or timestamp_roots is None else (timestamps, timestamp_roots),
            hash_payloads=not headers_only,
            prove_index=prove,
            out=out,
            certificate_file=certificate,
        )
    if json:
        print_json(asdict(result))
    else:
        print_lines(*(f"{name}: {'-' if value is None else value}" for name, value in asdict(result).items()))
    if not result.ok:
        raise typer.Exit(1)


def _check_list(file: Path, key: Path, *, is_json: bool) -> None:
    try:
        found = verify_list.check(file, key)
    except OSError as error:
        raise UnusableInput(
            f"{error.filename} cannot be read; --public-key names the ledger's published key"
        ) from error
    if is_json:
        print_json(asdict(found))
    else:
        print_lines(*(f"{name}: {value}" for name, value in asdict(found).items() if value != ""))
    if not found.ok:
        raise typer.Exit(1)
