"""`wardkeep audit export`: hand headers over in a format of others (45 CFR 164.312(b))."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, TextIO

import msgspec
import typer

from wardkeep.cli._client import Client, client
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, Reason, print_json
from wardkeep.model.sink import ExportFormat


def export(
    *,
    home: Home,
    form: Annotated[ExportFormat, typer.Option("--format", help="How entries are written, one a line.")],
    reason: Reason,
    out: Annotated[Path | None, typer.Option("--out", help="A new file (default: standard output).")] = None,
    start: Annotated[int, typer.Option("--from", min=0, help="First entry.")] = 0,
    stop: Annotated[int | None, typer.Option("--to", min=1, help="Index after the last one (default: all).")] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Write headers in a format of others: JSON lines, FHIR AuditEvent, OCSF, CEF or DICOM; one entry a job."""
    api = client(home, acting)
    asked: dict[str, object] = {"start": start, "stop": stop, "reason": reason}
    if out is None:
        count, index = _write(api, sys.stdout, form, asked)
        told = sys.stderr
    else:
        try:
            descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise CommandFailed(
                "file_exists", what=f"{out} is there already.", fix="Name a file that does not exist."
            ) from error
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            count, index = _write(api, stream, form, asked)
        told = sys.stdout
    if json and out is not None:
        print_json({"entries": count, "read_index": index})
    else:
        told.write(f"{count} entries were exported; this export is ledger entry {index}.\n")


def _write(api: Client, stream: TextIO, form: ExportFormat, asked: dict[str, object]) -> tuple[int, int]:
    count, cursor = 0, None
    while True:
        page: dict[str, Any] = api.post("audit", "export", format=form.value, cursor=cursor, **asked)
        for line in page["lines"]:
            text = line if isinstance(line, str) else msgspec.json.encode(line).decode()
            stream.write(f"{text}\n")
        count, cursor = count + len(page["lines"]), page["cursor"]
        if cursor is None:
            return count, int(page["read_index"])
