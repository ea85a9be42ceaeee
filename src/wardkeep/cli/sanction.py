"""`wardkeep sanction`: sanctions under the policies (45 CFR 164.308(a)(1)(ii)(C), 164.530(e))."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report
from wardkeep.model.programme import SanctionLevel

Sanction = Annotated[str, typer.Argument(metavar="ID", help="The sanction's id.")]
Level = Annotated[SanctionLevel, typer.Option(help="How grave it was.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Sanctions: proposed by one person, confirmed by another.")
    group.command("list")(list_sanctions)
    group.command("propose")(propose)
    group.command("confirm")(confirm)
    root.add_typer(group, name="sanction")


def list_sanctions(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List sanctions, and where their facts are sealed."""
    found = client(home, acting).get("sanctions")["sanctions"]
    if json:
        print_json(found)
        return
    columns = ("id", "person", "policy", "level", "on", "proposed_by", "confirmed_by", "words")
    print_table(columns, [[each[name] for name in columns] for each in found], empty="There is none.")


def propose(
    *,
    home: Home,
    sanction: Sanction,
    person: Annotated[str, typer.Option(help="Whom it concerns.")],
    policy: Annotated[str, typer.Option(help="Which policy was broken.")],
    level: Level,
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Propose a sanction; the reason says what happened and is sealed."""
    form: dict[str, object] = {
        "id": sanction, "person": person, "policy": policy, "level": level.value, "reason": reason,
    }  # fmt: skip
    done = client(home, acting).post_whole("sanctions", form=form)
    report(done, f"Sanction {sanction} is proposed; another person confirms it", json=json)


def confirm(
    *, home: Home, sanction: Sanction, level: Level, reason: Reason, acting: As = None, json: Json = False
) -> None:
    """Confirm a sanction; another person than the one who proposed it."""
    done = client(home, acting).post("sanctions", sanction, "confirm", level=level.value, reason=reason)
    report(done, f"Sanction {sanction} is confirmed", json=json)
