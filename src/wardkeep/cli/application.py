"""`wardkeep application`: programs and agents as identities, each with an owner, a workspace and roles."""

from typing import Annotated

import typer

from wardkeep.cli._certificate import register_certificates
from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report
from wardkeep.model.certificate import HolderKind

Name = Annotated[str, typer.Argument(metavar="ID", help="The application's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Applications and agents, their owners and roles.")
    group.command("add")(add)
    group.command("list")(list_applications)
    group.command("disable")(disable)
    register_certificates(group, HolderKind.APPLICATION)
    root.add_typer(group, name="application")


def add(
    *,
    home: Home,
    application: Name,
    name: Annotated[str, typer.Option("--name", help="What people call it.")],
    owner: Annotated[str, typer.Option("--owner", help="The person who answers for it.")],
    workspace: Annotated[str, typer.Option("--workspace", help="Where it acts.")] = "default",
    role: Annotated[list[str] | None, typer.Option("--role", help="A role over data; repeat for several.")] = None,
    agent: Annotated[bool, typer.Option("--agent", help="It acts by itself, under its owner's name.")] = False,
    may_assert_person: Annotated[
        bool, typer.Option("--may-assert-person", help="Its word for whom it acts is taken, recorded as asserted.")
    ] = False,
    token_client: Annotated[
        list[str] | None, typer.Option("--token-client", help="Its own name at an identity provider; repeat.")
    ] = None,
    acting: As = None,
    reason: Reason = "recorded",
    json: Json = False,
) -> None:
    """Record an application; without a role it can do nothing."""
    done = client(home, acting).post(
        "applications",
        id=application,
        name=name,
        owner=owner,
        workspace=workspace,
        roles=role or [],
        kind="agent" if agent else "application",
        may_assert_person=may_assert_person,
        token_clients=token_client or [],
        reason=reason,
    )
    report(done, f"Application {application} is recorded", json=json)


def list_applications(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List applications and agents."""
    found = client(home, acting).get("applications")["applications"]
    if json:
        print_json(found)
        return
    columns = ("id", "name", "kind", "owner", "workspace", "roles", "is_active", "may_assert_person")
    print_table(columns, [[each[name] for name in columns] for each in found], empty="There is no application.")


def disable(*, home: Home, application: Name, reason: Reason, acting: As = None, json: Json = False) -> None:
    """End an application; its keys are refused from the next call on."""
    done = client(home, acting).post("applications", application, "disable", reason=reason)
    report(done, f"Application {application} has ended", json=json)
