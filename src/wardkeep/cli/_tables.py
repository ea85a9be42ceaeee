"""Reads the TOML or JSON files that agreements and routes are recorded from."""

import json
import tomllib
from pathlib import Path
from typing import Any

from wardkeep.cli._failure import CommandFailed


def read_table(path: Path) -> dict[str, Any]:
    """Return the table in a .toml or .json file; days in TOML become ISO text.

    Raises:
        CommandFailed: it cannot be read or is neither.
    """
    try:
        text = path.read_text("utf-8")
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise CommandFailed(
            "file_unreadable",
            what=f"{path}{line} cannot be read as {'JSON' if path.suffix == '.json' else 'TOML'}.",
            fix="Give a .toml or .json file; the manual shows one.",
        ) from error
    if not isinstance(found, dict):
        raise CommandFailed(
            "file_unreadable", what=f"{path} does not hold one table.", fix="Put the fields in one table."
        )
    return {name: _plain(value) for name, value in found.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
