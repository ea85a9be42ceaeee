"""`wardkeep shred`: two people destroy the keys of one subject, on record; `docs/keys.md` says what remains."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report

Id = Annotated[str, typer.Argument(metavar="ID", help="The shred's id.")]
Subject = Annotated[str | None, typer.Option("--subject", metavar="HANDLE", help="The subject's handle.")]
Tag = Annotated[str | None, typer.Option("--tag", metavar="HEX", help="The tag that headers show, instead.")]
Born = Annotated[str | None, typer.Option("--born", metavar="DAY", help="The subject's day of birth; it is not kept.")]
OfAge = Annotated[bool, typer.Option("--of-age", help="The subject was of age in every record.")]
State = Annotated[
    str | None, typer.Option("--state", help="Whose State's law applies; else every State's rule counts.")
]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Destroy a subject's keys: two people, after retention.")
    group.command("list")(list_shreds)
    group.command("propose")(propose)
    group.command("approve")(approve)
    group.command("withdraw")(withdraw)
    root.add_typer(group, name="shred")


def list_shreds(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List shreds: who decided, and what was destroyed when."""
    held = client(home, acting).get("shreds")
    if json:
        print_json(held)
        return
    columns = ("shred", "status", "subject's tag", "kept until", "proposed by", "approved by", "keys", "destroyed")
    names = ("id", "status", "subject", "kept_until", "proposed_by", "approved_by", "keys", "destroyed_at")
    print_table(columns, [tuple(each[name] for name in names) for each in held["shreds"]], empty="There is no shred.")


def propose(
    *,
    home: Home,
    identifier: Id,
    reason: Reason,
    subject: Subject = None,
    tag: Tag = None,
    born: Born = None,
    of_age: OfAge = False,
    state: State = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Propose to destroy a subject's keys; another person approves."""
    done = client(home, acting).post(
        "shreds",
        id=identifier,
        subject=subject,
        tag=tag,
        born_on=born,
        is_of_age=of_age,
        state=state,
        reason=reason,
    )
    report(done, f"The shred {identifier} awaits another person's approval", json=json)


def approve(
    *,
    home: Home,
    identifier: Id,
    reason: Reason,
    born: Born = None,
    of_age: OfAge = False,
    state: State = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Approve what another person proposed: the keys are destroyed at once, and for good."""
    done = client(home, acting).post(
        "shreds", identifier, "approve", born_on=born, is_of_age=of_age, state=state, reason=reason
    )
    report(done, f"{done['keys']} keys are destroyed", json=json)
    if not json:
        print_lines("Copies of subjects.db and subjects.seal made by other means than wardkeep: destroy them now.")


def withdraw(*, home: Home, identifier: Id, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Withdraw a proposal."""
    done = client(home, acting).post("shreds", identifier, "withdraw", reason=reason)
    report(done, f"The shred {identifier} is withdrawn", json=json)
