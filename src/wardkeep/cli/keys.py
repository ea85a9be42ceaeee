"""`wardkeep keys`: the instance's own keys, changed while it serves. `docs/keys.md` says what each protects."""

from typing import Annotated

import typer

from wardkeep.audit.verify import UnusableInput
from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report
from wardkeep.model.roots import FORMS

Id = Annotated[str, typer.Argument(metavar="ID", help="The move's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="The instance's own keys: epochs, rewrapping, another root.")
    group.command("show")(show)
    group.command("rotate")(rotate)
    group.command("rewrap")(rewrap)
    group.command("approve")(approve)
    group.command("withdraw")(withdraw)
    root.add_typer(group, name="keys")


def show(*, home: Home, acting: As = None, json: Json = False) -> None:
    """Show root, epochs and moves."""
    held = client(home, acting).get("root")
    if json:
        print_json(held)
        return
    print_lines(
        f"The keys opened under {held['root_id']} ({held['root']}); {held['epoch']} of {len(held['epochs'])} epochs is "
        "current."
    )
    if held["other_root_id"] is not None:
        print_lines(f"They open under {held['other_root_id']} as well, until a start under the one to stay.")
    names = ("id", "status", "line", "proposed_by", "approved_by", "finished_at")
    rows = [tuple(each[name] for name in names) for each in held["moves"]]
    print_table(("move", "status", "to", "proposed by", "approved by", "finished"), rows, empty="There is no move.")


def rotate(
    *,
    home: Home,
    reason: Reason,
    epoch: Annotated[bool, typer.Option("--epoch", help="Begin a new epoch.")] = False,
    acting: As = None,
    json: Json = False,
) -> None:
    """Begin a new epoch while calls go on; what was sealed before stays readable."""
    if not epoch:
        raise UnusableInput("say what to rotate: --epoch (for the root, rotate it at its holder, then `keys rewrap`)")
    done = client(home, acting).post("root", "rotate", reason=reason)
    report(
        done, f"Epoch {done['epoch']} began; {done['credentials']} vendor credentials are sealed under it", json=json
    )


def rewrap(
    *,
    home: Home,
    reason: Reason,
    to: Annotated[str | None, typer.Option("--to", metavar="ROOT", help=f"Move under another root: {FORMS}.")] = None,
    identifier: Annotated[str | None, typer.Option("--id", metavar="ID", help="The move's id, with --to.")] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Wrap the tenant key anew under the same root; with --to propose to move it under another one."""
    if (to is None) != (identifier is None):
        raise UnusableInput("a move takes both: --to ROOT and --id ID")
    if to is None:
        done = client(home, acting).post("root", "rewrap", reason=reason)
        report(done, f"The tenant key is wrapped anew under {done['root_id']}", json=json)
        return
    done = client(home, acting).post("root", "moves", id=identifier, to=to, reason=reason)
    report(done, f"The move {identifier} awaits another person's approval", json=json)


def approve(*, home: Home, identifier: Id, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Approve a move: the keys open under both roots until the instance starts under the new one."""
    done = client(home, acting).post("root", "moves", identifier, "approve", reason=reason)
    report(done, f"The keys open under {done['root_id']} as well", json=json)
    if not json:
        print_lines(
            f"wardkeep.toml names {done['root']} now."
            if done["is_written"]
            else f"wardkeep.toml could not be changed: set keys.root to {done['root']} there.",
            "Restart the server with what opens the new root: that finishes the move and leaves the old root.",
            "Backups made before open under the old root alone: keep it as long as you keep them.",
        )


def withdraw(*, home: Home, identifier: Id, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Take back a move that no start has finished."""
    done = client(home, acting).post("root", "moves", identifier, "withdraw", reason=reason)
    report(done, "The keys open under the old root alone", json=json)
    if not json and not done["is_written"]:
        print_lines(f"wardkeep.toml could not be changed: set keys.root to {done['root']} there.")
