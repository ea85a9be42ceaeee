"""`wardkeep checklist`: joining and leaving, item by item (45 CFR 164.308(a)(3)(ii))."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, print_json, print_lines, print_table, report
from wardkeep.model.programme import ChecklistKind

Checklist = Annotated[str, typer.Argument(metavar="ID", help="Such as leaver.ana.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Joiners and leavers, item by item.")
    group.command("list")(list_checklists)
    group.command("open")(open_checklist)
    group.command("attest")(attest)
    group.command("close")(close)
    root.add_typer(group, name="checklist")


def list_checklists(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the checklists with what is done, by whom, and what the registry shows."""
    found = client(home, acting).get("checklists")["checklists"]
    if json:
        print_json(found)
        return
    if not found:
        print_lines("There is none.")
    for each in found:
        state = f"closed on {each['closed_on']}" if each["closed_on"] else "LATE" if each["is_late"] else "open"
        print_lines(f"{each['id']}: due on {each['due_on']}, {state}")
        rows = [
            (item["item"], item["is_done"], "the registry" if item["is_computed"] else item["by"], item["words"])
            for item in each["items"]
        ]
        print_table(("item", "done", "says", "words"), rows, empty="")


def open_checklist(
    *,
    home: Home,
    kind: Annotated[ChecklistKind, typer.Argument(help="Joining or leaving.")],
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Whose.")],
    due: Annotated[str, typer.Option(metavar="DATE", help="All is done by this day.")],
    acting: As = None,
    json: Json = False,
) -> None:
    """Open a checklist for a person."""
    form: dict[str, object] = {"kind": kind.value, "person": person, "due_on": due}
    done = client(home, acting).post_whole("checklists", form=form)
    report(done, f"Checklist {done['id']} is open", json=json)


def attest(
    *,
    home: Home,
    checklist: Checklist,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="One that people attest.")],
    acting: As = None,
    json: Json = False,
) -> None:
    """Say that an item is done; what the registry shows is not said but so."""
    done = client(home, acting).post("checklists", checklist, "attest", item=item)
    report(done, f"{item} is attested", json=json)


def close(*, home: Home, checklist: Checklist, acting: As = None, json: Json = False) -> None:
    """Close a checklist on which nothing is missing."""
    done = client(home, acting).post("checklists", checklist, "close")
    report(done, f"{checklist} is closed", json=json)
