"""`wardkeep scim`: identity providers that tell who joins, moves and leaves (RFC 7644)."""

from pathlib import Path
from typing import Annotated

import typer

from wardkeep.cli._certificate import register_certificates
from wardkeep.cli._client import client
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report
from wardkeep.cli._shown_once import hand_over
from wardkeep.model.certificate import HolderKind

Name = Annotated[str, typer.Argument(metavar="ID", help="The provisioning client's id.")]
Groups = Annotated[
    list[str] | None, typer.Option("--group", metavar="NAME=ROLE", help="What a group stands for; repeat for several.")
]
Out = Annotated[Path | None, typer.Option("--out", help="Write the credential to this file (0600), not the screen.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Identity providers that tell who joins, moves and leaves.")
    group.command("add")(add)
    group.command("list")(list_clients)
    group.command("map")(map_)
    group.command("disable")(disable)
    register_certificates(group, HolderKind.SCIM)
    root.add_typer(group, name="scim")


def add(
    *,
    home: Home,
    name: Name,
    groups: Groups = None,
    out: Out = None,
    acting: As = None,
    reason: Reason = "provisioning",
    json: Json = False,
) -> None:
    """Record a provider that provisions people; its credential is shown once."""
    form: dict[str, object] = {"id": name, "roles": _roles(groups), "reason": reason}
    made = client(home, acting).post_form("scim-clients", form)
    hand_over(made, out, json=json, done=f"{name} may provision (ledger entry {made['ledger_index']}).")


def list_clients(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List who provisions, how many, and what their groups stand for."""
    found = client(home, acting).get("scim-clients")["clients"]
    if json:
        print_json(found)
        return
    rows = [
        [each["id"], each["is_active"], each["made_by"], each["users"], [f"{n}={'+'.join(r)}" for n, r in
         each["roles"].items()], each["groups"]]
        for each in found
    ]  # fmt: skip
    print_table(("id", "active", "made by", "users", "stands for", "groups"), rows, empty="Nobody provisions.")


def map_(
    *, home: Home, name: Name, reason: Reason, groups: Groups = None, acting: As = None, json: Json = False
) -> None:
    """Put what the groups stand for anew; roles are given and taken at once."""
    form: dict[str, object] = {"roles": _roles(groups), "reason": reason}
    report(client(home, acting).post_whole("scim-clients", name, "map", form=form), f"{name} is mapped", json=json)


def disable(*, home: Home, name: Name, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Take no word of a provider any more; whom it provisioned stays."""
    report(client(home, acting).post("scim-clients", name, "disable", reason=reason), f"{name} has ended", json=json)


def _roles(groups: list[str] | None) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in groups or []:
        name, _, role = each.rpartition("=")
        if not name or not role:
            raise CommandFailed("value_invalid", what="A group is NAME=ROLE.", fix="Such as --group Ward=nurse.")
        found.setdefault(name, []).append(role)
    return found
