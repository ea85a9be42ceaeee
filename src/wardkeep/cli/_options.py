"""Options that every command has, and how results are printed."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text


def _default_home() -> Path:
    return Path(os.environ.get("WARDKEEP_HOME") or ".wardkeep")


Home = Annotated[
    Path,
    typer.Option(
        "--home",
        metavar="DIR",
        default_factory=_default_home,
        help="The instance's directory (default: $WARDKEEP_HOME, else ./.wardkeep).",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
As = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="ID",
        help="Act as this person, with <home>/credentials/ID (or the file named by $WARDKEEP_CREDENTIAL_FILE).",
        show_default=False,
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="Why, in one line; it is sealed with the change.")]

_WIDE: Final = 200


def print_json(value: object) -> None:
    """Print one JSON value and nothing else."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def print_lines(*lines: str) -> None:
    """Print plain lines."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def report(done: Mapping[str, object], what: str, *, json: bool) -> None:
    """Print the outcome of one change."""
    if json:
        print_json(done)
    else:
        print_lines(f"{what} ({entry_of(done)}).")


def entry_of(done: Mapping[str, object]) -> str:
    """Return which entry a change is; in an emergency it waits in the spool and has no index yet."""
    index = done["ledger_index"]
    return "waits in the spool" if index is None else f"ledger entry {index}"


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """Print rows as a table; cells are shown literally."""
    if not rows:
        print_lines(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(cell)) for cell in row))
    console = Console(soft_wrap=False, width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    console.print(table)


def print_columns(found: Sequence[Mapping[str, object]], columns: Sequence[str], *, json: bool) -> None:
    """Print records by some of their fields as a table, or all of them as one JSON value."""
    if json:
        print_json(found)
        return
    names = [each.replace("_", " ") for each in columns]
    print_table(names, [[each[name] for name in columns] for each in found], empty="There is none.")


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | set | frozenset):
        return " ".join(sorted(str(item) for item in value))
    return str(value)
