"""`wardkeep self-assess`: this instance, looked at by its own checks; tests by others; findings (164.308(a)(8)).

It runs on the host beside the server, in ten minutes at the most. Exits 0 only when every check passed.
"""

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from wardkeep.cli._client import client
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report
from wardkeep.cli.assessing import attacks, faces, fuzz, packages, records
from wardkeep.cli.assessing.ground import Ground, unclear
from wardkeep.cli.assessing.outside import Counts, read_garak, read_promptfoo
from wardkeep.compliance.errors import ComplianceError
from wardkeep.model.assessment import CheckOutcome, CheckResult, OutsideKind
from wardkeep.settings import Settings, clock

_LONGEST_SECONDS: Final = 570.0
_MOST_BYTES: Final = 512 * 1024 * 1024
Check = Callable[[Ground], CheckResult]

# In this order: the backup is made before the canary is looked for, and restored after it.
_CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("host", records.host),
    ("ledger", records.ledger),
    ("drift", records.drift),
    ("credentials", records.credentials),
    ("routes", faces.routes),
    ("tls", faces.tls),
    ("canary", records.canary),
    ("restore", records.restore),
    ("prompt_attacks", attacks.prompt_attacks),
    ("disguises", attacks.disguises),
    ("dependencies", packages.dependencies),
    ("sbom", packages.sbom),
    ("fuzz", fuzz.fuzz),
    ("independent_test", records.independent_test),
)

Finding = Annotated[str, typer.Argument(metavar="ID", help="The finding's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Checks of this instance, tests by others, and what they found.")
    group.command("run")(run)
    group.command("list")(list_assessments)
    group.command("findings")(findings)
    group.command("assign")(assign)
    group.command("retest")(retest)
    group.command("import")(import_test)
    root.add_typer(group, name="self-assess")


def run(
    *,
    home: Home,
    address: Annotated[
        list[str] | None,
        typer.Option("--address", metavar="URL", help="A live face, as the server says at its start; may be repeated."),
    ] = None,
    log: Annotated[
        list[Path] | None, typer.Option("--log", metavar="FILE", help="Where the server logs to; may be repeated.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no advisory service.")] = False,
    sslyze: Annotated[str, typer.Option(metavar="PROGRAM", help="The sslyze to run.")] = "sslyze",
    skip: Annotated[
        list[str] | None, typer.Option("--skip", metavar="CHECK", help="Do not make a check; it is inconclusive then.")
    ] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Make every check, put what they found on record, and keep the reports in the home."""
    asking = client(home, acting)
    ends_at = time.monotonic() + _LONGEST_SECONDS
    name = f"a-{clock().wall:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    canary = f"canary-{secrets.token_hex(16)}-end"
    began = asking.post("assessments", id=name, reason=f"self-assessment with {canary}")
    kept = asking.settings.home / "assessments"
    kept.mkdir(mode=0o700, exist_ok=True)
    place = kept / name
    place.mkdir(mode=0o700)
    scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=kept))
    ground = Ground(
        settings=asking.settings,
        client=asking,
        place=place,
        scratch=scratch,
        canary=canary,
        opened_at=began["ledger_index"],
        addresses=tuple(address or _addresses(asking.settings)),
        logs=tuple(log or ()),
        is_offline=offline,
        ends_at=ends_at,
        sslyze=sslyze,
    )
    try:
        results = _made(ground, frozenset(skip or ()))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    done = asking.post_whole(
        "assessments", name, "close",
        form={"results": [msgspec.to_builtins(each) for each in results], "reason": "what the checks found"},
    )  # fmt: skip
    words = asking.get("assessments")["independent_test"]
    _keep(place / "report.json", msgspec.json.encode(results))
    told = {
        "assessment": name,
        "is_passed": all(each.outcome is CheckOutcome.PASS for each in results),
        "independent_test": words,
        "results": [msgspec.to_builtins(each) for each in results],
        "reports": str(place),
        "ledger_index": done["ledger_index"],
    }
    if json:
        print_json(told)
    else:
        rows = [
            (each.outcome.value.upper(), each.check, each.code, each.looked_at, "; ".join(each.named[:5]))
            for each in results
        ]
        print_table(("", "check", "found", "looked at", "what"), rows, empty="")
        print_lines(
            f"{name} is ledger entry {done['ledger_index']}; reports are in {place}.",
            f"This is no penetration test: {words}.",
        )
    if not told["is_passed"]:
        raise typer.Exit(1)


def _addresses(settings: Settings) -> list[str]:
    """Return where the faces listen, as far as the settings say; a port of 0 was chosen by the system."""
    listen = settings.listen
    ports = (listen.data_port, listen.console_port, listen.operations_port)
    scheme = "https" if settings.is_tls_on else "http"
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    return [f"{scheme}://{host}:{port}" for port in ports] if all(ports) else []


def _keep(place: Path, raw: bytes) -> None:
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(raw)


def _made(ground: Ground, skipped: frozenset[str]) -> tuple[CheckResult, ...]:
    """Make the checks in order; one that cannot, or has no time left, is inconclusive and says why."""
    trouble = None if {"canary", "restore"} <= skipped else records.back_up(ground)
    results = []
    for name, check in _CHECKS:
        begun = time.monotonic()
        if name in skipped:
            result = unclear(name, "skipped")
        elif begun >= ground.ends_at:
            result = unclear(name, "no_time")
        elif name == "restore" and trouble is not None:
            result = unclear(name, trouble)
        else:
            try:
                result = check(ground)
            except CommandFailed as error:
                result = unclear(name, error.code)
            except (OSError, ComplianceError, ValueError, KeyError) as error:
                # A check that breaks has found nothing; what it was about may not reach a terminal.
                result = unclear(name, type(error).__name__)
        results.append(replace(result, seconds=round(time.monotonic() - begun, 3)))
    return tuple(results)


def list_assessments(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the runs, the tests by others, and whether an independent penetration test counts."""
    found = client(home, acting).get("assessments")
    if json:
        print_json(found)
        return
    columns = ("id", "began_at", "run_by", "pass", "fail", "inconclusive", "is_passed")
    print_table(columns, [[each[name] for name in columns] for each in found["assessments"]], empty="No run yet.")
    columns = ("id", "kind", "party", "is_independent", "tested_on", "expires_on", "holds")
    print_table(columns, [[each[name] for name in columns] for each in found["tests"]], empty="No test by others.")
    print_lines(f"{found['independent_test']}.")


def findings(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List what was found: whose it is, by when, and whether it passed since."""
    found = client(home, acting).get("findings")["findings"]
    if json:
        print_json(found)
        return
    columns = ("id", "check", "severity", "outcome", "owner", "due_on", "is_overdue", "closed_on")
    print_table(columns, [[each[name] for name in columns] for each in found], empty="There is none.")


def assign(
    *,
    home: Home,
    finding: Finding,
    owner: Annotated[str, typer.Option(help="Who mends it.")],
    due: Annotated[str, typer.Option(metavar="DATE", help="By when.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Give a finding to somebody, with a day."""
    done = client(home, acting).post("findings", finding, "assign", owner=owner, due_on=due, reason=reason)
    report(done, f"Finding {finding} is {owner}'s", json=json)


def retest(
    *,
    home: Home,
    finding: Finding,
    outcome: Annotated[CheckOutcome, typer.Option(help="What the retest found; a pass closes the finding.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Record a retest of what others found; own checks are retested by a run."""
    done = client(home, acting).post("findings", finding, "retest", outcome=outcome.value, reason=reason)
    report(done, f"Finding {finding} was looked at again", json=json)


def import_test(
    *,
    home: Home,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The report; only its hash and counts are kept.")],
    name: Annotated[str, typer.Option("--id", help="The test's id.")],
    kind: Annotated[OutsideKind, typer.Option(help="What the report is.")],
    party: Annotated[str, typer.Option(help="Who made the test.")],
    tested: Annotated[str, typer.Option(metavar="DATE", help="The day of the test.")],
    reason: Reason,
    expires: Annotated[
        str | None, typer.Option(metavar="DATE", help="The last day it counts; a year after the test at the most.")
    ] = None,
    independent: Annotated[
        bool, typer.Option("--independent", help="Whoever made it neither built nor runs this instance.")
    ] = False,
    critical: Annotated[int, typer.Option(help="How many critical findings a penetration test lists.")] = 0,
    high: Annotated[int, typer.Option(help="How many high ones.")] = 0,
    medium: Annotated[int, typer.Option(help="How many medium ones.")] = 0,
    low: Annotated[int, typer.Option(help="How many low ones.")] = 0,
    acting: As = None,
    json: Json = False,
) -> None:
    """Import what others found: a penetration test's report by its hash, garak's or promptfoo's by its counts."""
    if file.stat().st_size > _MOST_BYTES:
        raise CommandFailed("report_unusable", what="The report is too large.", fix="Name a report below 512 MiB.")
    raw = file.read_bytes()
    counted = {"critical": critical, "high": high, "medium": medium, "low": low}
    counts = Counts(looked_at=0, failed=0, errors=0)
    if kind is not OutsideKind.PENETRATION_TEST:
        counts = read_garak(raw) if kind is OutsideKind.GARAK else read_promptfoo(raw)
        counted = {**dict.fromkeys(counted, 0), "medium": counts.failed}
    form: dict[str, object] = {
        "id": name,
        "kind": kind.value,
        "party": party,
        "is_independent": independent,
        "tested_on": tested,
        "expires_on": expires or _a_year_after(tested),
        "document_sha256": sha256(raw).hexdigest(),
        "looked_at": counts.looked_at,
        "errors": counts.errors,
        **counted,
        "reason": reason,
    }
    done = client(home, acting).post_whole("outside-tests", form=form)
    report(done, f"Test {name} is on record", json=json)


def _a_year_after(tested: str) -> str:
    try:
        return (date.fromisoformat(tested) + timedelta(days=365)).isoformat()
    except ValueError as error:
        raise CommandFailed("value_invalid", what="The day of the test is none.", fix="Write YYYY-MM-DD.") from error
