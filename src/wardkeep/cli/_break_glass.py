"""`wardkeep access break-glass`: wider access in an emergency, for people only (45 CFR 164.312(a)(2)(ii))."""

from pathlib import Path
from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, entry_of, print_json, print_lines, print_table, report
from wardkeep.cli._shown_once import write_private
from wardkeep.cli._typed import typed_code
from wardkeep.model.break_glass import GlassOutcome

Glass = Annotated[str, typer.Argument(metavar="ID", help="The break-glass's id.")]
Out = Annotated[Path | None, typer.Option("--out", help="Write what is shown once to this file (0600).")]


def register(group: typer.Typer) -> None:
    """Add the group below `access`."""
    below = typer.Typer(no_args_is_help=True, help="Wider access in an emergency: on record, alarmed, reviewed.")
    below.command("begin")(begin)
    below.command("end")(end)
    below.command("list")(list_glass)
    below.command("review")(review)
    below.command("codes")(codes)
    group.add_typer(below, name="break-glass")


def begin(
    *,
    home: Home,
    workspace: Annotated[str, typer.Option("--workspace", help="Where, one that you are a member of.")],
    reason: Reason,
    subject: Annotated[str | None, typer.Option("--subject", help="The subject's handle; without it, any.")] = None,
    minutes: Annotated[int, typer.Option(help="How long, 5 to 240.")] = 60,
    out: Out = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Break the glass; the code of your authenticator or envelope is read from standard input."""
    caller = client(home, acting)
    code = typed_code("Code of your authenticator, or of the sealed envelope: ")
    form: dict[str, object] = {
        "workspace": workspace,
        "code": code,
        "subject": subject,
        "minutes": minutes,
        "reason": reason,
    }
    done = caller.post_form("break-glass", form)
    ticket = str(done["ticket"])
    if out is not None:
        write_private(out, ticket + "\n")
        done = {name: value for name, value in done.items() if name != "ticket"}
    if json:
        print_json(done)
        return
    print_lines(f"The glass is broken for {minutes} minutes ({done['id']}, {entry_of(done)}).")
    print_lines("It is alarmed, and an officer reviews it. Applications send as Wardkeep-Person-Token:")
    print_lines(ticket if out is None else f"the content of {out}")


def end(
    *, home: Home, glass: Glass, acting: As = None, reason: Reason = "the emergency is over", json: Json = False
) -> None:
    """End it before its time, from the next call on."""
    report(client(home, acting).post("break-glass", glass, "end", reason=reason), f"{glass} has ended", json=json)


def list_glass(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List who broke the glass, where, until when, and what the review found."""
    found = client(home, acting).get("break-glass")["break_glass"]
    if json:
        print_json(found)
        return
    columns = ("id", "person", "workspace", "method", "began_at", "until", "is_open", "review_by", "outcome", "words")
    print_table(columns, [[each[name] for name in columns] for each in found], empty="Nobody broke the glass.")


def review(
    *,
    home: Home,
    glass: Glass,
    outcome: Annotated[GlassOutcome, typer.Option("--outcome", help="What it was.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Say what it was, as an officer who is somebody else; the alarm ends with it."""
    done = client(home, acting).post("break-glass", glass, "review", outcome=outcome.value, reason=reason)
    report(done, f"{glass} is reviewed: {outcome.value}", json=json)


def codes(
    *,
    home: Home,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Whose codes.")],
    out: Out = None,
    acting: As = None,
    reason: Reason = "sealed envelope",
    json: Json = False,
) -> None:
    """Make somebody else's offline codes, to be printed and sealed; the ones before are worthless."""
    done = client(home, acting).post("offline-codes", person=person, reason=reason)
    if out is not None:
        write_private(out, "\n".join(done["codes"]) + "\n")
        done = {**done, "codes": f"in {out}"}
    if json:
        print_json(done)
        return
    print_lines(f"Offline codes of {person}, each good once (ledger entry {done['ledger_index']}):")
    print_lines(*(done["codes"] if out is None else [f"in {out}; print it, seal it, delete it here"]))
