"""`wardkeep duties`: which duties close the road to PHI when they are not done (45 CFR 164.308(a)(5), 164.316)."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report

Training = Annotated[bool, typer.Option("--training/--no-training", help="Overdue training refuses.")]
Acknowledgement = Annotated[
    bool, typer.Option("--acknowledgement/--no-acknowledgement", help="An unsigned policy refuses.")
]
Grace = Annotated[int, typer.Option("--grace-days", help="Days after the due day.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Duties that close the road: training and acknowledged policies.")
    group.command("show")(show)
    group.command("reminders")(reminders)
    group.command("require")(require)
    group.command("approve")(approve)
    root.add_typer(group, name="duties")


def reminders(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List what ends within 90 days or has ended, and when that was told."""
    found = client(home, acting).get("reminders")["reminders"]
    if json:
        print_json(found)
        return
    rows = [
        (each["kind"], each["about"], each["last_day"], each["days_left"], [given["mark"] for given in each["given"]])
        for each in found
    ]
    print_table(("kind", "about", "last day", "days left", "told at"), rows, empty="Nothing ends within 90 days.")


def show(*, home: Home, acting: As = None, json: Json = False) -> None:
    """Show which duties are demanded, and who is late today."""
    told = client(home, acting).get("duties")
    if json:
        print_json(told)
        return
    print_lines(
        f"Training {'closes' if told['training'] else 'does not close'} the road when overdue; late: "
        f"{', '.join(told['late_with_training']) or 'nobody'}.",
        f"Policies {'close' if told['acknowledgement'] else 'do not close'} the road when unsigned; late: "
        f"{', '.join(told['late_with_policies']) or 'nobody'}.",
        f"Grace: {told['grace_days']} days.",
    )
    if told["proposed"] is not None:
        print_lines(f"Proposed by {told['proposed']['by']}, waiting for another person: {told['proposed']}.")


def require(
    *,
    home: Home,
    training: Training,
    acknowledgement: Acknowledgement,
    reason: Reason,
    grace_days: Grace = 0,
    acting: As = None,
    json: Json = False,
) -> None:
    """Declare the duties: more holds at once, less waits for another person."""
    form: dict[str, object] = {
        "training": training,
        "acknowledgement": acknowledgement,
        "grace_days": grace_days,
        "reason": reason,
    }
    done = client(home, acting).post_whole("duties", "require", form=form)
    report(done, "The duties are recorded; what demands less waits for another person", json=json)


def approve(
    *,
    home: Home,
    training: Training,
    acknowledgement: Acknowledgement,
    reason: Reason,
    grace_days: Grace = 0,
    acting: As = None,
    json: Json = False,
) -> None:
    """Approve duties that demand less, naming them; another person than the one who proposed them."""
    form: dict[str, object] = {
        "training": training,
        "acknowledgement": acknowledgement,
        "grace_days": grace_days,
        "reason": reason,
    }
    done = client(home, acting).post_whole("duties", "approve", form=form)
    report(done, "The duties hold as named", json=json)
