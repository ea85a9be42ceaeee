"""`wardkeep rights`: requests of individuals and what was granted (45 CFR 164.502(g), 164.522 to 164.530(d))."""

from typing import Annotated

import typer

from wardkeep.cli import _rights_granted as granted
from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report
from wardkeep.model.access import Purpose
from wardkeep.model.individuals import Ground, RecordSet, RequestKind
from wardkeep.model.registers import Outcome

Request = Annotated[str, typer.Argument(metavar="ID", help="The request's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Requests of individuals: access, amendment, accounting, restriction, confidential communication, "
        "complaint; who represents them.",
    )
    group.command("list")(list_requests)
    group.command("to-review")(to_review)
    group.command("grounds")(grounds)
    group.command("take")(take)
    group.command("extend")(extend)
    group.command("record-set")(record_set)
    group.command("answer")(answer)
    group.command("letter")(letter)
    group.command("review")(review)
    group.command("reviewed")(reviewed)
    group.command("disagree")(disagree)
    group.command("rebut")(rebut)
    granted.register(group)
    root.add_typer(group, name="rights")


def list_requests(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the requests, and when each is due."""
    _shown(client(home, acting).get("rights")["requests"], json=json)


def to_review(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the denials that wait for your review."""
    _shown(client(home, acting).get("rights", "to-review")["requests"], json=json)


def _shown(found: list[dict[str, object]], *, json: bool) -> None:
    if json:
        print_json(found)
        return
    rows = []
    for each in found:
        clock = each["clock"] if isinstance(each["clock"], dict) else {}
        rows.append(
            (
                each["id"], each["right"], each["through"], each["received_on"], clock.get("due"),
                clock.get("days_left"), each["record_set"], each["answered_on"], each["outcome"], each["ground"],
                each["is_late"], each["words"],
            )
        )  # fmt: skip
    columns = (
        "id", "right", "through", "received", "due", "days left", "record set", "answered", "outcome", "ground", "late",
        "words",
    )  # fmt: skip
    print_table(columns, rows, empty="There is none.")


def grounds(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List on what each kind of request may be denied, and which denials are reviewed on demand."""
    found = client(home, acting).get("rights", "grounds")["grounds"]
    if json:
        print_json(found)
        return
    columns = ("kind", "ground", "citation", "is_reviewable", "words")
    print_table(columns, [[each[name] for name in columns] for each in found], empty="There is none.")


def take(
    *,
    home: Home,
    request: Request,
    right: Annotated[RequestKind, typer.Option(help="What is asked for.")],
    received: Annotated[str, typer.Option(metavar="DATE", help="The day anybody here received it.")],
    reason: Reason,
    subject: Annotated[str, typer.Option(help="The handle that calls use; kept as a blind index.")] = "",
    through: Annotated[str | None, typer.Option(metavar="ID", help="The representative who asks.")] = None,
    paid_in_full: Annotated[
        bool,
        typer.Option("--paid-in-full", help="Of a restriction: it keeps from a plan what was paid in full."),
    ] = False,
    entry: Annotated[
        list[int] | None, typer.Option("--entry", help="A ledger entry that is to be amended; repeat.")
    ] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Put a request on record; its clock runs from the day it was received."""
    form: dict[str, object] = {
        "id": request, "right": right.value, "subject": subject, "received_on": received, "through": through,
        "paid_in_full": paid_in_full, "entries": entry or [], "reason": reason,
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


def record_set(
    *,
    home: Home,
    request: Request,
    found: Annotated[RecordSet, typer.Option("--is", help="Whether it is in a designated record set.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Decide whether what is asked for is in a designated record set (45 CFR 164.501)."""
    done = client(home, acting).post("rights", request, "record-set", record_set=found.value, reason=reason)
    report(done, f"Request {request}: {found.value}", json=json)


def answer(
    *,
    home: Home,
    request: Request,
    outcome: Annotated[Outcome, typer.Option(help="What was answered; settled is for complaints.")],
    on: Annotated[str, typer.Option(metavar="DATE", help="The day of the answer.")],
    reason: Reason,
    ground: Annotated[Ground | None, typer.Option(help="Of a denial: its ground (`wardkeep rights grounds`).")] = None,
    purpose: Annotated[
        list[Purpose] | None, typer.Option("--purpose", help="Of a restriction: a purpose that it bars; repeat.")
    ] = None,
    vendor: Annotated[
        list[str] | None,
        typer.Option("--vendor", help="Of a restriction: who is not to have it (default: all); repeat."),
    ] = None,
    only_named: Annotated[
        bool, typer.Option("--only-named", help="Of a restriction: let calls pass that name no subject.")
    ] = False,
    acting: As = None,
    json: Json = False,
) -> None:
    """Record the answer; why is the reason. What is granted takes effect with it."""
    form: dict[str, object] = {
        "outcome": outcome.value, "on": on, "ground": None if ground is None else ground.value,
        "purposes": [each.value for each in purpose or []], "vendors": vendor or None, "bars_unnamed": not only_named,
        "reason": reason,
    }  # fmt: skip
    done = client(home, acting).post_whole("rights", request, "answer", form=form)
    report(done, f"Request {request} is answered", json=json)


def letter(
    *,
    home: Home,
    request: Request,
    contact: Annotated[str, typer.Option(help="Who takes complaints here: name or title, and telephone.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Write the letter of a denial, with its ground and what the individual can do; its hash is recorded."""
    done = client(home, acting).post("rights", request, "letter", contact=contact, reason=reason)
    if json:
        print_json(done)
    else:
        print_lines(done["letter"])


def review(
    *,
    home: Home,
    request: Request,
    reviewer: Annotated[str, typer.Option(help="A clinician or nurse who had no part in the denial.")],
    on: Annotated[str, typer.Option(metavar="DATE", help="The day the individual asked for it.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Name who reviews a denial (45 CFR 164.524(a)(4))."""
    done = client(home, acting).post("rights", request, "review", reviewer=reviewer, on=on, reason=reason)
    report(done, f"The denial of {request} waits for review", json=json)


def reviewed(
    *,
    home: Home,
    request: Request,
    overturn: Annotated[bool, typer.Option("--overturn/--uphold", help="Grant what was denied, or not.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Decide on a denial, as its reviewer; what is decided is followed."""
    done = client(home, acting).post("rights", request, "reviewed", is_overturned=overturn, reason=reason)
    report(done, f"The denial of {request} is {'overturned' if overturn else 'upheld'}", json=json)


def disagree(
    *,
    home: Home,
    request: Request,
    on: Annotated[str, typer.Option(metavar="DATE", help="The day of the statement.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Record the individual's statement against a denied amendment; it is the reason."""
    done = client(home, acting).post("rights", request, "disagree", on=on, reason=reason)
    report(done, f"The statement about {request} is on record", json=json)


def rebut(
    *,
    home: Home,
    request: Request,
    on: Annotated[str, typer.Option(metavar="DATE", help="The day of the rebuttal.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Record our rebuttal of a statement; it is the reason."""
    done = client(home, acting).post("rights", request, "rebut", on=on, reason=reason)
    report(done, f"The rebuttal about {request} is on record", json=json)
