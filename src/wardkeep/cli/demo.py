"""`wardkeep demo`: a governed call end to end on this machine, with every claim checked."""

import sys
from typing import Annotated

import msgspec
import typer

from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import Home, Json
from wardkeep.demo.instance import InstanceError
from wardkeep.demo.story import ClaimFalse, tell

_Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but the result.")]


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("demo")(command)


def command(*, home: Home, quiet: _Quiet = False, json: Json = False) -> None:  # noqa: ARG001 - every command has --home
    """Show a governed call in a temporary home; nothing is left behind. Exits 0 only when every claim held."""
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        if not (quiet or json):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    try:
        tell(say)
    except (ClaimFalse, InstanceError) as error:
        raise CommandFailed(
            "claim_false",
            what=f"The demonstration stopped: {error}.",
            why="A claim of it did not hold on this machine, so nothing should rely on this build.",
            fix="Run `wardkeep doctor`, and report the lines above.",
        ) from error
    if json:
        sys.stdout.write(msgspec.json.encode({"ok": True, "lines": lines}).decode() + "\n")
    elif quiet:
        sys.stdout.write(lines[-1].strip() + "\n")
