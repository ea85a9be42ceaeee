"""`wardkeep baa risk`: retention under an agreement, accepted by two people until a day."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report

Acceptance = Annotated[str, typer.Argument(metavar="ID", help="The acceptance's id.")]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Risk acceptances: retention under an agreement.")
    group.command("add")(add)
    group.command("activate")(activate)
    group.command("withdraw")(withdraw)
    group.command("list")(list_acceptances)
    parent.add_typer(group, name="risk")


def add(
    *,
    home: Home,
    acceptance: Acceptance,
    agreement: Annotated[str, typer.Option(help="The agreement under which data is kept.")],
    days: Annotated[int, typer.Option(help="The most days that the vendor keeps what it is sent.")],
    until: Annotated[str, typer.Option(metavar="DATE", help="The last day, as YYYY-MM-DD; a year away at the most.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Record a risk acceptance; a second person activates it."""
    fields = {"id": acceptance, "agreement": agreement, "days": days, "until": until, "reason": reason}
    done = client(home, acting).post_form("acceptances", fields)
    report(done, f"Risk acceptance {acceptance} is recorded and opens nothing yet", json=json)
    if not json:
        print_lines(f"A second person activates it: wardkeep baa risk activate {acceptance} --as ID")


def activate(
    *, home: Home, acceptance: Acceptance, acting: As = None, reason: Reason = "activated", json: Json = False
) -> None:
    """Let a risk acceptance hold; another person than the one who recorded it."""
    done = client(home, acting).post("acceptances", acceptance, "activate", reason=reason)
    report(done, f"Risk acceptance {acceptance} holds", json=json)


def withdraw(*, home: Home, acceptance: Acceptance, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Take a risk acceptance back, from the next call on."""
    done = client(home, acting).post("acceptances", acceptance, "withdraw", reason=reason)
    report(done, f"Risk acceptance {acceptance} is withdrawn from the next call on", json=json)


def list_acceptances(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List risk acceptances, who stands behind them, and until when."""
    acceptances = client(home, acting).get("acceptances")["acceptances"]
    if json:
        print_json(acceptances)
        return
    rows = [
        (each["id"], each["agreement"], each["days"], each["until"], each["added_by"], each["activated_by"],
         each["withdrawn_by"])
        for each in acceptances
    ]  # fmt: skip
    print_table(
        ("id", "agreement", "days kept", "until", "recorded by", "activated by", "withdrawn by"),
        rows,
        empty="No risk is accepted: only agreements with zero retention open a road.",
    )
