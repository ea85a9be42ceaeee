"""`wardkeep disclosure`: disclosures outside the gateway, and suspensions of their accounting (45 CFR 164.528)."""

from pathlib import Path
from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report
from wardkeep.cli._tables import read_table
from wardkeep.model.disclosure import RecipientKind

Id = Annotated[str, typer.Argument(metavar="ID", help="The record's id.")]
Subject = Annotated[str, typer.Option("--subject", help="The handle that calls name; it is not kept.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Disclosures made outside the gateway, and their suspension.")
    group.command("list")(list_disclosures)
    group.command("add")(add)
    group.command("withdraw")(withdraw)
    group.command("suspend")(suspend)
    group.command("lift")(lift)
    root.add_typer(group, name="disclosure")


def list_disclosures(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List recorded disclosures and suspensions; subjects are shown as blind indexes."""
    told = client(home, acting).get("disclosures")
    if json:
        print_json(told)
        return
    for kind, columns in (
        ("disclosures", ["id", "on", "recipient", "subject", "recorded_by", "withdrawn_by"]),
        ("suspensions", ["id", "agency", "subject", "stated_on", "is_written", "until", "holds"]),
    ):
        print_table(columns, [[each[name] for name in columns] for each in told[kind]], empty=f"There are no {kind}.")


def add(
    *,
    home: Home,
    identifier: Id,
    subject: Subject,
    on: Annotated[str, typer.Option(metavar="DATE", help="The day of the disclosure.")],
    kind: Annotated[RecipientKind, typer.Option(help="What kind of recipient.")],
    file: Annotated[Path, typer.Option("--file", help="recipient, address, what and purpose, as .toml or .json.")],
    reason: Reason,
    part2: Annotated[
        bool | None,
        typer.Option("--part2/--not-part2", help="Whether of substance use disorder records; unsaid counts as yes."),
    ] = None,
    basis: Annotated[
        str | None, typer.Option(metavar="ID", help="The patient's consent, or the court's order (42 CFR Part 2).")
    ] = None,
    proceeding: Annotated[
        bool | None,
        typer.Option(
            "--proceeding/--not-proceeding",
            help="Whether for a proceeding; unsaid counts as yes for oversight and other recipients (42 CFR 2.12(d)).",
        ),
    ] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Record a disclosure; recipient, address, what was disclosed and its purpose are sealed."""
    form = {
        **read_table(file), "id": identifier, "subject": subject, "on": on, "kind": kind.value, "is_part2": part2,
        "basis": basis, "is_proceeding": proceeding, "reason": reason,
    }  # fmt: skip
    done = client(home, acting).post_form("disclosures", form)
    report(done, f"Disclosure {identifier} is recorded", json=json)


def withdraw(*, home: Home, identifier: Id, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Say that a recorded disclosure was wrong; it stays in the ledger."""
    done = client(home, acting).post("disclosures", identifier, "withdraw", reason=reason)
    report(done, f"Disclosure {identifier} is withdrawn", json=json)


def suspend(
    *,
    home: Home,
    identifier: Id,
    subject: Subject,
    agency: Annotated[RecipientKind, typer.Option(help="law_enforcement or health_oversight.")],
    stated: Annotated[str, typer.Option(metavar="DATE", help="The day of the statement.")],
    until: Annotated[str, typer.Option(metavar="DATE", help="The last day; of an oral one at the most 30 later.")],
    reason: Reason,
    written: Annotated[bool, typer.Option("--written", help="The statement is in writing.")] = False,
    acting: As = None,
    json: Json = False,
) -> None:
    """Leave disclosures to an agency out of accountings for a time; who stated it is the reason."""
    form: dict[str, object] = {
        "id": identifier,
        "subject": subject,
        "agency": agency.value,
        "stated_on": stated,
        "is_written": written,
        "until": until,
        "reason": reason,
    }
    done = client(home, acting).post_form("suspensions", form)
    report(done, f"Suspension {identifier} holds until {until}", json=json)


def lift(*, home: Home, identifier: Id, reason: Reason, acting: As = None, json: Json = False) -> None:
    """End a suspension now."""
    done = client(home, acting).post("suspensions", identifier, "lift", reason=reason)
    report(done, f"Suspension {identifier} is lifted", json=json)
