"""`wardkeep budget`: how many tokens, or how much money, keys, applications, people and workspaces may use."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report

Name = Annotated[str, typer.Argument(metavar="ID", help="The budget's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Budgets of tokens and money.")
    group.command("set")(set_)
    group.command("list")(list_budgets)
    group.command("remove")(remove)
    root.add_typer(group, name="budget")


def set_(
    *,
    home: Home,
    budget: Name,
    kind: Annotated[str, typer.Option("--for", help="key, application, person or workspace.")],
    holder: Annotated[str, typer.Option("--id", help="Whose: the id of that key, application, person or workspace.")],
    period: Annotated[str, typer.Option("--per", help="day or month, as the organisation counts them.")],
    reason: Reason,
    tokens: Annotated[int | None, typer.Option(help="Tokens sent and answered, together.")] = None,
    cost: Annotated[str | None, typer.Option(help="Money, by the prices on record.")] = None,
    currency: Annotated[str | None, typer.Option(help="Of the cost: three letters.")] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Set a budget; one that is there under this id is replaced."""
    form: dict[str, object] = {
        "id": budget,
        "kind": kind,
        "holder": holder,
        "period": period,
        "tokens": tokens,
        "cost": cost,
        "currency": currency,
        "reason": reason,
    }
    report(client(home, acting).post_form("budgets", form), f"Budget {budget} is set", json=json)


def list_budgets(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List budgets, what is used of each in its period, and which hold calls back."""
    found = client(home, acting).get("budgets")["budgets"]
    if json:
        print_json(found)
        return
    names = ("id", "kind", "holder", "now", "used_tokens", "tokens", "used_cost", "cost", "currency", "used_percent",
             "state")  # fmt: skip
    heads = ("id", "for", "whose", "period", "used", "of tokens", "used", "of cost", "currency", "percent", "state")
    print_table(heads, [[each[name] for name in names] for each in found], empty="There is no budget.")


def remove(*, home: Home, budget: Name, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Take a budget away; it holds nothing back from the next call on."""
    report(client(home, acting).post("budgets", budget, "remove", reason=reason), f"{budget} is gone", json=json)
