"""`wardkeep incident`: incidents and breaches, from the first word to the last notice (45 CFR 164.402 to 164.414)."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report
from wardkeep.cli._tables import read_table
from wardkeep.model.incident import Conclusion, IncidentFactor, IncidentSource, RiskLevel

Incident = Annotated[str, typer.Argument(metavar="ID", help="The incident's id.")]
Day = Annotated[str, typer.Option(metavar="DATE", help="The day, as YYYY-MM-DD.")]
_FILE = "The fields as .toml or .json; the manual shows them."


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Incidents and breaches: presumed a breach until two people sign.")
    group.command("open")(open_incident)
    group.command("list")(list_incidents)
    group.command("show")(show)
    group.command("note")(note)
    group.command("discovery")(discovery)
    group.command("count")(count)
    group.command("judge")(judge)
    group.command("sign")(sign)
    group.command("countersign")(countersign)
    group.command("delay")(delay)
    group.command("contain")(contain)
    group.command("letter")(letter)
    group.command("notice")(notice)
    group.command("close")(close)
    group.command("breaches")(breaches)
    root.add_typer(group, name="incident")


def open_incident(
    *,
    home: Home,
    incident: Incident,
    known: Annotated[str, typer.Option(metavar="DATE", help="The first day anybody knew of it.")],
    reason: Reason,
    source: Annotated[IncidentSource, typer.Option(help="What made you open it.")] = IncidentSource.REPORT,
    should_have_known: Annotated[
        str | None, typer.Option(metavar="DATE", help="The first day reasonable diligence would have found it.")
    ] = None,
    entry: Annotated[int | None, typer.Option(help="The ledger entry it is about.")] = None,
    associate: Annotated[bool, typer.Option("--associate", help="We are the business associate.")] = False,
    acting: As = None,
    json: Json = False,
) -> None:
    """Open an incident; anybody of the workforce may. The reason says what happened."""
    form: dict[str, object] = {
        "id": incident,
        "source": source.value,
        "known_on": known,
        "should_have_known_on": should_have_known,
        "entry": entry,
        "is_associate": associate,
        "reason": reason,
    }
    done = client(home, acting).post_form("incidents", form)
    report(done, f"Incident {incident} is open and presumed a breach", json=json)


def list_incidents(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List incidents, where they stand, and the next day that a notice is due."""
    _print_list(client(home, acting).get("incidents")["incidents"], json=json)


def show(*, home: Home, incident: Incident, acting: As = None, json: Json = False) -> None:
    """Show one incident: its clocks, its timeline, and where its words are sealed."""
    told = client(home, acting).get("incidents", incident)
    if json:
        print_json(told)
        return
    columns = ("name", "about", "due", "days_left", "is_given", "citation")
    print_table(columns, [[each[name] for name in columns] for each in told["clocks"]], empty="No clock runs.")
    line = ("at", "by", "what", "words")
    print_table(line, [[each[name] for name in line] for each in told["steps"]], empty="No step.")
    print_lines(f"Discovered on {told['discovered_on']}; {_standing(told)}.")


def note(*, home: Home, incident: Incident, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Add a line to the timeline; its words are the reason."""
    done = client(home, acting).post("incidents", incident, "note", reason=reason)
    report(done, f"Incident {incident} has a note more", json=json)


def discovery(
    *, home: Home, incident: Incident, should_have_known: Day, reason: Reason, acting: As = None, json: Json = False
) -> None:
    """Move the day of discovery earlier; never later."""
    form: dict[str, object] = {"should_have_known_on": should_have_known, "reason": reason}
    done = client(home, acting).post_whole("incidents", incident, "discovery", form=form)
    report(done, f"Incident {incident} counts as discovered earlier", json=json)


def count(
    *,
    home: Home,
    incident: Incident,
    file: Annotated[Path, typer.Option("--file", help=_FILE)],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Put the individuals on record: at least as many as the ledger shows for the calls in reach."""
    form: dict[str, object] = {**read_table(file), "reason": reason}
    done = client(home, acting).post_whole("incidents", incident, "count", form=form)
    report(done, f"The ledger shows {done['computed']}; {done['unresolved']} calls name nobody", json=json)


def judge(
    *,
    home: Home,
    incident: Incident,
    factor: Annotated[IncidentFactor, typer.Option(help="Which of the four factors.")],
    level: Annotated[RiskLevel, typer.Option(help="How it is judged.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Judge one of the four factors; the reason says why."""
    done = client(home, acting).post(
        "incidents", incident, "judge", factor=factor.value, level=level.value, reason=reason
    )
    report(done, f"Factor {factor.value} is judged {level.value}", json=json)


def sign(
    *,
    home: Home,
    incident: Incident,
    conclusion: Annotated[Conclusion, typer.Option(help="What it is.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Sign what it is; nothing changes before another person countersigns."""
    done = client(home, acting).post("incidents", incident, "sign", conclusion=conclusion.value, reason=reason)
    report(done, f"Signed as {conclusion.value}; another person countersigns", json=json)


def countersign(
    *,
    home: Home,
    incident: Incident,
    conclusion: Annotated[Conclusion, typer.Option(help="What the first signer signed.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Give the second signature; another person than the first signer."""
    done = client(home, acting).post("incidents", incident, "countersign", conclusion=conclusion.value, reason=reason)
    report(done, f"Signed by two people as {conclusion.value}", json=json)


def delay(
    *,
    home: Home,
    incident: Incident,
    stated: Day,
    reason: Reason,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="As written; left out when it was oral.")] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Record a law enforcement official's statement that notice would impede them."""
    form: dict[str, object] = {"stated_on": stated, "until": until, "reason": reason}
    done = client(home, acting).post_whole("incidents", incident, "delay", form=form)
    report(done, f"Notices of incident {incident} are delayed", json=json)


def contain(
    *,
    home: Home,
    incident: Incident,
    reason: Reason,
    suspend_vendor: Annotated[str | None, typer.Option(metavar="VENDOR", help="Close every road to it.")] = None,
    revoke_key: Annotated[str | None, typer.Option(metavar="KEY", help="Revoke it for good.")] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Suspend a vendor or revoke a key, from the next call on, as a step of the incident."""
    done = client(home, acting).post(
        "incidents", incident, "contain", vendor=suspend_vendor, key=revoke_key, reason=reason
    )
    report(done, "Contained from the next call on", json=json)


def letter(
    *,
    home: Home,
    incident: Incident,
    file: Annotated[Path, typer.Option("--file", help=_FILE)],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Write the letter to individuals, with its five parts; its hash is recorded."""
    done = client(home, acting).post_whole("incidents", incident, "letter", form={**read_table(file), "reason": reason})
    if json:
        print_json(done)
    else:
        print_lines(done["letter"])


def notice(
    *,
    home: Home,
    incident: Incident,
    name: Annotated[str, typer.Argument(metavar="NOTICE", help="As `wardkeep incident show` names it.")],
    on: Day,
    reason: Reason,
    about: Annotated[str | None, typer.Option(metavar="STATE", help="The State, for the media.")] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Record that a notice was given."""
    form: dict[str, object] = {"name": name, "on": on, "about": about, "reason": reason}
    done = client(home, acting).post_whole("incidents", incident, "notice", form=form)
    report(done, f"The notice to {name} is on record", json=json)


def close(*, home: Home, incident: Incident, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Close an incident that two people signed, with every notice on record."""
    done = client(home, acting).post("incidents", incident, "close", reason=reason)
    report(done, f"Incident {incident} is closed", json=json)


def breaches(
    *,
    home: Home,
    year: Annotated[str, typer.Option(metavar="YEAR", help="The calendar year of discovery.")],
    acting: As = None,
    json: Json = False,
) -> None:
    """List the log of breaches of fewer than 500 individuals, for the yearly notice to the Secretary."""
    _print_list(client(home, acting).get("breaches", year=year)["breaches"], json=json)


def _print_list(found: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        print_json(found)
        return
    rows = [
        (
            each["id"],
            each["discovered_on"],
            each["individuals"],
            _standing(each),
            min((clock["due"] for clock in each["clocks"] if not clock["is_given"]), default=None),
        )
        for each in found
    ]
    print_table(("id", "discovered", "individuals", "standing", "next due"), rows, empty="There is none.")


def _standing(told: dict[str, Any]) -> str:
    if told["closed_by"] is not None:
        return f"closed as {told['conclusion']}"
    if told["is_presumed_breach"]:
        return "presumed a breach"
    return f"{told['conclusion']}, signed by {'two' if told['countersigned_by'] else 'one'}"
