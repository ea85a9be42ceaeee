"""`wardkeep verify`: check a ledger offline, its hashes, chain and signatures (45 CFR 164.312(c)(1))."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from wardkeep.audit.verify import verify
from wardkeep.cli._options import Home, Json, print_json, print_lines


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("verify")(command)


def command(
    *,
    home: Home,
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="A ledger file or home (default: --home).")
    ] = None,
    public_key: Annotated[Path | None, typer.Option(help="The ledger's published key, kept elsewhere.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="A checkpoint kept elsewhere: finds a cut tail.")] = None,
    json: Json = False,
) -> None:
    """Check a ledger without the server; the first bad index and the class of damage are named."""
    result = verify(path if path is not None else home, public_key, checkpoint)
    if json:
        print_json(asdict(result))
    else:
        print_lines(*(f"{name}: {'-' if value is None else value}" for name, value in asdict(result).items()))
    if not result.ok:
        raise typer.Exit(1)
