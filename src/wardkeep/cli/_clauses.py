"""`wardkeep baa clauses`, `read`, `check`: what an agreement must say, clause by clause."""

from pathlib import Path
from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report
from wardkeep.cli._tables import read_table

Agreement = Annotated[str, typer.Argument(metavar="ID", help="The agreement's id.")]


def register(group: typer.Typer) -> None:
    """Add the commands to the group of agreements."""
    group.command("clauses")(clauses)
    group.command("read")(read)
    group.command("check")(check)


def clauses(*, home: Home, agreement: Agreement, acting: As = None, json: Json = False) -> None:
    """List the clauses that the rule asks for, and where each stands in the document."""
    told = client(home, acting).get("agreements", agreement, "clauses")
    if json:
        print_json(told)
        return
    columns = ("id", "citation", "title", "standing", "place", "read_by")
    print_table(columns, [[each[name] for name in columns] for each in told["clauses"]], empty="There is none.")
    print_lines(f"Checked by {told['checked_by']}." if told["checked_by"] else "Not checked by another person.")


def read(
    *,
    home: Home,
    agreement: Agreement,
    file: Annotated[Path, typer.Option("--file", help="A table for each clause, as .toml or .json.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Note how clauses stand in the signed document; another person checks them."""
    form: dict[str, object] = {"clauses": read_table(file), "reason": reason}
    done = client(home, acting).post_whole("agreements", agreement, "clauses", form=form)
    report(done, f"Clauses of {agreement} are noted; another person checks them", json=json)


def check(*, home: Home, agreement: Agreement, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Confirm that the list is what the document says; another person than who noted it."""
    done = client(home, acting).post("agreements", agreement, "clauses", "check", reason=reason)
    report(done, f"The clauses of {agreement} are checked", json=json)
