"""`wardkeep risk`: the risk analysis (45 CFR 164.308(a)(1)(ii)(A)-(B))."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report
from wardkeep.model.registers import Treatment

Risk = Annotated[str, typer.Argument(metavar="ID", help="The risk's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="The risk analysis, held against what is live.")
    group.command("suggest")(suggest)
    group.command("list")(list_risks)
    group.command("in-order")(in_order)
    group.command("put")(put)
    group.command("accept")(accept)
    root.add_typer(group, name="risk")


def suggest(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the threats to what is live that nobody has judged yet."""
    found = client(home, acting).get("risks", "suggestions")["suggestions"]
    if json:
        print_json(found)
        return
    columns = ("about", "threat", "likelihood", "impact", "words")
    print_table(columns, [[each[name] for name in columns] for each in found], empty="Everything is judged.")


def list_risks(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the analysis, and what is live and not in it."""
    told = client(home, acting).get("risks")
    if json:
        print_json(told)
        return
    columns = ("id", "about", "threat", "before", "after", "treatment", "owner", "until", "holds", "words")
    rows = sorted(told["risks"], key=lambda each: -each["after"])
    print_table(columns, [[each[name] for name in columns] for each in rows], empty="There is no analysis.")
    print_lines(*(f"NOT IN THE ANALYSIS: {each}" for each in told["outside"]))
    print_lines(*(f"About something that is gone: {each}" for each in told["gone"]))


def in_order(*, home: Home, acting: As = None, json: Json = False) -> None:
    """Show the risk analysis in the order of the SRA Tool's sections."""
    told = client(home, acting).get("risks", "in-order")
    if json:
        print_json(told)
        return
    for section in told["sections"]:
        print_lines(f"{section['section']} ({len(section['asks'])} controls)")
        columns = ("id", "about", "threat", "before", "after", "treatment")
        print_table(columns, [[each[name] for name in columns] for each in section["risks"]], empty="No row is here.")


def put(
    *,
    home: Home,
    risk: Risk,
    about: Annotated[str, typer.Option(help="Such as route:chat, as `suggest` lists it.")],
    threat: Annotated[str, typer.Option(help="As `suggest` lists it.")],
    before: Annotated[str, typer.Option(metavar="LxI", help="Likelihood and impact without measures, such as 4x5.")],
    after: Annotated[str, typer.Option(metavar="LxI", help="The same with the measures that stand.")],
    treatment: Annotated[Treatment, typer.Option(help="What is done about it.")],
    owner: Annotated[str, typer.Option(help="Who answers for it.")],
    until: Annotated[str, typer.Option(metavar="DATE", help="Looked at again by this day.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Judge a risk, or judge it anew."""
    first, second = _pair(before), _pair(after)
    form: dict[str, object] = {
        "id": risk, "about": about, "threat": threat, "likelihood": first[0], "impact": first[1],
        "residual_likelihood": second[0], "residual_impact": second[1], "treatment": treatment.value,
        "owner": owner, "until": until, "reason": reason,
    }  # fmt: skip
    report(client(home, acting).post_whole("risks", form=form), f"Risk {risk} is judged", json=json)


def accept(*, home: Home, risk: Risk, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Accept a risk; another person than the one who judged it."""
    done = client(home, acting).post("risks", risk, "accept", reason=reason)
    report(done, f"Risk {risk} is accepted", json=json)


def _pair(text: str) -> tuple[int, int]:
    first, _, second = text.partition("x")
    if first not in {"1", "2", "3", "4", "5"} or second not in {"1", "2", "3", "4", "5"}:
        raise CommandFailed(
            "value_invalid",
            what="Likelihood and impact are not given as LxI.",
            fix="For example 4x5: each from 1 to 5.",
        )
    return int(first), int(second)
