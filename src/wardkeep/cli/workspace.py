"""`wardkeep workspace`: where people and applications act together, and what is demanded there."""

from pathlib import Path
from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report
from wardkeep.cli._tables import read_table

File = Annotated[Path, typer.Option("--file", help="The workspace whole, as TOML or JSON.")]
Name = Annotated[str, typer.Argument(metavar="ID", help="The workspace's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Workspaces: who acts where, and what is demanded there.")
    group.command("add")(add)
    group.command("set")(set_)
    group.command("list")(list_workspaces)
    group.command("members")(members)
    group.command("close")(close)
    root.add_typer(group, name="workspace")


def add(*, home: Home, file: File, acting: As = None, reason: Reason = "opened", json: Json = False) -> None:
    """Open a workspace; what its file does not state is demanded of every call."""
    form = read_table(file)
    done = client(home, acting).post_form("workspaces", {"reason": reason, **form})
    report(done, f"Workspace {done['id']} is open", json=json)


def set_(*, home: Home, file: File, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Put all terms of a workspace anew."""
    form = read_table(file)
    name = str(form.get("id", ""))
    done = client(home, acting).post_whole("workspaces", name, "set", form={"reason": reason, **form})
    report(done, f"Workspace {name} has its new terms", json=json)


def list_workspaces(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List workspaces, and what each demands of a call."""
    found = client(home, acting).get("workspaces")["workspaces"]
    if json:
        print_json(found)
        return
    rows = [
        (
            each["id"],
            each["owner"],
            each["is_active"],
            len(each["members"]),
            each["purposes"],
            "as keys" if each["models"] is None else each["models"],
            each["data_classes"],
            each["requires"] or "-",
        )
        for each in found
    ]
    columns = ("id", "owner", "open", "members", "purposes", "models", "data", "requires")
    print_table(columns, rows, empty="There is no workspace. Open one with `wardkeep workspace add`.")


def members(
    *,
    home: Home,
    workspace: Name,
    reason: Reason,
    add: Annotated[list[str] | None, typer.Option("--add", help="Somebody to let in; repeat for several.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="Somebody to let out; repeat.")] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Let people in or out."""
    asked = client(home, acting)
    done = asked.post("workspaces", workspace, "members", add=add or [], remove=remove or [], reason=reason)
    report(done, f"Workspace {workspace} has its new members", json=json)


def close(*, home: Home, workspace: Name, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Close a workspace; every call in it is refused from the next one on."""
    done = client(home, acting).post("workspaces", workspace, "close", reason=reason)
    report(done, f"Workspace {workspace} is closed", json=json)
