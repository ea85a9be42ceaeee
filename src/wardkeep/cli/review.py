"""`wardkeep review`: who still needs what they may do (45 CFR 164.308(a)(4)(ii)(C))."""

import os
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from wardkeep.cli._client import client
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report
from wardkeep.model.access_review import ReviewKind

Review = Annotated[str, typer.Argument(metavar="ID", help="The review's id.")]
Items = Annotated[list[str], typer.Argument(metavar="ITEM...", help="Names of items, as `wardkeep review mine` shows.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Reviews of access: what nobody confirms ends.")
    group.command("open")(open_review)
    group.command("list")(list_reviews)
    group.command("show")(show)
    group.command("mine")(mine)
    group.command("confirm")(confirm)
    group.command("revoke")(revoke)
    group.command("delegate")(delegate)
    group.command("close")(close)
    group.command("evidence")(evidence)
    group.command("schedule")(schedule)
    root.add_typer(group, name="review")


def open_review(
    *,
    home: Home,
    review: Review,
    kind: Annotated[list[ReviewKind] | None, typer.Option("--kind", help="What to review; without it, all.")] = None,
    phi: Annotated[bool, typer.Option("--phi", help="Only what reaches health information.")] = False,
    reviewer: Annotated[str | None, typer.Option(help="Who reviews what has no owner; without it, you.")] = None,
    days: Annotated[int, typer.Option(help="How long it is open.")] = 30,
    grace: Annotated[int, typer.Option(help="Days that treatment goes on unconfirmed.")] = 14,
    acting: As = None,
    reason: Reason = "review of access",
    json: Json = False,
) -> None:
    """Open a review of access."""
    form: dict[str, object] = {
        "id": review,
        "kinds": [each.value for each in kind or list(ReviewKind)],
        "is_phi": phi,
        "reviewer": reviewer,
        "open_days": days,
        "grace_days": grace,
        "reason": reason,
    }
    report(client(home, acting).post_form("reviews", form), f"Review {review} is open", json=json)


def list_reviews(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List reviews, when each is due, and how many items are undecided."""
    found = client(home, acting).get("reviews")
    if json:
        print_json(found)
        return
    rows = [
        [each["id"], each["opened_by"], each["due_at"], each["closed_at"], _counted(each["items"])]
        for each in found["reviews"]
    ]
    print_table(("id", "opened_by", "due_at", "closed_at", "items"), rows, empty="There was no review yet.")
    term = found["schedule"]
    print_lines(
        f"One of access to health information opens by itself every {term['every_days']} days."
        if term["is_active"]
        else "None opens by itself."
    )


def show(*, home: Home, review: Review, acting: As = None, json: Json = False) -> None:
    """Show one review: every item, what use says of it, who decided what, and in which ledger entry."""
    told = client(home, acting).get("reviews", review)
    if json:
        print_json(told)
        return
    _print_items(told["items"], ("item", "reviewer", "suggestion", "state", "decided_by", "decided_at", "ledger_entry"))
    line = ("at", "kind", "undecided", "ledger_entry")
    print_table(line, [[each[name] for name in line] for each in told["review"]["notices"]], empty="No notice yet.")
    print_lines(f"Due at {told['review']['due_at']}; {_counted(told['review']['items'])}.")


def mine(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the items that are yours to review and undecided."""
    found = client(home, acting).get("my-reviews")["items"]
    if json:
        print_json(found)
        return
    _print_items(found, ("review", "item", "suggestion", "last_used_at", "state", "grace_until"))


def confirm(
    *, home: Home, review: Review, items: Items, acting: As = None, reason: Reason = "still needed", json: Json = False
) -> None:
    """Say that access is still needed."""
    done = client(home, acting).post("reviews", review, "confirm", items=items, reason=reason)
    report(done, f"{len(items)} confirmed", json=json)


def revoke(*, home: Home, review: Review, items: Items, reason: Reason, acting: As = None, json: Json = False) -> None:
    """End access that is not needed any more, from the next call on."""
    done = client(home, acting).post("reviews", review, "revoke", items=items, reason=reason)
    report(done, f"{len(items)} ended", json=json)


def delegate(
    *,
    home: Home,
    review: Review,
    items: Items,
    to: Annotated[str, typer.Option("--to", help="The person who reviews them instead.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Hand items to somebody who knows better."""
    done = client(home, acting).post("reviews", review, "delegate", items=items, to=to, reason=reason)
    report(done, f"{len(items)} handed to {to}", json=json)


def close(*, home: Home, review: Review, acting: As = None, reason: Reason = "closed", json: Json = False) -> None:
    """Close a review that is decided, or due and warned of; what nobody confirmed ends."""
    done = client(home, acting).post("reviews", review, "close", reason=reason)
    report(done, f"Review {review} is closed", json=json)


def evidence(
    *,
    home: Home,
    review: Review,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the two files are written.")],
    acting: As = None,
    json: Json = False,
) -> None:
    """Write who confirmed what and when, as JSON and CSV, each line with its ledger entry."""
    told = client(home, acting).get("reviews", review, "evidence")
    table = told.pop("csv")
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = [out / f"review-{review}.json", out / f"review-{review}.csv"]
    whole = msgspec.json.format(msgspec.json.encode(told), indent=2)
    for path, body in zip(files, (whole, table.encode()), strict=True):
        _write_new(path, body)
    if json:
        print_json({"files": [str(path) for path in files], "ledger_entries": told["ledger_entries"]})
        return
    print_lines(*(f"Wrote {path}." for path in files))


def schedule(
    *,
    home: Home,
    reason: Reason,
    every: Annotated[int, typer.Option(help="Days from one review to the next.")] = 91,
    days: Annotated[int, typer.Option(help="How long each is open.")] = 30,
    grace: Annotated[int, typer.Option(help="Days that treatment goes on unconfirmed.")] = 14,
    off: Annotated[bool, typer.Option("--off", help="Open none by itself; that is on record.")] = False,
    acting: As = None,
    json: Json = False,
) -> None:
    """Say when reviews of access to health information open by themselves."""
    form: dict[str, object] = {
        "every_days": every,
        "open_days": days,
        "grace_days": grace,
        "is_active": not off,
        "reason": reason,
    }
    report(client(home, acting).post_form("review-schedule", form), "The schedule is on record", json=json)


def _write_new(path: Path, body: bytes) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as sink:
            sink.write(body)
    except FileExistsError as error:
        raise CommandFailed(
            "file_exists",
            what=f"{path} is there already.",
            why="Evidence is not written over.",
            fix="Name another directory with --out.",
        ) from error


def _print_items(items: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    print_table(columns, [[each[name] for name in columns] for each in items], empty="There is nothing to review.")


def _counted(states: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(states.items())) or "no items"
