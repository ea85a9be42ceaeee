"""`wardkeep serve`: run the instance of a home directory until it is told to stop."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from wardkeep.app import Addresses, serve
from wardkeep.cli._options import Home, Json, print_lines
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
    unwitnessed: Annotated[
        bool, typer.Option("--unwitnessed", help="Start although witnesses do not answer; it is on record.")
    ] = False,
    setup: Annotated[
        bool, typer.Option("--setup", help="Take no calls: to record what keeps it from starting.")
    ] = False,
    json: Json = False,  # noqa: ARG001 - every command has it; the log is JSON lines already
) -> None:
    """Serve until SIGTERM or SIGINT; the log goes to standard error, one JSON object a line."""
    serve(
        load(home),
        workers=workers,
        is_witnessed=not unwitnessed,
        is_setup=setup,
        on_ready=lambda addresses: _say_what_is_next(home, addresses),
    )


def _say_what_is_next(home: Path, addresses: Addresses) -> None:
    """Tell whoever started it by hand where it listens and what to type next."""
    if not sys.stdout.isatty():
        return
    print_lines(
        "",
        "Wardkeep is running.",
        f"  clients       {addresses.data}/v1   (OpenAI: base_url with /v1; Anthropic: without)"
        if addresses.data
        else "  clients       none: it was started with --setup, to record what is missing",
        f"  console, API  {addresses.console}",
        f"  operations    {addresses.operations}/readyz",
        "",
        "Next, in another terminal:",
        f"  wardkeep route add --home {home} --help      a vendor, where its model runs, and the name clients use",
        f"  wardkeep baa add --home {home} --help        the agreement; another officer activates it",
        f"  wardkeep key create --home {home} --help     a key for an application",
        "  wardkeep demo                                 a governed call, with every claim checked",
        "Stop with Ctrl-C.",
    )
