"""`wardkeep deid file`: a whole file under a policy, with its detection report.

Writes nothing until all of the file was read and treated. Under a released or limited policy the result is a draft: it
leaves only with a release on record (45 CFR 164.514(b), (e)), which this command does not make.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Final

import typer

from wardkeep.cli._client import client
from wardkeep.cli._deid_policies import (
    Changes,
    PolicyFile,
    PolicyOption,
    ReportFile,
    chosen_policy,
    told_plainly,
    treatment_for,
    write_report,
)
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, print_json, print_lines
from wardkeep.privacy.errors import ReleaseRefused
from wardkeep.privacy.files import FORMS, form_of, treat_file
from wardkeep.privacy.policies.policy import Mode
from wardkeep.privacy.report import detection_report
from wardkeep.settings import clock

_NEXT: Final = {
    Mode.INTERACTIVE: "Its surrogates cannot be restored any more; the text is still PHI.",
    Mode.RELEASED: "It is a draft: have it reviewed and released on record before it leaves.",
    Mode.LIMITED: "It is PHI: it leaves only under a data use agreement on record.",
}


def file(
    *,
    home: Home,
    source: Annotated[Path, typer.Argument(metavar="FILE", help="The file to read.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write; it must not exist yet.")],
    form: Annotated[
        str | None, typer.Option("--format", help=f"One of {', '.join(FORMS)}; without it the name says.")
    ] = None,
    policy: PolicyOption = "strict",
    policy_file: PolicyFile = None,
    changes: Changes = None,
    expert: Annotated[
        str | None,
        typer.Option(
            "--expert", metavar="ID", help="A determination on record, which lets --set DATE=shift be released."
        ),
    ] = None,
    acting: As = None,
    report: ReportFile = None,
    json: Json = False,
) -> None:
    """Read a text, JSON, CSV, FHIR or HL7 v2 file, write it as the policy leaves it; or refuse it whole."""
    if out.exists():
        raise CommandFailed(
            "file_exists",
            what=f"{out} is there already.",
            why="A file is not written over: it may be the only copy.",
            fix="Name another file with --out.",
        )
    with told_plainly():
        data = source.read_bytes()
        if expert is not None:
            _check_expert(home, acting, expert)
        treatment = treatment_for(chosen_policy(policy, policy_file, changes, expert=expert is not None))
        done = treat_file(data, form or form_of(source.name, data), treatment)
    digest = hashlib.sha256(done.data).hexdigest()
    out.touch(mode=0o600, exist_ok=False)
    out.write_bytes(done.data)
    told = detection_report(policy=treatment.policy, tally=done.tally, at=clock(), output_sha256=digest, form=done.form)
    if report is not None:
        write_report(report, told)
    if json:
        print_json({"out": str(out), "sha256": digest, "report": told})
        return
    counts = {
        name: sum(n for (each, _), n in done.tally.counts.items() if each == name) for name, _ in done.tally.counts
    }
    print_lines(
        f"{out}: {done.form}, {done.tally.texts} values, SHA-256 {digest}",
        *(f"  {name}: {number}" for name, number in sorted(counts.items())),
        _NEXT[treatment.policy.mode],
    )


def _check_expert(home: Path, acting: str | None, name: str) -> None:
    """Return when a determination holds today and covers shifted dates. Raises ReleaseRefused or CommandFailed."""
    held = client(home, acting).get("determinations")["determinations"]
    found = next((each for each in held if each["id"] == name), None)
    if found is None or not found["holds"] or not found["allows_shifted_dates"]:
        raise ReleaseRefused("no determination of that id holds today and covers shifted dates")
