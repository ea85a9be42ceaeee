"""`wardkeep activity`: what was done is looked at, and somebody signs for it (45 CFR 164.308(a)(1)(ii)(D))."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report
from wardkeep.model.activity import Verdict

Review = Annotated[str, typer.Argument(metavar="ID", help="The review's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Reviews of activity: samples, what is unusual, sign-off.")
    group.command("list")(list_reviews)
    group.command("open")(open_review)
    group.command("show")(show)
    group.command("sign")(sign)
    root.add_typer(group, name="activity")


def list_reviews(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List reviews of activity, what is open in them, and whether it is overdue."""
    told = client(home, acting).get("activity")
    if json:
        print_json(told)
        return
    columns = ("id", "start", "stop", "ended_at", "due", "open", "is_overdue")
    print_table(columns, [[each[name] for name in columns] for each in told["reviews"]], empty="No review yet.")
    if told["is_neglected"]:
        print_lines(f"OVERDUE: nobody reviews what was done since entry {told['next_start']}; open a review.")


def open_review(
    *,
    home: Home,
    review: Review,
    reason: Reason,
    sample: Annotated[int, typer.Option(help="Entries drawn by chance that nobody chooses, 10 to 100.")] = 25,
    due_days: Annotated[int, typer.Option(help="Days until it is overdue.")] = 7,
    volume: Annotated[int, typer.Option(help="Calls a day from which on a rise is unusual.")] = 20,
    times: Annotated[int, typer.Option(help="How many usual days a day must be.")] = 3,
    new_subjects: Annotated[int, typer.Option(help="Subjects somebody never called about before.")] = 20,
    many_subjects: Annotated[int, typer.Option(help="Different subjects a day.")] = 50,
    first_hour: Annotated[int, typer.Option(help="When people's working hours begin.")] = 6,
    last_hour: Annotated[int, typer.Option(help="When they end.")] = 22,
    acting: As = None,
    json: Json = False,
) -> None:
    """Open a review of all that was done since the last one."""
    done = client(home, acting).post(
        "activity",
        id=review,
        sample=sample,
        due_days=due_days,
        volume=volume,
        times=times,
        new_subjects=new_subjects,
        many_subjects=many_subjects,
        first_hour=first_hour,
        last_hour=last_hour,
        reason=reason,
    )
    report(done, f"Review {review} has {done['items']} items to judge", json=json)


def show(*, home: Home, review: Review, acting: As = None, json: Json = False) -> None:
    """Show a review's items, why each was picked, and who judged it."""
    told = client(home, acting).get("activity", review)
    if json:
        print_json(told)
        return
    columns = ("number", "signal", "entry", "who", "measure", "usual", "verdict", "signed_by", "words")
    print_table(columns, [[each[name] for name in columns] for each in told["items"]], empty="Nothing was picked.")
    print_lines(
        f"Entries {told['start']} to {told['stop'] - 1}; drawn by the tree's root {told['seed']}.",
        f"{told['open']} open, due {told['due']}{', OVERDUE' if told['is_overdue'] else ''}.",
    )


def sign(
    *,
    home: Home,
    review: Review,
    item: Annotated[int, typer.Option("--item", help="The item's number.")],
    verdict: Annotated[Verdict, typer.Option(help="What you found.")],
    reason: Reason,
    incident: Annotated[str | None, typer.Option(help="The incident that it became.")] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Judge one item; your reason is sealed. Nobody judges their own activity."""
    done = client(home, acting).post(
        "activity", review, "sign", item=item, verdict=verdict.value, incident=incident, reason=reason
    )
    report(done, f"Item {item} of {review} is judged", json=json)
