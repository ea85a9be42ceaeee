"""`wardkeep destination`: every place that data goes to, whose it is, where, and under which agreement."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report
from wardkeep.model.destination import Carries, DestinationKind

Id = Annotated[str, typer.Argument(metavar="ID", help="The row's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Places that data goes to, with party, region and agreement.")
    group.command("list")(list_destinations)
    group.command("state")(state)
    group.command("withdraw")(withdraw)
    root.add_typer(group, name="destination")


def list_destinations(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List every destination, what it carries, and what stands against it today."""
    told = client(home, acting).get("destinations")["destinations"]
    if json:
        print_json(told)
        return
    columns = ("id", "kind", "where", "carries", "party", "region", "agreement", "gate", "refused", "note")
    print_table(columns, [[each[name] for name in columns] for each in told], empty="Nothing leaves.")


def state(
    *,
    home: Home,
    identifier: Id,
    party: Annotated[str, typer.Option(help="Legal name of whose it is; the agreement must be with them.")],
    region: Annotated[str, typer.Option(help="Where it is; a scope of the agreement must name it.")],
    reason: Reason,
    agreement: Annotated[
        str | None, typer.Option(help="The active agreement; a scope of it names the place. Not for own machines.")
    ] = None,
    kind: Annotated[
        DestinationKind, typer.Option(help="What it is, where the settings do not know it.")
    ] = DestinationKind.OTHER,
    where: Annotated[
        str, typer.Option(help="Its host or address, where the settings do not know it.")
    ] = "as the settings say",
    carries: Annotated[
        Carries, typer.Option(help="What goes there, where the settings do not know it.")
    ] = Carries.CONTENT,
    acting: As = None,
    json: Json = False,
) -> None:
    """Say whose a place is, where, and under which agreement; or put a place on record that nothing here knows."""
    done = client(home, acting).post(
        "destinations",
        id=identifier,
        party=party,
        region=region,
        agreement=agreement,
        kind=kind.value,
        where=where,
        carries=carries.value,
        reason=reason,
    )
    report(done, f"Destination {identifier} is stated", json=json)


def withdraw(*, home: Home, identifier: Id, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Take a statement back."""
    done = client(home, acting).post("destinations", identifier, "withdraw", reason=reason)
    report(done, f"Destination {identifier} is no longer stated", json=json)
