"""`wardkeep emergency`: go on while the ledger cannot be written (45 CFR 164.308(a)(7)(ii)(C))."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines
from wardkeep.cli._typed import typed_code


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True, help="Go on while the ledger is down: declared, for a time, on a second path."
    )
    group.command("declare")(declare)
    group.command("confirm")(confirm)
    group.command("end")(end)
    group.command("show")(show)
    root.add_typer(group, name="emergency")


def declare(
    *,
    home: Home,
    reason: Reason,
    minutes: Annotated[int, typer.Option(help="How long, 5 to 240.")] = 60,
    code: Annotated[
        bool,
        typer.Option("--code", help="Open it alone with a code of your sealed envelope, read from standard input."),
    ] = False,
    acting: As = None,
    json: Json = False,
) -> None:
    """Declare an emergency; another officer confirms it, unless a code of the sealed envelope is given."""
    form: dict[str, object] = {"minutes": minutes, "reason": reason}
    if code:
        form["code"] = typed_code("Code of your sealed envelope: ")
    _tell(client(home, acting).post_form("emergency", form), json=json)


def confirm(
    *,
    home: Home,
    emergency: Annotated[str, typer.Argument(metavar="ID", help="The emergency's id.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Confirm it as the second person: from now on people who break the glass are served."""
    _tell(client(home, acting).post("emergency", emergency, "confirm", reason=reason), json=json)


def end(*, home: Home, reason: Reason, acting: As = None, json: Json = False) -> None:
    """End it before its time."""
    _tell(client(home, acting).post("emergency", "end", reason=reason), json=json)


def show(*, home: Home, acting: As = None, json: Json = False) -> None:
    """Show whether one is declared, and what waits in the spool."""
    found = client(home, acting).get("emergency")
    if json:
        print_json(found)
        return
    print_lines(
        f"ledger:    {'takes records' if found['ledger_writable'] else 'DOWN'}",
        f"spool:     {'set up' if found['is_set_up'] else 'not set up (`ledger.spool`)'}, {found['waiting']} waiting",
    )
    if found["damaged_at"] is not None:
        print_lines(f"DAMAGED:   what followed append {found['damaged_at']} could not be read; the file was put aside")
    if found["emergency"] is not None:
        _tell(found["emergency"], json=False)


def _tell(found: dict[str, object], *, json: bool) -> None:
    if json:
        print_json(found)
    elif found["waits_for_second_person"]:
        print_lines(
            f"{found['id']} waits for a second officer: wardkeep emergency confirm {found['id']} --reason ... --as ..."
        )
    elif found["is_open"]:
        print_lines(
            f"{found['id']} is open until {found['until']}. People begin with `wardkeep access break-glass begin`."
        )
    else:
        print_lines(f"{found['id']} is over.")
