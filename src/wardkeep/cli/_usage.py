"""`wardkeep audit usage`: what calls used and cost, from the ledger."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, print_json, print_table


def usage(
    *,
    home: Home,
    first: Annotated[str | None, typer.Option("--from", help="First day, like 2026-10-01 (default: today).")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day (default: today).")] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Add up calls, tokens and cost by workspace, identity and deployment."""
    days = {name: day for name, day in (("from", first), ("to", last)) if day is not None}
    found = client(home, acting).get("usage", **days)
    if json:
        print_json(found)
        return
    rows = [
        (
            each["workspace"],
            each["identity"],
            each["person"],
            each["deployment"],
            each["calls"],
            each["tokens_in"],
            each["tokens_out"],
            each["unmetered"],
            " ".join(f"{total} {name}" for name, total in each["cost"].items()) or None,
        )
        for each in found["usage"]
    ]
    heads = ("workspace", "identity", "for", "deployment", "calls", "tokens in", "out", "unmetered", "cost")
    print_table(heads, rows, empty="There were no calls on those days.")
