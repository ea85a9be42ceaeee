"""`wardkeep deid text`, `explain` and `policies`: a text under a policy, its report, and what policies say.

Interactive policies put surrogates whose key is forgotten with the run; released ones put random codes (45 CFR
164.514(c)). Nothing that was read is repeated in an error.
"""

import contextlib
import json as json_module
import secrets
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import Home, Json, print_json, print_lines, print_table
from wardkeep.model.spans import Leaf, LeafKind
from wardkeep.privacy.codes import Codes
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.errors import (
    DetectorFailed,
    DetectorUnavailable,
    DocumentUnreadable,
    MalformedLine,
    PolicyInvalid,
    ReleaseRefused,
)
from wardkeep.privacy.policies.classes import classes
from wardkeep.privacy.policies.policy import SHIPPED, Action, Mode, PrivacyPolicy, parse_policy, shipped
from wardkeep.privacy.report import Tally, detection_report
from wardkeep.privacy.shift import days_from
from wardkeep.privacy.surrogates import Surrogates
from wardkeep.privacy.treatment import Treated, Treatment, treat
from wardkeep.privacy.treatment import explain as explain_finds
from wardkeep.settings import clock

PolicyOption = Annotated[
    str, typer.Option("--policy", metavar="NAME", help=f"One of {', '.join(SHIPPED)}; see deid policies.")
]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy-file", metavar="FILE", help="A policy of your own (TOML), instead of --policy.")
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="CLASS=ACTION", help="Another action for a class, such as PROVIDER=allow; repeat."),
]
Known = Annotated[
    list[str] | None, typer.Option("--known", metavar="TERM", help="A name or number of the subject; repeat.")
]
ReportFile = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write the detection report (JSON, without content).")
]


def text(
    *,
    home: Home,  # noqa: ARG001 - every command has it
    policy: PolicyOption = "balanced",
    policy_file: PolicyFile = None,
    changes: Changes = None,
    known: Known = None,
    report: ReportFile = None,
    json: Json = False,
) -> None:
    """Read one text, write it as the policy leaves it; the key of its surrogates is forgotten."""
    with told_plainly():
        given = _whole()
        treatment = treatment_for(chosen_policy(policy, policy_file, changes))
        done = treat([Leaf(given, None, LeafKind.TEXT)], treatment, known=known or ())
        check_not_blocked(done)
    replaced = given if done.texts[0] is None else done.texts[0]
    if report is not None:
        tally = Tally()
        tally.add(done, [given])
        write_report(report, detection_report(policy=treatment.policy, tally=tally, at=clock()))
    if json:
        print_json({"text": replaced, "counts": {kind.value: number for kind, number in done.types.items()}})
    else:
        sys.stdout.write(replaced)


def explain(
    *,
    home: Home,  # noqa: ARG001 - every command has it
    policy: PolicyOption = "balanced",
    policy_file: PolicyFile = None,
    changes: Changes = None,
    known: Known = None,
    json: Json = False,
) -> None:
    """Read one text, write where something was found, its class, rule and action; never the text."""
    with told_plainly():
        treatment = treatment_for(chosen_policy(policy, policy_file, changes))
        finds = explain_finds(_whole(), treatment, known=known or ())
    rows = [
        {
            "start": span.start,
            "end": span.end,
            "type": span.type.value,
            "rule": span.rule,
            "class": name,
            "action": action.value,
            "citation": classes()[name].citation,
        }
        for (span, name), action in finds
    ]
    if json:
        print_json(rows)
    else:
        shown = ("type", "rule", "class", "action", "citation")
        print_lines(*(f"{row['start']}-{row['end']}\t" + "\t".join(str(row[key]) for key in shown) for row in rows))


def policies(*, home: Home, json: Json = False) -> None:  # noqa: ARG001 - every command has it
    """Show the policies that are shipped, and what each does to each class of identifier, with its rule."""
    held = [shipped(name) for name in SHIPPED]
    if json:
        print_json(
            {
                "policies": [
                    {
                        "name": each.name,
                        "mode": each.mode,
                        "basis": each.basis,
                        "about": each.about,
                        "actions": dict(each.actions),
                    }
                    for each in held
                ],
                "classes": [
                    {"name": each.name, "citation": each.citation, "limited_data_set": each.limited, "rule": each.rule}
                    for each in classes().values()
                ],
            }
        )
        return
    rows = [(each.name, each.citation, *(policy.action(each.name) for policy in held)) for each in classes().values()]
    print_table(("class", "45 CFR", *SHIPPED), rows, empty="")
    print_lines("", *(f"{each.name} ({each.mode}, {each.basis}): {each.about}" for each in held))


def chosen_policy(
    name: str, file: Path | None, changes: Sequence[str] | None, *, expert: bool = False
) -> PrivacyPolicy:
    """Return the policy that the options name. Raises PolicyInvalid."""
    policy = shipped(name) if file is None else parse_policy(file.read_text(encoding="utf-8"))
    pairs = [each.partition("=") for each in changes or ()]
    if any(not sign for _, sign, _ in pairs):
        raise PolicyInvalid("--set takes CLASS=ACTION")
    return policy.amended({key.strip(): value.strip() for key, _, value in pairs}, expert=expert) if pairs else policy


def treatment_for(policy: PrivacyPolicy) -> Treatment:
    """Return the means of one run: a fresh key or fresh random codes, and a date shift nobody keeps."""
    is_shifting = policy.action("DATE") is Action.SHIFT
    return Treatment(
        policy=policy,
        detector=Detector(policy.detector),
        assigner=Surrogates(secrets.token_bytes(32)) if policy.mode is Mode.INTERACTIVE else Codes(),
        today=clock().wall.date(),
        days=days_from(secrets.token_bytes(32)) if is_shifting else None,
    )


def check_not_blocked(done: Treated) -> None:
    """Return when the policy refuses nothing that was found. Raises CommandFailed."""
    if done.blocked:
        raise CommandFailed(
            "class_blocked",
            what=f"The text holds what the policy blocks: {', '.join(done.blocked)}.",
            why="A text with a blocked class is not passed on in any form.",
            fix="Remove it at its source, or choose another action for the class (--set CLASS=mask).",
        )


def write_report(path: Path, report: dict[str, object]) -> None:
    """Write a report where only its owner reads it: it says how many identifiers of which class a file held."""
    path.touch(mode=0o600)
    path.write_text(json_module.dumps(report, indent=2) + "\n", encoding="utf-8")


def _whole() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedLine("line 1 or a later one: not UTF-8") from None


@contextlib.contextmanager
def told_plainly() -> Iterator[None]:
    """Turn what can go wrong into what, why and fix; nothing that was read is repeated."""
    try:
        yield
    except MalformedLine as error:
        sys.stdout.flush()
        raise CommandFailed(
            "line_malformed",
            what=f"The input stops at {error}.",
            why="A line that cannot be read is not passed on.",
            fix='Each line is one JSON object in UTF-8 with "id" and a string "text".',
        ) from None
    except PolicyInvalid as error:
        raise CommandFailed(
            "policy_invalid",
            what=f"The policy cannot be used: {error}.",
            why="A class without a known action would be passed on or lost by accident.",
            fix="`wardkeep deid policies` shows classes, actions and the shipped policies.",
        ) from None
    except DocumentUnreadable as error:
        raise CommandFailed(
            "document_unreadable",
            what=f"The file cannot be read whole: {error}.",
            why="What cannot be read cannot be examined, so none of it is passed on.",
            fix="Mend the file at that place, or name its format with --format.",
        ) from None
    except ReleaseRefused as error:
        raise CommandFailed(
            "release_refused",
            what=f"This cannot be released: {error}.",
            why="A released data set needs its basis on record (45 CFR 164.514(b), (e)).",
            fix="`wardkeep release list` shows what is on record.",
        ) from None
    except (DetectorFailed, DetectorUnavailable) as error:
        raise CommandFailed(
            "detector_failed",
            what=f"Detection could not run ({type(error).__name__}).",
            why="Text that was not examined is not passed on.",
            fix="Run `wardkeep doctor`; reinstall the package if its data is damaged.",
        ) from error
