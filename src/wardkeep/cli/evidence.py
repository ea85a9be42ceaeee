"""`wardkeep evidence`: what the rules ask, and when it is due (45 CFR part 164)."""

from pathlib import Path
from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report
from wardkeep.cli._pack import write_pack
from wardkeep.compliance.catalogue import Profile
from wardkeep.compliance.clocks import Right
from wardkeep.model.decision import Decision

Control = Annotated[str, typer.Argument(metavar="ID", help="The addressable specification's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Controls and statutory clocks.")
    group.command("controls")(controls)
    group.command("status")(status)
    group.command("decisions")(decisions)
    group.command("decide")(decide)
    group.command("approve")(approve)
    group.command("pack")(pack)
    group.command("limits")(limits)
    group.command("practices")(practices)
    group.command("breach-clocks")(breach_clocks)
    group.command("right-clock")(right_clock)
    root.add_typer(group, name="evidence")


def controls(
    *,
    home: Home,
    profile: Annotated[
        Profile, typer.Option("--profile", help="The rule in force, or the proposal of 2025 as if it held.")
    ] = Profile.CURRENT,
    acting: As = None,
    json: Json = False,
) -> None:
    """List what the rules ask, where each row was read, and which rows nobody confirmed."""
    told = client(home, acting).get("evidence", "controls", profile=profile.value)
    if json:
        print_json(told)
        return
    print_lines(told["note"])
    rows = [
        (
            each["id"],
            each["citation"],
            each["designation"],
            each["strength"],
            each["title"] + (" [UNCONFIRMED]" if each["is_unconfirmed"] else ""),
        )
        for each in (*told["controls"], *({**row, "designation": "-", "strength": "-"} for row in told["overlays"]))
    ]
    print_table(("id", "citation", "designation", "at most", "title"), rows, empty="The catalogue is empty.")
    print_lines(f"As of {told['as_of']}. {told['unconfirmed']} rows are unconfirmed: nothing is computed from them.")


def status(
    *,
    home: Home,
    everything: Annotated[bool, typer.Option("--all", help="Also the controls of which nothing is known.")] = False,
    acting: As = None,
    json: Json = False,
) -> None:
    """Compute where controls stand now, from the ledger's newest entries and the registry."""
    told = client(home, acting).get("evidence", "status")
    if json:
        print_json(told)
        return
    rows = [
        (
            each["id"],
            each["standing"],
            each["strength"],
            each["because"],
            " ".join(each["wrong"]) or each["query"],
            " ".join(str(sample["entry"]) for sample in each["samples"]),
        )
        for each in told["controls"]
        if everything or each["query"] is not None
    ]
    print_table(("id", "standing", "at most", "because", "query, or what is wrong", "entries"), rows, empty="None.")
    unknown = sum(each["standing"] == "not_known" for each in told["controls"])
    print_lines(
        f"{unknown} of {len(told['controls'])} controls are not known: no source, nothing to look at, or not computed.",
        "Prove an entry without trusting this server: wardkeep verify --prove ENTRY --out FILE",
    )


def decisions(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the 22 addressable specifications with what was decided, by whom, and until when."""
    found = client(home, acting).get("evidence", "decisions")["decisions"]
    if json:
        print_json(found)
        return
    columns = ("id", "title", "decision", "decided_by", "approved_by", "until", "holds", "words")
    print_table(columns, [[each[name] for name in columns] for each in found], empty="There is none.")


def decide(
    *,
    home: Home,
    control: Control,
    decision: Annotated[Decision, typer.Option(help="What is decided.")],
    until: Annotated[str, typer.Option(metavar="DATE", help="The last day, as YYYY-MM-DD; a year away at the most.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Decide on an addressable specification; it counts once another person approved it."""
    form: dict[str, object] = {"decision": decision.value, "until": until, "reason": reason}
    done = client(home, acting).post_whole("evidence", "decisions", control, "decide", form=form)
    report(done, f"The decision on {control} is recorded; another person approves it", json=json)


def approve(
    *,
    home: Home,
    control: Control,
    decision: Annotated[Decision, typer.Option(help="What was decided.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Approve a decision; another person than the one who made it."""
    form: dict[str, object] = {"decision": decision.value, "reason": reason}
    done = client(home, acting).post_whole("evidence", "decisions", control, "approve", form=form)
    report(done, f"The decision on {control} holds", json=json)


def pack(
    *,
    home: Home,
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="The first day of the period.")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="Its last day; today at the latest.")],
    out: Annotated[Path, typer.Option(help="A new directory.")],
    reason: Reason,
    controls: Annotated[
        str, typer.Option(metavar="IDS", help="Ids with commas between, or beginnings such as HSR-312*; else all.")
    ] = "",
    no_pdf: Annotated[bool, typer.Option("--no-pdf", help="Leave the printed report out.")] = False,
    acting: As = None,
    json: Json = False,
) -> None:
    """Write an evidence pack: report, tables, OSCAL, ledger excerpt with proofs, and what checks it offline."""
    wanted = [each.strip() for each in controls.split(",") if each.strip()]
    done = write_pack(
        client(home, acting), out, first=first, last=last, controls=wanted, reason=reason, is_printed=not no_pdf
    )
    if json:
        print_json(done)
        return
    print_lines(
        f"{done['files']} files in {out}, bound by ledger entry {done['ledger_index']}.",
        f"Check it anywhere: python {out / 'verify_pack.py'} {out} --public-key FILE",
    )


def limits(*, home: Home, acting: As = None, json: Json = False) -> None:
    """Show what the program cannot show: said once, and computed from the catalogue and the queries there are."""
    told = client(home, acting).get("evidence", "limits")
    if json:
        print_json(told)
        return
    print_lines(*told["said"], "")
    for name in ("not_computed", "unconfirmed", "attested"):
        print_table((name, "citation", "title"), [list(each.values()) for each in told[name]], empty=f"{name}: none")


def practices(*, home: Home, acting: As = None, json: Json = False) -> None:
    """Show which of the last twelve months each security practice covers, and the gaps (Pub. L. 116-321)."""
    told = client(home, acting).get("evidence", "practices")
    if json:
        print_json(told)
        return
    columns = ("title", "needs", "months_covered", "gaps")
    print_table(columns, [[each[name] for name in columns] for each in told["practices"]], empty="")
    print_lines(f"{told['from']} through {told['through']}. {told['note']}")


def breach_clocks(
    *,
    home: Home,
    individuals: Annotated[int, typer.Option(help="How many individuals are affected in total.")],
    known: Annotated[str | None, typer.Option(metavar="DATE", help="The first day it was known.")] = None,
    should_have_known: Annotated[
        str | None, typer.Option(metavar="DATE", help="The first day reasonable diligence would have found it.")
    ] = None,
    residents: Annotated[
        list[str] | None, typer.Option("--residents", metavar="STATE=COUNT", help="By State; repeat for several.")
    ] = None,
    associate: Annotated[bool, typer.Option("--associate", help="We are the business associate.")] = False,
    acting: As = None,
    json: Json = False,
) -> None:
    """Compute the clocks of a breach from its dates and counts; nothing is recorded."""
    form: dict[str, object] = {
        "individuals": individuals,
        "known_on": known,
        "should_have_known_on": should_have_known,
        "residents": dict(_counted(each) for each in residents or ()),
        "is_associate": associate,
    }
    _print(client(home, acting).post_whole("evidence", "clocks", "breach", form=form), json=json)


def right_clock(
    *,
    home: Home,
    right: Annotated[Right, typer.Argument(help="What the individual asked for.")],
    received: Annotated[str, typer.Option(metavar="DATE", help="The day the request came.")],
    extended: Annotated[
        str | None, typer.Option(metavar="DATE", help="The day a written statement of extension was given.")
    ] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Compute the clock of an individual's request; nothing is recorded."""
    form: dict[str, object] = {"right": right.value, "received_on": received, "extended_on": extended}
    _print(client(home, acting).post_whole("evidence", "clocks", "right", form=form), json=json)


def _print(told: dict[str, list[dict[str, object]]], *, json: bool) -> None:
    if json:
        print_json(told)
        return
    columns = ("name", "about", "starts", "due", "days_left", "citation")
    print_table(columns, [[each[name] for name in columns] for each in told["deadlines"]], empty="No clock runs.")
    print_lines("These are outer limits: notice is due without unreasonable delay. State law may be earlier.")


def _counted(text: str) -> tuple[str, int]:
    state, _, count = text.partition("=")
    if not state or not (count.isascii() and count.isdigit() and len(count) <= 9):
        raise CommandFailed(
            "value_invalid",
            what="A number of residents is not given as STATE=COUNT.",
            why="Each State is counted by itself (45 CFR 164.406).",
            fix="For example --residents TX=501.",
        )
    return state, int(count)
