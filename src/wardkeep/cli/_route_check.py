"""`wardkeep route check`, `checks`, `check-with`, `confirm`: what vendors tell of deployments, and what it closes."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wardkeep.cli._client import client
from wardkeep.cli._credential_file import credential_in
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report
from wardkeep.cli._tables import read_table

Deployment = Annotated[str, typer.Argument(metavar="DEPLOYMENT", help="The deployment's id.")]

_FIELDS = frozenset({"base_url", "token_url", "account"})
_COLUMNS = ("deployment", "aspect", "on record", "told", "verdict")
_HINT = "Contradictions stay closed until they are mended, checked again, and confirmed with `wardkeep route confirm`."


def register(parent: typer.Typer) -> None:
    """Add the commands."""
    parent.command("check")(check)
    parent.command("checks")(list_checks)
    parent.command("check-with")(check_with)
    parent.command("confirm")(confirm)


def check(
    *,
    home: Home,
    deployment: Annotated[
        list[str] | None, typer.Argument(metavar="[DEPLOYMENT]...", help="Which ones; all when none is named.")
    ] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Ask vendors what they tell of deployments, and record it; exits 0 only when everything told agrees."""
    api = client(home, acting)
    names = deployment or [each["id"] for each in api.get("deployments")["deployments"]]
    if not names:
        raise CommandFailed(
            "nothing_to_check", what="There is no deployment.", fix="Record one with `wardkeep route add --file`."
        )
    done = [api.post("deployments", name, "check") for name in names]
    _show(done, json=json)
    if any(each["verdict"] != "agrees" for each in done):
        raise typer.Exit(1)


def list_checks(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List what the newest checks found, and which deployments they closed."""
    found = client(home, acting).get("checks")
    if json:
        print_json(found)
        return
    _show(found["checks"], json=False)
    if found["unchecked"]:
        print_lines(f"Never checked: {', '.join(found['unchecked'])}.")


def check_with(
    *,
    home: Home,
    deployment: Deployment,
    file: Annotated[
        Path | None, typer.Option("--file", help="A .toml or .json with base_url, token_url and [account].")
    ] = None,
    credential_file: Annotated[
        Path | None, typer.Option(help="A file with the key for asking; sealed at once, never shown again.")
    ] = None,
    reason: Reason = "recorded",
    acting: As = None,
    json: Json = False,
) -> None:
    """Record how a vendor is asked about a deployment, in place of what was on record."""
    table: dict[str, Any] = {} if file is None else read_table(file)
    if not table.keys() <= _FIELDS:
        raise CommandFailed(
            "file_invalid",
            what=f"{file} has something else than {', '.join(sorted(_FIELDS))}.",
            fix="Keep those; the key goes in with --credential-file.",
        )
    form = {**table, "reason": reason}
    if credential_file is not None:
        form["credential"] = credential_in(credential_file)
    done = client(home, acting).post_whole("deployments", deployment, "inspection", form=form)
    report(done, f"It is on record how the vendor of {deployment} is asked", json=json)


def confirm(
    *,
    home: Home,
    deployment: Deployment,
    reason: Reason,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", help="A finding that is intended, as ASPECT=WHAT WAS TOLD; repeat for several."),
    ] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Let calls go to a deployment again, after what a check found is mended or is intended."""
    form: dict[str, object] = {"reason": reason, "accept": accept or []}
    done = client(home, acting).post_whole("deployments", deployment, "confirm", form=form)
    report(done, f"{deployment} is open again, as far as its agreement opens it", json=json)


def _show(checks: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        print_json(checks)
        return
    rows = [
        (
            check["deployment"],
            finding["aspect"],
            finding["on_record"],
            finding["told"],
            "accepted" if finding["accepted"] else finding["verdict"],
        )
        for check in checks
        for finding in check["findings"] or [{"aspect": None, "on_record": None, "told": "nothing",
                                              "verdict": "inconclusive", "accepted": False}]
    ]  # fmt: skip
    print_table(_COLUMNS, rows, empty="No deployment was checked yet: `wardkeep route check`.")
    for each in checks:
        agreed = f"last agreed {each['agreed_at']}" if each["agreed_at"] else "never agreed"
        state = f"CLOSED since {each['drifted_at']}" if each["closed"] else "open as its agreement has it"
        print_lines(f"{each['deployment']}: {each['verdict']} at {each['at']} by {each['asked']}, {agreed}; {state}.")
    if any(each["closed"] for each in checks):
        print_lines(_HINT)
