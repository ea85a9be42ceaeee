"""`wardkeep audit`: read the ledger; every read is itself recorded (45 CFR 164.312(b))."""

from typing import Annotated

import typer

from wardkeep.cli._audit_export import export
from wardkeep.cli._audit_search import search, text
from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table
from wardkeep.cli._reconcile import reconcile, reconciliations, settle
from wardkeep.cli._usage import usage
from wardkeep.model.access import Purpose

_PAGE = 50


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Read the ledger; reads are recorded.")
    group.command("head")(head)
    group.command("list")(list_entries)
    group.command("show")(show)
    group.command("search")(search)
    group.command("text")(text)
    group.command("export")(export)
    group.command("usage")(usage)
    group.command("reconcile")(reconcile)
    group.command("reconciliations")(reconciliations)
    group.command("settle")(settle)
    root.add_typer(group, name="audit")


def head(*, home: Home, acting: As = None, json: Json = False) -> None:
    """Show the signed head; keep it elsewhere, `wardkeep verify --checkpoint` then finds a cut tail."""
    told = client(home, acting).get("ledger", "head")
    if json:
        print_json(told)
    else:
        print_lines(f"size: {told['size']}", f"root: {told['root']}", "", told["note"].rstrip("\n"))


def list_entries(
    *,
    home: Home,
    start: Annotated[int | None, typer.Option("--from", min=0, help="First index (default: the last 50).")] = None,
    stop: Annotated[int | None, typer.Option("--to", min=1, help="Index after the last one.")] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """List entries' headers, at most 500 at once."""
    api = client(home, acting)
    end = stop if stop is not None else start + _PAGE if start is not None else int(api.get("ledger", "head")["size"])
    begin = start if start is not None else max(0, end - _PAGE)
    told = api.get("ledger", "entries", **{"from": str(begin), "to": str(max(end, begin + 1))})
    if json:
        print_json(told)
        return
    rows = [
        (
            each["index"],
            each["at"],
            each["type"],
            each.get("actor"),
            each.get("decision"),
            each.get("route") or each.get("detail", {}).get("action"),
            each.get("vendor"),
            each.get("baa"),
        )
        for each in told["entries"]
    ]
    print_table(("index", "at", "type", "actor", "decision", "what", "vendor", "baa"), rows, empty="No entries there.")


def show(
    *,
    home: Home,
    index: Annotated[int, typer.Argument(metavar="INDEX", min=0, help="The entry's index.")],
    reason: Reason,
    reveal: Annotated[
        Purpose | None, typer.Option("--reveal", help="Show originals, not surrogates, for this purpose of use.")
    ] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Open one entry's sealed content; who, which and why are recorded first. Without --reveal surrogates stay."""
    purpose = None if reveal is None else reveal.value
    told = client(home, acting).post("ledger", "entries", str(index), "open", reason=reason, purpose=purpose)
    if json:
        print_json(told)
        return
    print_lines(f"(this reading is ledger entry {told['read_index']})")
    print_json(told["header"])
    print_json(told["content"])
