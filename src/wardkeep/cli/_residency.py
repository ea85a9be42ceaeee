"""`wardkeep route residency`: where calls of a workspace may be processed, by region and by state law."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report

Rule = Annotated[str, typer.Argument(metavar="ID", help="The rule's id.")]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Residency rules.")
    group.command("add")(add)
    group.command("remove")(remove)
    group.command("list")(list_rules)
    parent.add_typer(group, name="residency")


def add(
    *,
    home: Home,
    rule: Rule,
    workspace: Annotated[str, typer.Option(help="The workspace; * is every one.")] = "*",
    law: Annotated[list[str] | None, typer.Option(help="A law, as `list` names it; may be given again.")] = None,
    region: Annotated[list[str] | None, typer.Option(help="An allowed region; may be given again.")] = None,
    acting: As = None,
    reason: Reason = "added",
    json: Json = False,
) -> None:
    """Narrow where calls may be processed, from the next call on."""
    fields: dict[str, object] = {
        "id": rule,
        "workspace": workspace,
        "laws": law or [],
        "regions": region,
        "reason": reason,
    }
    report(client(home, acting).post_form("residency", fields), f"Residency rule {rule} holds", json=json)


def remove(*, home: Home, rule: Rule, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Propose to take a rule away; a second person who does the same takes it away."""
    done = client(home, acting).post("residency", rule, "remove", reason=reason)
    report(done, f"The removal of {rule} is on record; it takes two people", json=json)


def list_rules(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List residency rules, and the laws that a rule can name."""
    found = client(home, acting).get("residency")
    if json:
        print_json(found)
        return
    rows = [
        (each["id"], each["workspace"], each["data_classes"], each["regions"], each["laws"], each["removal_by"])
        for each in found["rules"]
    ]
    print_table(
        ("id", "workspace", "data", "regions", "laws", "removal proposed by"),
        rows,
        empty="There is no rule: agreements alone say which regions are open.",
    )
    for name, law in found["laws"].items():
        print_lines(f"{name}: {law['title']} ({law['citation']}; {law['certainty']}, {law['as_of']})")
