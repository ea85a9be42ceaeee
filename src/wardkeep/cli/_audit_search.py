"""`wardkeep audit search` and `text`: find entries; each search is itself an entry (45 CFR 164.312(b))."""

from typing import Annotated, Any

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table

_MOST = 100

Since = Annotated[str | None, typer.Option("--since", metavar="TIME", help="From this time on, 2026-11-23T00:00:00Z.")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before this time.")]
Subject = Annotated[str | None, typer.Option("--subject", help="The handle that calls name; it is not kept.")]
Actor = Annotated[str | None, typer.Option(help="Who acted: key:ID, person:ID or host.")]
Named = Annotated[str | None, typer.Option(metavar="NAME", help="As headers show it.")]


def search(
    *,
    home: Home,
    since: Since = None,
    until: Until = None,
    kind: Annotated[str | None, typer.Option("--type", help="The entry's type, such as request or refusal.")] = None,
    actor: Actor = None,
    application: Annotated[str | None, typer.Option(help="All keys of this application.")] = None,
    person: Annotated[str | None, typer.Option(help="On whose behalf a call was made.")] = None,
    workspace: Named = None,
    purpose: Named = None,
    route: Named = None,
    vendor: Named = None,
    baa: Named = None,
    decision: Annotated[str | None, typer.Option(help="permitted, answered, or a code.")] = None,
    reason_code: Annotated[str | None, typer.Option(help="Why a call was refused.")] = None,
    action: Named = None,
    subject: Subject = None,
    unresolved: Annotated[bool, typer.Option("--unresolved", help="Calls that named no subject.")] = False,
    most: Annotated[int, typer.Option(help="Entries a page, at most 500.")] = _MOST,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier page ended; same filter.")] = None,
    reason: Reason = "no reason was given",
    acting: As = None,
    json: Json = False,
) -> None:
    """Find entries by what their headers say and by subject, newest first. With --subject a reason is needed."""
    told = client(home, acting).post(
        "audit",
        "search",
        since=since,
        until=until,
        type=kind,
        actor=actor,
        application=application,
        person=person,
        workspace=workspace,
        purpose=purpose,
        route=route,
        vendor=vendor,
        baa=baa,
        decision=decision,
        reason_code=reason_code,
        action=action,
        subject=subject,
        unresolved=unresolved or None,
        most=most,
        cursor=cursor,
        reason=reason,
    )
    if json:
        print_json(told)
        return
    print_table(
        ("index", "at", "type", "actor", "purpose", "decision", "what", "vendor", "baa"),
        [_row(each) for each in told["entries"]],
        empty="No entry fits.",
    )
    print_lines(
        f"{told['matches']} of {told['scope']} entries fit; this search is ledger entry {told['read_index']}.",
        *(["More: repeat with --cursor " + told["cursor"]] if told["cursor"] else []),
        *([] if told["is_whole"] else ["The index is still being compared with the ledger: something may be missing."]),
    )


def text(
    *,
    home: Home,
    wanted: Annotated[str, typer.Option("--text", help="The text to look for; it is sealed with the search.")],
    reason: Reason,
    since: Since = None,
    until: Until = None,
    subject: Subject = None,
    actor: Actor = None,
    vendor: Named = None,
    most: Annotated[int, typer.Option(help="Records to open, newest first, at most 1000.")] = 1000,
    acting: As = None,
    json: Json = False,
) -> None:
    """Open the records of a scope and say in which a text stands; needs a subject, or --since and --until."""
    told = client(home, acting).post(
        "audit",
        "text",
        text=wanted,
        since=since,
        until=until,
        subject=subject,
        actor=actor,
        vendor=vendor,
        most=most,
        reason=reason,
    )
    if json:
        print_json(told)
        return
    rows = [(each["index"], each["around"]) for each in told["hits"]]
    print_table(("index", "around"), rows, empty="The text was not found.")
    print_lines(
        f"{told['opened']} records were opened, {told['unopenable']} could not be; "
        f"this search is ledger entry {told['read_index']}."
    )


def _row(each: dict[str, Any]) -> tuple[object, ...]:
    return (
        each["index"],
        each["at"],
        each["type"],
        each.get("actor"),
        each.get("purpose"),
        each.get("decision"),
        each.get("route") or each.get("detail", {}).get("action"),
        each.get("vendor"),
        each.get("baa"),
    )
