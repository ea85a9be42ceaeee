"""`wardkeep serve`: run the instance of a home directory until it is told to stop."""

from typing import Annotated

import typer

from wardkeep.app import serve
from wardkeep.cli._options import Home, Json
from wardkeep.settings import load


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("serve")(command)


def command(
    *,
    home: Home,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Worker processes (default: the settings, else one a core).")
    ] = None,
    json: Json = False,  # noqa: ARG001 - every command has it; the log is JSON lines already
) -> None:
    """Serve until SIGTERM or SIGINT; the log goes to standard error, one JSON object a line."""
    serve(load(home), workers=workers)
