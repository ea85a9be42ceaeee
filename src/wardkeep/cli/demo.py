"""`wardkeep demo`: a governed call end to end on this machine, with every claim checked; or a seeded hospital."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import Home, Json
from wardkeep.demo.hospital import seed
from wardkeep.demo.instance import InstanceError
from wardkeep.demo.story import ClaimFalse, tell

_Hospital = Annotated[
    Path | None,
    typer.Option("--hospital", metavar="DIR", help="Instead seed a hospital here, with its evidence pack; it stays."),
]
_Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but the result.")]


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("demo")(command)


def command(*, home: Home, hospital: _Hospital = None, quiet: _Quiet = False, json: Json = False) -> None:  # noqa: ARG001 - every command has --home
    """Show a governed call in a temporary home; nothing is left behind. Exits 0 only when every claim held."""
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        if not (quiet or json):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    if hospital is not None:
        _seed(hospital, say)
    else:
        _tell(say)
    if json:
        sys.stdout.write(msgspec.json.encode({"ok": True, "lines": lines}).decode() + "\n")
    elif quiet:
        sys.stdout.write(lines[-1].strip() + "\n")


def _tell(say: Callable[[str], None]) -> None:
    try:
        tell(say)
    except (ClaimFalse, InstanceError) as error:
        raise CommandFailed(
            "claim_false",
            what=f"The demonstration stopped: {error}.",
            why="A claim of it did not hold on this machine, so nothing should rely on this build.",
            fix="Run `wardkeep doctor`, and report the lines above.",
        ) from error


def _seed(directory: Path, say: Callable[[str], None]) -> None:
    if directory.exists() and any(directory.iterdir()):
        raise CommandFailed(
            "already_exists",
            what=f"{directory} is not empty.",
            why="Nothing is ever overwritten.",
            fix="Name a new directory.",
        )
    directory.mkdir(parents=True, exist_ok=True)
    try:
        made = seed(directory, say, directory / "pack")
    except InstanceError as error:
        raise CommandFailed(
            "seed_failed",
            what=f"The hospital is not whole: {error}.",
            why="A step of it was refused on this machine.",
            fix="Run `wardkeep doctor`, remove the directory, and report the lines above.",
        ) from error
    except subprocess.CalledProcessError as error:
        told = error.stderr.decode(errors="replace").strip().splitlines()
        raise CommandFailed(
            "pack_failed",
            what=f"The evidence pack was not made: {told[-1] if told else 'no reason was given'}",
            fix="Install the extra: pip install 'wardkeep[evidence]'; the hospital itself is there.",
        ) from error
    say(f"Serve it with: wardkeep serve --home {made.home}")
