"""`wardkeep baa`: business associate agreements, and what breaks on a day (45 CFR 164.308(b), 164.504(e))."""

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from wardkeep.cli import _clauses, _risk
from wardkeep.cli._client import client
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report
from wardkeep.cli._tables import read_table
from wardkeep.model.reasons import EXPLANATIONS
from wardkeep.model.reasons import Reason as Refusal

Agreement = Annotated[str, typer.Argument(metavar="ID", help="The agreement's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Business associate agreements.")
    group.command("add")(add)
    group.command("activate")(activate)
    group.command("suspend")(suspend)
    group.command("resume")(resume)
    group.command("terminate")(terminate)
    group.command("list")(list_agreements)
    group.command("simulate")(simulate)
    _clauses.register(group)
    _risk.register(group)
    root.add_typer(group, name="baa")


def add(
    *,
    home: Home,
    file: Annotated[Path, typer.Option("--file", help="The agreement's fields as .toml or .json.")],
    document: Annotated[Path | None, typer.Option(help="The signed document; its SHA-256 is recorded.")] = None,
    add_vendor: Annotated[
        bool, typer.Option("--add-vendor", help="Record the vendor too, under the agreement's legal name.")
    ] = False,
    acting: As = None,
    reason: Reason = "recorded",
    json: Json = False,
) -> None:
    """Record an agreement as a draft; a second person activates it."""
    fields = {"expires_on": None, **read_table(file)}
    if document is not None:
        found = hashlib.sha256(document.read_bytes()).hexdigest()
        if fields.setdefault("document_sha256", found) != found:
            raise CommandFailed(
                "document_differs",
                what=f"The SHA-256 of {document} is not the one in {file}.",
                why="The record must be of the document that was signed.",
                fix="Give the signed document, or remove document_sha256 from the file.",
            )
    if "document_sha256" not in fields:
        raise CommandFailed(
            "document_missing",
            what="The signed document is not named.",
            why="An agreement is on record by the hash of what was signed.",
            fix="Add --document FILE.",
        )
    api = client(home, acting)
    if add_vendor:
        api.post("vendors", id=fields.get("vendor"), party=fields.get("party"), reason=reason)
    done = api.post_form("agreements", {**fields, "reason": reason})
    report(done, f"Agreement {done['id']} is recorded as a draft", json=json)
    if not json:
        print_lines(f"A second person activates it: wardkeep baa activate {done['id']} --as ID")


def activate(
    *,
    home: Home,
    agreement: Agreement,
    acting: As = None,
    reason: Reason = "activated",
    json: Json = False,
) -> None:
    """Activate a draft; another person than the one who recorded it."""
    done = client(home, acting).post("agreements", agreement, "activate", reason=reason)
    report(done, f"Agreement {agreement} is active", json=json)


def suspend(*, home: Home, agreement: Agreement, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Close the road from the next call on."""
    done = client(home, acting).post("agreements", agreement, "suspend", reason=reason)
    report(done, f"Agreement {agreement} is suspended from the next call on", json=json)


def resume(*, home: Home, agreement: Agreement, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Open a suspended agreement; another person than the one who suspended it."""
    done = client(home, acting).post("agreements", agreement, "resume", reason=reason)
    report(done, f"Agreement {agreement} is active again", json=json)


def terminate(*, home: Home, agreement: Agreement, reason: Reason, acting: As = None, json: Json = False) -> None:
    """End an agreement for good."""
    done = client(home, acting).post("agreements", agreement, "terminate", reason=reason)
    report(done, f"Agreement {agreement} is terminated", json=json)


def list_agreements(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List agreements, their standing and what they cover."""
    agreements = client(home, acting).get("agreements")["agreements"]
    if json:
        print_json(agreements)
        return
    rows = [
        (each["id"], each["vendor"], each["status"], each["effective_on"], each["expires_on"], each["status_reason"])
        for each in agreements
    ]
    print_table(
        ("id", "vendor", "status", "from", "through", "because"),
        rows,
        empty="There is no agreement, so no road is open. Record one with `wardkeep baa add`.",
    )
    for each in agreements:
        for number, scope in enumerate(each["scopes"], 1):
            print_lines(f"{each['id']} scope {number}: " + ", ".join(f"{name}={scope[name]}" for name in scope))


def simulate(
    *,
    home: Home,
    on: Annotated[str, typer.Option("--on", metavar="DATE", help="The day, as YYYY-MM-DD.")],
    acting: As = None,
    json: Json = False,
) -> None:
    """Show which routes are open on a day, and which agreements end before it."""
    told = client(home, acting).get("simulate", on=on)
    if json:
        print_json(told)
        return
    rows = [
        (each["model"], each["deployment"], each["endpoint"], each["purpose"], _standing(each["reason"]))
        for each in told["routes"]
    ]
    print_table(("model", "deployment", "endpoint", "purpose", f"on {on}"), rows, empty="There is no route.")
    for each in told["expiring"]:
        print_lines(f"Agreement {each['agreement']} with {each['vendor']} ends after {each['last_day']}.")


def _standing(reason: str | None) -> str:
    return "open" if reason is None else f"closed: {EXPLANATIONS[Refusal(reason)].what}"
