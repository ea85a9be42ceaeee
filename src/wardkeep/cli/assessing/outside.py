"""Reports of others' tools, read for their counts: garak's JSON lines and promptfoo's JSON.

A report that ends early, or that looked at nothing, is refused: what is not there is not known.
"""

import json
from dataclasses import dataclass
from typing import Any

from wardkeep.cli._failure import CommandFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many attempts were judged, how many of them failed, and how many the tool could not judge."""

    looked_at: int
    failed: int
    errors: int


def read_garak(raw: bytes) -> Counts:
    """Return the counts of a garak report: its `eval` lines. Raises CommandFailed."""
    looked_at = passes = errors = 0
    is_whole = False
    try:
        for line in raw.decode("utf-8").splitlines():
            if not line.strip():
                continue
            row = json.loads(line)
            is_whole = is_whole or row.get("entry_type") in {"completion", "digest"}
            if row.get("entry_type") == "eval":
                total = int(row["total_evaluated"] if "total_evaluated" in row else row["total"])
                looked_at, passes = looked_at + total, passes + int(row["passed"])
                errors += int(row.get("nones", 0))
    except (UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable("garak") from error
    if not is_whole or looked_at < 1 or not 0 <= passes <= looked_at or errors < 0:
        raise _unreadable("garak")
    return Counts(looked_at=looked_at, failed=looked_at - passes, errors=errors)


def read_promptfoo(raw: bytes) -> Counts:
    """Return the counts of a promptfoo report; its statistics must agree with its rows. Raises CommandFailed."""
    try:
        found: dict[str, Any] = json.loads(raw)["results"]
        rows, told = found["results"], found["stats"]
        passes = sum(1 for each in rows if each["success"] is True)
        counts = Counts(looked_at=len(rows), failed=int(told["failures"]), errors=int(told.get("errors", 0)))
        agrees = passes == int(told["successes"]) and passes + counts.failed + counts.errors == len(rows)
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable("promptfoo") from error
    if not agrees or counts.looked_at < 1 or counts.failed < 0 or counts.errors < 0:
        raise _unreadable("promptfoo")
    return counts


def _unreadable(tool: str) -> CommandFailed:
    return CommandFailed(
        "report_unusable",
        what=f"This is no whole {tool} report.",
        why="A run that ended early, looked at nothing or contradicts itself says nothing.",
        fix=f"Name the file that {tool} wrote at the end of its run.",
    )
