"""`wardkeep recover`: a new credential for an officer when no rule lets a person give one (45 CFR 164.312(a)(2)(ii)).

Offline, on the host, by whoever holds the root key: the one power that stands above two people, so it is kept to one
act that cannot be hidden. It takes the stores' locks, so a running server refuses it, and leaves a control entry by the
host's operator with the note `host_recovery`. The officer counts again once another officer confirms them; only where
no such officer is left does the recovery stand alone, and `doctor` and `user list` show it until somebody does.
"""

import asyncio
import os
from typing import Annotated

import typer

from wardkeep.app.home import open_home
from wardkeep.cli._options import Home, Json, Reason, print_lines
from wardkeep.cli._shown_once import hand_over
from wardkeep.cli.user import Out
from wardkeep.compliance.two_people import HOST, is_established, recover_officer
from wardkeep.identity.keys import NewCredential, new_credential
from wardkeep.settings import Settings, clock, load


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("recover")(command)


def command(
    *,
    home: Home,
    officer: Annotated[str, typer.Option("--officer", metavar="ID", help="The officer who lost their credential.")],
    reason: Reason,
    out: Out = None,
    json: Json = False,
) -> None:
    """Give an officer a new credential, on the host, with the server stopped; it is on record and shown."""
    credential, index, is_standing_alone = asyncio.run(_recover(load(home), officer, reason))
    made = {
        "ledger_index": index,
        "credential": credential.shown_once.reveal(),
        "is_to_be_confirmed": not is_standing_alone,
    }
    hand_over(made, out, json=json, done=f"{officer} has a new credential (ledger entry {index}).")
    if not json:
        print_lines(
            f"Nobody else could confirm {officer}, so the recovery stands by itself, visibly."
            if is_standing_alone
            else f"Another officer now runs: wardkeep user confirm {officer} --as ID"
        )


async def _recover(settings: Settings, officer: str, reason: str) -> tuple[NewCredential, int, bool]:
    """Make the change through the ordinary path: what is not in the ledger did not happen."""
    opened = await open_home(settings, clock)
    try:
        credential = new_credential("user", opened.keys.api_key_key, os.urandom)
        index = await opened.control.change(
            by=HOST,
            action="person.recover",
            reason=reason,
            plan=lambda registry: recover_officer(registry, officer=officer, credential=credential),
        )
        return credential, index, is_established(opened.control.registry.people[officer])
    finally:
        await opened.close()
