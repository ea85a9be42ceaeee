"""Reads a vendor's key from a file, as one line; it is sent at once and sealed."""

from json import dumps as dump_json
from json import loads as parse_json
from pathlib import Path

from wardkeep.cli._failure import CommandFailed


def credential_in(file: Path) -> str:
    """Return the vendor's key as one line: a plain key, or the JSON of an access key or service account.

    Raises CommandFailed.
    """
    text = file.read_text("utf-8").strip()
    if not text.startswith("{"):
        return text
    try:
        return dump_json(parse_json(text))
    except ValueError as error:
        raise CommandFailed(
            "credential_unreadable",
            what=f"{file} begins as JSON but does not parse.",
            why="Access keys and service accounts are stored whole.",
            fix="Give the file as the vendor made it.",
        ) from error
