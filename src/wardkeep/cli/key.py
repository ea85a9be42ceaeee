"""`wardkeep key`: credentials of applications, each with its models, purposes and owner named."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report
from wardkeep.cli._shown_once import hand_over
from wardkeep.cli.user import Out


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Keys of applications.")
    group.command("create")(create)
    group.command("list")(list_keys)
    group.command("rotate")(rotate)
    group.command("revoke")(revoke)
    root.add_typer(group, name="key")


def create(
    *,
    home: Home,
    name: Annotated[str, typer.Option(help="What the key is for.")],
    owner: Annotated[str, typer.Option(help="The person who answers for the application.")],
    model: Annotated[list[str], typer.Option("--model", help="A model it may call; repeat for several.")],
    purpose: Annotated[list[str], typer.Option("--purpose", help="A purpose of use (TREAT, ...); repeat for several.")],
    default_purpose: Annotated[str | None, typer.Option(help="The purpose of calls that state none.")] = None,
    workspace: Annotated[str, typer.Option(help="The workspace its calls belong to.")] = "default",
    application: Annotated[str | None, typer.Option(help="The application that it belongs to.")] = None,
    expires_at: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="When it ends, UTC.")
    ] = None,
    calls_per_minute: Annotated[int | None, typer.Option(help="Its rate.")] = None,
    calls_at_once: Annotated[int | None, typer.Option(help="Its concurrency.")] = None,
    demands_certificate: Annotated[
        bool,
        typer.Option("--demands-certificate", help="It opens nothing without a client certificate of its application."),
    ] = False,
    acting: As = None,
    reason: Reason = "created",
    out: Out = None,
    json: Json = False,
) -> None:
    """Make a key; it is shown once."""
    made = client(home, acting).post(
        "keys",
        name=name,
        owner=owner,
        models=model,
        purposes=purpose,
        default_purpose=default_purpose,
        workspace=workspace,
        application=application,
        expires_at=None if expires_at is None else expires_at.replace(tzinfo=UTC).isoformat(),
        calls_per_minute=calls_per_minute,
        calls_at_once=calls_at_once,
        demands_certificate=demands_certificate,
        reason=reason,
    )
    hand_over(made, out, json=json, done=f"Key {made['id']} is made (ledger entry {made['ledger_index']}).")


def list_keys(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List keys; never what they are."""
    keys = client(home, acting).get("keys")["keys"]
    if json:
        print_json(keys)
        return
    rows = [
        (
            each["id"],
            each["name"],
            each["owner"],
            each["models"],
            each["purposes"],
            each["expires_at"],
            each["last_used_at"],
            each["is_revoked"],
        )
        for each in keys
    ]
    print_table(
        ("id", "name", "owner", "models", "purposes", "expires", "last used", "revoked"),
        rows,
        empty="There is no key. Make one with `wardkeep key create`.",
    )


def rotate(
    *,
    home: Home,
    key: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")],
    reason: Reason,
    overlap_hours: Annotated[int, typer.Option(help="How long the old key still works.")] = 24,
    expires_at: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="When the new one ends, UTC.")
    ] = None,
    acting: As = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Make a successor with the same terms; the old key goes on for the overlap and no longer."""
    made = client(home, acting).post(
        "keys",
        key,
        "rotate",
        overlap_hours=overlap_hours,
        expires_at=None if expires_at is None else expires_at.replace(tzinfo=UTC).isoformat(),
        reason=reason,
    )
    hand_over(made, out, json=json, done=f"Key {made['id']} succeeds {key} (ledger entry {made['ledger_index']}).")


def revoke(
    *,
    home: Home,
    key: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Revoke a key for good, from the next call on."""
    done = client(home, acting).post("keys", key, "revoke", reason=reason)
    report(done, f"Key {key} is revoked", json=json)
