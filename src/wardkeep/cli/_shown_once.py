"""Hands a new credential to whoever made it: on the screen once, or into a file that only they can read."""

import os
from pathlib import Path
from typing import Any

from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import print_json, print_lines


def hand_over(made: dict[str, Any], out: Path | None, *, json: bool, done: str) -> None:
    """Print what was made; with `out` the credential goes there and is not printed. Raises CommandFailed."""
    shown = dict(made)
    if out is not None:
        write_private(out, str(shown.pop("credential")) + "\n")
        shown["credential_file"] = str(out)
    if json:
        print_json(shown)
        return
    print_lines(done)
    if out is None:
        print_lines("It is shown once and kept nowhere; give it to its owner over a safe channel:", made["credential"])
    else:
        print_lines(f"The credential is in {out}; move it to its owner and delete it here.")


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner can read.

    Raises:
        CommandFailed: it exists or cannot be written; nothing is overwritten.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandFailed(
            "file_not_written",
            what=f"{path} cannot be created ({error.strerror}).",
            why="Files with credentials and keys are never overwritten.",
            fix="Name a new file. If a credential was made, it is lost: make another one.",
        ) from error
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
