"""`wardkeep access`: ask for access, and decide on what others asked (45 CFR 164.308(a)(4)(ii)(B))."""

from typing import Annotated

import typer

from wardkeep.cli._break_glass import register as register_break_glass
from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report

Request = Annotated[str, typer.Argument(metavar="ID", help="The request's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Requests for access, which others approve, and emergencies.")
    group.command("request")(request)
    group.command("list")(list_requests)
    group.command("approve")(approve)
    group.command("deny")(deny)
    register_break_glass(group)
    root.add_typer(group, name="access")


def request(
    *,
    home: Home,
    reason: Reason,
    person: Annotated[str | None, typer.Option("--person", help="Whom it is for; without it, oneself.")] = None,
    role: Annotated[list[str] | None, typer.Option("--role", help="A role to get; repeat for several.")] = None,
    workspace: Annotated[str | None, typer.Option("--workspace", help="A workspace to enter.")] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Ask for roles or a workspace; somebody else decides."""
    done = client(home, acting).post("access", person=person, roles=role or [], workspace=workspace, reason=reason)
    report(done, f"Request {done['id']} is recorded", json=json)


def list_requests(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List requests for access and what became of them."""
    found = client(home, acting).get("access")["requests"]
    if json:
        print_json(found)
        return
    columns = ("id", "person", "roles", "workspace", "asked_by", "asked_at", "status", "decided_by")
    print_table(columns, [[each[name] for name in columns] for each in found], empty="Nobody asked for access.")


def approve(
    *, home: Home, request: Request, acting: As = None, reason: Reason = "approved", json: Json = False
) -> None:
    """Grant what was asked, when neither the asker nor the one who gets it decides."""
    done = client(home, acting).post("access", request, "approve", reason=reason)
    report(done, f"Request {request} is approved", json=json)


def deny(*, home: Home, request: Request, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Refuse what was asked."""
    done = client(home, acting).post("access", request, "deny", reason=reason)
    report(done, f"Request {request} is denied", json=json)
