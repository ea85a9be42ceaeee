"""`wardkeep careteam`: who stands in what relationship to a subject, and authorizations."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Care teams and authorizations by subject.")
    group.command("set")(set_)
    group.command("list")(list_teams)
    root.add_typer(group, name="careteam")


def set_(
    *,
    home: Home,
    subject: Annotated[str, typer.Option("--subject", help="The handle that calls name; it is not kept.")],
    reason: Reason,
    workspace: Annotated[str, typer.Option("--workspace", help="Where the relationship holds.")] = "default",
    member: Annotated[list[str] | None, typer.Option("--member", help="Somebody on the care team; repeat.")] = None,
    originator: Annotated[
        list[str] | None, typer.Option("--originator", help="Who wrote the psychotherapy notes; repeat.")
    ] = None,
    psychotherapy_authorized: Annotated[
        list[str] | None, typer.Option("--psychotherapy-authorized", help="Whom an authorization names; repeat.")
    ] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Put all relationships to one subject; with nobody named the record is removed."""
    members: dict[str, list[str]] = {person: ["care_team"] for person in member or []}
    for person in originator or []:
        members.setdefault(person, []).append("originator")
    done = client(home, acting).post(
        "careteams",
        subject=subject,
        workspace=workspace,
        members=members,
        psychotherapy_authorized=psychotherapy_authorized or [],
        reason=reason,
    )
    report(done, f"Care team {done['id']} is recorded", json=json)


def list_teams(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List care teams; subjects are shown as blind indexes."""
    found = client(home, acting).get("careteams")["care_teams"]
    if json:
        print_json(found)
        return
    rows = [
        (
            each["id"],
            each["workspace"],
            [f"{person}:{'+'.join(sorted(kinds))}" for person, kinds in each["members"].items()],
            each["psychotherapy_authorized"] or "-",
        )
        for each in found
    ]
    columns = ("subject", "workspace", "members", "psychotherapy authorized")
    print_table(columns, rows, empty="There is no care team.")
