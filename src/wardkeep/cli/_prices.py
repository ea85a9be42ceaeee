"""`wardkeep route price`: what a deployment's tokens cost, as data with its date and source."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report


def register(parent: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Prices of deployments' tokens.")
    group.command("add")(add)
    group.command("remove")(remove)
    group.command("list")(list_prices)
    parent.add_typer(group, name="price")


def add(
    *,
    home: Home,
    price: Annotated[str, typer.Argument(metavar="ID", help="An id for the price.")],
    deployment: Annotated[str, typer.Option(help="The deployment whose tokens it is of.")],
    tokens_in: Annotated[str, typer.Option("--input", help="For a million tokens sent.")],
    tokens_out: Annotated[str, typer.Option("--output", help="For a million tokens answered.")],
    from_day: Annotated[str, typer.Option("--from", help="The first day it holds, like 2026-10-01.")],
    source: Annotated[str, typer.Option(help="Where it was read: a contract, a price list.")],
    currency: Annotated[str, typer.Option(help="Three letters.")] = "USD",
    acting: As = None,
    reason: Reason = "added",
    json: Json = False,
) -> None:
    """Put a price on record; a later day's price replaces it from then on."""
    fields: dict[str, object] = {
        "id": price,
        "deployment": deployment,
        "currency": currency,
        "input_per_million": tokens_in,
        "output_per_million": tokens_out,
        "from_day": from_day,
        "source": source,
        "reason": reason,
    }
    report(client(home, acting).post_form("prices", fields), f"Price {price} is on record", json=json)


def remove(
    *,
    home: Home,
    price: Annotated[str, typer.Argument(metavar="ID", help="The price's id.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Take a price away; sums are reckoned without it from then on."""
    report(client(home, acting).post("prices", price, "remove", reason=reason), f"Price {price} is gone", json=json)


def list_prices(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List prices with their first day and source."""
    found = client(home, acting).get("prices")
    if json:
        print_json(found)
        return
    names = ("id", "deployment", "currency", "input_per_million", "output_per_million", "from_day", "source")
    rows = [tuple(each[name] for name in names) for each in found["prices"]]
    heads = ("id", "deployment", "currency", "input", "output", "from", "source")
    print_table(heads, rows, empty="There is no price: usage is counted in tokens alone.")
