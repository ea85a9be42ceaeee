"""`wardkeep retention`: how long records of each class are kept (45 CFR 164.316(b)(2)(i), 164.528(a)(1))."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report
from wardkeep.model.retention import MAJORITY_AGE, RecordClass

Id = Annotated[str, typer.Argument(metavar="ID", help="The rule's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Retention: how long records are kept.")
    group.command("list")(list_rules)
    group.command("set")(set_rule)
    group.command("remove")(remove)
    root.add_typer(group, name="retention")


def list_rules(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the rules that count; of several that may apply to a record the longest does."""
    held = client(home, acting).get("retention")
    if json:
        print_json(held)
        return
    columns = ("rule", "class", "State", "years", "years after majority", "majority at", "citation", "default")
    names = (
        "id", "record_class", "state", "years", "years_after_majority", "majority_age", "citation", "is_default",
    )  # fmt: skip
    print_table(columns, [tuple(each[name] for name in names) for each in held["retention"]], empty="There is no rule.")


def set_rule(
    *,
    home: Home,
    identifier: Id,
    record_class: Annotated[RecordClass, typer.Option("--class", help="Which records.")],
    years: Annotated[int, typer.Option(help="How many years after the newest record.")],
    citation: Annotated[str, typer.Option(help="The law or policy that asks for it.")],
    reason: Reason,
    state: Annotated[str | None, typer.Option("--state", help="In this State only.")] = None,
    after_majority: Annotated[
        int | None, typer.Option("--after-majority", help="For a minor: also so many years after majority.")
    ] = None,
    majority_age: Annotated[int, typer.Option("--majority-age", help="Age of majority.")] = MAJORITY_AGE,
    acting: As = None,
    json: Json = False,
) -> None:
    """Set one rule; one that is there under this id is replaced."""
    form: dict[str, object] = {
        "id": identifier,
        "record_class": record_class.value,
        "years": years,
        "citation": citation,
        "state": state,
        "years_after_majority": after_majority,
        "majority_age": majority_age,
        "reason": reason,
    }
    report(client(home, acting).post_form("retention", form), f"The rule {identifier} counts", json=json)


def remove(*, home: Home, identifier: Id, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Remove one rule; a class without a rule for everywhere has its default."""
    done = client(home, acting).post("retention", identifier, "remove", reason=reason)
    report(done, f"The rule {identifier} is removed", json=json)
