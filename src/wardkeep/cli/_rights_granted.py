"""The part of `wardkeep rights` for what stands: restrictions, channels, representatives, minors' own care."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_columns, report
from wardkeep.model.individuals import Capacity, MinorBasis, RestrictionEnd

Id = Annotated[str, typer.Argument(metavar="ID", help="The record's id.")]
Subject = Annotated[str, typer.Option("--subject", help="The handle that calls use; kept as a blind index.")]


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("restrictions")(restrictions)
    group.command("end-restriction")(end_restriction)
    group.command("channels")(channels)
    group.command("end-channel")(end_channel)
    group.command("representatives")(representatives)
    group.command("represent")(represent)
    group.command("confirm-representative")(confirm_representative)
    group.command("end-representative")(end_representative)
    group.command("minors")(minors)
    group.command("minor")(minor)
    group.command("end-minor")(end_minor)


def restrictions(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the restrictions that were agreed; those that hold bar the road."""
    columns = ("id", "subject", "purposes", "vendors", "bars_unnamed", "is_owed", "agreed_on", "ended_on", "words")
    print_columns(client(home, acting).get("restrictions")["restrictions"], columns, json=json)


def end_restriction(
    *,
    home: Home,
    request: Id,
    end: Annotated[RestrictionEnd, typer.Option(help="How it ended; what is owed only the individual ends.")],
    on: Annotated[str, typer.Option(metavar="DATE", help="The day it ended.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """End a restriction, as another person than the one who agreed (45 CFR 164.522(a)(2))."""
    done = client(home, acting).post("restrictions", request, "end", end=end.value, on=on, reason=reason)
    report(done, f"Restriction {request} is ended", json=json)


def channels(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List who is to be reached another way; where is sealed in the entry that `words` names."""
    columns = ("id", "subject", "agreed_on", "holds", "words")
    print_columns(client(home, acting).get("channels")["channels"], columns, json=json)


def end_channel(*, home: Home, request: Id, reason: Reason, acting: As = None, json: Json = False) -> None:
    """End another way to be reached, at the individual's wish."""
    done = client(home, acting).post("channels", request, "end", reason=reason)
    report(done, f"Confidential communication {request} is ended", json=json)


def representatives(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List who acts for an individual."""
    columns = ("id", "subject", "capacity", "until", "recorded_by", "confirmed_by", "ended_by", "holds", "words")
    print_columns(client(home, acting).get("representatives")["representatives"], columns, json=json)


def represent(
    *,
    home: Home,
    identifier: Id,
    subject: Subject,
    capacity: Annotated[Capacity, typer.Option("--capacity", help="As what they act.")],
    document: Annotated[str, typer.Option(metavar="SHA256", help="The hash of what shows their authority.")],
    reason: Reason,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="The last day; a parent's is needed.")] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Record who acts for an individual; who they are is the reason. Another person confirms it."""
    done = client(home, acting).post(
        "representatives",
        id=identifier,
        subject=subject,
        capacity=capacity.value,
        document_sha256=document,
        until=until,
        reason=reason,
    )
    report(done, f"Representative {identifier} waits for confirmation", json=json)


def confirm_representative(
    *, home: Home, identifier: Id, reason: Reason, acting: As = None, json: Json = False
) -> None:
    """Confirm that their authority was verified (45 CFR 164.514(h))."""
    done = client(home, acting).post("representatives", identifier, "confirm", reason=reason)
    report(done, f"Representative {identifier} is confirmed", json=json)


def end_representative(*, home: Home, identifier: Id, reason: Reason, acting: As = None, json: Json = False) -> None:
    """End it from now on, as when abuse is to be feared (45 CFR 164.502(g)(5))."""
    done = client(home, acting).post("representatives", identifier, "end", reason=reason)
    report(done, f"Representative {identifier} is ended", json=json)


def minors(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the care about which minors decide alone."""
    columns = ("id", "subject", "basis", "citation", "until", "recorded_by", "ended_by", "holds", "words")
    print_columns(client(home, acting).get("minor-care")["minor_care"], columns, json=json)


def minor(
    *,
    home: Home,
    identifier: Id,
    subject: Subject,
    basis: Annotated[MinorBasis, typer.Option(help="Why no parent decides about it.")],
    citation: Annotated[str, typer.Option(help="The law that says so.")],
    until: Annotated[str, typer.Option(metavar="DATE", help="The last day before the minor is of age.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Record that a minor decides alone about some care (45 CFR 164.502(g)(3)); which care is the reason."""
    done = client(home, acting).post(
        "minor-care",
        id=identifier,
        subject=subject,
        basis=basis.value,
        citation=citation,
        until=until,
        reason=reason,
    )
    report(done, f"Minor's care {identifier} is on record", json=json)


def end_minor(*, home: Home, identifier: Id, reason: Reason, acting: As = None, json: Json = False) -> None:
    """End it, as another person than the one who recorded it."""
    done = client(home, acting).post("minor-care", identifier, "end", reason=reason)
    report(done, f"Minor's care {identifier} is ended", json=json)
