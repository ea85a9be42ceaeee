"""`wardkeep training`: courses, assignments by role, certificates (45 CFR 164.308(a)(5), 164.530(b))."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wardkeep.cli._client import client
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report
from wardkeep.model.access import Role

Course = Annotated[str, typer.Argument(metavar="COURSE", help="The course's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Courses with questions, assignments, certificates.")
    group.command("list")(list_courses)
    group.command("show")(show)
    group.command("take")(take)
    group.command("mine")(mine)
    group.command("report")(report_all)
    group.command("assign")(assign)
    group.command("extend")(extend)
    group.command("certificate")(certificate)
    root.add_typer(group, name="training")


def list_courses(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the courses and to which roles they are assigned."""
    found = client(home, acting).get("courses")["courses"]
    if json:
        print_json(found)
        return
    columns = ("id", "title", "version", "minutes", "assigned_to", "due_on", "pass_percent", "valid_days")
    print_table(columns, [[each[name] for name in columns] for each in found], empty="There is none.")


def show(*, home: Home, course: Course, acting: As = None, json: Json = False) -> None:
    """Show a course's text and its questions."""
    told = client(home, acting).get("courses", course)
    if json:
        print_json(told)
        return
    print_lines(f"{told['title']} (version {told['version']}, about {told['minutes']} minutes)", "")
    for each in told["sections"]:
        print_lines(each["title"], "", each["text"])
    _print_questions(told)


def take(
    *,
    home: Home,
    course: Course,
    answers: Annotated[
        str | None, typer.Option(metavar="LETTERS", help="One letter for each question, such as `abdc`.")
    ] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Answer a course's questions: by --answers, or one by one."""
    calling = client(home, acting)
    told = calling.get("courses", course)
    given = _letters(told, answers) if answers is not None else _asked(told)
    done = calling.post_whole("courses", course, "answer", form={"version": told["version"], "answers": given})
    if json:
        print_json(done)
    else:
        for each in done["wrong"]:
            print_lines(f"{each['question'] + 1}. {each['why']}")
        passed = "passed" if done["is_passed"] else "not passed"
        print_lines(f"{done['score_percent']} percent right: {passed} (ledger entry {done['ledger_index']}).")
    if not done["is_passed"]:
        raise typer.Exit(1)


def mine(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List your own courses and when they are due."""
    _rows(client(home, acting).get("training", "mine")["rows"], json=json)


def report_all(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List everybody's courses, what was passed, and what is overdue."""
    _rows(client(home, acting).get("training")["rows"], json=json)


def assign(
    *,
    home: Home,
    course: Course,
    role: Annotated[list[Role], typer.Option("--role", help="Who takes it; repeat for several.")],
    due: Annotated[str, typer.Option(metavar="DATE", help="The last day before it is overdue.")],
    reason: Reason,
    valid_days: Annotated[int, typer.Option(help="How long a pass counts.")] = 365,
    pass_percent: Annotated[int, typer.Option(help="Right answers that pass.")] = 80,
    acting: As = None,
    json: Json = False,
) -> None:
    """Assign a course to roles from a day on."""
    form: dict[str, object] = {
        "roles": sorted(each.value for each in role),
        "due_on": due,
        "valid_days": valid_days,
        "pass_percent": pass_percent,
        "reason": reason,
    }
    done = client(home, acting).post_whole("courses", course, "assign", form=form)
    report(done, f"Course {course} is assigned", json=json)


def extend(
    *,
    home: Home,
    course: Course,
    person: Annotated[str, typer.Option(help="Who gets more time.")],
    due: Annotated[str, typer.Option(metavar="DATE", help="Their day; 30 days away at the most.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Give one person a later day; never oneself."""
    form: dict[str, object] = {"person": person, "due_on": due, "reason": reason}
    done = client(home, acting).post_whole("courses", course, "extend", form=form)
    report(done, f"{person} has until {due} for {course}", json=json)


def certificate(
    *,
    home: Home,
    course: Course,
    person: Annotated[str | None, typer.Option(help="Whose; left out: one's own.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where it goes; left out: shown.")] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Print a certificate; its hash stands in the record."""
    calling = client(home, acting)
    if person is None:
        told = calling.get("courses", course, "certificate")
    else:
        told = calling.get("courses", course, "certificate-of", person=person)
    if out is not None:
        out.write_text(told["text"], "utf-8")
    if json:
        print_json(told)
    else:
        print_lines(told["text"], f"sha256 on record: {told['sha256']}; agrees: {'yes' if told['agrees'] else 'NO'}")


def _rows(found: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        print_json(found)
        return
    columns = ("person", "course", "standing", "passed_on", "score_percent", "failed", "due_on", "grace_ends")
    print_table(columns, [[each[name] for name in columns] for each in found], empty="No course is assigned.")


def _print_questions(told: dict[str, Any]) -> None:
    for number, each in enumerate(told["questions"], 1):
        print_lines(f"{number}. {each['asks']}")
        print_lines(*(f"   {chr(ord('a') + place)}) {option}" for place, option in enumerate(each["options"])))


def _letters(told: dict[str, Any], answers: str) -> list[int]:
    given = [ord(letter) - ord("a") for letter in answers.lower() if not letter.isspace()]
    if len(given) != len(told["questions"]) or not all(
        0 <= each < len(question["options"]) for each, question in zip(given, told["questions"], strict=True)
    ):
        raise CommandFailed(
            "value_invalid",
            what="The answers do not fit the questions.",
            why=f"There are {len(told['questions'])} questions, each with its own letters.",
            fix="`wardkeep training show` prints them.",
        )
    return given


def _asked(told: dict[str, Any]) -> list[int]:
    given: list[int] = []
    for number, each in enumerate(told["questions"], 1):
        letters = [chr(ord("a") + place) for place in range(len(each["options"]))]
        print_lines(f"{number}. {each['asks']}")
        print_lines(*(f"   {letter}) {option}" for letter, option in zip(letters, each["options"], strict=True)))
        answer = typer.prompt("Answer").strip().lower()
        while answer not in letters:
            answer = typer.prompt(f"One of {', '.join(letters)}").strip().lower()
        given.append(letters.index(answer))
    return given
