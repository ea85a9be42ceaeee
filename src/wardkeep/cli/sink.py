"""`wardkeep sink`: receivers that get the record as it grows, by syslog over TLS (RFC 5424, 5425)."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report
from wardkeep.model.sink import ExportFormat

Id = Annotated[str, typer.Argument(metavar="ID", help="The sink's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Receivers of the record; each needs an agreement and a region.")
    group.command("list")(list_sinks)
    group.command("add")(add)
    group.command("remove")(remove)
    root.add_typer(group, name="sink")


def list_sinks(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List sinks, how far each has got, and whether it fails."""
    told = client(home, acting).get("sinks")["sinks"]
    if json:
        print_json(told)
        return
    columns = (
        "id", "format", "host", "port", "agreement", "region", "lag_entries", "confirmed_seconds_ago", "is_failing",
        "refused", "removed_by",
    )  # fmt: skip
    print_table(columns, [[each[name] for name in columns] for each in told], empty="There is no sink.")


def add(
    *,
    home: Home,
    identifier: Id,
    form: Annotated[ExportFormat, typer.Option("--format", help="How entries are written.")],
    host: Annotated[str, typer.Option(help="The receiver's name, as in its certificate.")],
    port: Annotated[int, typer.Option(help="Its port; syslog over TLS has 6514.")],
    agreement: Annotated[str, typer.Option(help="The active agreement; a scope of it names the host.")],
    party: Annotated[str, typer.Option(help="Legal name of who receives; the agreement must be with them.")],
    region: Annotated[str, typer.Option(help="Where it is; a scope of the agreement must name it.")],
    reason: Reason,
    start: Annotated[int | None, typer.Option("--from", help="First entry (default: what comes from now on).")] = None,
    authority: Annotated[str, typer.Option(help="PEM file below the home in place of the public roots.")] = "",
    plain_end: Annotated[
        bool, typer.Option("--plain-end", help="It never says goodbye in TLS; see the manual.")
    ] = False,
    acting: As = None,
    json: Json = False,
) -> None:
    """Send the record to a receiver from now on, or from an entry on."""
    done = client(home, acting).post(
        "sinks",
        id=identifier,
        format=form.value,
        host=host,
        port=port,
        agreement=agreement,
        party=party,
        region=region,
        start=start,
        authority=authority,
        may_end_plainly=plain_end,
        reason=reason,
    )
    report(done, f"Sink {identifier} gets the record", json=json)


def remove(*, home: Home, identifier: Id, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Send nothing more to a sink."""
    done = client(home, acting).post("sinks", identifier, "remove", reason=reason)
    report(done, f"Sink {identifier} gets nothing more", json=json)
