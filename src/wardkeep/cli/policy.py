"""`wardkeep policy`: what the access policy says of a call, what a change would do, and what changes have done."""

from pathlib import Path
from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, print_json, print_lines, print_table
from wardkeep.cli._tables import read_table


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="The access policy: explained, imagined, compared.")
    group.command("explain")(explain)
    group.command("simulate")(simulate)
    group.command("diff")(diff)
    group.command("roles")(roles)
    root.add_typer(group, name="policy")


def explain(
    *,
    home: Home,
    key: Annotated[str, typer.Option("--key", help="The key's id.")],
    model: Annotated[str | None, typer.Option("--model", help="The model asked for.")] = None,
    purpose: Annotated[str | None, typer.Option("--purpose", help="The stated purpose; else the key's.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="The subject's handle.")] = None,
    person: Annotated[str | None, typer.Option("--person", help="On whose behalf.")] = None,
    verified: Annotated[bool, typer.Option("--verified", help="The person is proven by a token.")] = False,
    second_factor_age: Annotated[
        int | None, typer.Option("--second-factor-age", help="Seconds since the person's second factor.")
    ] = None,
    data_class: Annotated[list[str] | None, typer.Option("--data-class", help="A stated class; repeat.")] = None,
    field: Annotated[list[str] | None, typer.Option("--field", help="A request field used; repeat.")] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Show what every rule says of a call, without making it."""
    answer = client(home, acting).post(
        "policy",
        "explain",
        key=key,
        model=model,
        purpose=purpose,
        subject=subject,
        person=person,
        is_verified=verified,
        second_factor_age_seconds=second_factor_age,
        data_classes=data_class or [],
        fields=["model", "messages", *(field or [])],
    )
    if json:
        print_json(answer)
        return
    rows = [(each["name"], each["reason"] or "holds", each["demands"]) for each in answer["findings"]]
    print_table(("rule", "finding", "demands"), rows, empty="")
    shows = "originals" if answer["reveals"] else "surrogates"
    unmasked = ", ".join(answer["passes"]) or "nothing"
    print_lines(
        f"Permitted: {unmasked} goes unmasked, the answer shows {shows}."
        if answer["permitted"]
        else f"Refused: {answer['reason']}."
    )


def simulate(
    *,
    home: Home,
    file: Annotated[Path, typer.Option("--file", help="The changes to imagine, as TOML or JSON.")],
    acting: As = None,
    json: Json = False,
) -> None:
    """Show which uses of keys a change would open or close; nothing is changed."""
    _show(client(home, acting).post("policy", "simulate", **read_table(file)), json=json)


def diff(
    *,
    home: Home,
    since: Annotated[int, typer.Option("--from", help="Index of an earlier ledger entry.")],
    until: Annotated[int, typer.Option("--to", help="Index of a later one.")],
    acting: As = None,
    json: Json = False,
) -> None:
    """Show which uses of keys were opened or closed between two ledger entries."""
    _show(client(home, acting).get("policy", "diff", **{"from": str(since), "to": str(until)}), json=json)


def roles(*, home: Home, acting: As = None, json: Json = False) -> None:
    """Show what each role may do: permissions, purposes, data classes, fields."""
    found = client(home, acting).get("roles")
    if json:
        print_json(found)
        return
    names = sorted({*found["permissions"], *found["data"]})
    rows = [
        (
            name,
            found["permissions"].get(name, []),
            found["data"].get(name, {}).get("purposes", "-"),
            found["data"].get(name, {}).get("data_classes", "-"),
        )
        for name in names
    ]
    print_table(("role", "permissions", "purposes", "data classes"), rows, empty="")


def _show(answer: dict[str, list[dict[str, str]]], *, json: bool) -> None:
    if json:
        print_json(answer)
        return
    columns = ("key", "person", "purpose", "model", "before", "after")
    rows = [[each[name] for name in columns] for each in answer["differences"]]
    print_table(columns, rows, empty=f"No difference in {answer['uses']} uses.")
