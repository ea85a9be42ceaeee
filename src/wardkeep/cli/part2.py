"""`wardkeep part2`: substance use disorder records: consents, where they come from, court orders (42 CFR Part 2)."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_columns, report
from wardkeep.model.access import Purpose
from wardkeep.model.part2 import ConsentKind

Id = Annotated[str, typer.Argument(metavar="ID", help="The record's id.")]
Place = Annotated[str, typer.Argument(metavar="SOURCE", help="workspace.ID or application.ID.")]
Subject = Annotated[str, typer.Option("--subject", help="The handle that calls use; kept as a blind index.")]
Document = Annotated[str, typer.Option("--document", metavar="SHA256", help="The hash of the signed document.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True, help="Substance use disorder records: consents, sources, court orders (42 CFR Part 2)."
    )
    group.command("consents")(consents)
    group.command("consent")(consent)
    group.command("confirm")(confirm)
    group.command("revoke")(revoke)
    group.command("sources")(sources)
    group.command("tag")(tag)
    group.command("clear")(clear)
    group.command("approve")(approve)
    group.command("orders")(orders)
    group.command("order")(order)
    group.command("confirm-order")(confirm_order)
    group.command("end-order")(end_order)
    root.add_typer(group, name="part2")


def consents(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the consents, and which of them count today."""
    columns = ("id", "subject", "kind", "purposes", "disclosers", "recipients", "until", "revoked_on", "holds", "words")
    print_columns(client(home, acting).get("part2", "consents")["consents"], columns, json=json)


def consent(
    *,
    home: Home,
    identifier: Id,
    subject: Subject,
    kind: Annotated[ConsentKind, typer.Option("--kind", help="What it is for.")],
    discloser: Annotated[list[str], typer.Option("--from", help="A workspace that may disclose; repeat.")],
    signed: Annotated[str, typer.Option("--signed", metavar="DATE", help="The day of the signature.")],
    document: Document,
    reason: Reason,
    purpose: Annotated[list[Purpose] | None, typer.Option("--purpose", help="For what; repeat.")] = None,
    recipient: Annotated[
        list[str] | None, typer.Option("--to", help="A vendor that may receive; unsaid: who treats, pays and operates.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="DATE", help="The last day it counts.")] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Record a patient's written consent; what information it names is the reason. Another person confirms it."""
    form: dict[str, object] = {
        "id": identifier, "subject": subject, "kind": kind.value, "disclosers": discloser, "signed_on": signed,
        "document_sha256": document, "purposes": [each.value for each in purpose or []],
        "recipients": recipient or None, "until": until, "reason": reason,
    }  # fmt: skip
    done = client(home, acting).post_whole("part2", "consents", form=form)
    report(done, f"Consent {identifier} waits for confirmation", json=json)


def confirm(*, home: Home, identifier: Id, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Confirm that the signed document says what was recorded; from then on it counts."""
    done = client(home, acting).post("part2", "consents", identifier, "confirm", reason=reason)
    report(done, f"Consent {identifier} counts", json=json)


def revoke(
    *,
    home: Home,
    identifier: Id,
    on: Annotated[str, typer.Option(metavar="DATE", help="The day the patient revoked it.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """End a consent at the patient's wish, from the next call on."""
    done = client(home, acting).post("part2", "consents", identifier, "revoke", on=on, reason=reason)
    report(done, f"Consent {identifier} is revoked", json=json)


def sources(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List workspaces and applications, and whether what comes from them counts as such records."""
    columns = ("id", "tag", "until", "waits_for_another", "calls_count_as_part2", "words")
    print_columns(client(home, acting).get("part2", "sources")["sources"], columns, json=json)


def tag(*, home: Home, source: Place, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Say that what comes from there is Part 2; from the first tag on, what nobody cleared counts as well."""
    done = client(home, acting).post("part2", "sources", source, "tag", reason=reason)
    report(done, f"What comes from {source} counts as Part 2", json=json)


def clear(
    *,
    home: Home,
    source: Place,
    until: Annotated[str, typer.Option(metavar="DATE", help="The last day it counts, within a year.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Propose that a source holds no such records; another person approves it."""
    done = client(home, acting).post("part2", "sources", source, "clear", until=until, reason=reason)
    report(done, f"{source} waits to be cleared", json=json)


def approve(*, home: Home, source: Place, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Clear a source, as another person than the one who proposed it."""
    done = client(home, acting).post("part2", "sources", source, "approve", reason=reason)
    report(done, f"{source} is cleared", json=json)


def orders(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the court orders under which records may go into a proceeding."""
    columns = ("id", "subject", "until", "recorded_by", "confirmed_by", "ended_by", "holds", "words")
    print_columns(client(home, acting).get("part2", "orders")["orders"], columns, json=json)


def order(
    *,
    home: Home,
    identifier: Id,
    subject: Subject,
    document: Document,
    until: Annotated[str, typer.Option("--until", metavar="DATE", help="The last day it counts.")],
    reason: Reason,
    issued: Annotated[
        str | None, typer.Option("--issued", metavar="DATE", help="The day it was issued; today when left out.")
    ] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Record a court's order with its subpoena (42 CFR 2.61); another person confirms it."""
    form: dict[str, object] = {
        "id": identifier, "subject": subject, "document_sha256": document, "until": until, "issued_on": issued,
        "reason": reason,
    }  # fmt: skip
    done = client(home, acting).post_whole("part2", "orders", form=form)
    report(done, f"Order {identifier} waits for confirmation", json=json)


def confirm_order(*, home: Home, identifier: Id, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Confirm that the order is one of subpart E and reaches these records."""
    done = client(home, acting).post("part2", "orders", identifier, "confirm", reason=reason)
    report(done, f"Order {identifier} counts", json=json)


def end_order(*, home: Home, identifier: Id, reason: Reason, acting: As = None, json: Json = False) -> None:
    """End an order from now on."""
    done = client(home, acting).post("part2", "orders", identifier, "end", reason=reason)
    report(done, f"Order {identifier} is ended", json=json)
