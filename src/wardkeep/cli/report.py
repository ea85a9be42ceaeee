"""`wardkeep report`: what the record says of one subject; each report is itself on record (45 CFR 164.528)."""

from typing import Annotated, Any

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table

Subject = Annotated[str, typer.Option("--subject", help="The handle that calls name; it is not kept.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="What the record says of one subject; reports are recorded.")
    group.command("accounting")(accounting)
    group.command("who-saw")(who_saw)
    group.command("subject")(subject_report)
    root.add_typer(group, name="report")


def accounting(
    *,
    home: Home,
    subject: Subject,
    reason: Reason,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="The day of the request (default: today).")] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Account for disclosures of six years (45 CFR 164.528), without treatment, payment and operations."""
    told = client(home, acting).post("reports", "accounting", subject=subject, until=until, reason=reason)
    if json:
        print_json(told)
        return
    columns = ("first_on", "last_on", "times", "recipient", "address", "what", "purpose")
    rows = [[each[name] for name in columns] for each in told["for_individual"]]
    print_table(columns, rows, empty="No disclosure that the rule asks to account for.")
    exempt = ", ".join(f"{count} for {purpose}" for purpose, count in told["exempt"].items()) or "none"
    print_lines(
        f"From {told['since']} to {told['until']}.",
        f"Left out as exempt: {exempt}; inside our own boundary: {told['inside']}.",
        *_suspended(told),
        *_doubts(told),
        f"This report is ledger entry {told['read_index']}.",
    )


def who_saw(*, home: Home, subject: Subject, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Show who called about a subject, was refused, opened their records, or asked for reports."""
    told = client(home, acting).post("reports", "whosaw", subject=subject, reason=reason)
    if json:
        print_json(told)
        return
    columns = ("who", "name", "how", "purpose", "times", "first_at", "last_at")
    print_table(columns, [[each[name] for name in columns] for each in told["viewers"]], empty="Nobody on record.")
    print_lines(
        *(f"{count} calls went to {vendor}." for vendor, count in told["vendors"].items()),
        *_doubts(told),
        f"This report is ledger entry {told['read_index']}.",
    )


def subject_report(*, home: Home, subject: Subject, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Show in numbers what was done with a subject's data."""
    told = client(home, acting).post("reports", "subject", subject=subject, reason=reason)
    if json:
        print_json(told)
        return
    rows = []
    for name, value in told.items():
        shown = " ".join(f"{key}={count}" for key, count in value.items()) if isinstance(value, dict) else value
        rows.append((name, shown if shown != "" else None))
    print_table(("what", "value"), rows, empty="Nothing.")


def _suspended(told: dict[str, Any]) -> list[str]:
    if not told["withheld"] and not told["withheld_until"]:
        return []
    held, until = told["withheld"], told["withheld_until"]
    words = f"NOT FOR THE INDIVIDUAL: {held} disclosures are withheld under a suspension through {until}"
    return [f"{words} (45 CFR 164.528(a)(2)); do not tell that there is one."]


def _doubts(told: dict[str, Any]) -> list[str]:
    if told["is_complete"]:
        return ["Complete as far as the record goes."]
    doubts = [f"{told['unresolved']} calls name no subject and may belong here"] if told["unresolved"] else []
    if told.get("unopenable"):
        doubts.append(f"{told['unopenable']} recorded disclosures do not open")
    return [f"NOT COMPLETE: {'; '.join(doubts) or 'the index is still being compared with the ledger'}."]
