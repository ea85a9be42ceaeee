"""Codes are typed or piped, never given as an option: options stand in shell histories and process lists."""

import sys

from wardkeep.cli._failure import CommandFailed


def typed_code(prompt: str) -> str:
    """Return the code on standard input; who sits at a terminal is asked. Raises CommandFailed when there is none."""
    if sys.stdin.isatty():
        sys.stderr.write(prompt)
        sys.stderr.flush()
    code = sys.stdin.readline().strip()
    if not code:
        raise CommandFailed(
            "mfa_stale",
            what="No code was given.",
            why="Wider access needs fresh proof that it is you (45 CFR 164.312(d)).",
            fix="Type the code of your authenticator, or one of the sealed envelope, on standard input.",
        )
    return code
