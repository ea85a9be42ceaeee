"""`wardkeep hold`: what must not be destroyed: litigation, legal process, rights requests."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report
from wardkeep.model.custody import HoldCause

Id = Annotated[str, typer.Argument(metavar="ID", help="The hold's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Holds: what must not be destroyed.")
    group.command("list")(list_holds)
    group.command("place")(place)
    group.command("release")(release)
    root.add_typer(group, name="hold")


def list_holds(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List holds: whom they keep, why, and who placed and released them."""
    held = client(home, acting).get("holds")
    if json:
        print_json(held)
        return
    columns = ("hold", "cause", "subject's tag", "placed by", "placed", "released by", "released")
    names = ("id", "cause", "subject", "placed_by", "placed_at", "released_by", "released_at")
    rows = [
        tuple("everybody" if name == "subject" and each[name] is None else each[name] for name in names)
        for each in held["holds"]
    ]
    print_table(columns, rows, empty="There is no hold.")


def place(
    *,
    home: Home,
    identifier: Id,
    cause: Annotated[HoldCause, typer.Option(help="Why it must be kept.")],
    reason: Reason,
    subject: Annotated[str | None, typer.Option("--subject", metavar="HANDLE", help="The subject's handle.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", metavar="HEX", help="The tag that headers show, instead.")] = None,
    everybody: Annotated[bool, typer.Option("--everybody", help="Hold all subjects.")] = False,
    acting: As = None,
    json: Json = False,
) -> None:
    """Place a hold: from now on the subject's keys are not destroyed."""
    done = client(home, acting).post(
        "holds", id=identifier, cause=cause.value, subject=subject, tag=tag, is_everybody=everybody, reason=reason
    )
    report(done, f"The hold {identifier} stands", json=json)


def release(*, home: Home, identifier: Id, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Release a hold that another person placed."""
    done = client(home, acting).post("holds", identifier, "release", reason=reason)
    report(done, f"The hold {identifier} is released", json=json)
