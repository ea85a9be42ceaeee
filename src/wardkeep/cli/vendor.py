"""`wardkeep vendor`: what is known of vendors beside their agreements (45 CFR 164.308(b), 164.504(e)(2)(ii)(J))."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_columns, print_json, print_lines, report
from wardkeep.model.oversight import Disposition, EvidenceKind, VendorNoticeKind

Id = Annotated[str, typer.Argument(metavar="ID", help="The record's id.")]
Agreement = Annotated[str, typer.Argument(metavar="AGREEMENT", help="The id of the agreement that ended.")]
Vendor = Annotated[str, typer.Option("--vendor", help="The vendor's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True, help="Vendors: evidence and yearly verification, their notices, return or destruction."
    )
    group.command("evidence")(evidence)
    group.command("add-evidence")(add_evidence)
    group.command("check-evidence")(check_evidence)
    group.command("withdraw-evidence")(withdraw_evidence)
    group.command("notices")(notices)
    group.command("notice")(notice)
    group.command("settle")(settle)
    group.command("close-outs")(close_outs)
    group.command("certificate")(certificate)
    group.command("close-out")(close_out)
    group.command("confirm-close-out")(confirm_close_out)
    group.command("coverage")(coverage)
    root.add_typer(group, name="vendor")


def evidence(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the evidence of vendors, and whom nobody verified within the year."""
    found = client(home, acting).get("vendor-evidence")
    if json:
        print_json(found)
        return
    columns = ("id", "vendor", "kind", "issued_on", "until", "days_left", "checked_by", "holds", "words")
    print_columns(found["evidence"], columns, json=False)
    print_lines(*(f"NOT VERIFIED WITHIN THE YEAR: {each}" for each in found["unverified"]))


def add_evidence(
    *,
    home: Home,
    identifier: Id,
    vendor: Vendor,
    kind: Annotated[EvidenceKind, typer.Option("--kind", help="What it is.")],
    document: Annotated[str, typer.Option("--document", metavar="SHA256", help="The document's hash.")],
    issued: Annotated[str, typer.Option("--issued", metavar="DATE", help="The day it was issued.")],
    until: Annotated[str, typer.Option("--until", metavar="DATE", help="The last day it counts.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Record a document about a vendor; its exceptions are the reason. It never opens a road."""
    done = client(home, acting).post(
        "vendor-evidence",
        id=identifier,
        vendor=vendor,
        kind=kind.value,
        document_sha256=document,
        issued_on=issued,
        until=until,
        reason=reason,
    )
    report(done, f"Evidence {identifier} waits for another person to look at it", json=json)


def check_evidence(*, home: Home, identifier: Id, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Say that you looked at it, as another person than the one who recorded it."""
    done = client(home, acting).post("vendor-evidence", identifier, "check", reason=reason)
    report(done, f"Evidence {identifier} counts", json=json)


def withdraw_evidence(*, home: Home, identifier: Id, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Let it count no more."""
    done = client(home, acting).post("vendor-evidence", identifier, "withdraw", reason=reason)
    report(done, f"Evidence {identifier} is withdrawn", json=json)


def notices(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List what vendors told, and what became of it."""
    columns = ("id", "vendor", "kind", "received_on", "due_on", "settled_on", "incident", "is_late", "words")
    print_columns(client(home, acting).get("vendor-notices")["notices"], columns, json=json)


def notice(
    *,
    home: Home,
    identifier: Id,
    vendor: Vendor,
    kind: Annotated[VendorNoticeKind, typer.Option("--kind", help="What it tells of.")],
    received: Annotated[str, typer.Option("--received", metavar="DATE", help="The day anybody here received it.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Take in a vendor's notice; its words are the reason."""
    done = client(home, acting).post(
        "vendor-notices", id=identifier, vendor=vendor, kind=kind.value, received_on=received, reason=reason
    )
    report(done, f"Notice {identifier} is on record", json=json)


def settle(
    *,
    home: Home,
    identifier: Id,
    reason: Reason,
    incident: Annotated[str | None, typer.Option("--incident", help="The incident that it became.")] = None,
    none: Annotated[bool, typer.Option("--none", help="It is no incident here; the reason says why.")] = False,
    acting: As = None,
    json: Json = False,
) -> None:
    """Settle a notice: by the incident that it became, or by the word that it is none."""
    done = client(home, acting).post(
        "vendor-notices", identifier, "settle", incident=incident, is_none=none, reason=reason
    )
    report(done, f"Notice {identifier} is settled", json=json)


def close_outs(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List agreements that ended, what became of PHI, and what is due."""
    columns = ("id", "vendor", "ended_on", "disposition", "on", "confirmed_by", "due_on", "is_late", "words")
    print_columns(client(home, acting).get("close-outs")["close_outs"], columns, json=json)


def certificate(*, home: Home, agreement: Agreement, acting: As = None, json: Json = False) -> None:
    """Print the certificate for the vendor to sign, with what the ledger says was sent."""
    found = client(home, acting).get("close-outs", agreement, "certificate")
    if json:
        print_json(found)
    else:
        print_lines(found["certificate"])


def close_out(
    *,
    home: Home,
    agreement: Agreement,
    disposition: Annotated[Disposition, typer.Option("--phi", help="What became of PHI.")],
    on: Annotated[str, typer.Option("--on", metavar="DATE", help="The day.")],
    reason: Reason,
    certificate_sha256: Annotated[
        str | None, typer.Option("--certificate", metavar="SHA256", help="The hash of the vendor's certificate.")
    ] = None,
    review: Annotated[
        str | None, typer.Option("--review", metavar="DATE", help="Where it stays: the day of the next look.")
    ] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Record what became of PHI at the end of an agreement; another person confirms it."""
    done = client(home, acting).post(
        "close-outs",
        agreement,
        disposition=disposition.value,
        on=on,
        certificate_sha256=certificate_sha256,
        review_on=review,
        reason=reason,
    )
    report(done, f"The end of {agreement} waits for confirmation", json=json)


def confirm_close_out(
    *, home: Home, agreement: Agreement, reason: Reason, acting: As = None, json: Json = False
) -> None:
    """Confirm it, as another person than the one who recorded it."""
    done = client(home, acting).post("close-outs", agreement, "confirm", reason=reason)
    report(done, f"The end of {agreement} is confirmed", json=json)


def coverage(*, home: Home, acting: As = None, json: Json = False) -> None:
    """Count the calls on record by agreement."""
    found = client(home, acting).get("coverage")
    if json:
        print_json(found)
        return
    print_columns(found["agreements"], ("agreement", "status", "calls"), json=False)
    if not found["is_whole"]:
        print_lines("The index was not compared with the ledger yet: counts may be short.")
