"""`wardkeep rights`: requests of individuals with their clocks (45 CFR 164.524 to 164.528)."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report
from wardkeep.compliance.clocks import Right
from wardkeep.model.registers import Outcome

Request = Annotated[str, typer.Argument(metavar="ID", help="The request's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Requests of individuals: access, amendment, accounting.")
    group.command("list")(list_requests)
    group.command("take")(take)
    group.command("extend")(extend)
    group.command("answer")(answer)
    root.add_typer(group, name="rights")


def list_requests(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the requests, and when each is due."""
    found = client(home, acting).get("rights")["requests"]
    if json:
        print_json(found)
        return
    rows = [
        (
            each["id"], each["right"], each["received_on"], each["clock"]["due"], each["clock"]["days_left"],
            each["answered_on"], each["outcome"], each["is_late"], each["words"],
        )
        for each in found
    ]  # fmt: skip
    columns = ("id", "right", "received", "due", "days left", "answered", "outcome", "late", "words")
    print_table(columns, rows, empty="There is none.")


def take(
    *,
    home: Home,
    request: Request,
    right: Annotated[Right, typer.Option(help="What is asked for.")],
    subject: Annotated[str, typer.Option(help="The handle that calls use; kept as a blind index.")],
    received: Annotated[str, typer.Option(metavar="DATE", help="The day anybody here received it.")],
    reason: Reason,
    workspace: Annotated[str, typer.Option(help="Where the handle is used.")] = "default",
    acting: As = None,
    json: Json = False,
) -> None:
    """Put a request on record; its clock runs from the day it was received."""
    form: dict[str, object] = {
        "id": request, "right": right.value, "subject": subject, "workspace": workspace, "received_on": received,
        "reason": reason,
    }  # fmt: skip
    report(client(home, acting).post_whole("rights", form=form), f"Request {request} is on record", json=json)


def extend(
    *,
    home: Home,
    request: Request,
    on: Annotated[str, typer.Option(metavar="DATE", help="The day of the written statement.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Record the one extension, stated in writing inside the first period."""
    done = client(home, acting).post("rights", request, "extend", on=on, reason=reason)
    report(done, f"Request {request} is extended", json=json)


def answer(
    *,
    home: Home,
    request: Request,
    outcome: Annotated[Outcome, typer.Option(help="What was answered.")],
    on: Annotated[str, typer.Option(metavar="DATE", help="The day of the answer.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Record the answer; why is the reason."""
    done = client(home, acting).post("rights", request, "answer", outcome=outcome.value, on=on, reason=reason)
    report(done, f"Request {request} is answered", json=json)
