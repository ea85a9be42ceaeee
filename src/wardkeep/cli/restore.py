"""`wardkeep restore`: go on after a loss, on record (45 CFR 164.308(a)(7)(ii)(B)). Offline, with the server stopped."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from wardkeep.app.home import OpenHome, WitnessCheck, open_home
from wardkeep.app.witnessing import witnesses_for
from wardkeep.audit.errors import WitnessUnreachable
from wardkeep.audit.verify import UnusableInput
from wardkeep.cli._client import credential_of
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import Home, Json, Reason, print_json, print_lines
from wardkeep.cli._restore_from import restore_from
from wardkeep.compliance.acknowledgement import acknowledge_restore
from wardkeep.identity.keys import find_person
from wardkeep.model.reasons import Refused
from wardkeep.model.registry import Person
from wardkeep.model.roots import FORMS
from wardkeep.settings import Settings, clock, load


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("restore")(command)


def command(
    *,
    home: Home,
    acknowledge: Annotated[
        bool, typer.Option("--acknowledge", help="Go on with a ledger that is older than its witnesses remember.")
    ] = False,
    by: Annotated[list[str] | None, typer.Option("--by", metavar="ID", help="The two officers; give it twice.")] = None,
    reason: Reason = "",
    out: Annotated[
        Path | None, typer.Option(help="The new head's note, for each witness's operator to accept.")
    ] = None,
    place: Annotated[
        Path | None, typer.Option("--from", metavar="DIR", help="Restore this backup into --home.")
    ] = None,
    seal: Annotated[Path | None, typer.Option("--seal", metavar="FILE", help="The copy of the seal.")] = None,
    root: Annotated[str, typer.Option("--root", help=f"Where the root key is held: {FORMS}.")] = "",
    verify: Annotated[bool, typer.Option("--verify", help="Also open every payload, and count what opens.")] = False,
    json: Json = False,
) -> None:
    """Restore a backup into a new home; or two officers acknowledge that entries are missing."""
    if place is not None and not acknowledge:
        if not root:
            raise UnusableInput("say where the root key is held: --root file:PATH, or as in keys.root")
        restore_from(place, home, root=root, seal=seal, is_deep=verify, json=json)
        return
    if not acknowledge:
        raise UnusableInput("say what to do: --from DIR, or --acknowledge")
    people = by or []
    if len(people) != 2 or out is None:
        raise CommandFailed(
            "two_people_required",
            what="An acknowledgement takes two officers and a file for the new head.",
            why="To go on without records that once stood is nobody's decision alone (45 CFR 164.312(c)(1)).",
            fix="Give --by ID twice, each with their credential in <home>/credentials, and --out FILE.",
        )
    index, missing, note = asyncio.run(_acknowledge(load(home), people[0], people[1], reason))
    out.write_bytes(note)
    if json:
        print_json({"ledger_index": index, "remembered": missing, "note": str(out)})
        return
    print_lines(
        f"Acknowledged in ledger entry {index}.",
        *(f"witness {name} remembers {size} entries" for name, size in missing.items()),
        f"Hand {out} to each witness's operator, who runs: wardkeep witness accept --home DIR --checkpoint FILE",
    )


async def _acknowledge(settings: Settings, first: str, second: str, reason: str) -> tuple[int, dict[str, int], bytes]:
    opened = await open_home(settings, clock, witness_check=WitnessCheck.NONE)
    try:
        by, other = (_person(opened, settings, each) for each in (first, second))
        missing = await _remembered(opened, settings)
        index = await acknowledge_restore(
            ledger=opened.ledger,
            store=opened.store,
            entries=opened.entries,
            registry=opened.control.registry,
            by=by,
            other=other,
            reason=reason,
            missing=missing,
        )
        return index, missing, (await opened.ledger.head()).note
    finally:
        await opened.close()


def _person(opened: OpenHome, settings: Settings, name: str) -> Person:
    found = find_person(credential_of(settings, name), opened.control.registry, opened.keys.api_key_key)
    if isinstance(found, Refused) or found.id != name:
        raise CommandFailed(
            "credential_refused",
            what=f"The credential of {name} is not theirs, or no longer good.",
            why="Each of the two acts with their own credential (45 CFR 164.312(d)).",
            fix=f"Put {name}'s current credential into <home>/credentials/{name}, mode 600.",
        )
    return found


async def _remembered(opened: OpenHome, settings: Settings) -> dict[str, int]:
    """Return what each witness that answers remembers; the entry counts how many that were."""
    witnesses = witnesses_for(settings, opened.ledger.verifier_key)
    if witnesses is None:
        return {}
    sizes: dict[str, int] = {}
    try:
        for name in witnesses.policy.witnesses:
            try:
                found = await witnesses.remembered(name)
            except WitnessUnreachable:
                continue
            sizes[name] = 0 if found is None else found.size
    finally:
        await witnesses.pool.close()
    return sizes
