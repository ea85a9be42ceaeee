"""`wardkeep backup`: make a backup while calls go on, and drill its restore (45 CFR 164.308(a)(7)(ii)(A), (D))."""

from pathlib import Path
from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, print_json, print_lines


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Backups, and drills that restore them.")
    group.command("make")(make)
    group.command("drill")(drill)
    root.add_typer(group, name="backup")


def make(
    *,
    home: Home,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the backup's directory is made.")],
    seal_to: Annotated[
        Path | None,
        typer.Option("--seal-to", metavar="FILE", help="Where the seal is copied, over the last copy: another place."),
    ] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Make an encrypted backup of all stores while the server runs; the seal goes elsewhere."""
    done = client(home, acting).post(
        "backups", to=str(to.absolute()), seal_to=None if seal_to is None else str(seal_to.absolute())
    )
    if json:
        print_json(done)
        return
    print_lines(
        f"{done['place']} holds {done['entries']} entries, {done['bytes']} bytes, made in {done['seconds']:.1f} s "
        f"(ledger entry {done['ledger_index']})."
    )
    if not done["seal_copied"]:
        print_lines(
            "Without a copy of the seal (--seal-to FILE) what calls said cannot be read after this disk is lost."
        )


def drill(
    *,
    home: Home,
    place: Annotated[Path, typer.Option("--from", metavar="DIR", help="The backup.")],
    seal: Annotated[Path | None, typer.Option("--seal", metavar="FILE", help="The copy of the seal.")] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Restore a backup into a scratch place, check all of it, and put the time it took on record as evidence."""
    done = client(home, acting).post(
        "backups", "drill", place=str(place.absolute()), seal=None if seal is None else str(seal.absolute())
    )
    if json:
        print_json(done)
        return
    keys = "not restored: no seal was given" if done["subject_keys"] is None else done["subject_keys"]
    print_lines(
        f"{done['entries']} entries restored and verified in {done['seconds']:.1f} s (ledger entry "
        f"{done['ledger_index']}).",
        f"Subject keys: {keys}.",
    )
