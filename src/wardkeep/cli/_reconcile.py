"""`wardkeep audit reconcile`, `reconciliations` and `settle`: vendors' usage reports held against the ledger."""

import csv
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from wardkeep.cli._client import client
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report

_COLUMNS = ("day", "model", "requests", "input_tokens", "output_tokens")
_MOST_BYTES = 4 * 1024 * 1024


def reconcile(
    *,
    home: Home,
    vendor: Annotated[str, typer.Argument(metavar="VENDOR", help="The vendor's id.")],
    first: Annotated[str, typer.Option("--from", help="First day in UTC, like 2026-10-01.")],
    last: Annotated[str, typer.Option("--to", help="Last day; it must be over.")],
    file: Annotated[
        Path | None, typer.Option("--file", help="A CSV with day, model, requests, input_tokens, output_tokens.")
    ] = None,
    reason: Reason = "compared",
    acting: As = None,
    json: Json = False,
) -> None:
    """Hold a vendor's usage report against the ledger; exits 0 only when the ledger explains all of it."""
    form: dict[str, Any] = {"first": first, "last": last, "reason": reason}
    if file is not None:
        form["lines"] = _lines_in(file)
    done = client(home, acting).post_whole("vendors", vendor, "reconcile", form=form)
    if json:
        print_json(done)
    else:
        _show(done)
        print_lines(f"{done['lines']} lines compared: {done['id']} (ledger entry {done['ledger_index']}).")
        if done["open"]:
            print_lines(
                "The vendor saw what the ledger did not. Find out why (another key, direct use, a leak); "
                f"then `wardkeep audit settle {done['id']} --reason ...`, and open an incident if it was one."
            )
    if done["open"]:
        raise typer.Exit(1)


def reconciliations(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List comparisons with vendors' usage reports, and which wait for somebody."""
    found = client(home, acting).get("reconciliations")["reconciliations"]
    if json:
        print_json(found)
        return
    rows = [
        (each["id"], each["source"], each["lines"], len(each["differences"]), each["open"], each["settled_by"])
        for each in found
    ]
    print_table(("id", "source", "lines", "differences", "open", "settled by"), rows, empty="Nothing was compared yet.")


def settle(
    *,
    home: Home,
    reconciliation: Annotated[str, typer.Argument(metavar="ID", help="The comparison's id.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Say why a vendor saw what the ledger did not; the reason is sealed with the change."""
    done = client(home, acting).post("reconciliations", reconciliation, "settle", reason=reason)
    report(done, f"{reconciliation} is settled", json=json)


def _show(done: dict[str, Any]) -> None:
    rows = [
        (
            each["day"],
            each["model"],
            each["kind"],
            each["vendor_requests"],
            each["calls"],
            each["vendor_tokens"],
            each["tokens"],
        )
        for each in done["differences"]
    ]
    heads = ("day", "model", "difference", "vendor's requests", "calls", "vendor's tokens", "tokens")
    print_table(heads, rows, empty="Report and ledger agree.")


def _lines_in(file: Path) -> list[dict[str, object]]:
    """Return the lines of a CSV; an empty `requests` is a vendor that counts none. Raises CommandFailed."""
    try:
        text = file.read_text("utf-8-sig")
        rows = list(csv.DictReader(text.splitlines())) if len(text) <= _MOST_BYTES else [{}]
        return [
            {
                "day": date.fromisoformat(row["day"].strip()).isoformat(),
                "model": row["model"].strip(),
                "requests": int(row["requests"]) if row["requests"].strip() else None,
                "tokens_in": int(row["input_tokens"]),
                "tokens_out": int(row["output_tokens"]),
            }
            for row in rows
        ]
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise CommandFailed(
            "file_invalid",
            what=f"{file} cannot be read as a usage report.",
            fix=f"Give a CSV of at most 4 MB with the columns {', '.join(_COLUMNS)}; days like 2026-10-01.",
        ) from error
