"""`wardkeep user`: people, their roles and their access (45 CFR 164.308(a)(3)-(4)).

Who is given a role that opens roads, or a new credential, counts as one of two people only once another officer has
confirmed them: `compliance.two_people` has the rule.
"""

from pathlib import Path
from typing import Annotated

import typer

from wardkeep.cli._certificate import register_certificates
from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report
from wardkeep.cli._shown_once import hand_over
from wardkeep.model.certificate import HolderKind

Person = Annotated[str, typer.Argument(metavar="ID", help="The person's id.")]
Out = Annotated[Path | None, typer.Option("--out", help="Write the credential to this file (0600), not the screen.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="People, their roles and their access.")
    group.command("add")(add)
    group.command("list")(list_people)
    group.command("roles")(roles)
    group.command("credential")(credential)
    group.command("confirm")(confirm)
    group.command("manager")(manager)
    group.command("disable")(disable)
    group.command("reset-login")(reset_login)
    group.command("sessions")(sessions)
    group.command("end-sessions")(end_sessions)
    register_certificates(group, HolderKind.PERSON)
    root.add_typer(group, name="user")


def add(
    *,
    home: Home,
    person: Person,
    role: Annotated[list[str], typer.Option("--role", help="A role; repeat for several.")],
    acting: As = None,
    reason: Reason = "enrolled",
    out: Out = None,
    json: Json = False,
) -> None:
    """Enrol a person with explicit roles; their credential is shown once."""
    made = client(home, acting).post("people", id=person, roles=role, reason=reason)
    hand_over(made, out, json=json, done=f"{person} is enrolled (ledger entry {made['ledger_index']}).")


def list_people(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List people, their roles, and whether they count for what takes two people."""
    people = client(home, acting).get("people")["people"]
    if json:
        print_json(people)
        return
    rows = [
        (
            each["id"],
            each["roles"],
            each["is_active"],
            each["has_credential"],
            each["confirmation"].replace("_", " "),
            each["enrolled_by"],
            each["confirmed_by"],
        )
        for each in people
    ]
    columns = ("id", "roles", "active", "credential", "confirmation", "access by", "confirmed by")
    print_table(columns, rows, empty="Nobody is enrolled.")


def roles(
    *,
    home: Home,
    person: Person,
    reason: Reason,
    role: Annotated[list[str], typer.Option("--role", help="A role from now on; repeat for several.")],
    acting: As = None,
    json: Json = False,
) -> None:
    """Replace a person's roles."""
    done = client(home, acting).post("people", person, "roles", roles=role, reason=reason)
    report(done, f"{person} has the roles {', '.join(sorted(role))}", json=json)


def credential(
    *,
    home: Home,
    person: Person,
    reason: Reason,
    acting: As = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Give a person a new credential; the old one is worthless at once."""
    made = client(home, acting).post("people", person, "credential", reason=reason)
    hand_over(made, out, json=json, done=f"{person} has a new credential (ledger entry {made['ledger_index']}).")


def confirm(
    *,
    home: Home,
    person: Person,
    acting: As = None,
    reason: Reason = "confirmed in person",
    json: Json = False,
) -> None:
    """Vouch for an officer: who they are, and that they alone hold their credential."""
    done = client(home, acting).post("people", person, "confirm", reason=reason)
    report(done, f"{person} is confirmed and counts for what takes two people", json=json)


def manager(
    *,
    home: Home,
    person: Person,
    manager: Annotated[
        str | None, typer.Option("--to", help="Who reviews their access; without it, an officer.")
    ] = None,
    acting: As = None,
    reason: Reason = "recorded",
    json: Json = False,
) -> None:
    """Say who answers for a person's access when it is reviewed."""
    form: dict[str, object] = {"manager": manager, "reason": reason}
    done = client(home, acting).post_whole("people", person, "manager", form=form)
    report(done, f"{person}'s access is reviewed by {manager or 'an officer'}", json=json)


def disable(
    *,
    home: Home,
    person: Person,
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """End a person's access, and that of the keys they own."""
    done = client(home, acting).post("people", person, "disable", reason=reason)
    report(done, f"{person} has no access any more", json=json)


def sessions(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List who is signed in to the console, and on which devices."""
    found = client(home, acting).get("sessions")["sessions"]
    if json:
        print_json(found)
        return
    columns = ("person", "sessions", "last_seen", "devices")
    print_table(columns, [[each[name] for name in columns] for each in found], empty="Nobody is signed in.")


def end_sessions(*, home: Home, person: Person, reason: Reason, acting: As = None, json: Json = False) -> None:
    """End all sessions of a person; their next click asks them to sign in."""
    done = client(home, acting).post("people", person, "end-sessions", reason=reason)
    report(done, f"{person} is signed out everywhere", json=json)


def reset_login(
    *,
    home: Home,
    person: Person,
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Take all ways of signing in from somebody who lost theirs; they enrol anew."""
    done = client(home, acting).post("people", person, "reset-login", reason=reason)
    report(done, f"{person} enrols anew with their personal credential", json=json)
